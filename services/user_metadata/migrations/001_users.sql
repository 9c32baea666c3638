-- Users of the flights platform. Owner is the migrator; the service's role may use what is granted at the end, no more.

CREATE TABLE users.users (
  id uuid PRIMARY KEY,
  -- Claim `sub` of the tokens that speak for this user.
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
  email text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
  home_airport text CHECK (home_airport ~ '^[A-Z]{3}$'),
  locale text NOT NULL,
  version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX users_subject_key ON users.users (subject);
-- “Jo@Example.com” and “jo@example.com” are one mailbox to everybody but the standard.
CREATE UNIQUE INDEX users_email_key ON users.users (lower(email));

-- One row: the key that seals page cursors. gen_random_uuid() draws on the server's strong random source; two of them
-- hold 244 random bits, and the hash makes them 32 bytes.
CREATE TABLE users.page_cursor_key (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  key bytea NOT NULL CHECK (length(key) = 32)
);
INSERT INTO users.page_cursor_key (key)
VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

GRANT USAGE ON SCHEMA users TO user_metadata;
GRANT SELECT, INSERT, UPDATE, DELETE ON users.users TO user_metadata;
GRANT SELECT ON users.page_cursor_key, users.migrations TO user_metadata;

-- Seats of the platform's flights. Owner is the migrator; the service's role may use what is granted at the end, no more.
--
-- One lock order everywhere, so that nothing waits in a circle: idempotency key, then cabin, then hold. Each function is
-- one statement of the service: its row locks live for a statement, not for several trips over the network.

CREATE TABLE availability.cabins (
  -- Of flight_metadata; another service's, so there is no foreign key.
  flight_id uuid NOT NULL,
  cabin text NOT NULL CHECK (cabin IN ('economy', 'premium', 'business', 'first')),
  capacity integer NOT NULL CHECK (capacity BETWEEN 0 AND 1000),
  sold integer NOT NULL DEFAULT 0 CHECK (sold >= 0),
  -- Counts holds whose time is over until they are swept; every read and write takes those for free.
  held integer NOT NULL DEFAULT 0 CHECK (held >= 0),
  free integer NOT NULL GENERATED ALWAYS AS (capacity - sold - held) STORED,
  PRIMARY KEY (flight_id, cabin),
  -- No seat is sold twice, whatever a program does: this is the last word.
  CONSTRAINT cabins_never_oversold CHECK (capacity - sold - held >= 0)
);

CREATE TABLE availability.holds (
  id uuid PRIMARY KEY,
  flight_id uuid NOT NULL,
  cabin text NOT NULL,
  -- Claim `sub` of who holds.
  subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
  seats integer NOT NULL CHECK (seats BETWEEN 1 AND 1000),
  state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'confirmed', 'released', 'expired')),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
  ended_at timestamptz CHECK ((ended_at IS NULL) = (state = 'held')),
  FOREIGN KEY (flight_id, cabin) REFERENCES availability.cabins
);
CREATE INDEX holds_by_end ON availability.holds (flight_id, cabin, expires_at) WHERE state = 'held';
CREATE INDEX holds_to_sweep ON availability.holds (expires_at) WHERE state = 'held';
CREATE INDEX holds_by_subject ON availability.holds (subject, id);
CREATE INDEX holds_to_purge ON availability.holds (ended_at) WHERE state IN ('released', 'expired');

CREATE TABLE availability.idempotency_keys (
  subject text NOT NULL,
  key text NOT NULL,
  -- SHA-256 of the request, so that a key with another request is known for what it is.
  request bytea NOT NULL CHECK (length(request) = 32),
  outcome text,
  hold jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (subject, key)
);
CREATE INDEX idempotency_keys_by_age ON availability.idempotency_keys (created_at);

-- A hold as callers see it at a moment: one whose time is over has expired, swept or not.
CREATE FUNCTION availability.hold_json(h availability.holds, at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE
RETURN jsonb_build_object(
  'id', h.id,
  'flightId', h.flight_id,
  'cabin', h.cabin,
  'subject', h.subject,
  'seats', h.seats,
  'state', CASE WHEN h.state = 'held' AND h.expires_at <= at THEN 'expired' ELSE h.state END,
  'createdAt', to_char(h.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'expiresAt', to_char(h.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
);

-- Seats of a cabin that are held by holds whose time is over. STABLE, so that it sees what the statement around it sees:
-- else a hold that is swept meanwhile would be in the one and not in the other.
CREATE FUNCTION availability.lapsed(the_flight uuid, the_cabin text) RETURNS integer
LANGUAGE sql STABLE
RETURN (
  SELECT coalesce(sum(h.seats), 0)::integer FROM availability.holds h
  WHERE h.flight_id = the_flight AND h.cabin = the_cabin AND h.state = 'held' AND h.expires_at <= clock_timestamp()
);

-- Gives back the seats of holds whose time is over. The caller has locked the cabin.
CREATE FUNCTION availability.expire(the_flight uuid, the_cabin text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  given_back integer;
BEGIN
  WITH gone AS (
    UPDATE availability.holds h SET state = 'expired', ended_at = h.expires_at
    WHERE h.flight_id = the_flight AND h.cabin = the_cabin AND h.state = 'held' AND h.expires_at <= clock_timestamp()
    RETURNING h.seats
  )
  SELECT coalesce(sum(gone.seats), 0) INTO given_back FROM gone;
  IF given_back > 0 THEN
    UPDATE availability.cabins c SET held = c.held - given_back WHERE c.flight_id = the_flight AND c.cabin = the_cabin;
  END IF;
  RETURN given_back;
END $$;

-- Takes an idempotency key for this transaction. Null: it is new, go on. Else the row that says how it went before; who
-- comes with the key while the first is under way waits here for its end.
CREATE FUNCTION availability.claim_key(the_subject text, the_key text, the_request bytea)
RETURNS availability.idempotency_keys
LANGUAGE plpgsql AS $$
DECLARE
  known availability.idempotency_keys;
BEGIN
  INSERT INTO availability.idempotency_keys (subject, key, request) VALUES (the_subject, the_key, the_request)
  ON CONFLICT DO NOTHING;
  IF FOUND THEN
    RETURN NULL;
  END IF;
  SELECT k.* INTO known FROM availability.idempotency_keys k WHERE k.subject = the_subject AND k.key = the_key;
  IF NOT FOUND THEN
    -- Purged between the two statements: the service sends the statement again.
    RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = 'the key was purged meanwhile';
  END IF;
  IF known.request <> the_request THEN
    known.outcome := 'key-reused';
    known.hold := NULL;
  END IF;
  RETURN known;
END $$;

CREATE FUNCTION availability.settle_key(the_subject text, the_key text, the_outcome text, the_hold jsonb) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
  UPDATE availability.idempotency_keys SET outcome = the_outcome, hold = the_hold
  WHERE subject = the_subject AND key = the_key;
END;

-- Outcomes: held, not-enough, no-cabin, key-reused.
CREATE FUNCTION availability.hold(
  the_subject text, the_key text, the_request bytea,
  the_id uuid, the_flight uuid, the_cabin text, the_seats integer, the_seconds integer
) RETURNS TABLE (outcome text, replayed boolean, hold jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  known availability.idempotency_keys;
  made availability.holds;
  left_over integer;
  at timestamptz;
BEGIN
  known := availability.claim_key(the_subject, the_key, the_request);
  IF known.key IS NOT NULL THEN
    RETURN QUERY SELECT known.outcome, true, known.hold;
    RETURN;
  END IF;

  hold := NULL;
  -- The counter may be too low by lapsed holds, never too high: where it suffices, one locked row is all it takes.
  UPDATE availability.cabins c SET held = c.held + the_seats
  WHERE c.flight_id = the_flight AND c.cabin = the_cabin AND c.free >= the_seats;
  IF FOUND THEN
    outcome := 'held';
  ELSE
    -- Without a lock: in a full cabin nobody waits for anybody.
    SELECT c.free + availability.lapsed(the_flight, the_cabin) INTO left_over
    FROM availability.cabins c WHERE c.flight_id = the_flight AND c.cabin = the_cabin;
    IF NOT FOUND THEN
      outcome := 'no-cabin';
    ELSIF left_over < the_seats THEN
      outcome := 'not-enough';
    ELSE
      PERFORM FROM availability.cabins c WHERE c.flight_id = the_flight AND c.cabin = the_cabin FOR UPDATE;
      PERFORM availability.expire(the_flight, the_cabin);
      UPDATE availability.cabins c SET held = c.held + the_seats
      WHERE c.flight_id = the_flight AND c.cabin = the_cabin AND c.free >= the_seats;
      outcome := CASE WHEN FOUND THEN 'held' ELSE 'not-enough' END;
    END IF;
  END IF;

  IF outcome = 'held' THEN
    -- The clock, not the transaction's start: it may have waited for the lock.
    at := clock_timestamp();
    INSERT INTO availability.holds (id, flight_id, cabin, subject, seats, created_at, expires_at)
    VALUES (the_id, the_flight, the_cabin, the_subject, the_seats, at, at + make_interval(secs => the_seconds))
    RETURNING * INTO made;
    hold := availability.hold_json(made, at);
  END IF;
  PERFORM availability.settle_key(the_subject, the_key, outcome, hold);
  replayed := false;
  RETURN NEXT;
END $$;

-- Ends a hold: 'confirm' sells its seats, 'release' frees them. Who may see only their own gives `only_subject`; a key may
-- be null. Outcomes: confirmed, released, expired, not-found, key-reused; ending a hold the same way again changes nothing.
CREATE FUNCTION availability.end_hold(
  the_subject text, the_key text, the_request bytea,
  the_id uuid, only_subject text, the_end text
) RETURNS TABLE (outcome text, replayed boolean, hold jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  known availability.idempotency_keys;
  h availability.holds;
  at timestamptz;
BEGIN
  IF the_key IS NOT NULL THEN
    known := availability.claim_key(the_subject, the_key, the_request);
    IF known.key IS NOT NULL THEN
      RETURN QUERY SELECT known.outcome, true, known.hold;
      RETURN;
    END IF;
  END IF;

  hold := NULL;
  SELECT one.* INTO h FROM availability.holds one WHERE one.id = the_id AND (only_subject IS NULL OR one.subject = only_subject);
  IF NOT FOUND THEN
    outcome := 'not-found';
  ELSE
    PERFORM FROM availability.cabins c WHERE c.flight_id = h.flight_id AND c.cabin = h.cabin FOR UPDATE;
    SELECT one.* INTO h FROM availability.holds one WHERE one.id = the_id FOR UPDATE;
    -- Read after the locks: what counts is when this comes about, not when it was sent.
    at := clock_timestamp();
    IF h.state = 'held' THEN
      UPDATE availability.holds one
      SET state = CASE WHEN h.expires_at <= at THEN 'expired' WHEN the_end = 'confirm' THEN 'confirmed' ELSE 'released' END,
          ended_at = least(at, h.expires_at)
      WHERE one.id = the_id RETURNING one.* INTO h;
      UPDATE availability.cabins c
      SET held = c.held - h.seats, sold = c.sold + CASE WHEN h.state = 'confirmed' THEN h.seats ELSE 0 END
      WHERE c.flight_id = h.flight_id AND c.cabin = h.cabin;
    END IF;
    outcome := h.state;
    hold := availability.hold_json(h, at);
  END IF;
  IF the_key IS NOT NULL THEN
    PERFORM availability.settle_key(the_subject, the_key, outcome, hold);
  END IF;
  replayed := false;
  RETURN NEXT;
END $$;

-- Outcomes: created, replaced, in-use.
CREATE FUNCTION availability.set_capacity(the_flight uuid, the_cabin text, the_capacity integer)
RETURNS TABLE (outcome text, capacity integer, sold integer, held integer, free integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  INSERT INTO availability.cabins (flight_id, cabin, capacity) VALUES (the_flight, the_cabin, the_capacity)
  ON CONFLICT DO NOTHING;
  IF FOUND THEN
    RETURN QUERY SELECT 'created', the_capacity, 0, 0, the_capacity;
    RETURN;
  END IF;
  PERFORM FROM availability.cabins c WHERE c.flight_id = the_flight AND c.cabin = the_cabin FOR UPDATE;
  PERFORM availability.expire(the_flight, the_cabin);
  RETURN QUERY
    UPDATE availability.cabins c SET capacity = the_capacity
    WHERE c.flight_id = the_flight AND c.cabin = the_cabin AND c.sold + c.held <= the_capacity
    RETURNING 'replaced', c.capacity, c.sold, c.held, c.free;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'in-use', c.capacity, c.sold, c.held, c.free FROM availability.cabins c
      WHERE c.flight_id = the_flight AND c.cabin = the_cabin;
  END IF;
END $$;

-- Gives back seats of lapsed holds in some cabins; who is at work on a cabin sweeps it anyway, so locked ones are passed over.
CREATE FUNCTION availability.sweep(most_cabins integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  one record;
  given_back integer := 0;
BEGIN
  FOR one IN
    SELECT DISTINCT h.flight_id, h.cabin FROM availability.holds h
    WHERE h.state = 'held' AND h.expires_at <= clock_timestamp() LIMIT most_cabins
  LOOP
    PERFORM FROM availability.cabins c WHERE c.flight_id = one.flight_id AND c.cabin = one.cabin FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      given_back := given_back + availability.expire(one.flight_id, one.cabin);
    END IF;
  END LOOP;
  RETURN given_back;
END $$;

-- One row: the key that seals page cursors. gen_random_uuid() draws on the server's strong random source; two of them
-- hold 244 random bits, and the hash makes them 32 bytes.
CREATE TABLE availability.page_cursor_key (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  key bytea NOT NULL CHECK (length(key) = 32)
);
INSERT INTO availability.page_cursor_key (key)
VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA availability FROM PUBLIC;
GRANT USAGE ON SCHEMA availability TO flights_availability;
GRANT SELECT, INSERT, UPDATE ON availability.cabins TO flights_availability;
GRANT SELECT, INSERT, UPDATE, DELETE ON availability.holds, availability.idempotency_keys TO flights_availability;
GRANT SELECT ON availability.page_cursor_key, availability.migrations TO flights_availability;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA availability TO flights_availability;

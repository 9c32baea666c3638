-- Flights of the platform. Owner is the migrator; the service's role may use what is granted at the end, no more.

CREATE TABLE flights.flights (
  id uuid PRIMARY KEY,
  -- Airline's IATA code and number, such as LH454.
  number text NOT NULL CHECK (number ~ '^[A-Z0-9]{2}[1-9][0-9]{0,3}$'),
  origin text NOT NULL CHECK (origin ~ '^[A-Z]{3}$'),
  destination text NOT NULL CHECK (destination ~ '^[A-Z]{3}$' AND destination <> origin),
  departs_at timestamptz NOT NULL,
  arrives_at timestamptz NOT NULL CHECK (arrives_at > departs_at),
  -- Minutes east of UTC at the airport on that day: with it a time is told as the airport's clocks show it.
  departs_offset smallint NOT NULL CHECK (departs_offset BETWEEN -720 AND 840),
  arrives_offset smallint NOT NULL CHECK (arrives_offset BETWEEN -720 AND 840),
  -- The day that a passenger looks for: the date at the airport of departure.
  departs_on date NOT NULL GENERATED ALWAYS AS (
    ((departs_at AT TIME ZONE 'UTC') + departs_offset * interval '1 minute')::date
  ) STORED,
  aircraft text CHECK (aircraft ~ '^[A-Z0-9]{2,4}$'),
  status text NOT NULL CHECK (status IN ('scheduled', 'cancelled')),
  version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- A number leaves an airport once a day, by the airport's own day.
CREATE UNIQUE INDEX flights_number_origin_day_key ON flights.flights (number, origin, departs_on);
-- Each search is by one of these and reads in the order of departure.
CREATE INDEX flights_by_departure ON flights.flights (departs_at, id);
CREATE INDEX flights_by_origin ON flights.flights (origin, departs_at, id);
CREATE INDEX flights_by_destination ON flights.flights (destination, departs_at, id);
CREATE INDEX flights_by_number ON flights.flights (number, departs_at, id);
CREATE INDEX flights_by_day ON flights.flights (departs_on, departs_at, id);

-- One row: the key that seals page cursors. gen_random_uuid() draws on the server's strong random source; two of them
-- hold 244 random bits, and the hash makes them 32 bytes.
CREATE TABLE flights.page_cursor_key (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  key bytea NOT NULL CHECK (length(key) = 32)
);
INSERT INTO flights.page_cursor_key (key)
VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

GRANT USAGE ON SCHEMA flights TO flight_metadata;
GRANT SELECT, INSERT, UPDATE, DELETE ON flights.flights TO flight_metadata;
GRANT SELECT ON flights.page_cursor_key, flights.migrations TO flight_metadata;

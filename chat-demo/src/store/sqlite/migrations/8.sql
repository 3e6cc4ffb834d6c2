-- What kind of room it is: 0 open to whoever has its code, 1 between two people, of whom `one` has the lower number.
ALTER TABLE rooms ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN one INTEGER REFERENCES people (id);
ALTER TABLE rooms ADD COLUMN other INTEGER REFERENCES people (id);
CREATE UNIQUE INDEX rooms_between ON rooms (one, other) WHERE kind = 1;
CREATE INDEX rooms_with ON rooms (other) WHERE kind = 1;

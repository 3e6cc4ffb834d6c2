-- A person can have several sessions, each of which ends, and an account. Sessions of guests from before were not
-- signed, and end here; what they have said stays.
CREATE TABLE named (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL
) STRICT;
INSERT INTO named (id, name) SELECT id, name FROM people;
DROP TABLE people;
ALTER TABLE named RENAME TO people;

CREATE TABLE sessions (
    token       TEXT    NOT NULL PRIMARY KEY,
    person      INTEGER NOT NULL REFERENCES people (id),
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of ON sessions (person);
CREATE INDEX sessions_over ON sessions (expires_at);

CREATE TABLE accounts (
    person      INTEGER NOT NULL PRIMARY KEY REFERENCES people (id),
    login       TEXT    NOT NULL UNIQUE,
    password    TEXT    NOT NULL
) STRICT;

-- What the program makes once and keeps to itself.
CREATE TABLE secrets (
    name        TEXT    NOT NULL PRIMARY KEY,
    value       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

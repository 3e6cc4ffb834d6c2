-- A person can have several sessions, each of which ends, and an account. Sessions of guests from before were not
-- signed, and end here; what they have said stays.
ALTER TABLE people DROP COLUMN session;

CREATE TABLE sessions (
    token       TEXT    NOT NULL PRIMARY KEY,
    person      BIGINT  NOT NULL REFERENCES people (id),
    expires_at  BIGINT  NOT NULL
);
CREATE INDEX sessions_of ON sessions (person);
CREATE INDEX sessions_over ON sessions (expires_at);

CREATE TABLE accounts (
    person      BIGINT  NOT NULL PRIMARY KEY REFERENCES people (id),
    login       TEXT    NOT NULL UNIQUE,
    password    TEXT    NOT NULL
);

-- What the program makes once and keeps to itself.
CREATE TABLE secrets (
    name        TEXT    NOT NULL PRIMARY KEY,
    value       TEXT    NOT NULL
);

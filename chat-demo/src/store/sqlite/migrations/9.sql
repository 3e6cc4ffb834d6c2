-- By which ways somebody wants to be told of what mentions them.
CREATE TABLE ways (
    number      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    person      INTEGER NOT NULL REFERENCES people (id),
    way         TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    details     TEXT    NOT NULL,
    confirmed   INTEGER NOT NULL,
    enabled     INTEGER NOT NULL,
    UNIQUE (person, way, address)
) STRICT;

-- What is to go out, and, with `dead_at`, what did not arrive. Of those that wait, one program at a time has each, for as
-- long as it says so again.
CREATE TABLE deliveries (
    number      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    priority    INTEGER NOT NULL,
    way         TEXT    NOT NULL,
    target      INTEGER,
    address     TEXT    NOT NULL DEFAULT '',
    payload     TEXT    NOT NULL DEFAULT '',
    person      INTEGER,
    room        TEXT,
    seq         INTEGER,
    created_at  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    owner       TEXT    NOT NULL DEFAULT '',
    leased_until INTEGER NOT NULL DEFAULT 0,
    dead_at     INTEGER,
    error       TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries (priority, number) WHERE dead_at IS NULL;
CREATE INDEX deliveries_dead ON deliveries (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX deliveries_to ON deliveries (target) WHERE target IS NOT NULL;

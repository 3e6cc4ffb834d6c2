-- By which ways somebody wants to be told of what mentions them.
CREATE TABLE ways (
    number      BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person      BIGINT NOT NULL REFERENCES people (id),
    way         TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    details     TEXT    NOT NULL,
    confirmed   BOOLEAN NOT NULL,
    enabled     BOOLEAN NOT NULL,
    UNIQUE (person, way, address)
);

-- What is to go out, and, with `dead_at`, what did not arrive. Of those that wait, one program at a time has each, for as
-- long as it says so again.
CREATE TABLE deliveries (
    number      BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    priority    SMALLINT NOT NULL,
    way         TEXT    NOT NULL,
    target      BIGINT,
    address     TEXT    NOT NULL DEFAULT '',
    payload     TEXT    NOT NULL DEFAULT '',
    person      BIGINT,
    room        TEXT,
    seq         BIGINT,
    created_at  BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    tries       BIGINT NOT NULL DEFAULT 0,
    owner       TEXT    NOT NULL DEFAULT '',
    leased_until BIGINT NOT NULL DEFAULT 0,
    dead_at     BIGINT,
    error       TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX deliveries_waiting ON deliveries (priority, number) WHERE dead_at IS NULL;
CREATE INDEX deliveries_dead ON deliveries (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX deliveries_to ON deliveries (target) WHERE target IS NOT NULL;

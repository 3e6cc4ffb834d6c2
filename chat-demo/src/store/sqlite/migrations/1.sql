CREATE TABLE rooms (
    code        TEXT    NOT NULL PRIMARY KEY,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE people (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    session     TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL
) STRICT;

CREATE TABLE messages (
    room        TEXT    NOT NULL REFERENCES rooms (code),
    seq         INTEGER NOT NULL,
    author      INTEGER NOT NULL,
    author_name TEXT    NOT NULL,
    client_id   TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (room, seq),
    UNIQUE (room, author, client_id)
) STRICT, WITHOUT ROWID;


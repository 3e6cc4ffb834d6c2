CREATE TABLE rooms (
    code        TEXT    NOT NULL PRIMARY KEY,
    created_at  BIGINT  NOT NULL
);

CREATE TABLE people (
    id          BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session     TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL
);

CREATE TABLE messages (
    room        TEXT    NOT NULL REFERENCES rooms (code),
    seq         BIGINT  NOT NULL,
    author      BIGINT  NOT NULL,
    author_name TEXT    NOT NULL,
    client_id   TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    at          BIGINT  NOT NULL,
    PRIMARY KEY (room, seq),
    UNIQUE (room, author, client_id)
);

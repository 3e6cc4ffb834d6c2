-- Messages that can be found by their words, by when they were stored; the program fills in those from before.
CREATE TABLE texts (
    id          BIGINT   NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room        TEXT     NOT NULL,
    seq         BIGINT   NOT NULL,
    words       TSVECTOR NOT NULL,
    UNIQUE (room, seq)
);
CREATE INDEX texts_words ON texts USING gin (words);

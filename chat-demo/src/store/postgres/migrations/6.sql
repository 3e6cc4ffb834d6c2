-- Which rooms are somebody's, since when, and the number of the last message that they have read there.
CREATE TABLE visits (
    person      BIGINT  NOT NULL REFERENCES people (id),
    room        TEXT    NOT NULL REFERENCES rooms (code),
    since       BIGINT  NOT NULL,
    read_seq    BIGINT  NOT NULL,
    PRIMARY KEY (person, room)
);
CREATE INDEX visits_of ON visits (room, since);

-- Whom a message mentions, by the name that it says.
CREATE TABLE mentions (
    room        TEXT    NOT NULL,
    seq         BIGINT  NOT NULL,
    person      BIGINT  NOT NULL,
    name        TEXT    NOT NULL,
    PRIMARY KEY (room, seq, person)
);
CREATE INDEX mentions_of ON mentions (person, room, seq);

-- Which rooms are somebody's, since when, and the number of the last message that they have read there.
CREATE TABLE visits (
    person      INTEGER NOT NULL REFERENCES people (id),
    room        TEXT    NOT NULL REFERENCES rooms (code),
    since       INTEGER NOT NULL,
    read_seq    INTEGER NOT NULL,
    PRIMARY KEY (person, room)
) STRICT, WITHOUT ROWID;
CREATE INDEX visits_of ON visits (room, since);

-- Whom a message mentions, by the name that it says.
CREATE TABLE mentions (
    room        TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    person      INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    PRIMARY KEY (room, seq, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX mentions_of ON mentions (person, room, seq);

-- Messages that can be found by their words, by when they were stored; the program fills in those from before.
CREATE TABLE texts (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    room        TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    UNIQUE (room, seq)
) STRICT;
-- Words come folded, with a space between two; nothing but ASCII separates them here.
CREATE VIRTUAL TABLE spoken USING fts5 (room, words, content = '', contentless_delete = 1, tokenize = 'ascii');

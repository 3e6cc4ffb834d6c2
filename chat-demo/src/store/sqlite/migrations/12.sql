-- Files that were published: whether a message has one. Of which none has, none will ever have.
CREATE TABLE files (
    id          TEXT    NOT NULL PRIMARY KEY,
    used        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO files (id, used)
    SELECT json_extract(attachment, '$.file'), 1 FROM messages WHERE attachment IS NOT NULL;

-- Files that were published: whether a message has one. Of which none has, none will ever have.
CREATE TABLE files (
    id          TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    used        BOOLEAN NOT NULL
);
INSERT INTO files (id, used)
    SELECT attachment::json ->> 'file', TRUE FROM messages WHERE attachment IS NOT NULL
    ON CONFLICT DO NOTHING;

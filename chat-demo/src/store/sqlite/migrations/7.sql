-- When somebody was mentioned, so that the last are found first.
ALTER TABLE mentions ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE mentions SET at = coalesce(
    (SELECT at FROM messages WHERE messages.room = mentions.room AND messages.seq = mentions.seq), 0);
CREATE INDEX mentions_at ON mentions (person, at);

-- Up to when somebody has seen their notifications, and of which rooms they want none.
ALTER TABLE people ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE visits ADD COLUMN quiet INTEGER NOT NULL DEFAULT 0;

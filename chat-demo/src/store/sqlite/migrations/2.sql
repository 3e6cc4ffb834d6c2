-- What became of a message since it was said: 0 nothing, 1 edited, 2 deleted; and by which change of its room.
ALTER TABLE messages ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN state INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX messages_changed ON messages (room, revision) WHERE revision > 0;

-- How a message is meant: 0 said, 1 done.
ALTER TABLE messages ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;

-- The file that came with a message, as JSON.
ALTER TABLE messages ADD COLUMN attachment TEXT;

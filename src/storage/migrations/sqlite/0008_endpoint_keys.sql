-- The secret before the present one, which signs beside it for a while, so that a partner can change over at leisure.
ALTER TABLE endpoint ADD COLUMN previous BLOB;
ALTER TABLE endpoint ADD COLUMN previous_until INTEGER;

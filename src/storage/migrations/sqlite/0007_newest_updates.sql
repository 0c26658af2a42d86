-- The newest updates, and the newest that went out, are asked for at every look at the public page: however many drafts there
-- are, nothing is sorted for it.
ALTER TABLE update_ ADD COLUMN released_at INTEGER;

UPDATE update_ SET released_at = json_extract(body, '$.released_at');

CREATE INDEX update_created ON update_ (created_at, id);

CREATE INDEX update_released ON update_ (released_at, id) WHERE released_at IS NOT NULL;

-- What delivery needs to stay true under faults: keys that age, receipts that name a message by the provider's
-- identifier, and updates that take the place of older ones.

-- When the oldest announcement that still stands was made; NULL where that is not known or there is none.
ALTER TABLE exception ADD COLUMN first_armed_at INTEGER;

ALTER TABLE broadcast ADD COLUMN receipts_by_provider_id INTEGER NOT NULL DEFAULT 0;

-- `supersedes`: what is unsent of older updates of the incident gives way to it. `superseded_by` is the newest that
-- this one gives way to, `place` the number whose turn it has in the queue (NULL: its own), and `sweep_from` the
-- first ordinal that may still have to give way (NULL: none).
ALTER TABLE broadcast ADD COLUMN supersedes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE broadcast ADD COLUMN superseded_by INTEGER;
ALTER TABLE broadcast ADD COLUMN place INTEGER;
ALTER TABLE broadcast ADD COLUMN sweep_from INTEGER;

CREATE INDEX broadcast_sweep ON broadcast (id) WHERE sweep_from IS NOT NULL;

-- Which delivery a provider's identifier means, for broadcasts whose receipts name nothing else.
CREATE TABLE provider_message (
    channel TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    broadcast_id INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    PRIMARY KEY (channel, provider_id)
) STRICT, WITHOUT ROWID;

UPDATE broadcast SET receipts_by_provider_id = 1 WHERE kind = 'sms_http';

INSERT OR REPLACE INTO provider_message
SELECT b.channel, t.provider_id, b.id, t.ordinal FROM broadcast b
JOIN attempt t ON t.broadcast_id = b.id
WHERE b.receipts_by_provider_id = 1 AND t.provider_id IS NOT NULL ORDER BY b.id;

-- Receipts whose identifier no acceptance has named yet.
CREATE TABLE parked_receipt (
    channel TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason INTEGER,
    PRIMARY KEY (channel, provider_id, status)
) STRICT, WITHOUT ROWID;

CREATE INDEX parked_receipt_at ON parked_receipt (at);

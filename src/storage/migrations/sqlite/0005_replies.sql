-- Texts that people send back. A provider may report one twice, so its identifier is remembered for a while; and a stop
-- that START lifted stays on record, so that the judge can still see whether it was kept while it stood.
CREATE TABLE reply (
    channel TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (channel, provider_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX reply_at ON reply (at);

CREATE TABLE lifted_stop (
    keyed_hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    lifted_at INTEGER NOT NULL,
    PRIMARY KEY (keyed_hash, at, lifted_at)
) STRICT, WITHOUT ROWID;

-- Which messages missed an address lately: an address that mail does not get through to is given up in the end. Rows older
-- than two weeks are of no use and are taken out as new ones come.

CREATE TABLE miss (
    address_id INTEGER NOT NULL,
    broadcast_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (address_id, broadcast_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX miss_at ON miss (at);

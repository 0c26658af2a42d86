-- The ledger. Times are microseconds since the Unix epoch unless a column ends in _ms, which counts
-- milliseconds from the release of the broadcast. Kinds, states, codes and reasons are the numbers of the domain.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta VALUES ('sequence', 0);

-- Every start of the program. One without an end was cut short.
CREATE TABLE boot (
    id INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    last_batch INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    result TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

-- What people write.

CREATE TABLE incident (
    id BLOB PRIMARY KEY,
    opened_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE service (
    id TEXT PRIMARY KEY,
    place INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- `surroundings` is the incident and the services as they stood at the release.
CREATE TABLE update_ (
    id BLOB PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    incident_id BLOB NOT NULL REFERENCES incident (id),
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    surroundings TEXT
) STRICT;

-- Whom it may concern.

CREATE TABLE language (
    id INTEGER PRIMARY KEY,
    tag TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO language VALUES (1, 'en');

-- Encrypted; `keyed_hash` finds an address without reading any, `destination` is a partner's name.
CREATE TABLE address (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    keyed_hash BLOB NOT NULL UNIQUE,
    destination TEXT,
    ciphertext BLOB NOT NULL
) STRICT;

-- At any sequence number an address has at most one subscription, so nobody can be planned twice.
-- `topics` is a JSON array; NULL means every topic.
CREATE TABLE subscription (
    kind INTEGER NOT NULL,
    address_id INTEGER NOT NULL,
    from_seq INTEGER NOT NULL,
    to_seq INTEGER,
    subscriber_id BLOB,
    language INTEGER NOT NULL REFERENCES language (id),
    topics TEXT,
    PRIMARY KEY (kind, address_id, from_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE suppression (
    keyed_hash BLOB PRIMARY KEY,
    cause TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A partner who moves keeps the old row, so that what is on its way there stays signed.
CREATE TABLE endpoint (
    address_id INTEGER PRIMARY KEY REFERENCES address (id),
    name TEXT NOT NULL,
    current INTEGER NOT NULL,
    secret BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX endpoint_name ON endpoint (name) WHERE current = 1;

-- An import on its way in. Nothing of it is planned before it is committed.
CREATE TABLE import (
    id INTEGER PRIMARY KEY,
    people INTEGER NOT NULL,
    added INTEGER NOT NULL,
    known INTEGER NOT NULL,
    suppressed INTEGER NOT NULL,
    landlines INTEGER NOT NULL
) STRICT;

CREATE TABLE staged (
    import_id INTEGER NOT NULL,
    address_id INTEGER NOT NULL,
    is_new INTEGER NOT NULL,
    subscriber_id BLOB NOT NULL,
    language INTEGER NOT NULL,
    topics TEXT,
    PRIMARY KEY (import_id, address_id)
) STRICT, WITHOUT ROWID;

-- What is released.

-- `scanned_to` is the last address the planner has looked at, `next` the first ordinal that no worker has.
CREATE TABLE broadcast (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    update_id BLOB NOT NULL REFERENCES update_ (id),
    incident_id BLOB NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    carries INTEGER NOT NULL,
    urgent INTEGER NOT NULL,
    released_at INTEGER NOT NULL,
    released_seq INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    duplicate_bound INTEGER NOT NULL,
    window_rows INTEGER NOT NULL,
    page_rows INTEGER NOT NULL,
    holds_unknown INTEGER NOT NULL,
    topics TEXT,
    languages TEXT,
    state INTEGER NOT NULL,
    planned INTEGER NOT NULL DEFAULT 0,
    scanned_to INTEGER NOT NULL DEFAULT 0,
    next INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    undelivered INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    unknown INTEGER NOT NULL DEFAULT 0,
    suppressed INTEGER NOT NULL DEFAULT 0,
    stopped INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    superseded INTEGER NOT NULL DEFAULT 0,
    in_flight INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0,
    first_outcome_at INTEGER,
    last_outcome_at INTEGER
) STRICT;

CREATE INDEX broadcast_update ON broadcast (update_id);
CREATE INDEX broadcast_channel ON broadcast (channel, state);
CREATE INDEX broadcast_unplanned ON broadcast (urgent) WHERE planned = 0;

-- Failed, unknown and waiting deliveries by reason.
CREATE TABLE reason_count (
    broadcast_id INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    PRIMARY KEY (broadcast_id, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE audience (
    broadcast_id INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    address_id INTEGER NOT NULL,
    language INTEGER NOT NULL,
    PRIMARY KEY (broadcast_id, ordinal)
) STRICT, WITHOUT ROWID;

-- What happened, append-only.

-- `outstanding` counts what was announced and has neither an outcome nor been taken back.
CREATE TABLE window_ (
    id INTEGER PRIMARY KEY,
    broadcast_id INTEGER NOT NULL,
    boot_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    outstanding INTEGER NOT NULL
) STRICT;

CREATE INDEX window_open ON window_ (broadcast_id) WHERE outstanding > 0;

CREATE TABLE armed (
    broadcast_id INTEGER NOT NULL,
    window_id INTEGER NOT NULL,
    lo INTEGER NOT NULL,
    hi INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (broadcast_id, window_id, lo)
) STRICT, WITHOUT ROWID;

CREATE TABLE disarmed (
    broadcast_id INTEGER NOT NULL,
    window_id INTEGER NOT NULL,
    lo INTEGER NOT NULL,
    hi INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (broadcast_id, window_id, lo)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
    broadcast_id INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    code INTEGER NOT NULL,
    again INTEGER NOT NULL,
    reason INTEGER,
    reply TEXT,
    provider_id TEXT,
    PRIMARY KEY (broadcast_id, ordinal, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipt (
    broadcast_id INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    status INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    reason INTEGER,
    PRIMARY KEY (broadcast_id, ordinal, status)
) STRICT, WITHOUT ROWID;

-- Ranges settled without an attempt.
CREATE TABLE span (
    broadcast_id INTEGER NOT NULL,
    lo INTEGER NOT NULL,
    hi INTEGER NOT NULL,
    code INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (broadcast_id, lo)
) STRICT, WITHOUT ROWID;

-- Deliveries that need looking after: 1 waiting, 2 unknown, 3 armed again, 4 behind an older update.
-- `attempt` is the last one with an outcome, `unsure` says that one of them may have been sent.
CREATE TABLE exception (
    broadcast_id INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    address_id INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    charged INTEGER NOT NULL,
    unknowns INTEGER NOT NULL,
    unsure INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    reason INTEGER,
    PRIMARY KEY (broadcast_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX exception_due ON exception (broadcast_id, state, not_before);
CREATE INDEX exception_address ON exception (address_id);

-- Held by a person: one channel, or ('') the whole system.
CREATE TABLE hold (
    channel TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

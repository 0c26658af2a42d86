-- Who may sign in. A user has a password and a key for codes, or (before the set-up) neither.

CREATE TABLE user (
    id BLOB PRIMARY KEY,
    email_hash BLOB NOT NULL UNIQUE,
    email BLOB NOT NULL,
    name TEXT NOT NULL,
    permissions TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    password TEXT,
    code_key BLOB,
    last_step INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Hashes; a code that is used is deleted.
CREATE TABLE recovery_code (
    user_id BLOB NOT NULL REFERENCES user (id),
    code_hash BLOB NOT NULL,
    PRIMARY KEY (user_id, code_hash)
) STRICT, WITHOUT ROWID;

-- At most one a user, so that an old link dies with the new one.
CREATE TABLE invitation (
    user_id BLOB PRIMARY KEY REFERENCES user (id),
    token_hash BLOB NOT NULL UNIQUE,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- SPDX-License-Identifier: Apache-2.0
-- Step 3: who may order what. Tokens themselves are never stored, only their SHA-256 in hex. Times
-- are wall ms; until_ms -1: no end.
PRAGMA user_version = 3;

CREATE TABLE token (
    origin   INTEGER NOT NULL, -- enum store_origin
    name     TEXT NOT NULL,
    role     INTEGER NOT NULL, -- enum hd_token_role
    services TEXT NOT NULL,    -- JSON array of globs
    hash     TEXT NOT NULL,    -- of the config: a reference to it
    actor    TEXT,             -- who made it
    made_ms  INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (origin, name)
) STRICT, WITHOUT ROWID;

-- A browser that showed a token. Good for as long as a token of that hash is.
CREATE TABLE session (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       TEXT NOT NULL UNIQUE, -- of the cookie
    token_hash TEXT NOT NULL,
    until_ms   INTEGER NOT NULL
) STRICT;

-- SPDX-License-Identifier: Apache-2.0
-- Step 6: answers given to orders with an Idempotency-Key, and extensions of guards, which a replay
-- must repeat at the same poll.
PRAGMA user_version = 6;

CREATE TABLE answered (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    hash    TEXT NOT NULL UNIQUE, -- of who ordered and the key
    "order" TEXT NOT NULL,        -- hash of what was ordered
    status  INTEGER NOT NULL,
    answer  TEXT NOT NULL,        -- the packet's members but the id
    made_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX answered_made ON answered (made_ms);

CREATE TABLE extension (
    seq   INTEGER PRIMARY KEY,
    guard INTEGER NOT NULL REFERENCES guard (seq),
    polls INTEGER NOT NULL, -- evidence taken in before the order
    by_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX extension_guard ON extension (guard, seq);

-- SPDX-License-Identifier: Apache-2.0
-- Step 8: reverts that wait, or waited, for a human.
PRAGMA user_version = 8;

CREATE TABLE approval (
    guard      TEXT PRIMARY KEY,
    service    TEXT NOT NULL,
    approvers  TEXT NOT NULL,    -- names, separated by ", "
    asked_ms   INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    outcome    INTEGER NOT NULL, -- enum store_approval_outcome
    actor      TEXT,
    reason     TEXT,
    decided_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX approval_open ON approval (asked_ms) WHERE outcome = 0;

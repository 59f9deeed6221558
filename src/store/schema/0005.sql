-- SPDX-License-Identifier: Apache-2.0
-- Step 5: gates that another controller waits at.
PRAGMA user_version = 5;

-- Only a row that says so, and has not expired, is open.
CREATE TABLE gate (
    space      TEXT NOT NULL, -- 'gate' or 'rollback'
    name       TEXT NOT NULL, -- NAME.NAMESPACE of the other controller
    open       INTEGER NOT NULL,
    run        TEXT,          -- open for this run only; NULL: for any
    reason     TEXT,
    actor      TEXT,
    changed_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (space, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX gate_expires ON gate (expires_ms);

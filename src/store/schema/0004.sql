-- Step 4: names that other tools give to analyses.
PRAGMA user_version = 4;

CREATE TABLE run (
    service    TEXT NOT NULL,
    run        TEXT NOT NULL,
    guard      TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    note       TEXT,
    PRIMARY KEY (service, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_guard ON run (guard);
CREATE INDEX run_expires ON run (expires_ms);

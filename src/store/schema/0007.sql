-- SPDX-License-Identifier: Apache-2.0
-- Step 7: alerts that were taken from an Alertmanager: the same one comes again and again.
PRAGMA user_version = 7;

CREATE TABLE alert (
    service     TEXT NOT NULL,
    what        TEXT NOT NULL, -- 'feed' or 'fail'
    fingerprint TEXT NOT NULL,
    starts_ms   INTEGER NOT NULL,
    name        TEXT,
    firing      INTEGER NOT NULL,
    seen_ms     INTEGER NOT NULL,
    PRIMARY KEY (service, what, fingerprint, starts_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_seen ON alert (seen_ms);

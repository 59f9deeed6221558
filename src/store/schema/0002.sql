-- SPDX-License-Identifier: Apache-2.0
-- Step 2: what a human said about a verdict afterwards, and guards by the time they began: lists of
-- "since" must not look through the whole history.
PRAGMA user_version = 2;

CREATE TABLE guard_mark (
    guard       INTEGER PRIMARY KEY REFERENCES guard (seq),
    false_alarm INTEGER NOT NULL,
    reason      TEXT,
    actor       TEXT,
    marked_ms   INTEGER NOT NULL
) STRICT;

CREATE INDEX guard_started ON guard (started_ms, id);

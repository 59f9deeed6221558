-- SPDX-License-Identifier: Apache-2.0
-- Step 1: the whole of the first schema. Runs inside a transaction of its own; a released step is
-- never edited, the next number is added. Times are wall ms, -1: not happened. NaN is NULL.
-- Numbers of enums are those of haldane/types.h.
PRAGMA application_id = 0x48414c44; -- "HALD"
PRAGMA user_version = 1;

CREATE TABLE fact (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE service (
    place       INTEGER PRIMARY KEY, -- in the order of the config
    name        TEXT NOT NULL UNIQUE,
    mode        TEXT,
    kind        TEXT,
    colours     TEXT,
    checks      TEXT,
    config_hash TEXT,
    about       TEXT
) STRICT;

CREATE TABLE reading (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    service  TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    value    TEXT NOT NULL,
    owner    TEXT,
    memory   TEXT,
    note     TEXT,
    ours     INTEGER NOT NULL,
    sides    TEXT NOT NULL -- JSON [[colour, share in ppm, ready, wanted]]; -1: unknown
) STRICT;
CREATE INDEX reading_service ON reading (service, id);

CREATE TABLE guard (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    id                TEXT NOT NULL UNIQUE,
    version           INTEGER NOT NULL,
    live              INTEGER NOT NULL,           -- 1: its state is not terminal
    evicted           INTEGER NOT NULL DEFAULT 0, -- 1 evidence in part, 2 all of it, 3 events too
    service           TEXT NOT NULL,
    state             INTEGER NOT NULL,
    mode              INTEGER NOT NULL,
    verdict           INTEGER NOT NULL,
    cause             INTEGER NOT NULL,
    score             REAL,
    needs_human       INTEGER NOT NULL,
    analysis          INTEGER NOT NULL,
    "trigger"         TEXT,
    stable            TEXT,
    candidate         TEXT,
    stable_version    TEXT,
    candidate_version TEXT,
    value_before      TEXT,
    value_after       TEXT,
    switch_from_ms    INTEGER NOT NULL,
    switch_to_ms      INTEGER NOT NULL,
    started_ms        INTEGER NOT NULL,
    until_ms          INTEGER NOT NULL,
    ended_ms          INTEGER NOT NULL,
    decided_ms        INTEGER NOT NULL,
    sent_ms           INTEGER NOT NULL,
    accepted_ms       INTEGER NOT NULL,
    verified_ms       INTEGER NOT NULL,
    recovered_ms      INTEGER NOT NULL,
    bad_since_ms      INTEGER NOT NULL,
    headline          TEXT,
    why               TEXT,
    reasons           TEXT,
    native            TEXT,
    rehearsal         TEXT,
    change            TEXT,
    config_hash       TEXT
) STRICT;
CREATE INDEX guard_service ON guard (service, id);
CREATE INDEX guard_live ON guard (id) WHERE live = 1;
CREATE INDEX guard_needs_human ON guard (id) WHERE needs_human = 1;
CREATE INDEX guard_evidence ON guard (seq) WHERE live = 0 AND evicted < 2;
CREATE INDEX guard_events ON guard (seq) WHERE live = 0 AND evicted = 2;

-- What is set once, so that an update never rewrites it.
CREATE TABLE guard_pin (
    guard  INTEGER PRIMARY KEY REFERENCES guard (seq),
    checks TEXT,
    pin    TEXT -- last: the checks are read without it
) STRICT;

-- What every poll rewrites. The engine's text stays after the end, for the page.
CREATE TABLE guard_memory (
    guard  INTEGER PRIMARY KEY REFERENCES guard (seq),
    engine TEXT,
    resume TEXT,
    counts TEXT
) STRICT;

CREATE TABLE evidence (
    seq     INTEGER PRIMARY KEY,
    guard   INTEGER NOT NULL REFERENCES guard (seq),
    after   INTEGER NOT NULL, -- 0: a bin from before the switch
    poll    INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    t_ms    INTEGER NOT NULL,
    data    BLOB NOT NULL     -- packed by evidence.c
) STRICT;
CREATE UNIQUE INDEX evidence_guard ON evidence (guard, after, poll);

CREATE TABLE band (
    seq     INTEGER PRIMARY KEY,
    guard   INTEGER NOT NULL REFERENCES guard (seq),
    wall_ms INTEGER NOT NULL,
    "check" INTEGER NOT NULL,
    band    INTEGER NOT NULL,
    value   REAL,
    stable  REAL,
    "limit" REAL,
    n       REAL
) STRICT;
CREATE INDEX band_guard ON band (guard, seq);

CREATE TABLE intent (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    guard             TEXT,
    service           TEXT NOT NULL,
    actuator          TEXT,
    kind              TEXT NOT NULL,
    automatic         INTEGER NOT NULL,
    candidate         TEXT,
    candidate_version TEXT,
    "from"            TEXT,
    "to"              TEXT,
    native            TEXT,
    journaled_ms      INTEGER NOT NULL,
    outcome           INTEGER NOT NULL,
    sends             INTEGER NOT NULL,
    step              INTEGER NOT NULL,
    sent_ms           INTEGER NOT NULL,
    done_ms           INTEGER NOT NULL,
    deadline_ms       INTEGER NOT NULL,
    follow            TEXT,
    steps             TEXT,
    text              TEXT
) STRICT;
CREATE INDEX intent_guard ON intent (guard, seq);
CREATE INDEX intent_service ON intent (service, seq);
CREATE INDEX intent_journaled ON intent (journaled_ms);
CREATE INDEX intent_open ON intent (seq) WHERE outcome <= 3;

-- One row per side that was ever rejected or re-armed.
CREATE TABLE rejection (
    service    TEXT NOT NULL,
    colour     TEXT NOT NULL,
    rejected   INTEGER NOT NULL,
    why        TEXT,
    changed_ms INTEGER NOT NULL,
    rearmed    INTEGER NOT NULL, -- newest intent when it was last re-armed; 0: never
    PRIMARY KEY (service, colour)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    wall_ms  INTEGER NOT NULL,
    guard    TEXT,
    service  TEXT,
    kind     TEXT,
    reason   INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    state    TEXT,
    headline TEXT,
    text     TEXT,
    native   TEXT,
    resolved INTEGER NOT NULL
) STRICT;
CREATE INDEX event_guard ON event (guard, seq);
CREATE INDEX event_open ON event (seq) WHERE severity = 2 AND resolved = 0;

CREATE TABLE outbox (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    event     INTEGER NOT NULL REFERENCES event (seq) ON DELETE CASCADE,
    sink      TEXT NOT NULL,
    resolving INTEGER NOT NULL,
    tries     INTEGER NOT NULL DEFAULT 0,
    next_ms   INTEGER NOT NULL DEFAULT 0,
    done      INTEGER NOT NULL DEFAULT 0,
    done_ms   INTEGER NOT NULL DEFAULT -1,
    error     TEXT
) STRICT;
CREATE UNIQUE INDEX outbox_event ON outbox (event, sink, resolving);
CREATE INDEX outbox_waiting ON outbox (sink, id) WHERE done = 0;

CREATE TABLE hold (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    service     TEXT, -- NULL: the whole fleet
    reason      TEXT,
    actor       TEXT,
    from_ms     INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL,
    released_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX hold_open ON hold (until_ms) WHERE released_ms < 0;

-- SPDX-License-Identifier: Apache-2.0
-- What the haldane of schema 1 left at a kill -9: `shop` has a live guard, that of `done` passed, `bad` was taken
-- back and is held. Written by that haldane, and dumped; addresses are made up, facts and tokens left out.
PRAGMA application_id = 1212238916;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
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
INSERT INTO "band" VALUES(1,2,1795282093000,0,1,0.0,0.0,0.05,100.0);
INSERT INTO "band" VALUES(2,1,1795282093000,0,1,0.0,0.0,0.05,100.0);
INSERT INTO "band" VALUES(3,3,1795282093000,0,3,2.42424242424242430971e-01,0.0,0.05,99.0);
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
INSERT INTO "event" VALUES(1,1795282092002,'01M7ZJDFZ2E6XTNJ4D6M9MTWNR','bad','state',0,0,'watching','Watching green (from blue)','switch seen',NULL,0);
INSERT INTO "event" VALUES(2,1795282092002,'01M7ZJDFZ28XWKX74JSFXENM3R','done','state',0,0,'watching','Watching green (from blue)','switch seen',NULL,0);
INSERT INTO "event" VALUES(3,1795282092002,'01M7ZJDFZ21Z2YSFW85898Y47J','shop','state',0,0,'watching','Watching green (from blue)','switch seen',NULL,0);
INSERT INTO "event" VALUES(4,1795282092044,'01M7ZJDFZ21Z2YSFW85898Y47J','shop','gate',126,0,'watching','Watching green (from blue)','rehearsal: a revert would work right now: blue has 3 of 3 members ready; would send 1 request: write ({"to": "blue"})',NULL,0);
INSERT INTO "event" VALUES(5,1795282092044,'01M7ZJDFZ28XWKX74JSFXENM3R','done','gate',126,0,'watching','Watching green (from blue)','rehearsal: a revert would work right now: blue has 3 of 3 members ready; would send 1 request: write ({"to": "blue"})',NULL,0);
INSERT INTO "event" VALUES(6,1795282092044,'01M7ZJDFZ2E6XTNJ4D6M9MTWNR','bad','gate',126,0,'watching','Watching green (from blue)','rehearsal: a revert would work right now: blue has 3 of 3 members ready; would send 1 request: write ({"to": "blue"})',NULL,0);
INSERT INTO "event" VALUES(7,1795282094003,'01M7ZJDFZ2E6XTNJ4D6M9MTWNR','bad','state',50,1,'deciding','green is failing: checking that blue can take the traffic back','http-5xx-ratio on green 50% > 5% (blue 0%), 2 of 2 polls, n=50',NULL,0);
INSERT INTO "event" VALUES(8,1795282094048,'01M7ZJDFZ2E6XTNJ4D6M9MTWNR','bad','intent',0,0,'reverting','Moving the traffic back from green to blue','curl -fsS -X PUT http://r/route/bad -H ''Content-Type: application/json'' --data-binary ''{"to": "blue"}''',NULL,0);
INSERT INTO "event" VALUES(9,1795282094148,'01M7ZJDFZ2E6XTNJ4D6M9MTWNR','bad','intent',120,0,'aftercare','Rolled back to blue, verified; waiting for users to recover','a reading proves the revert: blue',NULL,0);
INSERT INTO "event" VALUES(10,1795282096004,'01M7ZJDFZ2E6XTNJ4D6M9MTWNR','bad','state',121,0,'aftercare','Rolled back to blue and recovered - no action needed','users recovered: 2.0 s after the decision',NULL,0);
INSERT INTO "event" VALUES(11,1795282096004,'01M7ZJDFZ2E6XTNJ4D6M9MTWNR','bad','state',0,0,'reverted','Rolled back to blue and recovered - no action needed','aftercare is over: it stayed so',NULL,0);
INSERT INTO "event" VALUES(12,1795282099004,'01M7ZJDFZ28XWKX74JSFXENM3R','done','state',56,0,'passed','green passed - no action needed','every check held to the end',NULL,0);
INSERT INTO "event" VALUES(13,1795282099020,NULL,'bad','operator',0,0,NULL,'Automatic reverts of this service are held','freeze',NULL,0);
CREATE TABLE evidence (
    seq     INTEGER PRIMARY KEY,
    guard   INTEGER NOT NULL REFERENCES guard (seq),
    after   INTEGER NOT NULL, -- 0: a bin from before the switch
    poll    INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    t_ms    INTEGER NOT NULL,
    data    BLOB NOT NULL     -- packed by evidence.c
) STRICT;
INSERT INTO "evidence" VALUES(1,2,0,1,1795281851248,0,X'010000020080000024B81701CCA5070081000024B81701CCA507');
INSERT INTO "evidence" VALUES(2,2,0,2,1795281911248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(3,2,0,3,1795281971248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(4,2,0,4,1795282031248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(5,2,0,5,1795282091248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(6,1,0,1,1795281851248,0,X'010000020080000024B81701CCA5070081000024B81701CCA507');
INSERT INTO "evidence" VALUES(7,1,0,2,1795281911248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(8,1,0,3,1795281971248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(9,1,0,4,1795282031248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(10,1,0,5,1795282091248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(11,3,0,1,1795281851248,0,X'010000020080000024B81701CEA5070081000024B81701CEA507');
INSERT INTO "evidence" VALUES(12,3,0,2,1795281911248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(13,3,0,3,1795281971248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(14,3,0,4,1795282031248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(15,3,0,5,1795282091248,0,X'010000020080000024B81701C0A9070081000024B81701C0A907');
INSERT INTO "evidence" VALUES(16,2,1,1,1795282093000,998,X'0106E807000404C0843D04040200800000246404AC1B00810000246404AC1B');
INSERT INTO "evidence" VALUES(17,1,1,1,1795282093000,997,X'0106E807000404C0843D04040200800000246402AC1B00810000246402AC1B');
INSERT INTO "evidence" VALUES(18,3,1,1,1795282093000,999,X'0106E807000404C0843D04040200800000246404AE1B0081000025186304AE1B');
INSERT INTO "evidence" VALUES(19,1,1,2,1795282094000,1998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(20,2,1,2,1795282094000,1998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(21,3,1,2,1795282094000,1999,X'0106E807000404C0843D04040200800000243204D00F0081000025193204D00F');
INSERT INTO "evidence" VALUES(22,1,1,3,1795282095000,2998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(23,2,1,3,1795282095000,2998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(24,1,1,4,1795282096000,3998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(25,2,1,4,1795282096000,3998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(26,1,1,5,1795282097000,4998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(27,2,1,5,1795282097000,4998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(28,1,1,6,1795282098000,5998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(29,2,1,6,1795282098000,5998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(30,1,1,7,1795282099000,6998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
INSERT INTO "evidence" VALUES(31,2,1,7,1795282099000,6998,X'0106E807000404C0843D04040200800000243204D00F00810000243204D00F');
CREATE TABLE fact (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
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
INSERT INTO "guard" VALUES(1,'01M7ZJDFZ21Z2YSFW85898Y47J',10,1,0,'shop',2,0,0,0,100.0,0,0,'traffic','blue','green',NULL,NULL,'blue','green',1795282091248,1795282092002,1795282092002,1795285692002,-1,-1,-1,-1,-1,-1,-1,'Watching green (from blue)','http-5xx-ratio on green 0% within 5% (blue 0%), n=50','[{"number":67,"slug":"within","severity":"info","text":"http-5xx-ratio on green 0% within 5% (blue 0%), n=50","check":"http-5xx-ratio"}]','curl -fsS -X PUT http://r/route/shop -H ''Content-Type: application/json'' --data-binary ''{"to": "blue"}''','ok: blue has 3 of 3 members ready; would send 1 request: write ({"to": "blue"})',NULL,'45e228edad4673358fc02ece0e28624a857a494947e076b5de0bf3e6476c5eba');
INSERT INTO "guard" VALUES(2,'01M7ZJDFZ28XWKX74JSFXENM3R',10,0,0,'done',7,0,1,0,100.0,0,0,'traffic','blue','green',NULL,NULL,'blue','green',1795282091248,1795282092002,1795282092002,1795282098002,1795282099004,-1,-1,-1,-1,-1,-1,'green passed - no action needed','every check held to the end','[{"number":56,"slug":"all_good","severity":"info","text":"every check held to the end"},{"number":67,"slug":"within","severity":"info","text":"http-5xx-ratio on green 0% within 5% (blue 0%), n=50","check":"http-5xx-ratio"}]','curl -fsS -X PUT http://r/route/done -H ''Content-Type: application/json'' --data-binary ''{"to": "blue"}''','ok: blue has 3 of 3 members ready; would send 1 request: write ({"to": "blue"})',NULL,'45e228edad4673358fc02ece0e28624a857a494947e076b5de0bf3e6476c5eba');
INSERT INTO "guard" VALUES(3,'01M7ZJDFZ2E6XTNJ4D6M9MTWNR',10,0,0,'bad',8,0,2,1,0.0,0,0,'traffic','blue','green',NULL,NULL,'blue','green',1795282091248,1795282092002,1795282092002,1795285692002,1795282096004,1795282094003,1795282094048,1795282094097,1795282094148,1795282096004,1795282093000,'Rolled back to blue and recovered - no action needed','http-5xx-ratio on green 50% > 5% (blue 0%), 2 of 2 polls, n=50','[{"number":50,"slug":"above_max","severity":"warn","text":"http-5xx-ratio on green 50% \u003e 5% (blue 0%), 2 of 2 polls, n=50","check":"http-5xx-ratio"}]','curl -fsS -X PUT http://r/route/bad -H ''Content-Type: application/json'' --data-binary ''{"to": "blue"}''','ok: blue has 3 of 3 members ready; would send 1 request: write ({"to": "blue"})',NULL,'45e228edad4673358fc02ece0e28624a857a494947e076b5de0bf3e6476c5eba');
CREATE TABLE guard_memory (
    guard  INTEGER PRIMARY KEY REFERENCES guard (seq),
    engine TEXT,
    resume TEXT,
    counts TEXT
) STRICT;
INSERT INTO "guard_memory" VALUES(1,'haldane-state 1
guard polls=7 t_ms=6998 scrape_ms=500 full_switch=1 score=0x1.9p+6
words
check 0 judged=7 observed=7 before_judged=5 band=1 baseline=1 observed_ms=6998 watched_ms=6997 sum_exposure=0x1.9p+8 stable_exposure=0x1.9p+8 before_exposure=0x1.d4cp+13 before_ms=299750 limit=0x1.999999999999ap-5 n=0x1.9p+5 worst_value=nan:7ff8000000000000 worst_stable=nan:7ff8000000000000 worst_limit=nan:7ff8000000000000 worst_n=nan:7ff8000000000000
words
end
','{"t_ms":7002,"wall_ms":1795282099004,"boot_ms":64047996,"boot_id":"14782a91-fcec-4ed6-9f4c-38e4b80feb18","polls":7,"before_done":true,"told_blind":0,"told_shared":0,"verified_t_ms":0,"goal":null,"reapplied":false,"from_rejected":false,"automatic":false,"reapply":false,"why_now":null}','["haldane-counts 1\n1a1ff26db3a 1a1ff26db38 1a1ff26db38 107 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4\n1a1ff26db3a 1a1ff26db38 1a1ff26db38 107 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4 1f4\n4\n411c3d9576800d9d 29e75b080fcc11c1 4e7e890374c2fe8c 1a1ff24d98c 1a1ff26db38 0\n411c3d9576800d9d a4bf7d36a876a4d8 9eec67d22cdc6f7d 1a1ff24d98c 1a1ff26db38 40e629c000000000\na43c7150ab6af5ad 8ddb3cd653a3dda5 4af6cd52906266ca 1a1ff24d98c 1a1ff26db38 40e629c000000000\na43c7150ab6af5ad aeda4c08f0d0e7f8 a338ce749d0a6c6b 1a1ff24d98c 1a1ff26db38 0\n"]');
INSERT INTO "guard_memory" VALUES(2,'haldane-state 1
guard polls=7 t_ms=6998 scrape_ms=500 kind=1 full_switch=1 score=0x1.9p+6
words
check 0 judged=7 observed=7 before_judged=5 band=1 baseline=1 observed_ms=6998 watched_ms=6998 sum_exposure=0x1.9p+8 stable_exposure=0x1.9p+8 before_exposure=0x1.d4cp+13 before_ms=299750 limit=0x1.999999999999ap-5 n=0x1.9p+5 worst_value=nan:7ff8000000000000 worst_stable=nan:7ff8000000000000 worst_limit=nan:7ff8000000000000 worst_n=nan:7ff8000000000000
words
end
',NULL,NULL);
INSERT INTO "guard_memory" VALUES(3,'haldane-state 1
guard polls=2 t_ms=1999 scrape_ms=500 kind=2 cause=1 full_switch=1
words
check 0 recent=3 judged=2 observed=2 consecutive=2 well_run=2 broken=2 before_judged=5 tripped=1 band=3 baseline=1 broke_by=1 tripped_ms=1999 observed_ms=1999 watched_ms=1999 sum_events=0x1.88p+5 sum_exposure=0x1.2ap+7 stable_exposure=0x1.2cp+7 before_exposure=0x1.d4cp+13 before_ms=299751 value=0x1p-1 limit=0x1.999999999999ap-5 n=0x1.9p+5 worst_value=0x1p-1 worst_limit=0x1.999999999999ap-5 worst_n=0x1.9p+5 worst_k=2
words
end
',NULL,NULL);
CREATE TABLE guard_pin (
    guard  INTEGER PRIMARY KEY REFERENCES guard (seq),
    checks TEXT,
    pin    TEXT -- last: the checks are read without it
) STRICT;
INSERT INTO "guard_pin" VALUES(1,'[{"name":"http-5xx-ratio","title":"Share of requests answered with 5xx","unit":"share","limit":"\u003c= 5%","max":0.05,"min":null,"warn":null,"worse_than_baseline":null,"min_of_baseline":null,"critical":false,"advisory":false,"complement":false,"kind":"counts","query":"http_requests_total{ version=~\"blue|green\", job=\"shop\" }"}]','version: 1
listen:
  http: 127.0.0.1:9876
storage:
  path: /etc/haldane/haldane.db
  max_size: 4294967296
  ballast: 1048576
  store_lost: page
auth: {}
limits:
  answer: 4194304
  series: 5000
  in_flight: 64
  reverts_per_hour: 6
  brake: 3
datasources:
- name: prom
  plugin:
    type: prometheus
    prometheus:
      urls:
      - http://h
      endpoint: datasources.prom
      timeout: 1000
      auth:
        type: none
      tls: {}
      accept_warnings: false
services:
- name: shop
  kind:
    type: blue_green
  colours:
  - name: blue
    label:
    - blue
    side:
      type: webhook
      webhook: {}
  - name: green
    label:
    - green
    side:
      type: webhook
      webhook: {}
  label: version
  shape: generic
  actuator:
    type: webhook
    webhook:
      urls:
      - http://r
      endpoint: services.shop.actuator
      timeout: 5000
      auth:
        type: none
      tls: {}
      read:
        path: /route/shop
        value: $.live
        ready: $.ready
        wanted: $.wanted
      write:
      - method: PUT
        path: /route/shop
        as: json
        body: ''{"to": "{{value}}"}''
      kind: set
  target:
    ready: 5.0000000000000000e-01
    trust: true
    probe:
      expect: 200
      timeout: 2000
  checks:
  - name: http-5xx-ratio
    use: http-5xx-ratio
    with:
    - name: job
      value: shop
    bound: nan
    datasource: prom
    max: 5.0000000000000003e-02
    min: nan
    warn: nan
    worse_than_baseline: nan
    min_of_baseline: nan
    critical: false
    advisory: false
    weight: 1.0000000000000000e+00
    min_samples: 1.0000000000000000e+00
    fail_after:
      kind: consecutive
      k: 2
      n: 0
    resolved:
    - kind: counts
      classify: keys
      title: Share of requests answered with 5xx
      unit: share
      text:
      - http_requests_total{ version=~"blue|green", job="shop" }
      by_label: version
      values:
      - globs:
        - blue
      - globs:
        - green
      key_label: code
      events:
      - 5??
      - 5xx
      exposure:
      - ''*''
      bound: nan
      complement: false
      target_text: process_start_time_seconds and on(job, instance) (http_requests_total{
        version=~"blue|green", job="shop" })
  detect:
    every: 1000
    switch_at: 1.0000000000000000e-02
  guard:
    duration: 3600000
    interval: 1000
    warmup: 0
    min_samples: 1.0000000000000000e+00
    blind_for: 3000
    fail_after:
      kind: consecutive
      k: 2
      n: 0
    pass_score: nan
    cooldown: 0
  mode: enforce
  on_fail: revert
  on_inconclusive: page
  verify:
    timeout: 5000
    recover_within: 15000
    aftercare: 0
    reapply: 1
  rollback_safe:
    safe: true
    until: -1
');
INSERT INTO "guard_pin" VALUES(2,'[{"name":"http-5xx-ratio","title":"Share of requests answered with 5xx","unit":"share","limit":"\u003c= 5%","max":0.05,"min":null,"warn":null,"worse_than_baseline":null,"min_of_baseline":null,"critical":false,"advisory":false,"complement":false,"kind":"counts","query":"http_requests_total{ version=~\"blue|green\", job=\"done\" }"}]','version: 1
listen:
  http: 127.0.0.1:9876
storage:
  path: /etc/haldane/haldane.db
  max_size: 4294967296
  ballast: 1048576
  store_lost: page
auth: {}
limits:
  answer: 4194304
  series: 5000
  in_flight: 64
  reverts_per_hour: 6
  brake: 3
datasources:
- name: prom
  plugin:
    type: prometheus
    prometheus:
      urls:
      - http://h
      endpoint: datasources.prom
      timeout: 1000
      auth:
        type: none
      tls: {}
      accept_warnings: false
services:
- name: done
  kind:
    type: blue_green
  colours:
  - name: blue
    label:
    - blue
    side:
      type: webhook
      webhook: {}
  - name: green
    label:
    - green
    side:
      type: webhook
      webhook: {}
  label: version
  shape: generic
  actuator:
    type: webhook
    webhook:
      urls:
      - http://r
      endpoint: services.done.actuator
      timeout: 5000
      auth:
        type: none
      tls: {}
      read:
        path: /route/done
        value: $.live
        ready: $.ready
        wanted: $.wanted
      write:
      - method: PUT
        path: /route/done
        as: json
        body: ''{"to": "{{value}}"}''
      kind: set
  target:
    ready: 5.0000000000000000e-01
    trust: true
    probe:
      expect: 200
      timeout: 2000
  checks:
  - name: http-5xx-ratio
    use: http-5xx-ratio
    with:
    - name: job
      value: done
    bound: nan
    datasource: prom
    max: 5.0000000000000003e-02
    min: nan
    warn: nan
    worse_than_baseline: nan
    min_of_baseline: nan
    critical: false
    advisory: false
    weight: 1.0000000000000000e+00
    min_samples: 1.0000000000000000e+00
    fail_after:
      kind: consecutive
      k: 2
      n: 0
    resolved:
    - kind: counts
      classify: keys
      title: Share of requests answered with 5xx
      unit: share
      text:
      - http_requests_total{ version=~"blue|green", job="done" }
      by_label: version
      values:
      - globs:
        - blue
      - globs:
        - green
      key_label: code
      events:
      - 5??
      - 5xx
      exposure:
      - ''*''
      bound: nan
      complement: false
      target_text: process_start_time_seconds and on(job, instance) (http_requests_total{
        version=~"blue|green", job="done" })
  detect:
    every: 1000
    switch_at: 1.0000000000000000e-02
  guard:
    duration: 6000
    interval: 1000
    warmup: 0
    min_samples: 1.0000000000000000e+00
    blind_for: 3000
    fail_after:
      kind: consecutive
      k: 2
      n: 0
    pass_score: nan
    cooldown: 0
  mode: enforce
  on_fail: revert
  on_inconclusive: page
  verify:
    timeout: 5000
    recover_within: 15000
    aftercare: 0
    reapply: 1
  rollback_safe:
    safe: true
    until: -1
');
INSERT INTO "guard_pin" VALUES(3,'[{"name":"http-5xx-ratio","title":"Share of requests answered with 5xx","unit":"share","limit":"\u003c= 5%","max":0.05,"min":null,"warn":null,"worse_than_baseline":null,"min_of_baseline":null,"critical":false,"advisory":false,"complement":false,"kind":"counts","query":"http_requests_total{ version=~\"blue|green\", job=\"bad\" }"}]','version: 1
listen:
  http: 127.0.0.1:9876
storage:
  path: /etc/haldane/haldane.db
  max_size: 4294967296
  ballast: 1048576
  store_lost: page
auth: {}
limits:
  answer: 4194304
  series: 5000
  in_flight: 64
  reverts_per_hour: 6
  brake: 3
datasources:
- name: prom
  plugin:
    type: prometheus
    prometheus:
      urls:
      - http://h
      endpoint: datasources.prom
      timeout: 1000
      auth:
        type: none
      tls: {}
      accept_warnings: false
services:
- name: bad
  kind:
    type: blue_green
  colours:
  - name: blue
    label:
    - blue
    side:
      type: webhook
      webhook: {}
  - name: green
    label:
    - green
    side:
      type: webhook
      webhook: {}
  label: version
  shape: generic
  actuator:
    type: webhook
    webhook:
      urls:
      - http://r
      endpoint: services.bad.actuator
      timeout: 5000
      auth:
        type: none
      tls: {}
      read:
        path: /route/bad
        value: $.live
        ready: $.ready
        wanted: $.wanted
      write:
      - method: PUT
        path: /route/bad
        as: json
        body: ''{"to": "{{value}}"}''
      kind: set
  target:
    ready: 5.0000000000000000e-01
    trust: true
    probe:
      expect: 200
      timeout: 2000
  checks:
  - name: http-5xx-ratio
    use: http-5xx-ratio
    with:
    - name: job
      value: bad
    bound: nan
    datasource: prom
    max: 5.0000000000000003e-02
    min: nan
    warn: nan
    worse_than_baseline: nan
    min_of_baseline: nan
    critical: false
    advisory: false
    weight: 1.0000000000000000e+00
    min_samples: 1.0000000000000000e+00
    fail_after:
      kind: consecutive
      k: 2
      n: 0
    resolved:
    - kind: counts
      classify: keys
      title: Share of requests answered with 5xx
      unit: share
      text:
      - http_requests_total{ version=~"blue|green", job="bad" }
      by_label: version
      values:
      - globs:
        - blue
      - globs:
        - green
      key_label: code
      events:
      - 5??
      - 5xx
      exposure:
      - ''*''
      bound: nan
      complement: false
      target_text: process_start_time_seconds and on(job, instance) (http_requests_total{
        version=~"blue|green", job="bad" })
  detect:
    every: 1000
    switch_at: 1.0000000000000000e-02
  guard:
    duration: 3600000
    interval: 1000
    warmup: 0
    min_samples: 1.0000000000000000e+00
    blind_for: 3000
    fail_after:
      kind: consecutive
      k: 2
      n: 0
    pass_score: nan
    cooldown: 0
  mode: enforce
  on_fail: revert
  on_inconclusive: page
  verify:
    timeout: 5000
    recover_within: 15000
    aftercare: 0
    reapply: 1
  rollback_safe:
    safe: true
    until: -1
');
CREATE TABLE hold (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    service     TEXT, -- NULL: the whole fleet
    reason      TEXT,
    actor       TEXT,
    from_ms     INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL,
    released_ms INTEGER NOT NULL
) STRICT;
INSERT INTO "hold" VALUES(1,'bad','freeze',NULL,1795282099020,1797874099020,-1);
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
INSERT INTO "intent" VALUES(1,'01M7ZJDFZ2E6XTNJ4D6M9MTWNR','bad','webhook','revert',1,'green',NULL,'green','blue','curl -fsS -X PUT http://r/route/bad -H ''Content-Type: application/json'' --data-binary ''{"to": "blue"}''',1795282094048,4,1,1,1795282094048,1795282094148,1795282099003,NULL,'[{"label":"write","effect":"set","to":"http://r","method":"PUT","path":"/route/bad","text":"{\"to\": \"blue\"}"}]',NULL);
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
INSERT INTO "reading" VALUES(1,'shop',1795282091248,1795282091248,'blue',NULL,NULL,NULL,0,'[["blue",1000000,3,3],["green",0,3,3]]');
INSERT INTO "reading" VALUES(2,'done',1795282091248,1795282091248,'blue',NULL,NULL,NULL,0,'[["blue",1000000,3,3],["green",0,3,3]]');
INSERT INTO "reading" VALUES(3,'bad',1795282091248,1795282091248,'blue',NULL,NULL,NULL,0,'[["blue",1000000,3,3],["green",0,3,3]]');
INSERT INTO "reading" VALUES(4,'shop',1795282092002,1795282099003,'green',NULL,NULL,NULL,0,'[["blue",0,3,3],["green",1000000,3,3]]');
INSERT INTO "reading" VALUES(5,'done',1795282092002,1795282099003,'green',NULL,NULL,NULL,0,'[["blue",0,3,3],["green",1000000,3,3]]');
INSERT INTO "reading" VALUES(6,'bad',1795282092002,1795282094003,'green',NULL,NULL,NULL,0,'[["blue",0,3,3],["green",1000000,3,3]]');
INSERT INTO "reading" VALUES(7,'bad',1795282094192,1795282099003,'blue',NULL,NULL,NULL,1,'[["blue",1000000,3,3],["green",0,3,3]]');
CREATE TABLE rejection (
    service    TEXT NOT NULL,
    colour     TEXT NOT NULL,
    rejected   INTEGER NOT NULL,
    why        TEXT,
    changed_ms INTEGER NOT NULL,
    rearmed    INTEGER NOT NULL, -- newest intent when it was last re-armed; 0: never
    PRIMARY KEY (service, colour)
) STRICT, WITHOUT ROWID;
INSERT INTO "rejection" VALUES('bad','green',1,'reverted by haldane',1795282094148,0);
INSERT INTO "rejection" VALUES('done','green',0,'',1795282099004,1);
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
INSERT INTO "service" VALUES(0,'shop','enforce','blue_green','["blue","green"]','[{"name":"http-5xx-ratio","title":"Share of requests answered with 5xx","unit":"share","limit":"\u003c= 5%","max":0.05,"min":null,"warn":null,"worse_than_baseline":null,"min_of_baseline":null,"critical":false,"advisory":false,"complement":false,"kind":"counts","query":"http_requests_total{ version=~\"blue|green\", job=\"shop\" }"}]','45e228edad4673358fc02ece0e28624a857a494947e076b5de0bf3e6476c5eba','{"actuator":"webhook","duration_ms":3600000,"interval_ms":1000,"on_fail":"revert","on_inconclusive":"page","runbook":null}');
INSERT INTO "service" VALUES(1,'done','enforce','blue_green','["blue","green"]','[{"name":"http-5xx-ratio","title":"Share of requests answered with 5xx","unit":"share","limit":"\u003c= 5%","max":0.05,"min":null,"warn":null,"worse_than_baseline":null,"min_of_baseline":null,"critical":false,"advisory":false,"complement":false,"kind":"counts","query":"http_requests_total{ version=~\"blue|green\", job=\"done\" }"}]','45e228edad4673358fc02ece0e28624a857a494947e076b5de0bf3e6476c5eba','{"actuator":"webhook","duration_ms":6000,"interval_ms":1000,"on_fail":"revert","on_inconclusive":"page","runbook":null}');
INSERT INTO "service" VALUES(2,'bad','enforce','blue_green','["blue","green"]','[{"name":"http-5xx-ratio","title":"Share of requests answered with 5xx","unit":"share","limit":"\u003c= 5%","max":0.05,"min":null,"warn":null,"worse_than_baseline":null,"min_of_baseline":null,"critical":false,"advisory":false,"complement":false,"kind":"counts","query":"http_requests_total{ version=~\"blue|green\", job=\"bad\" }"}]','45e228edad4673358fc02ece0e28624a857a494947e076b5de0bf3e6476c5eba','{"actuator":"webhook","duration_ms":3600000,"interval_ms":1000,"on_fail":"revert","on_inconclusive":"page","runbook":null}');
CREATE INDEX reading_service ON reading (service, id);
CREATE INDEX guard_service ON guard (service, id);
CREATE INDEX guard_live ON guard (id) WHERE live = 1;
CREATE INDEX guard_needs_human ON guard (id) WHERE needs_human = 1;
CREATE INDEX guard_evidence ON guard (seq) WHERE live = 0 AND evicted < 2;
CREATE INDEX guard_events ON guard (seq) WHERE live = 0 AND evicted = 2;
CREATE UNIQUE INDEX evidence_guard ON evidence (guard, after, poll);
CREATE INDEX band_guard ON band (guard, seq);
CREATE INDEX intent_guard ON intent (guard, seq);
CREATE INDEX intent_service ON intent (service, seq);
CREATE INDEX intent_journaled ON intent (journaled_ms);
CREATE INDEX intent_open ON intent (seq) WHERE outcome <= 3;
CREATE INDEX event_guard ON event (guard, seq);
CREATE INDEX event_open ON event (seq) WHERE severity = 2 AND resolved = 0;
CREATE UNIQUE INDEX outbox_event ON outbox (event, sink, resolving);
CREATE INDEX outbox_waiting ON outbox (sink, id) WHERE done = 0;
CREATE INDEX hold_open ON hold (until_ms) WHERE released_ms < 0;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('reading',7);
INSERT INTO "sqlite_sequence" VALUES('guard',3);
INSERT INTO "sqlite_sequence" VALUES('event',13);
INSERT INTO "sqlite_sequence" VALUES('intent',1);
INSERT INTO "sqlite_sequence" VALUES('outbox',0);
INSERT INTO "sqlite_sequence" VALUES('hold',1);
COMMIT;

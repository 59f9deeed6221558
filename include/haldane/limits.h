/* SPDX-License-Identifier: Apache-2.0
 *
 * Every cap of the program (invariant I8), each with the reason for its number. A test reads the
 * value here and tries the cap and one past it.
 */
#ifndef HALDANE_LIMITS_H
#define HALDANE_LIMITS_H

/* --- configuration --- */
#define HD_SIDES_MAX 4              /* stable, candidate, and two more for A/B/n */
#define HD_SIDE_GLOBS_MAX 128       /* of labels or servers of one side: each is held against those of the others */
#define HD_PICKS 3                  /* latency bounds that the past picks */
#define HD_CHECKS_MAX 32            /* per service; "few metrics beat many", and a page must fit */
#define HD_SERVICES_MAX 4096        /* per daemon; 1,000 take 36 ms to load */
#define HD_CONFIG_BYTES_MAX (8u << 20) /* 4,096 services of 2 KiB */
#define HD_CONFIG_DEPTH_MAX 24      /* our own shapes need 8 */
#define HD_MISTAKES_MAX 200         /* printed in one run; the rest is counted */
#define HD_NAME_MAX 63              /* names of services, colours, checks: fits a DNS label */
#define HD_QUERY_BYTES_MAX 8192     /* a filled query; a URL-encoded form stays below 24 KiB */

/* --- talking to others --- */
#define HD_ASK_MAX 8                /* requests that go out together */
#define HD_TALK_MAX 32              /* exchanges in one conversation */
#define HD_PLAN_MAX 16              /* steps of one change of traffic: two for each of
                                       HD_LINE_INSTANCES_MAX */
#define HD_TRANSFERS_MAX 64         /* in flight at once: full rate, and a socket round trip stays
                                       at 2 ms p99 (measured) */
#define HD_ANSWER_BYTES_MAX (4u << 20)  /* one reply, decompressed; cJSON needs 7-11 times that */
#define HD_ANSWER_BYTES_SMALL (256u << 10) /* router sockets, read-backs, notifier replies */
#define HD_HEADERS_MAX 64           /* kept of one reply */
#define HD_SERIES_MAX 5000          /* series in one answer before the query is called too wide */
#define HD_POINTS_MAX 200000        /* samples in one answer */
#define HD_JSON_DEPTH_MAX 64        /* nesting of any JSON we read */
#define HD_LINE_INSTANCES_MAX 8     /* HAProxy instances that must agree */
#define HD_CHILD_MAX 16             /* children at once */
#define HD_CHILD_STDERR_MAX 4096    /* kept of a child's stderr, for the log */
#define HD_DESCRIPTORS_MAX 65536    /* highest descriptor number the loop takes; a service manager's
                                       usual hard limit is 524288, and we need a few hundred */
#define HD_WAITING_MAX 16384        /* reads waiting for a place among the 64: four of each service */
#define HD_HEADER_BYTES_MAX (64u << 10) /* all headers of one reply; proxies cap at 8-32 KiB */
#define HD_LOOKUPS_MAX 64           /* peers remembered whose name was not found in time */
#define HD_LOOKUP_PAUSE_MS 5000     /* reads leave such a peer alone: one poll interval */
#define HD_EXCHANGE_MS_MAX 300000   /* one exchange, whatever the endpoint says */
#define HD_CHILD_GRACE_MS 500       /* between SIGTERM and SIGKILL at a child's deadline */
#define HD_CHILD_WAITING_MAX 4096   /* children waiting for a place: one of each service */
#define HD_SECRET_BYTES_MAX (64u << 10) /* one secret; the largest tokens are a few KiB */

/* --- evidence and deciding --- */
#define HD_REASONS_MAX 64           /* reasons in one verdict */
#define HD_WINDOW_MAX 64            /* n of "k of n": one 64-bit word */
#define HD_PAST_SWITCHES_MAX 128    /* onto one side, of which it is known whether they were rejected: more in
                                       two days, and what was before them counts as rejected */
#define HD_BEFORE_BINS 5            /* minutes before the switch that are looked at */
#define HD_BINS_MAX 3600            /* into which one look is cut: an hour of seconds */
#define HD_PASTS_MAX 64             /* guards that read the hours before their switch at once, each
                                       with one question and up to 1.4 MB; the others wait a poll */
#define HD_SERIES_KEEP_MS 600000    /* a vanished series is remembered this long: it comes back
                                       after a missed scrape with its full value */

/* --- store and faces --- */
#define HD_BLOB_BYTES_MAX (1u << 20)    /* one stored text or blob */
#define HD_REVERTS_PER_HOUR_MAX 3600 /* of all services: one a second, which is no limit any more */
#define HD_ROWS_MAX 1000            /* rows of one page of a list; more is asked for page by page */
#define HD_ROWS_BYTES_MAX (256u << 20)  /* one answer of the store: a day of evidence of 32 checks at
                                       5 s is 90 MiB; an arena holds twice this */
#define HD_STORE_CHECK_BYTES_MAX (64 << 20) /* a file up to this is checked whole at each start:
                                       about 0.1 s */
#define HD_EVICT_ROWS 2000          /* deleted in one go: about 6 ms */
#define HD_OUTBOX_MAX 10000         /* undelivered messages; the oldest informational one goes first */
#define HD_OUTBOX_TRY_MS (24 * 3600 * 1000) /* how long a message is retried */
#define HD_ANALYSES_MAX 256         /* live at once; each polls like a guard */
#define HD_ANALYSES_SERVICE_MAX 8   /* of one service: a few tools ask at once, a loop asks for ever */
#define HD_ANALYSES_PAST_MAX 4      /* that make up for the past: each asks as fast as it is answered */
#define HD_ANALYSIS_POLLS_MAX 20000 /* more than a day of polls each 5 s */
#define HD_ANALYSIS_INTERVAL_MIN_MS 1000 /* as guard.interval */
#define HD_ANALYSIS_INTERVAL_MAX_MS (3600 * 1000) /* likewise: its pin must load again after a restart */
#define HD_ANALYSIS_MS_MAX ((int64_t)7 * 86400000) /* as guard.duration, for the same reason */
#define HD_RUNS_MAX 10000           /* names remembered: a week of a run a minute */
#define HD_ALERTS_MAX 10000         /* remembered, to know them again; the oldest go */
#define HD_ALERTS_BODY_MAX 64       /* taken from one message: as many as fit a packet to the loop */
#define HD_ALERT_KEEP_MS ((int64_t)7 * 86400000)
#define HD_ALERT_FIRING_MS 18000000 /* a firing alert that is not repeated for 5 h is not believed any more:
                                       Alertmanager repeats after 4 h unless told otherwise */
#define HD_GATES_MAX 10000          /* not expired; one of each canary of a large cluster */
#define HD_GATE_MS 3600000          /* how long one stays open, where nothing else is said */
#define HD_GATE_MS_MAX ((int64_t)7 * 86400000)
#define HD_RUN_TTL_MS 86400000      /* how long a name means its analysis, where none is given */
#define HD_RUN_TTL_MS_MAX ((int64_t)7 * 86400000)
#define HD_BODY_BYTES_MAX (1u << 20)    /* HTTP request body */
#define HD_CHECK_BYTES_MAX (128 << 10) /* a configuration to be checked over HTTP: 500 small services, which take
                                       70 ms of the face's time */
#define HD_STREAMS_MAX 512          /* readers of the journal: two screens each for 250 people */
#define HD_STREAM_BYTES_MAX (256u << 10) /* waiting for one of them; 100 events of 1 to 2 KiB */
#define HD_WAITS_MAX 128            /* requests that wait for a guard to change */
#define HD_WAIT_MS 55000            /* how long: below the usual 60 s of a proxy */
#define HD_HTTP_CONNECTIONS_MAX (HD_STREAMS_MAX + 256) /* about 32 KiB each */
#define HD_TEXT_MAX 500             /* a human's reason, a note, an actor */
#define HD_METRICS_MAX 20000        /* series on /metrics: 1,000 services of 20 */
#define HD_TOKENS_MAX 1000          /* made by orders; one a team and pipeline */
#define HD_GLOBS_MAX 32             /* of services, of one token */
#define HD_SESSIONS_MAX 1000        /* browsers logged in; the oldest is logged out */
#define HD_SESSIONS_OF_ONE 10 /* of one token: a browser, a phone and old ones; so nobody pushes others out */
#define HD_SESSION_MS (12 * 3600 * 1000) /* a login lasts a shift */
#define HD_KEY_MS (24 * 3600 * 1000) /* an Idempotency-Key is good for a day */
#define HD_KEYS_MAX 20000           /* kept answers; the oldest go: 14 a minute for a day */
#define HD_KEY_MAX 200              /* one Idempotency-Key; a UUID has 36 */
#define HD_GUARD_MS_MAX (24 * 3600 * 1000) /* with all extensions: who watches longer has monitoring */
#define HD_COMMANDS_MAX 64          /* commands of humans waiting for the loop */
#define HD_COMMAND_MS 10000         /* how long one waits: a commit on a bad disk takes a second */
#define HD_DOCTOR_MS 30000          /* a run of our own `doctor`: every source and router is asked */
#define HD_REQUEST_MS 30000         /* from connecting, or from the last answer, to the next answer:
                                       who drips bytes is cut off */
#define HD_IDLE_MS 15000            /* a silent connection; longer than the page's own refresh is
                                       not worth a slot */
#define HD_LIMITS_GUARDS 20         /* over which other limits are tried for the page: weeks of a service */
#define HD_LIMITS_POLLS 4320        /* of one of them: 6 h at 5 s; 32 checks of it are 20 MB */
#define HD_LIMITS_MS 60000          /* how long that may take: 20 guards of an hour take a second or two */
#define HD_LIMITS_BYTES (256u << 10) /* what comes of it: 170 rows of a few hundred bytes */
#define HD_PAGE_POLLS_MAX 2000      /* read to draw a guard: every poll of 2 h 45 m at 5 s, of a longer guard one in
                                       so many; 32 checks of them take the face some 30 ms */
#define HD_PAGE_EVIDENCE_BYTES (1 << 20) /* packed evidence that a replay over HTTP judges: 8,000 polls of 3
                                       checks, 800 of 32; the engine takes some 50 ms of the face's time */
#define HD_HTTP_HEAD_MAX (32u << 10) /* request line and headers; most of a connection's memory */
#define HD_REPLY_BYTES_MAX (8u << 20)   /* one page or answer; /metrics at its cap needs 4 MiB */
#define HD_PAGE_ITEMS_MAX 200       /* guards on one page of a list */

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * An option table: one row per key of the YAML. From the same rows come parsing, ranges, defaults,
 * `--help`, the man page and the annotated sample. Tables end with a row whose key is NULL.
 */
#ifndef HALDANE_OPTION_H
#define HALDANE_OPTION_H

#include <haldane/types.h>

enum hd_option_type {           /* C type at `offset` */
    HD_OPT_TEXT,                /* const char *; NULL when absent and optional */
    HD_OPT_SECRET,              /* const char *; a ${file:}/${env:}/${credential:} reference only */
    HD_OPT_PATH,                /* const char *; an absolute path */
    HD_OPT_URL,                 /* const char *; http:// or https://, no user:password in it */
    HD_OPT_BOOL,                /* bool */
    HD_OPT_INT,                 /* int64_t */
    HD_OPT_NUMBER,              /* double */
    HD_OPT_SHARE,               /* double 0..1: "1%", "0.5 %", 0.01 */
    HD_OPT_FACTOR,              /* double: "1.5x", 1.5 */
    HD_OPT_AMOUNT,              /* double: share, duration in seconds ("450ms" = 0.45), or number */
    HD_OPT_DURATION,            /* int64_t milliseconds: "5s" "15m" "1h30m" "250ms" */
    HD_OPT_SIZE,                /* int64_t bytes: "64MiB" "4GiB" */
    HD_OPT_TIME,                /* int64_t wall ms: RFC 3339 */
    HD_OPT_WORD,                /* int32_t: index into `words` */
    HD_OPT_RULE,                /* struct hd_rule: 3 | "3 of 5" | "4 total" */
    HD_OPT_GROUP,               /* inline struct, rows in `sub` */
    HD_OPT_TEXTS,               /* const char **, count (uint32_t) at count_offset; one text is a
                                   list of one */
    HD_OPT_PAIRS,               /* struct hd_pair *, count; a mapping of free keys */
    HD_OPT_LIST,                /* struct *, count; a sequence of mappings, rows in `sub` */
    HD_OPT_NAMED,               /* struct *, count; a mapping name -> mapping (or a list of names);
                                   `sub` begins with the row of the name */
    HD_OPT_PLUGIN,              /* struct hd_plugin; {type: NAME, ...}; table of that codec */
    HD_OPT_URLS,                /* like TEXTS, every one a URL; `secret`: or a reference to one */
    HD_OPT_SOCKETS,             /* like TEXTS: "/path", "unix:/path" or "tcp:host:port"; a bare
                                   path is stored as "unix:/path" */
};

struct hd_option {
    const char *key;
    uint8_t type;
    bool internal;              /* filled by the core, not by the user; not in help. In a codec's
                                   table: a TEXT that gets the path of the plug-in
                                   ("datasources.prom"), for messages */
    bool secret;                /* URLS: whoever knows the address may use it */
    bool alias;                 /* another key for the row before: at most one of them is given */
    uint32_t offset, count_offset;
    uint32_t size;              /* GROUP, LIST, NAMED: size of one struct. INT, DURATION, SIZE: 4 when
                                   the C type is int32_t; else 0 */
    const char *fallback;       /* text of the default, read like input; NULL: required;
                                   "" : absent (NULL, NaN for doubles, 0 items, -1 for times); of
                                   a GROUP: left out, all its rows have their defaults */
    double min, max;            /* inclusive; both 0: no range */
    const char *const *words;   /* WORD; NULL-terminated */
    const struct hd_option *sub;
    const char *help;           /* one sentence for `--help`, the man page and the sample */
};

/* One configured codec: which one, and its filled struct (rows: the codec's own options). */
struct hd_plugin {
    const char *type; /* "haproxy" */
    const void *cfg;
};

#endif

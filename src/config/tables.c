/* SPDX-License-Identifier: Apache-2.0
 *
 * See tables.h. Adding a key of the core is adding a row here.
 */
#include "config/tables.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#include <haldane/actuator.h>
#include <haldane/notifier.h>
#include <haldane/provider.h>

/* --- codecs --- */

static const struct hd_option no_options[] = {{NULL}};

bool codec_at(enum family family, size_t i, struct codec *ret)
{
    struct codec c = {.slot = i};
    if (family == FAMILY_PROVIDER) {
        const struct hd_provider *p = hd_providers[i];
        if (p)
            c = (struct codec){p->name, p->summary, p->options, p->cfg_size, i};
    } else if (family == FAMILY_NOTIFIER) {
        const struct hd_notifier *n = hd_notifiers[i];
        if (n)
            c = (struct codec){n->name, n->summary, n->options, n->cfg_size, i};
    } else {
        const struct hd_actuator *a = hd_actuators[i];
        bool side = family == FAMILY_SIDE;
        if (a)
            c = (struct codec){a->name, a->summary, side ? a->side_options : a->options,
                               side ? a->side_size : a->cfg_size, i};
    }
    if (!c.name || i >= CODECS_MAX)
        return false;
    if (!c.options)
        c.options = no_options;
    *ret = c;
    return true;
}

bool codec_find(enum family family, const char *name, struct codec *ret)
{
    for (size_t i = 0; codec_at(family, i, ret); i++) {
        if (str_is(ret->name, name))
            return true;
    }
    return false;
}

const char *const *codec_names(struct hd_arena *a, enum family family)
{
    const char **names = arena_many(a, CODECS_MAX + 1, const char *);
    struct codec c;
    for (size_t i = 0; codec_at(family, i, &c); i++)
        names[i] = c.name;
    return names;
}

static const char *const provider_inline[] = {"provider", "", NULL};
static const char *const provider_http[] = {"provider", "http", NULL};
static const char *const provider_exec[] = {"provider", "exec", NULL};
static const char *const actuator_nested[] = {"actuator", NULL};
static const char *const side_inline[] = {"side", "", NULL};
static const char *const notifier_inline[] = {"notifier", "", NULL};

struct plugin_row plugin_row(const struct hd_option *o)
{
    static const char *const family[] = {[FAMILY_PROVIDER] = "provider",
                                         [FAMILY_ACTUATOR] = "actuator",
                                         [FAMILY_SIDE] = "side",
                                         [FAMILY_NOTIFIER] = "notifier"};
    struct plugin_row r = {.form = o->words[1]};
    while (!str_is(family[r.family], o->words[0]))
        r.family++;
    return r;
}

/* --- rows --- */

#define DAYS(n) ((double)(n)*86400e3)
#define SECONDS(n) ((double)(n)*1e3)
#define GIB(n) ((double)(n)*1073741824.0)

#define GLOBS(type, member) \
    .offset = offsetof(type, member.item), .count_offset = offsetof(type, member.n)

/* Rows of struct hd_config. */
#define AT(field) .offset = offsetof(struct hd_config, field)
static const struct hd_option rows_listen[] = {
    {.key = "http", .type = HD_OPT_TEXT, AT(listen), .fallback = "127.0.0.1:8417",
     .help = "Address and port of page and API; \"[::]:8417\" for all addresses."},
    {.key = "public_url", .type = HD_OPT_URL, AT(public_url), .fallback = "",
     .help = "How people reach the page; links in messages begin with it."},
    {.key = "certificate", .type = HD_OPT_PATH, AT(certificate), .fallback = "",
     .help = "PEM file with the certificate and its chain: serve TLS. Read at start and reload."},
    {.key = "key", .type = HD_OPT_PATH, AT(key), .fallback = "",
     .help = "PEM file with the certificate's key."},
    {NULL},
};
static const char *const store_lost_words[] = {"page", "revert", NULL};
static const struct hd_option rows_storage[] = {
    {.key = "path", .type = HD_OPT_PATH, AT(storage.path),
     .fallback = "/var/lib/haldane/haldane.db", .help = "The SQLite file."},
    {.key = "max_size", .type = HD_OPT_SIZE, AT(storage.max_size), .fallback = "4GiB",
     .min = 16777216, .max = GIB(1024),
     .help = "Old history is dropped before the file is larger."},
    {.key = "ballast", .type = HD_OPT_SIZE, AT(storage.ballast), .fallback = "64MiB",
     .min = 1048576, .max = GIB(4),
     .help = "Space held back, so that a full disk stops no revert."},
    {.key = "store_lost", .type = HD_OPT_WORD, AT(storage.lost), .fallback = "page",
     .words = store_lost_words,
     .help = "When the store cannot commit at all: page, or revert nevertheless where a write may "
             "be repeated."},
    {NULL},
};
static const struct hd_option rows_limits[] = {
    {.key = "answer", .type = HD_OPT_SIZE, AT(limits.answer), .fallback = "4MiB", .min = 65536,
     .max = HD_ANSWER_BYTES_MAX, .help = "Largest answer of a data source, decompressed."},
    {.key = "series", .type = HD_OPT_INT, AT(limits.series), .fallback = "5000", .min = 1,
     .max = HD_SERIES_MAX, .help = "Most series of one answer."},
    {.key = "in_flight", .type = HD_OPT_INT, AT(limits.in_flight), .fallback = "64", .min = 1,
     .max = HD_TRANSFERS_MAX, .help = "Requests under way at once."},
    {.key = "reverts_per_hour", .type = HD_OPT_INT, AT(limits.reverts_per_hour), .fallback = "6",
     .min = 1, .max = HD_REVERTS_PER_HOUR_MAX,
     .help = "Automatic reverts of all services together; then it pages."},
    {.key = "brake", .type = HD_OPT_INT, AT(limits.brake), .fallback = "3", .min = 1,
     .max = HD_SERVICES_MAX,
     .help = "Services that may revert within a minute before the rest hold and page."},
    {NULL},
};
#undef AT

#define AT(field) .offset = offsetof(struct raw_token, field)
static const char *const role_words[] = {"viewer", "operator", "admin", NULL};
static const struct hd_option rows_token[] = {
    {.key = "name", .type = HD_OPT_TEXT, AT(token.name), .help = "Name in the audit log."},
    {.key = "role", .type = HD_OPT_WORD, AT(token.role), .words = role_words,
     .help = "What its bearer may do."},
    {.key = "services", .type = HD_OPT_TEXTS, GLOBS(struct raw_token, services), .fallback = "*",
     .help = "Globs of the services it is good for."},
    {.key = "hash", .type = HD_OPT_SECRET, AT(token.hash),
     .help = "Reference to the hex SHA-256 of the token."},
    {NULL},
};
#undef AT
static const char *const anonymous_words[] = {"read", "nothing", NULL};
static const struct hd_option rows_auth[] = {
    {.key = "anonymous", .type = HD_OPT_WORD, .offset = offsetof(struct raw_root, config.anonymous),
     .fallback = "read", .words = anonymous_words,
     .help = "What pages and API tell without a token: all they read, or nothing."},
    {.key = "tokens", .type = HD_OPT_NAMED, .offset = offsetof(struct raw_root, token),
     .count_offset = offsetof(struct raw_root, n_tokens), .size = sizeof(struct raw_token),
     .fallback = "", .sub = rows_token, .help = "Who may use the API."},
    {NULL},
};

static const struct hd_option rows_datasource[] = {
    {.key = "name", .type = HD_OPT_TEXT, .offset = offsetof(struct raw_datasource, datasource.name),
     .help = "Name of the data source."},
    {.key = "plugin", .type = HD_OPT_PLUGIN, .words = provider_inline,
     .offset = offsetof(struct raw_datasource, plugin), .help = "Kind of data source."},
    {NULL},
};
static const struct hd_option rows_sink[] = {
    {.key = "name", .type = HD_OPT_TEXT, .offset = offsetof(struct raw_sink, sink.name),
     .help = "Name of the place to tell."},
    {.key = "page", .type = HD_OPT_BOOL, .offset = offsetof(struct raw_sink, sink.page),
     .fallback = "false", .help = "True: it is told what needs a human."},
    {.key = "plugin", .type = HD_OPT_PLUGIN, .words = notifier_inline,
     .offset = offsetof(struct raw_sink, plugin), .help = "Kind of notifier."},
    {NULL},
};

/* Rows of struct hd_policy, for groups. */
#define AT(field) .offset = offsetof(struct hd_policy, field)
static const struct hd_option rows_detect[] = {
    {.key = "every", .type = HD_OPT_DURATION, AT(detect.every_ms), .fallback = "5s",
     .min = SECONDS(1), .max = SECONDS(3600), .help = "How often the router is read."},
    {.key = "switch_at", .type = HD_OPT_SHARE, AT(detect.switch_at), .fallback = "1%",
     .help = "A colour whose share rises above this was switched to."},
    {NULL},
};
static const char *const rule_words[] = {"threshold", "sequential", NULL};
static const struct hd_option rows_guard[] = {
    {.key = "duration", .type = HD_OPT_DURATION, AT(guard.duration_ms), .fallback = "15m",
     .min = SECONDS(3), .max = DAYS(7), .help = "How long a switch is watched."},
    {.key = "interval", .type = HD_OPT_DURATION, AT(guard.interval_ms), .fallback = "5s",
     .min = SECONDS(1), .max = SECONDS(3600), .help = "Time from poll to poll."},
    {.key = "warmup", .type = HD_OPT_DURATION, AT(guard.warmup_ms), .fallback = "60s", .min = 0,
     .max = DAYS(1), .help = "At first only critical checks are judged; sequential ones always."},
    {.key = "min_samples", .type = HD_OPT_NUMBER, AT(guard.min_samples), .fallback = "200",
     .min = 0, .max = 1e12, .help = "Requests of the candidate before a count is judged."},
    {.key = "blind_for", .type = HD_OPT_DURATION, AT(guard.blind_for_ms), .fallback = "2m",
     .min = SECONDS(1), .max = DAYS(1), .help = "A check without evidence for so long is blind."},
    {.key = "fail_after", .type = HD_OPT_RULE, AT(guard.fail_after), .fallback = "3",
     .help = "Breached polls that trip a check: 3 in a row, \"3 of 5\", \"4 total\"."},
    {.key = "rule", .type = HD_OPT_WORD, AT(guard.rule), .fallback = "threshold",
     .words = rule_words,
     .help = "threshold: checks trip by fail_after; sequential: all checks together, once chance "
             "cannot explain it."},
    {.key = "false_rollbacks", .type = HD_OPT_SHARE, AT(guard.false_rollbacks), .fallback = "1%",
     .min = 1e-6, .max = 0.2,
     .help = "sequential: at most so many guards go back needlessly, even if the new version is "
             "just tolerable."},
    {.key = "tolerance", .type = HD_OPT_FACTOR, AT(guard.tolerance), .fallback = "1.15x",
     .min = 1, .max = 100,
     .help = "sequential: so many times the errors or slow requests of the old version are "
             "accepted."},
    {.key = "tolerance_abs", .type = HD_OPT_SHARE, AT(guard.tolerance_abs), .fallback = "",
     .help = "sequential: a difference below this share never matters (default 0.01%, of slow "
             "requests 0.1%)."},
    {.key = "ignore_blips", .type = HD_OPT_DURATION, AT(guard.ignore_blips_ms), .fallback = "20s",
     .min = 0, .max = SECONDS(3600),
     .help = "sequential: a disturbance shorter than this cannot decide alone; 0: decide within "
             "two polls."},
    {.key = "pass_score", .type = HD_OPT_NUMBER, AT(guard.pass_score), .fallback = "", .min = 0,
     .max = 100, .help = "Score needed to pass; without it the score is only shown."},
    {.key = "cooldown", .type = HD_OPT_DURATION, AT(guard.cooldown_ms), .fallback = "30m",
     .min = 0, .max = DAYS(7), .help = "After a revert: no automatic revert of this service."},
    {NULL},
};
static const struct hd_option rows_verify[] = {
    {.key = "timeout", .type = HD_OPT_DURATION, AT(verify.timeout_ms), .fallback = "30s",
     .min = SECONDS(1), .max = SECONDS(3600), .help = "How soon a reading must prove a revert."},
    {.key = "recover_within", .type = HD_OPT_DURATION, AT(verify.recover_within_ms),
     .fallback = "5m", .min = SECONDS(1), .max = DAYS(1), .help = "How soon users must be well."},
    {.key = "aftercare", .type = HD_OPT_DURATION, AT(verify.aftercare_ms), .fallback = "30m",
     .min = 0, .max = DAYS(1), .help = "How long a revert is watched over."},
    {.key = "reapply", .type = HD_OPT_INT, AT(verify.reapply), .fallback = "1", .min = 0, .max = 1,
     .help = "How often a revert is repeated that a reload has undone."},
    {NULL},
};
static const struct hd_option rows_rollback_safe[] = {
    {.key = "safe", .type = HD_OPT_BOOL, AT(rollback_safe), .fallback = "true",
     .help = "False: going back breaks things (a one-way migration); it only advises."},
    {.key = "until", .type = HD_OPT_TIME, AT(rollback_unsafe_until_ms), .fallback = "",
     .help = "Until when it is not safe."},
    {NULL},
};
#undef AT

static const char *const kind_words[] = {"blue_green", "canary", NULL};
static const char *const on_fail_words[] = {"revert", "page", NULL};
static const char *const on_inconclusive_words[] = {"wait", "page", "pass", "revert", NULL};
#define WORD_OF(number, name, word) [number] = word,
static const char *const mode_words[] = {HD_MODES(WORD_OF) NULL};

/* Rows of struct raw_service. */
#define AT(field) .offset = offsetof(struct raw_service, field)
static const struct hd_option rows_kind[] = {
    {.key = "type", .type = HD_OPT_WORD, AT(policy.kind), .fallback = "blue_green",
     .words = kind_words, .help = "blue_green: roles follow the traffic; canary: they are fixed."},
    {.key = "stable", .type = HD_OPT_TEXT, AT(stable), .fallback = "",
     .help = "Canary: the colour to go back to."},
    {.key = "candidate", .type = HD_OPT_TEXT, AT(candidate), .fallback = "",
     .help = "Canary: the colour that is tried."},
    {NULL},
};
static const struct hd_option rows_probe[] = {
    {.key = "url", .type = HD_OPT_URL, AT(probe.url), .fallback = "",
     .help = "Asked before a revert; {{colour}} is the colour's name."},
    {.key = "expect", .type = HD_OPT_INT, AT(policy.target.probe.expect), .fallback = "200",
     .min = 100, .max = 599, .help = "Status of a ready target."},
    {.key = "timeout", .type = HD_OPT_DURATION, AT(probe.timeout_ms), .fallback = "2s",
     .min = 100, .max = SECONDS(30), .help = "How long the probe may take."},
    {NULL},
};
static const struct hd_option rows_target[] = {
    {.key = "ready", .type = HD_OPT_SHARE, AT(policy.target.ready), .fallback = "50%",
     .help = "Share of the target's members that must be ready."},
    {.key = "trust", .type = HD_OPT_BOOL, AT(policy.target.trust), .fallback = "false",
     .help = "True: go back even where readiness cannot be known."},
    {.key = "kept_for", .type = HD_OPT_DURATION, AT(policy.target.kept_for_ms), .fallback = "",
     .min = SECONDS(1), .max = DAYS(365),
     .help = "How long it is kept after a switch, before somebody takes it down; for good by default."},
    {.key = "probe", .type = HD_OPT_GROUP, .size = sizeof(struct raw_service), .fallback = "",
     .sub = rows_probe, .help = "An HTTP probe of the target."},
    {NULL},
};
#undef AT

#define AT(field) .offset = offsetof(struct raw_colour, field)
static const struct hd_option rows_colour[] = {
    {.key = "name", .type = HD_OPT_TEXT, AT(colour.name), .help = "Name of the colour."},
    {.key = "label", .type = HD_OPT_TEXTS, GLOBS(struct raw_colour, label), .fallback = "",
     .max = HD_SIDE_GLOBS_MAX,
     .help = "Globs of the values its metrics have in the service's label; its name by default."},
    {.key = "match", .type = HD_OPT_TEXT, AT(colour.match), .fallback = "",
     .help = "Any matcher of its metrics, instead of a label value."},
    {.key = "side", .type = HD_OPT_PLUGIN, .words = side_inline, AT(side),
     .help = "What the actuator wants to know of a colour."},
    {NULL},
};
#undef AT

/* Rows of struct raw_query: only in pins. */
static const char *const query_kind_words[] = {"counts", "rate", "gauge", NULL};
static const char *const pick_words[] = {"none", "p70", "p95", "p99.5", NULL};
static const char *const bound_unit_words[] = {"s", "ms", NULL};
static const char *const classify_words[] = {"keys", "bucket", NULL};
static const struct hd_option rows_globs[] = {
    {.key = "globs", .type = HD_OPT_TEXTS, .offset = offsetof(struct raw_globs, item),
     .count_offset = offsetof(struct raw_globs, n), .fallback = ""},
    {NULL},
};
#define AT(field) .offset = offsetof(struct raw_query, field)
static const struct hd_option rows_resolved[] = {
    {.key = "kind", .type = HD_OPT_WORD, AT(query.kind), .words = query_kind_words},
    {.key = "classify", .type = HD_OPT_WORD, AT(query.classify), .words = classify_words},
    {.key = "title", .type = HD_OPT_TEXT, AT(title), .fallback = ""},
    {.key = "unit", .type = HD_OPT_TEXT, AT(unit), .fallback = ""},
    {.key = "text", .type = HD_OPT_TEXTS, GLOBS(struct raw_query, text), .fallback = ""},
    {.key = "by_label", .type = HD_OPT_TEXT, AT(query.by_label), .fallback = ""},
    {.key = "values", .type = HD_OPT_LIST, AT(values),
     .count_offset = offsetof(struct raw_query, n_values), .size = sizeof(struct raw_globs),
     .fallback = "", .sub = rows_globs},
    {.key = "key_label", .type = HD_OPT_TEXT, AT(query.key_label), .fallback = ""},
    {.key = "events", .type = HD_OPT_TEXTS, GLOBS(struct raw_query, events), .fallback = ""},
    {.key = "exposure", .type = HD_OPT_TEXTS, GLOBS(struct raw_query, exposure), .fallback = ""},
    {.key = "bound", .type = HD_OPT_NUMBER, AT(query.bound), .fallback = ""},
    {.key = "bound_unit", .type = HD_OPT_WORD, AT(query.bound_unit), .fallback = "s",
     .words = bound_unit_words},
    {.key = "complement", .type = HD_OPT_BOOL, AT(query.complement)},
    {.key = "target_text", .type = HD_OPT_TEXT, AT(query.target_text), .fallback = ""},
    {NULL},
};
#undef AT

#define AT(field) .offset = offsetof(struct raw_check, field)
const struct hd_option table_check[] = {
    {.key = "name", .type = HD_OPT_TEXT, AT(check.name), .fallback = "",
     .help = "Name on page and API; the query's id by default."},
    {.key = "use", .type = HD_OPT_TEXT, AT(check.use), .fallback = "",
     .help = "A query of the library."},
    {.key = "with", .type = HD_OPT_PAIRS, AT(with),
     .count_offset = offsetof(struct raw_check, n_with), .fallback = "", .help = "Parameters of that query."},
    {.key = "bound", .type = HD_OPT_AMOUNT, AT(bound), .fallback = "",
     .help = "The latency from which a request is slow: a bucket of the histogram; without one a "
             "sequential check is three, one for each `bound_at`."},
    {.key = "bound_at", .type = HD_OPT_WORD, AT(check.pick), .fallback = "none", .words = pick_words,
     .help = "Sequential, instead of `bound`: the bucket that 70, 95 or 99.5 % of the old colour's "
             "requests were faster than, picked from its past when a guard starts."},
    {.key = "query", .type = HD_OPT_TEXT, AT(ask), .fallback = "",
     .help = "A query of your own, with {{by}} or {{match}}: one number a poll, without counts."},
    {.key = "http", .type = HD_OPT_PLUGIN, .words = provider_http, AT(http), .fallback = "",
     .help = "Asks a URL of each colour: 1 good, 0 bad."},
    {.key = "exec", .type = HD_OPT_PLUGIN, .words = provider_exec, AT(exec), .fallback = "",
     .help = "Runs a command for each colour."},
    {.key = "datasource", .type = HD_OPT_TEXT, AT(datasource), .fallback = "",
     .help = "Who is asked; the service's data source by default."},
    {.key = "max", .type = HD_OPT_AMOUNT, AT(check.max), .fallback = "",
     .help = "Breached above this."},
    {.key = "min", .type = HD_OPT_AMOUNT, AT(check.min), .fallback = "",
     .help = "Breached below this."},
    {.key = "warn", .type = HD_OPT_AMOUNT, AT(check.warn), .fallback = "",
     .help = "Near its limit from here on."},
    {.key = "worse_than_baseline", .type = HD_OPT_FACTOR, AT(check.worse_than_baseline),
     .fallback = "", .help = "Breached above this many times the baseline."},
    {.key = "min_of_baseline", .type = HD_OPT_FACTOR, AT(check.min_of_baseline), .fallback = "",
     .help = "Breached below this many times the baseline."},
    {.key = "critical", .type = HD_OPT_BOOL, AT(check.critical), .fallback = "false",
     .help = "True: judged in the warm-up too, and must be observed for a pass."},
    {.key = "advisory", .type = HD_OPT_BOOL, AT(check.advisory), .fallback = "false",
     .help = "True: shown, and never fails a guard."},
    {.key = "weight", .type = HD_OPT_NUMBER, AT(check.weight), .fallback = "1", .min = 0.0001,
     .max = 1000, .help = "Weight in the score, and sequential: part of the false_rollbacks."},
    {.key = "min_samples", .type = HD_OPT_NUMBER, AT(check.min_samples), .fallback = "200",
     .min = 0, .max = 1e12, .help = "Like guard.min_samples, for this check."},
    {.key = "fail_after", .type = HD_OPT_RULE, AT(check.fail_after), .fallback = "3",
     .help = "Like guard.fail_after, for this check; sequential ones do not use it."},
    {.key = "rule", .type = HD_OPT_WORD, AT(rule), .fallback = "threshold", .words = rule_words,
     .help = "Like guard.rule, for this check."},
    {.key = "tolerance", .type = HD_OPT_FACTOR, AT(check.tolerance), .fallback = "1.15x",
     .min = 1, .max = 100, .help = "Like guard.tolerance, for this check."},
    {.key = "tolerance_abs", .type = HD_OPT_SHARE, AT(check.tolerance_abs), .fallback = "",
     .help = "Like guard.tolerance_abs, for this check."},
    {.key = "resolved", .type = HD_OPT_LIST, .internal = true, AT(resolved),
     .count_offset = offsetof(struct raw_check, n_resolved), .size = sizeof(struct raw_query),
     .fallback = "", .sub = rows_resolved, .help = "The query as it was frozen."},
    {NULL},
};
#undef AT

/* Rows that `defaults` may give for all services. */
#define SHARED_ROWS                                                                                \
    {.key = "detect", .type = HD_OPT_GROUP, .size = sizeof(struct hd_policy), .fallback = "",      \
     .sub = rows_detect, .help = "How a switch is noticed."},                                      \
    {.key = "guard", .type = HD_OPT_GROUP, .size = sizeof(struct hd_policy), .fallback = "",       \
     .sub = rows_guard, .help = "How a switch is watched."},                                       \
    {.key = "mode", .type = HD_OPT_WORD, AT(policy.mode), .fallback = "enforce",                   \
     .words = mode_words,                                                                          \
     .help = "enforce: act; advise: say what it would do; shadow: record only."},                  \
    {.key = "on_fail", .type = HD_OPT_WORD, AT(policy.on_fail), .fallback = "revert",              \
     .words = on_fail_words, .help = "What a failed guard does."},                                 \
    {.key = "on_inconclusive", .type = HD_OPT_WORD, AT(policy.on_inconclusive),                    \
     .fallback = "page", .words = on_inconclusive_words,                                           \
     .help = "What a guard does that ends without enough evidence."},                              \
    {.key = "verify", .type = HD_OPT_GROUP, .size = sizeof(struct hd_policy), .fallback = "",      \
     .sub = rows_verify, .help = "How a revert is proved and watched over."}

#define AT(field) .offset = offsetof(struct raw_service, field)
static const struct hd_option rows_approval[] = {
    {.key = "by", .type = HD_OPT_TEXTS, GLOBS(struct raw_service, approvers), .fallback = "",
     .help = "Accounts (names of tokens) one of which must approve; nobody is asked without."},
    {.key = "within", .type = HD_OPT_DURATION, AT(policy.approval.within_ms), .fallback = "10m",
     .min = SECONDS(5), .max = DAYS(1), .help = "How long; after that the revert is only advised."},
    {NULL},
};

const struct hd_option table_defaults[] = {SHARED_ROWS, {NULL}};

const struct hd_option table_service[] = {
    {.key = "name", .type = HD_OPT_TEXT, AT(policy.name), .help = "Name of the service."},
    {.key = "kind", .type = HD_OPT_GROUP, .size = sizeof(struct raw_service), .fallback = "",
     .sub = rows_kind, .help = "blue_green, or canary with its stable and candidate."},
    {.key = "colours", .type = HD_OPT_NAMED, AT(colour),
     .count_offset = offsetof(struct raw_service, n_colours), .size = sizeof(struct raw_colour),
     .min = 2, .max = HD_SIDES_MAX, .sub = rows_colour, .help = "The sides, by name."},
    {.key = "label", .type = HD_OPT_TEXT, AT(label), .fallback = "",
     .help = "Metrics label that tells the colours apart; by default that of the shape (generic: "
             "version)."},
    {.key = "shape", .type = HD_OPT_TEXT, AT(shape), .fallback = "generic",
     .help = "Which metric names the library's queries use; `haldane query list` names them."},
    {.key = "datasource", .type = HD_OPT_TEXT, AT(datasource), .fallback = "",
     .help = "Who answers the checks; the only one by default."},
    {.key = "actuator", .type = HD_OPT_PLUGIN, .words = actuator_nested, AT(actuator),
     .help = "The router: how traffic is read and moved."},
    {.key = "target", .type = HD_OPT_GROUP, .size = sizeof(struct raw_service), .fallback = "",
     .sub = rows_target, .help = "What must hold of the colour to go back to; or: trust."},
    {.key = "checks", .type = HD_OPT_LIST, AT(check),
     .count_offset = offsetof(struct raw_service, n_checks), .size = sizeof(struct raw_check),
     .min = 1, .max = HD_CHECKS_MAX, .sub = table_check, .help = "What is judged."},
    SHARED_ROWS,
    {.key = "rollback_safe", .type = HD_OPT_GROUP, .size = sizeof(struct hd_policy),
     .fallback = "", .sub = rows_rollback_safe,
     .help = "true, false, or {until: TIME}: is going back safe?"},
    {.key = "approval", .type = HD_OPT_GROUP, .size = sizeof(struct raw_service), .fallback = "",
     .sub = rows_approval, .help = "An automatic revert waits for a named human."},
    {.key = "owner", .type = HD_OPT_TEXT, AT(policy.owner), .fallback = "",
     .help = "Who is asked about it: a team, a channel. Pages and messages show it."},
    {.key = "runbook", .type = HD_OPT_URL, AT(policy.runbook), .fallback = "",
     .help = "Where a human reads what to do. Pages and messages lead there."},
    {.key = "dashboard", .type = HD_OPT_URL, AT(policy.dashboard), .fallback = "",
     .help = "Where a human sees how it is doing. Pages and messages lead there."},
    {NULL},
};
#undef AT

#define AT(field) .offset = offsetof(struct raw_root, field)
const struct hd_option table_root[] = {
    {.key = "version", .type = HD_OPT_INT, AT(version), .min = 1, .max = 1,
     .help = "Version of this format."},
    {.key = "listen", .type = HD_OPT_GROUP, .size = sizeof(struct hd_config), .fallback = "",
     .sub = rows_listen, .help = "Our HTTP face."},
    {.key = "storage", .type = HD_OPT_GROUP, .size = sizeof(struct hd_config), .fallback = "",
     .sub = rows_storage, .help = "Where the journal lives."},
    {.key = "auth", .type = HD_OPT_GROUP, .size = sizeof(struct raw_root), .fallback = "",
     .sub = rows_auth, .help = "Who may do what."},
    {.key = "limits", .type = HD_OPT_GROUP, .size = sizeof(struct hd_config), .fallback = "",
     .sub = rows_limits, .help = "Caps of the whole daemon."},
    /* size 0: read for the services, written nowhere. */
    {.key = "defaults", .type = HD_OPT_GROUP, .fallback = "", .sub = table_defaults,
     .help = "Values for services that do not say otherwise."},
    {.key = "datasources", .type = HD_OPT_NAMED, AT(datasource),
     .count_offset = offsetof(struct raw_root, n_datasources),
     .size = sizeof(struct raw_datasource), .fallback = "", .max = HD_SERVICES_MAX,
     .sub = rows_datasource, .help = "Who answers queries, by name."},
    {.key = "notifiers", .type = HD_OPT_NAMED, AT(sink),
     .count_offset = offsetof(struct raw_root, n_sinks), .size = sizeof(struct raw_sink),
     .fallback = "", .max = 64, .sub = rows_sink, .help = "Who is told, by name."},
    {.key = "services", .type = HD_OPT_NAMED, AT(service),
     .count_offset = offsetof(struct raw_root, n_services), .size = sizeof(struct raw_service),
     .min = 1, .max = HD_SERVICES_MAX, .sub = table_service, .help = "What is guarded, by name."},
    {NULL},
};
#undef AT

const struct hd_option *table_find(const struct hd_option *table, const char *key)
{
    for (; table && table->key; table++) {
        if (!table->internal && str_is(table->key, key))
            return table;
    }
    return NULL;
}

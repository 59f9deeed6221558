/* SPDX-License-Identifier: Apache-2.0
 *
 * A command as a check: decides what its exit status and its JSON say. Never uses a shell, never
 * takes silence for good, never runs it twice. Called by the pipeline through hd_provider.
 */
#include <string.h>

#include <haldane/provider.h>

#include "base/arena.h"
#include "base/str.h"
#include "json/json.h"
#include "providers/rows.h"

enum measure { MEASURE_GOOD, MEASURE_VALUE };
static const char *const measure_words[] = {"good", "value", NULL};

struct exec_cfg {
    const char *endpoint; /* name for messages */
    const char *const *command;
    uint32_t n_command;
    int32_t timeout_ms;
    int32_t measure;
};

static const struct hd_option options[] = {
    {.key = "endpoint", .type = HD_OPT_TEXT, .internal = true,
     .offset = offsetof(struct exec_cfg, endpoint), .fallback = "",
     .help = "Name of this command in messages."},
    {.key = "command", .type = HD_OPT_TEXTS, .offset = offsetof(struct exec_cfg, command),
     .count_offset = offsetof(struct exec_cfg, n_command),
     .help = "Absolute path of the command, and its arguments; no shell reads them."},
    {.key = "timeout", .type = HD_OPT_DURATION, .offset = offsetof(struct exec_cfg, timeout_ms),
     .size = sizeof(int32_t), .fallback = "5s", .min = 100, .max = 60000,
     .help = "After this time the command and its children are killed."},
    {.key = "measure", .type = HD_OPT_WORD, .offset = offsetof(struct exec_cfg, measure),
     .fallback = "good", .words = measure_words,
     .help = "good: 1 or 0, from {\"ok\": true}; value: the number in {\"value\": 12.5}."},
    {NULL},
};

static enum hd_code exec_check(const void *v, struct hd_error *err)
{
    const struct exec_cfg *cfg = v;
    if (!cfg->n_command || cfg->command[0][0] != '/')
        return hd_fail(err, HD_INVALID, "command: must begin with an absolute path");
    return HD_OK;
}

/* Names are checked at load to be letters, digits and "-_.", so the filled text is JSON. */
static const char *exec_default_query(const void *cfg)
{
    (void)cfg;
    return "{\"service\":\"{{service}}\",\"check\":\"{{check}}\",\"colour\":\"{{colour}}\"}";
}

/* {"do":"check","at":...} and the query: the members of an object, or one text. */
static struct hd_span make_input(struct hd_arena *a, const struct hd_question *q)
{
    const char *query = q->probe->query;
    BUF_AUTO b = BUF_INIT(8 * (size_t)HD_QUERY_BYTES_MAX);
    struct json_out out = json_out(&b);
    json_begin(&out, NULL, '{');
    json_put_text(&out, "do", "check");
    json_put_time(&out, "at", q->at_ms ? q->at_ms : -1);
    JSON_AUTO asked = NULL;
    bool object = !json_parse((struct hd_span){query, strlen(query)}, &asked, NULL) &&
                  json_type(asked) == JSON_OBJECT;
    for (const struct json *m = object ? json_first(asked) : NULL; m; m = json_next(m)) {
        const char *text = NULL;
        if (json_scalar(a, m, json_key(m), &text, NULL))
            continue;
        if (json_type(m) == JSON_STRING)
            json_put_text(&out, json_key(m), text);
        else
            json_put_raw(&out, json_key(m), text);
    }
    if (!object)
        json_put_text(&out, "query", query);
    json_end(&out, '}');
    buf_byte(&b, '\n');
    return (struct hd_span){arena_text_n(a, buf_at(&b), b.len), b.len};
}

static enum hd_code ask(struct hd_arena *a, const void *v, const struct hd_question *q,
                        struct hd_ask *ret, struct hd_error *err)
{
    const struct exec_cfg *cfg = v;
    if (strlen(q->probe->query) > HD_QUERY_BYTES_MAX)
        return hd_fail(err, HD_LIMIT, "a query is longer than %d bytes", HD_QUERY_BYTES_MAX);
    struct hd_endpoint *at = arena_of(a, struct hd_endpoint);
    at->name = cfg->endpoint ? cfg->endpoint : cfg->command[0];
    at->timeout_ms = cfg->timeout_ms;
    const char **argv = arena_many(a, cfg->n_command + 1, const char *);
    memcpy(argv, cfg->command, cfg->n_command * sizeof *argv);
    struct hd_request *r = arena_of(a, struct hd_request);
    r->via = HD_VIA_EXEC;
    r->effect = HD_EFFECT_READ;
    r->label = "check";
    r->at = at;
    r->u.exec.argv = argv;
    r->body = make_input(a, q);
    r->cap_bytes = HD_ANSWER_BYTES_SMALL;
    *ret = (struct hd_ask){.request = {r}, .n = 1};
    return HD_OK;
}

static struct finding error_of(enum hd_reason_number reason, const char *text)
{
    return (struct finding){HD_OUTCOME_ERROR, reason, 0, text};
}

/* The run gave no answer. A hung command is what a hung release looks like; a command that could
 * not be started says nothing about anyone. */
static struct finding judge_silence(const struct exec_cfg *cfg, const struct hd_response *in)
{
    if (in->io == HD_IO_TOO_BIG)
        return (struct finding){HD_OUTCOME_TOO_MANY, HD_REASON_TOO_BIG, 0, in->text};
    if (in->io != HD_IO_TIMEOUT)
        return error_of(HD_REASON_CHILD_FAILED, in->text);
    if (cfg->measure == MEASURE_GOOD)
        return (struct finding){HD_OUTCOME_OK, HD_REASON_TIMEOUT, 0, in->text};
    return error_of(HD_REASON_TIMEOUT, in->text);
}

static struct finding judge(struct hd_arena *a, const void *v, const struct hd_response *in)
{
    const struct exec_cfg *cfg = v;
    if (in->io != HD_IO_OK)
        return judge_silence(cfg, in);
    JSON_AUTO root = NULL;
    struct hd_error why = {0};
    enum hd_code unread = json_parse(in->body, &root, &why);
    const char *text = NULL;
    (void)json_text(json_get(root, "text"), "text", &text, NULL);
    text = rows_text(a, text); /* the document is freed on return */
    if (in->status) {
        const char *said = arena_print(a, "exit status %d%s%s", in->status, text ? ": " : "",
                                       text ? text : "");
        return cfg->measure == MEASURE_GOOD
                   ? (struct finding){HD_OUTCOME_OK, HD_REASON_CHILD_FAILED, 0, said}
                   : error_of(HD_REASON_CHILD_FAILED, said);
    }
    if (unread)
        return error_of(HD_REASON_NOT_JSON, arena_text(a, why.text));
    struct finding f = {HD_OUTCOME_OK, HD_REASON_NONE, 0, text};
    bool ok = false;
    enum hd_code code = cfg->measure == MEASURE_GOOD
                            ? json_bool(json_get(root, "ok"), "ok", &ok, &why)
                            : json_double(json_get(root, "value"), "value", &f.value, &why);
    if (code)
        return error_of(HD_REASON_UNEXPECTED_VALUE, arena_text(a, why.text));
    if (cfg->measure == MEASURE_GOOD) {
        f.value = ok;
        f.reason = ok ? HD_REASON_NONE : HD_REASON_UNEXPECTED_VALUE;
    }
    return f;
}

static const struct per_side per_side = {
    .no_label = "a command is run per colour, not by a label",
    .no_history = "a command has no history",
    .ask = ask,
    .judge = judge,
};

static enum hd_code exec_fetch(struct hd_arena *a, const void *v, const struct hd_question *q,
                               const struct hd_talk *talk, struct hd_ask *ret_ask,
                               struct hd_rows *ret_rows, uint16_t *ret_reason, struct hd_error *err)
{
    *ret_reason = HD_REASON_NONE;
    return rows_per_side(a, &per_side, v, q, talk, ret_ask, ret_rows, err);
}

const struct hd_provider provider_exec = {
    .name = "exec",
    .summary = "a command per colour: its exit status and {\"ok\": ...} or {\"value\": ...}",
    .cfg_size = sizeof(struct exec_cfg),
    .batch_max = 1,
    .io_is_evidence = true,
    .options = options,
    .check = exec_check,
    .default_query = exec_default_query,
    .fetch = exec_fetch,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * Any router, by a program of the user: a JSON object on its stdin says what to do, a JSON object
 * on its stdout is the answer. Decides what is said and what an answer means; starts no process.
 * Called by pipeline/.
 */
#include <string.h>

#include <haldane/actuator.h>
#include <haldane/endpoint.h>

#include "actuators/native.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "json/json.h"

#define ARGS_MAX 64
#define RETRY_MAX_MS 600000
#define TEXT_BYTES_MAX (64u << 10) /* value, version, memory: they go into rows of the journal */

struct exec_cfg {
    struct hd_endpoint at; /* name and timeout */
    const char *const *command;
    uint32_t n_command;
    int32_t kind; /* 0 set, 1 once */
    bool rehearse;
};

struct exec_side {
    char none; /* a colour has no options here */
};

static const char *const kind_words[] = {"set", "once", NULL};

static const struct hd_option options[] = {
    HD_ENDPOINT_COMMON(struct exec_cfg, at),
    {.key = "command",
     .type = HD_OPT_TEXTS,
     .offset = offsetof(struct exec_cfg, command),
     .count_offset = offsetof(struct exec_cfg, n_command),
     .min = 1,
     .max = ARGS_MAX,
     .help = "Program (an absolute path) and its arguments; no shell is involved."},
    {.key = "kind",
     .type = HD_OPT_WORD,
     .offset = offsetof(struct exec_cfg, kind),
     .fallback = "set",
     .words = kind_words,
     .help = "set: the same `set` twice ends in the same state; once: it must never be repeated."},
    {.key = "rehearse",
     .type = HD_OPT_BOOL,
     .offset = offsetof(struct exec_cfg, rehearse),
     .fallback = "false",
     .help = "The program knows \"do\": \"rehearse\", which changes nothing."},
    {NULL},
};

static const struct hd_option side_options[] = {{NULL}};

static enum hd_code check(const struct hd_site *site, struct hd_error *err)
{
    const struct exec_cfg *cfg = site->cfg;
    if (cfg->n_command == 0 || cfg->command[0][0] != '/')
        return hd_fail(err, HD_INVALID, "command: begins with the absolute path of a program");
    if (cfg->n_command > ARGS_MAX)
        return hd_fail(err, HD_INVALID, "command: more than %d words", ARGS_MAX);
    return HD_OK;
}

static const struct hd_request *new_call(struct hd_arena *a, const struct hd_site *site,
                                         enum hd_effect effect, const char *label,
                                         const struct buf *body)
{
    const struct exec_cfg *cfg = site->cfg;
    struct hd_request *r = arena_of(a, struct hd_request);
    const char **argv = arena_many(a, cfg->n_command + 1u, const char *);
    memcpy(argv, cfg->command, cfg->n_command * sizeof *argv);
    *r = (struct hd_request){
        .via = HD_VIA_EXEC,
        .effect = effect,
        .label = label,
        .at = &cfg->at,
        .u.exec.argv = argv,
        .body = {arena_text(a, buf_at(body)), body->len},
        .cap_bytes = HD_ANSWER_BYTES_SMALL,
    };
    return r;
}

static const struct hd_request *observe_call(struct hd_arena *a, const struct hd_site *site,
                                             const char *follow)
{
    BUF_AUTO body = BUF_INIT(TEXT_BYTES_MAX);
    struct json_out o = json_out(&body);
    json_begin(&o, NULL, '{');
    json_put_text(&o, "do", "observe");
    json_begin(&o, "colours", '[');
    for (size_t k = 0; k < site->n_sides; k++)
        json_put_text(&o, NULL, site->colour[k]);
    json_end(&o, ']');
    json_put_text(&o, "follow", follow);
    json_end(&o, '}');
    buf_byte(&body, '\n');
    return new_call(a, site, HD_EFFECT_READ, "observe", &body);
}

/* A member that may be absent or null; what is there is one line of text. */
static enum hd_code read_text(struct hd_arena *a, const struct json *j, const char *key,
                              const char **ret, struct hd_error *err)
{
    const struct json *member = json_get(j, key);
    const char *text;
    if (!member || json_type(member) == JSON_NULL) {
        *ret = NULL;
        return HD_OK;
    }
    enum hd_code code = json_text(member, key, &text, err);
    if (code)
        return code;
    char *clean = arena_text(a, text);
    str_clean(clean, TEXT_BYTES_MAX);
    if (!*text || !str_is(clean, text))
        return hd_fail(err, HD_PARSE, "%s: empty, too long, or with control characters", key);
    *ret = clean;
    return HD_OK;
}

static enum hd_code read_members(const struct json *j, const char *key, uint32_t *ret,
                                 struct hd_error *err)
{
    const struct json *member = json_get(j, key);
    int64_t n;
    *ret = HD_UNKNOWN;
    if (!member || json_type(member) == JSON_NULL)
        return HD_OK;
    enum hd_code code = json_i64(member, key, &n, err);
    if (!code && (n < 0 || n > INT32_MAX))
        code = hd_fail(err, HD_PARSE, "%s: out of range", key);
    if (!code)
        *ret = (uint32_t)n;
    return code;
}

static enum hd_code read_side(struct hd_arena *a, const struct json *j, struct hd_side_live *ret,
                              struct hd_error *err)
{
    double share;
    struct hd_side_live side;
    enum hd_code code = json_double(json_get(j, "share"), "share", &share, err);
    if (!code && !(share >= 0 && share <= 1))
        code = hd_fail(err, HD_PARSE, "share: not within 0 and 1");
    if (!code)
        code = read_members(j, "ready", &side.ready, err);
    if (!code)
        code = read_members(j, "wanted", &side.wanted, err);
    if (!code)
        code = read_text(a, j, "alone", &side.alone, err);
    if (code)
        return code;
    side.share_ppm = (uint32_t)(share * HD_WHOLE_PPM + 0.5);
    *ret = side;
    return HD_OK;
}

static enum hd_code read_live(struct hd_arena *a, const struct hd_site *site, const struct json *j,
                              struct hd_live *live, struct hd_error *err)
{
    const struct {
        const char *key;
        const char **to;
    } texts[] = {
        {"value", &live->value},   {"version", &live->version}, {"owner", &live->owner},
        {"memory", &live->memory}, {"note", &live->note},       {"forgets_to", &live->forgets_to},
    };
    enum hd_code code = HD_OK;
    for (size_t i = 0; !code && i < sizeof texts / sizeof *texts; i++)
        code = read_text(a, j, texts[i].key, texts[i].to, err);
    if (!code && !live->value)
        code = hd_fail(err, HD_PARSE, "value: missing");
    const struct json *settling = json_get(j, "settling"), *sides = json_get(j, "sides");
    if (!code && settling)
        code = json_bool(settling, "settling", &live->settling, err);
    for (size_t k = 0; !code && k < site->n_sides; k++) {
        const struct json *side = json_get(sides, site->colour[k]);
        code = side ? read_side(a, side, &live->side[k], err) : hd_fail(err, HD_PARSE, "missing");
        if (code)
            hd_error_add(err, "sides.%s", site->colour[k]);
    }
    return code;
}

static enum hd_code read_answer(struct hd_arena *a, const struct hd_site *site,
                                const struct hd_talk *talk, struct hd_live *ret,
                                struct hd_error *err)
{
    const struct hd_response *r = talk->item[talk->n - 1].response;
    JSON_AUTO j = NULL;
    struct hd_live live = {0};
    if (r->status != 0)
        return hd_fail(err, HD_BUSY, "observe: exit status %d", r->status);
    enum hd_code code = json_parse(r->body, &j, err);
    if (!code)
        code = read_live(a, site, j, &live, err);
    if (code)
        hd_error_add(err, "observe");
    else
        *ret = live;
    return code;
}

static enum hd_code observe(struct hd_arena *a, const struct hd_site *site, const char *follow,
                            const struct hd_talk *talk, struct hd_ask *ret_ask,
                            struct hd_live *ret_live, struct hd_error *err)
{
    if (talk->n == 0) {
        *ret_ask = (struct hd_ask){{observe_call(a, site, follow)}, 1};
        return HD_OK;
    }
    enum hd_code code = read_answer(a, site, talk, ret_live, err);
    if (!code)
        ret_ask->n = 0;
    return code;
}

static const char *native_of(struct hd_arena *a, const struct exec_cfg *cfg, const char *body)
{
    BUF_AUTO b = BUF_INIT(HD_BLOB_BYTES_MAX);
    buf_text(&b, "printf '%s\\n' ");
    native_word(&b, body);
    buf_text(&b, " |");
    for (uint32_t i = 0; i < cfg->n_command; i++) {
        buf_byte(&b, ' ');
        native_word(&b, cfg->command[i]);
    }
    return arena_text(a, buf_at(&b));
}

static enum hd_code plan(struct hd_arena *a, const struct hd_site *site, const struct hd_talk *talk,
                         const struct hd_goal *goal, struct hd_plan *ret, struct hd_error *err)
{
    const struct exec_cfg *cfg = site->cfg;
    struct hd_live live;
    struct hd_plan p = {.native = ""};
    enum hd_code code = read_answer(a, site, talk, &live, err);
    if (code)
        return code;
    bool needed = goal->rehearse ? cfg->rehearse : !str_is(live.value, goal->value);
    if (needed) {
        BUF_AUTO body = BUF_INIT(HD_BLOB_BYTES_MAX);
        struct json_out o = json_out(&body);
        json_begin(&o, NULL, '{');
        json_put_text(&o, "do", goal->rehearse ? "rehearse" : "set");
        json_put_text(&o, "from", live.value);
        json_put_text(&o, "to", goal->value);
        json_put_text(&o, "version", live.version);
        json_put_text(&o, "stamp", goal->stamp);
        json_end(&o, '}');
        p.native = native_of(a, cfg, buf_at(&body));
        buf_byte(&body, '\n');
        if (body.full)
            return hd_fail(err, HD_LIMIT, "the goal is longer than %u bytes", HD_BLOB_BYTES_MAX);
        p.n = 1;
        p.step[0] = new_call(a, site,
                             goal->rehearse   ? HD_EFFECT_READ
                             : cfg->kind == 0 ? HD_EFFECT_SET
                                              : HD_EFFECT_ONCE,
                             goal->rehearse ? "rehearse" : "set", &body);
    }
    *ret = p;
    return HD_OK;
}

static enum hd_code read_reply(struct hd_arena *a, const struct json *j, struct hd_reply *ret,
                               struct hd_error *err)
{
    static const char *const words[] = {"accepted", "retry", "conflict", "refused"}; /* hd_answer */
    const char *word;
    int64_t retry_ms = 0;
    const struct json *retry = json_get(j, "retry_ms");
    struct hd_reply r = {0};
    enum hd_code code = json_text(json_get(j, "answer"), "answer", &word, err);
    if (!code)
        code = read_text(a, j, "text", &r.text, err);
    if (!code)
        code = read_text(a, j, "follow", &r.follow, err);
    if (!code && retry)
        code = json_i64(retry, "retry_ms", &retry_ms, err);
    if (code)
        return code;
    size_t i = 0;
    while (i < sizeof words / sizeof *words && !str_is(word, words[i]))
        i++;
    if (i == sizeof words / sizeof *words || retry_ms < 0 || retry_ms > RETRY_MAX_MS)
        return hd_fail(err, HD_PARSE,
                       "answer: none of accepted, retry, conflict, refused, or "
                       "retry_ms out of range");
    r.answer = (enum hd_answer)i;
    r.retry_ms = (int32_t)retry_ms;
    *ret = r;
    return HD_OK;
}

/* What cannot be understood may have had its effect all the same: look, then decide. */
static enum hd_code reply(struct hd_arena *a, const struct hd_site *site,
                          const struct hd_exchange *x, struct hd_reply *ret, struct hd_error *err)
{
    (void)site;
    (void)err;
    struct hd_error why = {0};
    JSON_AUTO j = NULL;
    if (x->response->status != 0) {
        *ret = (struct hd_reply){
            .answer = HD_ANSWER_CONFLICT,
            .text = arena_print(a, "exit status %d", x->response->status),
        };
        return HD_OK;
    }
    if (json_parse(x->response->body, &j, &why) || read_reply(a, j, ret, &why))
        *ret = (struct hd_reply){.answer = HD_ANSWER_CONFLICT, .text = arena_text(a, why.text)};
    return HD_OK;
}

static bool tells_readiness(const void *cfg)
{
    (void)cfg;
    return true;
}

const struct hd_actuator actuator_exec = {
    .name = "exec",
    .summary = "Any router, by a program of yours that talks JSON on stdin and stdout",
    .cas = HD_CAS_READ_COMPARE,
    .window = "what someone else changes while the program runs, unless it compares `from` or "
              "`version` itself",
    .rehearsal = HD_REHEARSE_DRY_RUN,
    .readiness = tells_readiness,
    .absolute = false,
    .cfg_size = sizeof(struct exec_cfg),
    .side_size = sizeof(struct exec_side),
    .options = options,
    .side_options = side_options,
    .check = check,
    .observe = observe,
    .plan = plan,
    .reply = reply,
};

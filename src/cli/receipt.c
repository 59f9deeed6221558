/* SPDX-License-Identifier: Apache-2.0
 *
 * See receipt.h. Reads a file and nothing else. Called by `haldane replay FILE`.
 */
#include "cli/receipt.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cred/cred.h"
#include "json/json.h"

#define HEAD "{\"format\":\"haldane-receipt-1\","
#define PARTS_MAX 20000 /* a day at 5 s, and its timeline */

static enum hd_code read_file(struct hd_arena *a, const char *file, struct hd_span *ret,
                              struct hd_error *err)
{
    FILE *f = fopen(file, "rbe");
    if (!f)
        return hd_fail(err, HD_IO, "%s: %s", file, strerror(errno));
    char *text = arena_alloc(a, HD_REPLY_BYTES_MAX + 1);
    size_t n = fread(text, 1, HD_REPLY_BYTES_MAX + 1, f);
    bool bad = ferror(f);
    (void)fclose(f);
    if (bad || n > HD_REPLY_BYTES_MAX)
        return hd_fail(err, bad ? HD_IO : HD_LIMIT, "%s: cannot be read, or is larger than %u bytes", file,
                       HD_REPLY_BYTES_MAX);
    *ret = (struct hd_span){text, n};
    return HD_OK;
}

static const char *text_of(struct hd_arena *a, const struct json *j, const char *key)
{
    const char *text = NULL;
    const struct json *m = json_get(j, key);
    if (!m || json_text(m, key, &text, NULL))
        return NULL;
    return arena_text(a, text);
}

static int64_t number_of(const struct json *j, const char *key, int64_t otherwise)
{
    int64_t v;
    return json_get(j, key) && !json_i64(json_get(j, key), key, &v, NULL) ? v : otherwise;
}

static enum hd_code from_hex(struct hd_arena *a, const char *text, struct hd_span *ret,
                             struct hd_error *err)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = text ? strlen(text) : 1;
    if (n % 2)
        return hd_fail(err, HD_PARSE, "evidence is not whole");
    unsigned char *out = arena_alloc(a, n / 2 + 1);
    for (size_t i = 0; i < n; i++) {
        const char *at = strchr(digits, text[i]);
        if (!at)
            return hd_fail(err, HD_PARSE, "evidence is not in hexadecimal");
        out[i / 2] = (unsigned char)(out[i / 2] << 4 | (at - digits));
    }
    *ret = (struct hd_span){(const char *)out, n / 2};
    return HD_OK;
}

static enum hd_code take_evidence(struct hd_arena *a, const struct json *j, struct store_evidence *ret,
                                  struct hd_error *err)
{
    struct hd_span blob;
    *ret = (struct store_evidence){.wall_ms = number_of(j, "wall_ms", -1),
                                   .t_ms = number_of(j, "t_ms", -1)};
    ret->evidence.poll = (uint32_t)number_of(j, "poll", 0);
    if (json_get(j, "before"))
        (void)json_bool(json_get(j, "before"), "before", &ret->evidence.before, NULL);
    if (from_hex(a, text_of(a, j, "data"), &blob, err) ||
        store_evidence_unpack(a, blob, &ret->evidence, err))
        return err->code;
    return HD_OK;
}

static void take_guard(struct hd_arena *a, const struct json *j, struct store_guard *g, struct trial *t)
{
    const char *id = text_of(a, j, "id");
    (void)snprintf(g->id, sizeof g->id, "%s", id ? id : "");
    g->service = text_of(a, j, "service");
    g->stable = text_of(a, j, "stable");
    g->candidate = text_of(a, j, "candidate");
    const char *state = text_of(a, j, "state");
    g->state = state ? hd_state_of(state) : -1;
    t->name = g->id;
    t->switch_ms = g->switch_to_ms = number_of(j, "switch_ms", -1);
    t->stable = g->stable;
    t->candidate = g->candidate;
}

static void take_verdict(struct hd_arena *a, const struct json *j, struct store_guard *g)
{
    g->verdict = (int32_t)number_of(j, "kind", 0);
    g->cause = (int32_t)number_of(j, "cause", 0);
    if (!json_get(j, "score") || json_double(json_get(j, "score"), "score", &g->score, NULL))
        g->score = NAN;
    g->reasons = text_of(a, j, "reasons");
}

/* One line, already proved. What a replay has no use for is passed over. */
static enum hd_code take_part(struct hd_arena *a, const struct json *part, struct store_guard *g,
                              struct trial *t, struct hd_error *err)
{
    const struct json *j;
    if ((j = json_get(part, "guard")))
        take_guard(a, j, g, t);
    else if ((j = json_get(part, "verdict")))
        take_verdict(a, j, g);
    else if (json_get(part, "policy"))
        g->pin = text_of(a, part, "policy");
    else if ((j = json_get(part, "evidence")))
        return take_evidence(a, j, &t->evidence[t->n++], err);
    else if ((j = json_get(part, "extension")))
        t->input[t->n_inputs++] = (struct engine_input){.polls = number_of(j, "polls", 0),
                                                        .by_ms = number_of(j, "by_ms", 0),
                                                        .kind = (int32_t)number_of(j, "kind", 0)};
    return HD_OK;
}

static enum hd_code take_line(struct hd_arena *a, struct hd_span line, size_t number, char hash[65],
                              struct store_guard *g, struct trial *t, struct hd_error *err)
{
    JSON_AUTO part = NULL;
    if (number > PARTS_MAX)
        return hd_fail(err, HD_LIMIT, "more than %d parts", PARTS_MAX);
    if (json_parse(line, &part, err))
        return hd_error_add(err, "part %zu", number);
    const char *prev = text_of(a, part, "prev");
    if (!prev || !str_is(prev, hash))
        return hd_fail(err, HD_CORRUPT, "the chain breaks before part %zu: it was changed, or one is missing",
                       number);
    cred_sha256_hex(line, hash);
    enum hd_code code = take_part(a, part, g, t, err);
    return code ? hd_error_add(err, "part %zu", number) : HD_OK;
}

enum hd_code receipt_read(struct hd_arena *a, const char *file, struct store_guard *ret_guard,
                          struct trial *ret, struct hd_error *err)
{
    struct hd_span text = {0};
    char hash[65] = "", end[100];
    size_t number = 0;
    if (read_file(a, file, &text, err))
        return err->code;
    const char *at = text.len ? memchr(text.at, '\n', text.len) : NULL;
    if (!at || !str_begins(text.at, HEAD))
        return hd_fail(err, HD_PARSE, "%s is no receipt of haldane", file);
    const char *stop = text.at + text.len;
    *ret_guard = (struct store_guard){.score = NAN, .marked_ms = -1};
    *ret = (struct trial){.evidence = arena_many(a, PARTS_MAX, struct store_evidence),
                          .input = arena_many(a, PARTS_MAX, struct engine_input)};
    for (at++; at < stop && *at == '{';) {
        const char *newline = memchr(at, '\n', (size_t)(stop - at));
        size_t len = newline ? (size_t)(newline - at) : (size_t)(stop - at);
        size_t comma = len && at[len - 1] == ',';
        if (take_line(a, (struct hd_span){at, len - comma}, ++number, hash, ret_guard, ret, err))
            return hd_error_add(err, "%s", file);
        at += len + (newline != NULL);
    }
    (void)snprintf(end, sizeof end, "],\"hash\":\"%s\"}", hash);
    if (!number || (size_t)(stop - at) < strlen(end) || !str_begins(at, end))
        return hd_fail(err, HD_CORRUPT, "%s: the chain does not end as the file says", file);
    if (!ret_guard->pin || !ret_guard->service || !ret->n)
        return hd_fail(err, HD_ABSENT, "%s: its evidence was no longer stored; there is nothing to judge",
                       file);
    return HD_OK;
}

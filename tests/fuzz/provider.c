/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the answer of a source, for every shape of question: no crash, and no row that lies;
 * and Prometheus' quick reader says what its reader of trees says.
 * The input is a whole HTTP answer as in tests/golden/prometheus; for exec its body is stdout.
 */
#include <math.h>

#include "../unit/providers/reply.h"
#include "providers/prometheus/reply.h"

#include "fuzz.h"

static const char *const blue[] = {"blue", NULL}, *const green[] = {"g*", NULL};

static const struct hd_probe by_label = {"q", -1, "version", {blue, green}, NULL, false};
static const struct hd_probe by_key = {"q", -1, "version", {blue, green}, "code", false};
static const struct hd_probe raw = {"q", -1, "version", {blue, green}, "code", true};
static const struct hd_probe one = {"http://h/", 1, NULL, {NULL}, NULL, false};
static const struct hd_probe every = {"q", 1, NULL, {NULL}, NULL, false, true};
static const struct hd_probe one_raw = {"q", 0, NULL, {NULL}, "le", true};

static const struct {
    const char *provider;
    struct hd_question q;
    const char *measure_json; /* http: path; NULL: none */
    int32_t measure;
} shapes[] = {
    {"prometheus", {NULL, 0}},
    {"prometheus", {&by_label, 1, .at_ms = 1}},
    {"prometheus", {&by_key, 1, .at_ms = 1, .series_max = 3}},
    {"prometheus", {&raw, 1, .at_ms = 1, .range_ms = 1000}},
    {"prometheus", {&raw, 1, .at_ms = 1}},
    {"prometheus", {&one, 1}},
    {"prometheus", {&one_raw, 1, .at_ms = 1, .range_ms = 1000}},
    {"prometheus", {&by_label, 1, .range_ms = 1000, .step_ms = 100}},
    {"prometheus", {&one, 1, .at_ms = 1, .range_ms = 1000, .step_ms = 100}},
    {"prometheus", {&every, 1, .at_ms = 1, .range_ms = 1000, .step_ms = 100}},
    {"http", {&one, 1, .at_ms = 1}},
    {"http", {&one, 1, .at_ms = 1}, "data.result[0].value[0]", 0},
    {"http", {&one, 1, .at_ms = 1}, "data.result[0].value[0]", 1},
    {"http", {&one, 1, .at_ms = 1}, "data.result[0].value[0]", 2},
    {"exec", {&one, 1, .at_ms = 1}, NULL, 0},
    {"exec", {&one, 1, .at_ms = 1}, NULL, 1},
};

static void *new_cfg(struct hd_arena *a, const struct hd_provider *p, size_t shape)
{
    void *cfg = arena_alloc(a, p->cfg_size);
    if (str_is(p->name, "prometheus"))
        return cfg;
    cfg_put(cfg, p, "measure", &shapes[shape].measure, sizeof shapes[shape].measure, 0);
    if (str_is(p->name, "http")) {
        cfg_put(cfg, p, "expect", &(int64_t){200}, sizeof(int64_t), 0);
        cfg_put(cfg, p, "json", &shapes[shape].measure_json, sizeof(char *), 0);
    }
    return cfg;
}

static void check_text(const char *text)
{
    if (!text)
        return;
    MUST(strlen(text) <= HD_TEXT_MAX);
    for (const char *p = text; *p; p++)
        MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void check_rows(const struct hd_question *q, const struct hd_rows *rows)
{
    bool seen[HD_SIDES_MAX] = {false};
    for (size_t i = 0; i < rows->n; i++) {
        const struct hd_row *r = &rows->row[i];
        MUST(r->side < HD_SIDES_MAX && r->probe == 0);
        seen[r->side] = true;
        MUST(r->outcome != HD_OUTCOME_OK || r->n > 0);
        MUST(r->outcome == HD_OUTCOME_OK || r->reason != HD_REASON_NONE);
        check_text(r->text);
        for (size_t k = 0; k < r->n; k++) {
            MUST(isfinite(r->point[k].value));
            MUST(!k || r->point[k - 1].at_ms < r->point[k].at_ms);
        }
    }
    for (int side = 0; q->n && side < HD_SIDES_MAX; side++)
        MUST(seen[side] || (q->probe->side >= 0 ? q->probe->side != side
                                                : !q->probe->side_values[side]));
}

static void check_same_row(const struct hd_row *a, const struct hd_row *b)
{
    MUST(a->probe == b->probe && a->side == b->side && a->outcome == b->outcome && a->reason == b->reason);
    MUST(str_is(a->key, b->key) && str_is(a->series, b->series) && str_is(a->target, b->target));
    MUST(str_is(a->text, b->text) && a->n == b->n);
    for (size_t i = 0; i < a->n; i++)
        MUST(memcmp(&a->point[i], &b->point[i], sizeof *a->point) == 0); /* the same bits */
}

static void check_quick(const struct hd_question *q, const struct hd_response *in)
{
    ARENA_AUTO a = arena_new();
    struct prometheus_reply ask = {.question = q, .clock = !q->n};
    struct hd_rows quick = {0}, tree = {0};
    uint16_t why[2] = {0, 0};
    struct hd_error err[2] = {{0}, {0}};
    enum hd_code code = prometheus_read(a, &ask, in, &quick, &why[0], &err[0]);
    MUST(code == prometheus_read_tree(a, &ask, in, &tree, &why[1], &err[1]));
    MUST(why[0] == why[1] && strcmp(err[0].text, err[1].text) == 0);
    MUST(quick.n == tree.n && quick.source_now_ms == tree.source_now_ms);
    for (size_t i = 0; i < quick.n; i++)
        check_same_row(&quick.row[i], &tree.row[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > HD_ANSWER_BYTES_MAX)
        return 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        ARENA_AUTO a = arena_new();
        const struct hd_provider *p = hd_provider_find(shapes[i].provider);
        struct hd_response response = reply_parse(a, (const char *)data, size);
        if (str_is(p->name, "exec"))
            response.status = response.status == 200 ? 0 : 1;
        if (str_is(p->name, "prometheus"))
            check_quick(&shapes[i].q, &response);
        struct hd_request request = {0};
        struct hd_exchange both[2] = {{&request, &response}, {&request, &response}};
        struct hd_ask ask = {.n = 1};
        struct hd_rows rows = {0};
        uint16_t reason = 0;
        struct hd_error err = {0};
        void *cfg = new_cfg(a, p, i);
        for (size_t n = 1; n <= 2 && ask.n; n++) {
            enum hd_code code = p->fetch(a, cfg, &shapes[i].q, &(struct hd_talk){both, n}, &ask,
                                         &rows, &reason, &err);
            if (code) {
                MUST(code == err.code && err.text[0]);
                MUST(reason != HD_REASON_NONE);
                break;
            }
            if (!ask.n)
                check_rows(&shapes[i].q, &rows);
        }
    }
    return 0;
}

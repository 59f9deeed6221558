/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what the store kept of a guard, the engine's state and the series memory: refused, or
 * taken in such a way that saving gives the same again, and a guard that goes on from it stays whole.
 */
#include <math.h>

#include "base/arena.h"
#include "engine/counts.h"
#include "engine/engine.h"
#include "store/store.h"

#include "fuzz.h"

#define TEXT_MAX ((size_t)16 << 20)
#define CHECKS 3u

static bool same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && memcmp(buf_at(a), buf_at(b), a->len) == 0;
}

static void go_on(struct hd_guard_state *g)
{
    static const struct hd_check check = {.max = 0.02, .min = NAN, .warn = 0.01,
                                          .worse_than_baseline = 2, .min_of_baseline = NAN,
                                          .fail_after = {HD_RULE_CONSECUTIVE, 3, 0},
                                          .critical = true, .weight = 1, .min_samples = 50};
    const struct hd_check checks[CHECKS] = {check, check, check};
    const struct hd_policy policy = {
        .checks = checks, .n_checks = CHECKS,
        .guard = {.duration_ms = 300000, .interval_ms = 5000, .blind_for_ms = 60000,
                  .fail_after = {HD_RULE_CONSECUTIVE, 3, 0}, .pass_score = NAN},
    };
    for (uint32_t poll = 1; poll <= 4; poll++) {
        struct hd_measurement m[2 * CHECKS];
        for (uint32_t i = 0; i < 2 * CHECKS; i++)
            m[i] = (struct hd_measurement){.check = (uint8_t)(i / 2), .role = i % 2, .fresh = true,
                                           .events = i, .exposure = 100, .value = NAN, .covers_ms = 5000};
        const struct hd_evidence e = {.poll = poll, .scrape_ms = 5000, .m = m, .n = 2 * CHECKS};
        struct hd_verdict v;
        struct hd_error err;
        enum hd_code code = engine_step(&policy, g, &e, g->t_ms + 5000 * poll, g, &v, &err);
        MUST(code == HD_OK || (code == HD_INVALID && *err.text));
        if (code)
            return;
        MUST(v.n <= HD_REASONS_MAX && v.kind <= HD_VERDICT_INCONCLUSIVE);
        MUST(isnan(v.score) || (v.score >= 0 && v.score <= 100));
    }
}

static void try_engine(struct hd_span text)
{
    BUF_AUTO once = BUF_INIT(TEXT_MAX), twice = BUF_INIT(TEXT_MAX);
    struct hd_guard_state g;
    struct hd_error err = {0};
    if (store_state_load(text, &g, &err)) {
        MUST(*err.text && fuzz_plain(err.text));
        return;
    }
    store_state_save(&g, &once);
    MUST(!store_state_load(buf_span(&once), &g, &err));
    store_state_save(&g, &twice);
    MUST(same(&once, &twice));
    if (g.n_checks == CHECKS)
        go_on(&g);
}

static void try_counts(struct hd_span text)
{
    BUF_AUTO once = BUF_INIT(TEXT_MAX), twice = BUF_INIT(TEXT_MAX);
    struct counts *c = NULL;
    struct hd_error err = {0};
    if (counts_load(text, &c, &err)) {
        MUST(*err.text && fuzz_plain(err.text));
        return;
    }
    MUST(counts_scrape_ms(c) >= 0 && counts_window_ms(c, INT64_C(1795000000000), 5000) > 0);
    counts_save(c, &once);
    counts_free(c);
    MUST(!counts_load(buf_span(&once), &c, &err));
    counts_save(c, &twice);
    counts_free(c);
    MUST(same(&once, &twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    struct hd_span text = {arena_text_n(a, (const char *)data, size), size};
    try_engine(text);
    try_counts(text);
    return 0;
}

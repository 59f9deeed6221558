/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps what a backtest judged: every switch as a guard of a new store, with its policy, evidence,
 * verdict and label, so that `haldane replay` and `haldane backtest --guards` judge it again without
 * the source, here or elsewhere. Never touches a store that is there. Called by backtest.c.
 */
#include <unistd.h>

#include "base/arena.h"
#include "cli/backtest.h"
#include "json/json.h"

enum hd_code backtest_save_open(const char *path, struct store **ret, struct hd_error *err)
{
    const struct store_options o = {.path = path};
    if (access(path, F_OK) == 0)
        return hd_fail(err, HD_CONFLICT, "%s: the file exists", path);
    return store_open(&o, ret, err);
}

/* A ULID of the switch and its place: twice the same backtest, twice the same ids. */
static void make_id(int64_t ms, size_t place, char out[27])
{
    static const char digit[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t part[2] = {(uint64_t)ms, place};
    for (int i = 25; i >= 0; i--) {
        uint64_t *from = &part[i > 9];
        out[i] = digit[*from & 31];
        *from >>= 5;
    }
    out[26] = '\0';
}

static void put_reasons(struct hd_arena *a, const struct trial *t, const struct hd_verdict *v, struct buf *to)
{
    struct json_out out = json_out(to);
    json_begin(&out, NULL, '[');
    for (size_t i = 0; i < v->n; i++)
        trial_put_reason(&out, v->reason[i].number, trial_reason(a, t, t->policy, &v->reason[i]));
    json_end(&out, ']');
}

static struct store_guard row_of(const struct tried *x, const struct hd_config *config)
{
    static const int state_of[] = {[HD_VERDICT_NONE] = HD_STATE_SUPERSEDED,
                                   [HD_VERDICT_PASS] = HD_STATE_PASSED,
                                   [HD_VERDICT_FAIL] = HD_STATE_ADVISED,
                                   [HD_VERDICT_INCONCLUSIVE] = HD_STATE_INCONCLUSIVE};
    const struct trial *t = &x->trial;
    const struct hd_verdict *v = &x->end.verdict;
    int64_t ended = t->switch_ms + (x->end.t_ms < 0 ? x->end_ms : x->end.t_ms);
    return (struct store_guard){
        .service = t->policy->name, .state = state_of[v->kind], .mode = HD_MODE_SHADOW, .verdict = v->kind,
        .cause = v->cause, .score = v->score, .trigger = BACKTEST_KEPT, .stable = t->stable,
        .candidate = t->candidate, .switch_from_ms = t->switch_ms, .switch_to_ms = t->switch_ms,
        .started_ms = t->switch_ms, .until_ms = t->switch_ms + t->policy->guard.duration_ms, .ended_ms = ended,
        .decided_ms = -1, .sent_ms = -1, .accepted_ms = -1, .verified_ms = -1, .recovered_ms = -1,
        .bad_since_ms = -1, .headline = "Judged by a backtest", .why = x->why, .config_hash = config->hash,
        .checks = "[]", .marked_ms = -1};
}

static enum hd_code write_rows(struct store *s, const struct tried *x, const struct store_guard *g,
                               struct hd_error *err)
{
    const struct trial *t = &x->trial;
    enum hd_code code = store_add_guard(s, g, err);
    if (!code)
        code = store_put_guard(s, g, err);
    for (size_t i = 0; !code && i < t->n; i++)
        code = store_put_evidence(s, g->id, &t->evidence[i], err);
    if (!code && t->truth != TRIAL_UNKNOWN)
        code = store_mark_guard(s, g->id, t->truth == TRIAL_GOOD, "said to the backtest", "backtest", g->ended_ms,
                                err);
    return code;
}

enum hd_code backtest_save(struct store *s, const struct config *config, struct tried *x, size_t place,
                           struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO pin = BUF_INIT(HD_BLOB_BYTES_MAX);
    BUF_AUTO reasons = BUF_INIT(HD_BLOB_BYTES_MAX);
    struct store_guard g = row_of(x, config_get(config));
    config_pin(config, x->trial.policy, &pin);
    put_reasons(a, &x->trial, &x->end.verdict, &reasons);
    make_id(x->trial.switch_ms, place, g.id);
    g.pin = buf_at(&pin);
    g.reasons = buf_at(&reasons);
    enum hd_code code = store_begin(s, err);
    if (!code)
        code = write_rows(s, x, &g, err);
    if (!code)
        code = store_commit(s, err);
    if (code)
        store_rollback(s);
    return code;
}

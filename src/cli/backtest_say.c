/* SPDX-License-Identifier: Apache-2.0
 *
 * The result of a backtest as text, as JSON and as a picture. Judges nothing. Called by backtest.c.
 */
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"
#include "cli/backtest.h"
#include "cli/table.h"
#include "http/limits.h"
#include "json/json.h"

static const char *const truth_words[] = {
    [TRIAL_UNKNOWN] = NULL, [TRIAL_GOOD] = "good", [TRIAL_BAD] = "bad"};

static bool cut_short(const struct tried *x)
{
    return !x->left_out && x->end.verdict.kind == HD_VERDICT_NONE;
}

static const char *what_of(const struct tried *x)
{
    static const char *const words[] = {[HD_VERDICT_NONE] = "undecided",
                                        [HD_VERDICT_PASS] = "keep",
                                        [HD_VERDICT_FAIL] = "revert",
                                        [HD_VERDICT_INCONCLUSIVE] = "inconclusive"};
    return x->left_out ? NULL : words[x->end.verdict.kind];
}

static int64_t after_ms(const struct tried *x)
{
    return x->left_out ? -1 : cut_short(x) ? x->end_ms : x->end.t_ms;
}

static const char *decision_of(struct hd_arena *a, const struct tried *x)
{
    if (x->left_out)
        return arena_print(a, "left out: %s", x->left_out);
    if (!cut_short(x))
        return x->why;
    if (!x->trial.cut_ms)
        return "cut short: here its evidence ends";
    return arena_print(a, "cut short: traffic moved %s to %s",
                       str_is(x->trial.next, x->trial.stable) ? "back" : "on", x->trial.next);
}

/* Requests that nobody counted may as well never have come as far as the router. */
static const char *why_of(struct hd_arena *a, const struct tried *x)
{
    const char *why = decision_of(a, x);
    if (!x->trial.silent)
        return why;
    return arena_print(a, "%s (no side counted a request, and %s gave no sample: taken for a release that never started; "
                          "an outage in front of both looks the same)", why, x->trial.candidate);
}

/* --- text --- */

static void print_switches(struct backtest *b)
{
    struct table t = {.arena = b->arena, .columns = 6};
    table_row(&t, "SWITCH", "FROM > TO", "WAS", "WOULD", "AFTER", "WHY");
    for (size_t i = 0; i < b->n; i++) {
        const struct tried *x = &b->tried[i];
        table_row(&t, table_time(b->arena, x->trial.switch_ms),
                  arena_print(b->arena, "%s > %s", x->trial.stable, x->trial.candidate),
                  truth_words[x->trial.truth], what_of(x), table_duration(b->arena, after_ms(x)),
                  table_clean(b->arena, why_of(b->arena, x)));
    }
    table_print(&t, stdout);
}

static void print_sweep(struct backtest *b, const struct sweep *s)
{
    (void)printf("\n%s%s%s (all else as it is):\n", s->check ? s->check : "", s->check ? ", " : "", s->limit);
    if (s->without)
        (void)printf("  without %zu switch%s whose policy had none\n", s->without, s->without > 1 ? "es" : "");
    for (size_t i = 0; i < s->n; i++)
        (void)printf("  %c %-8s %s\n", s->row[i].own ? '*' : ' ', sweep_value(b->arena, s, s->row[i].value),
                     sweep_text(b->arena, &s->row[i]));
}

static void print_text(struct backtest *b)
{
    if (!b->n) {
        (void)puts("no switch");
        return;
    }
    print_switches(b);
    for (size_t i = 0; i < b->n_sweeps; i++)
        print_sweep(b, &b->sweep[i]);
}

/* --- JSON --- */

static void put_switch(struct backtest *b, const struct tried *x, struct json_out *out)
{
    const struct hd_verdict *v = &x->end.verdict;
    const struct trial *t = &x->trial;
    json_begin(out, NULL, '{');
    json_put_text(out, "guard", t->name);
    json_put_time(out, "switch_at", t->switch_ms);
    json_put_text(out, "stable", t->stable);
    json_put_text(out, "candidate", t->candidate);
    json_put_text(out, "was", truth_words[t->truth]);
    json_put_text(out, "would", what_of(x));
    json_put_text(out, "verdict", hd_verdict_word(v->kind));
    json_put_text(out, "cause", hd_cause_word(v->cause));
    json_put_double(out, "score", v->score);
    json_put_double(out, "after_s", x->end.t_ms < 0 ? (double)NAN : (double)x->end.t_ms / 1000);
    json_put_text(out, "reason", v->n ? reason_slug(v->reason[0].number) : NULL);
    json_put_text(out, "why", why_of(b->arena, x));
    json_put_i64(out, "polls", (int64_t)x->polls);
    json_put_bool(out, "cut_short", cut_short(x));
    if (t->silent)
        json_put_bool(out, "uncounted", true);
    json_put_time(out, "moved_on_at", t->cut_ms ? t->cut_ms : -1);
    json_put_text(out, "moved_on_to", t->next);
    json_put_text(out, "left_out", x->left_out);
    json_end(out, '}');
}

static void put_sweep(struct backtest *b, const struct sweep *s, struct json_out *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct sweep_row *r = &s->row[i];
        json_begin(out, NULL, '{');
        json_put_text(out, "check", s->check);
        json_put_text(out, "limit", s->limit);
        json_put_double(out, "value", r->value);
        json_put_text(out, "value_text", sweep_value(b->arena, s, r->value));
        json_put_bool(out, "own", r->own);
        json_put_i64(out, "switches", (int64_t)s->judged);
        json_put_i64(out, "without", (int64_t)s->without);
        json_put_i64(out, "reverts", (int64_t)r->reverts);
        json_put_i64(out, "real", (int64_t)r->real);
        json_put_i64(out, "false", (int64_t)r->false_ones);
        json_put_i64(out, "unknown", (int64_t)(r->reverts - r->real - r->false_ones));
        json_put_i64(out, "missed", (int64_t)r->missed);
        json_put_i64(out, "cut_short", (int64_t)r->cut_short);
        json_put_text(out, "text", sweep_text(b->arena, r));
        json_end(out, '}');
    }
}

static void put_json(struct backtest *b, struct buf *to)
{
    struct json_out out = json_out(to);
    json_begin(&out, NULL, '{');
    json_put_text(&out, "service", b->service);
    json_begin(&out, "switches", '[');
    for (size_t i = 0; i < b->n; i++)
        put_switch(b, &b->tried[i], &out);
    json_end(&out, ']');
    json_begin(&out, "sweep", '[');
    for (size_t i = 0; i < b->n_sweeps; i++)
        put_sweep(b, &b->sweep[i], &out);
    json_end(&out, ']');
    json_end(&out, '}');
}

/* --- the picture --- */

static int draw(struct backtest *b, struct hd_span json, const char *file)
{
    BUF_AUTO svg = BUF_INIT(HD_REPLY_BYTES_MAX);
    struct limits limits;
    if (limits_read(b->arena, json, &limits, &b->err))
        return cli_fail(CLI_USAGE, "%s", b->err.text);
    limits_svg(&svg, b->arena, b->service, &limits);
    FILE *to = fopen(file, "w");
    bool ok = to && fwrite(buf_at(&svg), 1, svg.len, to) == svg.len;
    if (to && fclose(to) != 0)
        ok = false;
    return ok ? CLI_OK : cli_fail(CLI_USAGE, "%s cannot be written", file);
}

int backtest_say(struct backtest *b)
{
    BUF_AUTO text = BUF_INIT(HD_REPLY_BYTES_MAX);
    const char *file = cli_option(b->args, "svg");
    put_json(b, &text);
    if (cli_json(b->args))
        (void)puts(buf_at(&text));
    else
        print_text(b);
    return file ? draw(b, buf_span(&text), file) : CLI_OK;
}

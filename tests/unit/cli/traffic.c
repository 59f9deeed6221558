/* SPDX-License-Identifier: Apache-2.0
 *
 * Traffic: pods that are scraped at their own moments, switches among them, and what of it a source
 * can show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/traffic.h"

#define PODS 3
#define SHIFTS 32

/* From then on the colours have these parts of the requests; after it the pods of one are gone. */
struct step {
    int64_t at_ms;
    double share[HD_SIDES_MAX];
    int8_t dead; /* colour + 1 */
};
struct world {
    const char *name;
    int64_t scrape_ms;
    double rps;
    struct step step[8];
    /* Wanted: "+1@600 -1@630": colour 1 rises and falls, at these seconds; '?': a rise that nobody counted. */
    const char *want;
    int64_t missed_ms; /* a scrape of colour 0's first pod that failed; 0: none */
    int8_t never;      /* colour + 1 whose pods were not there before it got traffic; 0: none */
};

static const struct world worlds[] = {
    {"nothing happens", 5000, 100, {{0, {1, 0}}}, ""},
    {"a switch", 5000, 100, {{0, {1, 0}}, {600000, {0, 1}}}, "+1@600 -0@600"},
    {"there and back in 20 s", 5000, 100, {{0, {1, 0}}, {600000, {0, 1}}, {620000, {1, 0}}}, "+1@600 -0@600 +0@620 -1@620"},
    {"there and back in 12 s", 5000, 100, {{0, {1, 0}}, {600000, {0, 1}}, {612000, {1, 0}}}, "+1@600 -0@600 +0@612 -1@612"},
    {"faster than it is scraped", 15000, 100, {{0, {1, 0}}, {600000, {0, 1}}, {610000, {1, 0}}}, "+1@600 -1@610"},
    {"three scrapes of 15 s", 15000, 20, {{0, {1, 0}}, {600000, {0, 1}}, {645000, {1, 0}}},
     "+1@600 -0@600 +0@645 -1@645"},
    {"a request a second", 5000, 1, {{0, {1, 0}}, {600000, {0, 1}}, {660000, {1, 0}}}, "+1@600 -0@600 +0@660 -1@660"},
    {"a canary of 5%", 5000, 100, {{0, {1, 0}}, {600000, {.95, .05}}, {700000, {1, 0}}}, "+1@600 -1@700"},
    {"its steps are one rise", 5000, 100, {{0, {1, 0}}, {600000, {.9, .1}}, {700000, {.5, .5}}, {800000, {0, 1}}},
     "+1@600 -0@800"},
    {"a little beside it is nothing", 5000, 100, {{0, {.995, .005}}}, ""},
    {"a scrape that failed is nothing", 5000, 100, {{0, {.99, .01}}}, "", 600000},
    {"who dies does not fall", 5000, 100, {{0, {1, 0}}, {600000, {0, 1}}, {620000, {0, 1}, 2}, {700000, {1, 0}, 2}},
     "+1@600 -0@600 +0@700"},
    {"a third colour", 5000, 100, {{0, {1, 0, 0}}, {600000, {0, 1, 0}}, {640000, {0, 0, 1}}},
     "+1@600 -0@600 -1@640 +2@640"},
    {"a release that crashes at its start", 5000, 100,
     {{0, {.5, 0, .5}}, {300000, {1, 0, 0}}, {600000, {0, 1}, 2}, {660000, {1, 0}, 2}},
     "-2@300 ?1@600 -1@660", 0, 2},
    {"the same, and nobody takes it back", 15000, 10, {{0, {1, 0}}, {600000, {0, 1}, 2}}, "?1@600", 0, 2},
    {"it starts after all", 5000, 100, {{0, {1, 0}}, {600000, {0, 1}, 2}, {640000, {0, 1}}}, "?1@600 +1@640 -0@600", 0, 2},
    {"requests stop", 5000, 100, {{0, {1, 0}}, {600000, {0, 0}}}, ""},
    {"a few that always come, beside a dead side", 5000, 100,
     {{0, {1, 0}}, {600000, {.002, .998}}, {620000, {.002, .998}, 2}}, "+1@600 -0@600"},
};

static const struct step *step_at(const struct world *w, int64_t at_ms)
{
    const struct step *s = &w->step[0];
    for (size_t i = 1; i < 8 && w->step[i].at_ms; i++) {
        if (w->step[i].at_ms <= at_ms)
            s = &w->step[i];
    }
    return s;
}

/* Fills what each bin holds: every pod is scraped at its own offset, and tells what it counted since. */
static size_t run(const struct world *w, struct traffic_shift *ret)
{
    static struct traffic t;
    double counted[HD_SIDES_MAX][PODS] = {{0}};
    size_t n = 0;
    struct traffic_bin bin = {.requests = {0}};
    traffic_begin(&t, 3, .01, w->scrape_ms);
    for (int64_t ms = 100; ms <= 900000; ms += 100) {
        const struct step *s = step_at(w, ms - 100);
        for (int c = 0; c < 3; c++) {
            for (int p = 0; p < PODS; p++) {
                int64_t offset = (int64_t)(c * PODS + p) * w->scrape_ms / 10 / 100 * 100;
                counted[c][p] += w->rps * .1 * s->share[c] / PODS;
                if (ms % w->scrape_ms != offset || s->dead == c + 1 || (w->never == c + 1 && !(s->share[c] > 0)) ||
                    (w->missed_ms && !c && ms / w->scrape_ms == w->missed_ms / w->scrape_ms))
                    continue;
                bin.seen[c] = true;
                double whole = (double)(int64_t)(counted[c][p] + 1e-6);
                bin.requests[c] += whole;
                counted[c][p] -= whole;
            }
        }
        if (ms % t.bin_ms == 0) {
            n += traffic_take(&t, ms, &bin, ret + n);
            if (n + HD_SIDES_MAX > SHIFTS)
                return n;
            bin = (struct traffic_bin){.requests = {0}};
        }
    }
    return n;
}

static void holds(const struct world *w, const struct traffic_shift *s, size_t n)
{
    const char *at = w->want;
    size_t wanted = 0;
    int64_t slack_ms = (int64_t)(3000 / w->rps); /* until the first requests come */
    for (; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' ')) {
        char sign;
        int colour, second, found = 0;
        assert_int_equal(sscanf(at, "%c%d@%d", &sign, &colour, &second), 3);
        wanted++;
        for (size_t i = 0; i < n; i++)
            found += s[i].colour == colour && s[i].up == (sign != '-') && s[i].silent == (sign == '?') &&
                     s[i].after_ms <= second * 1000 + slack_ms &&
                     s[i].by_ms >= second * 1000 && s[i].by_ms - s[i].after_ms <= 2 * w->scrape_ms + 6000;
        if (found != 1)
            goto wrong;
    }
    if (wanted == n)
        return;
wrong:
    for (size_t i = 0; i < n; i++)
        print_message("  %c%d after %.1f by %.1f before %d\n", s[i].up ? '+' : '-', s[i].colour,
                      (double)s[i].after_ms / 1000, (double)s[i].by_ms / 1000, s[i].before);
    fail_msg("%s: wanted %s", w->name, w->want);
}

static void switches_are_seen_through_scrapes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof worlds / sizeof *worlds; i++) {
        struct traffic_shift s[SHIFTS];
        holds(&worlds[i], s, run(&worlds[i], s));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(switches_are_seen_through_scrapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

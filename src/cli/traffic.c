/* SPDX-License-Identifier: Apache-2.0
 *
 * See traffic.h. A window as long as one scrape holds one sample of every target, whatever their
 * offsets; longer ones serve little traffic. A colour has shifted once chance explains the requests
 * of a window with less than TINY probability. Called by find.c.
 */
#include "cli/traffic.h"

#include <math.h>

#define TINY 13.8          /* ln of one in a million: a day has a hundred thousand windows */
#define LEAST 5            /* requests that a window must hold */
#define WINDOW_MS 60000    /* the longest one, while there are four scrapes in it */
#define WINDOW_BINS (TRAFFIC_BINS / 2 - 4)
#define WHOLE_SCRAPES 3    /* from so many on a colour that was not scraped in it has no targets left */

int64_t traffic_bin_ms(int64_t scrape_ms)
{
    int64_t bin_ms = scrape_ms / 5 / 1000 * 1000;
    return bin_ms > 1000 ? bin_ms : 1000;
}

/* One scrape, and a bin for its jitter. */
static size_t scrape_bins(const struct traffic *t)
{
    return (size_t)((t->scrape_ms + t->bin_ms - 1) / t->bin_ms) + 1;
}

static size_t longest(const struct traffic *t)
{
    size_t minute = (size_t)(WINDOW_MS / t->bin_ms), four = 4 * scrape_bins(t);
    size_t n = minute > four ? minute : four;
    return n < WINDOW_BINS ? n : WINDOW_BINS;
}

int64_t traffic_lead_ms(int64_t scrape_ms)
{
    struct traffic t = {.scrape_ms = scrape_ms, .bin_ms = traffic_bin_ms(scrape_ms)};
    return (int64_t)(longest(&t) + 2) * t.bin_ms;
}

void traffic_begin(struct traffic *t, uint32_t n_colours, double limit, int64_t scrape_ms)
{
    *t = (struct traffic){.n_colours = n_colours,
                          .limit = limit,
                          .scrape_ms = scrape_ms,
                          .bin_ms = traffic_bin_ms(scrape_ms),
                          .silent = -1,
                          .quiet = -1};
}

/* Requests of a colour in the `len` bins that end `back` bins ago. */
static double counted(const struct traffic *t, size_t back, size_t len, uint32_t colour)
{
    size_t to = t->n - 1 - back, from = to - len;
    double begin = back + len < t->n ? t->sum[from % TRAFFIC_BINS][colour] : 0;
    return t->sum[to % TRAFFIC_BINS][colour] - begin;
}

static double counted_all(const struct traffic *t, size_t back, size_t len)
{
    double all = 0;
    for (uint32_t c = 0; c < t->n_colours; c++)
        all += counted(t, back, len, c);
    return all;
}

static bool was_seen(const struct traffic *t, size_t back, size_t len, uint32_t colour)
{
    for (size_t i = back; i < back + len && i < t->n; i++) {
        if (t->seen[(t->n - 1 - i) % TRAFFIC_BINS][colour])
            return true;
    }
    return false;
}

/* By Chernoff's bound: ln of the chance that x of n, or fewer (more), come about with share p. */
static double against(double x, double n, double p)
{
    double share = x / n, y = 0;
    if (p <= 0 || p >= 1)
        return share == p ? 0 : INFINITY;
    if (share > 0)
        y += share * log(share / p);
    if (share < 1)
        y += (1 - share) * log((1 - share) / (1 - p));
    return n * y;
}

/* Has the window evidence of everybody? A scrape that failed must not make a shift. */
static bool is_whole(const struct traffic *t, size_t len)
{
    size_t whole = WHOLE_SCRAPES * scrape_bins(t);
    for (uint32_t c = 0; c < t->n_colours && len < whole; c++) {
        if (was_seen(t, len, whole, c) && !was_seen(t, 0, len, c))
            return false;
    }
    return true;
}

/* Requests that a window of `len` bins would hold, had all gone on as in the bins before it. */
static double expected(const struct traffic *t, size_t len, uint32_t colour)
{
    size_t past = longest(t);
    if (len + past + 1 > t->n)
        past = t->n > len + 1 ? t->n - len - 1 : 0;
    return past ? counted(t, len, past, colour) / (double)past * (double)len : 0;
}

/* All requests of a window, with those of a colour that has traffic and gives no sample: beside it, the few that
 * another always gets are no rise. */
static double with_uncounted(const struct traffic *t, size_t len)
{
    double n = counted_all(t, 0, len);
    for (uint32_t c = 0; c < t->n_colours; c++) {
        if (t->side[c].up && t->side[c].rate > 0 && !was_seen(t, 0, len, c))
            n += t->side[c].rate * (double)len;
    }
    return n;
}

static bool has_risen(const struct traffic *t, size_t len, uint32_t colour)
{
    double x = counted(t, 0, len, colour), n = with_uncounted(t, len);
    return t->n - len >= t->side[colour].fell && x >= LEAST && x > t->limit * n && against(x, n, t->limit) > TINY;
}

/* A colour without any sample may have died of the release: that is no move back. */
static bool has_fallen(const struct traffic *t, size_t len, uint32_t colour)
{
    double x = counted(t, 0, len, colour), n = counted_all(t, 0, len);
    size_t last = t->n - 1 - len;
    double mine = t->sum[last % TRAFFIC_BINS][colour] - t->side[colour].mine, all = -t->side[colour].all;
    for (uint32_t c = 0; c < t->n_colours; c++)
        all += t->sum[last % TRAFFIC_BINS][c];
    return n >= LEAST && x <= t->limit * n && mine > 0 && all >= LEAST && mine > t->limit * all &&
           was_seen(t, 0, len, colour) && against(x, n, mine / all) > TINY;
}

/* Bins ago: the first one of the window with requests of the colour, or the newest before it. */
static size_t first_busy(const struct traffic *t, size_t len, uint32_t colour)
{
    size_t back = len - 1;
    while (back > 0 && counted(t, back, 1, colour) <= 0)
        back--;
    return back;
}

static size_t last_busy(const struct traffic *t, uint32_t colour)
{
    size_t back = 0, most = t->n < WINDOW_BINS ? t->n - 1 : WINDOW_BINS;
    while (back < most && counted(t, back, 1, colour) <= 0)
        back++;
    return back;
}

/* The colour with most requests in the bins before `back`. */
static int8_t leader(const struct traffic *t, size_t back, uint32_t but)
{
    size_t len = longest(t);
    int8_t best = -1;
    double most = 0;
    if (back + len + 2 > t->n)
        len = t->n > back + 2 ? t->n - back - 2 : 0;
    for (uint32_t c = 0; c < t->n_colours; c++) {
        double x = counted(t, back + 1, len, c);
        if (c != but && x > most) {
            most = x;
            best = (int8_t)c;
        }
    }
    return best;
}

/* Would a scrape have shown traffic, had there been any? */
static bool is_dense(const struct traffic *t, size_t back, uint32_t colour)
{
    double bins = 0;
    for (size_t i = 0; i <= back; i++)
        bins += counted(t, i, 1, colour) > 0;
    return counted(t, 0, back + 1, colour) > TINY * bins;
}

static void rise(struct traffic *t, int64_t end_ms, size_t len, uint32_t colour,
                 struct traffic_shift *ret)
{
    size_t back = first_busy(t, len, colour), idle = back + 1;
    int64_t by_ms = end_ms - (int64_t)back * t->bin_ms, after_ms = by_ms - t->bin_ms - t->scrape_ms;
    while (idle < back + scrape_bins(t) && !was_seen(t, idle, 1, colour))
        idle++;
    if (is_dense(t, back, colour) && was_seen(t, idle, 1, colour) && counted(t, idle, 1, colour) <= 0) {
        int64_t idle_ms = end_ms - (int64_t)(idle + 1) * t->bin_ms; /* a scrape without requests */
        after_ms = idle_ms > after_ms ? idle_ms : after_ms;
    }
    *ret = (struct traffic_shift){.after_ms = after_ms, .by_ms = by_ms, .colour = (int8_t)colour,
                                  .before = leader(t, back, colour), .next = -1, .up = true};
    size_t at = t->n >= back + 2 ? t->n - 2 - back : 0;
    t->side[colour].mine = t->side[colour].all = 0;
    for (uint32_t c = 0; c < t->n_colours; c++)
        t->side[colour].all += t->sum[at % TRAFFIC_BINS][c];
    t->side[colour].mine = t->sum[at % TRAFFIC_BINS][colour];
}

/* Who has most requests in a window; -1: nobody. */
static int8_t busiest(const struct traffic *t, size_t len)
{
    int8_t best = -1;
    double most = 0;
    for (uint32_t c = 0; c < t->n_colours; c++) {
        double x = counted(t, 0, len, c);
        best = x > most ? (int8_t)c : best;
        most = x > most ? x : most;
    }
    return best;
}

static void fall(struct traffic *t, int64_t end_ms, size_t len, uint32_t colour, struct traffic_shift *ret)
{
    size_t back = last_busy(t, colour);
    int64_t by_ms = end_ms - (int64_t)back * t->bin_ms;
    *ret = (struct traffic_shift){.after_ms = by_ms - t->bin_ms - t->scrape_ms, .by_ms = by_ms,
                                  .colour = (int8_t)colour, .before = (int8_t)colour, .next = busiest(t, len)};
    t->side[colour].fell = t->n - back;
}

/* Who has the traffic at first; a state with no requests is nobody's. */
static void settle(struct traffic *t)
{
    double all = counted_all(t, 0, longest(t));
    for (uint32_t c = 0; all >= LEAST && c < t->n_colours; c++) {
        t->side[c].known = true;
        t->side[c].up = counted(t, 0, longest(t), c) > t->limit * all;
    }
}

static bool shifted(struct traffic *t, int64_t end_ms, size_t len, uint32_t colour,
                    struct traffic_shift *ret)
{
    bool up = t->side[colour].up;
    if (up ? !has_fallen(t, len, colour) : !has_risen(t, len, colour))
        return false;
    if (up)
        fall(t, end_ms, len, colour, ret);
    else
        rise(t, end_ms, len, colour, ret);
    t->side[colour].up = !up;
    return true;
}

/* --- a rise that nobody counted --- */

/* The one colour without a sample in a window; -1: none, or several. */
static int8_t only_unseen(const struct traffic *t, size_t len)
{
    int8_t found = -1;
    for (uint32_t c = 0; c < t->n_colours; c++) {
        if (was_seen(t, 0, len, c))
            continue;
        if (found >= 0)
            return -1;
        found = (int8_t)c;
    }
    return found;
}

/* Who had the requests is scraped and gets none, by less than chance, and nobody else gets any. */
static bool is_quiet(const struct traffic *t, size_t len, uint32_t colour)
{
    return t->side[colour].up && was_seen(t, 0, scrape_bins(t), colour) && counted_all(t, 0, len) <= 0 &&
           expected(t, len, colour) > 2 * TINY;
}

static bool fell_silent(struct traffic *t, int64_t end_ms, uint32_t colour, struct traffic_shift *ret)
{
    size_t len = 2 * scrape_bins(t), back = last_busy(t, colour);
    int8_t to = only_unseen(t, len);
    if (to < 0 || !is_quiet(t, len, colour))
        return false;
    int64_t by_ms = end_ms - (int64_t)back * t->bin_ms;
    *ret = (struct traffic_shift){.after_ms = by_ms - t->bin_ms - t->scrape_ms, .by_ms = by_ms, .colour = to,
                                  .before = (int8_t)colour, .next = -1, .up = true, .silent = true};
    t->silent = to;
    t->quiet = (int8_t)colour;
    return true;
}

/* It ends when requests are counted again: of who had them before, a move back; else an ordinary rise tells. */
static bool is_heard(struct traffic *t, int64_t end_ms, struct traffic_shift *ret)
{
    size_t len = scrape_bins(t);
    int8_t next = busiest(t, len);
    if (next < 0 || counted(t, 0, len, (uint32_t)next) < LEAST)
        return false;
    int64_t by_ms = end_ms - (int64_t)first_busy(t, len, (uint32_t)next) * t->bin_ms;
    *ret = (struct traffic_shift){.after_ms = by_ms - t->bin_ms - t->scrape_ms, .by_ms = by_ms, .colour = t->silent,
                                  .before = t->silent, .next = next};
    t->silent = -1;
    return next == t->quiet;
}

static size_t take_silence(struct traffic *t, int64_t end_ms, struct traffic_shift *ret)
{
    if (t->silent >= 0)
        return is_heard(t, end_ms, ret);
    for (uint32_t c = 0; c < t->n_colours; c++) {
        if (fell_silent(t, end_ms, c, ret))
            return 1;
    }
    return 0;
}

size_t traffic_take(struct traffic *t, int64_t end_ms, const struct traffic_bin *bin,
                    struct traffic_shift ret[HD_SIDES_MAX])
{
    size_t now = t->n % TRAFFIC_BINS, last = (t->n + TRAFFIC_BINS - 1) % TRAFFIC_BINS, found = 0;
    for (uint32_t c = 0; c < t->n_colours; c++) {
        t->sum[now][c] = (t->n ? t->sum[last][c] : 0) + bin->requests[c];
        t->seen[now][c] = bin->seen[c];
    }
    t->n++;
    for (uint32_t c = 0; c < t->n_colours; c++) { /* while it tells */
        if (t->side[c].up && t->n > longest(t) && was_seen(t, 0, scrape_bins(t), c))
            t->side[c].rate = counted(t, 0, scrape_bins(t), c) / (double)scrape_bins(t);
    }
    if (t->n <= longest(t))
        return 0;
    if (!t->side[0].known) {
        settle(t);
        return 0;
    }
    for (uint32_t c = 0; c < t->n_colours; c++) {
        bool done = false;
        for (size_t len = scrape_bins(t); !done && len <= longest(t); len *= 2) {
            done = is_whole(t, len) && shifted(t, end_ms, len, c, &ret[found]);
            found += done;
        }
    }
    return found ? found : take_silence(t, end_ms, &ret[0]);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the series memory as haldane 0.1 wrote it before its schema 10: a line "haldane-counts 1", a
 * line per role, the number of series, a line per series, every field one 64-bit word in hex. Writes
 * nothing any more. Called by memory.c.
 */
#include "engine/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "haldane-counts 1\n"

struct reader {
    const char *at, *end;
    bool bad;
};

/* One hex word and the character after it. */
static uint64_t take_word(struct reader *in, char after)
{
    uint64_t word = 0;
    int digits = 0;
    for (; in->at < in->end && *in->at != after; in->at++, digits++) {
        char c = *in->at;
        unsigned v = c >= '0' && c <= '9' ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16u;
        if (v == 16 || digits == 16) {
            in->bad = true;
            break;
        }
        word = word << 4 | v;
    }
    if (in->bad || !digits || in->at == in->end) {
        in->bad = true;
        return 0;
    }
    in->at++;
    return word;
}

/* Times out of range would overflow when they are subtracted. */
static int64_t take_time(struct reader *in, char after)
{
    int64_t ms = (int64_t)take_word(in, after);
    if (ms < COUNTS_NEVER || ms > COUNTS_TIME_MAX)
        in->bad = true;
    return in->bad ? 0 : ms;
}

static void take_role(struct reader *in, struct counts_role *role)
{
    role->looked_ms = take_time(in, ' ');
    role->covered_ms = take_time(in, ' ');
    role->newest_ms = take_time(in, ' ');
    role->steps = take_word(in, ' ');
    for (int i = 0; i < COUNTS_STEPS; i++) {
        role->step[i] = take_time(in, i + 1 < COUNTS_STEPS ? ' ' : '\n');
        in->bad |= role->step[i] < 0;
    }
}

static void take_series(struct reader *in, struct counts_series *s)
{
    s->target = take_word(in, ' ');
    s->id[0] = take_word(in, ' ');
    s->id[1] = take_word(in, ' ');
    s->first_ms = take_time(in, ' ');
    s->last_ms = take_time(in, ' ');
    uint64_t bits = take_word(in, '\n');
    memcpy(&s->last, &bits, sizeof bits);
    if (!isfinite(s->last) || s->last < 0)
        in->bad = true;
}

static bool take_all(struct reader *in, struct counts *c)
{
    for (int r = 0; r < HD_ROLES; r++)
        take_role(in, &c->role[r]);
    uint64_t n = take_word(in, '\n');
    in->bad |= n > HD_SERIES_MAX;
    if (in->bad)
        return false;
    c->series = calloc(n ? n : 1, sizeof *c->series);
    for (; c->series && c->n < n && !in->bad; c->n++) {
        struct counts_series *s = &c->series[c->n];
        take_series(in, s);
        if (c->n && counts_series_order(s[-1].target, s[-1].id, s->target, s->id) >= 0)
            in->bad = true;
    }
    return !in->bad && in->at == in->end;
}

bool counts_load_text(struct hd_span text, struct counts *ret)
{
    size_t head = strlen(HEAD);
    struct reader in = {text.at + head, text.at + text.len, false};
    return text.len >= head && memcmp(text.at, HEAD, head) == 0 && take_all(&in, ret);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Saves and loads the series memory as text: a line "haldane-counts 1", a line per role, a line
 * per series, every field one 64-bit word in hex (doubles by their bits, so nothing is rounded).
 * Decides nothing. Called by pipeline/ with the guard's state.
 */
#include "engine/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define VERSION 1
#define HEAD "haldane-counts "

struct counts *counts_new(void)
{
    struct counts *c = calloc(1, sizeof *c);
    for (int r = 0; c && r < HD_ROLES; r++)
        c->role[r].looked_ms = c->role[r].covered_ms = c->role[r].newest_ms = COUNTS_NEVER;
    return c;
}

struct counts *counts_free(struct counts *c)
{
    if (c)
        free(c->series);
    free(c);
    return NULL;
}

int counts_series_order(uint64_t target_a, const uint64_t id_a[2], uint64_t target_b,
                        const uint64_t id_b[2])
{
    if (target_a != target_b)
        return target_a < target_b ? -1 : 1;
    if (id_a[0] != id_b[0])
        return id_a[0] < id_b[0] ? -1 : 1;
    return id_a[1] < id_b[1] ? -1 : id_a[1] > id_b[1];
}

static void put_word(struct buf *to, uint64_t word, char after)
{
    static const char digit[] = "0123456789abcdef";
    char text[17];
    size_t at = sizeof text - 1;
    text[at] = after;
    do
        text[--at] = digit[word & 15];
    while (word >>= 4);
    buf_add(to, text + at, sizeof text - at);
}

static void put_time(struct buf *to, int64_t ms, char after) { put_word(to, (uint64_t)ms, after); }

void counts_save(const struct counts *c, struct buf *to)
{
    buf_print(to, HEAD "%d\n", VERSION);
    for (int r = 0; r < HD_ROLES; r++) {
        const struct counts_role *role = &c->role[r];
        put_time(to, role->looked_ms, ' ');
        put_time(to, role->covered_ms, ' ');
        put_time(to, role->newest_ms, ' ');
        put_word(to, role->steps, ' ');
        for (int i = 0; i < COUNTS_STEPS; i++)
            put_time(to, role->step[i], i + 1 < COUNTS_STEPS ? ' ' : '\n');
    }
    put_word(to, c->n, '\n');
    for (size_t i = 0; i < c->n; i++) {
        const struct counts_series *s = &c->series[i];
        uint64_t bits;
        memcpy(&bits, &s->last, sizeof bits);
        put_word(to, s->target, ' ');
        put_word(to, s->id[0], ' ');
        put_word(to, s->id[1], ' ');
        put_time(to, s->first_ms, ' ');
        put_time(to, s->last_ms, ' ');
        put_word(to, bits, '\n');
    }
}

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
    for (int i = 0; i < COUNTS_STEPS; i++)
        role->step[i] = take_time(in, i + 1 < COUNTS_STEPS ? ' ' : '\n');
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

enum hd_code counts_load(struct hd_span text, struct counts **ret, struct hd_error *err)
{
    struct reader in = {text.at, text.at + text.len, false};
    size_t head = strlen(HEAD);
    if (text.len < head || memcmp(text.at, HEAD, head) != 0)
        return hd_fail(err, HD_PARSE, "series memory: not one of haldane's");
    in.at += head;
    uint64_t version = take_word(&in, '\n');
    if (!in.bad && version > VERSION)
        return hd_fail(err, HD_VERSION, "series memory: written by a newer haldane");
    struct counts *c = counts_new();
    if (!c)
        return hd_fail(err, HD_NOMEM, "series memory: no memory");
    if (in.bad || version != VERSION || !take_all(&in, c)) {
        bool none = !in.bad && !c->series;
        counts_free(c);
        return none ? hd_fail(err, HD_NOMEM, "series memory: no memory")
                    : hd_fail(err, HD_PARSE, "series memory: damaged at byte %zu",
                              (size_t)(in.at - text.at));
    }
    *ret = c;
    return HD_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Saves and loads the series memory, exactly, in few bytes: it is written with every poll. Decides
 * nothing. Called by pipeline/ with the guard's state. Layout (base/pack.h):
 *
 *     1 byte    version: 2
 *     per role: signed looked_ms, covered_ms, newest_ms; varint steps; then runs of equal steps
 *               (varint number, signed step) until there are COUNTS_STEPS
 *     varint    number of series, by target:
 *         8 bytes  target, varint number of its series, each:
 *             16 bytes  id
 *             signed    newest_ms of all - last_ms, last_ms - first_ms
 *             1 byte    form of the last value, and the value
 */
#include "engine/memory.h"

#include <math.h>
#include <stdlib.h>

#include "base/pack.h"

#define VERSION 2

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

/* --- writing --- */

static void put_role(struct buf *to, const struct counts_role *role)
{
    pack_signed(to, role->looked_ms);
    pack_signed(to, role->covered_ms);
    pack_signed(to, role->newest_ms);
    pack_varint(to, role->steps);
    for (int i = 0, n; i < COUNTS_STEPS; i += n) { /* all alike, nearly always */
        for (n = 1; i + n < COUNTS_STEPS && role->step[i + n] == role->step[i];)
            n++;
        pack_varint(to, (uint64_t)n);
        pack_signed(to, role->step[i]);
    }
}

/* Times are told from the newest one of all, so that most take a byte or two. */
static int64_t newest_of(const struct counts *c)
{
    int64_t a = c->role[HD_STABLE].newest_ms, b = c->role[HD_CANDIDATE].newest_ms;
    return a > b ? a : b;
}

static void put_series(struct buf *to, const struct counts_series *s, int64_t newest_ms)
{
    pack_raw(to, s->id[0]);
    pack_raw(to, s->id[1]);
    pack_signed(to, newest_ms - s->last_ms);
    pack_signed(to, s->last_ms - s->first_ms);
    buf_byte(to, (char)pack_form(s->last));
    pack_double(to, s->last);
}

void counts_save(const struct counts *c, struct buf *to)
{
    buf_byte(to, VERSION);
    for (int r = 0; r < HD_ROLES; r++)
        put_role(to, &c->role[r]);
    pack_varint(to, c->n);
    for (size_t i = 0, n; i < c->n; i += n) {
        for (n = 1; i + n < c->n && c->series[i + n].target == c->series[i].target;)
            n++;
        pack_raw(to, c->series[i].target);
        pack_varint(to, n);
        for (size_t k = i; k < i + n; k++)
            put_series(to, &c->series[k], newest_of(c));
    }
}

/* --- reading --- */

static int64_t time_of(struct unpack *in, int64_t ms)
{
    in->bad |= ms < COUNTS_NEVER || ms > COUNTS_TIME_MAX; /* they are subtracted: no overflow */
    return in->bad ? 0 : ms;
}

static int64_t take_time(struct unpack *in) { return time_of(in, unpack_signed(in)); }

static int64_t take_before(struct unpack *in, int64_t ms)
{
    int64_t before = 0;
    in->bad |= __builtin_sub_overflow(ms, unpack_signed(in), &before);
    return time_of(in, before);
}

static void take_role(struct unpack *in, struct counts_role *role)
{
    role->looked_ms = take_time(in);
    role->covered_ms = take_time(in);
    role->newest_ms = take_time(in);
    role->steps = unpack_varint(in, UINT64_MAX);
    for (int i = 0; i < COUNTS_STEPS && !in->bad;) {
        int n = (int)unpack_varint(in, (uint64_t)(COUNTS_STEPS - i));
        int64_t step = take_time(in);
        in->bad |= n == 0 || step < 0;
        for (; n > 0; n--)
            role->step[i++] = step;
    }
}

static void take_series(struct unpack *in, struct counts_series *s, int64_t newest_ms)
{
    s->id[0] = unpack_raw(in);
    s->id[1] = unpack_raw(in);
    s->last_ms = take_before(in, newest_ms);
    s->first_ms = take_before(in, s->last_ms);
    s->last = unpack_double(in, unpack_byte(in));
}

static bool take_all(struct unpack *in, struct counts *c)
{
    for (int r = 0; r < HD_ROLES; r++)
        take_role(in, &c->role[r]);
    size_t n = (size_t)unpack_varint(in, HD_SERIES_MAX), left = 0;
    c->series = calloc(n ? n : 1, sizeof *c->series);
    uint64_t target = 0;
    for (; c->series && c->n < n && !in->bad; c->n++, left--) {
        struct counts_series *s = &c->series[c->n];
        if (left == 0) {
            target = unpack_raw(in);
            left = (size_t)unpack_varint(in, n - c->n);
            in->bad |= left == 0;
        }
        s->target = target;
        take_series(in, s, newest_of(c));
        in->bad |= !isfinite(s->last) || s->last < 0;
        in->bad |= c->n && counts_series_order(s[-1].target, s[-1].id, s->target, s->id) >= 0;
    }
    return !in->bad && in->at == in->end;
}

enum hd_code counts_load(struct hd_span bytes, struct counts **ret, struct hd_error *err)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    struct unpack in = {at, at + bytes.len, false};
    uint8_t version = unpack_byte(&in);
    if (!in.bad && version > VERSION && version < ' ')
        return hd_fail(err, HD_VERSION, "series memory: written by a newer haldane");
    struct counts *c = counts_new();
    if (!c)
        return hd_fail(err, HD_NOMEM, "series memory: no memory");
    if (version == VERSION ? take_all(&in, c) : counts_load_text(bytes, c)) {
        counts_learn_scrape(c);
        *ret = c;
        return HD_OK;
    }
    counts_free(c);
    return hd_fail(err, HD_PARSE, "series memory: damaged, or not one of haldane's");
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence, one packed row per guard and poll, and changes of bands. What replay reads must be
 * exact: doubles keep every bit. Layout of the blob:
 *
 *     1 byte    version: 2 with a past, else 1
 *     1 byte    bit 0 backfill, bits 1-2 presence known (stable, candidate)
 *     varint    scrape_ms (zigzag)
 *     per known presence: varints share_ppm, ready + 1, wanted + 1 (0: unknown)
 *     varint    number of measurements, each:
 *         3 bytes  check, role | fresh << 7, outcome
 *         varint   reason
 *         1 byte   forms of events, exposure, value: two bits each
 *         doubles  by form: 0 nothing (+0.0) · 1 varint (a whole number) · 2 the usual NaN, nothing
 *                  · 3 eight bytes, little-endian
 *         varints  age_ms, covers_ms (zigzag)
 *     version 2: varint number of pasts, each:
 *         1 byte   check
 *         varint   step_ms (zigzag)
 *         9 x      1 byte form and a double as above: rho, between, events, exposure, limit, bad,
 *                  polls
 */
#include <math.h>

#include "base/arena.h"
#include "store/sql.h"

#define VERSION 2
#define VERSION_BARE 1 /* without a past: an older haldane reads it too */
#define PAST_DOUBLES 9
#define MEASUREMENTS_MAX ((size_t)HD_CHECKS_MAX * HD_ROLES)
#define WHOLE_MAX 9007199254740992.0 /* 2^53 */

enum form { FORM_ZERO, FORM_WHOLE, FORM_NAN, FORM_RAW };

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static enum form form_of(double v)
{
    if (bits_of(v) == 0)
        return FORM_ZERO;
    if (bits_of(v) == bits_of((double)NAN))
        return FORM_NAN;
    return v > 0 && v <= WHOLE_MAX && floor(v) == v ? FORM_WHOLE : FORM_RAW;
}

static void put_varint(struct buf *to, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_byte(to, (char)(v | 0x80));
    buf_byte(to, (char)v);
}

static void put_signed(struct buf *to, int64_t v)
{
    put_varint(to, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static void put_double(struct buf *to, double v)
{
    enum form form = form_of(v);
    uint64_t bits = bits_of(v);
    if (form == FORM_WHOLE)
        put_varint(to, (uint64_t)v);
    for (int i = 0; form == FORM_RAW && i < 8; i++)
        buf_byte(to, (char)(bits >> (8 * i)));
}

static void put_presence(struct buf *to, const struct hd_presence *presence)
{
    if (!presence->known)
        return;
    put_varint(to, presence->share_ppm);
    put_varint(to, (uint32_t)(presence->ready + 1));
    put_varint(to, (uint32_t)(presence->wanted + 1));
}

static void put_measurement(struct buf *to, const struct hd_measurement *m)
{
    buf_byte(to, (char)m->check);
    buf_byte(to, (char)(m->role | (m->fresh ? 0x80 : 0)));
    buf_byte(to, (char)m->outcome);
    put_varint(to, m->reason);
    buf_byte(to, (char)(form_of(m->events) | form_of(m->exposure) << 2 | form_of(m->value) << 4));
    put_double(to, m->events);
    put_double(to, m->exposure);
    put_double(to, m->value);
    put_signed(to, m->age_ms);
    put_signed(to, m->covers_ms);
}

static void put_past(struct buf *to, const struct hd_past *past)
{
    const double v[PAST_DOUBLES] = {past->rho, past->between, past->events, past->exposure,
                                    past->limit, past->bad[0], past->bad[1], past->polls[0],
                                    past->polls[1]};
    buf_byte(to, (char)past->check);
    put_signed(to, past->step_ms);
    for (size_t i = 0; i < PAST_DOUBLES; i++) {
        buf_byte(to, (char)form_of(v[i]));
        put_double(to, v[i]);
    }
}

void store_evidence_pack(const struct hd_evidence *e, struct buf *to)
{
    buf_byte(to, e->n_past ? VERSION : VERSION_BARE);
    buf_byte(to, (char)(e->backfill | e->presence[HD_STABLE].known << 1 |
                        e->presence[HD_CANDIDATE].known << 2));
    put_signed(to, e->scrape_ms);
    put_presence(to, &e->presence[HD_STABLE]);
    put_presence(to, &e->presence[HD_CANDIDATE]);
    put_varint(to, e->n);
    for (size_t i = 0; i < e->n; i++)
        put_measurement(to, &e->m[i]);
    if (e->n_past)
        put_varint(to, e->n_past);
    for (size_t i = 0; i < e->n_past; i++)
        put_past(to, &e->past[i]);
}

/* The rest of a blob; `bad` stays set once anything did not fit. */
struct reader {
    const unsigned char *at, *end;
    bool bad;
};

static uint8_t take_byte(struct reader *in)
{
    if (in->at == in->end) {
        in->bad = true;
        return 0;
    }
    return *in->at++;
}

static uint64_t take_varint(struct reader *in, uint64_t max)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = take_byte(in);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            in->bad |= v > max;
            return v;
        }
    }
    in->bad = true;
    return 0;
}

static int64_t take_signed(struct reader *in)
{
    uint64_t v = take_varint(in, UINT64_MAX);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static double take_double(struct reader *in, unsigned form)
{
    uint64_t bits = 0;
    switch (form & 3) {
    case FORM_WHOLE:
        return (double)take_varint(in, (uint64_t)WHOLE_MAX);
    case FORM_NAN:
        return NAN;
    case FORM_RAW:
        for (int i = 0; i < 8; i++)
            bits |= (uint64_t)take_byte(in) << (8 * i);
        return double_of(bits);
    default:
        return 0.0;
    }
}

static void take_presence(struct reader *in, bool known, struct hd_presence *ret)
{
    ret->known = known;
    if (!known)
        return;
    ret->share_ppm = (uint32_t)take_varint(in, UINT32_MAX);
    ret->ready = (uint32_t)take_varint(in, UINT32_MAX) - 1;
    ret->wanted = (uint32_t)take_varint(in, UINT32_MAX) - 1;
}

static void take_measurement(struct reader *in, struct hd_measurement *ret)
{
    ret->check = take_byte(in);
    uint8_t role = take_byte(in);
    ret->role = role & 0x7f;
    ret->fresh = role & 0x80;
    ret->outcome = take_byte(in);
    ret->reason = (uint16_t)take_varint(in, UINT16_MAX);
    uint8_t forms = take_byte(in);
    ret->events = take_double(in, forms);
    ret->exposure = take_double(in, forms >> 2);
    ret->value = take_double(in, forms >> 4);
    ret->age_ms = take_signed(in);
    ret->covers_ms = take_signed(in);
}

static void take_past(struct reader *in, struct hd_past *ret)
{
    double v[PAST_DOUBLES];
    ret->check = take_byte(in);
    ret->step_ms = take_signed(in);
    for (size_t i = 0; i < PAST_DOUBLES; i++)
        v[i] = take_double(in, take_byte(in));
    ret->rho = v[0];
    ret->between = v[1];
    ret->events = v[2];
    ret->exposure = v[3];
    ret->limit = v[4];
    ret->bad[0] = v[5];
    ret->bad[1] = v[6];
    ret->polls[0] = v[7];
    ret->polls[1] = v[8];
}

enum hd_code store_evidence_unpack(struct hd_arena *arena, struct hd_span blob, struct hd_evidence *ret,
                                   struct hd_error *err)
{
    const unsigned char *at = (const unsigned char *)blob.at;
    struct reader in = {at, at + blob.len, false};
    uint8_t version = take_byte(&in);
    if (!in.bad && version != VERSION && version != VERSION_BARE)
        return hd_fail(err, version > VERSION ? HD_VERSION : HD_CORRUPT,
                       "evidence of version %u; this haldane reads %d", version, VERSION);
    uint8_t flags = take_byte(&in);
    ret->backfill = flags & 1;
    ret->scrape_ms = take_signed(&in);
    take_presence(&in, flags & 2, &ret->presence[HD_STABLE]);
    take_presence(&in, flags & 4, &ret->presence[HD_CANDIDATE]);
    size_t n = (size_t)take_varint(&in, MEASUREMENTS_MAX);
    if (!in.bad) {
        struct hd_measurement *m = arena_many(arena, n, struct hd_measurement);
        for (size_t i = 0; i < n; i++)
            take_measurement(&in, &m[i]);
        ret->m = m;
        ret->n = n;
    }
    size_t n_past = version == VERSION ? (size_t)take_varint(&in, HD_CHECKS_MAX) : 0;
    if (!in.bad && n_past) {
        struct hd_past *past = arena_many(arena, n_past, struct hd_past);
        for (size_t i = 0; i < n_past; i++)
            take_past(&in, &past[i]);
        ret->past = past;
        ret->n_past = n_past;
    }
    if (in.bad || in.at != in.end)
        return hd_fail(err, HD_CORRUPT, "evidence of poll %u is damaged", ret->poll);
    return HD_OK;
}

enum hd_code store_put_evidence(struct store *s, const char *guard,
                                const struct store_evidence *evidence, struct hd_error *err)
{
    int64_t seq;
    const struct hd_evidence *e = &evidence->evidence;
    BUF_AUTO blob = BUF_INIT(HD_BLOB_BYTES_MAX);
    if (e->n > MEASUREMENTS_MAX)
        return hd_fail(err, HD_LIMIT, "poll %u has %zu measurements, at most %zu can be stored",
                       e->poll, e->n, MEASUREMENTS_MAX);
    if (e->n_past > HD_CHECKS_MAX)
        return hd_fail(err, HD_LIMIT, "poll %u has %zu pasts, at most %d can be stored", e->poll,
                       e->n_past, HD_CHECKS_MAX);
    enum hd_code code = guard_seq(s, guard, &seq, err);
    if (code)
        return code;
    store_evidence_pack(e, &blob);
    return sql_write(s,
                     "INSERT INTO evidence (guard, after, poll, wall_ms, t_ms, data)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     ARGS(INT_ARG(seq), INT_ARG(!e->before), INT_ARG(e->poll),
                          INT_ARG(evidence->wall_ms), INT_ARG(evidence->t_ms),
                          BLOB_ARG(buf_span(&blob))),
                     err);
}

static enum hd_code read_evidence(struct sql_row *row, void *ret, struct hd_error *err)
{
    struct store_evidence *evidence = ret;
    evidence->evidence.before = !row_int(row);
    evidence->evidence.poll = (uint32_t)row_int(row);
    evidence->wall_ms = row_int(row);
    evidence->t_ms = row_int(row);
    return store_evidence_unpack(row->arena, row_blob(row), &evidence->evidence, err);
}

enum hd_code store_evidence(struct store *s, struct hd_arena *arena, const char *guard,
                            struct store_evidence **ret, size_t *ret_n, struct hd_error *err)
{
    int64_t seq, evicted = 0;
    enum hd_code code = guard_seq(s, guard, &seq, err);
    if (!code)
        code = sql_int(s, "SELECT evicted FROM guard WHERE seq = ?1", ARGS(INT_ARG(seq)), &evicted,
                       err);
    if (code)
        return code;
    if (evicted)
        return hd_fail(err, HD_ABSENT, "the evidence of guard %s was evicted to save space", guard);
    struct sql_query q = {"SELECT after, poll, wall_ms, t_ms, data FROM evidence WHERE guard = ?1"
                          " ORDER BY seq",
                          ARGS(INT_ARG(seq)), read_evidence, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

enum hd_code store_put_band(struct store *s, const char *guard, const struct store_band *band,
                            struct hd_error *err)
{
    int64_t seq;
    enum hd_code code = guard_seq(s, guard, &seq, err);
    if (code)
        return code;
    return sql_write(
        s,
        "INSERT INTO band (guard, wall_ms, \"check\", band, value, stable, \"limit\", n)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        ARGS(INT_ARG(seq), INT_ARG(band->wall_ms), INT_ARG(band->check), INT_ARG(band->band),
             REAL_ARG(band->value), REAL_ARG(band->stable), REAL_ARG(band->limit),
             REAL_ARG(band->n)),
        err);
}

static enum hd_code read_band(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_band *band = ret;
    band->wall_ms = row_int(row);
    band->check = (uint8_t)row_int(row);
    band->band = (uint8_t)row_int(row);
    band->value = row_real(row);
    band->stable = row_real(row);
    band->limit = row_real(row);
    band->n = row_real(row);
    return HD_OK;
}

enum hd_code store_bands(struct store *s, struct hd_arena *arena, const char *guard,
                         struct store_band **ret, size_t *ret_n, struct hd_error *err)
{
    int64_t seq;
    enum hd_code code = guard_seq(s, guard, &seq, err);
    if (code)
        return code;
    struct sql_query q = {"SELECT wall_ms, \"check\", band, value, stable, \"limit\", n FROM band"
                          " WHERE guard = ?1 ORDER BY seq",
                          ARGS(INT_ARG(seq)), read_band, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

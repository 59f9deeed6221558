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
#include "base/arena.h"
#include "base/pack.h"
#include "store/sql.h"

#define AFTER_CARE 2 /* in the column `after`: 0 before the switch, 1 after it, 2 after a revert */
#define VERSION 2
#define VERSION_BARE 1 /* without a past: an older haldane reads it too */
#define PAST_DOUBLES 9
#define MEASUREMENTS_MAX ((size_t)HD_CHECKS_MAX * HD_ROLES)

static void put_presence(struct buf *to, const struct hd_presence *presence)
{
    if (!presence->known)
        return;
    pack_varint(to, presence->share_ppm);
    pack_varint(to, (uint32_t)(presence->ready + 1));
    pack_varint(to, (uint32_t)(presence->wanted + 1));
}

static void put_measurement(struct buf *to, const struct hd_measurement *m)
{
    buf_byte(to, (char)m->check);
    buf_byte(to, (char)(m->role | (m->fresh ? 0x80 : 0)));
    buf_byte(to, (char)m->outcome);
    pack_varint(to, m->reason);
    buf_byte(to, (char)(pack_form(m->events) | pack_form(m->exposure) << 2 | pack_form(m->value) << 4));
    pack_double(to, m->events);
    pack_double(to, m->exposure);
    pack_double(to, m->value);
    pack_signed(to, m->age_ms);
    pack_signed(to, m->covers_ms);
}

static void put_past(struct buf *to, const struct hd_past *past)
{
    const double v[PAST_DOUBLES] = {past->rho, past->between, past->events, past->exposure,
                                    past->limit, past->bad[0], past->bad[1], past->polls[0],
                                    past->polls[1]};
    buf_byte(to, (char)past->check);
    pack_signed(to, past->step_ms);
    for (size_t i = 0; i < PAST_DOUBLES; i++) {
        buf_byte(to, (char)pack_form(v[i]));
        pack_double(to, v[i]);
    }
}

void store_evidence_pack(const struct hd_evidence *e, struct buf *to)
{
    buf_byte(to, e->n_past ? VERSION : VERSION_BARE);
    buf_byte(to, (char)(e->backfill | e->presence[HD_STABLE].known << 1 |
                        e->presence[HD_CANDIDATE].known << 2));
    pack_signed(to, e->scrape_ms);
    put_presence(to, &e->presence[HD_STABLE]);
    put_presence(to, &e->presence[HD_CANDIDATE]);
    pack_varint(to, e->n);
    for (size_t i = 0; i < e->n; i++)
        put_measurement(to, &e->m[i]);
    if (e->n_past)
        pack_varint(to, e->n_past);
    for (size_t i = 0; i < e->n_past; i++)
        put_past(to, &e->past[i]);
}

static void take_presence(struct unpack *in, bool known, struct hd_presence *ret)
{
    ret->known = known;
    if (!known)
        return;
    ret->share_ppm = (uint32_t)unpack_varint(in, UINT32_MAX);
    ret->ready = (uint32_t)unpack_varint(in, UINT32_MAX) - 1;
    ret->wanted = (uint32_t)unpack_varint(in, UINT32_MAX) - 1;
}

static void take_measurement(struct unpack *in, struct hd_measurement *ret)
{
    ret->check = unpack_byte(in);
    uint8_t role = unpack_byte(in);
    ret->role = role & 0x7f;
    ret->fresh = role & 0x80;
    ret->outcome = unpack_byte(in);
    ret->reason = (uint16_t)unpack_varint(in, UINT16_MAX);
    uint8_t forms = unpack_byte(in);
    ret->events = unpack_double(in, forms);
    ret->exposure = unpack_double(in, forms >> 2);
    ret->value = unpack_double(in, forms >> 4);
    ret->age_ms = unpack_signed(in);
    ret->covers_ms = unpack_signed(in);
}

static void take_past(struct unpack *in, struct hd_past *ret)
{
    double v[PAST_DOUBLES];
    ret->check = unpack_byte(in);
    ret->step_ms = unpack_signed(in);
    for (size_t i = 0; i < PAST_DOUBLES; i++)
        v[i] = unpack_double(in, unpack_byte(in));
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
    struct unpack in = {at, at + blob.len, false};
    uint8_t version = unpack_byte(&in);
    if (!in.bad && version != VERSION && version != VERSION_BARE)
        return hd_fail(err, version > VERSION ? HD_VERSION : HD_CORRUPT,
                       "evidence of version %u; this haldane reads %d", version, VERSION);
    uint8_t flags = unpack_byte(&in);
    ret->backfill = flags & 1;
    ret->scrape_ms = unpack_signed(&in);
    take_presence(&in, flags & 2, &ret->presence[HD_STABLE]);
    take_presence(&in, flags & 4, &ret->presence[HD_CANDIDATE]);
    size_t n = (size_t)unpack_varint(&in, MEASUREMENTS_MAX);
    if (!in.bad) {
        struct hd_measurement *m = arena_many(arena, n, struct hd_measurement);
        for (size_t i = 0; i < n; i++)
            take_measurement(&in, &m[i]);
        ret->m = m;
        ret->n = n;
    }
    size_t n_past = version == VERSION ? (size_t)unpack_varint(&in, HD_CHECKS_MAX) : 0;
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
                     evidence->care ? "INSERT INTO evidence (guard, after, poll, wall_ms, t_ms, data)"
                                      " SELECT ?1, ?2, coalesce(max(poll), 0) + 1, ?4, ?5, ?6 FROM evidence"
                                      " WHERE guard = ?1 AND after = ?2"
                                    : "INSERT INTO evidence (guard, after, poll, wall_ms, t_ms, data)"
                                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     ARGS(INT_ARG(seq), INT_ARG(evidence->care ? AFTER_CARE : !e->before), INT_ARG(e->poll),
                          INT_ARG(evidence->wall_ms), INT_ARG(evidence->t_ms),
                          BLOB_ARG(buf_span(&blob))),
                     err);
}

static enum hd_code read_evidence(struct sql_row *row, void *ret, struct hd_error *err)
{
    struct store_evidence *evidence = ret;
    int64_t after = row_int(row);
    evidence->evidence.before = !after;
    evidence->care = after == AFTER_CARE;
    evidence->evidence.poll = (uint32_t)row_int(row);
    evidence->wall_ms = row_int(row);
    evidence->t_ms = row_int(row);
    return store_evidence_unpack(row->arena, row_blob(row), &evidence->evidence, err);
}

/* The number of a guard whose evidence is all there. */
static enum hd_code kept_seq(struct store *s, const char *guard, int64_t *ret, struct hd_error *err)
{
    int64_t evicted = 0;
    enum hd_code code = guard_seq(s, guard, ret, err);
    if (!code)
        code = sql_int(s, "SELECT evicted FROM guard WHERE seq = ?1", ARGS(INT_ARG(*ret)), &evicted, err);
    if (!code && evicted)
        return hd_fail(err, HD_ABSENT, "the evidence of guard %s was evicted to save space", guard);
    return code;
}

enum hd_code store_evidence(struct store *s, struct hd_arena *arena, const char *guard,
                            struct store_evidence **ret, size_t *ret_n, struct hd_error *err)
{
    int64_t seq;
    enum hd_code code = kept_seq(s, guard, &seq, err);
    if (code)
        return code;
    struct sql_query q = {"SELECT after, poll, wall_ms, t_ms, data FROM evidence WHERE guard = ?1 AND after < 2"
                          " ORDER BY seq",
                          ARGS(INT_ARG(seq)), read_evidence, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

/* A row and its place. */
struct placed {
    struct store_evidence row;
    int64_t seq;
};

static enum hd_code read_placed(struct sql_row *row, void *ret, struct hd_error *err)
{
    struct placed *placed = ret;
    placed->seq = row_int(row);
    return read_evidence(row, &placed->row, err);
}

enum hd_code store_evidence_after(struct store *s, struct hd_arena *arena, const char *guard, int64_t after, size_t limit,
                                  struct store_evidence_page *ret, struct hd_error *err)
{
    int64_t seq;
    struct placed *row = NULL;
    size_t n = 0;
    enum hd_code code = kept_seq(s, guard, &seq, err);
    if (code)
        return code;
    struct sql_query q = {"SELECT seq, after, poll, wall_ms, t_ms, data FROM evidence WHERE guard = ?1 AND seq > ?2"
                          " ORDER BY seq LIMIT ?3",
                          ARGS(INT_ARG(seq), INT_ARG(after), INT_ARG((int64_t)limit + 1)), read_placed, sizeof *row};
    if (sql_many(s, arena, &q, (void **)&row, &n, err))
        return err->code;
    *ret = (struct store_evidence_page){.n = n < limit ? n : limit, .more = n > limit, .last = after};
    ret->list = arena_many(arena, ret->n, struct store_evidence);
    for (size_t i = 0; i < ret->n; i++)
        ret->list[i] = row[i].row;
    if (ret->n)
        ret->last = row[ret->n - 1].seq;
    return HD_OK;
}

/* The number of the newest poll at or before a moment, which grow with time; 0: none. A search that halves, since
 * no index has the times. */
static enum hd_code poll_at(struct store *s, int64_t seq, int64_t until_ms, int64_t *ret, struct hd_error *err)
{
    int64_t low = 0, high = 0, ms;
    enum hd_code code = sql_int(s, "SELECT max(poll) FROM evidence WHERE guard = ?1 AND after = 1",
                                ARGS(INT_ARG(seq)), &high, err);
    if (!code && until_ms < INT64_MAX)
        high++;
    else
        low = high;
    while (!code && high - low > 1) { /* low: by then, high: later */
        int64_t middle = low + (high - low) / 2;
        code = sql_int(s, "SELECT wall_ms FROM evidence WHERE guard = ?1 AND after = 1 AND poll >= ?2"
                          " ORDER BY poll LIMIT 1",
                       ARGS(INT_ARG(seq), INT_ARG(middle)), &ms, err);
        if (!code && ms <= until_ms)
            low = middle;
        else if (!code)
            high = middle;
    }
    if (!code)
        *ret = low;
    return code;
}

enum hd_code store_evidence_spread(struct store *s, struct hd_arena *arena, const char *guard, int64_t until_ms, size_t most,
                                   struct store_evidence_spread *ret, struct hd_error *err)
{
    int64_t seq, last;
    if (kept_seq(s, guard, &seq, err) || poll_at(s, seq, until_ms, &last, err))
        return err->code;
    int64_t every = (last + (int64_t)most - 1) / (int64_t)most;
    struct store_evidence_spread spread = {.every = every > 1 ? (size_t)every : 1, .polls = (size_t)last};
    struct sql_query q = {"SELECT after, poll, wall_ms, t_ms, data FROM evidence WHERE guard = ?1 AND"
                          " (after = 0 OR (after = 1 AND poll <= ?2 AND (poll % ?3 = 0 OR poll > ?4)))"
                          " ORDER BY wall_ms, after, poll",
                          ARGS(INT_ARG(seq), INT_ARG(last), INT_ARG((int64_t)spread.every),
                               INT_ARG(spread.every > 1 ? last - STORE_SPREAD_NEWEST : 0)),
                          read_evidence, sizeof *spread.list};
    if (sql_many(s, arena, &q, (void **)&spread.list, &spread.n, err))
        return err->code;
    *ret = spread;
    return HD_OK;
}

enum hd_code store_evidence_care(struct store *s, struct hd_arena *arena, const char *guard, int64_t until_ms,
                                 size_t most, struct store_evidence **ret, size_t *ret_n, struct hd_error *err)
{
    int64_t seq;
    enum hd_code code = kept_seq(s, guard, &seq, err);
    if (code)
        return code;
    struct sql_query q = {"SELECT after, poll, wall_ms, t_ms, data FROM evidence WHERE guard = ?1 AND after = 2"
                          " AND wall_ms <= ?2 ORDER BY poll LIMIT ?3",
                          ARGS(INT_ARG(seq), INT_ARG(until_ms), INT_ARG((int64_t)most)), read_evidence, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

static enum hd_code read_size(struct sql_row *row, void *ret, struct hd_error *err)
{
    struct store_evidence_size *size = ret;
    (void)err;
    size->rows = (size_t)row_int(row);
    size->bytes = row_int(row);
    return HD_OK;
}

enum hd_code store_evidence_size(struct store *s, const char *guard, size_t rows_max, struct store_evidence_size *ret,
                                 struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    int64_t seq;
    enum hd_code code = guard_seq(s, guard, &seq, err);
    if (code)
        return code;
    struct sql_query q = {"SELECT count(*), ifnull(sum(length(data)), 0) FROM"
                          " (SELECT data FROM evidence WHERE guard = ?1 LIMIT ?2)",
                          ARGS(INT_ARG(seq), INT_ARG((int64_t)rows_max)), read_size, sizeof *ret};
    return sql_one(s, a, &q, ret, err);
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

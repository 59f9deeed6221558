/* SPDX-License-Identifier: Apache-2.0
 *
 * What routers said. A reading that says nothing new only moves the newest row's end, so that a
 * quiet service costs no space.
 */
#include "base/arena.h"
#include "base/str.h"
#include "json/json.h"
#include "store/sql.h"

static int64_t members(uint32_t n) { return n == UINT32_MAX ? -1 : (int64_t)n; }

static void sides_print(const struct store_reading *reading, struct buf *to)
{
    struct json_out out = json_out(to);
    json_begin(&out, NULL, '[');
    for (size_t i = 0; i < reading->n_sides; i++) {
        const struct store_side *side = &reading->side[i];
        json_begin(&out, NULL, '[');
        json_put_text(&out, NULL, side->colour);
        json_put_i64(&out, NULL, members(side->share_ppm));
        json_put_i64(&out, NULL, members(side->ready));
        json_put_i64(&out, NULL, members(side->wanted));
        json_end(&out, ']');
    }
    json_end(&out, ']');
}

static enum hd_code read_count(const struct json *j, uint32_t *ret, struct hd_error *err)
{
    int64_t n;
    enum hd_code code = json_i64(j, "sides", &n, err);
    if (code)
        return code;
    if (n < -1 || n >= UINT32_MAX)
        return hd_fail(err, HD_PARSE, "sides: %lld is out of range", (long long)n);
    *ret = (uint32_t)n; /* -1 becomes UINT32_MAX: unknown */
    return HD_OK;
}

static enum hd_code read_side(struct hd_arena *arena, const struct json *j, struct store_side *ret,
                              struct hd_error *err)
{
    const char *colour = NULL;
    const struct json *item = json_first(j);
    enum hd_code code = json_text(item, "sides", &colour, err);
    uint32_t *const field[] = {&ret->share_ppm, &ret->ready, &ret->wanted};
    for (size_t i = 0; !code && i < sizeof field / sizeof *field; i++) {
        item = json_next(item);
        code = read_count(item, field[i], err);
    }
    ret->colour = code ? NULL : arena_text(arena, colour);
    return code;
}

static enum hd_code sides_read(struct hd_arena *arena, const char *text, struct store_reading *ret,
                               struct hd_error *err)
{
    JSON_AUTO j = NULL;
    enum hd_code code = json_parse((struct hd_span){text, strlen(text)}, &j, err);
    if (code)
        return code;
    if (json_count(j) > HD_SIDES_MAX)
        return hd_fail(err, HD_PARSE, "sides: more than %d", HD_SIDES_MAX);
    for (const struct json *item = json_first(j); !code && item; item = json_next(item))
        code = read_side(arena, item, &ret->side[ret->n_sides++], err);
    return code;
}

static enum hd_code read_reading(struct sql_row *row, void *ret, struct hd_error *err)
{
    struct store_reading *reading = ret;
    reading->id = row_int(row);
    reading->service = row_text(row);
    reading->first_ms = row_int(row);
    reading->last_ms = row_int(row);
    reading->value = row_text(row);
    reading->owner = row_text(row);
    reading->memory = row_text(row);
    reading->note = row_text(row);
    reading->ours = row_int(row);
    if (sides_read(row->arena, row_text(row), reading, err)) {
        (void)hd_error_add(err, "reading %lld", (long long)reading->id);
        return HD_CORRUPT;
    }
    return HD_OK;
}

enum hd_code store_reading(struct store *s, struct hd_arena *arena, const char *service,
                           struct store_reading *ret, struct hd_error *err)
{
    struct sql_query q = {"SELECT id, service, first_ms, last_ms, value, owner, memory, note, ours,"
                          " sides FROM reading WHERE service = ?1 ORDER BY id DESC LIMIT 1",
                          ARGS(TEXT_ARG(service)), read_reading, sizeof *ret};
    enum hd_code code = sql_one(s, arena, &q, ret, err);
    return code == HD_ABSENT ? hd_fail(err, HD_ABSENT, "no reading of %s is stored", service)
                             : code;
}

enum hd_code store_reading_at(struct store *s, struct hd_arena *arena, const char *service, int64_t at_ms,
                              struct store_reading *ret, struct hd_error *err)
{
    struct sql_query q = {"SELECT id, service, first_ms, last_ms, value, owner, memory, note, ours,"
                          " sides FROM reading WHERE service = ?1 AND first_ms <= ?2 ORDER BY id DESC LIMIT 1",
                          ARGS(TEXT_ARG(service), INT_ARG(at_ms)), read_reading, sizeof *ret};
    enum hd_code code = sql_one(s, arena, &q, ret, err);
    return code == HD_ABSENT ? hd_fail(err, HD_ABSENT, "no reading of %s from before is stored", service) : code;
}

enum hd_code store_reading_with_traffic(struct store *s, struct hd_arena *arena, const char *service,
                                        struct store_reading *ret, struct hd_error *err)
{
    struct sql_query q = {"SELECT id, service, first_ms, last_ms, value, owner, memory, note, ours,"
                          " sides FROM reading WHERE service = ?1 AND EXISTS (SELECT 1 FROM"
                          " json_each(reading.sides) AS side WHERE json_extract(side.value, '$[1]')"
                          " <> 0) ORDER BY id DESC LIMIT 1",
                          ARGS(TEXT_ARG(service)), read_reading, sizeof *ret};
    enum hd_code code = sql_one(s, arena, &q, ret, err);
    return code == HD_ABSENT
               ? hd_fail(err, HD_ABSENT, "no reading of %s with traffic is stored", service)
               : code;
}

static bool same(const struct store_reading *a, const struct store_reading *b)
{
    bool same = str_is(a->value, b->value) && str_is(a->memory, b->memory) &&
                a->n_sides == b->n_sides;
    for (size_t i = 0; same && i < a->n_sides; i++)
        same = str_is(a->side[i].colour, b->side[i].colour) &&
               a->side[i].share_ppm == b->side[i].share_ppm;
    return same;
}

static enum hd_code add_reading(struct store *s, const struct store_reading *reading,
                                const char *sides, struct hd_error *err)
{
    return sql_write(s,
                     "INSERT INTO reading (service, first_ms, last_ms, value, owner, memory, note,"
                     " ours, sides) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                     ARGS(TEXT_ARG(reading->service), INT_ARG(reading->first_ms),
                          INT_ARG(reading->last_ms), TEXT_ARG(reading->value),
                          TEXT_ARG(reading->owner), TEXT_ARG(reading->memory),
                          TEXT_ARG(reading->note), INT_ARG(reading->ours), TEXT_ARG(sides)),
                     err);
}

enum hd_code store_put_reading(struct store *s, const struct store_reading *reading,
                               struct hd_error *err)
{
    BUF_AUTO sides = BUF_INIT(HD_BLOB_BYTES_MAX);
    struct store_reading newest;
    ARENA_AUTO arena = arena_new();
    enum hd_code code = store_reading(s, arena, reading->service, &newest, err);
    if (code && code != HD_ABSENT)
        return code;
    sides_print(reading, &sides);
    if (code == HD_ABSENT || !same(&newest, reading))
        return add_reading(s, reading, buf_at(&sides), err);
    return sql_write(
        s, "UPDATE reading SET last_ms = ?2, sides = ?3 WHERE id = ?1",
        ARGS(INT_ARG(newest.id), INT_ARG(reading->last_ms), TEXT_ARG(buf_at(&sides))), err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Small facts of the daemon, whether anything has changed, and the list of services as the faces show it.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "store/sql.h"

enum hd_code store_put_fact(struct store *s, const char *key, const char *value,
                            struct hd_error *err)
{
    return sql_write(s,
                     "INSERT INTO fact (key, value) VALUES (?1, ?2)"
                     " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                     ARGS(TEXT_ARG(key), TEXT_ARG(value)), err);
}

enum hd_code store_version(struct store *s, int64_t *ret, struct hd_error *err)
{
    return sql_int(s, "PRAGMA data_version", NO_ARGS, ret, err);
}

static enum hd_code read_fact(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    *(const char **)ret = row_text(row);
    return HD_OK;
}

enum hd_code store_fact(struct store *s, struct hd_arena *arena, const char *key, const char **ret,
                        struct hd_error *err)
{
    struct sql_query q = {"SELECT value FROM fact WHERE key = ?1", ARGS(TEXT_ARG(key)), read_fact,
                          sizeof *ret};
    enum hd_code code = sql_one(s, arena, &q, ret, err);
    return code == HD_ABSENT ? hd_fail(err, HD_ABSENT, "no fact %s is stored", key) : code;
}

static enum hd_code read_pair(struct sql_row *row, void *ret, struct hd_error *err)
{
    struct store_fact *fact = ret;
    (void)err;
    fact->key = row_text(row);
    fact->value = row_text(row);
    return HD_OK;
}

enum hd_code store_facts(struct store *s, struct hd_arena *arena, const char *prefix,
                         struct store_fact **ret, size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {"SELECT key, value FROM fact WHERE key >= ?1 AND key < ?1 || char(1114111)"
                          " ORDER BY key LIMIT ?2",
                          ARGS(TEXT_ARG(prefix), INT_ARG(HD_ROWS_MAX)), read_pair, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

enum hd_code store_keep_facts(struct store *s, const char *prefix, const char *const *name, size_t n,
                              struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    struct store_fact *fact;
    size_t n_facts = 0, len = strlen(prefix);
    enum hd_code code = store_facts(s, a, prefix, &fact, &n_facts, err);
    for (size_t i = 0; !code && i < n_facts; i++) {
        bool known = false;
        for (size_t k = 0; k < n && !known; k++)
            known = str_is(fact[i].key + len, name[k]);
        if (!known)
            code = sql_write(s, "DELETE FROM fact WHERE key = ?1", ARGS(TEXT_ARG(fact[i].key)), err);
    }
    return code;
}

/* "drill/SERVICE": "ok AT_MS TEXT", "bad AT_MS TEXT", or "held AT_MS TEXT\nWHY NOT". */
enum hd_code store_put_drill(struct store *s, const char *service, const struct store_drill *drill,
                             struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    return store_put_fact(s, arena_print(a, "drill/%s", service),
                          arena_print(a, "%s %lld %s%s%s", !drill->ok ? "bad" : drill->refused ? "held" : "ok",
                                      (long long)drill->at_ms, drill->text, drill->ok && drill->refused ? "\n" : "",
                                      drill->ok && drill->refused ? drill->refused : ""),
                          err);
}

enum hd_code store_drill(struct store *s, struct hd_arena *arena, const char *service,
                         struct store_drill *ret, struct hd_error *err)
{
    const char *value;
    enum hd_code code = store_fact(s, arena, arena_print(arena, "drill/%s", service), &value, err);
    if (code)
        return code;
    const char *at = strchr(value, ' '), *text = at ? strchr(at + 1, ' ') : NULL;
    const char *end = strchr(value, '\n');
    struct store_drill drill = {.ok = !str_begins(value, "bad "), .refused = end ? end + 1 : NULL};
    if (!text || !str_read_i64(arena_text_n(arena, at + 1, (size_t)(text - at - 1)), &drill.at_ms))
        return hd_fail(err, HD_CORRUPT, "the fact drill/%s is damaged", service);
    drill.text = end ? arena_text_n(arena, text + 1, (size_t)(end - text - 1)) : text + 1;
    *ret = drill;
    return HD_OK;
}

enum hd_code store_put_services(struct store *s, const struct store_service *service, size_t n,
                                struct hd_error *err)
{
    enum hd_code code = sql_write(s, "DELETE FROM service", NO_ARGS, err);
    for (size_t i = 0; !code && i < n; i++) {
        const struct store_service *row = &service[i];
        code = sql_write(s,
                         "INSERT INTO service (place, name, mode, kind, colours, checks,"
                         " config_hash, about) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                         ARGS(INT_ARG((int64_t)i), TEXT_ARG(row->name), TEXT_ARG(row->mode),
                              TEXT_ARG(row->kind), TEXT_ARG(row->colours), TEXT_ARG(row->checks),
                              TEXT_ARG(row->config_hash), TEXT_ARG(row->about)),
                         err);
    }
    return code;
}

static enum hd_code read_service(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_service *service = ret;
    service->name = row_text(row);
    service->mode = row_text(row);
    service->kind = row_text(row);
    service->colours = row_text(row);
    service->checks = row_text(row);
    service->config_hash = row_text(row);
    service->about = row_text(row);
    return HD_OK;
}

enum hd_code store_services(struct store *s, struct hd_arena *arena, struct store_service **ret,
                            size_t *ret_n, struct hd_error *err)
{
    struct sql_query q = {
        "SELECT name, mode, kind, colours, checks, config_hash, about FROM service"
        " ORDER BY place",
        NO_ARGS, read_service, sizeof **ret};
    return sql_many(s, arena, &q, (void **)ret, ret_n, err);
}

enum hd_code store_service(struct store *s, struct hd_arena *arena, const char *name,
                           struct store_service *ret, struct hd_error *err)
{
    struct sql_query q = {"SELECT name, mode, kind, colours, checks, config_hash, about FROM service"
                          " WHERE name = ?1",
                          ARGS(TEXT_ARG(name)), read_service, sizeof *ret};
    enum hd_code code = sql_one(s, arena, &q, ret, err);
    return code == HD_ABSENT ? hd_fail(err, HD_ABSENT, "there is no service %s", name) : code;
}

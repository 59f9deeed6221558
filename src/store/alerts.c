/* SPDX-License-Identifier: Apache-2.0
 *
 * Alerts that were taken from an Alertmanager, which tells the same one again every few hours, out of
 * order, and to several of its kind. Decides which of them are news.
 */
#include "store/sql.h"

static enum hd_code forget(struct store *s, int64_t now_ms, struct hd_error *err)
{
    enum hd_code code = sql_write(s, "DELETE FROM alert WHERE seen_ms < ?1",
                                  ARGS(INT_ARG(now_ms - HD_ALERT_KEEP_MS)), err);
    if (!code)
        code = sql_write(s,
                         "DELETE FROM alert WHERE (service, what, fingerprint, starts_ms) IN"
                         " (SELECT service, what, fingerprint, starts_ms FROM alert"
                         " ORDER BY seen_ms LIMIT max(0, (SELECT count(*) FROM alert) - ?1))",
                         ARGS(INT_ARG(HD_ALERTS_MAX - 1)), err);
    return code;
}

enum hd_code store_put_alert(struct store *s, const struct store_alert *a, bool *ret_news,
                             bool *ret_firing, struct hd_error *err)
{
    int64_t was = 0;
    enum hd_code code = sql_int(s,
                                "SELECT firing FROM alert WHERE service = ?1 AND what = ?2"
                                " AND fingerprint = ?3 AND starts_ms = ?4",
                                ARGS(TEXT_ARG(a->service), TEXT_ARG(a->what),
                                     TEXT_ARG(a->fingerprint), INT_ARG(a->starts_ms)),
                                &was, err);
    bool known = !code;
    if (code && code != HD_ABSENT)
        return code;
    bool firing = a->firing && (!known || was);
    code = known ? HD_OK : forget(s, a->seen_ms, err);
    if (!code)
        code = sql_write(s,
                         "INSERT OR REPLACE INTO alert (service, what, fingerprint, starts_ms,"
                         " name, firing, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                         ARGS(TEXT_ARG(a->service), TEXT_ARG(a->what), TEXT_ARG(a->fingerprint),
                              INT_ARG(a->starts_ms), TEXT_ARG(a->name), INT_ARG(firing),
                              INT_ARG(a->seen_ms)),
                         err);
    if (code)
        return code;
    *ret_news = known ? was && !firing : firing;
    *ret_firing = firing;
    return HD_OK;
}

enum hd_code store_alert_since(struct store *s, const char *service, const char *fingerprint,
                               int64_t *ret_starts_ms, struct hd_error *err)
{
    return sql_int(s,
                   "SELECT starts_ms FROM alert WHERE service = ?1 AND what = 'feed'"
                   " AND fingerprint = ?2 AND firing = 1 ORDER BY starts_ms DESC LIMIT 1",
                   ARGS(TEXT_ARG(service), TEXT_ARG(fingerprint)), ret_starts_ms, err);
}

static enum hd_code read_alert(struct sql_row *row, void *ret, struct hd_error *err)
{
    (void)err;
    struct store_alert *alert = ret;
    alert->service = row_text(row);
    alert->what = row_text(row);
    alert->fingerprint = row_text(row);
    alert->name = row_text(row);
    alert->starts_ms = row_int(row);
    alert->seen_ms = row_int(row);
    alert->firing = row_int(row);
    return HD_OK;
}

enum hd_code store_alert_firing(struct store *s, struct hd_arena *arena, const char *service,
                                int64_t since_ms, int64_t seen_ms, struct store_alert *ret,
                                struct hd_error *err)
{
    struct sql_query q = {"SELECT service, what, fingerprint, name, starts_ms, seen_ms, firing"
                          " FROM alert WHERE service = ?1 AND what = 'feed' AND firing = 1"
                          " AND starts_ms >= ?2 AND seen_ms >= ?3 ORDER BY starts_ms LIMIT 1",
                          ARGS(TEXT_ARG(service), INT_ARG(since_ms), INT_ARG(seen_ms)), read_alert,
                          sizeof *ret};
    return sql_one(s, arena, &q, ret, err);
}

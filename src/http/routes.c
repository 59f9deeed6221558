/* SPDX-License-Identifier: Apache-2.0
 *
 * Every address of the face, with the handler behind it. A page or a test that wants to know what
 * there is reads this table. GET rows change nothing; the other rows only hand an order to the loop.
 */
#include <string.h>

#include "base/str.h"
#include "http/call.h"
#include "http/handlers.h"
#include "http/history.h"
#include "http/orders.h"

#define API "/api/v1"
#define FLAGGER "/compat/flagger"
#define FLAGGER_QUERY {"service", "candidate", "stable", "on_running", "on_inconclusive"}
#define KAYENTA "/compat/kayenta"
#define KAYENTA_QUERY                                                                              \
    {"application", "parentPipelineExecutionId", "metricsAccountName", "configurationAccountName", \
     "storageAccountName"}

/* The page that asks, and the order given from it. */
#define ACTION(path, order)                                                                        \
    {"GET", path, action_ask, ROUTE_STORE | ROUTE_HTML, {0}, NULL},                                \
    {"POST", path, action_take, ROUTE_STORE | ROUTE_HTML, {0}, &order}
#define ARGO "/compat/argo/v1/analysis"
#define ARGO_QUERY                                                                                 \
    {"guard", "service", "run", "candidate", "stable", "version", "ttl", "duration", "interval"}

const struct route http_routes[] = {
    {"GET", "/", fleet_page, ROUTE_STORE | ROUTE_HTML, {0}, NULL},
    {"GET", "/g/*", guard_page, ROUTE_STORE | ROUTE_HTML, {"at", "sort"}, NULL},
    {"GET", "/s/*", service_page, ROUTE_STORE | ROUTE_HTML, HISTORY_QUERY, NULL},
    {"GET", "/s/*/guards.csv", history_csv, ROUTE_STORE | ROUTE_HTML, HISTORY_QUERY, NULL},
    {"GET", "/s/*/guards.json", history_json, ROUTE_STORE | ROUTE_HTML, HISTORY_QUERY, NULL},
    {"GET", "/s/*/limits", limits_page, ROUTE_STORE | ROUTE_HTML, {0}, NULL},
    {"GET", "/groups/*", group_page, ROUTE_STORE | ROUTE_HTML, {0}, NULL},
    {"GET", "/handover.md", handover_markdown, ROUTE_STORE, {0}, NULL},
    {"GET", "/approvals", approvals_page, ROUTE_STORE | ROUTE_HTML, {0}, NULL},
    ACTION("/approvals/*", order_approval),
    {"GET", "/analyses", analyses_page, ROUTE_STORE | ROUTE_HTML, HISTORY_QUERY, NULL},
    {"GET", "/settings", settings_page, ROUTE_STORE | ROUTE_HTML, {0}, NULL},
    {"GET", "/demo", demo_page, ROUTE_STORE | ROUTE_HTML, {0}, NULL},
    {"GET", "/settings/check", check_page, ROUTE_STORE | ROUTE_HTML, {0}, NULL},
    {"POST", "/settings/check", check_page, ROUTE_STORE | ROUTE_HTML, {0}, NULL},
    ACTION("/g/*/revert", order_guard_revert),
    ACTION("/g/*/extend", order_guard_change),
    ACTION("/g/*/advise", order_guard_change),
    ACTION("/g/*/cancel", order_guard_cancel),
    ACTION("/g/*/acknowledge", order_guard_acknowledge),
    ACTION("/g/*/false-alarm", order_guard_mark),
    ACTION("/g/*/missed", order_guard_mark),
    ACTION("/g/*/rearm", order_guard_rearm),
    ACTION("/s/*/guard", order_service_guard),
    ACTION("/s/*/revert", order_service_revert),
    ACTION("/s/*/hold", order_service_hold),
    ACTION("/s/*/release", order_service_release),
    ACTION("/s/*/rearm", order_service_rearm),
    ACTION("/fleet/hold", order_fleet_hold),
    ACTION("/fleet/release", order_fleet_release),
    {"GET", "/assets/style.css", health_style, ROUTE_OPEN, {"v"}, NULL},
    {"GET", "/assets/live.js", health_script, ROUTE_OPEN, {"v"}, NULL},
    {"GET", "/login", login_page, ROUTE_PLAIN | ROUTE_HTML | ROUTE_OPEN, {"next"}, NULL},
    {"POST", "/login", login_take, ROUTE_STORE | ROUTE_HTML | ROUTE_OPEN, {0}, &order_login},
    {"POST", "/logout", logout_take, ROUTE_HTML, {0}, &order_logout},
    {"GET", "/healthz", health_alive, ROUTE_OPEN, {0}, NULL},
    {"GET", "/readyz", health_ready, ROUTE_PROBE | ROUTE_OPEN, {0}, NULL},
    {"GET", "/metrics", health_metrics, ROUTE_PLAIN, {0}, NULL},

    {"GET", "/api/openapi.json", openapi_document, ROUTE_PLAIN, {0}, NULL},
    {"GET", API "/fleet", fleet_api, ROUTE_STORE, {"service"}, NULL},
    {"GET", API "/services", api_services, ROUTE_STORE, {0}, NULL},
    {"GET", API "/services/*", api_service, ROUTE_STORE, {0}, NULL},
    {"GET", API "/services/*/limits", api_limits, ROUTE_STORE, {0}, NULL},
    {"GET", API "/services/*/limits.svg", api_limits_svg, ROUTE_STORE, {0}, NULL},
    {"GET",
     API "/guards",
     api_guards,
     ROUTE_STORE,
     {"service", "group", "state", "verdict", "needs_human", "analysis", "since", "until", "limit", "cursor"},
     NULL},
    {"GET", API "/guards/*", api_guard, ROUTE_STORE, {0}, NULL},
    {"GET", API "/guards/*/timeline", api_timeline, ROUTE_STORE, {"cursor"}, NULL},
    {"GET", API "/guards/*/evidence", api_evidence, ROUTE_STORE, {"cursor"}, NULL},
    {"GET", API "/guards/*/verdicts", api_verdicts, ROUTE_STORE, {0}, NULL},
    {"GET", API "/guards/*/chart.svg", api_chart, ROUTE_STORE, {"check"}, NULL},
    {"GET", API "/config", api_config, ROUTE_STORE, {0}, NULL},
    {"GET", API "/guards/*/export.md", export_markdown, ROUTE_STORE, {0}, NULL},
    {"GET", API "/guards/*/receipt", export_receipt, ROUTE_STORE, {0}, NULL},
    {"GET", API "/guards/*/wait", follow_guard, ROUTE_STORE, {"timeout", "until"}, NULL},
    {"GET", API "/groups/*", group_show, ROUTE_STORE, {0}, NULL},
    {"GET", API "/groups/*/wait", group_wait, ROUTE_STORE, {"timeout", "until"}, NULL},
    {"GET", API "/events", follow_events, ROUTE_STORE, {"after"}, NULL},
    {"GET", API "/holds", api_holds, ROUTE_STORE, {0}, NULL},
    {"GET", API "/tokens", api_tokens, ROUTE_STORE, {0}, NULL},

    {"POST", API "/guards", orders_take, ROUTE_PLAIN, {0}, &order_guard},
    {"POST", API "/guards/*/revert", orders_take, ROUTE_PLAIN, {0}, &order_guard_revert},
    {"POST", API "/guards/*/hold", orders_take, ROUTE_PLAIN, {0}, &order_guard_hold},
    {"POST", API "/guards/*/release", orders_take, ROUTE_PLAIN, {0}, &order_guard_release},
    {"POST", API "/guards/*/cancel", orders_take, ROUTE_PLAIN, {0}, &order_guard_cancel},
    {"POST", API "/guards/*/rearm", orders_take, ROUTE_PLAIN, {0}, &order_guard_rearm},
    {"POST", API "/guards/*/mark", orders_take, ROUTE_PLAIN, {0}, &order_guard_mark},
    {"PATCH", API "/guards/*", orders_take, ROUTE_PLAIN, {0}, &order_guard_change},
    {"POST", API "/guards/*/acknowledge", orders_take, ROUTE_PLAIN, {0}, &order_guard_acknowledge},
    {"POST", API "/services/*/hold", orders_take, ROUTE_PLAIN, {0}, &order_service_hold},
    {"POST", API "/services/*/release", orders_take, ROUTE_PLAIN, {0}, &order_service_release},
    {"POST", API "/services/*/rearm", orders_take, ROUTE_PLAIN, {0}, &order_service_rearm},
    {"POST", API "/services/*/revert", orders_take, ROUTE_PLAIN, {0}, &order_service_revert},
    {"POST", API "/services/*/drill", orders_take, ROUTE_PLAIN, {0}, &order_service_drill},
    {"POST", API "/holds", orders_take, ROUTE_PLAIN, {0}, &order_fleet_hold},
    {"DELETE", API "/holds/*", orders_take, ROUTE_PLAIN, {0}, &order_hold_release},
    {"POST", API "/holds/release", orders_take, ROUTE_PLAIN, {0}, &order_fleet_release},
    {"POST", API "/tokens", orders_take, ROUTE_PLAIN, {0}, &order_token},
    {"DELETE", API "/tokens/*", orders_take, ROUTE_PLAIN, {0}, &order_token_revoke},
    {"GET", API "/approvals", api_approvals, ROUTE_STORE, {0}, NULL},
    {"GET", API "/approvals/*", api_approval, ROUTE_STORE, {0}, NULL},
    {"POST", API "/approvals/*", orders_take, ROUTE_PLAIN, {0}, &order_approval},
    {"POST", API "/analysis", orders_take, ROUTE_PLAIN, {0}, &order_analysis},
    {"POST", API "/config/reload", orders_take, ROUTE_PLAIN, {0}, &order_reload},
    {"POST", API "/config/check", try_config, ROUTE_PLAIN, {0}, NULL},
    {"POST", API "/replay", try_replay, ROUTE_STORE, {0}, &order_replay},
    {"POST", API "/doctor", orders_take, ROUTE_PLAIN, {0}, &order_doctor},

    {"GET", ARGO, argo_analysis, ROUTE_PROBE | ROUTE_ANY_SECRET, ARGO_QUERY, NULL},
    {"POST", ARGO, argo_analysis, ROUTE_PROBE | ROUTE_ANY_SECRET, ARGO_QUERY, &order_compat},
    {"PUT", ARGO, argo_analysis, ROUTE_PROBE | ROUTE_ANY_SECRET, ARGO_QUERY, &order_compat},

    {"POST", "/gate/approve", flagger_approve, ROUTE_ANY_SECRET, {0}, NULL},
    {"POST", "/gate/halt", flagger_halt, ROUTE_ANY_SECRET, {0}, NULL},
    {"POST", "/gate/check", flagger_gate, ROUTE_STORE | ROUTE_ANY_SECRET, {0}, NULL},
    {"POST", "/gate/open", flagger_open, ROUTE_ANY_SECRET, {0}, &order_compat},
    {"POST", "/gate/close", flagger_close, ROUTE_ANY_SECRET, {0}, &order_compat},
    {"POST", "/rollback/check", flagger_gate, ROUTE_STORE | ROUTE_ANY_SECRET, {0}, NULL},
    {"POST", "/rollback/open", flagger_open, ROUTE_ANY_SECRET, {0}, &order_compat},
    {"POST", "/rollback/close", flagger_close, ROUTE_ANY_SECRET, {0}, &order_compat},
    {"POST", FLAGGER "/gate", flagger_gate, ROUTE_STORE | ROUTE_ANY_SECRET, {0}, NULL},
    {"POST", FLAGGER "/check", flagger_check, ROUTE_PROBE | ROUTE_ANY_SECRET, FLAGGER_QUERY,
     &order_compat},
    {"POST", FLAGGER "/rollback", flagger_rollback, ROUTE_STORE | ROUTE_ANY_SECRET, FLAGGER_QUERY,
     NULL},
    {"POST", FLAGGER "/event", flagger_event, ROUTE_ANY_SECRET, {0}, &order_compat},

    {"POST", "/compat/alertmanager", alertmanager_take, ROUTE_ANY_SECRET, {"service", "do", "to", "from"},
     &order_compat},
    {"GET", KAYENTA "/canaryConfig", kayenta_configs, ROUTE_STORE | ROUTE_ANY_SECRET, KAYENTA_QUERY, NULL},
    {"GET", KAYENTA "/canaryConfig/*", kayenta_config, ROUTE_STORE | ROUTE_ANY_SECRET, KAYENTA_QUERY, NULL},
    {"GET", KAYENTA "/credentials", kayenta_credentials, ROUTE_ANY_SECRET, {0}, NULL},
    {"PUT", KAYENTA "/pipelines/*/cancel", kayenta_cancel, ROUTE_PROBE | ROUTE_ANY_SECRET, {0}, &order_compat},
    {"POST", KAYENTA "/canary/*", kayenta_start, ROUTE_ANY_SECRET, KAYENTA_QUERY, &order_compat},
    {"GET", KAYENTA "/canary/*", kayenta_execution, ROUTE_PROBE | ROUTE_ANY_SECRET, KAYENTA_QUERY, NULL},
    {0},
};

/* "*" stands for one segment that is not empty. */
static bool matches(const char *pattern, const char *path, const char **ret_at, size_t *ret_len)
{
    while (*pattern && *path) {
        if (*pattern == '*') {
            size_t len = strcspn(path, "/");
            if (!len)
                return false;
            *ret_at = path;
            *ret_len = len;
            pattern++;
            path += len;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == *path;
}

enum route_match route_find(struct hd_arena *a, const char *method, const char *path,
                            const struct route **ret, const char **ret_param,
                            const char **ret_allow)
{
    const char *want = str_is(method, "HEAD") ? "GET" : method;
    const char *allow = NULL;
    for (const struct route *r = http_routes; r->method; r++) {
        const char *at = NULL;
        size_t len = 0;
        if (!matches(r->pattern, path, &at, &len))
            continue;
        if (str_is(r->method, want)) {
            *ret = r;
            *ret_param = at ? arena_text_n(a, at, len) : NULL;
            return ROUTE_FOUND;
        }
        allow = arena_print(a, "%s, %s%s", allow ? allow : "OPTIONS", r->method,
                            str_is(r->method, "GET") ? ", HEAD" : "");
    }
    if (!allow)
        return ROUTE_NOT_FOUND;
    *ret_allow = allow;
    return ROUTE_WRONG_METHOD;
}

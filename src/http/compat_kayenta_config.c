/* SPDX-License-Identifier: Apache-2.0
 *
 * What Kayenta's clients choose from before they start an execution: canary configs, of which each
 * service is one, and accounts, of which there is one. It shows what the configuration says, and
 * stores nothing for a client. Called by routes.c; compat_kayenta.c shows a config in an execution.
 */
#include <string.h>

#include "base/str.h"
#include "http/compat.h"
#include "http/handlers.h"
#include "http/view.h"

/* Since when the configuration has been in force; a client wants a number, known or not. */
static int64_t updated_ms(struct call *c)
{
    const char *loaded;
    struct hd_error err;
    int64_t ms;
    if (store_fact(c->store, c->arena, "config/loaded", &loaded, &err))
        return 0;
    const char *stamp = arena_text_n(c->arena, loaded, strcspn(loaded, " ")); /* a hash follows */
    return str_read_i64(stamp, &ms) ? ms : 0;
}

/* What lists and whole configs have in common. */
static void put_head(struct json_out *o, struct call *c, const char *name)
{
    const char *application = call_query(c, "application");
    int64_t updated = updated_ms(c);
    json_put_text(o, "id", name);
    json_put_text(o, "name", name);
    json_put_i64(o, "updatedTimestamp", updated);
    json_put_time(o, "updatedTimestampIso", updated);
    json_begin(o, "applications", '[');
    json_put_text(o, NULL, application && *application ? application : name);
    json_end(o, ']');
}

static const char *direction_of(const struct check_view *v)
{
    bool up = strstr(v->limit, "<=") != NULL, down = strstr(v->limit, ">=") != NULL;
    return up == down ? "either" : up ? "increase" : "decrease";
}

static void put_metric(struct json_out *o, struct call *c, const struct check_view *v)
{
    json_begin(o, NULL, '{');
    json_put_text(o, "name", v->name);
    json_begin(o, "query", '{');
    json_put_text(o, "type", "prometheus");
    json_put_text(o, "serviceType", "prometheus");
    json_put_text(o, "customInlineTemplate", arena_print(c->arena, "PromQL:%s", v->query ? v->query : ""));
    json_end(o, '}');
    json_begin(o, "groups", '[');
    json_put_text(o, NULL, v->name);
    json_end(o, ']');
    json_begin(o, "analysisConfigurations", '{');
    json_begin(o, "canary", '{');
    json_put_text(o, "direction", direction_of(v));
    json_put_bool(o, "critical", v->critical);
    json_put_bool(o, "muted", v->advisory);
    json_end(o, '}');
    json_end(o, '}');
    json_put_text(o, "scopeName", "default");
    json_end(o, '}');
}

void kayenta_put_config(struct json_out *o, const char *key, struct call *c,
                        const struct store_service *s)
{
    struct check_view *check;
    size_t n;
    view_checks(c->arena, s->checks, NULL, &check, &n);
    json_begin(o, key, '{');
    put_head(o, c, s->name);
    json_put_text(o, "description", "judged by haldane, by the limits of its own configuration");
    json_put_text(o, "configVersion", "1");
    json_begin(o, "judge", '{');
    json_put_text(o, "name", KAYENTA_ACCOUNT);
    json_begin(o, "judgeConfigurations", '{');
    json_end(o, '}');
    json_end(o, '}');
    json_begin(o, "metrics", '[');
    for (size_t i = 0; i < n; i++)
        put_metric(o, c, &check[i]);
    json_end(o, ']');
    json_begin(o, "templates", '{');
    json_end(o, '}');
    json_begin(o, "classifier", '{');
    json_begin(o, "groupWeights", '{');
    json_end(o, '}');
    json_end(o, '}');
    json_end(o, '}');
}

enum hd_code kayenta_configs(struct call *c, struct hd_error *err)
{
    struct store_service *list;
    size_t n;
    if (store_services(c->store, c->arena, &list, &n, err))
        return err->code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '[');
    for (size_t i = 0; i < n; i++) {
        json_begin(&o, NULL, '{');
        put_head(&o, c, list[i].name);
        json_end(&o, '}');
    }
    json_end(&o, ']');
    return HD_OK;
}

enum hd_code kayenta_config(struct call *c, struct hd_error *err)
{
    struct store_service service;
    if (strlen(c->param) > HD_NAME_MAX || store_service(c->store, c->arena, c->param, &service, err))
        return call_refuse(c, 404, "absent", "there is no canary config %.*s", HD_NAME_MAX, c->param);
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    kayenta_put_config(&o, NULL, c, &service);
    return HD_OK;
}

enum hd_code kayenta_credentials(struct call *c, struct hd_error *err)
{
    static const char *const types[] = {"METRICS_STORE", "OBJECT_STORE", "CONFIGURATION_STORE"};
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    (void)err;
    json_begin(&o, NULL, '[');
    json_begin(&o, NULL, '{');
    json_put_text(&o, "name", KAYENTA_ACCOUNT);
    json_put_text(&o, "type", KAYENTA_ACCOUNT);
    json_begin(&o, "supportedTypes", '[');
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        json_put_text(&o, NULL, types[i]);
    json_end(&o, ']');
    json_begin(&o, "locations", '[');
    json_end(&o, ']');
    json_begin(&o, "recommendedLocations", '[');
    json_end(&o, ']');
    json_end(&o, '}');
    json_end(&o, ']');
    return HD_OK;
}

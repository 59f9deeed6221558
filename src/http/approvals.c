/* SPDX-License-Identifier: Apache-2.0
 *
 * Reverts that wait for a named human: what is asked, of whom, until when, and what was decided. Deciding
 * is a POST, which the loop carries out.
 */
#include "http/handlers.h"
#include "json/json.h"

static void show(struct json_out *o, struct call *c, const struct store_approval *a)
{
    static const char *const words[] = {"open", "approved", "rejected", "expired", "withdrawn"};
    json_begin(o, NULL, '{');
    json_put_text(o, "id", a->guard);
    json_put_text(o, "service", a->service);
    json_put_text(o, "what", "revert");
    json_put_text(o, "approvers", a->approvers);
    json_put_text(o, "outcome", words[a->outcome]);
    json_put_time(o, "asked_at", a->asked_ms);
    json_put_time(o, "expires_at", a->expires_ms);
    json_put_time(o, "decided_at", a->decided_ms);
    json_put_text(o, "actor", a->actor);
    json_put_text(o, "reason", a->reason);
    json_put_text(o, "url", arena_print(c->arena, "%s/g/%s", c->facts->public_url, a->guard));
    json_end(o, '}');
}

enum hd_code api_approvals(struct call *c, struct hd_error *err)
{
    struct store_approval *list;
    size_t n;
    if (store_approvals(c->store, c->arena, &list, &n, err))
        return err->code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    json_begin(&o, NULL, '{');
    json_begin(&o, "items", '[');
    for (size_t i = 0; i < n; i++)
        show(&o, c, &list[i]);
    json_end(&o, ']');
    json_put_null(&o, "next");
    json_end(&o, '}');
    return HD_OK;
}

enum hd_code api_approval(struct call *c, struct hd_error *err)
{
    struct store_approval a;
    enum hd_code code = store_approval(c->store, c->arena, c->param, &a, err);
    if (code == HD_ABSENT)
        return call_refuse(c, 404, "no_approval", "no revert of a guard %s was asked about", c->param);
    if (code)
        return code;
    struct json_out o = json_out(call_answer(c, 200, CALL_JSON));
    show(&o, c, &a);
    return HD_OK;
}

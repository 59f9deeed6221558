/* SPDX-License-Identifier: Apache-2.0
 *
 * Any templates of a webhook actuator, and any value that a router gave: refused when they are checked,
 * or filled so that a value cannot leave its place. Input, a line each: path, body, header's value,
 * colour's value, path of the read-back's value; the rest is the router's answer.
 */
#include <haldane/actuator.h>

#include "../support/options.h"
#include "json/json.h"

#include "fuzz.h"

static void check_step(const struct hd_request *r, bool json)
{
    struct hd_error err;
    MUST(fuzz_plain(r->u.http.path) && r->u.http.path[0] == '/' && !strchr(r->u.http.path, ' '));
    MUST(!r->u.http.query || (fuzz_plain(r->u.http.query) && !strchr(r->u.http.query, ' ')));
    for (size_t i = 0; i < r->u.http.n_headers; i++)
        MUST(fuzz_plain(r->u.http.headers[i].name) && fuzz_plain(r->u.http.headers[i].value));
    if (json && r->body.len) {
        JSON_AUTO j = NULL;
        MUST(!json_parse(r->body, &j, &err));
    }
}

static void check_plan(struct hd_arena *a, const struct hd_site *site, const struct hd_talk *talk,
                       const char *value, bool json)
{
    const struct hd_actuator *act = hd_actuator_find("webhook");
    struct hd_goal goal = {.value = value, .stamp = "haldane 01JD2K"};
    struct hd_plan plan = {.n = 0};
    struct hd_error err = {0};
    if (act->plan(a, site, talk, &goal, &plan, &err)) {
        MUST(*err.text && fuzz_plain(err.text));
        return;
    }
    MUST(plan.n <= HD_PLAN_MAX && plan.native);
    for (size_t i = 0; i < plan.n; i++)
        check_step(plan.step[i], json);
}

static void try_as(struct hd_arena *a, char *const line[5], const char *as, struct hd_span body)
{
    const struct hd_actuator *act = hd_actuator_find("webhook");
    const struct opt side_opt[] = {{"value", line[3]}, {NULL, NULL}};
    const struct opt cfg[] = {{"url", "http://router.test"}, {"read.path", "/live"},
                              {"read.value", line[4]},       {"write.0.path", line[0]},
                              {"write.0.body", line[1]},     {"write.0.as", as},
                              {"write.0.headers", line[2]},  {NULL, NULL}};
    const void *blue = opt_fill(a, act->side_options, act->side_size, *line[3] ? side_opt : NULL);
    const void *green = opt_fill(a, act->side_options, act->side_size, NULL);
    struct hd_site site = {.cfg = opt_fill(a, act->options, act->cfg_size, cfg), .n_sides = 2,
                           .colour = {"blue", "green"}, .side = {blue, green}};
    struct hd_response response = {.status = 200, .body = body};
    struct hd_exchange said[HD_ASK_MAX];
    struct hd_talk talk = {said, 0};
    struct hd_ask ask = {0};
    struct hd_live live = {.value = NULL};
    struct hd_error err = {0};
    if (act->check(&site, &err)) {
        MUST(*err.text && fuzz_plain(err.text));
        return;
    }
    MUST(!act->observe(a, &site, NULL, &talk, &ask, &live, &err) && ask.n > 0);
    for (; talk.n < ask.n; talk.n++)
        said[talk.n] = (struct hd_exchange){ask.request[talk.n], &response};
    if (act->observe(a, &site, NULL, &talk, &ask, &live, &err)) {
        MUST(*err.text && fuzz_plain(err.text) && !live.value);
        return;
    }
    MUST(live.value && *live.value && fuzz_plain(live.value));
    for (size_t k = 0; k < 2; k++) {
        if (live.side[k].alone)
            check_plan(a, &site, &talk, live.side[k].alone, str_is(as, "json"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const as[] = {"json", "form", "text"};
    struct fuzz f = {data, size};
    char *line[5], header[300];
    for (size_t i = 0; i < 5; i++)
        line[i] = fuzz_line(&f);
    (void)snprintf(header, sizeof header, "X-To=%.250s", line[2]);
    free(line[2]);
    line[2] = header;
    header[5 + strcspn(header + 5, "|")] = '\0'; /* the list's own separator */
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        ARENA_AUTO a = arena_new();
        const char *body = arena_text_n(a, (const char *)f.at, f.left);
        try_as(a, line, as[i], (struct hd_span){body, f.left});
    }
    for (size_t i = 0; i < 5; i++) {
        if (i != 2)
            free(line[i]);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A service whose sides are versions: other values of the label, the same questions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "config/config.h"

#define SERVICE(colours, check)                                                                    \
    "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\nservices:\n  shop:\n"     \
    "    colours: " colours "\n    target: {trust: true}\n    guard: {interval: 7s}\n"             \
    "    actuator: {type: exec, command: [/bin/false]}\n    checks: [" check "]\n"
#define RATIO "{use: http-5xx-ratio, max: 1%}"
#define TWO "[blue, green]"

static const struct {
    const char *name, *yaml, *label[2];
    const char *want;     /* the query; NULL: refused */
    const char *names[2]; /* or [0]: why it is refused */
} rows[] = {
    {"two versions", SERVICE(TWO, RATIO), {"v41", "v42"}, "http_requests_total{ version=~\"v41|v42\" }", {"v41", "v42"}},
    {"one of them", SERVICE(TWO, RATIO), {NULL, "v42"}, "http_requests_total{ version=~\"blue|v42\" }", {"blue", "v42"}},
    {"what it has already", SERVICE(TWO, RATIO), {"blue", "v42"}, "http_requests_total{ version=~\"blue|v42\" }",
     {"blue", "v42"}},
    {"no name of a colour", SERVICE(TWO, RATIO), {"2024/1+b", "v/4"}, "http_requests_total{ version=~\"2024/1\\\\+b|v/4\" }",
     {"blue", "green"}},
    {"a canary", SERVICE(TWO, RATIO) "    kind: {canary: {stable: blue, candidate: green}}\n", {"v41", "v42"},
     "http_requests_total{ version=~\"v41|v42\" }", {"v41", "v42"}},
    {"by match", SERVICE("{blue: {match: 'a=\"b\"'}, green: {}}", RATIO), {"v41", "v42"}, NULL, {"told by `match`"}},
    {"a pattern is no version", SERVICE(TWO, RATIO), {"v4*", "v41"}, NULL, {"\"v4*\" is a pattern, not a version"}},
    {"nor is one with a question mark", SERVICE(TWO, RATIO), {"v42", "v?"}, NULL, {"is a pattern, not a version"}},
    {"a query of its own", SERVICE(TWO, "{name: x, query: 'q{version=\"fixed\", c=~\"{{colour}}\"}', max: 1}"),
     {"v41", "v/42"}, NULL, {"x does not tell its sides by the label"}},
};

static void versions_take_the_colours_places(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        struct config *c = NULL, *v = NULL;
        struct config_mistakes mistakes;
        struct hd_error err = {.text = ""};
        const char *label[HD_SIDES_MAX] = {rows[i].label[0], rows[i].label[1]};
        if (config_load_text(a, "x.yaml", (struct hd_span){rows[i].yaml, strlen(rows[i].yaml)}, NULL, &c, &mistakes, &err)) {
            if (rows[i].want || *rows[i].names[0])
                fail_msg("%s: %s", rows[i].name, mistakes.n ? mistakes.item[0].text : err.text);
            continue;
        }
        bool ok = !config_relabel(c, config_service(c, "shop"), label, &v, &err);
        if (ok != (rows[i].want != NULL) || (!ok && !strstr(err.text, rows[i].names[0])))
            fail_msg("%s: %s", rows[i].name, ok ? "taken" : err.text);
        if (ok) {
            const struct hd_policy *p = config_service(v, "shop");
            assert_string_equal(p->checks[0].query.text[0], rows[i].want);
            assert_int_equal(p->guard.interval_ms, 7000);
            for (size_t k = 0; k < 2; k++) {
                assert_string_equal(p->colours[k].name, rows[i].names[k]);
                if (label[k])
                    assert_string_equal(p->checks[0].query.values[k][0], label[k]);
            }
            BUF_AUTO pin = BUF_INIT(1 << 20);
            struct config *back = NULL;
            config_pin(v, p, &pin);
            assert_int_equal(config_load_pin(buf_span(&pin), &back, &err), HD_OK);
            assert_string_equal(config_service(back, "shop")->checks[0].query.text[0], rows[i].want);
            config_unref(back);
        }
        config_unref(v);
        config_unref(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(versions_take_the_colours_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

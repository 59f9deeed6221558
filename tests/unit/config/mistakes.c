/* SPDX-License-Identifier: Apache-2.0
 *
 * Every mistake is named, at its place, in one run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"
#include "fake.h"

static struct hd_span read_file(struct hd_arena *a, const char *name)
{
    FILE *f = fopen(arena_print(a, TEST_DATA "/golden/config/%s", name), "r");
    assert_non_null(f);
    char *text = arena_alloc(a, 65536);
    size_t n = fread(text, 1, 65535, f);
    (void)fclose(f);
    return (struct hd_span){text, n};
}

/* brought: mistakes of every stage of reading in one file, and words of other tools. */
static void the_golden_files(void **state)
{
    static const char *const names[] = {"mistakes", "brought"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ARENA_AUTO a = arena_new();
        const char *yaml = arena_print(a, "%s.yaml", names[i]);
        struct config *c = NULL;
        struct config_mistakes m;
        struct hd_error err;
        enum hd_code code = config_load_text(a, yaml, read_file(a, yaml), NULL, &c, &m, &err);
        assert_int_equal(code, HD_INVALID);
        assert_null(c);
        BUF_AUTO got = BUF_INIT(65536);
        config_print_mistakes(&m, &got);
        assert_string_equal(buf_at(&got), read_file(a, arena_print(a, "%s.txt", names[i])).at);
    }
}

/* One service with a place for keys of the file, of the service, and of its one check. */
static const char frame[] =
    "version: 1\n"
    "%s\n"
    "datasources:\n"
    "  prom: {type: prometheus, url: \"http://127.0.0.1:9090\"}\n"
    "services:\n"
    "  shop:\n"
    "    colours: [blue, green]\n"
    "    actuator: {type: haproxy, socket: /s, backend: shop}\n"
    "    %s\n"
    "    checks:\n"
    "      - {name: c, %s}\n";
#define ERRORS "use: http-5xx-ratio"
#define FREE "query: 'x{ {{match}} }'"

/* want: what a mistake says, or NULL: it loads. */
static const struct {
    const char *name, *top, *service, *check, *want;
} rows[] = {
    {"plain", "", "", ERRORS ", max: 1%", NULL},
    /* scalars */
    {"share with a blank", "", "", ERRORS ", max: 0.5 %", NULL},
    {"share as a number", "", "", ERRORS ", max: 0.01", NULL},
    {"not a share", "", "", ERRORS ", max: 3", "3 is no share: did you mean 3%?"},
    {"comma", "", "", ERRORS ", max: \"0,5\"", "'0,5' is neither a share"},
    {"nan", "", "", ERRORS ", max: nan", "'nan' is neither a share"},
    {"inf", "", "", ERRORS ", max: .inf", "'.inf' is neither a share"},
    {"hex", "", "", ERRORS ", max: 0x10", "'0x10' is neither a share"},
    {"octal", "limits: {series: 010}", "", ERRORS ", max: 1%", "'010' is not a whole number"},
    {"overflow", "limits: {series: 99999999999999999999}", "", ERRORS ", max: 1%",
     "is not a whole number"},
    {"no unit", "", "guard: {duration: 900}", ERRORS ", max: 1%",
     "'900' has no unit: write 900s, 900m or 900ms"},
    {"yes", "", "", ERRORS ", max: 1%, critical: yes", "'yes' is not one of: false, true"},
    {"factor 0", "", "", ERRORS ", worse_than_baseline: 0x", "a factor is above 0"},
    {"switch_at above 1", "", "detect: {switch_at: 101%}", ERRORS ", max: 1%",
     "is outside 0% to 100%"},
    {"null", "", "shape: ~", ERRORS ", max: 1%", "services.shop.shape: has no value"},
    {"list for text", "", "shape: [generic]", ERRORS ", max: 1%", "must be a text, and not a list"},
    {"text for list", "", "", "use: [x], max: 1%", "must be a text, and not a list"},
    {"relative path", "storage: {path: x.db}", "", ERRORS ", max: 1%", "is not an absolute path"},
    {"no host", "listen: {public_url: \"http:///x\"}", "", ERRORS ", max: 1%", "is not a URL"},
    {"line break in URL", "listen: {public_url: \"http://a\\nb\"}", "", ERRORS ", max: 1%",
     "may not stand in a URL"},
    {"user in URL", "listen: {public_url: \"http://u:p@h/\"}", "", ERRORS ", max: 1%",
     "a user or password in a URL"},
    {"at sign in path", "listen: {public_url: \"http://h/a@b\"}", "", ERRORS ", max: 1%", NULL},
    {"listen without port", "listen: {http: localhost}", "", ERRORS ", max: 1%",
     "is no address:port"},
    /* limits at the cap and one past it */
    {"answer at its cap", "limits: {answer: 4MiB}", "", ERRORS ", max: 1%", NULL},
    {"answer past its cap", "limits: {answer: 4194305}", "", ERRORS ", max: 1%",
     "is outside 64KiB to 4MiB"},
    {"series at its cap", "limits: {series: 5000}", "", ERRORS ", max: 1%", NULL},
    {"series past its cap", "limits: {series: 5001}", "", ERRORS ", max: 1%", "outside 1 to 5000"},
    {"in_flight at its cap", "limits: {in_flight: 64}", "", ERRORS ", max: 1%", NULL},
    {"in_flight past its cap", "limits: {in_flight: 65}", "", ERRORS ", max: 1%",
     "outside 1 to 64"},
    {"rule at its cap", "", "guard: {fail_after: 3 of 64}", ERRORS ", max: 1%", NULL},
    {"rule past its cap", "", "guard: {fail_after: 3 of 65}", ERRORS ", max: 1%",
     "at most the last 64 polls"},
    {"rule k above n", "", "guard: {fail_after: 6 of 5}", ERRORS ", max: 1%", "can never happen"},
    {"rule past 32 bits", "", "guard: {fail_after: 4294967297}", ERRORS ", max: 1%", "is not a rule"},
    {"rule 0", "", "guard: {fail_after: 0}", ERRORS ", max: 1%", "'0' is not a rule"},
    {"rule of words", "", "guard: {fail_after: three}", ERRORS ", max: 1%", "is not a rule"},
    /* defaults */
    {"a wrong default is named once", "defaults: {guard: {fail_after: 0}}", "", ERRORS ", max: 1%",
     "defaults.guard.fail_after: '0' is not a rule"},
    {"unknown default", "defaults: {colours: [a, b]}", "", ERRORS ", max: 1%",
     "defaults: unknown key 'colours'"},
    /* keys */
    {"unknown key", "", "moed: shadow", ERRORS ", max: 1%", "did you mean 'mode'?"},
    {"a name inside", "", "name: cart", ERRORS ", max: 1%", "the name is 'shop'"},
    {"a text for a mapping", "notifiers: {n: x}", "", ERRORS ", max: 1%",
     "notifiers.n: must be a mapping"},
    {"companions", "", "companions: []", ERRORS ", max: 1%", "unknown key 'companions'"},
    {"internal key", "", "", ERRORS ", max: 1%, resolved: []", "unknown key 'resolved'"},
    {"key twice", "", "mode: shadow\n    mode: advise", ERRORS ", max: 1%", "given twice"},
    {"merge key", "", "<<: {mode: shadow}", ERRORS ", max: 1%", "merging is not supported"},
    {"tag", "", "mode: !!str shadow", ERRORS ", max: 1%", "tags are not supported"},
    {"key that is a list", "", "[a]: b", ERRORS ", max: 1%", "a key must be a text"},
    /* secrets */
    {"literal hash", "auth: {tokens: {ci: {role: admin, hash: 0a1b}}}", "", ERRORS ", max: 1%",
     "a secret is never written here"},
    {"reference", "auth: {tokens: {ci: {role: admin, hash: \"${env:X}\"}}}", "", ERRORS ", max: 1%",
     NULL},
    {"half a reference", "auth: {tokens: {ci: {role: admin, hash: \"x${env:X}\"}}}", "",
     ERRORS ", max: 1%", "a reference must be the whole value"},
    {"a bearer by its header",
     "notifiers: {n: {type: alertmanager, url: \"http://h\", headers: {Authorization: \"Bearer ${env:X}\"}}}", "",
     ERRORS ", max: 1%", "auth: {type: bearer, token: ...}"},
    {"secret header",
     "notifiers: {n: {type: alertmanager, url: \"http://h\", headers: {X-Api-Key: abc}}}", "",
     ERRORS ", max: 1%", "a secret is never written here"},
    {"line break in a header",
     "notifiers: {n: {type: alertmanager, url: \"http://h\", headers: {A: \"x\\r\\nB: y\"}}}", "",
     ERRORS ", max: 1%", "is no header of one line"},
    {"bearer without token",
     "notifiers: {n: {type: alertmanager, url: \"http://h\", auth: {type: bearer}}}", "",
     ERRORS ", max: 1%", "bearer needs `token`"},
    /* checks */
    {"no limit", "", "", ERRORS, "has no limit"},
    {"nothing asked", "", "", "max: 1%", "asks nothing"},
    {"two questions", "", "", ERRORS ", " FREE ", max: 1%", "are two questions"},
    {"warn alone", "", "", ERRORS ", worse_than_baseline: 2x, warn: 1%",
     "goes with `max` or `min`"},
    {"warn above max", "", "", ERRORS ", max: 1%, warn: 2%", "must be below `max`"},
    {"warn below min", "", "", "use: http-success-ratio, min: 99%, warn: 98%",
     "must be above `min`"},
    {"min above max", "", "", FREE ", min: 2, max: 1", "no value could pass"},
    {"critical and advisory", "", "", ERRORS ", max: 1%, critical: true, advisory: true",
     "cannot be advisory too"},
    {"no bound", "", "", "use: http-slower-than, max: 1%", "needs `bound`"},
    {"bound to be picked", "", "", "use: http-slower-than, rule: sequential", NULL},
    {"bound to be picked, with a limit", "", "", "use: http-slower-than, rule: sequential, max: 1%", "needs `bound`"},
    {"one bound to be picked", "", "", "use: http-slower-than, rule: sequential, bound_at: p95", NULL},
    {"both bounds", "", "", "use: http-slower-than, rule: sequential, bound_at: p95, bound: 1s",
     "goes without `bound`"},
    {"picked without the rule", "", "", "use: http-slower-than, bound_at: p95, worse_than_baseline: 2x",
     "goes with `rule: sequential`"},
    {"picked, and limited", "", "", "use: http-slower-than, rule: sequential, bound_at: p95, max: 1%",
     "with `max` or `min` give `bound`"},
    {"picked of no histogram", "", "", ERRORS ", rule: sequential, bound_at: p95", "only a query of a histogram"},
    {"a mistake of three checks is told once", "", "", "use: http-slower-than, rule: sequential, with: {jbo: x}",
     "did you mean 'job'?"},
    {"bound too much", "", "", ERRORS ", bound: 1s, max: 1%", "has no `bound`"},
    {"free query with bound", "", "", FREE ", bound: 1s, max: 1", "(`use`) has a bound"},
    {"unknown parameter", "", "", ERRORS ", max: 1%, with: {jbo: x}", "did you mean 'job'?"},
    {"metric that is none", "", "", ERRORS ", max: 1%, with: {metric: \"x{} or y\"}",
     "is no name of a metric or label"},
    {"unknown placeholder", "", "", "query: 'x{ {{match}}, a={{b}} }', max: 1",
     "{{b}} cannot be filled in here"},
    {"a bound without its unit", "", "", "use: http-slower-than, bound: 450, max: 1%",
     "services.shop.checks[0].bound: '450' would be seconds: write the unit, 450ms or 450s"},
    {"a bound of a share", "", "", "use: http-slower-than, bound: 1%, max: 1%", "is a share, and this is a time"},
    {"a bound in seconds, as it is printed", "", "", "use: http-slower-than, bound: 0.45, max: 1%", NULL},
    {"a limit above everything", "", "", ERRORS ", max: 1", "no share is above 100%"},
    {"the same in percent", "", "", ERRORS ", max: 100%", "did you mean 1%?"},
    {"a limit below everything", "", "", "use: http-success-ratio, min: 0", "no share is below 0%"},
    {"no failure at all", "", "", "use: http-success-ratio, min: 100%", NULL},
    {"a share that is a duration", "", "", ERRORS ", max: 450ms", "is a duration, and the check measures a share"},
    {"a rate in percent", "", "", "use: http-request-rate, min: 100%",
     "the check measures requests per second; write a number, or compare with the other colour: min_of_baseline: 0.8x"},
    {"a rate as a number", "", "", "use: http-request-rate, min: 100", NULL},
    {"the place of a parameter", "", "", ERRORS ", max: 1%, with: {metric: a-b}",
     "services.shop.checks[0].with.metric: 'a-b' is no name of a metric or label"},
    {"the place of an address", "", "", "http: {url: \"http://{{slot}}/\"}",
     "services.shop.checks[0].http.url: {{slot}} cannot be filled in here"},
    {"the place of a codec's rule", "", "", "http: {url: \"{{colour}}\"}", "services.shop.checks[0].http.url: not http"},
    {"the place of a source's rule", "", "datasource: prom", ERRORS ", max: 1%, http: {url: \"http://h\"}",
     "services.shop.checks[0].http: 'use' and 'http' are two questions"},
    {"unknown shape", "", "shape: apache", ERRORS ", max: 1%", "has no shape 'apache'"},
    {"refused shape", "", "shape: haproxy", "use: http-slower-than, bound: 1s, max: 1%",
     "HAProxy's exporter has no latency histogram"},
    {"unknown source", "", "", ERRORS ", max: 1%, datasource: prim", "did you mean 'prom'?"},
    {"http with a source", "", "", "http: {url: \"http://h\"}, datasource: prom",
     "brings its own (`http`)"},
    {"http wrong", "", "", "http: {url: h}", "url: not http"},
    {"http incomplete", "", "", "http: {expect: 200}", "checks[0].http: missing key 'url'"},
    {"latency without limit", "", "", "http: {url: \"http://h\", measure: latency}",
     "has no limit"},
    {"use of a path", "", "", "use: ../../etc/passwd, max: 1", "is no name of a query"},
    /* services */
    {"warm-up too long", "", "guard: {duration: 1m, warmup: 1m}", ERRORS ", max: 1%",
     "must end before the guard ("},
    {"a probe that asks nobody", "", "target: {probe: {expect: 204}}", ERRORS ", max: 1%",
     "services.shop.target.probe: missing key 'url': nothing would be asked"},
    {"an approval that asks nobody", "", "approval: {within: 5m}", ERRORS ", max: 1%",
     "services.shop.approval: missing key 'by'"},
    {"a switch that is never seen", "", "detect: {switch_at: 100%}", ERRORS ", max: 1%",
     "services.shop.detect.switch_at: no share rises above 100%"},
    {"two intervals", "", "guard: {duration: 14s, interval: 5s, warmup: 1s}", ERRORS ", max: 1%",
     "is shorter than three intervals"},
    {"canary without roles", "", "kind: canary", ERRORS ", max: 1%", "a canary needs its roles"},
    {"canary of strangers", "", "kind: {canary: {stable: blue, candidate: gren}}",
     ERRORS ", max: 1%", "did you mean 'green'?"},
    {"canary of one", "", "kind: {canary: {stable: blue, candidate: blue}}", ERRORS ", max: 1%",
     "is stable too"},
    {"roles of no canary", "", "kind: {type: blue_green, stable: blue}", ERRORS ", max: 1%",
     "only a canary has fixed roles"},
    {"label that is none", "", "label: \"a b\"", ERRORS ", max: 1%", "is no name of a label"},
    {"probe with a query", "", "target: {probe: {url: \"http://h/?a\"}}", ERRORS ", max: 1%",
     "a probe has a path only"},
    {"probe with a stranger", "", "target: {probe: {url: \"http://{{host}}/\"}}",
     ERRORS ", max: 1%", "only {{colour}}"},
    {"safe and until", "", "rollback_safe: {safe: true, until: \"2030-01-01T00:00:00Z\"}",
     ERRORS ", max: 1%", "says until when it is not safe"},
    {"30 February", "", "rollback_safe: {until: \"2030-02-30T00:00:00Z\"}", ERRORS ", max: 1%",
     "is not a time"},
    {"script for a dashboard", "", "dashboard: \"javascript:alert(1)\"", ERRORS ", max: 1%", "is not a URL"},
    {"data for a runbook", "", "runbook: \"data:text/html,x\"", ERRORS ", max: 1%", "is not a URL"},
    {"actuator wrong", "", "runbook: http://h", ERRORS ", max: 1%", NULL},
};

static void rows_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        const char *text = arena_print(a, frame, rows[i].top, rows[i].service, rows[i].check);
        struct config *c = NULL;
        struct config_mistakes m;
        struct hd_error err;
        enum hd_code code = config_load_text(a, "t", (struct hd_span){text, strlen(text)}, NULL,
                                             &c, &m, &err);
        BUF_AUTO said = BUF_INIT(65536);
        config_print_mistakes(&m, &said);
        bool right = rows[i].want ? code == HD_INVALID && !c && m.errors == 1 &&
                                        strstr(buf_at(&said), rows[i].want)
                                  : code == HD_OK && c;
        config_unref(c);
        if (!right)
            fail_msg("%s: wanted: %s\ngot: %s", rows[i].name,
                     rows[i].want ? rows[i].want : "(it loads)", buf_at(&said));
    }
}

/* What loads, and is probably not meant. want: NULL: no word about it. */
static const struct {
    const char *name, *service, *check, *want, *top;
} warnings[] = {
    {"kept for less than it is guarded", "target: {kept_for: 5m}", ERRORS ", max: 1%",
     "services.shop.guard.duration: warning: the guard lasts 15m, and the colour to go back to is kept for 5m"},
    {"more polls than there are", "guard: {duration: 2m, interval: 10s, warmup: 1m}", ERRORS ", max: 1%, fail_after: 7",
     "checks[0].fail_after: warning: asks for 7 polls in breach, and the guard judges a check at most 6 times"},
    {"more polls than there are, by the guard's", "guard: {duration: 2m, interval: 10s, warmup: 1m, fail_after: 7 of 9}",
     ERRORS ", max: 1%", "services.shop.guard.fail_after: warning: asks for 7 polls in breach"},
    {"as many polls as there are", "guard: {duration: 2m, interval: 10s, warmup: 1m}",
     ERRORS ", max: 1%, fail_after: 6", NULL},
    {"a critical one is judged in the warm-up", "guard: {duration: 2m, interval: 10s, warmup: 1m}",
     ERRORS ", max: 1%, fail_after: 7, critical: true", NULL},
    {"worse than half", "", ERRORS ", worse_than_baseline: 0.5x",
     "checks[0].worse_than_baseline: warning: a colour that does as well as the other breaks this limit"},
    {"more than all", "", "use: http-request-rate, min_of_baseline: 1.2x",
     "checks[0].min_of_baseline: warning: a colour that does as well as the other breaks this limit"},
    {"an approver who may not", "approval: {by: [watcher]}", ERRORS ", max: 1%",
     "services.shop.approval.by: warning: token 'watcher' may not approve it: a viewer, or for other services",
     "auth: {tokens: {watcher: {role: viewer, services: \"*\", hash: \"${credential:w}\"}}}"},
    {"an approver of another service", "approval: {by: [boss, bob]}", ERRORS ", max: 1%", "token 'bob' may not approve it",
     "auth: {tokens: {bob: {role: admin, services: cart, hash: \"${credential:w}\"}, "
     "boss: {role: operator, services: \"s*\", hash: \"${credential:b}\"}}}"},
    {"a token of the name that is ours", "", ERRORS ", max: 1%",
     "auth.tokens.local: warning: is also the name of this machine's own admin token",
     "auth: {tokens: {local: {role: viewer, services: \"*\", hash: \"${credential:w}\"}}}"},
    {"what no check goes by", "guard: {tolerance: 1.3x}", ERRORS ", max: 1%",
     "services.shop.guard.tolerance: warning: is of `rule: sequential`, and no check of this service goes by it"},
    {"what one check goes by", "guard: {tolerance: 1.3x, ignore_blips: 0s}", ERRORS ", rule: sequential", NULL},
    {"what all checks go by", "guard: {rule: sequential, false_rollbacks: 5%, tolerance_abs: 1%}", ERRORS, NULL},
    {"kept for as long", "target: {kept_for: 15m}", ERRORS ", max: 1%", NULL},
    {"a query that goes wrong", "", "query: 'sum(irate(x_total{ {{match}} }[2m]))', max: 1",
     "services.shop.checks[0].query: warning: irate looks at the last two samples"},
    {"told apart by the service's label", "label: slot", "query: 'sum by (slot) (x{ {{match}} })', max: 1", NULL},
    {"and not by another", "label: slot", "query: 'sum by ({{by}}) (irate(x_total[2m]))', max: 1",
     "(irate)"},
    {"1 for 100%", "", "use: http-success-ratio, min: 1", "checks[0].min: warning: '1' of a share is 100%"},
};

/* `text` is a good config, of which one thing (NULL: nothing) is said. */
static void warns(struct hd_arena *a, const char *name, const char *text, const char *want)
{
    struct config *c = NULL;
    struct config_mistakes m;
    struct hd_error err;
    enum hd_code code = config_load_text(a, "t", (struct hd_span){text, strlen(text)}, NULL, &c, &m, &err);
    BUF_AUTO said = BUF_INIT(65536);
    config_print_mistakes(&m, &said);
    config_unref(c);
    if (code || m.n != (want ? 1 : 0) || (want && !strstr(buf_at(&said), want)))
        fail_msg("%s: wanted: %s\ngot: %s", name, want ? want : "nothing", buf_at(&said));
}

static void warnings_are_no_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++) {
        ARENA_AUTO a = arena_new();
        const char *top = warnings[i].top ? warnings[i].top : "";
        warns(a, warnings[i].name, arena_print(a, frame, top, warnings[i].service, warnings[i].check), warnings[i].want);
    }
}

/* Two services; the series of the second are those of the first unless something tells them apart. */
static const struct {
    const char *name, *shop, *cart, *want;
} pairs[] = {
    {"nothing tells them apart", "{use: http-5xx-ratio, max: 1%}", "{use: http-5xx-ratio, max: 5%}",
     "t:12:14: services.cart.checks[0]: warning: asks for the same series as service shop (its check http-5xx-ratio)"},
    {"and what would", "{use: http-5xx-ratio, max: 1%}", "{use: http-5xx-ratio, max: 1%}",
     "such as `with: {job: cart}`, in both"},
    {"a query of one's own", "{name: x, query: 'sum(x{ {{match}} })', max: 1}",
     "{name: y, query: 'sum(x{ {{match}} })', max: 1}", "(its check x)"},
    {"a label does", "{use: http-5xx-ratio, with: {job: shop}, max: 1%}",
     "{use: http-5xx-ratio, with: {job: cart}, max: 1%}", NULL},
    {"another metric", "{use: http-5xx-ratio, max: 1%}", "{use: http-5xx-ratio, with: {metric: x_total}, max: 1%}",
     NULL},
    {"another check of the same series", "{use: http-5xx-ratio, max: 1%}", "{use: http-request-rate, min: 1}",
     "services.cart.checks[0]: warning: "},
    {"another source", "{use: http-5xx-ratio, max: 1%}", "{use: http-5xx-ratio, datasource: other, max: 1%}", NULL},
};

static void services_have_series_of_their_own(void **state)
{
    static const char two[] =
        "version: 1\ndatasources: {prom: {type: prometheus, url: \"http://127.0.0.1:9090\"},\n"
        "  other: {type: prometheus, url: \"http://127.0.0.1:9091\"}}\n"
        "services:\n"
        "  shop: {colours: [blue, green], datasource: prom,\n"
        "    actuator: {type: haproxy, socket: /s, backend: shop},\n"
        "    checks: [%s]}\n"
        "  cart:\n    colours: [blue, green]\n    datasource: prom\n"
        "    actuator: {type: haproxy, socket: /s, backend: cart}\n"
        "    checks: [%s]\n";
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ARENA_AUTO a = arena_new();
        warns(a, pairs[i].name, arena_print(a, two, pairs[i].shop, pairs[i].cart), pairs[i].want);
    }
}

/* The second of two services, beside one that moves the servers blue and green of the backend shop. */
static const struct {
    const char *name, *cart, *want;
} routers[] = {
    {"the same backend", "actuator: {type: haproxy, socket: /s, backend: shop}",
     "t:6:44: services.cart.actuator: warning: moves the same traffic as service shop"},
    {"said otherwise", "actuator: {backend: 'shop', type: haproxy, socket: /s}", "services.cart.actuator: warning: "},
    {"another backend", "actuator: {type: haproxy, socket: /s, backend: cart}", NULL},
    {"another socket", "actuator: {type: haproxy, socket: /t, backend: shop}", NULL},
    {"other servers", "colours: [red, grey], actuator: {type: haproxy, socket: /s, backend: shop}", NULL},
    {"it only watches", "mode: shadow, actuator: {type: haproxy, socket: /s, backend: shop}", NULL},
    {"it only pages", "on_fail: page, actuator: {type: haproxy, socket: /s, backend: shop}", NULL},
};

static void services_have_traffic_of_their_own(void **state)
{
    static const char two[] =
        "version: 1\ndatasources: {prom: {type: prometheus, url: \"http://127.0.0.1:9090\"}}\nservices:\n"
        "  shop: {colours: [blue, green], actuator: {type: haproxy, socket: /s, backend: shop},\n"
        "    checks: [{use: http-5xx-ratio, with: {job: shop}, max: 1%%}], on_fail: revert}\n"
        "  cart: {%s%s,\n    checks: [{use: http-5xx-ratio, with: {job: cart}, max: 1%%}]%s}\n";
    (void)state;
    for (size_t i = 0; i < sizeof routers / sizeof *routers; i++) {
        ARENA_AUTO a = arena_new();
        const char *cart = routers[i].cart;
        warns(a, routers[i].name,
              arena_print(a, two, strstr(cart, "colours") ? "" : "colours: [blue, green], ", cart,
                          strstr(cart, "on_fail") ? "" : ", on_fail: revert"), routers[i].want);
    }
}

/* Whole files that are no config. */
static const struct {
    const char *name, *text, *want;
} files[] = {
    {"empty", "", "t:1:1: (top level): the document is empty"},
    {"comment", "# nothing\n", "the document is empty"},
    {"null", "~\n", "the document is empty"},
    {"list", "- a\n", "must be a mapping of keys"},
    {"tab", "version: 1\n\tlisten: {}\n", "t:2:1: (top level): this is not YAML"},
    {"a tab, and what to do", "version: 1\n\tlisten: {}\n",
     "a tab stands here: YAML indents with blanks; nothing else of the file"},
    {"open quote", "version: \"1\n", "is the quote of line 1 closed?"},
    {"open brace", "version: 1\nlisten: {http: \"a:1\"\nstorage: {}\n", "is the '{' of line 2 closed?"},
    {"open bracket", "version: 1\nservices: [a, b\nstorage: {}\n", "is the '[' of line 2 closed?"},
    {"zero byte", "version: \"a\\0b\"\n", "a zero byte in a text"},
    {"not UTF-8", "version: \xff\n", "this is not YAML"},
    {"too deep", "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
     "nested deeper than 24"},
};

static void files_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ARENA_AUTO a = arena_new();
        struct config *c = NULL;
        struct config_mistakes m;
        struct hd_error err;
        struct hd_span text = {files[i].text, strlen(files[i].text)};
        enum hd_code code = config_load_text(a, "t", text, NULL, &c, &m, &err);
        BUF_AUTO said = BUF_INIT(65536);
        config_print_mistakes(&m, &said);
        if (code != HD_INVALID || c || !strstr(buf_at(&said), files[i].want))
            fail_msg("%s: wanted: %s\ngot: %s", files[i].name, files[i].want, buf_at(&said));
    }
}

static void i8_too_many_mistakes_are_counted(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    BUF_AUTO text = BUF_INIT(1 << 20);
    for (int i = 0; i < HD_MISTAKES_MAX + 7; i++)
        buf_print(&text, "nothing%d: 1\n", i);
    struct config *c = NULL;
    struct config_mistakes m;
    struct hd_error err;
    assert_int_equal(config_load_text(a, "t", buf_span(&text), NULL, &c, &m, &err), HD_INVALID);
    assert_int_equal(m.n, HD_MISTAKES_MAX);
    assert_int_equal(m.n + m.more, m.errors);
    assert_int_equal(m.errors, HD_MISTAKES_MAX + 7 + 2); /* no version, no services */
}

/* A secret that was written by mistake must not be repeated in any message. */
static void a_literal_secret_is_not_repeated(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    const char *text = arena_print(
        a, frame, "notifiers: {n: {type: alertmanager, url: \"http://h\", auth: {type: bearer, "
                  "token: hunter2}, headers: {Authorization: hunter2}}}", "", ERRORS ", max: 1%");
    struct config *c = NULL;
    struct config_mistakes m;
    struct hd_error err;
    assert_int_equal(config_load_text(a, "t", (struct hd_span){text, strlen(text)}, NULL, &c, &m,
                                      &err), HD_INVALID);
    assert_int_equal(m.errors, 2);
    BUF_AUTO said = BUF_INIT(65536);
    config_print_mistakes(&m, &said);
    assert_null(strstr(buf_at(&said), "hunter2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_files),
        cmocka_unit_test(rows_hold),
        cmocka_unit_test(warnings_are_no_mistakes),
        cmocka_unit_test(services_have_series_of_their_own),
        cmocka_unit_test(services_have_traffic_of_their_own),
        cmocka_unit_test(files_hold),
        cmocka_unit_test(i8_too_many_mistakes_are_counted),
        cmocka_unit_test(a_literal_secret_is_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

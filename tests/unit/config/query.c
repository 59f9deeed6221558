/* SPDX-License-Identifier: Apache-2.0
 *
 * From a check to the text that is asked: the library's files, templates, and what people write
 * cannot leave its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/library.h"
#include "fake.h"

/* colours and keys of one service, one check, and the texts that come out. */
static const struct {
    const char *name, *service, *check;
    const char *by, *text[2], *values[3]; /* values of the first colour */
} rows[] = {
    {"generic", "colours: [blue, green]", "use: http-5xx-ratio, max: 1%", "version",
     {"http_requests_total{ version=~\"blue|green\" }"}, {"blue"}},
    {"another label and metric", "colours: [blue, green]\n    label: slot",
     "use: http-5xx-ratio, max: 1%, with: {metric: http_server_requests, code: status}", "slot",
     {"http_server_requests{ slot=~\"blue|green\" }"}, {"blue"}},
    {"globs of a colour", "colours: {blue: {label: [\"v1.*\", v2]}, green: {}}",
     "use: http-request-rate, min: 1", "version",
     {"http_requests_total{ version=~\"v1\\\\..*|v2|green\" }"}, {"v1.*", "v2"}},
    {"a label cannot break out", "colours: {blue: {label: 'a\"} or up{x=\"'}, green: {}}",
     "use: http-request-rate, min: 1", "version",
     {"http_requests_total{ version=~\"a\\\"\\\\} or up\\\\{x=\\\"|green\" }"},
     {"a\"} or up{x=\""}},
    {"a regular expression is a plain text", "colours: {blue: {label: '(a|b)+$\\'}, green: {}}",
     "use: http-request-rate, min: 1", "version",
     {"http_requests_total{ version=~\"\\\\(a\\\\|b\\\\)\\\\+\\\\$\\\\\\\\|green\" }"},
     {"(a|b)+$\\"}},
    {"a parameter cannot break out", "colours: [blue, green]",
     "use: http-request-rate, min: 1, with: {job: 'a\"} or up{x=\"'}", "version",
     {"http_requests_total{ version=~\"blue|green\", job=\"a\\\"} or up{x=\\\"\" }"}, {"blue"}},
    {"a line break in a parameter", "colours: [blue, green]",
     "use: http-request-rate, min: 1, with: {job: \"a\\nb\"}", "version",
     {"http_requests_total{ version=~\"blue|green\", job=\"a\\nb\" }"}, {"blue"}},
    {"a parameter is no template", "colours: [blue, green]",
     "use: http-request-rate, min: 1, with: {job: \"{{selector}}\"}", "version",
     {"http_requests_total{ version=~\"blue|green\", job=\"{{selector}}\" }"}, {"blue"}},
    {"match per colour", "colours: {blue: {match: 'canary=\"\"'}, green: {match: 'canary!=\"\"'}}",
     "use: http-request-rate, min: 1", NULL,
     {"http_requests_total{ canary=\"\" }", "http_requests_total{ canary!=\"\" }"}, {NULL}},
    {"whole bound", "colours: [blue, green]", "use: http-slower-than, bound: 1s, max: 1%",
     "version",
     {"http_request_duration_seconds_bucket{ version=~\"blue|green\", "
      "le=~\"1(\\\\.0+)?|1e\\\\+00|\\\\+Inf\" }"}, {"blue"}},
    {"small bound", "colours: [blue, green]", "use: http-slower-than, bound: 5ms, max: 1%",
     "version",
     {"http_request_duration_seconds_bucket{ version=~\"blue|green\", "
      "le=~\"0\\\\.0050*|5e-03|\\\\+Inf\" }"}, {"blue"}},
    {"haproxy, servers by default", "colours: [blue, green]\n    shape: haproxy",
     "use: http-5xx-ratio, max: 1%, with: {proxy: shop}", "server",
     {"haproxy_server_http_responses_total{ server=~\"blue[0-9]{0,3}|green[0-9]{0,3}\", "
      "proxy=\"shop\" }"}, {"blue", "blue?", "blue??"}},
    {"haproxy, servers named",
     "colours: {blue: {servers: [web1, web2]}, green: {servers: \"api*\"}}\n    shape: haproxy",
     "use: http-5xx-ratio, max: 1%", "server",
     {"haproxy_server_http_responses_total{ server=~\"web1|web2|api.*\" }"}, {"web1", "web2"}},
    {"istio, its own label", "colours: [blue, green]\n    shape: istio",
     "use: http-5xx-ratio, max: 1%, with: {app: shop}", "destination_version",
     {"istio_requests_total{ destination_version=~\"blue|green\", destination_app=\"shop\", "
      "reporter=\"destination\" }"}, {"blue"}},
    {"istio, the service's label", "colours: [blue, green]\n    shape: istio\n    label: destination_workload",
     "use: http-request-rate, min: 1", "destination_workload",
     {"istio_requests_total{ destination_workload=~\"blue|green\", reporter=\"destination\" }"}, {"blue"}},
    {"a pattern by default", "colours: [blue, green]\n    shape: contour",
     "use: http-request-rate, min: 1", "envoy_cluster_name",
     {"envoy_cluster_upstream_rq{ envoy_cluster_name=~\".*_s-blue_.*|.*_s-green_.*\" }"}, {"*_s-blue_*"}},
    {"a pattern of one's own", "colours: [blue, green]\n    shape: traefik\n    label: version",
     "use: http-request-rate, min: 1, with: {service: \"{{colour}}@file\"}", "service",
     {"traefik_service_requests_total{ service=~\"blue@file|green@file\" }"}, {"blue@file"}},
    {"no pattern where the service says it", "colours: {blue: {label: b}, green: {}}\n    shape: envoy\n    label: cluster",
     "use: http-request-rate, min: 1", "cluster",
     {"envoy_cluster_upstream_rq{ cluster=~\"b|green\" }"}, {"b"}},
    {"milliseconds", "colours: [blue, green]\n    shape: istio", "use: http-slower-than, bound: 1100ms, max: 1%",
     "destination_version",
     {"istio_request_duration_milliseconds_bucket{ destination_version=~\"blue|green\", "
      "reporter=\"destination\", le=~\"1100(\\\\.0+)?|1\\\\.1e\\\\+03|\\\\+Inf\" }"}, {"blue"}},
    {"machines do not know the service's label", "colours: [blue, green]\n    label: slot",
     "use: node-memory-used, max: 90%", NULL,
     {"max(1 - node_memory_MemAvailable_bytes{ instance=~\"blue.*\" } / "
      "node_memory_MemTotal_bytes{ instance=~\"blue.*\" })",
      "max(1 - node_memory_MemAvailable_bytes{ instance=~\"green.*\" } / "
      "node_memory_MemTotal_bytes{ instance=~\"green.*\" })"}, {NULL}},
    {"a window", "colours: [blue, green]", "use: node-cpu-used, max: 90%, with: {window: 1m, job: node}", NULL,
     {"max(1 - avg by (instance) (rate(node_cpu_seconds_total{ instance=~\"blue.*\", job=\"node\", "
      "mode=\"idle\" }[1m])))",
      "max(1 - avg by (instance) (rate(node_cpu_seconds_total{ instance=~\"green.*\", job=\"node\", "
      "mode=\"idle\" }[1m])))"}, {NULL}},
    {"free, by label", "colours: [blue, green]",
     "name: q, query: 'sum by ({{by}}) (x{ {{match}} })', max: 1", "version",
     {"sum by (version) (x{ version=~\"blue|green\" })"}, {"blue"}},
    {"free, per colour", "colours: [blue, green]", "name: q, query: 'x{ {{match}} }', max: 1",
     NULL, {"x{ version=~\"blue\" }", "x{ version=~\"green\" }"}, {NULL}},
    {"free, by name", "colours: [blue, green]",
     "name: q, query: 'x{c=\"{{colour}}\",s=\"{{service}}\"}', max: 1", NULL,
     {"x{c=\"blue\",s=\"s\"}", "x{c=\"green\",s=\"s\"}"}, {NULL}},
};

static const char *service_text(struct hd_arena *a, const char *service, const char *check)
{
    return arena_print(a, "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
                          "services:\n  s:\n    %s\n"
                          "    actuator: {type: haproxy, socket: /s, backend: b}\n"
                          "    checks: [{%s}]\n", service, check);
}

static void queries_are_filled(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        const char *text = service_text(a, rows[i].service, rows[i].check);
        struct config *c = NULL;
        struct config_mistakes m;
        struct hd_error err = {0};
        enum hd_code code = config_load_text(a, "t", (struct hd_span){text, strlen(text)}, NULL, &c,
                                             &m, &err);
        BUF_AUTO said = BUF_INIT(65536);
        config_print_mistakes(&m, &said);
        if (code)
            fail_msg("%s: %s: %s", rows[i].name, err.text, buf_at(&said));
        const struct hd_query *q = &config_get(c)->services[0].checks[0].query;
        bool right = str_is(q->by_label, rows[i].by);
        for (size_t k = 0; k < 2; k++)
            right = right && str_is(q->text[k], rows[i].text[k]);
        for (size_t k = 0; k < 3 && rows[i].values[k]; k++)
            right = right && q->values[0] && str_is(q->values[0][k], rows[i].values[k]);
        if (!right)
            fail_msg("%s: by %s: %s\n%s", rows[i].name, q->by_label ? q->by_label : "-", q->text[0],
                     q->text[1] ? q->text[1] : "-");
        config_unref(c);
    }
}

/* A ratio counts by the label that tells good from bad; a rate takes series without one. */
static void only_ratios_want_a_key(void **state)
{
    static const char *const checks[][2] = {{"use: http-5xx-ratio, max: 1%", "code"},
                                            {"use: http-request-rate, min: 1", NULL}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ARENA_AUTO a = arena_new();
        const char *text = service_text(a, "colours: [blue, green]", checks[i][0]);
        struct config *c = NULL;
        struct config_mistakes m;
        struct hd_error err = {0};
        if (config_load_text(a, "t", (struct hd_span){text, strlen(text)}, NULL, &c, &m, &err))
            fail_msg("%s: %s", checks[i][0], err.text);
        const char *key = config_get(c)->services[0].checks[0].query.key_label;
        if (!str_is(key, checks[i][1]))
            fail_msg("%s: counts by %s", checks[i][0], key ? key : "-");
        config_unref(c);
    }
}

/* Sides that share a value cannot be told apart. */
static const struct {
    const char *name, *service, *want;
} overlaps[] = {
    {"same label", "colours: {blue: {label: v1}, green: {label: v1}}", "label value 'v1'"},
    {"a glob over a name", "colours: {blue: {}, green: {label: \"b*\"}}", "label value 'b*'"},
    {"same server", "colours: {blue: {servers: [a, b]}, green: {servers: [b]}}", "server 'b'"},
};

static void overlaps_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof overlaps / sizeof *overlaps; i++) {
        ARENA_AUTO a = arena_new();
        const char *text =
            service_text(a, overlaps[i].service, "use: http-request-rate, min: 1");
        struct config *c = NULL;
        struct config_mistakes m;
        struct hd_error err;
        enum hd_code code = config_load_text(a, "t", (struct hd_span){text, strlen(text)}, NULL, &c,
                                             &m, &err);
        if (code != HD_INVALID || m.errors != 1 || !strstr(m.item[0].text, overlaps[i].want))
            fail_msg("%s: %s", overlaps[i].name, m.n ? m.item[0].text : "it loads");
    }
}

/* Every file that is built in loads, and has tests (its loader requires them). */
/* What a check may say of a shape's parameters. */
static const struct {
    const char *name, *service, *check, *want;
} wrongs[] = {
    {"a pattern without colour", "colours: [blue, green]\n    shape: traefik",
     "use: http-request-rate, min: 1, with: {service: shop@file}", "does not hold {{colour}}"},
    {"a pattern of something else", "colours: [blue, green]\n    shape: traefik",
     "use: http-request-rate, min: 1, with: {service: \"{{colour}}-{{slot}}\"}",
     "{{slot}} cannot be filled in here"},
    {"no window", "colours: [blue, green]", "use: node-cpu-used, max: 90%, with: {window: 2}",
     "'2' is not a duration"},
    {"no such shape", "colours: [blue, green]\n    shape: haproxy", "use: grpc-error-ratio, max: 1%",
     "'grpc-error-ratio' has no shape 'haproxy'; there are: generic, istio, linkerd"},
    {"refused, and why", "colours: [blue, green]\n    shape: nginx", "use: http-success-ratio, min: 99%",
     "counts the requests of a whole server, without status"},
};

static void wrong_parameters_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        ARENA_AUTO a = arena_new();
        const char *text = service_text(a, wrongs[i].service, wrongs[i].check);
        struct config *c = NULL;
        struct config_mistakes m;
        struct hd_error err;
        enum hd_code code = config_load_text(a, "t", (struct hd_span){text, strlen(text)}, NULL, &c, &m, &err);
        if (code != HD_INVALID || !strstr(m.item[0].text, wrongs[i].want))
            fail_msg("%s: %s", wrongs[i].name, m.n ? m.item[0].text : "it loads");
    }
}

/* A query of the folder may take its shapes from another one, and not from itself. */
static void shapes_are_taken_once(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    char folder[] = "/tmp/haldane-queries-XXXXXX";
    assert_non_null(mkdtemp(folder));
    static const char *const of[] = {"own", "http-success-ratio", "http-5xx-ratio"};
    static const char *const want[] = {"has no shapes of its own", "has no shapes of its own", NULL};
    const char *path = arena_print(a, "%s/own.yaml", folder);
    for (size_t i = 0; i < 3; i++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        (void)fprintf(f, "id: own\ntitle: own\nunit: 1/s\nbetter: higher\nkind: rate\nshapes_of: %s\n"
                         "tests: [{name: t, shape: generic, series: [{series: x, values: 0+1x5}],\n"
                         "         expect: {blue: 1}}]\n", of[i]);
        assert_int_equal(fclose(f), 0);
        struct library l = {.a = a, .folder = folder};
        const char *why = NULL;
        const struct library_query *q = library_find(&l, "own", &why);
        if (want[i]) {
            assert_null(q);
            assert_non_null(strstr(why, want[i]));
        } else {
            assert_non_null(q);
            assert_true(q->n_shapes > 5);
        }
    }
    (void)unlink(path);
    (void)rmdir(folder);
}

static void every_file_of_the_library_loads(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    size_t n = 0;
    for (const struct library_file *f = library_files; f->id; f++, n++) {
        struct mistakes m;
        mistakes_init(&m, a, f->id);
        const struct library_query *q =
            library_parse(a, f->id, (struct hd_span){f->text, strlen(f->text)}, &m);
        if (!q)
            fail_msg("%s: %s: %s", f->id, m.item[0].path, m.item[0].text);
        assert_string_equal(q->id, f->id);
    }
    assert_int_equal(n, 10);
    BUF_AUTO list = BUF_INIT(65536);
    struct hd_error err;
    assert_int_equal(config_print_queries(NULL, &list, &err), HD_OK);
    assert_non_null(strstr(buf_at(&list),
                           "http-slower-than: Share of requests slower than the bound [share]; "
                           "generic: metric, job, namespace, handler; haproxy (refused); "));
}

static void a_folder_goes_before_the_built_in_files(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    char folder[] = "/tmp/haldane-queries-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *path = arena_print(a, "%s/http-request-rate.yaml", folder);
    static const char own[] =
        "id: http-request-rate\ntitle: own\nunit: 1/s\nbetter: higher\nkind: rate\n"
        "shapes: {generic: {query: 'own{ {{selector}} }', key: code}}\n"
        "tests: [{name: t, shape: generic, series: [{series: x, values: 0+1x5}],\n"
        "         expect: {blue: 1}}]\n";
    const char *text = service_text(a, "colours: [blue, green]", "use: http-request-rate, min: 1");
    struct hd_span span = {text, strlen(text)};
    struct config *c = NULL;
    struct config_mistakes m;
    struct hd_error err = {0};
    assert_int_equal(config_load_text(a, "t", span, folder, &c, &m, &err), HD_OK);
    assert_string_equal(config_get(c)->services[0].checks[0].title, "Requests per second");
    config_unref(c);
    for (int wrong = 0; wrong < 2; wrong++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        (void)fprintf(f, "%s%s", own, wrong ? "colour: red\n" : "");
        assert_int_equal(fclose(f), 0);
        c = NULL;
        enum hd_code code = config_load_text(a, "t", span, folder, &c, &m, &err);
        assert_int_equal(code, wrong ? HD_INVALID : HD_OK);
        if (wrong)
            assert_non_null(strstr(m.item[0].text, "http-request-rate.yaml:9:1: (top level): "
                                                   "unknown key 'colour'"));
        else
            assert_string_equal(config_get(c)->services[0].checks[0].query.text[0],
                                "own{ version=~\"blue|green\" }");
        config_unref(c);
    }
    (void)unlink(path);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_are_filled),
        cmocka_unit_test(only_ratios_want_a_key),
        cmocka_unit_test(overlaps_are_refused),
        cmocka_unit_test(wrong_parameters_are_named),
        cmocka_unit_test(shapes_are_taken_once),
        cmocka_unit_test(every_file_of_the_library_loads),
        cmocka_unit_test(a_folder_goes_before_the_built_in_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

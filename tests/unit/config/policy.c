/* SPDX-License-Identifier: Apache-2.0
 *
 * From YAML to a frozen policy: fields, defaults, words, the fixed point of the normal form, pins,
 * conf.d.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "fake.h"

static struct hd_span read_file(struct hd_arena *a, const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *text = arena_alloc(a, 65536);
    size_t n = fread(text, 1, 65535, f);
    (void)fclose(f);
    return (struct hd_span){text, n};
}

/* Loads what must load; the caller unrefs. */
static struct config *load_text(struct hd_span text)
{
    ARENA_AUTO a = arena_new();
    struct config *c = NULL;
    struct config_mistakes m;
    struct hd_error err = {0};
    enum hd_code code = config_load_text(a, "t", text, NULL, &c, &m, &err);
    BUF_AUTO said = BUF_INIT(65536);
    config_print_mistakes(&m, &said);
    if (code)
        fail_msg("%s\n%s", err.text, buf_at(&said));
    return c;
}

static struct config *load_file(const char *name)
{
    ARENA_AUTO a = arena_new();
    return load_text(read_file(a, arena_print(a, TEST_DATA "/golden/config/%s", name)));
}

static void config_unref_p(struct config **c) { *c = config_unref(*c); }
#define CONFIG_AUTO __attribute__((cleanup(config_unref_p))) struct config *

static void check_counts(const struct hd_check *k)
{
    assert_string_equal(k->name, "http-5xx-ratio");
    assert_string_equal(k->use, "http-5xx-ratio");
    assert_string_equal(k->unit, "share");
    assert_int_equal(k->datasource, 0);
    assert_true(k->max == 0.01);
    assert_true(isnan(k->min) && isnan(k->warn));
    assert_true(isnan(k->worse_than_baseline) && isnan(k->min_of_baseline));
    assert_int_equal(k->fail_after.kind, HD_RULE_CONSECUTIVE);
    assert_int_equal(k->fail_after.k, 3);
    assert_false(k->critical || k->advisory);
    assert_true(k->weight == 1 && k->min_samples == 200);
    const struct hd_query *q = &k->query;
    assert_int_equal(q->kind, HD_QUERY_COUNTS);
    assert_int_equal(q->classify, HD_CLASSIFY_KEYS);
    assert_string_equal(q->text[0], "http_requests_total{ version=~\"blue|green\" }");
    assert_null(q->text[1]);
    assert_string_equal(q->by_label, "version");
    assert_string_equal(q->values[0][0], "blue");
    assert_null(q->values[0][1]);
    assert_string_equal(q->values[1][0], "green");
    assert_null(q->values[2]);
    assert_string_equal(q->key_label, "code");
    assert_string_equal(q->events[0], "5??");
    assert_string_equal(q->events[1], "5xx");
    assert_null(q->events[2]);
    assert_string_equal(q->exposure[0], "*");
    assert_false(q->complement);
    assert_string_equal(q->target_text, "process_start_time_seconds and on(job, instance) "
                                        "(http_requests_total{ version=~\"blue|green\" })");
}

static void check_bucket(const struct hd_check *k)
{
    const struct hd_query *q = &k->query;
    assert_string_equal(k->name, "http-slower-than");
    assert_int_equal(q->classify, HD_CLASSIFY_BUCKET);
    assert_true(q->bound == 0.45);
    assert_string_equal(q->key_label, "le");
    assert_string_equal(q->text[0],
                        "http_request_duration_seconds_bucket{ version=~\"blue|green\", "
                        "le=~\"0\\\\.450*|4\\\\.5e-01|\\\\+Inf\" }");
}

static void the_minimal_file_with_every_default(void **state)
{
    (void)state;
    CONFIG_AUTO c = load_file("minimal.yaml");
    const struct hd_config *f = config_get(c);
    assert_string_equal(f->listen, "127.0.0.1:8417");
    assert_null(f->public_url);
    assert_string_equal(f->storage.path, "/var/lib/haldane/haldane.db");
    assert_true(f->storage.max_size == (int64_t)4 << 30 && f->storage.ballast == 64 << 20);
    assert_int_equal(f->storage.lost, HD_STORE_LOST_PAGE);
    assert_true(f->limits.answer == 4 << 20 && f->limits.series == 5000);
    assert_true(f->limits.in_flight == 64 && f->limits.reverts_per_hour == 6);
    assert_true(f->limits.brake == 3);
    assert_int_equal(f->n_tokens + f->n_sinks, 0);
    assert_int_equal(f->n_datasources, 1);
    assert_string_equal(f->datasources[0].name, "prom");
    assert_string_equal(f->datasources[0].plugin.type, "prometheus");
    const struct fake_prom *prom = f->datasources[0].plugin.cfg;
    assert_string_equal(prom->at.name, "datasources.prom");
    assert_int_equal(prom->at.n_bases, 1);
    assert_string_equal(prom->at.bases[0], "http://127.0.0.1:9090");
    assert_true(prom->at.timeout_ms == 5000 && prom->at.auth == HD_AUTH_NONE);
    assert_int_equal(f->n_services, 1);
    const struct hd_policy *p = config_service(c, "shop");
    assert_ptr_equal(p, f->services);
    assert_null(config_service(c, "shopp"));
    assert_int_equal(p->kind, HD_KIND_BLUE_GREEN);
    assert_true(p->stable == -1 && p->candidate == -1);
    assert_int_equal(p->n_colours, 2);
    assert_string_equal(p->colours[0].name, "blue");
    assert_string_equal(p->colours[1].label[0], "green");
    assert_null(p->colours[0].match);
    assert_non_null(p->colours[0].side);
    assert_string_equal(p->actuator.type, "haproxy");
    const struct fake_haproxy *h = p->actuator.cfg;
    assert_string_equal(h->at.name, "services.shop.actuator");
    assert_string_equal(h->at.bases[0], "unix:/run/haproxy/admin.sock");
    assert_string_equal(h->backend, "shop");
    assert_ptr_equal(p->site.cfg, h);
    assert_int_equal(p->site.n_sides, 2);
    assert_string_equal(p->site.colour[1], "green");
    assert_ptr_equal(p->site.side[1], p->colours[1].side);
    assert_true(p->detect.every_ms == 5000 && p->detect.switch_at == 0.01);
    assert_true(p->target.ready == 0.5 && !p->target.trust && !p->target.probe.at[0]);
    assert_true(p->guard.duration_ms == 900000 && p->guard.interval_ms == 5000);
    assert_true(p->guard.warmup_ms == 60000 && p->guard.blind_for_ms == 120000);
    assert_true(p->guard.min_samples == 200 && isnan(p->guard.pass_score));
    assert_int_equal(p->guard.fail_after.k, 3);
    assert_true(p->guard.cooldown_ms == 1800000);
    assert_int_equal(p->mode, HD_MODE_ENFORCE);
    assert_int_equal(p->on_fail, HD_ON_FAIL_REVERT);
    assert_int_equal(p->on_inconclusive, HD_ON_INCONCLUSIVE_PAGE);
    assert_true(p->rollback_safe && p->rollback_unsafe_until_ms == -1);
    assert_true(p->verify.timeout_ms == 30000 && p->verify.recover_within_ms == 300000);
    assert_true(p->verify.aftercare_ms == 1800000 && p->verify.reapply == 1);
    assert_true(!p->owner && !p->runbook && !p->dashboard);
    assert_int_equal(p->n_checks, 2);
    check_counts(&p->checks[0]);
    check_bucket(&p->checks[1]);
}

static void the_full_file(void **state)
{
    (void)state;
    CONFIG_AUTO c = load_file("full.yaml");
    const struct hd_config *f = config_get(c);
    assert_string_equal(f->public_url, "https://haldane.example");
    assert_int_equal(f->storage.lost, HD_STORE_LOST_REVERT);
    assert_int_equal(f->tokens[0].role, HD_TOKEN_OPERATOR);
    assert_string_equal(f->tokens[0].services[0], "shop*");
    assert_null(f->tokens[0].services[1]);
    assert_string_equal(f->tokens[0].hash, "${credential:ci-token-hash}");
    assert_true(f->sinks[0].page);
    const struct fake_prom *prom = f->datasources[0].plugin.cfg;
    assert_int_equal(prom->at.n_bases, 2);
    assert_int_equal(prom->at.auth, HD_AUTH_BEARER);
    assert_string_equal(prom->at.secret, "${file:/run/secrets/prom}");
    assert_string_equal(prom->at.ca_file, "/etc/haldane/ca.pem");
    assert_string_equal(prom->at.headers[0].name, "X-Scope-OrgID");
    assert_string_equal(prom->at.headers[0].value, "shop");
    const struct hd_policy *p = config_service(c, "shop");
    const struct fake_haproxy_side *side = p->colours[1].side;
    assert_int_equal(side->n_servers, 2);
    assert_string_equal(side->servers[1], "green2");
    assert_string_equal(p->target.probe.at[1]->bases[0], "http://green.shop");
    assert_string_equal(p->target.probe.path[0], "/ready");
    assert_true(p->target.probe.expect == 204 && p->target.ready == 0.8);
    /* `defaults` give what the service does not say. */
    assert_true(p->guard.interval_ms == 2000 && p->guard.warmup_ms == 30000);
    assert_true(p->guard.duration_ms == 1200000 && p->checks[0].min_samples == 100);
    assert_true(p->guard.pass_score == 90 && p->mode == HD_MODE_ENFORCE);
    assert_int_equal(config_service(c, "cart")->mode, HD_MODE_ADVISE);
    assert_true(p->checks[0].critical && p->checks[0].warn == 0.005);
    assert_int_equal(p->checks[1].fail_after.kind, HD_RULE_K_OF_N);
    assert_true(p->checks[1].fail_after.k == 3 && p->checks[1].fail_after.n == 5);
    assert_true(p->checks[1].worse_than_baseline == 1.5);
    assert_int_equal(p->checks[2].query.kind, HD_QUERY_GAUGE);
    assert_string_equal(p->checks[2].query.text[0],
                        "sum by (version) (rate(orders_total{ version=~\"blue|green\" }[2m]))");
    assert_true(p->checks[2].min_of_baseline == 0.8);
    /* A check's own provider is a data source of that check. */
    const struct hd_check *ready = &p->checks[3], *fast = &p->checks[4], *smoke = &p->checks[5];
    assert_string_equal(f->datasources[ready->datasource].name, "@shop/ready");
    assert_string_equal(ready->query.text[1], "http://green.shop/api/v1/health");
    assert_null(ready->query.by_label);
    assert_true(ready->min == 1 && ready->advisory);
    assert_true(isnan(fast->min) && fast->max == 0.3);
    assert_string_equal(fast->unit, "s");
    assert_int_equal(smoke->datasource, 1);
    assert_true(smoke->min == 1);
    assert_int_equal(p->checks[6].fail_after.kind, HD_RULE_TOTAL);
    assert_false(p->rollback_safe);
    assert_true(p->rollback_unsafe_until_ms == 1893553445000);
    assert_string_equal(p->owner, "#team-shop");
    assert_string_equal(p->runbook, "https://wiki.example/shop");
    assert_string_equal(p->dashboard, "https://grafana.example/d/shop?var=a&b");
    assert_int_equal(p->verify.reapply, 0);
    const struct hd_policy *cart = config_service(c, "cart");
    assert_true(cart->kind == HD_KIND_CANARY && cart->stable == 0 && cart->candidate == 1);
    assert_true(cart->target.trust && cart->checks[0].query.complement);
    assert_string_equal(cart->checks[0].query.text[1],
                        "http_requests_total{ canary!=\"\", job=\"cart\" }");
    assert_null(cart->checks[0].query.by_label);
}

/* Every word of every enum, in the order of its C enum. */
static const struct {
    const char *name, *text;
    size_t offset;
    int32_t want;
} words[] = {
#define POLICY(field) offsetof(struct hd_policy, field)
    {"enforce", "mode: enforce", POLICY(mode), HD_MODE_ENFORCE},
    {"advise", "mode: advise", POLICY(mode), HD_MODE_ADVISE},
    {"shadow", "mode: shadow", POLICY(mode), HD_MODE_SHADOW},
    {"on_fail revert", "on_fail: revert", POLICY(on_fail), HD_ON_FAIL_REVERT},
    {"on_fail page", "on_fail: page", POLICY(on_fail), HD_ON_FAIL_PAGE},
    {"wait", "on_inconclusive: wait", POLICY(on_inconclusive), HD_ON_INCONCLUSIVE_WAIT},
    {"page", "on_inconclusive: page", POLICY(on_inconclusive), HD_ON_INCONCLUSIVE_PAGE},
    {"pass", "on_inconclusive: pass", POLICY(on_inconclusive), HD_ON_INCONCLUSIVE_PASS},
    {"revert", "on_inconclusive: revert", POLICY(on_inconclusive), HD_ON_INCONCLUSIVE_REVERT},
    {"blue_green", "kind: blue_green", POLICY(kind), HD_KIND_BLUE_GREEN},
    {"canary", "kind: {canary: {stable: green, candidate: blue}}", POLICY(kind), HD_KIND_CANARY},
    {"canary in full", "kind: {type: canary, stable: green, candidate: blue}", POLICY(kind),
     HD_KIND_CANARY},
    {"stable is green", "kind: {canary: {stable: green, candidate: blue}}", POLICY(stable), 1},
    {"candidate is blue", "kind: {canary: {stable: green, candidate: blue}}", POLICY(candidate), 0},
    {"consecutive", "guard: {fail_after: 4}", POLICY(guard.fail_after.kind), HD_RULE_CONSECUTIVE},
    {"k of n", "guard: {fail_after: 3 of 5}", POLICY(guard.fail_after.kind), HD_RULE_K_OF_N},
    {"total", "guard: {fail_after: 4 total}", POLICY(guard.fail_after.kind), HD_RULE_TOTAL},
};

static void every_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        ARENA_AUTO a = arena_new();
        const char *text = arena_print(
            a, "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
               "services:\n  s:\n    colours: [blue, green]\n"
               "    actuator: {type: haproxy, socket: /s, backend: b}\n"
               "    checks: [{use: http-request-rate, min: 1}]\n    %s\n", words[i].text);
        CONFIG_AUTO c = load_text((struct hd_span){text, strlen(text)});
        int32_t got;
        memcpy(&got, (const char *)config_service(c, "s") + words[i].offset, sizeof got);
        if (got != words[i].want)
            fail_msg("%s: %d, wanted %d", words[i].name, got, words[i].want);
    }
}

/* What is printed for people loads to the same policy, and prints the same again. */
static void printing_is_a_fixed_point(void **state)
{
    (void)state;
    static const char *const files[] = {"minimal.yaml", "full.yaml"};
    for (size_t i = 0; i < 2; i++) {
        CONFIG_AUTO c = load_file(files[i]);
        BUF_AUTO once = BUF_INIT(1 << 20);
        config_print(c, &once);
        CONFIG_AUTO again = load_text(buf_span(&once));
        assert_string_equal(config_get(again)->hash, config_get(c)->hash);
        assert_string_equal(config_get(again)->normal, config_get(c)->normal);
        BUF_AUTO twice = BUF_INIT(1 << 20);
        config_print(again, &twice);
        assert_string_equal(buf_at(&twice), buf_at(&once));
    }
}

/* The normal form is one too, and a change of any value changes the hash. */
static void the_normal_form_is_a_fixed_point(void **state)
{
    (void)state;
    CONFIG_AUTO c = load_file("full.yaml");
    struct config *again = NULL;
    struct hd_error err = {0};
    const char *normal = config_get(c)->normal;
    if (config_load_pin((struct hd_span){normal, strlen(normal)}, &again, &err))
        fail_msg("%s", err.text);
    assert_string_equal(config_get(again)->normal, normal);
    assert_string_equal(config_get(again)->hash, config_get(c)->hash);
    config_unref(again);
    CONFIG_AUTO other = load_file("minimal.yaml");
    assert_string_not_equal(config_get(other)->hash, config_get(c)->hash);
}

static void pins_load_back(void **state)
{
    (void)state;
    static const struct {
        const char *service;
        uint32_t sources; /* named ones that it needs, and those of its own checks */
    } pins[] = {{"shop", 5}, {"cart", 1}};
    CONFIG_AUTO c = load_file("full.yaml");
    for (size_t i = 0; i < 2; i++) {
        const struct hd_policy *p = config_service(c, pins[i].service);
        BUF_AUTO pin = BUF_INIT(1 << 20);
        config_pin(c, p, &pin);
        struct config *back = NULL;
        struct hd_error err = {0};
        if (config_load_pin(buf_span(&pin), &back, &err))
            fail_msg("%s: %s", pins[i].service, err.text);
        const struct hd_config *f = config_get(back);
        assert_int_equal(f->n_services, 1);
        assert_int_equal(f->n_datasources, pins[i].sources);
        assert_int_equal(f->n_tokens + f->n_sinks, 0);
        BUF_AUTO twice = BUF_INIT(1 << 20);
        config_pin(back, &f->services[0], &twice);
        assert_string_equal(buf_at(&twice), buf_at(&pin));
        for (uint32_t k = 0; k < p->n_checks; k++) {
            const struct hd_check *mine = &p->checks[k], *theirs = &f->services[0].checks[k];
            assert_string_equal(theirs->query.text[0], mine->query.text[0]);
            assert_string_equal(f->datasources[theirs->datasource].name,
                                config_get(c)->datasources[mine->datasource].name);
        }
        config_unref(back);
    }
}

/* --- latency bounds that the past picks --- */

static struct config *load_picks(void)
{
    static const char text[] =
        "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
        "services:\n  s:\n    colours: [blue, green]\n"
        "    actuator: {type: haproxy, socket: /s, backend: b}\n    guard: {rule: sequential}\n"
        "    checks:\n      - {use: http-5xx-ratio}\n      - {use: http-slower-than, weight: 3}\n"
        "      - {name: pay, use: http-slower-than, with: {handler: pay}, bound_at: p95}\n";
    return load_text((struct hd_span){text, strlen(text)});
}

static void a_latency_without_bound_is_three(void **state)
{
    (void)state;
    static const char *const names[] = {"http-5xx-ratio", "http-slower-than-p70", "http-slower-than-p95",
                                        "http-slower-than-p99.5", "pay"};
    static const int32_t picks[] = {HD_PICK_NONE, HD_PICK_P70, HD_PICK_P95, HD_PICK_P995, HD_PICK_P95};
    CONFIG_AUTO c = load_picks();
    const struct hd_policy *p = config_service(c, "s");
    assert_int_equal(p->n_checks, 5);
    for (uint32_t i = 0; i < p->n_checks; i++) {
        assert_string_equal(p->checks[i].name, names[i]);
        assert_int_equal(p->checks[i].pick, picks[i]);
        assert_int_equal(config_unpicked(&p->checks[i]), i > 0);
        assert_true(p->checks[i].weight == 1);
    }
    assert_true(config_same_histogram(p, 1, 3));
    assert_false(config_same_histogram(p, 1, 4) || config_same_histogram(p, 0, 1));
    ARENA_AUTO a = arena_new();
    struct hd_query every = config_every_bucket(a, config_get(c), &p->checks[4]);
    assert_string_equal(every.text[0], "http_request_duration_seconds_bucket{ version=~\"blue|green\", "
                                       "handler=\"pay\", le=~\".+\" }");
    assert_non_null(strstr(every.target_text, "le=~\".+\""));
    BUF_AUTO once = BUF_INIT(1 << 20);
    config_print(c, &once);
    CONFIG_AUTO again = load_text(buf_span(&once));
    assert_string_equal(config_get(again)->hash, config_get(c)->hash);
}

/* What was picked is kept by the pin, and what was not stays open. */
static void a_pin_keeps_its_picks(void **state)
{
    (void)state;
    CONFIG_AUTO c = load_picks();
    ARENA_AUTO a = arena_new();
    double bound[] = {NAN, .1, .25, .5, NAN};
    const struct hd_policy *p = config_pick(a, config_get(c), config_service(c, "s"), bound);
    BUF_AUTO pin = BUF_INIT(1 << 20);
    config_pin(c, p, &pin);
    struct config *back = NULL;
    struct hd_error err = {0};
    if (config_load_pin(buf_span(&pin), &back, &err))
        fail_msg("%s", err.text);
    const struct hd_policy *q = config_service(back, "s");
    for (uint32_t i = 0; i < q->n_checks; i++) {
        assert_string_equal(q->checks[i].name, p->checks[i].name);
        assert_string_equal(q->checks[i].title, p->checks[i].title);
        assert_string_equal(q->checks[i].query.text[0], p->checks[i].query.text[0]);
        assert_int_equal(config_unpicked(&q->checks[i]), i == 4);
        if (isfinite(bound[i]))
            assert_true(q->checks[i].query.bound == bound[i]);
    }
    assert_non_null(strstr(q->checks[2].title, "(250ms)"));
    const char *le = strstr(q->checks[3].query.text[0], "le=~");
    assert_string_equal(le, "le=~\"0\\\\.10*|1e-01|0\\\\.250*|2\\\\.5e-01|0\\\\.50*|5e-01|\\\\+Inf\" }");
    assert_string_equal(q->checks[1].query.text[0], q->checks[3].query.text[0]); /* one question */
    BUF_AUTO twice = BUF_INIT(1 << 20);
    config_pin(back, q, &twice);
    assert_string_equal(buf_at(&twice), buf_at(&pin));
    config_unref(back);
}

/* A pin carries its queries: the library may have changed since. */
static void a_pin_keeps_its_queries(void **state)
{
    (void)state;
    CONFIG_AUTO c = load_file("minimal.yaml");
    BUF_AUTO pin = BUF_INIT(1 << 20);
    config_pin(c, config_service(c, "shop"), &pin);
    const char *old = strstr(buf_at(&pin), "http_requests_total{");
    assert_non_null(old);
    memcpy(pin.at + (old - pin.at), "http_requests_older{", 20);
    struct config *back = NULL;
    struct hd_error err = {0};
    assert_int_equal(config_load_pin(buf_span(&pin), &back, &err), HD_OK);
    assert_string_equal(config_get(back)->services[0].checks[0].query.text[0],
                        "http_requests_older{ version=~\"blue|green\" }");
    config_unref(back);
}

/* A live guard may outlive the configuration that it varies. */
static void a_variation_keeps_its_base(void **state)
{
    (void)state;
    struct config *base = load_file("minimal.yaml"), *back = NULL;
    struct config *c = config_vary(base, config_service(base, "shop"), 420000);
    BUF_AUTO pin = BUF_INIT(1 << 20);
    struct hd_error err = {0};
    assert_null(config_unref(base));
    assert_int_equal(config_get(c)->n_services, 1);
    const struct hd_policy *p = config_service(c, "shop");
    assert_int_equal(p->guard.duration_ms, 420000);
    assert_string_equal(p->colours[0].name, "blue");
    config_pin(c, p, &pin);
    assert_null(config_unref(c));
    assert_int_equal(config_load_pin(buf_span(&pin), &back, &err), HD_OK);
    assert_int_equal(config_get(back)->services[0].guard.duration_ms, 420000);
    assert_null(config_unref(back));
}

static void a_damaged_pin_is_refused(void **state)
{
    (void)state;
    CONFIG_AUTO c = load_file("minimal.yaml");
    BUF_AUTO pin = BUF_INIT(1 << 20);
    config_pin(c, config_service(c, "shop"), &pin);
    struct config *back = NULL;
    struct hd_error err = {0};
    assert_int_not_equal(config_load_pin((struct hd_span){"{", 1}, &back, &err), HD_OK);
    char *mode = strstr(pin.at, "mode: enforce");
    memcpy(mode, "mode: enforxe", 13);
    assert_int_equal(config_load_pin(buf_span(&pin), &back, &err), HD_INVALID);
    assert_non_null(strstr(err.text, "services.shop.mode: 'enforxe' is not one of"));
    assert_null(back);
}

static void the_sample_loads(void **state)
{
    (void)state;
    BUF_AUTO sample = BUF_INIT(1 << 20);
    config_print_sample(&sample);
    CONFIG_AUTO c = load_text(buf_span(&sample));
    assert_non_null(config_service(c, "shop"));
    BUF_AUTO reference = BUF_INIT(1 << 20);
    config_print_reference(&reference);
    assert_non_null(
        strstr(buf_at(&reference), "services.NAME.guard.duration\n    duration, 3s to 7d"));
    assert_non_null(strstr(buf_at(&reference), "services.NAME.checks[].fail_after\n    rule"));
    assert_null(strstr(buf_at(&reference), "resolved"));
}

static void references_keep_a_config_alive(void **state)
{
    (void)state;
    struct config *c = load_file("minimal.yaml");
    assert_ptr_equal(config_ref(c), c);
    assert_null(config_unref(c));
    assert_string_equal(config_get(c)->services[0].name, "shop");
    assert_null(config_unref(c));
    assert_null(config_unref(NULL));
}

/* --- conf.d --- */

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static const char main_file[] =
    "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
    "services:\n  a:\n    colours: [blue, green]\n"
    "    actuator: {type: haproxy, socket: /s, backend: a}\n"
    "    checks: [{use: http-request-rate, min: 1}]\n";
static const char more_file[] =
    "services:\n  %s:\n    colours: [blue, green]\n"
    "    actuator: {type: haproxy, socket: /s, backend: b}\n"
    "    checks: [{use: http-request-rate, min: 1}]\n";

static void conf_d_is_merged_in_order(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    char folder[] = "/tmp/haldane-config-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *conf_d = arena_print(a, "%s/conf.d", folder);
    const char *file = arena_print(a, "%s/haldane.yaml", folder);
    assert_int_equal(mkdir(conf_d, 0700), 0);
    write_file(folder, "haldane.yaml", main_file);
    write_file(conf_d, "20.yaml", arena_print(a, more_file, "z"));
    write_file(conf_d, "10.yaml", arena_print(a, more_file, "y"));
    write_file(conf_d, "ignored.yml", "not even: [yaml");
    struct config *c = NULL;
    struct config_mistakes m;
    struct hd_error err = {0};
    if (config_load(a, file, NULL, &c, &m, &err))
        fail_msg("%s", err.text);
    assert_int_equal(config_get(c)->n_services, 3);
    assert_string_equal(config_get(c)->services[1].name, "y");
    assert_string_equal(config_get(c)->services[2].name, "z");
    config_unref(c);
    write_file(conf_d, "30.yaml", arena_print(a, more_file, "y"));
    write_file(conf_d, "40.yaml", "version: 1\nlimits: {series: 1}\n");
    c = NULL;
    assert_int_equal(config_load(a, file, NULL, &c, &m, &err), HD_INVALID);
    assert_null(c);
    BUF_AUTO said = BUF_INIT(65536);
    config_print_mistakes(&m, &said);
    assert_non_null(strstr(buf_at(&said), "30.yaml:2:3: services: 'y' given twice (first at "));
    assert_non_null(strstr(buf_at(&said), "40.yaml:2:1: (top level): key 'limits' does not go"));
    for (const char *const *n = (const char *const[]){"10.yaml", "20.yaml", "30.yaml", "40.yaml",
                                                      "ignored.yml", NULL}; *n; n++)
        (void)unlink(arena_print(a, "%s/%s", conf_d, *n));
    (void)rmdir(conf_d);
    (void)unlink(file);
    assert_int_equal(config_load(a, file, NULL, &c, &m, &err), HD_IO);
    (void)rmdir(folder);
}

/* --- names and caps --- */

static const struct {
    const char *name;
    bool ok;
} names[] = {
    {"shop", true},    {"Shop-2.eu_west", true}, {"4", true},         {"", false},
    {"-x", false},     {".hidden", false},       {"a b", false},      {"a/b", false},
    {"a\\nb", false},  {"\\u202Ex", false},      {"@shop/x", false},  {"a{b}", false},
    {"a'b", false},    {"\\x1b[31m", false},
    {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg", true},
    {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg", false},
};

static void hostile_names_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ARENA_AUTO a = arena_new();
        const char *text = arena_print(
            a, "version: 1\ndatasources: {p: {type: prometheus, url: \"http://h\"}}\n"
               "services:\n  \"%s\":\n    colours: [blue, green]\n"
               "    actuator: {type: haproxy, socket: /s, backend: b}\n"
               "    checks: [{use: http-request-rate, min: 1}]\n", names[i].name);
        struct config *c = NULL;
        struct config_mistakes m;
        struct hd_error err;
        enum hd_code code = config_load_text(a, "t", (struct hd_span){text, strlen(text)}, NULL, &c,
                                             &m, &err);
        BUF_AUTO said = BUF_INIT(65536);
        config_print_mistakes(&m, &said);
        bool clean = !strpbrk(buf_at(&said), "\x1b\xe2");
        config_unref(c);
        if ((code == HD_OK) != names[i].ok || !clean)
            fail_msg("%s: %s", names[i].name, buf_at(&said));
    }
}

static void put_globs(struct buf *b, const char *key, const char *side, int n)
{
    buf_print(b, "%s: [", key);
    for (int i = 0; i < n; i++)
        buf_print(b, "%s%s%d", i ? ", " : "", side, i);
    buf_text(b, "]");
}

static enum hd_code load_many(int services, int checks, int colours, int globs, struct config_mistakes *m,
                              struct hd_arena *a)
{
    BUF_AUTO b = BUF_INIT(HD_CONFIG_BYTES_MAX);
    buf_text(&b, "version: 1\nservices:\n");
    for (int i = 0; i < services; i++) {
        buf_print(&b, "  s%d:\n    actuator: {type: haproxy, socket: /s, backend: b}\n"
                      "    colours: {", i);
        for (int k = 0; k < colours; k++) {
            const char *side = arena_print(a, "c%dx", k);
            buf_print(&b, "%sc%d: {", k ? ", " : "", k);
            put_globs(&b, "label", side, k ? 1 : globs);
            buf_text(&b, ", ");
            put_globs(&b, "servers", side, 1);
            buf_text(&b, "}");
        }
        buf_text(&b, "}\n    checks:\n");
        for (int k = 0; k < checks; k++)
            buf_print(&b, "      - {name: k%d, use: http-request-rate, min: 1}\n", k);
    }
    buf_text(&b, "datasources: {p: {type: prometheus, url: \"http://h\"}}\n");
    struct config *c = NULL;
    struct hd_error err;
    enum hd_code code = config_load_text(a, "t", buf_span(&b), NULL, &c, m, &err);
    config_unref(c);
    return code;
}

static void i8_counts_at_the_cap_and_one_past_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int services, checks, colours, globs;
        enum hd_code want;
    } caps[] = {
        {"checks at the cap", 1, HD_CHECKS_MAX, 2, 1, HD_OK},
        {"checks past it", 1, HD_CHECKS_MAX + 1, 2, 1, HD_INVALID},
        {"colours at the cap", 1, 1, HD_SIDES_MAX, 1, HD_OK},
        {"colours past it", 1, 1, HD_SIDES_MAX + 1, 1, HD_INVALID},
        {"services at the cap", HD_SERVICES_MAX, 1, 2, 1, HD_OK},
        {"services past it", HD_SERVICES_MAX + 1, 1, 2, 1, HD_INVALID},
        {"globs of a side at the cap", 1, 1, 2, HD_SIDE_GLOBS_MAX, HD_OK},
        {"globs past it", 1, 1, 2, HD_SIDE_GLOBS_MAX + 1, HD_INVALID},
    };
    for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
        ARENA_AUTO a = arena_new();
        struct config_mistakes m;
        enum hd_code code = load_many(caps[i].services, caps[i].checks, caps[i].colours, caps[i].globs, &m, a);
        if (code != caps[i].want)
            fail_msg("%s: %d", caps[i].name, code);
        if (code && (m.errors != 1 || !strstr(m.item[0].text, "at most")))
            fail_msg("%s: %zu, %s", caps[i].name, m.errors, m.item[0].text);
    }
}

static void i8_bytes_at_the_cap_and_one_past_it(void **state)
{
    (void)state;
    for (size_t past = 0; past < 2; past++) {
        ARENA_AUTO a = arena_new();
        char *text = arena_alloc(a, HD_CONFIG_BYTES_MAX + 2);
        memset(text, '#', HD_CONFIG_BYTES_MAX + past);
        struct config *c = NULL;
        struct config_mistakes m;
        struct hd_error err;
        struct hd_span all = {text, HD_CONFIG_BYTES_MAX + past};
        assert_int_equal(config_load_text(a, "t", all, NULL, &c, &m, &err), HD_INVALID);
        assert_non_null(strstr(m.item[0].text, past ? "larger than" : "is empty"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_minimal_file_with_every_default),
        cmocka_unit_test(the_full_file),
        cmocka_unit_test(every_word),
        cmocka_unit_test(printing_is_a_fixed_point),
        cmocka_unit_test(the_normal_form_is_a_fixed_point),
        cmocka_unit_test(pins_load_back),
        cmocka_unit_test(a_latency_without_bound_is_three),
        cmocka_unit_test(a_pin_keeps_its_picks),
        cmocka_unit_test(a_pin_keeps_its_queries),
        cmocka_unit_test(a_variation_keeps_its_base),
        cmocka_unit_test(a_damaged_pin_is_refused),
        cmocka_unit_test(the_sample_loads),
        cmocka_unit_test(references_keep_a_config_alive),
        cmocka_unit_test(conf_d_is_merged_in_order),
        cmocka_unit_test(hostile_names_are_refused),
        cmocka_unit_test(i8_counts_at_the_cap_and_one_past_it),
        cmocka_unit_test(i8_bytes_at_the_cap_and_one_past_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Codecs that only have options, under the names of real ones, so that the loader's tests depend on
 * nobody's wire format. Each test program includes this once; its registries take the place of the
 * built ones.
 */
#ifndef TEST_CONFIG_FAKE_H
#define TEST_CONFIG_FAKE_H

#include <string.h>

#include <haldane/actuator.h>
#include <haldane/endpoint.h>
#include <haldane/notifier.h>
#include <haldane/provider.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

struct fake_prom {
    struct hd_endpoint at;
    const struct hd_pair *params;
    uint32_t n_params;
};
static const struct hd_option fake_prom_options[] = {
    HD_ENDPOINT_OPTIONS(struct fake_prom, at),
    {.key = "params", .type = HD_OPT_PAIRS, .offset = offsetof(struct fake_prom, params),
     .count_offset = offsetof(struct fake_prom, n_params), .fallback = ""},
    {NULL},
};
static enum hd_code fake_prom_check(const void *cfg, struct hd_error *err)
{
    return hd_endpoint_check(&((const struct fake_prom *)cfg)->at, err);
}
static const char *fake_prom_quote(struct hd_arena *a, const char *text)
{
    BUF_AUTO b = BUF_INIT(4 * strlen(text) + 2);
    buf_byte(&b, '"');
    for (; *text; text++) {
        if (*text == '\n')
            buf_text(&b, "\\n");
        else
            buf_print(&b, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
    buf_byte(&b, '"');
    return arena_text(a, buf_at(&b));
}
static const struct hd_provider fake_prom = {
    .name = "prometheus",
    .summary = "fake",
    .cfg_size = sizeof(struct fake_prom),
    .counts = true,
    .options = fake_prom_options,
    .check = fake_prom_check,
    .quote = fake_prom_quote,
};

static const char *const fake_measure[] = {"good", "latency", "value", NULL};
struct fake_http {
    struct hd_endpoint at;
    const char *url;
    int64_t expect;
    int32_t measure;
};
static const struct hd_option fake_http_options[] = {
    {.key = "url", .type = HD_OPT_TEXT, .offset = offsetof(struct fake_http, url)},
    HD_ENDPOINT_HTTP(struct fake_http, at),
    {.key = "expect", .type = HD_OPT_INT, .offset = offsetof(struct fake_http, expect),
     .fallback = "200", .min = 100, .max = 599},
    {.key = "measure", .type = HD_OPT_WORD, .offset = offsetof(struct fake_http, measure),
     .fallback = "good", .words = fake_measure},
    {NULL},
};
static const char *fake_http_query(const void *cfg) { return ((const struct fake_http *)cfg)->url; }
static enum hd_code fake_http_check(const void *cfg, struct hd_error *err)
{
    const struct fake_http *h = cfg;
    return str_begins(h->url, "http") ? HD_OK : hd_fail(err, HD_INVALID, "url: not http");
}
static const struct hd_provider fake_http = {
    .name = "http",
    .summary = "fake",
    .cfg_size = sizeof(struct fake_http),
    .options = fake_http_options,
    .check = fake_http_check,
    .default_query = fake_http_query,
};

struct fake_exec {
    const char *endpoint;
    const char *const *command;
    uint32_t n_command;
    int32_t timeout_ms;
};
static const struct hd_option fake_exec_options[] = {
    {.key = "endpoint", .type = HD_OPT_TEXT, .internal = true,
     .offset = offsetof(struct fake_exec, endpoint), .fallback = ""},
    {.key = "command", .type = HD_OPT_TEXTS, .offset = offsetof(struct fake_exec, command),
     .count_offset = offsetof(struct fake_exec, n_command)},
    {.key = "timeout", .type = HD_OPT_DURATION, .offset = offsetof(struct fake_exec, timeout_ms),
     .size = sizeof(int32_t), .fallback = "5s", .min = 100, .max = 60000},
    {NULL},
};
static const char *fake_exec_query(const void *cfg)
{
    (void)cfg;
    return "{\"service\":\"{{service}}\",\"check\":\"{{check}}\",\"colour\":\"{{colour}}\"}";
}
static const struct hd_provider fake_exec = {
    .name = "exec",
    .summary = "fake",
    .cfg_size = sizeof(struct fake_exec),
    .options = fake_exec_options,
    .default_query = fake_exec_query,
};

const struct hd_provider *const hd_providers[] = {&fake_exec, &fake_http, &fake_prom, NULL};
const struct hd_provider *hd_provider_find(const char *name)
{
    for (size_t i = 0; hd_providers[i]; i++) {
        if (str_is(hd_providers[i]->name, name))
            return hd_providers[i];
    }
    return NULL;
}

static bool fake_tells_readiness(const void *cfg)
{
    (void)cfg;
    return true;
}

struct fake_haproxy {
    struct hd_endpoint at;
    const char *backend;
};
struct fake_haproxy_side {
    const char *const *servers;
    uint32_t n_servers;
};
static const struct hd_option fake_haproxy_options[] = {
    HD_SOCKET_OPTIONS(struct fake_haproxy, at),
    {.key = "backend", .type = HD_OPT_TEXT, .offset = offsetof(struct fake_haproxy, backend)},
    {NULL},
};
static const struct hd_option fake_haproxy_side_options[] = {
    {.key = "servers", .type = HD_OPT_TEXTS, .offset = offsetof(struct fake_haproxy_side, servers),
     .count_offset = offsetof(struct fake_haproxy_side, n_servers), .fallback = ""},
    {NULL},
};
static enum hd_code fake_haproxy_check(const struct hd_site *site, struct hd_error *err)
{
    const struct fake_haproxy *h = site->cfg;
    return strchr(h->backend, ' ') ? hd_fail(err, HD_INVALID, "backend: a blank in it") : HD_OK;
}
static const struct hd_actuator fake_haproxy = {
    .name = "haproxy",
    .summary = "fake",
    .readiness = fake_tells_readiness,
    .cfg_size = sizeof(struct fake_haproxy),
    .side_size = sizeof(struct fake_haproxy_side),
    .options = fake_haproxy_options,
    .side_options = fake_haproxy_side_options,
    .check = fake_haproxy_check,
};
/* A router that cannot say whether anybody is ready. */
static const struct hd_actuator fake_webhook = {
    .name = "webhook",
    .summary = "fake",
    .cfg_size = sizeof(struct fake_exec),
    .options = fake_exec_options,
};
const struct hd_actuator *const hd_actuators[] = {&fake_haproxy, &fake_webhook, NULL};
const struct hd_actuator *hd_actuator_find(const char *name)
{
    for (size_t i = 0; hd_actuators[i]; i++) {
        if (str_is(hd_actuators[i]->name, name))
            return hd_actuators[i];
    }
    return NULL;
}

static const struct hd_notifier fake_alertmanager = {
    .name = "alertmanager",
    .summary = "fake",
    .cfg_size = sizeof(struct fake_prom),
    .options = fake_prom_options,
    .check = fake_prom_check,
};
const struct hd_notifier *const hd_notifiers[] = {&fake_alertmanager, NULL};
const struct hd_notifier *hd_notifier_find(const char *name)
{
    return str_is(name, fake_alertmanager.name) ? &fake_alertmanager : NULL;
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon in the simulated world: what main would do for it. Starts it from its file and its
 * disk, turns it when it wants to be turned, and kills it: all memory goes, the disk keeps what it
 * keeps.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/str.h"
#include "cred/cred.h"

#define SPIN_MAX 2000 /* turns in one instant */
#define BALLAST (1 << 20)

struct hd_now daemon_now(const struct sim *sim)
{
    return (struct hd_now){.wall_ms = WALL0 + sim->t + sim->wall_off, .boot_ms = sim->t - sim->boot_0};
}

/* --- the file --- */

void settings_draw(struct sim *sim)
{
    struct rng *r = &sim->script_rng;
    static const int64_t scrape[] = {1000, 5000, 5000, 15000}, warmup[] = {0, 20000, 60000};
    static const int64_t interval[] = {5000, 5000, 10000, 15000};
    static const char *const inconclusive[] = {"page", "page", "wait", "revert", "pass"};
    struct settings *s = &sim->set;
    *s = (struct settings){
        .duration_ms = rng_chance(r, 0.5) ? rng_between(r, 2, 5) * 60000 : 900000, /* or the default */
        .interval_ms = interval[rng_below(r, 4)],
        .warmup_ms = warmup[rng_below(r, 3)],
        .detect_ms = rng_chance(r, 0.3) ? 2000 : 5000,
        .scrape_ms = scrape[rng_below(r, 4)],
        .aftercare_ms = rng_between(r, 60000, 180000),
        .recover_ms = rng_between(r, 60000, 120000),
        .timeout_ms = rng_chance(r, 0.5) ? 30000 : 10000,
        .cooldown_ms = rng_chance(r, 0.7) ? 0 : 600000,
        .reverts_per_hour = rng_chance(r, 0.8) ? 60 : 2,
        .brake = rng_chance(r, 0.8) ? 10 : 1,
        .reapply = rng_chance(r, 0.8),
        .switch_at = rng_chance(r, 0.7) ? 0.05 : 0.4,
        .on_inconclusive = inconclusive[rng_below(r, 5)],
        .store_lost = rng_chance(r, 0.7) ? "page" : "revert",
        .mode = rng_chance(r, 0.9) ? "enforce" : "advise",
        .relative = rng_chance(r, 0.3),
        .latency = rng_chance(r, 0.7),
        .gauge = rng_chance(r, 0.2),
    };
    if (sim->weather.chaos <= 0) { /* where everything is well, it must also end well */
        s->cooldown_ms = 0;
        s->reverts_per_hour = 60;
        s->brake = 10;
        s->mode = "enforce";
        s->switch_at = 0.05; /* else a first step of 10 % is no switch, and is gone back to */
    }
}

static void put_service(const struct sim *sim, const struct app *app, struct buf *to)
{
    const struct settings *s = &sim->set;
    const char *name = app->name;
    buf_print(to, "  %s:\n    colours: [blue, green]\n", name);
    if (app->toggles)
        buf_print(to,
                  "    actuator: {type: webhook, url: 'http://flip.%s', kind: once, timeout: 2s,\n"
                  "      read: {path: /live, value: '$.live', ready: '$.ready.{{colour}}'},\n"
                  "      write: [{method: POST, path: /flip, body: '{\"to\":\"{{value}}\"}'}]}\n",
                  name);
    else
        buf_print(to, "    actuator: {type: haproxy, socket: /sim/%s.sock, backend: %s, timeout: 2s}\n",
                  name, name);
    buf_print(to,
              "    detect: {every: %lldms, switch_at: %g}\n"
              "    checks:\n"
              "      - {use: http-5xx-ratio, with: {job: %s}, max: 2%%, critical: true%s}\n",
              (long long)s->detect_ms, s->switch_at, name,
              s->relative ? ", worse_than_baseline: 3x" : "");
    if (s->latency)
        buf_print(to, "      - {use: http-slower-than, with: {job: %s}, bound: 450ms, max: 5%%}\n", name);
    if (s->gauge)
        buf_print(to, "      - {name: depth, query: 'max by ({{by}}) (queue_depth{ {{match}} })', max: 100}\n");
    buf_print(to,
              "    guard: {duration: %lldms, interval: %lldms, warmup: %lldms, min_samples: 50, "
              "blind_for: 1m, fail_after: 3, rule: %s, cooldown: %lldms}\n"
              "    verify: {timeout: %lldms, recover_within: %lldms, aftercare: %lldms, reapply: %d}\n"
              "    mode: %s\n"
              "    on_inconclusive: %s\n",
              (long long)s->duration_ms, (long long)s->interval_ms, (long long)s->warmup_ms,
              s->gauge ? "sequential" : "threshold", (long long)s->cooldown_ms,
              (long long)s->timeout_ms, (long long)s->recover_ms, (long long)s->aftercare_ms, s->reapply, s->mode,
              s->on_inconclusive);
}

void daemon_config(struct sim *sim, struct buf *to)
{
    const struct settings *s = &sim->set;
    buf_print(to,
              "version: 1\n"
              "storage: {path: %s, max_size: 64MiB, ballast: 1MiB, store_lost: %s}\n"
              "limits: {reverts_per_hour: %d, brake: %d}\n"
              "datasources:\n"
              "  prom: {type: prometheus, url: 'http://prom:9090', timeout: 2s}\n"
              "notifiers:\n"
              "  pager: {type: alertmanager, url: 'http://am:9093', page: true, timeout: 2s}\n",
              DB_PATH, s->store_lost, s->reverts_per_hour, s->brake);
    if (!sim->no_hook)
        buf_text(to, "  chat: {type: webhook, url: 'http://hook/services/x', timeout: 2s}\n");
    buf_text(to, "services:\n");
    for (int i = 0; i < sim->n_services; i++) {
        if (!(sim->drop_last && i && i == sim->n_services - 1))
            put_service(sim, &sim->service[i], to);
    }
}

static enum hd_code load(void *ctx, struct config **ret, struct buf *errors, struct hd_error *err)
{
    (void)errors;
    ARENA_AUTO a = arena_new();
    BUF_AUTO yaml = BUF_INIT(65536);
    struct config_mistakes mistakes;
    daemon_config(ctx, &yaml);
    enum hd_code code = config_load_text(a, "sim.yaml", buf_span(&yaml), NULL, ret, &mistakes, err);
    if (code == HD_INVALID) {
        BUF_AUTO said = BUF_INIT(65536);
        config_print_mistakes(&mistakes, &said);
        (void)hd_fail(err, HD_INVALID, "%s", buf_at(&said));
    }
    return code;
}

/* What is made of a file is frozen, so a process that finds the same file gets the same thing: without
 * reading it anew, which was a tenth of the simulation's time. */
static enum hd_code load_again(struct sim *sim, struct config **ret, struct hd_error *err)
{
    BUF_AUTO yaml = BUF_INIT(65536);
    daemon_config(sim, &yaml);
    if (!sim->loaded || !str_is(buf_at(&yaml), buf_at(&sim->loaded_from))) {
        sim->loaded = config_unref(sim->loaded);
        enum hd_code code = load(sim, &sim->loaded, NULL, err);
        if (code)
            return code;
        sim->loaded_from.len = 0;
        buf_add(&sim->loaded_from, yaml.at, yaml.len);
    }
    *ret = config_ref(sim->loaded);
    return HD_OK;
}

/* --- start --- */

static enum hd_code start(struct sim *sim, struct hd_error *err)
{
    static char hash[65];
    struct store_options options = {.path = DB_PATH, .max_size = 64 << 20, .ballast = BALLAST,
                                    .vfs = "sim"};
    cred_sha256_hex((struct hd_span){TOKEN, strlen(TOKEN)}, hash);
    faultvfs_set_time(sim->disk, daemon_now(sim).wall_ms);
    enum hd_code code = store_open(&options, &sim->store, err);
    if (code)
        return code;
    code = load_again(sim, &sim->config, err);
    if (code) {
        violation(sim, "config", "%s", err->text);
        return code;
    }
    struct pipeline_options o = {
        .wire = cable_wire(sim),
        .store = sim->store,
        .config = sim->config,
        .seed = sim->seed + sim->episode * 1000 + sim->starts,
        .boot_id = sim->boot_id,
        .admin_token_hash = hash,
        .answer = orders_answer,
        .answer_ctx = sim,
        .load = load,
        .load_ctx = sim,
    };
    return pipeline_new(&o, daemon_now(sim), &sim->pipeline, err);
}

static void stop(struct sim *sim)
{
    sim->pipeline = pipeline_free(sim->pipeline);
    orders_forget(sim);
    audit_close(sim);
    sim->store = store_close(sim->store);
    sim->config = config_unref(sim->config);
    sim->alive = sim->busy = false;
}

void daemon_start(struct sim *sim)
{
    struct hd_error err = {.text = ""};
    sim->starts++;
    enum hd_code code = start(sim, &err);
    if (code || faultvfs_down(sim->disk)) {
        say(sim, "haldane", "cannot start: %s", err.text);
        daemon_die(sim, FAULT_NONE, 1000);
        return;
    }
    say(sim, "haldane", "started");
    sim->alive = true;
    sim->alive_since = sim->t;
    sim->next_tick = sim->t;
    audit_open(sim);
}

/* --- end --- */

void daemon_die(struct sim *sim, enum fault fault, int64_t back_in_ms)
{
    if (fault != FAULT_NONE && !faultvfs_down(sim->disk))
        faultvfs_strike(sim->disk, fault);
    bool power = fault == FAULT_POWER || sim->power_armed;
    sim->power_armed = false;
    sim->kills++;
    say(sim, "fate", power ? "the power is gone" : "haldane is dead");
    stop(sim);
    cable_daemon_died(sim, power);
    faultvfs_restart(sim->disk);
    sim->disk_bad_until = 0;
    faultvfs_set_capacity(sim->disk, 0);
    sim->start_at = sim->t + back_in_ms;
    if (power) { /* another boot of the machine: its clock begins anew */
        sim->cut_t = sim->t;
        sim->boot_0 = sim->start_at - 20000;
        (void)snprintf(sim->boot_id, sizeof sim->boot_id, "boot-%llu", (unsigned long long)sim->starts);
    }
    sim->down_ms += back_in_ms;
}

void daemon_after(struct sim *sim)
{
    if (!sim->alive)
        return;
    if (faultvfs_down(sim->disk)) {
        daemon_die(sim, FAULT_NONE, rng_between(&sim->script_rng, 100, 15000));
        return;
    }
    sim->next_tick = sim->t;
    bool busy = pipeline_busy(sim->pipeline);
    if (busy && !sim->busy)
        script_ambush(sim);
    sim->busy = busy;
}

void daemon_turn(struct sim *sim)
{
    if (sim->t != sim->spin_t)
        sim->spins = 0;
    sim->spin_t = sim->t;
    if (++sim->spins > SPIN_MAX) {
        violation(sim, "I8", "the daemon turns without end in one instant");
        return;
    }
    int64_t next = pipeline_tick(sim->pipeline, daemon_now(sim));
    daemon_after(sim);
    if (sim->alive)
        sim->next_tick = next + sim->boot_0;
}

void daemon_free(struct sim *sim)
{
    if (sim->store || sim->pipeline)
        stop(sim);
    sim->loaded = config_unref(sim->loaded);
    buf_clear(&sim->loaded_from);
    sim->disk = faultvfs_free(sim->disk);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What other limits would have done to the last guards of a service, for its page. Computed by a
 * process of its own (`haldane backtest`), one at a time, when a guard has ended or a human has said
 * what its verdict was worth; the result is stored, and said to be of these guards. Judges nothing
 * here, so that a revert waits for none of it: while one is on its way nothing is begun, and what
 * runs is stopped. Called by the schedule, and where guards end.
 */
#include "pipeline/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define SOON_MS 2000      /* after a guard has ended: its last row is stored by then */
#define START_MS 10000    /* after a start, there is more to do */
#define START_EACH_MS 200 /* a look at a service costs a millisecond */
#define LATER_MS 5000
#define KEY_BYTES 24

struct limits {
    struct pipeline *p;
    struct service *s;
    struct hd_arena *arena; /* of the request */
    uint64_t sending;
    char key[KEY_BYTES];
};

/* Which guards, and what was said of them: what the result depends on. "": no guard has ended. */
static enum hd_code key_of(struct service *s, char ret[KEY_BYTES], struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    const struct store_filter filter = {.service = s->name, .verdict = -1, .limit = 2 * HD_LIMITS_GUARDS};
    struct store_guard *list;
    size_t n, ended = 0;
    uint64_t hash = str_hash(HALDANE_VERSION, 0);
    enum hd_code code = store_guards(s->p->o.store, a, &filter, &list, &n, err);
    for (size_t i = 0; !code && i < n && ended < HD_LIMITS_GUARDS; i++) {
        if (list[i].ended_ms < 0)
            continue;
        ended++;
        hash = str_hash(arena_print(a, "%s %d %lld", list[i].id, list[i].was_good, (long long)list[i].marked_ms), hash);
    }
    *ret = '\0';
    if (ended)
        (void)snprintf(ret, KEY_BYTES, "%016" PRIx64, hash);
    return code;
}

static bool is_known(struct service *s, const char *key)
{
    ARENA_AUTO a = arena_new();
    const char *value;
    struct hd_error err;
    size_t n = strlen(key);
    return !store_fact(s->p->o.store, a, arena_print(a, "limits/%s", s->name), &value, &err) &&
           str_begins(value, key) && value[n] == ' ';
}

static struct limits *drop(struct limits *l)
{
    if (!l)
        return NULL;
    if (l->sending)
        l->p->o.wire.cancel(l->p->o.wire.ctx, l->sending);
    arena_free(l->arena);
    free(l);
    return NULL;
}

static void keep(struct limits *l, struct hd_span text, const char *error)
{
    struct service *s = l->s;
    struct buf b = BUF_INIT(HD_BLOB_BYTES_MAX);
    buf_print(&b, "%s %lld ", l->key, (long long)l->p->now.wall_ms);
    if (error)
        buf_text(&b, error);
    else
        buf_add(&b, text.at, text.len);
    free(s->limits);
    s->limits = b.at;
}

static void done(void *user, const struct hd_response *r)
{
    struct limits *l = user;
    struct pipeline *p = l->p;
    pipeline_wake(p);
    l->sending = 0;
    if (r->io != HD_IO_OK)
        keep(l, (struct hd_span){"", 0}, r->text);
    else if (r->status != 0 || !r->body.len || r->body.at[0] != '{')
        keep(l, (struct hd_span){"", 0}, arena_print(l->arena, "haldane backtest ended with status %d", r->status));
    else
        keep(l, r->body, NULL);
    p->limits = drop(l);
}

static void begin(struct service *s, const char *key)
{
    struct pipeline *p = s->p;
    struct limits *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    *l = (struct limits){.p = p, .s = s, .arena = arena_new()};
    memcpy(l->key, key, KEY_BYTES);
    const char *argv[] = {p->o.program, "backtest", s->name, "--guards", "--background", "--store", p->o.store_path,
                          "--last", arena_print(l->arena, "%d", HD_LIMITS_GUARDS),
                          "--polls", arena_print(l->arena, "%d", HD_LIMITS_POLLS), "-o", "json", NULL};
    struct hd_endpoint *at = arena_of(l->arena, struct hd_endpoint);
    *at = (struct hd_endpoint){.name = "limits", .timeout_ms = HD_LIMITS_MS};
    struct hd_request *r = arena_of(l->arena, struct hd_request);
    *r = (struct hd_request){.via = HD_VIA_EXEC, .effect = HD_EFFECT_READ, .label = "try other limits", .at = at,
                             .cap_bytes = HD_LIMITS_BYTES};
    r->u.exec.argv = arena_copy(l->arena, argv, sizeof argv);
    p->limits = l;
    l->sending = p->o.wire.send(p->o.wire.ctx, r, 0, done, l);
}

void limits_due(struct pipeline *p, uint32_t service)
{
    struct service *s = p->services[service];
    char key[KEY_BYTES];
    struct hd_error err;
    if (!s->policy)
        return; /* it has left the configuration */
    if (p->limits || p->store_lost || pipeline_busy(p)) {
        due_set(p, DUE_LIMITS, service, p->now.boot_ms + LATER_MS);
        return;
    }
    if (!key_of(s, key, &err) && *key && !is_known(s, key))
        begin(s, key);
}

void limits_yield(struct pipeline *p)
{
    if (!p->limits || !pipeline_busy(p))
        return;
    due_set(p, DUE_LIMITS, p->limits->s->index, p->now.boot_ms + LATER_MS);
    p->limits = drop(p->limits);
}

void limits_old(struct service *s)
{
    if (s->p->o.program)
        due_set(s->p, DUE_LIMITS, s->index, s->p->now.boot_ms + SOON_MS);
}

void limits_start(struct pipeline *p)
{
    for (size_t i = 0; p->o.program && i < p->n_services; i++)
        due_set(p, DUE_LIMITS, p->services[i]->index,
                p->now.boot_ms + START_MS + (int64_t)i * START_EACH_MS);
}

bool limits_busy(const struct service *s) { return s->p->limits && s->p->limits->s == s; }

void limits_stop(struct pipeline *p) { p->limits = drop(p->limits); }

/* SPDX-License-Identifier: Apache-2.0
 *
 * See server.h. The face's reader of the store, and the requests that wait for a change of it: long
 * polls and streams. Called by server.c and visit.c.
 */
#include "base/clock.h"
#include "http/server.h"

#define LOOK_MS 200  /* how old a change may be when it is told: below what people notice */

enum hd_code waits_reader(struct http *h, struct store **ret, struct hd_error *err)
{
    enum hd_code code = h->store ? HD_OK : store_open_reader(h->store_path, &h->store, err);
    if (!code)
        code = store_begin(h->store, err);
    if (code) {
        h->store = store_close(h->store);
        return code;
    }
    *ret = h->store;
    return HD_OK;
}

bool waits_begin(struct visit *v)
{
    struct http *h = v->http;
    if (h->streams.ending) {
        (void)call_refuse(&v->call, 503, "stopping", "haldane is stopping");
        return false;
    }
    if (h->n_waits == HD_WAITS_MAX) {
        (void)call_refuse(&v->call, 503, "too_many_waits", "%d requests wait already", HD_WAITS_MAX);
        return false;
    }
    v->next = h->waits;
    h->waits = v;
    h->n_waits++;
    h->tell_ms = 0;
    v->peer->waiting = true;
    MHD_suspend_connection(v->call.connection);
    return true;
}

void waits_end(struct http *h, int64_t wall_ms, bool all)
{
    for (struct visit **at = &h->waits; *at;) {
        struct visit *v = *at;
        if (!all && v->call.until_ms > wall_ms) {
            at = &v->next;
            continue;
        }
        *at = v->next;
        h->n_waits--;
        v->peer->waiting = false;
        v->peer->since_ms = clock_now().boot_ms;
        MHD_resume_connection(v->call.connection);
    }
}

/* Asks the store whether it has changed; costs microseconds. */
static bool look(struct http *h)
{
    struct hd_error err;
    struct store *s;
    int64_t version = 0, head = h->streams.head;
    if (waits_reader(h, &s, &err))
        return false;
    enum hd_code code = store_version(s, &version, &err);
    if (!code && version != h->store_version)
        code = store_newest_event(s, &head, &err);
    store_rollback(s);
    if (code) {
        h->store = store_close(h->store);
        return false;
    }
    bool changed = version != h->store_version;
    h->store_version = version;
    h->streams.head = head;
    return changed;
}

int64_t waits_tell(struct http *h, struct hd_now now)
{
    struct hd_error err;
    struct store *s = NULL;
    int64_t next = INT64_MAX;
    bool changed = false;
    if (!h->waits && !h->streams.n)
        return next;
    if (h->look_ms <= now.boot_ms) {
        h->look_ms = now.boot_ms + LOOK_MS;
        changed = look(h);
    }
    waits_end(h, now.wall_ms, changed);
    if (h->streams.n) {
        (void)waits_reader(h, &s, &err);
        next = stream_feed(&h->streams, s, now);
        if (s)
            store_rollback(s);
    }
    return next < h->look_ms ? next : h->look_ms;
}

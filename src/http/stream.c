/* SPDX-License-Identifier: Apache-2.0
 *
 * See stream.h. A stream is suspended while it has nothing to send: it costs no time then. A client
 * that does not read is cut off by libmicrohttpd's own timeout, one that has gone by the next
 * comment. Called by server.c.
 */
#include "http/stream.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "http/show.h"

#define BATCH_EVENTS 100
#define ASK_MS 5000 /* how long a stream outlives its token; 512 of them cost some 5 ms each time */

struct stream {
    struct stream *prev, *next;
    struct streams *all;
    struct MHD_Connection *connection;
    int64_t after;   /* the newest event in `text`, or sent */
    int64_t beat_ms; /* boot */
    bool waiting;    /* suspended */
    bool over;       /* its token has ended */
    char *secret;    /* NULL: anybody may read */
    int64_t ask_ms;  /* boot: when to ask again whether it is still good */
    struct buf text;
    size_t sent;
};

static ssize_t on_read(void *cls, uint64_t pos, char *to, size_t max)
{
    struct stream *s = cls;
    (void)pos;
    size_t left = s->text.len - s->sent, n = left < max ? left : max;
    if (n) {
        memcpy(to, s->text.at + s->sent, n);
        s->sent += n;
        return (ssize_t)n;
    }
    if (s->all->ending || s->over)
        return MHD_CONTENT_READER_END_OF_STREAM;
    buf_clear(&s->text);
    s->sent = 0;
    s->all->hungry |= s->after < s->all->head;
    s->waiting = true;
    MHD_suspend_connection(s->connection);
    return 0;
}

static void on_free(void *cls)
{
    struct stream *s = cls;
    if (s->prev)
        s->prev->next = s->next;
    else
        s->all->first = s->next;
    if (s->next)
        s->next->prev = s->prev;
    s->all->n--;
    if (!s->all->n)
        buf_clear(&s->all->batch);
    buf_clear(&s->text);
    free(s->secret);
    free(s);
}

struct MHD_Response *stream_open(struct streams *all, struct MHD_Connection *connection, int64_t after,
                                 const char *greeting, const char *secret, int64_t boot_ms)
{
    struct stream *s = all->n < HD_STREAMS_MAX ? calloc(1, sizeof *s) : NULL;
    if (!s)
        return NULL;
    *s = (struct stream){.all = all,
                         .connection = connection,
                         .after = after,
                         .beat_ms = boot_ms + all->beat_ms,
                         .next = all->first,
                         .secret = secret ? strdup(secret) : NULL,
                         .ask_ms = boot_ms + ASK_MS,
                         .text = BUF_INIT(HD_STREAM_BYTES_MAX)};
    buf_text(&s->text, greeting);
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, on_read, s, on_free);
    if (!r) {
        buf_clear(&s->text);
        free(s->secret);
        free(s);
        return NULL;
    }
    if (s->next)
        s->next->prev = s;
    all->first = s;
    all->n++;
    return r;
}

static void put_event(struct buf *to, const struct store_event *e)
{
    buf_print(to, "id: %lld\nevent: %s\ndata: ", (long long)e->seq, e->kind);
    struct json_out o = json_out(to);
    show_event(&o, e);
    buf_text(to, "\n\n");
}

/* What follows `after`; false: it cannot be read, or nothing does. An event is at most a few KiB, so
 * that the first of a batch always fits. */
static bool make_batch(struct streams *all, struct store *store, int64_t after)
{
    ARENA_AUTO a = arena_new();
    struct store_event *list;
    struct hd_error err;
    size_t n;
    if (all->batch.len && all->batch_after == after)
        return true;
    if (!store || store_events(store, a, NULL, after, BATCH_EVENTS, &list, &n, &err) || !n)
        return false;
    buf_clear(&all->batch);
    all->batch = BUF_INIT(HD_STREAM_BYTES_MAX);
    all->batch_after = after;
    for (size_t i = 0; i < n; i++) {
        size_t before = all->batch.len;
        put_event(&all->batch, &list[i]);
        if (all->batch.full) { /* goes into the next one */
            all->batch.full = false;
            all->batch.at[all->batch.len = before] = '\0';
            break;
        }
        all->batch_last = list[i].seq;
    }
    return all->batch.len > 0;
}

static void give(struct stream *s, const char *text, size_t len, int64_t boot_ms)
{
    s->text = BUF_INIT(HD_STREAM_BYTES_MAX);
    buf_add(&s->text, text, len);
    s->sent = 0;
    s->beat_ms = boot_ms + s->all->beat_ms;
    s->waiting = false;
    MHD_resume_connection(s->connection);
}

/* A store that cannot be read refuses nobody: it says nothing about the token. */
static bool has_lost_token(struct stream *s, struct store *store, struct hd_now now)
{
    struct store_account account;
    struct hd_error err;
    if (!s->secret || !s->all->who || s->ask_ms > now.boot_ms)
        return false;
    ARENA_AUTO a = arena_new();
    s->ask_ms = now.boot_ms + ASK_MS; /* also when it cannot be asked: nobody waits for a time that is past */
    return store && s->all->who(store, a, s->secret, now.wall_ms, &account, &err) == HD_DENIED;
}

static void end(struct stream *s)
{
    s->over = true;
    s->waiting = false;
    MHD_resume_connection(s->connection);
}

int64_t stream_feed(struct streams *all, struct store *store, struct hd_now now)
{
    int64_t boot_ms = now.boot_ms;
    static const char beat[] = ":\n\n";
    int64_t next = INT64_MAX;
    all->hungry = false;
    for (struct stream *s = all->first; s; s = s->next) {
        if (!s->waiting)
            continue;
        if (has_lost_token(s, store, now)) {
            end(s);
            continue;
        }
        if (s->after < all->head && make_batch(all, store, s->after)) {
            s->after = all->batch_last;
            give(s, all->batch.at, all->batch.len, boot_ms);
        } else if (s->beat_ms <= boot_ms) {
            give(s, beat, sizeof beat - 1, boot_ms);
        }
        next = next < s->beat_ms ? next : s->beat_ms;
        next = s->secret && all->who && s->ask_ms < next ? s->ask_ms : next;
    }
    return next;
}

void stream_end(struct streams *all)
{
    all->ending = true;
    for (struct stream *s = all->first; s; s = s->next) {
        if (s->waiting) {
            s->waiting = false;
            MHD_resume_connection(s->connection);
        }
    }
}

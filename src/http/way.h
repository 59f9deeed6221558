/* SPDX-License-Identifier: Apache-2.0
 *
 * The way back: what a revert would do right now, by what the store knows, and everything that
 * stands in its way. The router is asked again, and the same questions with it, before anything is
 * sent; here is only what a human wants to know before. Pure.
 */
#ifndef HTTP_WAY_H
#define HTTP_WAY_H

#include "base/arena.h"
#include "http/html.h"
#include "http/stance.h"

enum way_state {
    WAY_OPEN,    /* nothing known stands against it */
    WAY_DOUBT,   /* something is not known, or old */
    WAY_ORDER,   /* haldane would not go it by itself; an order would */
    WAY_BLOCKED, /* it would be refused */
    WAY_THERE,   /* the traffic is there already */
    WAY_NONE,    /* nobody knows where back would be */
};

#define WAY_LINES_MAX 10

struct way {
    enum way_state state;
    const char *from, *to; /* colours; NULL: unknown */
    const char *sentence;  /* the answer */
    const char *old;       /* how long ago the router was read, when that is too long; NULL: it is not */
    int64_t until_ms;      /* how long its target is kept, wall ms; -1: nothing says that it goes */
    const char *native;    /* what a human could type; NULL: none known, or nothing to do */
    struct {
        enum tone tone;
        const char *text;
    } line[WAY_LINES_MAX];
    size_t n;
};

struct way_facts {
    const struct store_service *service; /* NULL: no longer configured */
    const struct store_reading *reading; /* NULL: never read */
    const struct store_guard *guard;     /* the live one, else the newest; NULL: none */
    const struct stance *stance;         /* to the target; NULL: not known */
    const char *rejected;                /* why the target was rejected; NULL: it is not */
    const char *alarm;                   /* as html_page.alarm */
    int ended_by;                        /* enum hd_reason_number, why the guard ended; 0: not known */
    bool unread;                         /* a human was told that the router cannot be read, and it still cannot */
    int64_t kept_for_ms;                 /* the target, after the guard's switch; 0: for good */
    int64_t now_ms;
};

/* Where a revert would go; needs reading and guard only. NULL: nobody knows. */
const char *way_target(const struct store_reading *, const struct store_guard *);
/* The colour with the most traffic but this one (NULL: of all); NULL: none was read. */
const char *way_busiest(const struct store_reading *, const char *except);
void way_find(struct hd_arena *, const struct way_facts *, struct way *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Other tools ask haldane in their own words (Argo Rollouts, Flagger, Kayenta's clients): what those
 * surfaces share. Each lives in a file of its own, compat_<tool>.c; README.md has their tables.
 */
#ifndef HTTP_COMPAT_H
#define HTTP_COMPAT_H

#include "http/call.h"
#include "json/json.h"

/* How a tool is told what is not an answer of its handler: every refusal, of whatever layer. The same
 * arguments as call_problem's. */
struct dialect {
    void (*refuse)(struct call *, unsigned status, const char *code, const char *detail);
};
/* By the call's path; NULL: haldane's own API and pages. */
const struct dialect *compat_dialect(const struct call *);
extern const struct dialect argo_dialect, flagger_dialect, kayenta_dialect;

/* What is asked about. Texts are borrowed from the call; NULL: not given. */
struct compat_ask {
    const char *guard, *service, *run; /* one of: a guard, the service's own, a named analysis */
    const char *candidate, *stable, *version;
};

enum compat_found {
    COMPAT_FOUND,
    COMPAT_UNKNOWN, /* no such service, colour or guard, and there never was */
    COMPAT_OTHER,   /* the run or the guard is about other sides, or the service is no longer configured */
    COMPAT_NOTHING, /* nobody judges that, or not any more */
    COMPAT_BLIND,   /* the store cannot be read, or the loop does not turn: ask again */
};

struct compat_view {
    struct store_guard guard; /* COMPAT_FOUND */
    bool ready;               /* its verdict is final */
    const char *reason;       /* a sentence: why this verdict, or why there is none */
};

/* How long after its end the verdict of a service's newest guard is told to who names neither the
 * guard nor a run: it may be about the release before. */
#define COMPAT_FRESH_MS 600000

/* Answers from the store alone. `unread`: why there is no c->store. */
enum compat_found compat_look(struct call *, const struct compat_ask *, const struct hd_error *unread,
                              struct compat_view *ret);

/* The reason in one line, without control characters. */
const char *compat_line(struct call *, const char *text);

/* A service as Kayenta's canary config, under `key`. */
void kayenta_put_config(struct json_out *, const char *key, struct call *, const struct store_service *);
#define KAYENTA_ACCOUNT "haldane" /* the one account of every kind */

/* For call.taken: true when the loop refused, which has been told then. */
bool compat_refused(struct call *, unsigned status, const struct json *body);

/* Begins a packet for the loop that nothing but its "args" is missing of; compat_send ends it. Service
 * and guard are what the order is about; NULL: not that. */
struct json_out compat_order(struct call *, const char *what, const char *service, const char *guard);
void compat_send(struct json_out *);

#endif

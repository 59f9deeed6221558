/* SPDX-License-Identifier: Apache-2.0
 *
 * See advice.h. Rows of words for what the transport says; a few small questions to an address that is
 * something else than the configuration takes it for. Sends no credentials there.
 */
#include "cli/advice.h"

#include <ctype.h>
#include <grp.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"

#define SHOWN_BYTES 80 /* of a foreign answer */

bool advice_world(enum hd_code code)
{
    return code == HD_BUSY || code == HD_DENIED || code == HD_TIMEOUT || code == HD_IO || code == HD_FULL;
}

/* --- what the transport says --- */

static const struct {
    const char *words, *next;
} transport[] = {
    {"connection refused", "nobody listens there: is it started, and are host and port right?"},
    {"cannot be looked up", "this machine does not know the name: write it right, or mend its DNS"},
    {"while connecting", "nothing answers at that address: a firewall, or the wrong host?"},
    {"no connection within", "nothing answers at that address: a firewall, or the wrong host?"},
    {"no route to host", "nothing answers at that address: a firewall, or the wrong host?"},
    {"closed without an answer", "what listens there speaks something else: is it https://, or another port?"},
    {"SSL", "TLS fails: is it http://, or is `ca_file` missing?"},
    {"certificate", "TLS fails: is `ca_file` the authority that signed it?"},
};

static const char *of_transport(const struct hd_error *err)
{
    for (size_t i = 0; i < sizeof transport / sizeof *transport; i++) {
        if (strstr(err->text, transport[i].words))
            return transport[i].next;
    }
    return NULL;
}

static const char *of_code(enum hd_code code)
{
    switch (code) {
    case HD_DENIED: return "its credentials are refused: look at `auth`";
    case HD_ABSENT: return "the address answers, and knows no such thing: look at its path or name";
    case HD_PARSE: return "something else answers there (a login page, another program): look at the address";
    default: return "is it up, and reachable from here?";
    }
}

/* --- who answers there --- */

/* Programs by an answer that only they give. */
static const struct {
    const char *name, *path, *holds;
} programs[] = {
    {"Alertmanager", "/api/v2/status", "\"versionInfo\""},
    {"Prometheus", "/api/v1/status/buildinfo", "\"status\":\"success\""},
    {"Grafana", "/api/health", "\"database\""},
    {"haldane itself", "/readyz", "the configuration is loaded"},
};

static const struct hd_response *get(struct asker *asker, struct hd_arena *a, const struct hd_endpoint *at,
                                     uint32_t base, const char *path, struct hd_error *err)
{
    const struct hd_endpoint bare = {.name = at->name, .bases = at->bases, .n_bases = at->n_bases,
                                     .ca_file = at->ca_file, .cert_file = at->cert_file, .key_file = at->key_file,
                                     .proxy = at->proxy, .timeout_ms = at->timeout_ms};
    const struct hd_response *said = NULL;
    struct hd_request *r = arena_of(a, struct hd_request);
    *r = (struct hd_request){.via = HD_VIA_HTTP, .effect = HD_EFFECT_READ, .label = "who is there",
                             .at = arena_copy(a, &bare, sizeof bare), .base = base,
                             .cap_bytes = HD_ANSWER_BYTES_SMALL};
    r->u.http.method = "GET";
    r->u.http.path = path;
    return ask_once(asker, a, r, &said, err) ? NULL : said;
}

static bool holds(const struct hd_response *r, const char *words)
{
    return memmem(r->body.at, r->body.len, words, strlen(words)) != NULL;
}

static const char *header(const struct hd_response *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    }
    return NULL;
}

static const char *clean(struct hd_arena *a, const char *at, size_t len)
{
    char *text = arena_text_n(a, at, len < SHOWN_BYTES ? len : SHOWN_BYTES);
    str_clean(text, SHOWN_BYTES);
    return text;
}

/* By what it gives to a browser. */
static const char *looks_like(struct hd_arena *a, const struct hd_response *r)
{
    const char *text = arena_text_n(a, r->body.at, r->body.len), *to = header(r, "location");
    const char *title = strcasestr(text, "<title>");
    text += strspn(text, " \t\r\n");
    if (r->status == 401 || r->status == 403)
        return arena_print(a, "something that wants credentials (HTTP %d)", r->status);
    if (r->status / 100 == 3 && to)
        return arena_print(a, "something that sends on to %s", clean(a, to, strlen(to)));
    if (title)
        return arena_print(a, "a web page called '%s'", clean(a, title + 7, strcspn(title + 7, "<")));
    if (*text == '<')
        return "a web page";
    if (str_begins(text, "# HELP") || str_begins(text, "# TYPE"))
        return "a program's /metrics, and no server that can be asked about them";
    if (!*text)
        return arena_print(a, "something that says HTTP %d", r->status);
    return arena_print(a, "something that says '%s'", clean(a, text, strcspn(text, "\r\n")));
}

const char *advice_who(struct asker *asker, struct hd_arena *a, const struct hd_endpoint *at, uint32_t base,
                       bool *ret_known, struct hd_error *err)
{
    struct hd_error other;
    *ret_known = false;
    const struct hd_response *front = get(asker, a, at, base, "/", err);
    for (size_t i = 0; front && i < sizeof programs / sizeof *programs; i++) {
        const struct hd_response *r = get(asker, a, at, base, programs[i].path, &other);
        if (r && r->status == 200 && holds(r, programs[i].holds)) {
            *ret_known = true;
            return programs[i].name;
        }
    }
    if (front && holds(front, "Statistics Report for HAProxy")) {
        *ret_known = true;
        return "HAProxy's page of statistics";
    }
    return front ? looks_like(a, front) : NULL;
}

const char *advice_source(struct asker *asker, struct hd_arena *a, const struct hd_endpoint *at, const char *kind,
                          const struct hd_error *err)
{
    const char *next = of_transport(err);
    struct hd_error none;
    bool by_api, answered = err->code == HD_PARSE || err->code == HD_ABSENT || strstr(err->text, "HTTP ");
    if (next || !at || !at->n_bases || !answered || err->code == HD_DENIED)
        return next ? next : of_code(err->code);
    const char *who = advice_who(asker, a, at, 0, &by_api, &none);
    if (who && !str_is(who, kind))
        return arena_print(a, "%s is %s, and not %s: look at the address", at->bases[0], who, kind);
    return of_code(err->code);
}

/* --- routers --- */

/* The group that a socket should be open to: ours, unless we are root. */
static const char *our_group(struct hd_arena *a)
{
    char room[4096];
    struct group entry, *found = NULL;
    if (geteuid() == 0 || getgrgid_r(getegid(), &entry, room, sizeof room, &found) || !found)
        return "haldane";
    return arena_text(a, entry.gr_name);
}

static const char *let_in(struct hd_arena *a, const struct hd_policy *policy)
{
    const struct hd_actuator *actuator = hd_actuator_find(policy->actuator.type);
    return actuator && actuator->let_in ? actuator->let_in(a, policy->site.cfg, our_group(a)) : NULL;
}

const char *advice_router(struct hd_arena *a, const struct hd_policy *policy, const struct hd_error *err)
{
    const char *line = let_in(a, policy), *next = of_transport(err);
    if (strstr(err->text, "refused") && strstr(err->text, "unix:"))
        next = "nobody listens on this socket: is the router running?";
    else if (line && strstr(err->text, "no such file"))
        next = arena_print(a, "there is no such socket: %s", line);
    else if (line && strcasestr(err->text, "permission denied"))
        next = line;
    else if (!next && err->code == HD_ABSENT)
        next = "write the name as the router has it";
    else if (!next && err->code == HD_DENIED)
        next = "give haldane the right to read and write there";
    else if (!next && err->code == HD_PARSE)
        next = "something else answers there: give the address of the router itself";
    return next ? next : of_code(err->code);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is instead of a name that HAProxy does not know: the servers of a backend, the backends,
 * the maps and their keys, and the nearest of them. Decides only what a mistake is told as; asks one
 * more question for it where the answer does not hold the names. Called by haproxy.c and state.c.
 */
#include "actuators/haproxy/state.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#define SHOWN_MAX 10   /* names in one sentence */
#define NAMES_MAX 1000 /* of which the nearest is sought */

/* HAProxy's sentences, and what lists the names that are there. */
static const struct {
    const char *says, *command, *what;
} lists[] = {
    {"Can't find backend", "show backend", "backends"},
    {"Unknown map identifier", "show map", "maps"},
};
#define N_LISTS (sizeof lists / sizeof *lists)

/* A list of names, and the one that is nearest to what was meant. */
struct names {
    struct str_near near;
    const char *name[SHOWN_MAX];
    size_t n;
};

/* `stem`: what of the name is compared. */
static void add(struct names *n, const char *name, const char *stem)
{
    if (n->n < NAMES_MAX)
        str_near_offer(&n->near, stem);
    if (n->n < SHOWN_MAX)
        n->name[n->n] = name;
    n->n++;
}

static const char *say(struct hd_arena *a, const struct names *n, const char *what)
{
    BUF_AUTO b = BUF_INIT(HD_TEXT_MAX);
    for (size_t i = 0; i < n->n && i < SHOWN_MAX; i++)
        buf_print(&b, "%s%s", i ? ", " : "", n->name[i]);
    char *text = arena_print(a, "; the %s there are: %s%s%s%s%s", what, n->n ? buf_at(&b) : "none",
                             n->n > SHOWN_MAX ? ", ..." : "", n->near.name ? "; did you mean '" : "",
                             n->near.name ? n->near.name : "", n->near.name ? "'?" : "");
    str_clean(text, HD_TEXT_MAX);
    return text;
}

/* "blue-1" without its number. */
static const char *stem_of(struct hd_arena *a, const char *server)
{
    size_t len = strlen(server);
    while (len > 1 && strchr("0123456789", server[len - 1]))
        len--;
    while (len > 1 && strchr("-_.", server[len - 1]))
        len--;
    return arena_text_n(a, server, len);
}

/* What the colour is called by: its first glob without the stars, or its name. */
static const char *meant_by(struct hd_arena *a, const struct hd_site *site, size_t k)
{
    const struct haproxy_side *s = site->side[k];
    const char *from = s->n_servers ? s->servers[0] : site->colour[k];
    char *word = arena_text(a, from), *to = word;
    for (; *from; from++) {
        if (*from != '*')
            *to++ = *from;
    }
    *to = '\0';
    return stem_of(a, word);
}

const char *haproxy_servers_there(struct hd_arena *a, const struct hd_site *site, size_t k, const struct instance *in)
{
    struct names names = {.near = {.word = meant_by(a, site, k)}};
    for (size_t i = 0; i < in->n; i++)
        add(&names, in->server[i].name, in->server[i].side < 0 ? stem_of(a, in->server[i].name) : "");
    return say(a, &names, "servers");
}

/* `from` to `to`: rows "0x... KEY", NUL, "VALUE", NUL. */
const char *haproxy_keys_there(struct hd_arena *a, const struct haproxy_cfg *cfg, const char *from, const char *to)
{
    struct names names = {.near = {.word = cfg->map.key}};
    for (const char *at = from; at < to; at += strlen(at) + 1) { /* past the value */
        const char *key = strchr(at, ' ') + 1;
        add(&names, key, key);
        at = key + strlen(key) + 1;
    }
    return say(a, &names, "keys");
}

/* Which list of names an answer lacks; N_LISTS: none. */
static size_t list_of(const struct hd_exchange *x)
{
    for (size_t i = 0; i < N_LISTS; i++) {
        if (memmem(x->response->body.at, x->response->body.len, lists[i].says, strlen(lists[i].says)))
            return i;
    }
    return N_LISTS;
}

/* The first answer of the instances that lacks one. */
static const struct hd_exchange *lacking(const struct hd_talk *talk, size_t *ret_list)
{
    for (size_t i = 0; i < talk->n; i++) {
        if ((*ret_list = list_of(&talk->item[i])) < N_LISTS)
            return &talk->item[i];
    }
    return NULL;
}

const struct hd_request *haproxy_ask_names(struct hd_arena *a, const struct hd_talk *talk)
{
    size_t list;
    const struct hd_exchange *x = lacking(talk, &list);
    if (!x)
        return NULL;
    struct hd_request *r = arena_copy(a, x->request, sizeof *r);
    const char *line = arena_print(a, "%s;quit\n", lists[list].command);
    r->label = lists[list].command;
    r->body = (struct hd_span){line, strlen(line)};
    return r;
}

/* "shop", or the file of "-1 (/etc/haproxy/x.map) pattern ..."; NULL: no name in this line. */
static const char *name_in(struct hd_arena *a, const char *line, size_t len)
{
    const char *open = memchr(line, '(', len), *shut = open ? memchr(open, ')', len - (size_t)(open - line)) : NULL;
    if (!len || *line == '#')
        return NULL;
    return shut ? arena_text_n(a, open + 1, (size_t)(shut - open) - 1) : arena_text_n(a, line, len);
}

/* What was asked for and stands on no line of the list. */
static const char *missing_in(struct hd_arena *a, const struct hd_site *site, const char *list)
{
    const struct haproxy_cfg *cfg = site->cfg;
    for (size_t k = 0; cfg->map.file && k < site->n_sides; k++) {
        const char *backend = haproxy_side_backend(site, k);
        if (str_begins(list, "# name") && !strstr(list, arena_print(a, "\n%s\n", backend)))
            return backend;
    }
    return cfg->backend ? cfg->backend : cfg->map.file;
}

const char *haproxy_names_there(struct hd_arena *a, const struct hd_site *site, const struct hd_talk *talk)
{
    const struct hd_talk before = {.item = talk->item, .n = talk->n - 1};
    const struct hd_span body = talk->item[talk->n - 1].response->body;
    size_t list;
    if (!lacking(&before, &list))
        return "";
    const char *text = arena_text_n(a, body.at, body.len);
    struct names names = {.near = {.word = missing_in(a, site, text)}};
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *name = name_in(a, line, strcspn(line, "\n"));
        if (name)
            add(&names, name, name);
    }
    return say(a, &names, lists[list].what);
}

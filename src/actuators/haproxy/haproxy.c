/* SPDX-License-Identifier: Apache-2.0
 *
 * HAProxy by its stats socket. Weights: the split is the weight and the hold (drain, maint) of
 * every server that belongs to a colour. Map: the split is the value of one key of a map, which
 * names a backend. Decides what a reading means; never touches a server of no colour, never opens
 * a socket. Called by pipeline/.
 */
#include <string.h>

#include <haldane/endpoint.h>

#include "actuators/haproxy/state.h"
#include "base/arena.h"
#include "base/str.h"

#define WEIGHT_ALONE 100       /* for a server whose configured weight is 0 */
#define OP_RUNNING 2           /* srv_op_state */
#define CHECK_CONFIGURED 0x02u /* srv_check_state */
#define CHECK_PASSED 3         /* srv_check_result */

/* Whose settings are printed: the live ones, the file's, or (>= 0) those that give a side all. */
enum { VIEW_LIVE = -1, VIEW_FILE = -2 };

static const struct hd_option map_options[] = {
    {.key = "file",
     .type = HD_OPT_PATH,
     .offset = offsetof(struct haproxy_map, file),
     .fallback = "",
     .help = "The map's file name, as haproxy.cfg has it."},
    {.key = "key",
     .type = HD_OPT_TEXT,
     .offset = offsetof(struct haproxy_map, key),
     .fallback = "",
     .help = "The key whose value names the backend that gets the traffic."},
    {NULL},
};

static const struct hd_option options[] = {
    HD_SOCKET_OPTIONS(struct haproxy_cfg, at),
    {.key = "backend",
     .type = HD_OPT_TEXT,
     .offset = offsetof(struct haproxy_cfg, backend),
     .fallback = "",
     .help = "The backend that holds the servers of all colours."},
    {.key = "map",
     .type = HD_OPT_GROUP,
     .offset = offsetof(struct haproxy_cfg, map),
     .size = sizeof(struct haproxy_map),
     .fallback = "",
     .sub = map_options,
     .help = "Instead of `backend`: the traffic is switched by a map."},
    {NULL},
};

static const struct hd_option side_options[] = {
    {.key = "servers",
     .type = HD_OPT_TEXTS,
     .offset = offsetof(struct haproxy_side, servers),
     .count_offset = offsetof(struct haproxy_side, n_servers),
     .fallback = "",
     .max = HD_SIDE_GLOBS_MAX,
     .help = "Names or globs of the colour's servers; without it: its name, alone "
             "or with a number (blue1, blue-1; v4-1)."},
    {.key = "backend",
     .type = HD_OPT_TEXT,
     .offset = offsetof(struct haproxy_side, backend),
     .fallback = "",
     .help = "With `map`: the colour's backend; without it: its name."},
    {.key = "value",
     .type = HD_OPT_TEXT,
     .offset = offsetof(struct haproxy_side, value),
     .fallback = "",
     .help = "With `map`: what the map says for this colour; without it: its "
             "backend."},
    {NULL},
};

/* The native command hands the address to socat, whose own syntax gives these a meaning. */
static bool socket_ok(const char *base)
{
    if (str_begins(base, "tcp:"))
        return haproxy_name_ok(base + 4, "[]");
    if (!str_begins(base, "unix:/"))
        return false;
    for (const char *p = base; *p; p++) {
        if (*p <= ' ' || *p > '~' || strchr(",!\"'\\()[]{}|", *p))
            return false;
    }
    return true;
}

static enum hd_code check_sides(const struct hd_site *site, bool map, struct hd_error *err)
{
    for (size_t k = 0; k < site->n_sides; k++) {
        const struct haproxy_side *s = site->side[k];
        const char *colour = site->colour[k];
        if (map && s->n_servers > 0)
            return hd_fail(err, HD_INVALID,
                           "colour %s: `servers` goes with `backend`, not with "
                           "`map`",
                           colour);
        if (!map && (s->backend || s->value))
            return hd_fail(err, HD_INVALID, "colour %s: `backend` and `value` go with `map`",
                           colour);
        if (map && (!haproxy_name_ok(haproxy_side_backend(site, k), "") ||
                    !haproxy_name_ok(haproxy_side_value(site, k), "/*")))
            return hd_fail(err, HD_INVALID, "colour %s: not a name of a backend", colour);
        for (size_t other = 0; map && other < k; other++) {
            if (str_is(haproxy_side_value(site, k), haproxy_side_value(site, other)))
                return hd_fail(err, HD_INVALID, "colours %s and %s have the same value",
                               site->colour[other], colour);
        }
    }
    return HD_OK;
}

static enum hd_code check(const struct hd_site *site, struct hd_error *err)
{
    const struct haproxy_cfg *cfg = site->cfg;
    bool map = cfg->map.file || cfg->map.key;
    if (map == (cfg->backend != NULL))
        return hd_fail(err, HD_INVALID, "give `backend` (weights) or `map`, one of them");
    if (map && (!haproxy_name_ok(cfg->map.file, "/") || !haproxy_name_ok(cfg->map.key, "/*")))
        return hd_fail(err, HD_INVALID,
                       "map: `file` and `key` are needed, of letters, digits and "
                       "_ . : - / *");
    if (!map && !haproxy_name_ok(cfg->backend, ""))
        return hd_fail(err, HD_INVALID, "backend: '%s' is not a name of a backend", cfg->backend);
    if (cfg->at.n_bases > HD_LINE_INSTANCES_MAX)
        return hd_fail(err, HD_INVALID, "sockets: more than %d", HD_LINE_INSTANCES_MAX);
    for (uint32_t i = 0; i < cfg->at.n_bases; i++) {
        if (!socket_ok(cfg->at.bases[i]))
            return hd_fail(err, HD_INVALID,
                           "sockets: '%s' is no /path or tcp:host:port of plain "
                           "characters",
                           cfg->at.bases[i]);
        for (uint32_t other = 0; other < i; other++) {
            if (str_is(cfg->at.bases[i], cfg->at.bases[other]))
                return hd_fail(err, HD_INVALID, "sockets: '%s' twice", cfg->at.bases[i]);
        }
    }
    return check_sides(site, map, err);
}

/* A colour that is wholly held back was switched off that way, and is brought back that way; one
 * server held back among others was taken out by somebody for a reason, and stays out. */
static bool all_held(const struct instance *in, int side)
{
    for (size_t i = 0; i < in->n; i++) {
        if (in->server[i].side == side && in->server[i].live.hold == HOLD_NONE)
            return false;
    }
    return true;
}

static struct setting setting_of(const struct instance *in, const struct server *s, int view)
{
    if (view == VIEW_LIVE)
        return s->live;
    if (view == VIEW_FILE)
        return (struct setting){s->initial, s->admin & CONFIG_MAINT ? HOLD_MAINT : HOLD_NONE};
    if (s->side != view)
        return (struct setting){0, s->live.hold};
    return (struct setting){s->initial ? s->initial : WEIGHT_ALONE,
                            all_held(in, view) ? HOLD_NONE : s->live.hold};
}

static void print_value(struct buf *to, const struct hd_site *site, const struct instance *in,
                        int view)
{
    const struct haproxy_cfg *cfg = site->cfg;
    if (cfg->map.file) {
        buf_print(to, "%s=%s", cfg->map.key,
                  view >= 0 ? haproxy_side_value(site, (size_t)view) : in->routed);
        return;
    }
    const char *gap = "";
    for (size_t i = 0; i < in->n; i++) {
        const struct server *s = &in->server[i];
        if (s->side < 0)
            continue;
        struct setting set = setting_of(in, s, view);
        buf_text(to, gap);
        buf_text(to, s->name);
        buf_print(to, "=%u", set.weight);
        buf_text(to, set.hold ? "/" : NULL);
        buf_text(to, set.hold ? haproxy_hold_word[set.hold] : NULL);
        gap = " ";
    }
}

/* One text for all instances: plain when they agree, else "address: text | address: text", which is
 * never equal to a goal on which they agree. */
static const char *joint_value(struct hd_arena *a, const struct hd_site *site,
                               const struct instance *in, int view)
{
    const struct haproxy_cfg *cfg = site->cfg;
    BUF_AUTO first = BUF_INIT(VALUE_MAX);
    BUF_AUTO all = BUF_INIT(VALUE_MAX * HD_LINE_INSTANCES_MAX);
    bool agree = true;
    print_value(&first, site, &in[0], view);
    for (uint32_t i = 0; i < cfg->at.n_bases && cfg->at.n_bases > 1; i++) {
        BUF_AUTO one = BUF_INIT(VALUE_MAX);
        print_value(&one, site, &in[i], view);
        agree = agree && str_is(buf_at(&one), buf_at(&first));
        buf_print(&all, "%s%s: %s", i ? " | " : "", cfg->at.bases[i], buf_at(&one));
    }
    return arena_text(a, agree ? buf_at(&first) : buf_at(&all));
}

static bool takes_traffic(const struct server *s)
{
    return !(s->admin & (ANY_MAINT | ANY_DRAIN));
}

/* Share of one instance in ppm: the map's word, or the weights of what is not held back. */
static uint32_t share_of(const struct hd_site *site, const struct instance *in, size_t k)
{
    if (in->routed)
        return str_is(in->routed, haproxy_side_value(site, k)) ? HD_WHOLE_PPM : 0;
    uint64_t mine = 0, all = 0;
    for (size_t i = 0; i < in->n; i++) {
        const struct server *s = &in->server[i];
        if (s->side < 0 || !takes_traffic(s))
            continue;
        all += s->live.weight;
        if (s->side == (int)k)
            mine += s->live.weight;
    }
    return all ? (uint32_t)(mine * HD_WHOLE_PPM / all) : 0;
}

/* Ready is what a check has proved. A server without checks always says that it runs: a colour
 * with nothing else is of unknown readiness. */
static void count_ready(const struct instance *in, size_t k, uint32_t *ret_ready,
                        uint32_t *ret_wanted)
{
    uint32_t proven = 0, unknown = 0, wanted = 0;
    for (size_t i = 0; i < in->n; i++) {
        const struct server *s = &in->server[i];
        if (s->side != (int)k)
            continue;
        wanted++;
        if (s->op != OP_RUNNING || s->admin & ANY_MAINT)
            continue;
        if (!(s->check_state & CHECK_CONFIGURED))
            unknown++;
        else if (s->check_result == CHECK_PASSED)
            proven++;
    }
    *ret_ready = proven == 0 && unknown > 0 ? HD_UNKNOWN : proven;
    *ret_wanted = wanted;
}

static void fill_side(struct hd_arena *a, const struct hd_site *site, const struct instance *in,
                      size_t k, struct hd_side_live *ret)
{
    const struct haproxy_cfg *cfg = site->cfg;
    uint64_t share = 0;
    *ret = (struct hd_side_live){.ready = HD_UNKNOWN};
    bool known = true;
    for (uint32_t i = 0; i < cfg->at.n_bases; i++) {
        uint32_t ready, wanted;
        count_ready(&in[i], k, &ready, &wanted);
        share += share_of(site, &in[i], k);
        known = known && ready != HD_UNKNOWN;
        ret->ready = ready < ret->ready ? ready : ret->ready;
        ret->wanted = wanted > ret->wanted ? wanted : ret->wanted;
    }
    if (!known)
        ret->ready = HD_UNKNOWN;
    ret->share_ppm = (uint32_t)(share / cfg->at.n_bases);
    ret->alone = joint_value(a, site, in, (int)k);
}

static const char *make_note(struct hd_arena *a, const struct hd_site *site,
                             const struct instance *in, bool agree)
{
    const struct haproxy_cfg *cfg = site->cfg;
    BUF_AUTO note = BUF_INIT(HD_TEXT_MAX);
    if (!agree)
        buf_print(&note, "the %u instances disagree", cfg->at.n_bases);
    for (uint32_t i = 0; i < cfg->at.n_bases; i++) {
        for (size_t j = 0; j < in[i].n; j++) {
            const struct server *s = &in[i].server[j];
            uint32_t ours = s->admin & (FORCED_MAINT | FORCED_DRAIN);
            if (s->side >= 0 && !ours && !takes_traffic(s))
                buf_print(&note, "%s%s is held back by DNS or by a server it tracks",
                          note.len ? "; " : "", s->name);
        }
    }
    return note.len ? arena_text(a, buf_at(&note)) : NULL;
}

static enum hd_code observe(struct hd_arena *a, const struct hd_site *site, const char *follow,
                            const struct hd_talk *talk, struct hd_ask *ret_ask,
                            struct hd_live *ret_live, struct hd_error *err)
{
    (void)follow;
    const struct haproxy_cfg *cfg = site->cfg;
    if (talk->n == 0) {
        *ret_ask = (struct hd_ask){.n = cfg->at.n_bases};
        for (uint32_t i = 0; i < cfg->at.n_bases; i++)
            ret_ask->request[i] = haproxy_ask(a, site, i);
        return HD_OK;
    }
    struct instance *in;
    const struct hd_talk read = {.item = talk->item, .n = cfg->at.n_bases};
    enum hd_code code = haproxy_read(a, site, &read, &in, err);
    if (code == HD_ABSENT && talk->n == read.n && (ret_ask->request[0] = haproxy_ask_names(a, talk))) {
        ret_ask->n = 1;
        return HD_OK;
    }
    if (code == HD_ABSENT && talk->n > read.n)
        return hd_fail(err, code, "%s%s", err ? arena_text(a, err->text) : "", haproxy_names_there(a, site, talk));
    if (code)
        return code;
    struct hd_live live = {.value = joint_value(a, site, in, VIEW_LIVE)};
    BUF_AUTO memory = BUF_INIT(VALUE_MAX);
    for (uint32_t i = 0; i < cfg->at.n_bases; i++)
        buf_print(&memory, "%s%s", i ? " " : "", in[i].memory);
    live.memory = arena_text(a, buf_at(&memory));
    live.forgets_to = cfg->map.file ? NULL : joint_value(a, site, in, VIEW_FILE);
    live.note = make_note(a, site, in, !str_begins(live.value, cfg->at.bases[0]));
    for (size_t k = 0; k < site->n_sides; k++)
        fill_side(a, site, in, k, &live.side[k]);
    ret_ask->n = 0;
    *ret_live = live;
    return HD_OK;
}

static const char *let_in(struct hd_arena *a, const void *v, const char *group)
{
    const struct haproxy_cfg *cfg = v;
    const char *base = cfg->at.bases[0];
    if (str_begins(base, "tcp:"))
        return arena_print(a, "haproxy.cfg needs, in `global`: stats socket ipv4@%s level admin", base + 4);
    return arena_print(a, "haproxy.cfg needs, in `global`: stats socket %s mode 660 user haproxy group %s level admin",
                       base + strlen("unix:"), group);
}

static bool tells_readiness(const void *cfg)
{
    (void)cfg; /* by its health checks; a colour without any is told as unknown */
    return true;
}

const struct hd_actuator actuator_haproxy = {
    .name = "haproxy",
    .summary = "HAProxy's stats socket: server weights, or the backend that a map names",
    .cas = HD_CAS_READ_COMPARE,
    .window = "a `set` by someone else in the milliseconds between our read and our write",
    .rehearsal = HD_REHEARSE_PERMISSION,
    .readiness = tells_readiness,
    .absolute = true,
    .cfg_size = sizeof(struct haproxy_cfg),
    .side_size = sizeof(struct haproxy_side),
    .options = options,
    .side_options = side_options,
    .check = check,
    .let_in = let_in,
    .observe = observe,
    .plan = haproxy_plan,
    .reply = haproxy_reply,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * From a reading to a goal: which `set` lines are missing, and what HAProxy's answer to them means.
 * Raising comes first and on its own, on all instances, so that nothing is taken away before the
 * target got its share. Pure; called by pipeline/ through the actuator's table.
 */
#include <string.h>

#include "actuators/haproxy/state.h"
#include "actuators/native.h"
#include "base/arena.h"
#include "base/str.h"

enum stage { RAISE, LOWER, N_STAGES };

/* What one instance is still to be told. */
struct lines {
    struct buf stage[N_STAGES];
};

/* A joint value ("address: text | address: text") has a text for each instance. */
static const char *goal_of_instance(struct hd_arena *a, const struct haproxy_cfg *cfg,
                                    const char *goal, uint32_t i)
{
    const char *first = arena_print(a, "%s: ", cfg->at.bases[0]);
    if (!str_begins(goal, first))
        return goal;
    const char *own = arena_print(a, "%s: ", cfg->at.bases[i]);
    while (goal && !str_begins(goal, own)) {
        goal = strstr(goal, " | ");
        goal = goal ? goal + 3 : NULL;
    }
    if (!goal)
        return NULL;
    goal += strlen(own);
    const char *end = strstr(goal, " | ");
    return arena_text_n(a, goal, end ? (size_t)(end - goal) : strlen(goal));
}

/* "green1=100/drain"; cuts the word in place. */
static bool read_setting(char *word, struct setting *ret)
{
    char *weight = strchr(word, '='), *hold = weight ? strchr(weight, '/') : NULL;
    int64_t v;
    if (!weight)
        return false;
    *weight++ = '\0';
    *ret = (struct setting){0};
    if (hold) {
        *hold++ = '\0';
        if (str_is(hold, haproxy_hold_word[HOLD_DRAIN]))
            ret->hold = HOLD_DRAIN;
        else if (str_is(hold, haproxy_hold_word[HOLD_MAINT]))
            ret->hold = HOLD_MAINT;
        else
            return false;
    }
    if (!str_read_i64(weight, &v) || v < 0 || v > WEIGHT_MAX)
        return false;
    ret->weight = (uint32_t)v;
    return true;
}

/* One setting for each server of a colour; those of no colour keep what they have. */
static enum hd_code read_goal(struct hd_arena *a, const struct instance *in, const char *text,
                              struct setting **ret, struct hd_error *err)
{
    struct setting *want = arena_many(a, in->n, struct setting);
    bool *named = arena_many(a, in->n, bool);
    char *copy = arena_text(a, text);
    for (char *save, *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        struct setting s;
        if (!read_setting(w, &s))
            return hd_fail(err, HD_INVALID, "the goal '%s' is no list of server=weight", text);
        size_t i = 0;
        while (i < in->n && (in->server[i].side < 0 || !str_is(in->server[i].name, w)))
            i++;
        if (i == in->n)
            return hd_fail(err, HD_CONFLICT, "the goal names %s, which is no server of a colour",
                           w);
        if (named[i])
            return hd_fail(err, HD_INVALID, "the goal names %s twice", w);
        named[i] = true;
        want[i] = s;
    }
    for (size_t i = 0; i < in->n; i++) {
        if (in->server[i].side >= 0 && !named[i])
            return hd_fail(err, HD_CONFLICT, "the server %s came after the goal was recorded",
                           in->server[i].name);
    }
    *ret = want;
    return HD_OK;
}

static void add_command(struct buf *line, const char *format, ...) HD_PRINTF(2, 3);
static void add_command(struct buf *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (line->len > 0)
        buf_byte(line, ';');
    buf_vprint(line, format, args);
    va_end(args);
}

/* A held server has no share: its weight changes while it is held. */
static void add_server(struct lines *to, const char *backend, const struct server *s,
                       struct setting want)
{
    enum stage stage = want.hold                      ? LOWER
                       : s->live.hold                 ? RAISE
                       : want.weight > s->live.weight ? RAISE
                                                      : LOWER;
    struct buf *line = &to->stage[stage];
    const char *state = haproxy_hold_word[want.hold];
    if (want.hold && want.hold != s->live.hold)
        add_command(line, "set server %s/%s state %s", backend, s->name, state);
    if (want.weight != s->live.weight)
        add_command(line, "set server %s/%s weight %u", backend, s->name, want.weight);
    if (!want.hold && s->live.hold)
        add_command(line, "set server %s/%s state %s", backend, s->name, state);
}

static enum hd_code add_weights(struct hd_arena *a, const struct hd_site *site,
                                const struct instance *in, const char *goal, bool rehearse,
                                struct lines *to, struct hd_error *err)
{
    const struct haproxy_cfg *cfg = site->cfg;
    struct setting *want = NULL;
    enum hd_code code = read_goal(a, in, goal, &want, err);
    for (size_t i = 0; !code && i < in->n; i++) {
        const struct server *s = &in->server[i];
        if (s->side < 0)
            continue;
        if (rehearse)
            add_command(&to->stage[RAISE], "set server %s/%s weight", cfg->backend, s->name);
        else
            add_server(to, cfg->backend, s, want[i]);
    }
    if (!code && rehearse) /* says which servers are `backup`: 4 servers, -1 all of them */
        add_command(&to->stage[RAISE], "show stat %s 4 -1", cfg->backend);
    return code;
}

static enum hd_code add_map(const struct hd_site *site, const struct instance *in, const char *goal,
                            bool rehearse, struct lines *to, struct hd_error *err)
{
    const struct haproxy_cfg *cfg = site->cfg;
    size_t len = strlen(cfg->map.key);
    if (!str_begins(goal, cfg->map.key) || goal[len] != '=' ||
        !haproxy_name_ok(goal + len + 1, "/*"))
        return hd_fail(err, HD_INVALID, "the goal '%s' is not %s=BACKEND", goal, cfg->map.key);
    if (rehearse)
        add_command(&to->stage[RAISE], "set map %s %s", cfg->map.file, cfg->map.key);
    else if (!str_is(in->routed, goal + len + 1))
        add_command(&to->stage[RAISE], "set map %s %s %s", cfg->map.file, cfg->map.key,
                    goal + len + 1);
    return HD_OK;
}

struct draft {
    struct hd_arena *a;
    const struct haproxy_cfg *cfg;
    bool rehearse;
    struct hd_plan plan;
    struct buf native;
};

static void add_native(struct buf *to, const char *line, const char *base)
{
    BUF_AUTO address = BUF_INIT(LINE_MAX);
    buf_print(&address, "%s%s",
              str_begins(base, "unix:") ? "unix-connect:" : "tcp:", strchr(base, ':') + 1);
    buf_print(to, "%secho '%s' | socat stdio ", to->len ? " && " : "", line);
    native_word(to, buf_at(&address));
}

static enum hd_code add_step(struct draft *d, uint32_t instance, enum stage stage, struct buf *line,
                             struct hd_error *err)
{
    static const char *const label[N_STAGES] = {"give the target its share",
                                                "take the share from the rest"};
    const char *base = d->cfg->at.bases[instance], *what = d->rehearse ? "rehearse" : label[stage];
    if (line->len == 0)
        return HD_OK;
    add_native(&d->native, buf_at(line), base);
    buf_byte(line, '\n');
    if (line->full || d->native.full || d->plan.n == HD_PLAN_MAX)
        return hd_fail(err, HD_LIMIT, "%s: too many servers for one line", base);
    struct hd_request *r = arena_of(d->a, struct hd_request);
    *r = (struct hd_request){
        .via = HD_VIA_LINE,
        .effect = d->rehearse ? HD_EFFECT_READ : HD_EFFECT_SET,
        .label = d->cfg->at.n_bases == 1 ? what : arena_print(d->a, "%s on %s", what, base),
        .at = &d->cfg->at,
        .base = instance,
        .body = {arena_text(d->a, buf_at(line)), line->len},
        .cap_bytes = HD_ANSWER_BYTES_SMALL,
    };
    d->plan.step[d->plan.n++] = r;
    return HD_OK;
}

static enum hd_code add_instance(struct hd_arena *a, const struct hd_site *site,
                                 const struct instance *in, const struct hd_goal *goal, uint32_t i,
                                 struct lines *to, struct hd_error *err)
{
    const struct haproxy_cfg *cfg = site->cfg;
    const char *text = goal_of_instance(a, cfg, goal->value, i);
    if (!text)
        return hd_fail(err, HD_INVALID, "the goal says nothing of %s", cfg->at.bases[i]);
    if (cfg->map.file)
        return add_map(site, in, text, goal->rehearse, to, err);
    return add_weights(a, site, in, text, goal->rehearse, to, err);
}

enum hd_code haproxy_plan(struct hd_arena *a, const struct hd_site *site,
                          const struct hd_talk *talk, const struct hd_goal *goal,
                          struct hd_plan *ret, struct hd_error *err)
{
    struct draft d = {a, site->cfg, goal->rehearse, {0}, BUF_INIT(HD_BLOB_BYTES_MAX)};
    struct lines lines[HD_LINE_INSTANCES_MAX];
    struct instance *in;
    enum hd_code code = haproxy_read(a, site, talk, &in, err);
    if (code)
        return code;
    for (uint32_t i = 0; i < d.cfg->at.n_bases; i++)
        lines[i] = (struct lines){{BUF_INIT(LINE_MAX), BUF_INIT(LINE_MAX)}};
    for (uint32_t i = 0; !code && i < d.cfg->at.n_bases; i++)
        code = add_instance(a, site, &in[i], goal, i, &lines[i], err);
    for (enum stage s = RAISE; s < N_STAGES; s++) {
        for (uint32_t i = 0; i < d.cfg->at.n_bases; i++) {
            if (!code)
                code = add_step(&d, i, s, &lines[i].stage[s], err);
            buf_clear(&lines[i].stage[s]);
        }
    }
    d.plan.native = arena_text(a, buf_at(&d.native));
    buf_clear(&d.native);
    if (!code)
        *ret = d.plan;
    return code;
}

static size_t count(const struct hd_span text, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.at[i] == c;
    return n;
}

static size_t count_commas(const char *from, const char *to)
{
    size_t n = 0;
    for (; from < to; from++)
        n += *from == ',';
    return n;
}

/* The n-th field of a CSV line (no quotes before ours: names and numbers); NULL: it has not so many. */
static const char *csv_field(const char *line, size_t n)
{
    while (n > 0 && *line && *line != '\n')
        n -= *line++ == ',';
    return n ? NULL : line;
}

/* A server of a colour that is `backup` in this `show stat`; NULL: none. While others are up it gets
 * nothing, whatever its weight. */
static const char *find_backup(struct hd_arena *a, const struct hd_site *site, const char *csv)
{
    const char *column = strstr(csv, ",bck,"), *line = strchr(csv, '\n');
    if (!column || !line || column > line)
        return NULL;
    for (line++; *line && *line != '\n'; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *name = csv_field(line, 1), *backup = csv_field(line, count_commas(csv, column + 1));
        if (!name || !backup || !str_begins(backup, "1,"))
            continue;
        const char *server = arena_text_n(a, name, strcspn(name, ",\n"));
        for (size_t k = 0; k < site->n_sides; k++) {
            if (haproxy_belongs(site, k, server))
                return server;
        }
    }
    return NULL;
}

/* Leaves the answers that only say that the number is missing, which prove the permission, and the list
 * of servers. */
static size_t skip_allowed(const char *body)
{
    static const char *const allowed[] = {"Require <weight>", "'set map' expects", "# pxname,"};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        const char *end = strstr(body, "\n\n");
        if (end && str_begins(body, allowed[i]))
            return (size_t)(end + 2 - body);
    }
    return 0;
}

/* HAProxy answers a change with an empty line; every text is a refusal, though the rest of the
 * chain has run all the same. Fewer lines than commands: cut short, so nobody knows. */
enum hd_code haproxy_reply(struct hd_arena *a, const struct hd_site *site,
                           const struct hd_exchange *x, struct hd_reply *ret, struct hd_error *err)
{
    (void)err;
    size_t commands = count(x->request->body, ';') + 1, seen = 0;
    const char *at = arena_text_n(a, x->response->body.at, x->response->body.len);
    bool rehearsal = x->request->effect == HD_EFFECT_READ;
    const char *backup = NULL;
    for (size_t n; *at; at += n, seen++) {
        if (rehearsal && str_begins(at, "# pxname,"))
            backup = find_backup(a, site, at);
        n = rehearsal ? skip_allowed(at) : (*at == '\n');
        if (n == 0)
            break;
    }
    *ret = (struct hd_reply){.answer = HD_ANSWER_ACCEPTED};
    if (*at) {
        at += strspn(at, "\n");
        char *words = arena_text_n(a, at, strcspn(at, "\n"));
        str_clean(words, HD_TEXT_MAX);
        ret->answer = HD_ANSWER_REFUSED;
        ret->text = str_begins(words, "Permission denied") ? LEVEL_ADMIN
                    : *words                               ? words
                                                           : "an answer of another shape";
    } else if (backup) {
        ret->answer = HD_ANSWER_REFUSED;
        ret->text = arena_print(a, "%s is a `backup` server, which gets no traffic while others are up: its "
                                   "weight moves nothing", backup);
    } else if (seen != commands) {
        ret->answer = HD_ANSWER_CONFLICT;
        ret->text = arena_print(a, "%zu of %zu commands were answered", seen, commands);
    }
    return HD_OK;
}

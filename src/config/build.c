/* SPDX-License-Identifier: Apache-2.0
 *
 * See build.h. Every rule that looks at more than one key stands here or in build_check.c.
 */
#include "config/build.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/fill.h"

#include <haldane/actuator.h>
#include <haldane/notifier.h>
#include <haldane/provider.h>

/* A mistake of a key of a mapping at a path. */
#define WRONG(b, map, up, key, ...)                                                                \
    do {                                                                                           \
        struct path p_ = PATH_KEY((up), (key));                                                    \
        mistake_add((b)->m, build_at((map), (key)), &p_, __VA_ARGS__);                             \
    } while (0)

const struct node *build_at(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n ? n : map;
}

/* What a service says at "guard.tolerance", if that is another value than holds anyway: an effective
 * configuration says all of them. */
static const struct node *changed(const struct site *s, const char *place)
{
    const struct hd_option *table = table_service, *row = NULL;
    const struct node *n = s->b->pin ? NULL : s->node;
    while (n && table && *place) {
        size_t len = strcspn(place, ".");
        const char *key = arena_text_n(s->b->a, place, len);
        row = table_find(table, key);
        n = node_get(n, key);
        table = row ? row->sub : NULL;
        place += len + (place[len] == '.');
    }
    return n && row && !str_is(n->text, row->fallback) ? n : NULL;
}

/* One step of "write[0].body": the node below, or NULL. Moves *at behind it. */
static const struct node *step_down(struct hd_arena *a, const struct node *n, const char **at,
                                    struct path *ret)
{
    const char *p = *at;
    if (*p == '[') {
        int64_t index = 0;
        size_t digits = strcspn(++p, "]");
        if (!str_read_i64(arena_text_n(a, p, digits), &index) || index < 0)
            return NULL;
        *at = p + digits + (p[digits] == ']');
        ret->index = (size_t)index;
        n = n && n->kind == NODE_LIST ? n->first : NULL;
        while (n && index--)
            n = n->next;
        return n;
    }
    p += *p == '.';
    size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789_");
    ret->key = arena_text_n(a, p, len);
    *at = p + len;
    return len ? node_get(n, ret->key) : NULL;
}

void build_wrong(struct build *b, const struct node *map, const struct path *p, const char *text)
{
    enum { DEPTH = 6 };
    struct path down[DEPTH];
    const struct node *n = map, *found = map;
    const struct path *up = p;
    const char *at = text;
    for (size_t i = 0; i < DEPTH && n; i++) {
        down[i] = (struct path){.up = up};
        n = step_down(b->a, n, &at, &down[i]);
        if (!n)
            break;
        found = n;
        up = &down[i];
        if (str_begins(at, ": ")) {
            mistake_add(b->m, found, up, "%s", at + 2);
            return;
        }
    }
    mistake_add(b->m, map, p, "%s", text);
}

const char *const *build_globs(struct build *b, struct raw_globs g)
{
    const char **list = arena_many(b->a, (size_t)g.n + 1, const char *);
    if (g.n)
        memcpy(list, g.item, g.n * sizeof *list);
    return list;
}

/* The codec that was filled. Options nobody gave still have a struct of their defaults. */
static struct hd_plugin plugin_of(struct build *b, enum family family, struct raw_plugin *raw)
{
    struct codec c;
    if (!raw->type || !codec_find(family, raw->type, &c))
        return (struct hd_plugin){0};
    if (!raw->cfg[c.slot])
        raw->cfg[c.slot] = arena_alloc(b->a, c.size ? c.size : 1);
    return (struct hd_plugin){c.name, raw->cfg[c.slot]};
}

/* The entry behind `before` of a mapping by name, or of a list of {name, ...}. They are in the same
 * order as the structs. */
static const struct node *entry_after(const struct node *named, const struct node *before)
{
    if (!named || named->kind == NODE_SCALAR)
        return NULL;
    return before ? before->next : named->first;
}

/* --- the daemon --- */

static void build_listen(struct build *b)
{
    const char *listen = b->root->config.listen;
    const struct node *n = node_get(b->tree, "listen");
    struct path p = PATH_KEY(NULL, "listen");
    const char *colon = listen ? strrchr(listen, ':') : NULL;
    int64_t port;
    if (!colon || colon == listen || !str_read_i64(colon + 1, &port) || port < 0 || port > 65535)
        WRONG(b, n, &p, "http", "'%s' is no address:port", listen ? listen : "");
    if (!b->root->config.certificate != !b->root->config.key)
        WRONG(b, n, &p, "certificate", "certificate and key go together");
}

static void build_tokens(struct build *b)
{
    struct raw_root *root = b->root;
    struct hd_token *tokens = arena_many(b->a, root->n_tokens, struct hd_token);
    const struct node *named = node_get(node_get(b->tree, "auth"), "tokens"), *n = NULL;
    struct path auth = PATH_KEY(NULL, "auth"), up = PATH_KEY(&auth, "tokens");
    for (uint32_t i = 0; i < root->n_tokens; i++) {
        struct path here = PATH_KEY(&up, root->token[i].token.name);
        n = entry_after(named, n);
        if (str_is(root->token[i].token.name, "local"))
            mistake_warn(b->m, n, &here, "is also the name of this machine's own admin token: the journal cannot tell "
                         "who it was");
        root->token[i].token.services = build_globs(b, root->token[i].services);
        tokens[i] = root->token[i].token;
    }
    root->config.tokens = tokens;
    root->config.n_tokens = root->n_tokens;
}

static void build_datasources(struct build *b)
{
    struct raw_root *root = b->root;
    const struct node *named = node_get(b->tree, "datasources"), *n = NULL;
    struct path up = PATH_KEY(NULL, "datasources");
    size_t own = 0;
    for (uint32_t i = 0; i < root->n_services; i++)
        own += root->service[i].n_checks;
    b->datasource = arena_many(b->a, root->n_datasources + own, struct hd_datasource);
    for (uint32_t i = 0; i < root->n_datasources; i++) {
        struct raw_datasource *d = &root->datasource[i];
        n = entry_after(named, n);
        d->datasource.plugin = plugin_of(b, FAMILY_PROVIDER, &d->plugin);
        b->datasource[i] = d->datasource;
        const struct hd_plugin *plugin = &d->datasource.plugin;
        const struct hd_provider *p = plugin->type ? hd_provider_find(plugin->type) : NULL;
        struct path here = PATH_KEY(&up, d->datasource.name);
        struct hd_error err;
        if (p && p->check && !mistake_hurts(b->m, n) && p->check(plugin->cfg, &err))
            build_wrong(b, n, &here, err.text);
    }
    b->n_datasources = root->n_datasources;
}

static void build_sinks(struct build *b)
{
    struct raw_root *root = b->root;
    const struct node *named = node_get(b->tree, "notifiers"), *n = NULL;
    struct path up = PATH_KEY(NULL, "notifiers");
    struct hd_sink *sinks = arena_many(b->a, root->n_sinks, struct hd_sink);
    for (uint32_t i = 0; i < root->n_sinks; i++) {
        struct raw_sink *s = &root->sink[i];
        n = entry_after(named, n);
        s->sink.plugin = plugin_of(b, FAMILY_NOTIFIER, &s->plugin);
        sinks[i] = s->sink;
        const struct hd_plugin *plugin = &s->sink.plugin;
        const struct hd_notifier *t = plugin->type ? hd_notifier_find(plugin->type) : NULL;
        struct path here = PATH_KEY(&up, s->sink.name);
        struct hd_error err;
        if (t && t->check && !mistake_hurts(b->m, n) && t->check(plugin->cfg, &err))
            build_wrong(b, n, &here, err.text);
    }
    root->config.sinks = sinks;
    root->config.n_sinks = root->n_sinks;
}

/* --- one service --- */

/* Two colours that share a label value or a server cannot be told apart. */
static void check_overlap(struct site *s, const struct node *at, const struct path *p,
                          const char *what, const struct raw_globs *g, const char *const *names)
{
    for (uint32_t i = 0; i < s->raw->n_colours; i++) {
        for (uint32_t k = 0; k < i; k++) {
            for (uint32_t v = 0; v < g[i].n * g[k].n; v++) {
                const char *mine = g[i].item[v / g[k].n], *theirs = g[k].item[v % g[k].n];
                if (str_glob(mine, theirs) || str_glob(theirs, mine))
                    mistake_add(s->b->m, at, p, "%s '%s' belongs to '%s' and to '%s'", what, mine,
                                names[k], names[i]);
            }
        }
    }
}

static void build_colours(struct site *s)
{
    struct build *b = s->b;
    struct raw_service *raw = s->raw;
    const struct node *named = node_get(s->node, "colours"), *n = NULL;
    struct path up = PATH_KEY(&s->path, "colours");
    struct hd_colour *colours = arena_many(b->a, raw->n_colours, struct hd_colour);
    struct raw_globs labels[HD_SIDES_MAX] = {0}, servers[HD_SIDES_MAX] = {0};
    const char *names[HD_SIDES_MAX] = {0};
    for (uint32_t i = 0; i < raw->n_colours && i < HD_SIDES_MAX; i++) {
        struct raw_colour *c = &raw->colour[i];
        n = entry_after(named, n);
        struct path here = PATH_KEY(&up, c->colour.name);
        if (c->colour.match && c->label.n)
            WRONG(b, n, &here, "match", "a colour has a label or a match, not both");
        if (!c->label.n && !c->colour.match) {
            c->label = (struct raw_globs){arena_many(b->a, 1, const char *), 1};
            c->label.item[0] = c->colour.name;
        }
        c->colour.label = build_globs(b, c->label);
        c->colour.side = plugin_of(b, FAMILY_SIDE, &c->side).cfg;
        names[i] = c->colour.name;
        labels[i] = c->label;
        servers[i] = fill_servers(b->a, raw, i);
        colours[i] = c->colour;
    }
    const struct node *at = build_at(s->node, "colours");
    check_overlap(s, at, &up, "label value", labels, names);
    check_overlap(s, at, &up, "server", servers, names);
    raw->policy.colours = colours;
    raw->policy.n_colours = raw->n_colours;
}

static int32_t colour_index(const struct raw_service *raw, const char *name)
{
    for (uint32_t i = 0; i < raw->n_colours; i++) {
        if (str_is(raw->colour[i].colour.name, name))
            return (int32_t)i;
    }
    return -1;
}

static void build_role(struct site *s, const char *key, const char *name, int32_t *ret)
{
    const struct node *kind = build_at(s->node, "kind");
    struct path p = PATH_KEY(&s->path, "kind");
    *ret = name ? colour_index(s->raw, name) : -1;
    if (s->raw->policy.kind != HD_KIND_CANARY) {
        if (name)
            WRONG(s->b, kind, &p, key, "only a canary has fixed roles");
    } else if (!name) {
        mistake_add(s->b->m, kind, &p,
                    "a canary needs its roles: kind: {canary: {stable: X, candidate: Y}}");
    } else if (*ret < 0) {
        const char **names = arena_many(s->b->a, s->raw->n_colours + 1, const char *);
        for (uint32_t i = 0; i < s->raw->n_colours; i++)
            names[i] = s->raw->colour[i].colour.name;
        WRONG(s->b, kind, &p, key, "'%s' is no colour of this service%s", name,
              mistake_hint(s->b->a, name, names));
    }
}

static void build_kind(struct site *s)
{
    struct hd_policy *policy = &s->raw->policy;
    struct path p = PATH_KEY(&s->path, "kind");
    build_role(s, "stable", s->raw->stable, &policy->stable);
    build_role(s, "candidate", s->raw->candidate, &policy->candidate);
    if (policy->stable >= 0 && policy->stable == policy->candidate)
        WRONG(s->b, build_at(s->node, "kind"), &p, "candidate", "is stable too: '%s'",
              s->raw->candidate);
}

static bool moves_by_itself(const struct hd_policy *p)
{
    return p->mode == HD_MODE_ENFORCE && p->on_fail == HD_ON_FAIL_REVERT;
}

/* Two services that move the same traffic: each takes a revert of the other for a switch. */
static void lint_same_router(const struct site *s, const struct path *p)
{
    const struct node *services = node_get(s->b->tree, "services"), *own = node_get(s->node, "actuator");
    for (const struct raw_service *other = s->b->root->service; other < s->raw; other++) {
        const struct node *n = node_get(services, other->policy.name);
        if (!moves_by_itself(&s->raw->policy) || !moves_by_itself(&other->policy) ||
            !node_is_same(node_get(n, "actuator"), own) ||
            !node_is_same(node_get(n, "colours"), node_get(s->node, "colours")))
            continue;
        mistake_warn(s->b->m, own, p,
                     "moves the same traffic as service %s: a switch starts two guards, and each may revert it; put "
                     "the checks of both into one service, or set `mode: shadow` for the one that only watches",
                     other->policy.name);
        return;
    }
}

static void build_actuator(struct site *s)
{
    struct hd_policy *policy = &s->raw->policy;
    policy->actuator = plugin_of(s->b, FAMILY_ACTUATOR, &s->raw->actuator);
    if (!policy->actuator.type)
        return;
    policy->site = (struct hd_site){
        .cfg = policy->actuator.cfg,
        .n_sides = s->raw->n_colours < HD_SIDES_MAX ? s->raw->n_colours : HD_SIDES_MAX,
        .timeout_ms = policy->verify.timeout_ms,
    };
    for (size_t i = 0; i < policy->site.n_sides; i++) {
        policy->site.colour[i] = policy->colours[i].name;
        policy->site.side[i] = policy->colours[i].side;
    }
    const struct hd_actuator *a = hd_actuator_find(policy->actuator.type);
    struct path p = PATH_KEY(&s->path, "actuator");
    struct hd_error err;
    bool whole = !mistake_hurts(s->b->m, node_get(s->node, "actuator")) &&
                 !mistake_hurts(s->b->m, node_get(s->node, "colours")) && s->raw->n_colours >= 2;
    if (whole && a->check && a->check(&policy->site, &err))
        build_wrong(s->b, build_at(s->node, "actuator"), &p, err.text);
    if (whole)
        lint_same_router(s, &p);
    bool told = (a->readiness && a->readiness(policy->actuator.cfg)) || policy->target.trust || s->raw->probe.url;
    if (moves_by_itself(policy) && !told)
        mistake_add(s->b->m, build_at(s->node, "actuator"), &p,
                    "in mode enforce haldane must know that the colour to go back to is ready, and "
                    "%s cannot say it: give `target: {probe: {url: ...}}`, or `target: trust`",
                    a->name);
}

/* "http://blue.shop:80/ready" -> base and path. */
static void build_probe(struct site *s)
{
    static const char placeholder[] = "{{colour}}";
    struct raw_service *raw = s->raw;
    struct path target = PATH_KEY(&s->path, "target"), p = PATH_KEY(&target, "probe");
    const struct node *n = build_at(build_at(s->node, "target"), "probe");
    if (!raw->probe.url && (changed(s, "target.probe.expect") || changed(s, "target.probe.timeout")))
        mistake_add(s->b->m, n, &p, "missing key 'url': nothing would be asked");
    if (!raw->probe.url)
        return;
    if (strpbrk(raw->probe.url, "?#"))
        WRONG(s->b, n, &p, "url", "a probe has a path only: no '?', no '#'");
    for (uint32_t i = 0; i < raw->n_colours && i < HD_SIDES_MAX; i++) {
        BUF_AUTO url = BUF_INIT(HD_QUERY_BYTES_MAX);
        const char *rest = raw->probe.url;
        for (const char *hole; (hole = strstr(rest, placeholder)); rest = hole + strlen(placeholder)) {
            buf_add(&url, rest, (size_t)(hole - rest));
            buf_text(&url, raw->colour[i].colour.name);
        }
        buf_text(&url, rest);
        if (strstr(buf_at(&url), "{{"))
            WRONG(s->b, n, &p, "url", "only {{colour}} can be filled in here");
        const char *text = arena_text(s->b->a, buf_at(&url));
        size_t host = (size_t)(strstr(text, "//") + 2 - text);
        size_t base = host + strcspn(text + host, "/");
        struct hd_endpoint *at = arena_of(s->b->a, struct hd_endpoint);
        const char **bases = arena_many(s->b->a, 1, const char *);
        bases[0] = arena_text_n(s->b->a, text, base);
        *at = (struct hd_endpoint){.name = path_text(s->b->a, &p),
                                   .bases = bases,
                                   .n_bases = 1,
                                   .timeout_ms = (int32_t)raw->probe.timeout_ms};
        raw->policy.target.probe.at[i] = at;
        raw->policy.target.probe.path[i] = text[base] ? text + base : "/";
    }
}

void build_polls(struct site *s, const struct hd_rule *rule, int64_t warmup_ms, const struct node *at, const struct path *p)
{
    const struct hd_policy *policy = &s->raw->policy;
    int64_t judged_ms = policy->guard.duration_ms - warmup_ms, interval_ms = policy->guard.interval_ms;
    int64_t polls = judged_ms > 0 && interval_ms > 0 ? judged_ms / interval_ms : 0;
    if (polls && rule->k > polls && !s->b->pin && !mistake_hurts(s->b->m, node_get(s->node, "guard")))
        mistake_warn(s->b->m, at, p, "asks for %u polls in breach, and the guard judges a check at most %lld time%s: it "
                     "never fails", rule->k, (long long)polls, polls == 1 ? "" : "s");
}

/* What only the sequential rule looks at, where no check goes by it. */
static void lint_sequential(const struct site *s, const struct path *up)
{
    static const char *const keys[] = {"guard.false_rollbacks", "guard.tolerance", "guard.tolerance_abs",
                                       "guard.ignore_blips"};
    for (uint32_t i = 0; i < s->raw->n_checks; i++) {
        if (s->raw->check[i].rule == HD_BY_SEQUENTIAL)
            return;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct node *n = changed(s, keys[i]);
        struct path p = PATH_KEY(up, strchr(keys[i], '.') + 1);
        if (n)
            mistake_warn(s->b->m, n, &p, "is of `rule: sequential`, and no check of this service goes by it: it changes "
                         "nothing");
    }
}

static void build_guard(struct site *s)
{
    const struct hd_policy *policy = &s->raw->policy;
    const struct node *guard = build_at(s->node, "guard");
    struct path p = PATH_KEY(&s->path, "guard");
    int64_t duration = policy->guard.duration_ms;
    char warmup[STR_TIME_MAX], whole[STR_TIME_MAX];
    if (policy->guard.warmup_ms >= duration)
        WRONG(s->b, guard, &p, "warmup", "the warm-up (%s) must end before the guard (%s) does",
              str_duration(policy->guard.warmup_ms, warmup), str_duration(duration, whole));
    if (policy->detect.switch_at >= 1 && !s->b->pin) {
        struct path detect = PATH_KEY(&s->path, "detect");
        WRONG(s->b, build_at(s->node, "detect"), &detect, "switch_at",
              "no share rises above 100%%: no switch would ever be noticed");
    }
    if (duration < 3 * policy->guard.interval_ms)
        WRONG(s->b, guard, &p, "duration", "is shorter than three intervals");
    if (policy->guard.blind_for_ms > duration) {
        struct path blind = PATH_KEY(&p, "blind_for");
        mistake_warn(s->b->m, build_at(guard, "blind_for"), &blind,
                     "is longer than the guard: a blind check is never paged");
    }
    struct path after = PATH_KEY(&p, "fail_after");
    if (policy->guard.rule != HD_BY_SEQUENTIAL)
        build_polls(s, &policy->guard.fail_after, policy->guard.warmup_ms, build_at(guard, "fail_after"), &after);
    lint_sequential(s, &p);
    char lasts[STR_TIME_MAX], kept[STR_TIME_MAX];
    if (policy->target.kept_for_ms && policy->target.kept_for_ms < duration) {
        struct path p_ = PATH_KEY(&p, "duration");
        mistake_warn(s->b->m, build_at(guard, "duration"), &p_,
                     "the guard lasts %s, and the colour to go back to is kept for %s: after that nothing "
                     "can be reverted; keep it longer, or guard for at most %s",
                     str_duration_exact(duration, lasts), str_duration_exact(policy->target.kept_for_ms, kept),
                     kept);
    }
    if (policy->rollback_safe && policy->rollback_unsafe_until_ms != -1) {
        struct path safe = PATH_KEY(&s->path, "rollback_safe");
        WRONG(s->b, build_at(s->node, "rollback_safe"), &safe, "until",
              "says until when it is not safe, and `safe: true` says that it is");
    }
}

/* Of the approvers that the file knows: could they? Others may be made by an order. */
static void build_approval(struct site *s)
{
    const struct raw_root *root = s->b->root;
    const struct node *approval = build_at(s->node, "approval");
    struct path up = PATH_KEY(&s->path, "approval"), p = PATH_KEY(&up, "by");
    s->raw->policy.approval.by = build_globs(s->b, s->raw->approvers);
    if (!s->raw->approvers.n && changed(s, "approval.within"))
        mistake_add(s->b->m, approval, &up, "missing key 'by': without the names of those who may approve, nobody is asked");
    for (uint32_t i = 0; i < s->raw->approvers.n; i++) {
        for (uint32_t k = 0; k < root->n_tokens; k++) {
            const struct hd_token *t = &root->token[k].token;
            bool may = t->role >= HD_TOKEN_OPERATOR && str_glob_any(t->services, s->raw->policy.name);
            if (str_is(t->name, s->raw->approvers.item[i]) && !may)
                mistake_warn(s->b->m, build_at(approval, "by"), &p,
                             "token '%s' may not approve it: a viewer, or for other services", t->name);
        }
    }
}

static void build_service(struct build *b, struct raw_service *raw, const struct node *n,
                          const struct path *up)
{
    struct site s = {.b = b, .raw = raw, .node = n, .path = PATH_KEY(up, raw->policy.name)};
    if (raw->label && !fill_is_identifier(raw->label))
        WRONG(b, n, &s.path, "label", "'%s' is no name of a label", raw->label);
    const char **names = arena_many(b->a, b->root->n_datasources + 1, const char *);
    bool known = !raw->datasource;
    for (uint32_t i = 0; i < b->root->n_datasources; i++) {
        names[i] = b->root->datasource[i].datasource.name;
        known = known || str_is(names[i], raw->datasource);
    }
    if (!known)
        WRONG(b, n, &s.path, "datasource", "'%s' is no data source%s", raw->datasource,
              mistake_hint(b->a, raw->datasource, names));
    build_colours(&s);
    build_kind(&s);
    build_probe(&s);
    build_actuator(&s);
    build_guard(&s);
    build_approval(&s);
    build_checks(&s);
}

void build_config(struct build *b)
{
    struct raw_root *root = b->root;
    struct path up = PATH_KEY(NULL, "services");
    const struct node *named = node_get(b->tree, "services"), *n = NULL;
    build_listen(b);
    build_tokens(b);
    build_datasources(b);
    build_sinks(b);
    struct hd_policy *services = arena_many(b->a, root->n_services, struct hd_policy);
    for (uint32_t i = 0; i < root->n_services; i++) {
        n = entry_after(named, n);
        build_service(b, &root->service[i], n, &up);
        services[i] = root->service[i].policy;
    }
    root->config.services = services;
    root->config.n_services = root->n_services;
    root->config.datasources = b->datasource;
    root->config.n_datasources = b->n_datasources;
}

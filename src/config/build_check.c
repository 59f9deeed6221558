/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of one service: whom they ask, what they ask, and whether their limits make sense.
 * Called by build.c.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/build.h"
#include "config/fill.h"
#include "config/lint.h"

#define SECONDS_MAX 10 /* without a unit: more was meant to be milliseconds */

struct checking {
    struct site *site;
    struct raw_check *raw;
    const struct node *node;
    struct path path;
    const struct hd_provider *provider;
    const void *cfg;
    bool higher_is_better; /* of a library query */
    bool unclear;          /* its question has a mistake: whether a limit is implied is unknown */
};

/* A mistake of a key of this check. */
#define WRONG(c, key, ...)                                                                         \
    do {                                                                                           \
        struct path p_ = PATH_KEY(&(c)->path, (key));                                              \
        mistake_add((c)->site->b->m, build_at((c)->node, (key)), &p_, __VA_ARGS__);                \
    } while (0)

/* --- whom it asks --- */

static void ask_of_its_own(struct checking *c, const char *type, void *cfg)
{
    struct build *b = c->site->b;
    struct hd_error err;
    c->provider = hd_provider_find(type);
    c->cfg = cfg;
    c->raw->check.datasource = (int32_t)b->n_datasources;
    b->datasource[b->n_datasources++] = (struct hd_datasource){
        .name = arena_print(b->a, "@%s/%s", c->site->raw->policy.name,
                            c->raw->check.name ? c->raw->check.name : ""),
        .plugin = {c->provider->name, cfg},
    };
    struct path p = PATH_KEY(&c->path, type);
    if (c->provider->check && c->provider->check(cfg, &err))
        build_wrong(b, build_at(c->node, type), &p, err.text);
    if (c->raw->datasource)
        WRONG(c, "datasource", "this check brings its own (`%s`)", type);
}

/* The name of the data source that is meant; NULL and a mistake when it cannot be said. */
static const char *source_name(struct checking *c)
{
    struct raw_root *root = c->site->b->root;
    if (c->raw->datasource)
        return c->raw->datasource;
    if (c->site->raw->datasource)
        return c->site->raw->datasource;
    if (root->n_datasources == 1)
        return root->datasource[0].datasource.name;
    mistake_also(c->site->b->m, c->node, &c->path,
                 root->n_datasources ? "there are %u data sources: name one in `datasource`"
                                     : "there is no data source to ask (%u under `datasources`)",
                 root->n_datasources);
    return NULL;
}

/* Whom it asks is a mistake of its own, told where it stands. What it asks can be looked at all the same, as
 * long as nobody else but Prometheus is there to be asked. */
static void guess_source(struct checking *c)
{
    const struct raw_root *root = c->site->b->root;
    if (c->provider || !(c->raw->check.use || c->raw->ask))
        return;
    for (uint32_t i = 0; i < root->n_datasources; i++) {
        const char *type = root->datasource[i].datasource.plugin.type;
        if (type && !str_is(type, "prometheus"))
            return;
    }
    c->provider = hd_provider_find("prometheus");
}

static void ask_named(struct checking *c)
{
    struct build *b = c->site->b;
    const char *name = source_name(c);
    if (!name)
        return;
    const char **names = arena_many(b->a, b->root->n_datasources + 1, const char *);
    for (uint32_t i = 0; i < b->root->n_datasources; i++) {
        const struct hd_datasource *d = &b->root->datasource[i].datasource;
        names[i] = d->name;
        if (!str_is(d->name, name))
            continue;
        c->raw->datasource = name;
        c->raw->check.datasource = (int32_t)i;
        c->provider = d->plugin.type ? hd_provider_find(d->plugin.type) : NULL;
        c->cfg = d->plugin.cfg;
        return;
    }
    if (c->raw->datasource) /* that of the service is named once, there */
        WRONG(c, "datasource", "'%s' is no data source%s", name, mistake_hint(b->a, name, names));
}

/* --- what it asks --- */

/* One of use, query, http, exec; none: the data source's own question. */
static bool one_question(struct checking *c)
{
    static const char *const keys[] = {"use", "query", "http", "exec"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct node *n = node_get(c->node, keys[i]);
        if (!n)
            continue;
        if (mistake_hurts(c->site->b->m, n)) {
            c->unclear = true;
            return false;
        }
        if (found) {
            WRONG(c, keys[i], "'%s' and '%s' are two questions: make two checks", found, keys[i]);
            return false;
        }
        found = keys[i];
    }
    if (!found && !c->raw->datasource) {
        mistake_also(c->site->b->m, c->node, &c->path,
                     "asks nothing: give use, query, http or exec");
        return false;
    }
    if (c->raw->n_with && !c->raw->check.use)
        WRONG(c, "with", "only a query of the library (`use`) has parameters");
    if (!isnan(c->raw->bound) && !c->raw->check.use)
        WRONG(c, "bound", "only a query of the library (`use`) has a bound");
    return true;
}

/* What is known to go wrong with a query of the user's own. */
static void lint(struct checking *c)
{
    struct config_lints found;
    const char *label = c->site->raw->label;
    if (!c->raw->ask || c->site->b->pin || !str_is(c->provider->name, "prometheus"))
        return;
    config_lint(c->site->b->a, c->raw->ask, label ? label : FILL_LABEL, &found);
    for (size_t i = 0; i < found.n; i++) {
        struct path p = PATH_KEY(&c->path, "query");
        mistake_warn(c->site->b->m, build_at(c->node, "query"), &p, "%s (%s)", found.item[i].text,
                     found.item[i].slug);
    }
}

/* At the place of the question that cannot be filled: a parameter of `with`, the address of `http`. */
static void wrong_question(struct checking *c, const char *text)
{
    bool with = str_begins(text, "with:") || str_begins(text, "with.");
    c->unclear |= c->raw->http || c->raw->exec; /* they imply a limit */
    if (with && node_get(c->node, "with")) {
        const char *say = str_begins(text, "with: ") ? text + strlen("with: ") : text;
        struct path p = PATH_KEY(&c->path, "with");
        if (say == text)
            build_wrong(c->site->b, c->node, &c->path, text);
        else
            mistake_add(c->site->b->m, node_get(c->node, "with"), &p, "%s", say);
    } else if (c->raw->check.use) {
        WRONG(c, "use", "%s", text);
    } else if (c->raw->http) {
        struct path p = PATH_KEY(&c->path, "http");
        build_wrong(c->site->b, build_at(c->node, "http"), &p, arena_print(c->site->b->a, "url: %s", text));
    } else {
        WRONG(c, c->raw->exec ? "exec" : "query", "%s", text);
    }
}

static void resolve(struct checking *c)
{
    struct build *b = c->site->b;
    if (c->raw->n_resolved || !c->provider) /* frozen before: a pin */
        return;
    struct fill f = {b->a, c->site->raw, c->raw, c->provider, c->cfg};
    struct raw_query *q = arena_of(b->a, struct raw_query);
    const char *why = NULL;
    struct hd_error err;
    enum hd_code code;
    if (c->raw->check.use) {
        const struct library_query *l = library_find(b->library, c->raw->check.use, &why);
        if (!l) {
            WRONG(c, "use", "%s", why);
            return;
        }
        c->higher_is_better = l->higher_is_better;
        code = fill_library(&f, l, q, &err);
    } else {
        code = fill_free(&f, c->raw->ask, q, &err);
    }
    if (code == HD_ABSENT) /* named where the data source is written */
        return;
    if (code) {
        wrong_question(c, err.text);
        return;
    }
    if ((q->query.kind != HD_QUERY_GAUGE) && !c->provider->counts) {
        WRONG(c, "use", "%s cannot give the samples that counting needs", c->provider->name);
        return;
    }
    c->raw->resolved = q;
    c->raw->n_resolved = 1;
    lint(c);
}

static void freeze(struct checking *c)
{
    struct build *b = c->site->b;
    struct hd_check *check = &c->raw->check;
    if (!c->raw->n_resolved)
        return;
    struct raw_query *q = &c->raw->resolved[0];
    check->query = q->query;
    check->unit = q->unit ? q->unit : "";
    check->title = q->title ? q->title : check->name;
    check->query.events = build_globs(b, q->events);
    check->query.exposure = build_globs(b, q->exposure);
    for (uint32_t i = 0; i < q->text.n && i < HD_SIDES_MAX; i++)
        check->query.text[i] = q->text.item[i];
    for (uint32_t i = 0; i < q->n_values && i < HD_SIDES_MAX; i++)
        check->query.values[i] = build_globs(b, q->values[i]);
}

/* --- its limits --- */

/* What a provider's own question gives: the word of its row `measure`; NULL: it has none. */
static const char *measure_of(const struct checking *c)
{
    for (const struct hd_option *o = c->provider->options; o && o->key; o++) {
        if (o->type == HD_OPT_WORD && str_is(o->key, "measure"))
            return o->words[*(const int32_t *)((const char *)c->cfg + o->offset)];
    }
    return NULL;
}

/* A provider's own question says 1 good or 0 bad; without a limit it must be good. */
static void imply_limit(struct checking *c)
{
    struct hd_check *k = &c->raw->check;
    if (!c->provider || k->use || c->raw->ask || !c->raw->n_resolved)
        return;
    const char *measure = measure_of(c);
    if (str_is(measure, "latency"))
        c->raw->resolved[0].unit = "s";
    bool good = !measure || str_is(measure, "good");
    if (good && isnan(k->max) && isnan(k->min) && isnan(k->worse_than_baseline) &&
        isnan(k->min_of_baseline))
        k->min = 1;
}

/* What the text of an amount says that it is. */
enum amount { AMOUNT_NONE, AMOUNT_BARE, AMOUNT_SHARE, AMOUNT_TIME };

static enum amount amount_of(const struct checking *c, const char *key)
{
    const struct node *n = node_get(c->node, key);
    int64_t ms;
    if (!n || n->kind != NODE_SCALAR || c->site->b->pin)
        return AMOUNT_NONE;
    return str_ends(n->text, "%") ? AMOUNT_SHARE : str_read_duration(n->text, &ms) ? AMOUNT_TIME : AMOUNT_BARE;
}

static void check_share(struct checking *c, const char *key, double v)
{
    const char *text = amount_of(c, key) ? node_get(c->node, key)->text : "";
    if (isnan(v))
        return;
    if (amount_of(c, key) == AMOUNT_TIME)
        WRONG(c, key, "'%s' is a duration, and the check measures a share, like 1%%", text);
    else if (v < 0 || v > 1)
        WRONG(c, key, "%g is no share: did you mean %g%%?", v, v);
    else if (v >= 1 && str_is(key, "max"))
        WRONG(c, key, "no share is above 100%%, so this limit never holds anything back: did you mean 1%%?");
    else if (v <= 0 && str_is(key, "min"))
        WRONG(c, key, "no share is below 0%%, so this limit never holds anything back");
    else if (v >= 1 && amount_of(c, key) == AMOUNT_BARE) {
        struct path p = PATH_KEY(&c->path, key);
        mistake_warn(c->site->b->m, build_at(c->node, key), &p,
                     "'%s' of a share is 100%%: write 100%%, or 1%%, whichever is meant", text);
    }
}

/* A bare number is seconds: 0.45, as `check --print` writes it. Nobody means 450 of them. */
static void check_seconds(struct checking *c, const char *key)
{
    double v;
    const struct node *n = node_get(c->node, key);
    if (amount_of(c, key) == AMOUNT_BARE && str_read_double(n->text, &v) && v >= SECONDS_MAX)
        WRONG(c, key, "'%s' would be seconds: write the unit, %gms or %gs", n->text, v, v);
    else if (amount_of(c, key) == AMOUNT_SHARE)
        WRONG(c, key, "'%s' is a share, and this is a time, like 450ms or 2s", n->text);
}

/* A limit of a rate or of a time, by its unit. */
static void check_unit(struct checking *c, const char *key, const char *unit)
{
    enum amount is = amount_of(c, key);
    const char *text = is ? node_get(c->node, key)->text : "";
    if (str_is(unit, "1/s") && (is == AMOUNT_SHARE || is == AMOUNT_TIME))
        WRONG(c, key, "'%s': the check measures requests per second; write a number, or compare with the other "
              "colour: %s", text, str_is(key, "min") ? "min_of_baseline: 0.8x" : "worse_than_baseline: 1.5x");
    else if (str_is(unit, "s"))
        check_seconds(c, key);
}

/* True when the limit is written, even if it cannot be read. */
static bool says(const struct checking *c, const char *key)
{
    const struct node *n = node_get(c->node, key);
    return n && !(c->site->b->pin && str_is(n->text, "nan"));
}

static void check_warn(struct checking *c)
{
    const struct hd_check *k = &c->raw->check;
    bool max = says(c, "max"), min = says(c, "min");
    if (!max && !min)
        WRONG(c, "warn", "goes with `max` or `min`, and neither is given");
    else if (max && min)
        WRONG(c, "warn", "with both `max` and `min` it cannot say which it goes with");
    else if (max && !isnan(k->max) && k->warn >= k->max)
        WRONG(c, "warn", "must be below `max`");
    else if (min && !isnan(k->min) && k->warn <= k->min)
        WRONG(c, "warn", "must be above `min`");
}

static void check_direction(struct checking *c)
{
    bool upper = says(c, "max") || says(c, "worse_than_baseline");
    bool lower = says(c, "min") || says(c, "min_of_baseline");
    struct path p = PATH_KEY(&c->path, "use");
    if (c->raw->check.use && c->raw->n_resolved && upper != lower && upper == c->higher_is_better)
        mistake_warn(c->site->b->m, build_at(c->node, "use"), &p,
                     "of '%s' %s is better: was `%s` meant?", c->raw->check.use,
                     upper ? "more" : "less", upper ? "min" : "max");
}

/* A bound that is known only when a guard starts. */
static void check_pick(struct checking *c)
{
    const struct hd_check *k = &c->raw->check;
    bool bucket = c->raw->n_resolved && c->raw->resolved[0].query.classify == HD_CLASSIFY_BUCKET;
    if (!k->pick || c->site->b->pin)
        return;
    if (!k->use || (c->raw->n_resolved && !bucket))
        WRONG(c, "bound_at", "only a query of a histogram has a bound");
    else if (!isnan(c->raw->bound))
        WRONG(c, "bound_at", "goes without `bound`: one of them says where it lies");
    else if (c->raw->rule != HD_BY_SEQUENTIAL)
        WRONG(c, "bound_at", "goes with `rule: sequential`: a limit needs a `bound` that is known before");
    else if (says(c, "max") || says(c, "min"))
        WRONG(c, "bound_at", "with `max` or `min` give `bound`: slower than what is limited?");
}

/* The sequential rule: one direction; without a limit the baseline is what counts as bad. */
static void check_sequential(struct checking *c)
{
    const struct hd_check *k = &c->raw->check;
    bool upper = says(c, "max") || says(c, "worse_than_baseline");
    bool lower = !isnan(k->min) || says(c, "min_of_baseline");
    if (upper && lower)
        WRONG(c, says(c, "min") ? "min" : "min_of_baseline",
              "rule sequential looks into one direction: make two checks");
    if (!upper && !lower && c->higher_is_better && !c->unclear)
        WRONG(c, "use", "more of '%s' is better: give min or min_of_baseline", k->use);
    c->raw->check.fail_after.kind = HD_RULE_SEQUENTIAL;
}

/* A limit that could never fail a guard, or would fail any. */
static void check_sense(struct checking *c)
{
    const struct hd_policy *policy = &c->site->raw->policy;
    const struct hd_check *k = &c->raw->check;
    const char *odd = k->worse_than_baseline < 1 ? "worse_than_baseline" : k->min_of_baseline > 1 ? "min_of_baseline" : NULL;
    if (c->site->b->pin)
        return;
    if (node_get(c->node, "fail_after") && k->fail_after.kind != HD_RULE_SEQUENTIAL) {
        struct path p = PATH_KEY(&c->path, "fail_after");
        build_polls(c->site, &k->fail_after, k->critical ? 0 : policy->guard.warmup_ms, build_at(c->node, "fail_after"), &p);
    }
    if (odd) {
        struct path p = PATH_KEY(&c->path, odd);
        mistake_warn(c->site->b->m, build_at(c->node, odd), &p,
                     "a colour that does as well as the other breaks this limit");
    }
}

static void check_limits(struct checking *c)
{
    static const char *const keys[] = {"max", "min", "worse_than_baseline", "min_of_baseline"};
    const struct hd_check *k = &c->raw->check;
    bool any = !isnan(k->min) || c->unclear; /* also when implied */
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        any = any || says(c, keys[i]);
    if (c->raw->rule == HD_BY_SEQUENTIAL)
        check_sequential(c);
    else if (!any)
        mistake_also(c->site->b->m, c->node, &c->path,
                     "has no limit: give max, min, worse_than_baseline or min_of_baseline");
    if (!isnan(k->max) && !isnan(k->min) && k->min > k->max)
        WRONG(c, "min", "is above `max`: no value could pass");
    if (!isnan(k->warn))
        check_warn(c);
    static const char *const amounts[] = {"max", "min", "warn"};
    for (size_t i = 0; c->raw->n_resolved && i < 3; i++)
        check_unit(c, amounts[i], c->raw->resolved[0].unit);
    check_seconds(c, "bound");
    check_pick(c);
    if (c->raw->n_resolved && str_is(c->raw->resolved[0].unit, "share")) {
        check_share(c, "max", k->max);
        check_share(c, "min", k->min);
        check_share(c, "warn", k->warn);
    }
    if (k->critical && k->advisory)
        WRONG(c, "advisory", "a critical check cannot be advisory too");
    check_direction(c);
    check_sense(c);
}

static void check_name(struct checking *c, size_t index)
{
    struct raw_check *raw = c->raw;
    if (!raw->check.name)
        raw->check.name = raw->check.use;
    const char *name = raw->check.name;
    if (!name) {
        mistake_also(c->site->b->m, c->node, &c->path, "missing key 'name'");
        return;
    }
    if (strlen(name) > HD_NAME_MAX || name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                        "0123456789._-")])
        WRONG(c, "name", "'%s' is no name: letters, digits, '-', '_' and '.', at most %d", name,
              HD_NAME_MAX);
    for (size_t i = 0; i < index; i++) {
        if (str_is(c->site->raw->check[i].check.name, name))
            WRONG(c, "name", "two checks are called '%s': give each a `name`", name);
    }
}

/* A latency that is to be tested, and no word of which: the past picks the bounds. */
static bool wants_picks(struct site *s, const struct raw_check *raw)
{
    const char *why;
    const struct library_query *l =
        raw->check.use && !s->b->pin ? library_find(s->b->library, raw->check.use, &why) : NULL;
    return l && l->classify == HD_CLASSIFY_BUCKET && l->kind == HD_QUERY_COUNTS &&
           raw->rule == HD_BY_SEQUENTIAL && isnan(raw->bound) && !raw->check.pick &&
           isnan(raw->check.max) && isnan(raw->check.min);
}

/* Three in its place, by the share of requests that are faster; each has a third of its weight. */
static uint32_t put_picks(struct site *s, const struct raw_check *raw, struct raw_check *to)
{
    static const char *const share[HD_PICKS] = {"p70", "p95", "p99.5"};
    const char *name = raw->check.name ? raw->check.name : raw->check.use;
    for (int k = 0; k < HD_PICKS; k++) {
        to[k] = *raw;
        to[k].check.name = name ? arena_print(s->b->a, "%s-%s", name, share[k]) : NULL;
        to[k].check.pick = k + 1;
        to[k].check.weight = raw->check.weight / HD_PICKS;
    }
    return HD_PICKS;
}

/* Fills at[]: where each check stands in the file, of `n` there. */
static void expand_checks(struct site *s, uint32_t at[])
{
    struct raw_service *raw = s->raw;
    struct raw_check *all = arena_many(s->b->a, (size_t)raw->n_checks * HD_PICKS, struct raw_check);
    uint32_t n = 0;
    for (uint32_t i = 0; i < raw->n_checks; i++) {
        uint32_t from = n;
        if (wants_picks(s, &raw->check[i]))
            n += put_picks(s, &raw->check[i], &all[n]);
        else
            all[n++] = raw->check[i];
        while (from < n)
            at[from++] = i;
    }
    struct path p = PATH_KEY(&s->path, "checks");
    if (n > HD_CHECKS_MAX && raw->n_checks <= HD_CHECKS_MAX)
        mistake_add(s->b->m, build_at(s->node, "checks"), &p,
                    "a latency without `bound` is three checks, and then there are %u, more than %d", n,
                    HD_CHECKS_MAX);
    raw->check = all;
    raw->n_checks = n < HD_CHECKS_MAX ? n : HD_CHECKS_MAX;
}

static bool ask_the_same(const struct hd_check *a, const struct hd_check *b)
{
    bool same = a->datasource == b->datasource && a->query.text[0];
    for (size_t i = 0; i < HD_SIDES_MAX; i++)
        same = same && str_is(a->query.text[i] ? a->query.text[i] : "", b->query.text[i] ? b->query.text[i] : "");
    return same;
}

/* The series of two services that nothing tells apart: each would answer for the requests of both. */
static void lint_shared(struct checking *c)
{
    const struct build *b = c->site->b;
    const char *own = c->site->raw->policy.name;
    if (!c->provider || !str_is(c->provider->name, "prometheus"))
        return;
    for (const struct raw_service *other = b->root->service; other < c->site->raw; other++) {
        for (uint32_t i = 0; i < other->policy.n_checks; i++) {
            if (!ask_the_same(&c->raw->check, &other->policy.checks[i]))
                continue;
            mistake_warn(b->m, c->node, &c->path,
                         "asks for the same series as service %s (its check %s): each counts the requests of both, so "
                         "that a bad release of one moves the other's traffic; name the label that tells them apart, %s",
                         other->policy.name, other->policy.checks[i].name,
                         c->raw->check.use ? arena_print(b->a, "such as `with: {job: %s}`, in both", own)
                                           : arena_print(b->a, "such as job=\"%s\" in each selector, in both", own));
            return;
        }
    }
}

static const struct node *node_at(const struct node *list, uint32_t index)
{
    const struct node *n = list && list->kind == NODE_LIST ? list->first : NULL;
    while (n && index--)
        n = n->next;
    return n;
}

void build_checks(struct site *s)
{
    struct raw_service *raw = s->raw;
    const struct node *list = node_get(s->node, "checks");
    struct path checks = PATH_KEY(&s->path, "checks");
    uint32_t *at = arena_many(s->b->a, (size_t)raw->n_checks * HD_PICKS, uint32_t);
    expand_checks(s, at);
    struct hd_check *frozen = arena_many(s->b->a, raw->n_checks, struct hd_check);
    for (uint32_t i = 0; i < raw->n_checks; i++) {
        struct checking c = {.site = s, .raw = &raw->check[i], .node = node_at(list, at[i])};
        c.path = PATH_ITEM(&checks, at[i]);
        bool told = i > 0 && at[i] == at[i - 1]; /* of the first of three */
        s->b->m->quiet += told;
        check_name(&c, i);
        c.raw->check.datasource = -1;
        bool asks = one_question(&c);
        if (asks && c.raw->http)
            ask_of_its_own(&c, "http", c.raw->http);
        else if (asks && c.raw->exec)
            ask_of_its_own(&c, "exec", c.raw->exec);
        else if (asks)
            ask_named(&c);
        if (asks) {
            guess_source(&c);
            resolve(&c);
        }
        imply_limit(&c);
        check_limits(&c);
        freeze(&c);
        lint_shared(&c);
        frozen[i] = c.raw->check;
        s->b->m->quiet -= told;
    }
    raw->policy.checks = frozen;
    raw->policy.n_checks = raw->n_checks;
}

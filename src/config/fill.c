/* SPDX-License-Identifier: Apache-2.0
 *
 * See fill.h. A counting query is one raw selector: the collector appends the range and differences
 * per series; nothing here writes rate() or sum().
 */
#include "config/fill.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#define SERVER_DIGITS 3 /* blue, blue1 .. blue999 */

/* --- templates --- */

#define WORDS_MAX 24

struct words {
    struct hd_pair item[WORDS_MAX];
    size_t n;
};

static void word_put(struct words *w, const char *name, const char *value)
{
    if (w->n < WORDS_MAX)
        w->item[w->n++] = (struct hd_pair){name, value};
}

static const char *word_get(const struct words *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++) {
        if (str_is(w->item[i].name, name))
            return w->item[i].value;
    }
    return NULL;
}

/* Replaces every {{name}}; what is put in is never looked at again. */
static enum hd_code expand(const struct fill *f, const char *template, const struct words *w,
                           const char **ret, struct hd_error *err)
{
    BUF_AUTO b = BUF_INIT(HD_QUERY_BYTES_MAX);
    for (const char *p = template, *open; *p;) {
        open = strstr(p, "{{");
        const char *close = open ? strstr(open, "}}") : NULL;
        if (!close) {
            buf_text(&b, p);
            break;
        }
        buf_add(&b, p, (size_t)(open - p));
        const char *word = arena_text_n(f->a, open + 2, (size_t)(close - open - 2));
        const char *value = word_get(w, word);
        if (!value)
            return hd_fail(err, HD_INVALID, "{{%s}} cannot be filled in here", word);
        buf_text(&b, value);
        p = close + 2;
    }
    if (b.full)
        return hd_fail(err, HD_INVALID, "the filled query is longer than %d bytes",
                       HD_QUERY_BYTES_MAX);
    *ret = arena_text(f->a, buf_at(&b));
    return HD_OK;
}

static const char *quote(const struct fill *f, const char *text)
{
    return f->provider->quote ? f->provider->quote(f->a, text) : text;
}

bool fill_is_identifier(const char *text)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";
    return *text && strchr(first, *text) &&
           !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789")];
}

/* --- sides --- */

struct raw_globs fill_servers(struct hd_arena *a, const struct raw_service *s, uint32_t colour)
{
    const struct raw_plugin *side = &s->colour[colour].side;
    struct codec c;
    struct raw_globs g = {0};
    if (!side->type || !codec_find(FAMILY_SIDE, side->type, &c) || !side->cfg[c.slot])
        return g;
    for (const struct hd_option *o = c.options; o->key; o++) {
        if (o->type != HD_OPT_TEXTS || !str_is(o->key, "servers"))
            continue;
        const char *cfg = side->cfg[c.slot];
        const char **const *item = (const char **const *)(cfg + o->offset);
        g.n = *(const uint32_t *)(cfg + o->count_offset);
        g.item = g.n ? arena_copy(a, *item, g.n * sizeof **item) : NULL;
    }
    return g;
}

/* A glob as a regular expression of RE2. */
static void regex_glob(struct buf *b, const char *glob)
{
    for (; *glob; glob++) {
        if (*glob == '*')
            buf_text(b, ".*");
        else if (*glob == '?')
            buf_byte(b, '.');
        else if (strchr("\\.+()|[]{}^$", *glob))
            buf_print(b, "\\%c", *glob);
        else
            buf_byte(b, *glob);
    }
}

/* The values of one colour in the side label: globs that tell its series, and the regular
 * expression that asks for them. */
struct side {
    struct raw_globs globs;
    const char *regex;
};

/* How the colours of one check are told apart. */
struct sides_by {
    enum sides how;
    const char *label;
    const char *pattern[HD_SIDES_MAX]; /* PATTERN: the label's glob of each colour */
};

static struct side side_named(const struct fill *f, struct raw_globs globs)
{
    BUF_AUTO b = BUF_INIT(HD_QUERY_BYTES_MAX);
    for (uint32_t i = 0; i < globs.n; i++) {
        buf_text(&b, i ? "|" : "");
        regex_glob(&b, globs.item[i]);
    }
    return (struct side){globs, arena_text(f->a, buf_at(&b))};
}

/* Servers that nobody named: the colour's name, or it and digits. A glob has no digits; the
 * selector lets only digits through. */
static struct side side_by_default(const struct fill *f, const char *colour)
{
    struct side s = {{arena_many(f->a, SERVER_DIGITS + 1, const char *), SERVER_DIGITS + 1}, NULL};
    for (int i = 0; i <= SERVER_DIGITS; i++)
        s.globs.item[i] = arena_print(f->a, "%s%.*s", colour, i, "???");
    BUF_AUTO b = BUF_INIT(1024);
    regex_glob(&b, colour);
    buf_print(&b, "[0-9]{0,%d}", SERVER_DIGITS);
    s.regex = arena_text(f->a, buf_at(&b));
    return s;
}

static struct side side_of(const struct fill *f, const struct sides_by *by, uint32_t i)
{
    if (by->how == SIDES_LABEL)
        return side_named(f, f->service->colour[i].label);
    if (by->how == SIDES_PATTERN) {
        const char **own = arena_of(f->a, const char *); /* `by` is gone before the globs are used */
        *own = by->pattern[i];
        return side_named(f, (struct raw_globs){own, 1});
    }
    struct raw_globs servers = fill_servers(f->a, f->service, i);
    return servers.n ? side_named(f, servers)
                     : side_by_default(f, f->service->colour[i].colour.name);
}

static const char *matcher(const struct fill *f, const char *label, const char *regex)
{
    return arena_print(f->a, "%s=~%s", label, quote(f, regex));
}

static bool any_match(const struct raw_service *s)
{
    for (uint32_t i = 0; i < s->n_colours; i++) {
        if (s->colour[i].colour.match)
            return true;
    }
    return false;
}

/* Matchers per colour, and one for all of them. */
struct matchers {
    bool by; /* one text for all, the sides told apart by label; else a text per colour */
    const char *extra; /* more matchers of the check, each with a comma before it */
    const char *one[HD_SIDES_MAX], *all;
    struct raw_globs globs[HD_SIDES_MAX];
};

static struct matchers matchers_of(const struct fill *f, const struct sides_by *by)
{
    struct matchers m = {.all = ""};
    BUF_AUTO all = BUF_INIT(HD_QUERY_BYTES_MAX);
    for (uint32_t i = 0; i < f->service->n_colours; i++) {
        struct side s = side_of(f, by, i);
        const char *own = by->how == SIDES_LABEL ? f->service->colour[i].colour.match : NULL;
        m.globs[i] = s.globs;
        m.one[i] = own ? own : matcher(f, by->label, s.regex);
        buf_print(&all, "%s%s", i ? "|" : "", s.regex);
    }
    m.all = matcher(f, by->label, buf_at(&all));
    return m;
}

static void put_values(const struct fill *f, const struct matchers *m, const char *label,
                       struct raw_query *q)
{
    q->query.by_label = label;
    q->n_values = f->service->n_colours;
    q->values = arena_many(f->a, q->n_values, struct raw_globs);
    memcpy(q->values, m->globs, q->n_values * sizeof *q->values);
}

static void room_for_texts(const struct fill *f, struct raw_query *q, uint32_t n)
{
    q->text = (struct raw_globs){arena_many(f->a, n, const char *), n};
}

/* --- the library --- */

/* A bound as it may be spelled in `le`: 0.45 0.450 4.5e-01; 1 1.0 1e+00. */
static void regex_bound(struct buf *b, double bound)
{
    char plain[64], e[64];
    for (int digits = 0; digits <= 17; digits++) {
        (void)snprintf(plain, sizeof plain, "%.*f", digits, bound);
        if (strtod(plain, NULL) == bound)
            break;
    }
    for (int digits = 0; digits <= 17; digits++) {
        (void)snprintf(e, sizeof e, "%.*e", digits, bound);
        if (strtod(e, NULL) == bound)
            break;
    }
    regex_glob(b, plain);
    buf_text(b, strchr(plain, '.') ? "0*|" : "(\\.0+)?|");
    regex_glob(b, e);
    buf_byte(b, '|');
}

/* What `le` must match: these bounds, or, while they are not picked, every one. */
static const char *bounds_matcher(const struct fill *f, const double *bound, size_t n)
{
    BUF_AUTO b = BUF_INIT(1024);
    for (size_t i = 0; i < n; i++)
        regex_bound(&b, bound[i]);
    buf_text(&b, n ? "\\+Inf" : ".+");
    return quote(f, buf_at(&b));
}

static const char *given(const struct raw_check *c, const char *param)
{
    for (uint32_t i = 0; i < c->n_with; i++) {
        if (str_is(c->with[i].name, param))
            return c->with[i].value;
    }
    return NULL;
}

static enum hd_code check_with(const struct fill *f, const struct library_shape *shape,
                               struct hd_error *err)
{
    const char **names = arena_many(f->a, shape->n_params + 1, const char *);
    for (uint32_t i = 0; i < shape->n_params; i++)
        names[i] = shape->param[i].name;
    for (uint32_t i = 0; i < f->check->n_with; i++) {
        const char *name = f->check->with[i].name;
        bool known = false;
        for (uint32_t k = 0; k < shape->n_params; k++)
            known = known || str_is(names[k], name);
        if (!known)
            return hd_fail(err, HD_INVALID, "with: unknown parameter '%s'%s; there are: %s", name,
                           mistake_hint(f->a, name, names), mistake_words(f->a, names));
    }
    return HD_OK;
}

/* Fills `w` with the parameters; matchers are collected in `extra`, each with a comma before it. */
static enum hd_code put_params(const struct fill *f, const struct library_shape *shape,
                               struct words *w, struct buf *extra, struct hd_error *err)
{
    for (uint32_t i = 0; i < shape->n_params; i++) {
        const struct library_param *p = &shape->param[i];
        const char *value = given(f->check, p->name);
        value = value ? value : p->fallback;
        if (p->kind == PARAM_SIDE) /* see sides_of */
            continue;
        if (p->kind == PARAM_MATCHER) {
            if (value)
                buf_print(extra, ", %s=%s", p->label ? p->label : p->name, quote(f, value));
            continue;
        }
        if (!value)
            return hd_fail(err, HD_INVALID, "with: needs '%s': %s", p->name, p->help);
        if (p->kind == PARAM_NAME && !fill_is_identifier(value))
            return hd_fail(err, HD_INVALID, "with.%s: '%s' is no name of a metric or label",
                           p->name, value);
        int64_t ms;
        if (p->kind == PARAM_WINDOW && (!str_read_duration(value, &ms) || ms <= 0))
            return hd_fail(err, HD_INVALID, "with.%s: '%s' is not a duration like 2m", p->name, value);
        word_put(w, p->name, p->kind == PARAM_VALUE ? quote(f, value) : value);
    }
    return HD_OK;
}

static const struct library_shape *shape_of(const struct library_query *q, const char *name)
{
    for (uint32_t i = 0; i < q->n_shapes; i++) {
        if (str_is(q->shape[i].name, name))
            return &q->shape[i];
    }
    return NULL;
}

static enum hd_code choose_shape(const struct fill *f, const struct library_query *q,
                                 const struct library_shape **ret, struct hd_error *err)
{
    const struct library_shape *s = shape_of(q, f->service->shape);
    s = s ? s : shape_of(q, LIBRARY_SHAPE_ANY);
    if (!s) {
        const char **names = arena_many(f->a, q->n_shapes + 1, const char *);
        for (uint32_t i = 0; i < q->n_shapes; i++)
            names[i] = q->shape[i].name;
        return hd_fail(err, HD_INVALID, "'%s' has no shape '%s'; there are: %s", q->id,
                       f->service->shape, mistake_words(f->a, names));
    }
    if (s->refuse)
        return hd_fail(err, HD_INVALID, "'%s' cannot be asked in shape '%s': %s", q->id, s->name,
                       s->refuse);
    if (!str_is(s->provider, f->provider->name))
        return hd_fail(err, HD_INVALID, "'%s' is asked of %s, and the data source is %s", q->id,
                       s->provider, f->provider->name);
    if (q->classify == HD_CLASSIFY_BUCKET && isnan(f->check->bound) && !f->check->check.pick)
        return hd_fail(err, HD_INVALID, "'%s' needs `bound`: from where on is a request slow?",
                       q->id);
    if (q->classify != HD_CLASSIFY_BUCKET && !isnan(f->check->bound))
        return hd_fail(err, HD_INVALID, "'%s' has no `bound`", q->id);
    *ret = s;
    return check_with(f, s, err);
}

static const struct library_param *side_param(const struct library_shape *s)
{
    const struct library_param *p = s->param;
    while (p->kind != PARAM_SIDE)
        p++;
    return p; /* the library refuses a pattern without one */
}

/* "{{service}}-{{colour}}-*" for each colour. */
static enum hd_code fill_pattern(const struct fill *f, const struct library_param *p,
                                 struct sides_by *by, struct hd_error *err)
{
    const char *pattern = given(f->check, p->name);
    pattern = pattern ? pattern : p->fallback;
    if (!pattern)
        return hd_fail(err, HD_INVALID, "with: needs '%s': %s", p->name, p->help);
    if (!strstr(pattern, "{{colour}}"))
        return hd_fail(err, HD_INVALID, "with.%s: '%s' does not hold {{colour}}", p->name, pattern);
    for (uint32_t i = 0; i < f->service->n_colours; i++) {
        struct words w = {.n = 0};
        word_put(&w, "service", f->service->policy.name);
        word_put(&w, "colour", f->service->colour[i].colour.name);
        if (expand(f, pattern, &w, &by->pattern[i], err))
            return hd_error_add(err, "with.%s", p->name);
    }
    return HD_OK;
}

/* A pattern gives way to what the service itself says of its colours, but for a shape about machines:
 * those do not know the service's label. */
static enum hd_code sides_of(const struct fill *f, const struct library_shape *s, const struct words *w,
                             struct sides_by *ret, struct hd_error *err)
{
    const char *label = s->label ? s->label : FILL_LABEL, *own = f->service->label;
    *ret = (struct sides_by){.how = (enum sides)s->sides};
    bool says = own || any_match(f->service);
    if (s->sides == SIDES_PATTERN && says && !str_is(s->name, LIBRARY_SHAPE_ANY) &&
        !given(f->check, side_param(s)->name))
        ret->how = SIDES_LABEL;
    if (ret->how == SIDES_LABEL && own) {
        ret->label = own;
        return HD_OK;
    }
    enum hd_code code = expand(f, label, w, &ret->label, err);
    if (!code && ret->how == SIDES_PATTERN)
        code = fill_pattern(f, side_param(s), ret, err);
    return code;
}

/* The texts of a shape: one with by_label, else one per colour. */
static enum hd_code fill_texts(const struct fill *f, const struct library_shape *s,
                               const struct matchers *m, struct words *w, struct raw_query *q,
                               struct hd_error *err)
{
    room_for_texts(f, q, m->by ? 1 : f->service->n_colours);
    size_t words = w->n;
    for (uint32_t i = 0; i < q->text.n; i++) {
        w->n = words;
        word_put(w, "selector", arena_print(f->a, "%s%s", m->by ? m->all : m->one[i], m->extra));
        enum hd_code code = expand(f, s->query, w, &q->text.item[i], err);
        if (code)
            return code;
    }
    if (!s->target || !m->by)
        return HD_OK;
    word_put(w, "query", q->text.item[0]);
    return expand(f, s->target, w, &q->query.target_text, err);
}

enum hd_code fill_library(const struct fill *f, const struct library_query *l,
                          struct raw_query *ret, struct hd_error *err)
{
    const struct library_shape *s = NULL;
    enum hd_code code = choose_shape(f, l, &s, err);
    if (code)
        return code;
    double bound = s->bound_unit ? round(f->check->bound * 1000) : f->check->bound;
    struct raw_query q = {.title = l->title, .unit = l->unit, .events = s->events,
                          .exposure = s->exposure};
    q.query = (struct hd_query){
        .kind = l->kind,
        .classify = l->classify,
        .bound = bound,
        .bound_unit = s->bound_unit,
        .complement = l->complement,
    };
    struct words w = {.n = 0};
    BUF_AUTO extra = BUF_INIT(HD_QUERY_BYTES_MAX);
    code = put_params(f, s, &w, &extra, err);
    if (code)
        return code;
    if (l->classify == HD_CLASSIFY_BUCKET)
        word_put(&w, "le", f->check->check.pick ? FILL_LE : bounds_matcher(f, &bound, 1));
    struct sides_by by;
    code = sides_of(f, s, &w, &by, err);
    if (code)
        return code;
    struct matchers m = matchers_of(f, &by);
    m.by = l->kind != HD_QUERY_GAUGE && (by.how != SIDES_LABEL || !any_match(f->service));
    m.extra = arena_text(f->a, buf_at(&extra));
    /* A rate counts whatever was answered: its series need no label that tells the answers apart. */
    if (l->kind == HD_QUERY_COUNTS && s->key && expand(f, s->key, &w, &q.query.key_label, err))
        return HD_INVALID;
    code = fill_texts(f, s, &m, &w, &q, err);
    if (code)
        return code;
    if (m.by)
        put_values(f, &m, by.label, &q);
    *ret = q;
    return HD_OK;
}

const char *fill_bounds(const struct fill *f, const char *text, const double *bound, size_t n)
{
    const char *hole = text ? strstr(text, FILL_LE) : NULL;
    if (!hole)
        return text;
    return arena_print(f->a, "%.*s%s%s", (int)(hole - text), text, bounds_matcher(f, bound, n),
                       fill_bounds(f, hole + strlen(FILL_LE), bound, n));
}

/* --- free queries --- */

enum hd_code fill_free(const struct fill *f, const char *text, struct raw_query *ret,
                       struct hd_error *err)
{
    const struct raw_service *service = f->service;
    bool own = !text && f->provider->default_query;
    if (own)
        text = f->provider->default_query(f->cfg);
    if (own && !text)
        return hd_fail(err, HD_ABSENT, "%s does not know what to ask", f->provider->name);
    if (!text)
        return hd_fail(err, HD_INVALID, "%s has no query of its own: give `query`",
                       f->provider->name);
    bool by = strstr(text, "{{by}}") != NULL;
    struct raw_query q = {.unit = ""};
    q.query = (struct hd_query){.kind = HD_QUERY_GAUGE, .bound = (double)NAN};
    if (f->check->ask && !by && !strstr(text, "{{match}}") && !strstr(text, "{{colour}}"))
        return hd_fail(err, HD_INVALID,
                       "the query does not tell the colours apart: use {{by}}, {{match}} or "
                       "{{colour}}");
    if (by && any_match(service))
        return hd_fail(err, HD_INVALID,
                       "{{by}} needs colours told apart by label, and one has `match`: use "
                       "{{match}}");
    struct sides_by sides = {.how = SIDES_LABEL,
                             .label = service->label ? service->label : FILL_LABEL};
    struct matchers m = matchers_of(f, &sides);
    room_for_texts(f, &q, by ? 1 : service->n_colours);
    for (uint32_t i = 0; i < q.text.n; i++) {
        struct words w = {.n = 0};
        word_put(&w, "match", by ? m.all : m.one[i]);
        word_put(&w, "service", service->policy.name);
        word_put(&w, "check", f->check->check.name);
        if (by)
            word_put(&w, "by", sides.label);
        else
            word_put(&w, "colour", service->colour[i].colour.name);
        enum hd_code code = expand(f, text, &w, &q.text.item[i], err);
        if (code)
            return code;
    }
    if (by)
        put_values(f, &m, sides.label, &q);
    *ret = q;
    return HD_OK;
}

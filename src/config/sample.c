/* SPDX-License-Identifier: Apache-2.0
 *
 * What the option tables say, for people: the annotated sample (it loads as it is), the reference
 * of all keys, the list of queries. Called through config.h.
 */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/config.h"
#include "config/library.h"
#include "config/print.h"
#include "config/scalar.h"

/* --- the sample --- */

/* What cannot be guessed from a type. `active`: written although it has no default. */
static const struct {
    const char *key, *text;
    bool active;
} examples[] = {
    {"use", "http-5xx-ratio", true},
    {"max", "1%", true},
    {"backend", "shop", true}, /* of the HAProxy actuator */
    {"owner", "\"#team-shop\"", false},
    {"runbook", "https://wiki.example/runbooks/shop", false},
    {"dashboard", "https://grafana.example/d/shop", false},
    {"external_url", "https://prometheus.example", false},
    {"by", "[alice, bob]", false},
    {"query", "\"sum by ({{by}}) (rate(orders_total{ {{match}} }[2m]))\"", false},
    {"bound", "450ms", false},
    {"match", "'canary=\"true\"'", false},
    {"token", "${credential:token}", false},
    {"label", "version", false},
    {"command", "[/usr/local/bin/route, shop]", true},
    {"json", "$.status", false},
    {"url", "\"http://{{colour}}.shop.example/health\"", false},
    {"kept_for", "30m", false},
    {"until", "\"2030-01-01T00:00:00Z\"", false},
    {"datasource", "prom", false},
    {"stable", "blue", false},
    {"candidate", "green", false},
};

static const char *example_of(const struct hd_option *o, bool *ret_active)
{
    static const char *const by_type[] = {
        [HD_OPT_TEXT] = "shop",
        [HD_OPT_SECRET] = "${credential:name}",
        [HD_OPT_PATH] = "/etc/haldane/file",
        [HD_OPT_URL] = "http://127.0.0.1:9090",
        [HD_OPT_URLS] = "[\"http://127.0.0.1:9090\"]",
        [HD_OPT_SOCKETS] = "[/run/haproxy/admin.sock]",
        [HD_OPT_TEXTS] = "[shop]",
        [HD_OPT_PAIRS] = "{name: value}",
        [HD_OPT_NUMBER] = "90",
        [HD_OPT_AMOUNT] = "1%",
        [HD_OPT_SHARE] = "1%",
        [HD_OPT_FACTOR] = "1.5x",
        [HD_OPT_INT] = "1",
        [HD_OPT_DURATION] = "5s",
        [HD_OPT_PLUGIN] = "{}",
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        if (str_is(examples[i].key, o->key)) {
            *ret_active = examples[i].active;
            return examples[i].text;
        }
    }
    if (o->type == HD_OPT_WORD)
        return o->words[0];
    const char *text = o->type < sizeof by_type / sizeof *by_type ? by_type[o->type] : NULL;
    return text ? text : "shop";
}

static void sample_rows(struct printer *, const struct hd_option *, bool side);

static void comment(struct printer *p, const struct hd_option *o)
{
    if (!o->help)
        return;
    buf_print(p->b, "%*s# %s", (int)p->indent, "", o->help);
    if (o->type == HD_OPT_WORD) {
        buf_text(p->b, " One of:");
        for (const char *const *w = o->words; *w; w++)
            buf_print(p->b, " %s", *w);
        buf_byte(p->b, '.');
    }
    buf_byte(p->b, '\n');
}

static void sample_scalar(struct printer *p, const struct hd_option *o, bool side)
{
    bool active = false;
    const char *example = example_of(o, &active);
    if (!o->fallback)
        active = true;
    if (side && o->fallback)
        active = false;
    if (o->fallback && *o->fallback) {
        active = true;
        example = o->fallback;
    }
    print_line(p);
    bool quote = strpbrk(example, "*%:{") && !strpbrk(example, "\"'[") && *example != '{';
    buf_print(p->b, "%s%s: %s%s%s\n", active ? "" : "# ", o->key, quote ? "\"" : "", example,
              quote ? "\"" : "");
}

/* The commonest of each family; the others are comments at the end. */
static const char *const sample_shown[] = {
    [FAMILY_PROVIDER] = "prometheus",
    [FAMILY_ACTUATOR] = "haproxy",
    [FAMILY_SIDE] = "haproxy",
    [FAMILY_NOTIFIER] = "alertmanager",
};

/* The codec that is shown: the commonest, else the first there is. */
static void sample_codec(struct printer *p, enum family family)
{
    struct codec c;
    if (!codec_find(family, sample_shown[family], &c) && !codec_at(family, 0, &c))
        return;
    if (family != FAMILY_SIDE) {
        print_line(p);
        buf_print(p->b, "type: %s\n", c.name);
    }
    sample_rows(p, c.options, family == FAMILY_SIDE);
}

static void sample_plugin(struct printer *p, const struct hd_option *o)
{
    struct plugin_row r = plugin_row(o);
    if (r.form && *r.form) {
        sample_scalar(p, o, true);
        return;
    }
    unsigned indent = p->indent;
    if (!r.form) {
        print_line(p);
        buf_print(p->b, "%s:\n", o->key);
        p->indent += 2;
    }
    sample_codec(p, r.family);
    p->indent = indent;
}

/* An entry by name; a second one where two are needed. */
static void sample_named(struct printer *p, const struct hd_option *o)
{
    static const char *const name[][3] = {
        {"datasources", "prom", NULL}, {"notifiers", "oncall", NULL}, {"tokens", "ci", NULL},
        {"colours", "blue", "green"},  {"services", "shop", NULL},
    };
    const char *first = "name", *second = NULL;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        if (str_is(name[i][0], o->key)) {
            first = name[i][1];
            second = name[i][2];
        }
    }
    buf_print(p->b, "%*s%s:\n%*s%s:\n", (int)p->indent, "", o->key, (int)p->indent + 2, "", first);
    p->indent += 4;
    sample_rows(p, o->sub + 1, false);
    p->indent -= 4;
    if (second)
        buf_print(p->b, "%*s%s: {}\n", (int)p->indent + 2, "", second);
}

/* Another key for the row before: never written beside it. */
static void sample_alias(struct printer *p, const struct hd_option *o)
{
    bool active;
    const char *example = o->type == HD_OPT_URLS      ? "\"http://127.0.0.1:9090\""
                          : o->type == HD_OPT_SOCKETS ? "/run/haproxy/admin.sock"
                                                      : example_of(o, &active);
    print_line(p);
    buf_print(p->b, "# %s: %s\n", o->key, example);
}

static void sample_rows(struct printer *p, const struct hd_option *rows, bool side)
{
    for (const struct hd_option *o = rows; o->key; o++) {
        if (o->internal)
            continue;
        if (o->alias) {
            comment(p, o);
            sample_alias(p, o);
            continue;
        }
        bool inline_ = o->type == HD_OPT_PLUGIN && str_is(plugin_row(o).form, "");
        if (!inline_ && !p->dash)
            comment(p, o);
        switch (o->type) {
        case HD_OPT_NAMED: sample_named(p, o); break;
        case HD_OPT_PLUGIN: sample_plugin(p, o); break;
        case HD_OPT_LIST:
            buf_print(p->b, "%*s%s:\n%*s-\n", (int)p->indent, "", o->key, (int)p->indent + 2, "");
            p->indent += 4;
            sample_rows(p, o->sub, false);
            p->indent -= 4;
            break;
        case HD_OPT_GROUP:
            buf_print(p->b, "%*s%s:\n", (int)p->indent, "", o->key);
            p->indent += 2;
            sample_rows(p, o->sub, side);
            p->indent -= 2;
            break;
        default: sample_scalar(p, o, side);
        }
    }
}

/* The keys of every codec that the sample does not use, as comments. */
static void sample_others(struct buf *out, enum family family, const char *where)
{
    struct codec c, side;
    for (size_t i = 0; codec_at(family, i, &c); i++) {
        if (str_is(c.name, sample_shown[family]))
            continue;
        BUF_AUTO b = BUF_INIT(HD_CONFIG_BYTES_MAX);
        struct printer p = {.b = &b, .indent = 2};
        buf_print(&b, "%s:\n  type: %s\n", where, c.name);
        sample_rows(&p, c.options, false);
        if (family == FAMILY_ACTUATOR && codec_find(FAMILY_SIDE, c.name, &side) && side.options->key) {
            buf_text(&b, "services.shop.colours.blue:\n");
            sample_rows(&p, side.options, true);
        }
        buf_text(out, "#\n");
        for (const char *line = buf_at(&b); *line; line += strcspn(line, "\n") + 1)
            buf_print(out, "# %.*s\n", (int)strcspn(line, "\n"), line);
    }
}

void config_print_sample(struct buf *out)
{
    struct printer p = {.b = out};
    buf_text(out, "# A configuration of haldane with every key. What is commented out has no "
                  "default.\n");
    sample_rows(&p, table_root, false);
    buf_text(out, "#\n# The other kinds, each in place of the one above:\n");
    sample_others(out, FAMILY_PROVIDER, "datasources.NAME");
    sample_others(out, FAMILY_NOTIFIER, "notifiers.NAME");
    sample_others(out, FAMILY_ACTUATOR, "services.shop.actuator");
}

/* --- the reference --- */

struct trail {
    const struct trail *up;
    const char *key;
};

static void trail_write(struct buf *b, const struct trail *t)
{
    if (!t)
        return;
    trail_write(b, t->up);
    buf_print(b, "%s%s", t->up && *t->key != '[' ? "." : "", t->key);
}

static void reference_rows(struct buf *, const struct hd_option *, const struct trail *);

static void reference_range(struct buf *b, const struct hd_option *o)
{
    bool counted = o->type == HD_OPT_NAMED || o->type == HD_OPT_LIST || o->type == HD_OPT_TEXTS ||
                   o->type == HD_OPT_SOCKETS;
    if (o->min == 0 && o->max == 0)
        return;
    struct scalar low = {.i = (int64_t)o->min, .d = o->min};
    struct scalar high = {.i = (int64_t)o->max, .d = o->max};
    if (counted) {
        buf_print(b, ", at most %g", o->max);
        return;
    }
    buf_text(b, ", ");
    scalar_write(b, o, DIALECT_HUMAN, &low);
    buf_text(b, " to ");
    scalar_write(b, o, DIALECT_HUMAN, &high);
}

static void reference_codecs(struct buf *b, const struct hd_option *o, const struct trail *t)
{
    struct plugin_row r = plugin_row(o);
    struct codec c;
    for (size_t i = 0; codec_at(r.family, i, &c); i++) {
        if (r.form && *r.form && !str_is(r.form, c.name))
            continue;
        trail_write(b, r.form && !*r.form ? t->up : t);
        if (r.family == FAMILY_SIDE)
            buf_print(b, " (actuator %s)\n", c.name);
        else
            buf_print(b, " type: %s\n    %s\n", c.name, c.summary ? c.summary : "");
        reference_rows(b, c.options, r.form && !*r.form ? t->up : t);
    }
}

static void reference_row(struct buf *b, const struct hd_option *o, const struct trail *t)
{
    trail_write(b, t);
    buf_print(b, "\n    %s", scalar_type_word(o->type));
    if (o->type == HD_OPT_WORD) {
        buf_text(b, " (");
        for (const char *const *w = o->words; *w; w++)
            buf_print(b, "%s%s", w == o->words ? "" : ", ", *w);
        buf_byte(b, ')');
    }
    reference_range(b, o);
    if (!o->fallback && !o->alias)
        buf_text(b, ", required");
    else if (o->fallback && *o->fallback)
        buf_print(b, ", default %s", o->fallback);
    buf_print(b, ". %s\n", o->help ? o->help : "");
}

static void reference_rows(struct buf *b, const struct hd_option *rows, const struct trail *up)
{
    for (const struct hd_option *o = rows; o->key; o++) {
        struct trail here = {up, o->key}, name = {&here, "NAME"}, item = {&here, "[]"};
        bool inline_ = o->type == HD_OPT_PLUGIN && str_is(plugin_row(o).form, "");
        if (o->internal)
            continue;
        if (!inline_)
            reference_row(b, o, &here);
        if (o->type == HD_OPT_PLUGIN)
            reference_codecs(b, o, &here);
        else if (o->type == HD_OPT_NAMED)
            reference_rows(b, o->sub + 1, &name);
        else if (o->type == HD_OPT_LIST)
            reference_rows(b, o->sub, &item);
        else if (o->type == HD_OPT_GROUP && o->size)
            reference_rows(b, o->sub, &here);
    }
}

void config_print_reference(struct buf *out) { reference_rows(out, table_root, NULL); }

/* --- queries --- */

enum hd_code config_print_queries(const char *queries, struct buf *out, struct hd_error *err)
{
    ARENA_AUTO a = arena_new();
    struct library l = {.a = a, .folder = queries};
    for (const char *const *id = library_ids(&l); *id; id++) {
        const char *why;
        const struct library_query *q = library_find(&l, *id, &why);
        if (!q)
            return hd_fail(err, HD_INVALID, "%s: %s", *id, why);
        buf_print(out, "%s: %s [%s]", q->id, q->title, q->unit);
        for (uint32_t i = 0; i < q->n_shapes; i++) {
            const struct library_shape *s = &q->shape[i];
            buf_print(out, "; %s%s", s->name, s->refuse ? " (refused)" : "");
            for (uint32_t k = 0; k < s->n_params; k++)
                buf_print(out, "%s%s", k ? ", " : ": ", s->param[k].name);
        }
        buf_byte(out, '\n');
    }
    return HD_OK;
}

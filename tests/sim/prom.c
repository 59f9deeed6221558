/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus' query API as far as our codec asks: the clock, raw samples of a window, start times
 * of targets, one gauge. It reads the query as PromQL (matchers, window, `time`), so that a wrong
 * question gets a wrong answer; it has its own clock.
 */
#include "sim.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define VISIBLE_MS 20        /* from scrape to answer */
#define LOOK_BACK_MS 300000  /* of an instant query */
#define QUERY_MAX 4096
#define MATCHERS_MAX 8

struct matcher {
    char name[32], value[160];
    bool regex;
};

struct selector {
    char metric[64];
    struct matcher m[MATCHERS_MAX];
    int n;
    int64_t window_ms; /* 0: an instant */
};

struct ask {
    struct sim *sim;
    int64_t at;   /* simulated time */
    int64_t wall_ms;
    bool nan;
    struct buf *to;
    struct telling *tell;
    int n;        /* series so far */
};

/* --- reading --- */

static void unescape_form(const char *form, const char *key, char *to, size_t size)
{
    size_t len = strlen(key), n = 0;
    const char *p = form;
    while (p && !(strncmp(p, key, len) == 0 && p[len] == '=')) {
        p = strchr(p, '&');
        p = p ? p + 1 : NULL;
    }
    for (p = p ? p + len + 1 : ""; *p && *p != '&' && n + 1 < size; p++) {
        if (*p == '%' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2])) {
            to[n++] = (char)strtoul((char[]){p[1], p[2], '\0'}, NULL, 16);
            p += 2;
        } else {
            to[n++] = *p;
        }
    }
    to[n] = '\0';
}

/* Regular expressions as PromQL anchors them: | \x . * + ? and plain characters. */
static bool match_branch(const char *re, const char *end, const char *text)
{
    if (re == end)
        return !*text;
    bool escaped = *re == '\\' && re + 1 < end;
    char c = escaped ? re[1] : *re;
    const char *next = re + (escaped ? 2 : 1);
    char many = next < end && strchr("*+?", *next) ? *next : '\0';
    bool one = *text && ((!escaped && c == '.') || *text == c);
    if (!many)
        return one && match_branch(next, end, text + 1);
    if (many != '+' && match_branch(next + 1, end, text))
        return true;
    if (!one)
        return false;
    if (many != '?' && match_branch(re, end, text + 1))
        return true;
    return match_branch(next + 1, end, text + 1);
}

static bool match_regex(const char *re, const char *text)
{
    for (const char *p = re;; p++) {
        const char *end = p;
        while (*end && !(*end == '|' && end[-1] != '\\'))
            end++;
        if (match_branch(p, end, text))
            return true;
        if (!*end)
            return false;
        p = end;
    }
}

static bool read_matcher(const char **at, struct matcher *m)
{
    const char *p = *at;
    size_t n = 0;
    for (p += strspn(p, " ,"); isalnum((unsigned char)*p) || *p == '_'; p++) {
        if (n + 1 < sizeof m->name)
            m->name[n++] = *p;
    }
    m->name[n] = '\0';
    m->regex = p[0] == '=' && p[1] == '~';
    if (!n || *p != '=')
        return false;
    p += m->regex ? 2 : 1;
    if (*p++ != '"')
        return false;
    for (n = 0; *p && *p != '"'; p++) {
        if (*p == '\\')
            p++;
        if (n + 1 < sizeof m->value)
            m->value[n++] = *p;
    }
    m->value[n] = '\0';
    *at = p + (*p == '"');
    return true;
}

/* NAME{ matchers }[Nms] */
static bool read_selector(const char *query, struct selector *s)
{
    size_t n = strcspn(query, "{");
    const char *p = query + n;
    *s = (struct selector){.window_ms = 0};
    if (!*p || n >= sizeof s->metric)
        return false;
    memcpy(s->metric, query, n);
    for (p++; *p && *p != '}' && s->n < MATCHERS_MAX;) {
        if (!read_matcher(&p, &s->m[s->n]))
            return false;
        s->n++;
        p += strspn(p, " ,");
    }
    long long window;
    if (*p == '}' && sscanf(p + 1, "[%lldms]", &window) == 1)
        s->window_ms = window;
    return *p == '}';
}

static bool matches(const struct matcher *m, const char *value)
{
    return m->regex ? match_regex(m->value, value) : str_is(m->value, value);
}

/* Does a label set fit? `labels`: name, value, name, value ... NULL. */
static bool fits(const struct selector *s, const char *const *labels)
{
    for (int i = 0; i < s->n; i++) {
        const char *value = "";
        for (size_t k = 0; labels[k]; k += 2) {
            if (str_is(labels[k], s->m[i].name)) {
                value = labels[k + 1];
                break;
            }
        }
        if (!matches(&s->m[i], value))
            return false;
    }
    return true;
}

/* Can a series of this service fit at all? */
static bool job_fits(const struct selector *s, const char *service)
{
    for (int i = 0; i < s->n; i++) {
        if (str_is(s->m[i].name, "job") && !matches(&s->m[i], service))
            return false;
    }
    return true;
}

/* --- answering --- */

static void begin_series(struct ask *a, const char *const *labels)
{
    buf_text(a->to, a->n++ ? ",{\"metric\":{\"" : "{\"metric\":{\"");
    for (size_t k = 0; labels[k]; k += 2) {
        buf_text(a->to, k ? ",\"" : "");
        buf_text(a->to, labels[k]);
        buf_text(a->to, "\":\"");
        buf_text(a->to, labels[k + 1]);
        buf_byte(a->to, '"');
    }
    buf_text(a->to, "},");
}

/* A text that is made from its end: most of the simulation's bytes are samples, and printf would be a
 * tenth of its time. */
struct digits {
    char text[64], *at;
};

static void before_number(struct digits *d, uint64_t n, int digits)
{
    for (; n || digits > 0; n /= 10, digits--)
        *--d->at = (char)('0' + n % 10);
}

static void before_time(struct digits *d, const struct sim *sim, int64_t at)
{
    uint64_t ms = (uint64_t)(WALL0 + sim->prom_offset + at);
    before_number(d, ms % 1000, 3);
    *--d->at = '.';
    before_number(d, ms / 1000, 1);
}

static void put_time(struct ask *a, int64_t at)
{
    struct digits d;
    d.at = d.text + sizeof d.text;
    before_time(&d, a->sim, at);
    buf_add(a->to, d.at, (size_t)(d.text + sizeof d.text - d.at));
}

/* ,[1795220000.123,"42"] */
static void put_sample(struct ask *a, int64_t at, uint64_t value)
{
    struct digits d;
    d.at = d.text + sizeof d.text;
    *--d.at = ']';
    *--d.at = '"';
    if (a->nan)
        d.at = memcpy(d.at - 3, "NaN", 3);
    else
        before_number(&d, value, 1);
    *--d.at = '"';
    *--d.at = ',';
    before_time(&d, a->sim, at);
    *--d.at = '[';
    buf_add(a->to, d.at, (size_t)(d.text + sizeof d.text - d.at));
}

/* Raw samples in (at - window, at]. `value_of` says which counter. */
static void put_raw(struct ask *a, const struct selector *s, const struct pod *p,
                    const char *const *labels, size_t offset, int colour)
{
    bool any = false;
    uint64_t first = p->n_scrapes, oldest = first > SCRAPES_KEEP ? first - SCRAPES_KEEP : 0;
    while (first > oldest && p->scrape[(first - 1) % SCRAPES_KEEP].at > a->at - s->window_ms)
        first--;
    for (uint64_t i = first; i < p->n_scrapes; i++) {
        const struct scrape *x = &p->scrape[i % SCRAPES_KEEP];
        uint64_t value;
        memcpy(&value, (const char *)&x->counters + offset, sizeof value);
        bool born = value > 0 || offset != offsetof(struct counters, code[CODE_500]);
        if (x->at > a->at || x->at + VISIBLE_MS > a->sim->t || !born)
            continue;
        if (!any)
            begin_series(a, labels);
        buf_text(a->to, any ? "," : "\"values\":[");
        any = true;
        put_sample(a, x->at, value);
        if (x->at > a->tell->newest[colour])
            a->tell->newest[colour] = x->at;
    }
    if (any)
        buf_text(a->to, "]}");
}

static const struct family {
    const char *metric, *key;
    int check;
    struct {
        const char *value;
        size_t offset;
    } row[3];
} families[] = {
    {"http_requests_total", "code", 0,
     {{"200", offsetof(struct counters, code[CODE_200])},
      {"500", offsetof(struct counters, code[CODE_500])}}},
    {"http_request_duration_seconds_bucket", "le", 1,
     {{"0.1", offsetof(struct counters, bucket[LE_100MS])},
      {"0.45", offsetof(struct counters, bucket[LE_450MS])},
      {"+Inf", offsetof(struct counters, bucket[LE_INF])}}},
};

static const char *const version_word[] = {"blue", "green"};

static const struct family *family_of(const struct selector *s)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (str_is(families[i].metric, s->metric))
            return &families[i];
    }
    return NULL;
}

/* Calls for every series of a family that fits; `start`: process start times of their targets. */
static void each_series(struct ask *a, const struct selector *s, const struct family *f, bool start)
{
    for (int k = 0; k < a->sim->n_services; k++) {
        struct app *service = &a->sim->service[k];
        if (!job_fits(s, service->name))
            continue;
        for (int i = 0; i < N_MEMBERS; i++) {
            const struct pod *p = &service->pod[i];
            bool any = false;
            for (size_t r = 0; r < 3 && f->row[r].value; r++) {
                const char *labels[] = {"__name__", f->metric, f->key, f->row[r].value, "instance",
                                        p->instance, "job", service->name, "version",
                                        version_word[i / N_PODS], NULL};
                if (!fits(s, labels))
                    continue;
                any = true;
                a->tell->service = k;
                if (!start)
                    put_raw(a, s, p, labels, f->row[r].offset, i / N_PODS);
            }
            const struct scrape *last = p->n_scrapes ? &p->scrape[(p->n_scrapes - 1) % SCRAPES_KEEP] : NULL;
            if (!start || !any || !p->up || !last || last->at < a->at - LOOK_BACK_MS)
                continue;
            const char *of[] = {"__name__", "process_start_time_seconds", "instance", p->instance,
                                "job", service->name, NULL};
            begin_series(a, of);
            buf_text(a->to, "\"value\":[");
            put_time(a, a->at);
            buf_text(a->to, ",\"");
            put_time(a, p->started);
            buf_text(a->to, "\"]}");
        }
    }
}

static void put_gauge(struct ask *a, int64_t from, int64_t step)
{
    for (int k = 0; k < N_COLOURS; k++) {
        const char *labels[] = {"version", version_word[k], NULL};
        begin_series(a, labels);
        buf_text(a->to, step ? "\"values\":[" : "\"value\":");
        for (int64_t t = from; t <= a->at; t += step ? step : INT64_MAX / 2) {
            buf_text(a->to, t > from ? ",[" : "[");
            put_time(a, t);
            buf_print(a->to, ",\"%d\"]", 10 + k);
        }
        buf_text(a->to, step ? "]}" : "}");
    }
}

static int64_t form_time(struct sim *sim, const char *form, const char *key, int64_t fallback)
{
    char text[64];
    double seconds;
    unescape_form(form, key, text, sizeof text);
    if (!*text || !str_read_double(text, &seconds))
        return fallback;
    return (int64_t)(seconds * 1000 + 0.5) - WALL0 - sim->prom_offset;
}

static int bad_query(struct buf *to, const char *query)
{
    buf_clear(to);
    (void)query;
    buf_text(to, "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}");
    return 400;
}

static void finish(struct ask *a, enum trouble trouble)
{
    buf_text(a->to, "]}");
    if (trouble == WARNING)
        buf_text(a->to, ",\"warnings\":[\"a shard did not answer\"]");
    buf_byte(a->to, '}');
}

int prom_answer(struct sim *sim, const char *form, enum trouble trouble, struct buf *to,
                struct telling *ret)
{
    static const char join[] = "process_start_time_seconds and on(job, instance) (";
    char query[QUERY_MAX];
    struct selector s;
    struct ask a = {.sim = sim, .at = form_time(sim, form, "time", sim->t), .nan = trouble == NANS,
                    .to = to, .tell = ret};
    *ret = (struct telling){.check = -1, .newest = {-1, -1}};
    unescape_form(form, "query", query, sizeof query);
    if (str_is(query, "time()")) {
        buf_text(to, "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[");
        put_time(&a, sim->t);
        buf_text(to, ",\"");
        put_time(&a, sim->t);
        buf_text(to, "\"]}}");
        return 200;
    }
    bool start = str_begins(query, join), gauge = str_begins(query, "max by (version) (queue_depth{");
    if (!gauge && !read_selector(start ? query + sizeof join - 1 : query, &s))
        return bad_query(to, query);
    const struct family *f = gauge ? NULL : family_of(&s);
    int64_t from = form_time(sim, form, "start", -1), step = 0;
    if (gauge && strstr(form, "&step=")) {
        step = 60000;
        a.at = form_time(sim, form, "end", sim->t);
    }
    bool matrix = step || (f && !start && s.window_ms);
    if (!gauge && (!f || (!start && !s.window_ms)))
        return bad_query(to, query);
    buf_print(to, "{\"status\":\"success\",\"data\":{\"resultType\":\"%s\",\"result\":[",
              matrix ? "matrix" : "vector");
    if (trouble == EMPTY)
        ;
    else if (gauge)
        put_gauge(&a, step ? from : a.at, step);
    else
        each_series(&a, &s, f, start);
    finish(&a, trouble);
    say(sim, "prom", "  asked %.40s, window %lld ms, %d series%s%s", query,
        gauge ? 0LL : (long long)s.window_ms, a.n, trouble ? ": " : "", trouble ? trouble_word[trouble] : "");
    if (f && !start) {
        ret->check = f->check;
        ret->from = a.at - s.window_ms;
    }
    return 200;
}

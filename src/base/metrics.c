/* SPDX-License-Identifier: Apache-2.0
 *
 * See metrics.h. Slots are appended; `published` is raised after a slot is complete, so a reader
 * never sees half of one.
 */
#include "base/metrics.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct metric {
    const char *name, *help;
    enum metric_type type;
    char *labels;
    _Atomic double value;
};

static struct metric slots[HD_METRICS_MAX + 1]; /* the last one takes what does not fit */
static atomic_size_t published;
static bool full;
/* Slot + 1 by the hash of name and labels; at least half of it stays empty. Loop's thread only. */
#define PLACES 65536u
static uint32_t place[PLACES];
_Static_assert(PLACES >= 2 * HD_METRICS_MAX && (PLACES & (PLACES - 1)) == 0, "PLACES");

struct metric *metric_get(const char *name, enum metric_type type, const char *help,
                          const char *labels)
{
    size_t n = atomic_load(&published);
    uint64_t at = str_hash(labels, str_hash(name, 0)) % PLACES;
    for (; place[at]; at = (at + 1) % PLACES) {
        struct metric *m = &slots[place[at] - 1];
        if (str_is(m->name, name) && str_is(m->labels, labels))
            return m;
    }
    struct metric *m = &slots[n];
    char *copy = n < HD_METRICS_MAX ? strdup(labels) : NULL;
    if (!copy) {
        full = true;
        return &slots[HD_METRICS_MAX];
    }
    m->name = name;
    m->help = help;
    m->type = type;
    m->labels = copy;
    place[at] = (uint32_t)n + 1;
    atomic_store(&published, n + 1);
    return m;
}

bool metrics_full(void) { return full; }

void metric_add(struct metric *m, double more)
{
    atomic_store(&m->value, atomic_load(&m->value) + more); /* one writer */
}

void metric_set(struct metric *m, double value) { atomic_store(&m->value, value); }
double metric_value(const struct metric *m) { return atomic_load(&m->value); }

double metric_read(const char *name, const char *labels)
{
    size_t n = atomic_load(&published);
    for (size_t i = 0; i < n; i++) {
        if (str_is(slots[i].name, name) && str_is(slots[i].labels, labels))
            return metric_value(&slots[i]);
    }
    return NAN;
}

void metric_label(struct buf *to, const char *name, const char *value)
{
    if (to->len)
        buf_byte(to, ',');
    buf_print(to, "%s=\"", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\n')
            buf_text(to, "\\n");
        else if (*p == '"' || *p == '\\')
            buf_print(to, "\\%c", *p);
        else
            buf_byte(to, *p);
    }
    buf_byte(to, '"');
}

/* OpenMetrics names a counter's family without _total. */
static void head_out(struct buf *b, const struct metric *m, bool openmetrics)
{
    size_t n = strlen(m->name);
    if (openmetrics && m->type == METRIC_COUNTER && str_ends(m->name, "_total"))
        n -= strlen("_total");
    buf_print(b, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)n, m->name, m->help, (int)n, m->name,
              m->type == METRIC_COUNTER ? "counter" : "gauge");
}

static void value_out(struct buf *b, const struct metric *m)
{
    double v = metric_value(m);
    buf_text(b, m->name);
    if (*m->labels)
        buf_print(b, "{%s}", m->labels);
    if (isfinite(v))
        buf_print(b, " %.17g\n", v);
    else
        buf_print(b, " %s\n", isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
}

/* Series of one family must stand together: each family is printed at its first series. */
void metrics_print(struct buf *b, bool openmetrics)
{
    size_t n = atomic_load(&published);
    for (size_t i = 0; i < n; i++) {
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = !str_is(slots[k].name, slots[i].name);
        if (!first)
            continue;
        head_out(b, &slots[i], openmetrics);
        for (size_t k = i; k < n; k++) {
            if (str_is(slots[k].name, slots[i].name))
                value_out(b, &slots[k]);
        }
    }
    if (openmetrics)
        buf_text(b, "# EOF\n");
}

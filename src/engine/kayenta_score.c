/* SPDX-License-Identifier: Apache-2.0
 *
 * See kayenta.h: labels of metrics to scores of groups and the one score. A critical metric that
 * failed decides alone; half of the metrics without data decide next; else the weighted groups.
 * Called by pipeline/ and cli/.
 */
#include "engine/kayenta.h"

#include <math.h>
#include <string.h>

static bool is_counted(const struct kayenta_result *r, bool strict)
{
    return r->label != KAYENTA_NODATA && (strict || r->label != KAYENTA_ERROR);
}

static void score_group(const struct kayenta_result *r, size_t n, size_t group, bool strict,
                        struct kayenta_group *ret)
{
    double counted = 0, passed = 0;
    *ret = (struct kayenta_group){.present = false};
    for (size_t i = 0; i < n; i++) {
        if (r[i].muted || !(r[i].groups >> group & 1))
            continue;
        ret->present = true;
        counted += is_counted(&r[i], strict);
        passed += r[i].label == KAYENTA_PASS;
    }
    ret->judged = counted > 0;
    if (ret->judged)
        ret->score = 100 * (passed / counted);
}

/* Weight of a group that has none of its own: what the others leave, shared evenly. */
static double rest_of(const struct kayenta_weights *w, const struct kayenta_score *s)
{
    double given = 0, without = 0;
    for (size_t g = 0; g < w->n; g++) {
        if (!isnan(w->of[g]))
            given += w->of[g];
        else
            without += s->group[g].present;
    }
    return without > 0 ? (100 - given) / without : 0;
}

/* Two decimals, half up on the shortest decimal text of v, without making that text: the double
 * next to a decimal tie is written as the tie. */
static double round_half_up(double v)
{
    double whole = floor(fabs(v) * 100), tie = (10 * whole + 5) / 1000;
    return copysign((fabs(v) >= tie ? whole + 1 : whole) / 100, v);
}

static double sum_groups(const struct kayenta_weights *w, bool strict,
                         const struct kayenta_score *s)
{
    double sum = 0, rest = rest_of(w, s);
    for (size_t g = 0; g < w->n; g++) {
        const struct kayenta_group *group = &s->group[g];
        if (!group->present)
            continue;
        double score = group->judged || strict ? group->score : 100;
        sum += score * ((isnan(w->of[g]) ? rest : w->of[g]) / 100);
    }
    return round_half_up(sum);
}

void kayenta_score(const struct kayenta_result *r, size_t n, const struct kayenta_weights *w,
                   bool strict, double pass, double marginal, struct kayenta_score *ret)
{
    memset(ret, 0, sizeof *ret);
    size_t scored = 0, without_data = 0;
    for (size_t i = n; i-- > 0;) {
        if (r[i].muted)
            continue;
        scored++;
        without_data += r[i].label == KAYENTA_NODATA;
        if (r[i].critical && r[i].label != KAYENTA_PASS) {
            ret->why = KAYENTA_WHY_CRITICAL_FAILURE;
            ret->by = i;
        }
    }
    for (size_t g = 0; g < w->n; g++)
        score_group(r, n, g, strict, &ret->group[g]);
    if (!ret->why && scored && 2 * without_data >= scored)
        ret->why = KAYENTA_WHY_TOO_MANY_NODATA;
    ret->score = ret->why ? 0 : sum_groups(w, strict, ret);
    ret->grade = ret->score >= pass       ? KAYENTA_GRADE_PASS
                 : ret->score >= marginal ? KAYENTA_GRADE_MARGINAL
                                          : KAYENTA_GRADE_FAIL;
}

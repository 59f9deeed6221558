/* SPDX-License-Identifier: Apache-2.0
 *
 * Canary configs from JSON to score, strict beside upstream: one row for each hole that strict
 * closes, and for what each of the two refuses to read. The figures themselves are checked by the
 * vectors in tests/golden/engine/kayenta.json.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "pipeline/canary.h"

#define LOW8 "[1,2,3,4,5,6,7,8]"
#define HIGH8 "[11,12,13,14,15,16,17,18]"
#define A(options, control, experiment)                                                            \
    "{\"name\":\"a\",\"groups\":[\"g\"],\"analysisConfigurations\":{\"canary\":{" options "}}}",   \
        "{\"name\":\"a\",\"values\":{\"control\":" control ",\"experiment\":" experiment "}}"
#define WELL                                                                                       \
    ",{\"name\":\"b\",\"groups\":[\"h\"]}",                                                        \
        ",{\"name\":\"b\",\"values\":{\"control\":" LOW8 ",\"experiment\":" LOW8 "}}"

struct want {
    const char *label; /* of the first metric; NULL: refused */
    double score;
    const char *text; /* part of the reason or of the refusal; NULL: none */
};

static const struct row {
    const char *name;
    const char *metric, *pair, *more, *more_pair, *weights;
    struct want strict, upstream;
} rows[] = {
    {"a shift", A("", LOW8, HIGH8), "", "", "{}",
     {"High", 0, "higher by 6 to 14"}, {"High", 0, "more than the margin of 2.5"}},
    {"every metric errs", A("", "[3]", "[5]"), "", "", "{}",
     {"Error", 0, "cannot be ranked"}, {"Error", 100, NULL}},
    {"a critical metric errs", A("\"critical\":true", "[3]", "[5]"), WELL, "{\"g\":1,\"h\":99}",
     {"Error", 0, "one value on each side"}, {"Error", 100, NULL}},
    {"an infinity", A("", LOW8, "[1,2,3,4,5,6,7,\"Infinity\"]"), "", "", "{}",
     {"Error", 0, "infinity"}, {"Pass", 100, NULL}},
    {"no data, replaced by nothing", A("\"nanStrategy\":\"replace\",\"mustHaveData\":true", "[]", LOW8),
     WELL, "{}", {"NodataFailMetric", 50, "the control has no data"}, {"Pass", 100, NULL}},
    {"no data, replaced by nothing, may be missing", A("\"nanStrategy\":\"replace\"", LOW8, "[]"),
     "", "", "{}", {"Nodata", 0, "the experiment has no data"}, {"Pass", 100, NULL}},
    {"NaN replaced by 0 is data", A("\"nanStrategy\":\"replace\"", "[\"NaN\",1,1,1]", "[0,1,1,1]"),
     "", "", "{}", {"Pass", 100, "same values"}, {"Pass", 100, "same values"}},
    {"a group without data", A("", "[]", "[]"),
     WELL ",{\"name\":\"b\",\"values\":{\"control\":" LOW8 ",\"experiment\":" LOW8 "}}",
     "{\"g\":60,\"h\":40}", {"Nodata", 40, "neither side has data"}, {"Nodata", 100, NULL}},
    {"negative values", A("", "[-1,-2,-3,-4,-5,-6,-7,-8]", "[-11,-12,-13,-14,-15,-16,-17,-18]"),
     "", "", "{}", {"Low", 0, "lower by 6 to 14"}, {"Pass", 100, NULL}},
    {"tiny values, doubled, within the root finder's reach",
     A("", "[12.3e-6,9.3e-6,10.4e-6,10.1e-6,10.8e-6,8.6e-6,9.6e-6,9.2e-6,8.9e-6,9.2e-6,9.5e-6]",
       "[18.2e-6,20.8e-6,18.9e-6,13.6e-6,22.4e-6,19.2e-6,18.5e-6,20.5e-6,20.1e-6,18.3e-6,20.4e-6]"),
     "", "", "{}", {"High", 0, "higher"}, {"Pass", 100, NULL}},
    {"weights over 100", A("", LOW8, LOW8), WELL, "{\"g\":120}",
     {NULL, 0, "120 percent in all"}, {"Pass", 100, NULL}},
    {"a negative weight", A("", LOW8, LOW8), WELL, "{\"g\":-1}",
     {NULL, 0, "groupWeights.g: negative"}, {"Pass", 100, NULL}},
    {"a null in the values", A("", "[1,2,null,3,4,5,6,7,8]", LOW8), "", "", "{}",
     {"Pass", 100, "same values"}, {NULL, 0, "values.control: item 2"}},
    {"a text as number", A("\"effectSize\":{\"allowedIncrease\":\"1.1\"}", LOW8, LOW8), "", "", "{}",
     {NULL, 0, "effectSize.allowedIncrease: not a number"}, {NULL, 0, "not a number"}},
    {"null for a word", A("\"direction\":null", LOW8, HIGH8), "", "", "{}",
     {"High", 0, NULL}, {NULL, 0, "canary.direction: not a text"}},
    {"null for a number", A("\"effectSize\":{\"allowedDecrease\":null}", HIGH8, LOW8), "", "", "{}",
     {"Low", 0, NULL}, {"Pass", 100, NULL}},
    {"another word", A("\"direction\":\"up\"", LOW8, HIGH8), "", "", "{}",
     {NULL, 0, "direction: no such word"}, {"High", 0, NULL}},
    {"options that are no object", A("\"outliers\":\"remove\"", LOW8, HIGH8), "", "", "{}",
     {NULL, 0, "outliers: not an object"}, {"High", 0, NULL}},
    {"a whole number beyond 32 bits", A("\"effectSize\":{\"allowedIncrease\":3000000000}", LOW8, HIGH8),
     "", "", "{}", {"Pass", 100, NULL}, {NULL, 0, "beyond 32 bits"}},
    {"outlierFactor 0", A("\"outliers\":{\"strategy\":\"remove\",\"outlierFactor\":0}", LOW8, HIGH8),
     "", "", "{}", {NULL, 0, "must be above 0"}, {NULL, 0, "outlierFactor"}},
    {"a metric twice", A("", LOW8, LOW8), ",{\"name\":\"a\",\"groups\":[]}", "", "{}",
     {NULL, 0, "stands twice"}, {"Pass", 100, NULL}},
    {"a pair of no metric", A("", LOW8, LOW8), "",
     ",{\"name\":\"z\",\"values\":{\"control\":[],\"experiment\":[]}}", "{}",
     {NULL, 0, "no metric 'z'"}, {NULL, 0, "no metric 'z'"}},
    {"muted, however bad", A("\"muted\":true,\"critical\":true", LOW8, HIGH8), WELL, "{\"h\":100}",
     {"High", 100, NULL}, {"High", 100, NULL}},
};

static struct json *parse(const char *text)
{
    struct json *j;
    struct hd_error err;
    if (json_parse((struct hd_span){text, strlen(text)}, &j, &err))
        fail_msg("%s: %s", err.text, text);
    return j;
}

static bool says(const struct canary *c, const struct canary_pair *pair, const struct canary_report *r,
                 const char *text)
{
    BUF_AUTO b = BUF_INIT(1 << 20);
    struct json_out out = json_out(&b);
    canary_put(&out, NULL, c, pair, r);
    return strstr(buf_at(&b), text) != NULL;
}

static void check(const struct row *row, bool strict, const struct want *want)
{
    ARENA_AUTO a = arena_new();
    JSON_AUTO config = parse(arena_print(a, "{\"metrics\":[%s%s],\"classifier\":{\"groupWeights\":%s}}",
                                         row->metric, row->more, row->weights));
    JSON_AUTO values = parse(arena_print(a, "[%s%s]", row->pair, row->more_pair));
    struct canary c;
    struct canary_pair *pair;
    struct canary_report r;
    size_t n;
    struct hd_error err;
    enum hd_code code = canary_read(a, config, strict, &c, &err);
    if (!code)
        code = canary_read_pairs(a, values, strict, &pair, &n, &err);
    if (!code)
        code = canary_judge(a, &c, pair, n, 75, 50, &r, &err);
    const char *mode = strict ? "strict" : "upstream";
    if (code || !want->label) {
        if (!code || want->label || !strstr(err.text, want->text))
            fail_msg("%s, %s: %s", row->name, mode, code ? err.text : "not refused");
        return;
    }
    if (strcmp(kayenta_label_word(r.result[0].label), want->label) != 0 || r.score.score != want->score)
        fail_msg("%s, %s: %s, score %g", row->name, mode, kayenta_label_word(r.result[0].label),
                 r.score.score);
    if (want->text && !says(&c, pair, &r, want->text))
        fail_msg("%s, %s: does not say '%s'", row->name, mode, want->text);
}

static void strict_beside_upstream(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check(&rows[i], true, &rows[i].strict);
        check(&rows[i], false, &rows[i].upstream);
    }
}

/* The cap on groups, and one past it. */
static void I8_groups(void **state)
{
    (void)state;
    struct canary c = {.name = ""};
    static char name[KAYENTA_GROUPS_MAX + 1][8];
    struct hd_error err;
    size_t g;
    for (size_t i = 0; i <= KAYENTA_GROUPS_MAX; i++) {
        (void)snprintf(name[i], sizeof name[i], "g%zu", i);
        enum hd_code code = canary_group_of(&c, name[i], &g, &err);
        assert_int_equal(code, i < KAYENTA_GROUPS_MAX ? HD_OK : HD_LIMIT);
    }
    assert_int_equal(canary_group_of(&c, "g63", &g, &err), HD_OK);
    assert_int_equal(g, 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_beside_upstream),
        cmocka_unit_test(I8_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

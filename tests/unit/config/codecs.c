/* SPDX-License-Identifier: Apache-2.0
 *
 * The loader over the codecs that are really built in: their tables are sound, and a file that uses
 * each of them loads, prints and pins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/config.h"
#include "config/scalar.h"
#include "config/tables.h"

static struct config *load_text(const char *name, struct hd_span text)
{
    ARENA_AUTO a = arena_new();
    struct config *c = NULL;
    struct config_mistakes m;
    struct hd_error err = {0};
    enum hd_code code = config_load_text(a, name, text, NULL, &c, &m, &err);
    BUF_AUTO said = BUF_INIT(65536);
    config_print_mistakes(&m, &said);
    if (code)
        fail_msg("%s: %s\n%s", name, err.text, buf_at(&said));
    return c;
}

static void a_file_with_every_codec(void **state)
{
    (void)state;
    static char bytes[65536];
    FILE *f = fopen(TEST_DATA "/golden/config/codecs.yaml", "r");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    struct config *c = load_text("codecs.yaml", (struct hd_span){bytes, n});
    BUF_AUTO printed = BUF_INIT(1 << 20);
    config_print(c, &printed);
    struct config *again = load_text("printed", buf_span(&printed));
    assert_string_equal(config_get(again)->hash, config_get(c)->hash);
    config_unref(again);
    for (uint32_t i = 0; i < config_get(c)->n_services; i++) {
        BUF_AUTO pin = BUF_INIT(1 << 20), twice = BUF_INIT(1 << 20);
        struct config *back = NULL;
        struct hd_error err = {0};
        config_pin(c, &config_get(c)->services[i], &pin);
        if (config_load_pin(buf_span(&pin), &back, &err))
            fail_msg("%s", err.text);
        config_pin(back, &config_get(back)->services[0], &twice);
        assert_string_equal(buf_at(&twice), buf_at(&pin));
        config_unref(back);
    }
    config_unref(c);
}

static void the_sample_loads(void **state)
{
    (void)state;
    BUF_AUTO sample = BUF_INIT(1 << 20);
    config_print_sample(&sample);
    config_unref(load_text("sample", buf_span(&sample)));
}

/* Every default reads as its own row says; every row lies inside its struct. */
static void check_rows(const char *codec, const struct hd_option *rows, size_t size)
{
    for (const struct hd_option *o = rows; o->key; o++) {
        ARENA_AUTO a = arena_new();
        struct scalar v;
        const char *why = "outside its struct";
        bool list = o->type == HD_OPT_LIST || o->type == HD_OPT_NAMED;
        bool good = o->offset < size && o->count_offset < size;
        if (o->type == HD_OPT_GROUP)
            good = good && o->offset + o->size <= size;
        else if (o->fallback && *o->fallback)
            good = good && scalar_read(a, o, DIALECT_HUMAN, o->fallback, &v, &why);
        if (!good || !o->help)
            fail_msg("%s.%s: %s", codec, o->key, o->help ? why : "no help");
        if (o->sub)
            check_rows(o->key, o->sub, list || o->type == HD_OPT_GROUP ? o->size : size);
    }
}

static void tables_are_sound(void **state)
{
    (void)state;
    size_t n = 0;
    for (int family = FAMILY_PROVIDER; family <= FAMILY_NOTIFIER; family++) {
        struct codec c;
        for (size_t i = 0; codec_at((enum family)family, i, &c); i++, n++)
            check_rows(c.name, c.options, c.size);
    }
    assert_true(n >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_with_every_codec),
        cmocka_unit_test(the_sample_loads),
        cmocka_unit_test(tables_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

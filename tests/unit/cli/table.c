/* SPDX-License-Identifier: Apache-2.0
 *
 * The last column of a list: a line where there is no terminal, a paragraph beside the others where there is one.
 */
#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"

#define A "äää"
#define O "ööö"

static void the_last_column(void **state)
{
    static const char text[] = "Reverted green to blue: 9.8% errors";
    static const struct {
        const char *name, *last;
        size_t columns;
        const char *want;
    } rows[] = {
        {"no terminal", text, 0, "shop  Reverted green to blue: 9.8% errors\n"},
        {"room enough", text, 41, "shop  Reverted green to blue: 9.8% errors\n"},
        {"one too few", text, 40, "shop  Reverted green to blue: 9.8%\n      errors\n"},
        {"a narrow one", text, 30, "shop  Reverted green to blue:\n      9.8% errors\n"},
        {"too narrow for a paragraph", text, 29, "shop  Reverted green to blue: 9.8% errors\n"},
        {"an address", "see http://127.0.0.1:8080/g/01JD2K0000000000000000000A for it", 32,
         "shop  see\n      http://127.0.0.1:8080/g/01JD2K0000000000000000000A\n      for it\n"},
        {"one long word", "http://127.0.0.1:8080/g/01JD2K0000000000000000000A", 32,
         "shop  http://127.0.0.1:8080/g/01JD2K0000000000000000000A\n"},
        {"letters of two bytes", A A A " " O O O O "ö x", 30,
         "shop  " A A A " " O O O O "ö\n      x\n"},
        {"nothing", " ", 30, "shop\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        struct table t = {.arena = a, .columns = 2};
        char *got = NULL;
        size_t n = 0;
        FILE *to = open_memstream(&got, &n);
        assert_non_null(to);
        table_row(&t, "shop", rows[i].last);
        table_print_in(&t, rows[i].columns, to);
        assert_int_equal(fclose(to), 0);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: got\n%swanted\n%s", rows[i].name, got, rows[i].want);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_last_column)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

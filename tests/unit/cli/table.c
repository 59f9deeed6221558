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
    static const char text[] = "Rolled back to blue and recovered - no action needed by anybody"; /* 63 */
    static const struct {
        const char *name, *last;
        size_t columns;
        const char *want;
    } rows[] = {
        {"no terminal", text, 0, "shop  Rolled back to blue and recovered - no action needed by anybody\n"},
        {"room enough", text, 69, "shop  Rolled back to blue and recovered - no action needed by anybody\n"},
        {"one too few", text, 68, "shop  Rolled back to blue and recovered - no action needed by\n      anybody\n"},
        {"a narrow one", text, 56, "shop  Rolled back to blue and recovered - no action\n      needed by anybody\n"},
        {"no room beside", text, 55, "shop\n    Rolled back to blue and recovered - no action\n    needed by anybody\n"},
        {"no room at all", text, 53, "shop  Rolled back to blue and recovered - no action needed by anybody\n"},
        {"an address", "see http://127.0.0.1:8080/g/01JD2K0000000000000000000A for it", 57,
         "shop  see\n      http://127.0.0.1:8080/g/01JD2K0000000000000000000A\n      for it\n"},
        {"one long word", "http://127.0.0.1:8080/g/01JD2K0000000000000000000A?at=1", 56,
         "shop  http://127.0.0.1:8080/g/01JD2K0000000000000000000A?at=1\n"},
        {"letters of two bytes", A A A A A A A A " " O O O O O O O "ö x", 54,
         "shop\n    " A A A A A A A A " " O O O O O O O "ö x\n"},
        {"nothing, below", "-", 55, "shop\n"},
        {"nothing", " ", 60, "shop\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        struct table t = {.arena = a, .columns = 2, .prose = true};
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

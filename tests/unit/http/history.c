/* SPDX-License-Identifier: Apache-2.0
 *
 * The filter of a service's history, from the address to the rows and back into links.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "http/history.h"

static void test_query(void **state)
{
    static const struct {
        const char *show, *since, *until, *before, *want;
    } row[] = {
        {"", "", "", NULL, ""},
        {"passed", "", "", NULL, "?show=passed"},
        {"", "2026-11-01", "", "01A", "?since=2026-11-01&amp;before=01A"},
        {"failed", "2026-11-01T10:00:00Z", "2026-11-20", NULL,
         "?show=failed&amp;since=2026-11-01T10%3A00%3A00Z&amp;until=2026-11-20"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct history h = {.show = row[i].show, .since = row[i].since, .until = row[i].until};
        BUF_AUTO b = BUF_INIT(1000);
        history_query(&b, &h, row[i].before);
        assert_string_equal(buf_at(&b), row[i].want);
    }
}

/* What was chosen stays chosen, and nothing that was typed becomes markup. */
static void test_form(void **state)
{
    (void)state;
    const struct history h = {.show = "reverted", .since = "\"><script>", .until = ""};
    BUF_AUTO b = BUF_INIT(10000);
    history_form(&b, &h);
    assert_non_null(strstr(b.at, "value=\"reverted\" selected>rolled back"));
    assert_null(strstr(b.at, "<script"));
    assert_non_null(strstr(b.at, "value=\"&#34;&gt;&lt;script&gt;\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_query), cmocka_unit_test(test_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

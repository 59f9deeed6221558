/* SPDX-License-Identifier: Apache-2.0
 *
 * The buffer keeps its maximum, the arena its promises, the error its text.
 */
#include "base/arena.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void buffer_grows_and_prints(void **state)
{
    (void)state;
    BUF_AUTO b = BUF_INIT(1000);
    assert_string_equal(buf_at(&b), "");
    buf_text(&b, NULL);
    buf_text(&b, "a");
    buf_byte(&b, 'b');
    buf_print(&b, "%d%s", 12, "c");
    buf_add(&b, "\0d", 2);
    assert_memory_equal(b.at, "ab12c\0d", 8);
    assert_int_equal(buf_span(&b).len, 7);
    assert_false(b.full);
    buf_clear(&b);
    assert_int_equal(b.max, 1000);
    assert_string_equal(buf_at(&b), "");
}

/* I8: at the cap and one past it. */
static void I8_buffer_keeps_its_maximum(void **state)
{
    (void)state;
    BUF_AUTO b = BUF_INIT(5);
    buf_text(&b, "12345");
    assert_false(b.full);
    buf_byte(&b, '6');
    assert_true(b.full);
    assert_string_equal(buf_at(&b), "12345");
    buf_clear(&b);
    buf_print(&b, "%s", "123456"); /* does not fit as a whole: nothing of it */
    assert_true(b.full);
    buf_text(&b, "1"); /* a prefix with a hole would be worse */
    assert_string_equal(buf_at(&b), "");
    BUF_AUTO none = BUF_INIT(0);
    buf_byte(&none, 'x');
    assert_true(none.full);
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t size = 0; size < 40000; size = size * 3 + 1) {
        unsigned char *p = arena_alloc(a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    size_t before = arena_bytes(a);
    arena_reset(a);
    assert_true(arena_bytes(a) < before);
    char *again = arena_alloc(a, 100); /* used before: zeroed all the same */
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(again[i], 0);
    assert_null(arena_free(NULL));
}

static void arena_keeps_text(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    assert_null(arena_text(a, NULL));
    assert_string_equal(arena_text(a, "x"), "x");
    assert_string_equal(arena_text_n(a, "abc", 2), "ab");
    assert_string_equal(arena_text_n(a, "abc", 0), "");
    assert_string_equal(arena_print(a, "%s-%d", "n", 7), "n-7");
    int *many = arena_many(a, 10, int);
    many[9] = 3;
    int *copy = arena_copy(a, many, 10 * sizeof *many);
    assert_int_equal(copy[9], 3);
}

static void error_carries_its_text(void **state)
{
    (void)state;
    struct hd_error err;
    assert_int_equal(hd_fail(&err, HD_PARSE, "line %d", 3), HD_PARSE);
    assert_int_equal(hd_error_add(&err, "file %s", "a.yaml"), HD_PARSE);
    assert_string_equal(err.text, "file a.yaml: line 3");
    assert_int_equal(err.code, HD_PARSE);
    assert_string_equal(hd_code_word(err.code), "parse");
    assert_int_equal(hd_fail(NULL, HD_LIMIT, "nobody listens"), HD_LIMIT);
    hd_fail(&err, HD_IO, "two\nlines\x1b");
    assert_string_equal(err.text, "two?lines?");
    for (int i = 0; i < 300; i++) /* context without end: cut, still one text */
        hd_error_add(&err, "context");
    assert_true(strlen(err.text) < sizeof err.text);
    assert_true(strncmp(err.text, "context: context", 16) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_grows_and_prints),
        cmocka_unit_test(I8_buffer_keeps_its_maximum),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(arena_keeps_text),
        cmocka_unit_test(error_carries_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

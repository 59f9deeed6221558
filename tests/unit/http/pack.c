/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies as gzip: they come back whole, who does not take it gets it plain, and a secret of the page
 * has no part in the length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "http/pack.h"

static void test_taken(void **state)
{
    static const struct {
        const char *accept;
        bool want;
    } row[] = {{NULL, false},       {"", false},
               {"gzip", true},      {"deflate, gzip;q=1.0, *;q=0.5", true},
               {"GZIP", true},      {"gzip;q=0", false},
               {"gzip;q=0.000", false}, {"gzip;q=0.1", true},
               {"br", false},       {"xgzip", false}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (pack_taken(row[i].accept) != row[i].want)
            fail_msg("\"%s\"", row[i].accept);
    }
}

static void unpack(const struct buf *b, char *out, size_t size)
{
    z_stream z = {0};
    assert_int_equal(inflateInit2(&z, 31), Z_OK);
    z.next_in = (unsigned char *)b->at;
    z.avail_in = (unsigned)b->len;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)size - 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    out[z.total_out] = '\0';
    (void)inflateEnd(&z);
}

static void fill(struct buf *b, const char *secret, const char *guess)
{
    for (int i = 0; i < 200; i++)
        buf_print(b, "<p>row %d of the page</p>", i);
    buf_print(b, "<input value=\"%s\"> %s", secret, guess);
    for (int i = 0; i < 200; i++)
        buf_print(b, "<p>row %d below, %s</p>", i, i == 100 ? guess : "");
}

static void test_round_trip(void **state)
{
    static char out[1u << 16];
    (void)state;
    BUF_AUTO b = BUF_INIT(1u << 20);
    BUF_AUTO same = BUF_INIT(1u << 20);
    fill(&b, "hlc_secret", "x");
    fill(&same, "hlc_secret", "x");
    size_t plain = b.len;
    assert_true(pack_gzip(&b, "hlc_secret"));
    assert_true(b.len * 4 < plain);
    unpack(&b, out, sizeof out);
    assert_string_equal(out, same.at);
    BUF_AUTO small = BUF_INIT(1000);
    buf_text(&small, "short");
    assert_false(pack_gzip(&small, NULL));
    assert_string_equal(small.at, "short");
}

/* A right guess beside the secret packs no better than a wrong one of the same length. */
static void test_secret(void **state)
{
    static const char *const guess[] = {"aQ7x9LmZ2pRtV4wYbN", "cK3d5FhJ8sTuW6eGiO"};
    size_t len[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        BUF_AUTO b = BUF_INIT(1u << 20);
        for (int k = 0; k < 300; k++)
            buf_print(&b, "<p>row %d</p>", k);
        buf_print(&b, "value=\"%s\"", guess[0]);
        for (int k = 0; k < 300; k++)
            buf_print(&b, "<p>row %d</p>", k);
        size_t before = b.len;
        buf_print(&b, "you asked for %.17s", guess[i]); /* one short: it is not the secret itself */
        assert_true(b.len > before);
        assert_true(pack_gzip(&b, guess[0]));
        len[i] = b.len;
    }
    /* Huffman codes of other letters may differ by a few bits, a match would save 15 bytes. */
    assert_true(len[0] > len[1] ? len[0] - len[1] <= 4 : len[1] - len[0] <= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_taken), cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_secret)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * When a stream wants to be looked at again: never at a time that is past, or the face's thread would
 * turn without end. The file itself is taken in, since what a stream remembers is its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/http/stream.c"

#define NOW 100000

static enum hd_code knows(struct store *s, struct hd_arena *a, const char *secret, int64_t now_ms,
                          struct store_account *ret, struct hd_error *err)
{
    (void)s;
    (void)a;
    (void)secret;
    (void)now_ms;
    (void)ret;
    (void)err;
    return HD_OK;
}

static void I8_when_to_look_again(void **state)
{
    static const struct {
        const char *name;
        http_who *who;
        char *secret;
        int64_t ask_ms, want; /* of boot time */
    } rows[] = {
        {"anybody may read", knows, NULL, 0, NOW + 15000},
        {"nobody is asked", NULL, (char *)"hld_x", 1, NOW + 15000},
        {"its token is to be asked, and the store cannot be read", knows, (char *)"hld_x", NOW, NOW + ASK_MS},
        {"so it has been for long", knows, (char *)"hld_x", 1, NOW + ASK_MS},
        {"its token is to be asked later", knows, (char *)"hld_x", NOW + 1, NOW + 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct streams all = {.n = 1, .who = rows[i].who, .beat_ms = 15000};
        struct stream s = {.all = &all, .beat_ms = NOW + 15000, .waiting = true, .secret = rows[i].secret,
                           .ask_ms = rows[i].ask_ms};
        all.first = &s;
        int64_t next = stream_feed(&all, NULL, (struct hd_now){.boot_ms = NOW, .wall_ms = NOW});
        if (next != rows[i].want)
            fail_msg("%s: %lld", rows[i].name, (long long)next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(I8_when_to_look_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

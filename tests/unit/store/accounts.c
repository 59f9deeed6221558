/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens and sessions: what the config says is replaced whole, what an order made stays, and both
 * have their caps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/accounts.h"
#include "../../support/store_fixture.h"

#include <haldane/policy.h>

static struct store_token token(const char *name, enum store_origin origin)
{
    return (struct store_token){.origin = (int32_t)origin,
                                .name = name,
                                .role = HD_TOKEN_OPERATOR,
                                .services = "[\"*\"]",
                                .hash = "h",
                                .made_ms = 5,
                                .until_ms = -1};
}

static void test_tokens(void **state)
{
    struct fixture *f = *state;
    const struct store_token of_config[] = {token("ci", STORE_ORIGIN_CONFIG), token("x", STORE_ORIGIN_CONFIG)};
    struct store_token made = token("made", STORE_ORIGIN_ORDER), taken = token("ci", STORE_ORIGIN_ORDER), *got;
    size_t n = 0;
    fixture_begin(f);
    OK(f, store_put_tokens(f->s, of_config, 2, &f->err));
    OK(f, store_add_token(f->s, &made, &f->err));
    fixture_commit(f);
    fixture_begin(f);
    assert_int_equal(store_add_token(f->s, &taken, &f->err), HD_CONFLICT);
    assert_int_equal(store_drop_token(f->s, "ci", &f->err), HD_ABSENT);
    store_rollback(f->s);
    fixture_begin(f);
    OK(f, store_put_tokens(f->s, of_config, 1, &f->err));
    fixture_commit(f);
    OK(f, store_tokens(f->s, f->arena, &got, &n, &f->err));
    assert_int_equal(n, 2);
    assert_string_equal(got[0].name, "ci");
    assert_string_equal(got[1].name, "made");
    assert_int_equal(got[1].role, HD_TOKEN_OPERATOR);
    assert_int_equal(got[1].until_ms, -1);
    fixture_begin(f);
    OK(f, store_drop_token(f->s, "made", &f->err));
    fixture_commit(f);
    OK(f, store_tokens(f->s, f->arena, &got, &n, &f->err));
    assert_int_equal(n, 1);
}

static void I8_tokens_cap(void **state)
{
    struct fixture *f = *state;
    char name[20];
    fixture_begin(f);
    for (int i = 0; i <= HD_TOKENS_MAX; i++) {
        (void)snprintf(name, sizeof name, "t%d", i);
        struct store_token t = token(name, STORE_ORIGIN_ORDER);
        enum hd_code code = store_add_token(f->s, &t, &f->err);
        if (code != (i < HD_TOKENS_MAX ? HD_OK : HD_LIMIT))
            fail_msg("token %d: %s", i, hd_code_word(code));
    }
    store_rollback(f->s);
}

static void test_sessions(void **state)
{
    struct fixture *f = *state;
    const char *of = NULL;
    fixture_begin(f);
    OK(f, store_add_session(f->s, "a", "token", 10, 20, &f->err));
    fixture_commit(f);
    OK(f, store_session(f->s, f->arena, "a", 19, &of, &f->err));
    assert_string_equal(of, "token");
    assert_int_equal(store_session(f->s, f->arena, "a", 20, &of, &f->err), HD_ABSENT);
    assert_int_equal(store_session(f->s, f->arena, "b", 19, &of, &f->err), HD_ABSENT);
    fixture_begin(f);
    OK(f, store_drop_session(f->s, "a", &f->err));
    fixture_commit(f);
    assert_int_equal(store_session(f->s, f->arena, "a", 19, &of, &f->err), HD_ABSENT);
}

static void I8_sessions_cap(void **state)
{
    struct fixture *f = *state;
    const char *of;
    char hash[20], token[20];
    fixture_begin(f);
    for (int i = 0; i <= HD_SESSIONS_MAX; i++) {
        (void)snprintf(hash, sizeof hash, "s%d", i);
        (void)snprintf(token, sizeof token, "t%d", i / HD_SESSIONS_OF_ONE);
        OK(f, store_add_session(f->s, hash, token, 0, 100, &f->err));
    }
    fixture_commit(f);
    assert_int_equal(store_session(f->s, f->arena, "s0", 1, &of, &f->err), HD_ABSENT);
    OK(f, store_session(f->s, f->arena, "s1", 1, &of, &f->err));
    OK(f, store_session(f->s, f->arena, hash, 1, &of, &f->err));
}

/* Who logs in again and again ends their own oldest session, and nobody else's. */
static void I8_sessions_of_one(void **state)
{
    struct fixture *f = *state;
    const char *of;
    char hash[20];
    fixture_begin(f);
    OK(f, store_add_session(f->s, "other", "theirs", 0, 100, &f->err));
    for (int i = 0; i <= HD_SESSIONS_MAX; i++) {
        (void)snprintf(hash, sizeof hash, "s%d", i);
        OK(f, store_add_session(f->s, hash, "mine", 0, 100, &f->err));
    }
    fixture_commit(f);
    OK(f, store_session(f->s, f->arena, "other", 1, &of, &f->err));
    (void)snprintf(hash, sizeof hash, "s%d", HD_SESSIONS_MAX - HD_SESSIONS_OF_ONE);
    assert_int_equal(store_session(f->s, f->arena, hash, 1, &of, &f->err), HD_ABSENT);
    (void)snprintf(hash, sizeof hash, "s%d", HD_SESSIONS_MAX - HD_SESSIONS_OF_ONE + 1);
    OK(f, store_session(f->s, f->arena, hash, 1, &of, &f->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(I8_sessions_of_one, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_tokens, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(I8_tokens_cap, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_sessions, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(I8_sessions_cap, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

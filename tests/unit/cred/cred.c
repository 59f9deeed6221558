/* SPDX-License-Identifier: Apache-2.0
 *
 * References and what they give, the caps, tokens, hashes, comparison.
 */
#include "cred/cred.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"

static char folder[] = "/tmp/cred-XXXXXX";

static void write_file(const char *name, const void *at, size_t len)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(at, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void test_is_reference(void **state)
{
    static const struct {
        const char *text;
        bool want;
    } row[] = {
        {"${file:/run/secrets/x}", true},
        {"${env:TOKEN_1}", true},
        {"${credential:grafana.key}", true},
        {"${file:relative}", false},
        {"${file:}", false},
        {"${file:/a}b", false},
        {"${file:/a", false},
        {"${file:/a}}", false},
        {"${env:1A}", false},
        {"${env:A-B}", false},
        {"${env:}", false},
        {"${credential:../shadow}", false},
        {"${credential:..}", false},
        {"${credential:a/b}", false},
        {"${vault:x}", false},
        {"plain", false},
        {"", false},
        {"x${file:/a}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (cred_is_reference(row[i].text) != row[i].want)
            fail_msg("%s: want %d", row[i].text, row[i].want);
    }
    assert_false(cred_is_reference(NULL));
}

static void test_resolve(void **state)
{
    static const struct {
        const char *name, *content; /* of the file; NULL: none */
        enum hd_code want;
        const char *secret;
    } row[] = {
        {"plain", "s3cret", HD_OK, "s3cret"},
        {"newline", "s3cret\n", HD_OK, "s3cret"},
        {"crlf", "s3cret\r\n", HD_OK, "s3cret"},
        {"utf8", "geheim\xc3\x9f", HD_OK, "geheim\xc3\x9f"},
        {"two-newlines", "s3cret\n\n", HD_INVALID, NULL},
        {"two-lines", "one\ntwo\n", HD_INVALID, NULL},
        {"tab", "a\tb", HD_INVALID, NULL},
        {"del", "a\x7f", HD_INVALID, NULL},
        {"empty", "", HD_ABSENT, NULL},
        {"only-newline", "\n", HD_ABSENT, NULL},
        {"missing", NULL, HD_ABSENT, NULL},
    };
    (void)state;
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        ARENA_AUTO a = arena_new();
        if (row[i].content)
            write_file(row[i].name, row[i].content, strlen(row[i].content));
        const char *ref[] = {arena_print(a, "${file:%s/%s}", folder, row[i].name),
                             arena_print(a, "${credential:%s}", row[i].name)};
        for (size_t r = 0; r < 2; r++) {
            const char *got = NULL;
            struct hd_error err = {0};
            enum hd_code code = cred_resolve(a, ref[r], &got, &err);
            if (code != row[i].want || (code == HD_OK && strcmp(got, row[i].secret) != 0))
                fail_msg("%s: %d %s, %s", ref[r], code, got ? got : "-", err.text);
            if (code && (!strstr(err.text, ref[r]) || strstr(err.text, "s3cret") || got))
                fail_msg("%s: the text names it, and only it: %s", ref[r], err.text);
        }
    }
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void test_resolve_elsewhere(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct hd_error err = {0};
    const char *got = NULL, *plain = "just text";
    assert_int_equal(cred_resolve(a, plain, &got, &err), HD_OK);
    assert_ptr_equal(got, plain);
    assert_int_equal(setenv("CRED_TEST", "from env", 1), 0);
    assert_int_equal(cred_resolve(a, "${env:CRED_TEST}", &got, &err), HD_OK);
    assert_string_equal(got, "from env");
    assert_int_equal(cred_resolve(a, "${env:CRED_TEST_ABSENT}", &got, &err), HD_ABSENT);
    assert_int_equal(cred_resolve(a, "${credential:x}", &got, &err), HD_ABSENT);
    assert_int_equal(cred_resolve(a, "Bearer ${env:CRED_TEST}", &got, &err), HD_INVALID);
    assert_int_equal(cred_resolve(a, "${file:relative}", &got, &err), HD_INVALID);
    assert_int_equal(cred_resolve(a, "${file:/dev/zero}", &got, &err), HD_INVALID);
    assert_int_equal(cred_resolve(a, arena_print(a, "${file:%s}", folder), &got, &err), HD_INVALID);
    const char *fifo = arena_print(a, "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(cred_resolve(a, arena_print(a, "${file:%s}", fifo), &got, &err), HD_INVALID);
    assert_string_equal(got, "from env");
}

static void test_I8_size_cap(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    char *text = arena_alloc(a, HD_SECRET_BYTES_MAX + 4);
    memset(text, 'x', HD_SECRET_BYTES_MAX + 3);
    const char *ref = arena_print(a, "${file:%s/big}", folder), *got = NULL;
    struct hd_error err = {0};
    text[HD_SECRET_BYTES_MAX] = '\r';
    text[HD_SECRET_BYTES_MAX + 1] = '\n';
    write_file("big", text, HD_SECRET_BYTES_MAX + 2);
    assert_int_equal(cred_resolve(a, ref, &got, &err), HD_OK);
    assert_int_equal(strlen(got), HD_SECRET_BYTES_MAX);
    text[HD_SECRET_BYTES_MAX] = 'x';
    write_file("big", text, HD_SECRET_BYTES_MAX + 2);
    assert_int_equal(cred_resolve(a, ref, &got, &err), HD_LIMIT);
    text[HD_SECRET_BYTES_MAX + 1] = 'x';
    write_file("big", text, HD_SECRET_BYTES_MAX + 3);
    assert_int_equal(cred_resolve(a, ref, &got, &err), HD_LIMIT);
}

static void test_nul_inside(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    const char *got = NULL;
    struct hd_error err = {0};
    write_file("nul", "ab\0cd", 5);
    assert_int_equal(cred_resolve(a, arena_print(a, "${file:%s/nul}", folder), &got, &err),
                     HD_INVALID);
}

static void test_denied(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        print_message("# left out: root may read everything\n");
        return;
    }
    ARENA_AUTO a = arena_new();
    const char *got = NULL, *path = arena_print(a, "%s/denied", folder);
    struct hd_error err = {0};
    write_file("denied", "x", 1);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(cred_resolve(a, arena_print(a, "${file:%s}", path), &got, &err), HD_DENIED);
}

static void test_token(void **state)
{
    (void)state;
    char one[64], two[64];
    struct hd_error err = {0};
    bool seen[128] = {false};
    size_t distinct = 0;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(cred_token_new(one, &err), HD_OK);
        assert_int_equal(cred_token_new(two, &err), HD_OK);
        assert_string_not_equal(one, two);
        assert_int_equal(strlen(one), 47);
        assert_memory_equal(one, "hld_", 4);
        for (const char *p = one + 4; *p; p++)
            seen[*p & 127] = true;
        assert_true(strchr("AEIMQUYcgkosw048", one[46]) != NULL); /* two bits of padding */
    }
    for (size_t i = 0; i < 128; i++)
        distinct += seen[i];
    assert_int_equal(distinct, 64);
}

static void test_sha256(void **state)
{
    static const struct {
        const char *text, *want; /* FIPS 180-4 examples */
    } row[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char out[65];
        cred_sha256_hex((struct hd_span){row[i].text, strlen(row[i].text)}, out);
        assert_string_equal(out, row[i].want);
    }
}

static void test_equal(void **state)
{
    static const struct {
        const char *a, *b;
        bool want;
    } row[] = {
        {"", "", true},        {"abc", "abc", true}, {"abc", "abd", false}, {"abc", "ab", false},
        {"", "a", false},      {"a", "", false},     {NULL, "a", false},    {"a", NULL, false},
        {NULL, NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (cred_equal(row[i].a, row[i].b) != row[i].want)
            fail_msg("row %zu", i);
    }
}

static int clean_up(void **state)
{
    static const char *const names[] = {"plain", "newline", "crlf",  "utf8", "two-newlines",
                                        "two-lines", "tab", "del",   "empty", "only-newline",
                                        "fifo",  "big",     "nul",   "denied"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_reference), cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_resolve_elsewhere), cmocka_unit_test(test_I8_size_cap),
        cmocka_unit_test(test_nul_inside), cmocka_unit_test(test_denied),
        cmocka_unit_test(test_token), cmocka_unit_test(test_sha256), cmocka_unit_test(test_equal),
    };
    if (!mkdtemp(folder))
        return 1;
    return cmocka_run_group_tests(tests, NULL, clean_up);
}

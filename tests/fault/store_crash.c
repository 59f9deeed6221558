/* SPDX-License-Identifier: Apache-2.0
 *
 * The store on the real file system: kill -9 in the middle of writing loses nothing that was
 * acknowledged (I7, I9), and a really full file system is survived with the ballast (I2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "../support/store_fixture.h"

#define KILLS 12u

static enum hd_code act(struct fixture *f, unsigned n)
{
    struct store_guard g = fixture_guard(n);
    enum hd_code code = store_begin(f->s, &f->err);
    if (!code)
        code = store_add_guard(f->s, &g, &f->err);
    for (uint32_t poll = 1; !code && poll <= 3; poll++) {
        struct store_evidence e = fixture_evidence(f->arena, poll, 40);
        code = store_put_evidence(f->s, g.id, &e, &f->err);
    }
    if (!code)
        code = store_commit(f->s, &f->err);
    if (code)
        store_rollback(f->s);
    arena_reset(f->arena);
    return code;
}

/* Acts for ever, and says each number once it is committed. */
static _Noreturn void child(struct fixture *f, unsigned first, int said)
{
    if (fixture_open(f))
        _exit(1);
    for (unsigned n = first;; n++) {
        if (act(f, n) || write(said, &n, sizeof n) != sizeof n)
            _exit(2);
    }
}

/* Reads what the child says until it is dead; after `until` it is killed. The last number said. */
static unsigned watch(pid_t pid, int said, unsigned until, int *ret_status)
{
    unsigned n = 0, last = UINT32_MAX;
    while (read(said, &n, sizeof n) == sizeof n) {
        if (n == until)
            assert_int_equal(kill(pid, SIGKILL), 0); /* it is in the next one by now */
        last = n;
    }
    assert_int_equal(waitpid(pid, ret_status, 0), pid);
    return last;
}

static void test_I9_killed_in_the_middle(void **state)
{
    struct fixture f;
    unsigned next = 0;
    (void)state;
    fixture_dir(&f);
    for (unsigned i = 0; i < KILLS; i++) {
        int pipe_of[2], status = 0;
        struct store_guard g;
        struct store_evidence *e;
        size_t n_e = 0;
        assert_int_equal(pipe(pipe_of), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child(&f, next, pipe_of[1]);
        (void)close(pipe_of[1]);
        unsigned last = watch(pid, pipe_of[0], next + 3 + 7 * i % 20, &status);
        (void)close(pipe_of[0]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        OK(&f, fixture_open(&f)); /* the dead child's lock is gone with it */
        OK(&f, store_check(f.s, &f.err));
        for (unsigned n = 0; n <= last; n++) {
            OK(&f, store_guard(f.s, f.arena, fixture_id(n), &g, &f.err));
            OK(&f, store_evidence(f.s, f.arena, fixture_id(n), &e, &n_e, &f.err));
            assert_int_equal(n_e, 3);
        }
        /* the one it died in may be there, the one after it not */
        next = last + 1;
        next += store_guard(f.s, f.arena, fixture_id(next), &g, &f.err) == HD_OK;
        assert_int_equal(store_guard(f.s, f.arena, fixture_id(next), &g, &f.err), HD_ABSENT);
        f.s = store_close(f.s);
        arena_reset(f.arena);
    }
    print_message("# %u acts, %u kills\n", next, KILLS);
    fixture_clean(&f);
}

/* A foreign file takes what is left. */
static void fill_the_rest(struct fixture *f)
{
    char name[96];
    static const char page[4096] = {1};
    (void)snprintf(name, sizeof name, "%s/foreign", f->dir);
    FILE *out = fopen(name, "wb");
    if (!out)
        return;
    (void)setvbuf(out, NULL, _IONBF, 0);
    while (fwrite(page, 1, sizeof page, out) == sizeof page) {
    }
    (void)fclose(out);
}

/* In a child of its own: the mount is its own as well. 77: no mount possible here. */
static _Noreturn void on_a_small_disk(struct fixture *f)
{
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", f->dir, "tmpfs", 0, "size=4m"))
        _exit(77);
    struct store_options o = {.path = f->path, .ballast = 1 << 20};
    struct store_guard g;
    enum hd_code code = store_open(&o, &f->s, &f->err);
    unsigned n = 0;
    if (code)
        _exit(10);
    while (!code) {
        code = act(f, n);
        n += !code;
    }
    if (code != HD_FULL || !store_ballast_used(f->s) || n < 10)
        _exit(11);
    if (act(f, n)) /* with the ballast's room */
        _exit(12);
    if (store_check(f->s, &f->err))
        _exit(13);
    f->s = store_close(f->s); /* folds the log in: there is room for a smaller ballast */
    o.ballast = 200 << 10;
    if (store_open(&o, &f->s, &f->err) || store_ballast_used(f->s))
        _exit(14);
    f->s = store_close(f->s);
    fill_the_rest(f); /* not even the log's index finds room now */
    if (store_open(&o, &f->s, &f->err) || !store_ballast_used(f->s))
        _exit(15);
    for (unsigned i = 0; i <= n; i++) {
        if (store_guard(f->s, f->arena, fixture_id(i), &g, &f->err))
            _exit(16);
    }
    _exit(0);
}

static void test_I2_full_file_system(void **state)
{
    struct fixture f;
    int status = 0;
    (void)state;
    fixture_dir(&f);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        on_a_small_disk(&f);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    fixture_clean(&f);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("# skipped: mounting a tmpfs needs root and a mount namespace\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_I9_killed_in_the_middle),
        cmocka_unit_test(test_I2_full_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

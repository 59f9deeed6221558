/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening: who may, what is refused, what a reader sees; the rules of a transaction.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../support/store_fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/sql.h"

/* Runs SQL past the store, on a closed file. */
static void raw(struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static char *slurp(const char *path, size_t *ret_len)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    char *at = malloc(8u << 20);
    assert_non_null(at);
    *ret_len = fread(at, 1, 8u << 20, in);
    (void)fclose(in);
    return at;
}

static void spill(const char *path, const char *at, size_t len)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(at, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

static void test_reopen(void **state)
{
    struct fixture *f = *state;
    struct store_guard g;
    fixture_begin(f);
    fixture_add_guard(f, 1);
    fixture_commit(f);
    f->s = store_close(f->s);
    OK(f, fixture_open(f));
    OK(f, store_guard(f->s, f->arena, fixture_id(1), &g, &f->err));
    OK(f, store_check(f->s, &f->err));
}

static void test_second_writer(void **state)
{
    struct fixture *f = *state;
    struct store_options o = {.path = f->path};
    struct store *other = NULL;
    assert_int_equal(store_open(&o, &other, &f->err), HD_CONFLICT);
    assert_null(other);
    assert_non_null(strstr(f->err.text, "-lock"));
    o.path = "/nonexistent/haldane.db";
    assert_int_equal(store_open(&o, &other, &f->err), HD_IO);
    assert_non_null(strstr(f->err.text, "(storage.path) must be there"));
    fixture_begin(f); /* and the first goes on */
    fixture_add_guard(f, 1);
    fixture_commit(f);
    f->s = store_close(f->s);
    OK(f, fixture_open(f));
}

/* Another process, which also opens and closes a reader, does not take the lock away. */
static void test_second_process(void **state)
{
    struct fixture *f = *state;
    struct store *reader = NULL;
    OK(f, store_open_reader(f->path, &reader, &f->err));
    store_close(reader);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store_options o = {.path = f->path};
        struct store *other = NULL;
        _exit((int)store_open(&o, &other, NULL));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), HD_CONFLICT);
}

/* What would be written then is lost with the process. */
static void I2_moved(void **state)
{
    struct fixture *f = *state;
    char away[96];
    (void)snprintf(away, sizeof away, "%s.copy", f->path);
    assert_int_equal(rename(f->path, away), 0);
    for (int replaced = 0; replaced < 2; replaced++) {
        assert_int_equal(store_sync(f->s, &f->err), HD_IO);
        assert_int_equal(store_begin(f->s, &f->err), HD_IO);
        assert_non_null(strstr(f->err.text, "was moved, deleted or replaced"));
        spill(f->path, "other", 5);
    }
    assert_int_equal(rename(away, f->path), 0);
    fixture_begin(f);
    fixture_add_guard(f, 1);
    fixture_commit(f);
}

/* So is what stands in its log; a reader makes another one of that name. */
static void I2_log_deleted(void **state)
{
    struct fixture *f = *state;
    struct store_guard g;
    char log[96];
    (void)snprintf(log, sizeof log, "%s-wal", f->path);
    fixture_begin(f);
    fixture_add_guard(f, 1);
    fixture_commit(f);
    assert_int_equal(unlink(log), 0);
    for (int replaced = 0; replaced < 2; replaced++) {
        assert_int_equal(store_sync(f->s, &f->err), HD_IO);
        assert_int_equal(store_begin(f->s, &f->err), HD_IO);
        assert_non_null(strstr(f->err.text, "-wal was moved, deleted or replaced"));
        spill(log, "", 0);
    }
    f->s = store_close(f->s);
    OK(f, fixture_open(f));
    OK(f, store_guard(f->s, f->arena, fixture_id(1), &g, &f->err));
}

static void test_newer(void **state)
{
    struct fixture *f = *state;
    struct store *reader = NULL;
    f->s = store_close(f->s);
    raw(f, "PRAGMA user_version = 1000000");
    assert_int_equal(fixture_open(f), HD_VERSION);
    assert_int_equal(store_open_reader(f->path, &reader, &f->err), HD_VERSION);
    char back[64];
    (void)snprintf(back, sizeof back, "PRAGMA user_version = %zu", store_n_steps);
    raw(f, back);
    OK(f, fixture_open(f));
}

static void test_strangers(void **state)
{
    struct fixture *f = *state;
    f->s = store_close(f->s);
    raw(f, "PRAGMA application_id = 7");
    assert_int_equal(fixture_open(f), HD_INVALID);
    static const char text[] =
        "just a text, long enough to be looked at as the header of a database: "
        "one hundred bytes are what SQLite reads first of all";
    spill(f->path, text, sizeof text);
    assert_int_equal(fixture_open(f), HD_CORRUPT);
    assert_int_equal(unlink(f->path), 0);
    struct store_options bad = {.path = "/nowhere/at/all.db"};
    assert_int_equal(store_open(&bad, &f->s, &f->err), HD_IO);
    bad.path = "";
    assert_int_equal(store_open(&bad, &f->s, &f->err), HD_INVALID);
}

/* Half a million evidence bytes, so that there are many kinds of pages. */
static void fill(struct fixture *f)
{
    fixture_begin(f);
    for (unsigned n = 1; n <= 20; n++) {
        fixture_add_guard(f, n);
        for (uint32_t poll = 1; poll <= 20; poll++) {
            struct store_evidence e = fixture_evidence(f->arena, poll, 40);
            OK(f, store_put_evidence(f->s, fixture_id(n), &e, &f->err));
        }
    }
    fixture_commit(f);
}

static void test_damaged(void **state)
{
    struct fixture *f = *state;
    size_t len = 0, len_now = 0;
    fill(f);
    f->s = store_close(f->s);
    char *whole = slurp(f->path, &len);
    static const struct {
        const char *name;
        size_t at, bytes; /* overwritten with 0xa5 */
        double keep;      /* share of the file that is left */
    } row[] = {
        {"the header", 0, 16, 1},
        {"the page size", 16, 2, 1},
        {"the schema page", 100, 40, 1},
        {"a page in the middle", 4096 * 20, 64, 1},
        {"the last page", SIZE_MAX, 4096, 1},
        {"cut in half", 0, 0, 0.5},
        {"cut within the first page", 0, 0, 0.001},
        {"cut by one page", 0, 0, -1},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        size_t keep = row[i].keep < 0 ? len - 4096 : (size_t)((double)len * row[i].keep);
        size_t at = row[i].at == SIZE_MAX ? len - 4096 : row[i].at;
        char *bad = malloc(len);
        assert_non_null(bad);
        memcpy(bad, whole, len);
        memset(bad + at, 0xa5, row[i].bytes);
        spill(f->path, bad, keep);
        enum hd_code code = fixture_open(f);
        if (code != HD_CORRUPT)
            fail_msg("%s: %s: %s", row[i].name, hd_code_word(code), f->err.text);
        char *now = slurp(f->path, &len_now);
        if (len_now != keep || memcmp(now, bad, keep) != 0)
            fail_msg("%s: the file was changed", row[i].name);
        free(now);
        free(bad);
    }
    spill(f->path, whole, len);
    OK(f, fixture_open(f));
    free(whole);
}

/* A crash left rows in the log, and the database is damaged: refusing it folds nothing in. */
static void test_damaged_with_a_log(void **state)
{
    struct fixture *f = *state;
    char wal_name[96];
    size_t len = 0, wal_len = 0, len_now = 0;
    (void)snprintf(wal_name, sizeof wal_name, "%s-wal", f->path);
    fill(f);
    f->s = store_close(f->s);
    OK(f, fixture_open(f));
    fixture_begin(f);
    fixture_add_guard(f, 21);
    fixture_commit(f);
    char *bad = slurp(f->path, &len), *wal = slurp(wal_name, &wal_len);
    f->s = store_close(f->s);
    memset(bad + len / 2 / 4096 * 4096, 0xa5, 64);
    spill(f->path, bad, len);
    spill(wal_name, wal, wal_len);
    assert_int_equal(fixture_open(f), HD_CORRUPT);
    char *now = slurp(f->path, &len_now);
    assert_int_equal(len_now, len);
    assert_memory_equal(now, bad, len);
    free(now);
    now = slurp(wal_name, &len_now);
    assert_int_equal(len_now, wal_len);
    assert_memory_equal(now, wal, wal_len);
    free(now);
    free(wal);
    free(bad);
}

/* An emptied file beside a log with rows: SQLite alone would delete the log. */
static void test_emptied(void **state)
{
    struct fixture *f = *state;
    char wal[96];
    (void)snprintf(wal, sizeof wal, "%s-wal", f->path);
    f->s = store_close(f->s);
    spill(f->path, "", 0);
    spill(wal, "rows", 4);
    assert_int_equal(fixture_open(f), HD_CORRUPT);
    assert_int_equal(access(wal, F_OK), 0);
    assert_int_equal(unlink(wal), 0);
    OK(f, fixture_open(f)); /* an empty file alone is a new one */
}

static void test_reader(void **state)
{
    struct fixture *f = *state;
    struct store *reader = NULL;
    struct store_guard g;
    OK(f, store_open_reader(f->path, &reader, &f->err));
    fixture_begin(f);
    fixture_add_guard(f, 1);
    assert_int_equal(store_guard(reader, f->arena, fixture_id(1), &g, &f->err), HD_ABSENT);
    fixture_commit(f);
    OK(f, store_guard(reader, f->arena, fixture_id(1), &g, &f->err));
    /* one moment between begin and commit */
    OK(f, store_begin(reader, &f->err));
    OK(f, store_guard(reader, f->arena, fixture_id(1), &g, &f->err));
    fixture_begin(f);
    fixture_add_guard(f, 2);
    fixture_commit(f);
    assert_int_equal(store_guard(reader, f->arena, fixture_id(2), &g, &f->err), HD_ABSENT);
    /* no writing */
    g = fixture_guard(3);
    assert_int_equal(store_add_guard(reader, &g, &f->err), HD_DENIED);
    assert_int_equal(store_restore_ballast(reader, &f->err), HD_DENIED);
    OK(f, store_commit(reader, &f->err));
    OK(f, store_guard(reader, f->arena, fixture_id(2), &g, &f->err));
    OK(f, store_check(reader, &f->err));
    store_close(reader);
}

static void test_reader_without_daemon(void **state)
{
    struct fixture *f = *state;
    struct store *reader = NULL;
    struct store_guard g;
    fixture_begin(f);
    fixture_add_guard(f, 1);
    fixture_commit(f);
    f->s = store_close(f->s);
    OK(f, store_open_reader(f->path, &reader, &f->err));
    OK(f, store_guard(reader, f->arena, fixture_id(1), &g, &f->err));
    reader = store_close(reader);
    char name[96];
    (void)snprintf(name, sizeof name, "%s.none", f->path);
    assert_int_equal(store_open_reader(name, &reader, &f->err), HD_ABSENT);
    assert_int_equal(access(name, F_OK), -1);
    spill(f->path, "", 0);
    assert_int_equal(store_open_reader(f->path, &reader, &f->err), HD_ABSENT);
}

static void test_transactions(void **state)
{
    struct fixture *f = *state;
    struct store_guard g = fixture_guard(1);
    assert_int_equal(store_add_guard(f->s, &g, &f->err), HD_INVALID);
    assert_int_equal(store_commit(f->s, &f->err), HD_INVALID);
    store_rollback(f->s);
    fixture_begin(f);
    assert_int_equal(store_begin(f->s, &f->err), HD_INVALID);
    OK(f, store_add_guard(f->s, &g, &f->err));
    store_rollback(f->s);
    assert_int_equal(store_guard(f->s, f->arena, g.id, &g, &f->err), HD_ABSENT);
    /* after a failed write nothing of the transaction is stored, not even by later writes */
    g = fixture_guard(2);
    fixture_begin(f);
    OK(f, store_add_guard(f->s, &g, &f->err));
    assert_int_equal(store_add_guard(f->s, &g, &f->err), HD_CONFLICT);
    assert_int_equal(store_put_fact(f->s, "later", "x", &f->err), HD_CONFLICT);
    assert_int_equal(store_commit(f->s, &f->err), HD_CONFLICT);
    const char *value;
    assert_int_equal(store_fact(f->s, f->arena, "later", &value, &f->err), HD_ABSENT);
    assert_int_equal(store_guard(f->s, f->arena, g.id, &g, &f->err), HD_ABSENT);
    g = fixture_guard(3);
    fixture_begin(f); /* and the next one is fine */
    OK(f, store_add_guard(f->s, &g, &f->err));
    f->s = store_close(f->s); /* rolls back what is open */
    OK(f, fixture_open(f));
    assert_int_equal(store_guard(f->s, f->arena, g.id, &g, &f->err), HD_ABSENT);
}

static off_t size_of(struct fixture *f, const char *suffix)
{
    struct stat st;
    char name[96];
    (void)snprintf(name, sizeof name, "%s%s", f->path, suffix);
    return stat(name, &st) ? -1 : st.st_size;
}

static void test_ballast(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        int64_t ballast;
    } row[] = {
        {"made", 100000}, {"kept", 100000}, {"grown", 300001}, {"shrunk", 5000}, {"none", 0}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct store_options o = {.path = f->path, .ballast = row[i].ballast};
        f->s = store_close(f->s);
        OK(f, store_open(&o, &f->s, &f->err));
        off_t want = row[i].ballast ? row[i].ballast : -1;
        if (size_of(f, "-ballast") != want || store_ballast_used(f->s))
            fail_msg("%s: %lld", row[i].name, (long long)size_of(f, "-ballast"));
    }
}

/* Every setting that durability and safety rest on. */
static void test_settings(void **state)
{
    struct fixture *f = *state;
    f->s = store_close(f->s);
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT count(*) FROM pragma_table_list WHERE schema = 'main'"
                           " AND strict = 0 AND name NOT LIKE 'sqlite_%'",
                           -1, &stmt, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 0); /* every table is STRICT */
    sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "wal");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void assert_mode(const char *path, const char *suffix)
{
    char name[128];
    struct stat st;
    (void)snprintf(name, sizeof name, "%s%s", path, suffix);
    if (stat(name, &st) != 0)
        fail_msg("%s is not there", name);
    if ((st.st_mode & 07777) != 0600)
        fail_msg("%s has the mode %04o", name, (unsigned)(st.st_mode & 07777));
}

/* Whatever the shell says: who may not read the store reads no query, address or hash of a token. */
static void test_private(void **state)
{
    static const char *const made[] = {"", "-wal", "-shm", "-lock", "-ballast"};
    struct fixture *f = *state;
    f->s = store_close(f->s);
    static const char *const old[] = {"", "-lock"};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s", f->path, old[i]);
        assert_int_equal(unlink(name), 0);
    }
    mode_t was = umask(0022);
    struct store_options o = {.path = f->path, .ballast = 1 << 16};
    OK(f, store_open(&o, &f->s, &f->err));
    fixture_begin(f);
    fixture_add_guard(f, 1);
    fixture_commit(f);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        assert_mode(f->path, made[i]);
    char copy[128];
    (void)snprintf(copy, sizeof copy, "%s.copy", f->path);
    OK(f, store_backup(f->s, copy, &f->err));
    assert_mode(copy, "");
    assert_int_equal(umask(was), 0022); /* and a child's files are its own affair */
    assert_int_equal(unlink(copy), 0);
}

#define STRANGER 65534

/* What a stranger is told who opens the store: 0 when it is what is meant. In a process of its own. */
static int as_stranger(const struct fixture *f, bool write, const char *want)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct store_options o = {.path = f->path};
        struct store *s = NULL;
        struct hd_error err = {.text = ""};
        if (geteuid() == 0 && setresuid(STRANGER, STRANGER, STRANGER) != 0)
            _exit(2);
        enum hd_code code = write ? store_open(&o, &s, &err) : store_open_reader(f->path, &s, &err);
        if (code == HD_DENIED && strstr(err.text, want) && strstr(err.text, "permission denied: user "))
            _exit(0);
        (void)fprintf(stderr, "got %s: %s\n", hd_code_word(code), err.text);
        _exit(1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_denied(void **state)
{
    struct fixture *f = *state;
    char lock[128];
    (void)snprintf(lock, sizeof lock, "%s-lock", f->path);
    f->s = store_close(f->s);
    bool root = geteuid() == 0; /* else we are refused ourselves */
    assert_int_equal(chmod(f->dir, 0000), 0);
    assert_int_equal(as_stranger(f, true, "write into"), 0);
    assert_int_equal(as_stranger(f, false, "look into"), 0);
    assert_int_equal(chmod(f->dir, root ? 0755 : 0555), 0);
    if (root) /* the owner of a folder may write into it */
        assert_int_equal(as_stranger(f, true, "write into"), 0);
    assert_int_equal(chmod(f->dir, root ? 0777 : 0700), 0);
    assert_int_equal(chmod(lock, root ? 0644 : 0444), 0); /* what a `sudo haldane serve` leaves */
    assert_int_equal(as_stranger(f, true, "may not write "), 0);
    assert_int_equal(chmod(lock, 0666), 0);
    assert_int_equal(chmod(f->path, root ? 0600 : 0000), 0);
    assert_int_equal(as_stranger(f, false, "may not read"), 0);
    assert_int_equal(chmod(f->path, 0600), 0);
    assert_int_equal(chmod(f->dir, 0700), 0);
    OK(f, fixture_open(f));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_reopen),
        T(test_second_writer),
        T(test_second_process),
        T(I2_moved),
        T(I2_log_deleted),
        T(test_newer),
        T(test_strangers),
        T(test_damaged),
        T(test_damaged_with_a_log),
        T(test_emptied),
        T(test_reader),
        T(test_reader_without_daemon),
        T(test_transactions),
        T(test_ballast),
        T(test_settings),
        T(test_private),
        T(test_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What every test of the store needs: a directory of its own, a filled guard, rows that differ by
 * their number. Static functions only; include it after cmocka.h.
 */
#ifndef SUPPORT_STORE_FIXTURE_H
#define SUPPORT_STORE_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/store.h"

#define FIXTURE __attribute__((unused)) static

struct fixture {
    char dir[64], path[80];
    struct store *s;
    struct hd_arena *arena;
    struct hd_error err;
};

/* `code` must be OK, else the test fails with the error's text. */
#define OK(f, code)                                                                                \
    do {                                                                                           \
        enum hd_code ok_ = (code);                                                                 \
        if (ok_)                                                                                   \
            fail_msg("%s: %s: %s", #code, hd_code_word(ok_), (f)->err.text);                       \
    } while (0)

FIXTURE void fixture_dir(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/store.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/h.db", f->dir);
    f->arena = arena_new();
}

FIXTURE enum hd_code fixture_open(struct fixture *f)
{
    struct store_options o = {.path = f->path};
    return store_open(&o, &f->s, &f->err);
}

FIXTURE int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_dir(f);
    OK(f, fixture_open(f));
    *state = f;
    return 0;
}

FIXTURE void fixture_clean(struct fixture *f)
{
    static const char *const suffix[] = {"", "-wal", "-shm", "-lock", "-ballast", ".copy"};
    f->s = store_close(f->s);
    f->arena = arena_free(f->arena);
    for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
        char name[96];
        (void)snprintf(name, sizeof name, "%s%s", f->path, suffix[i]);
        (void)unlink(name);
    }
    if (rmdir(f->dir))
        fail_msg("%s is not empty", f->dir);
}

FIXTURE int fixture_teardown(void **state)
{
    fixture_clean(*state);
    free(*state);
    return 0;
}

FIXTURE void fixture_begin(struct fixture *f) { OK(f, store_begin(f->s, &f->err)); }
FIXTURE void fixture_commit(struct fixture *f) { OK(f, store_commit(f->s, &f->err)); }

/* Ids sort by their number. */
FIXTURE const char *fixture_id(unsigned n)
{
    static char id[27];
    (void)snprintf(id, sizeof id, "01J0000000000000000%07u", n % 10000000);
    return id;
}

/* A live guard of "shop" with every text different. */
FIXTURE struct store_guard fixture_guard(unsigned n)
{
    struct store_guard g = {
        .service = "shop", .state = HD_STATE_WATCHING, .mode = HD_MODE_ADVISE,
        .verdict = HD_VERDICT_NONE, .cause = HD_CAUSE_RELEASE, .score = 0.1 + n,
        .trigger = "traffic", .stable = "blue", .candidate = "green", .stable_version = "v40",
        .candidate_version = "v41", .value_before = "a=1", .value_after = "a=0",
        .switch_from_ms = 1000 + n, .switch_to_ms = 2000 + n, .started_ms = 3000 + n,
        .until_ms = 4000 + n, .ended_ms = -1, .decided_ms = -1, .sent_ms = 5, .accepted_ms = 6,
        .verified_ms = 7, .recovered_ms = 8, .bad_since_ms = 9, .headline = "head", .why = "",
        .reasons = "[]", .native = "echo", .rehearsal = "fine", .change = "{}",
        .config_hash = "abc", .pin = "the pin", .checks = "[1]", .resume = "{\"r\":1}",
        .counts = {"\1\0counts", 8},
    };
    (void)snprintf(g.id, sizeof g.id, "%s", fixture_id(n));
    return g;
}

FIXTURE void fixture_add_guard(struct fixture *f, unsigned n)
{
    struct store_guard g = fixture_guard(n);
    OK(f, store_add_guard(f->s, &g, &f->err));
}

/* `n` measurements that fill a blob of about 30 n bytes. */
FIXTURE struct store_evidence fixture_evidence(struct hd_arena *arena, uint32_t poll, size_t n)
{
    struct hd_measurement *m = arena_many(arena, n, struct hd_measurement);
    for (size_t i = 0; i < n; i++)
        m[i] = (struct hd_measurement){.check = (uint8_t)(i / 2),
                                       .role = i % 2,
                                       .events = poll * 0.1,
                                       .exposure = poll + 0.3,
                                       .value = NAN,
                                       .age_ms = 700,
                                       .covers_ms = 5000};
    return (struct store_evidence){.wall_ms = 1000 * poll, .t_ms = 5000 * poll,
                                   .evidence = {.poll = poll, .m = m, .n = n}};
}

#endif

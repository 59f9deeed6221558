/* SPDX-License-Identifier: Apache-2.0
 *
 * See sched.h. A binary heap of (due, key), and a table key -> place in the heap, so that moving a
 * key costs no search. Reads no clock and starts nothing. Called by pipeline/ once per turn.
 */
#include "sched/sched.h"

#include <stdlib.h>

struct item {
    int64_t due_ms;
    uint64_t key;
};

struct slot {
    uint64_t key;
    size_t at; /* place in the heap + 1; 0: empty */
};

struct sched {
    struct item *heap;
    size_t n;
    struct slot *slot;
    size_t size; /* room in the heap; the table has twice as many slots, so half stay empty */
};

int64_t sched_next_multiple(int64_t now_ms, int64_t every_ms)
{
    if (every_ms < 1)
        every_ms = 1;
    int64_t rest = now_ms % every_ms;
    if (rest < 0)
        rest += every_ms;
    int64_t next;
    return __builtin_add_overflow(now_ms, every_ms - rest, &next) ? INT64_MAX : next;
}

int64_t sched_backoff_ms(unsigned n, int64_t base_ms, int64_t cap_ms, uint64_t jitter)
{
    int64_t wait = base_ms < 1 ? 1 : base_ms;
    for (unsigned i = 1; i < n && wait < cap_ms; i++)
        wait = wait > cap_ms / 2 ? cap_ms : wait * 2;
    if (wait > cap_ms)
        wait = cap_ms;
    if (wait < 4)
        return wait < 0 ? 0 : wait;
    return wait - (int64_t)(jitter % ((uint64_t)wait / 4 + 1));
}

struct sched *sched_new(void) { return calloc(1, sizeof(struct sched)); }

struct sched *sched_free(struct sched *s)
{
    if (s) {
        free(s->heap);
        free(s->slot);
        free(s);
    }
    return NULL;
}

/* splitmix64's finalizer: keys are often small numbers with a tag in the high bits. */
static size_t home_of(const struct sched *s, uint64_t key)
{
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return (size_t)(key ^ (key >> 31)) & (2 * s->size - 1);
}

/* The slot of the key, or the empty one where it belongs. */
static size_t slot_of(const struct sched *s, uint64_t key)
{
    size_t i = home_of(s, key);
    while (s->slot[i].at && s->slot[i].key != key)
        i = (i + 1) & (2 * s->size - 1);
    return i;
}

/* Empties a slot and closes the gap: a later key that was pushed past it moves back. */
static void slot_drop(struct sched *s, size_t gap)
{
    size_t mask = 2 * s->size - 1;
    for (size_t i = (gap + 1) & mask; s->slot[i].at; i = (i + 1) & mask) {
        size_t home = home_of(s, s->slot[i].key);
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            s->slot[gap] = s->slot[i];
            gap = i;
        }
    }
    s->slot[gap].at = 0;
}

static bool before(const struct item *a, const struct item *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->key < b->key;
}

static void put(struct sched *s, size_t at, struct item item)
{
    s->heap[at] = item;
    s->slot[slot_of(s, item.key)] = (struct slot){item.key, at + 1};
}

/* Puts the item where it belongs, beginning at the free place `at`. */
static void settle(struct sched *s, size_t at, struct item item)
{
    while (at && before(&item, &s->heap[(at - 1) / 2])) {
        put(s, at, s->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < s->n && before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (child >= s->n || !before(&s->heap[child], &item))
            break;
        put(s, at, s->heap[child]);
        at = child;
    }
    put(s, at, item);
}

static bool grow(struct sched *s)
{
    size_t size = s->size ? s->size * 2 : 16;
    struct item *heap = realloc(s->heap, size * sizeof *heap);
    if (!heap)
        return false;
    s->heap = heap;
    struct slot *slot = calloc(2 * size, sizeof *slot);
    if (!slot)
        return false;
    free(s->slot);
    s->slot = slot;
    s->size = size;
    for (size_t i = 0; i < s->n; i++)
        s->slot[slot_of(s, heap[i].key)] = (struct slot){heap[i].key, i + 1};
    return true;
}

bool sched_set(struct sched *s, uint64_t key, int64_t due_ms)
{
    if (s->n == s->size && !grow(s))
        return false;
    size_t at = s->slot[slot_of(s, key)].at;
    at = at ? at - 1 : s->n++;
    settle(s, at, (struct item){due_ms, key});
    return true;
}

void sched_drop(struct sched *s, uint64_t key)
{
    if (!s->n)
        return;
    size_t slot = slot_of(s, key), at = s->slot[slot].at;
    if (!at--)
        return;
    slot_drop(s, slot);
    struct item last = s->heap[--s->n];
    if (at < s->n)
        settle(s, at, last);
}

bool sched_pop(struct sched *s, int64_t now_ms, uint64_t *ret_key, int64_t *ret_due_ms)
{
    if (!s->n || s->heap[0].due_ms > now_ms)
        return false;
    struct item first = s->heap[0];
    sched_drop(s, first.key);
    *ret_key = first.key;
    *ret_due_ms = first.due_ms;
    return true;
}

int64_t sched_due(const struct sched *s) { return s->n ? s->heap[0].due_ms : INT64_MAX; }

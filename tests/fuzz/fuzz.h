/* SPDX-License-Identifier: Apache-2.0
 *
 * What every fuzz target has: its entry, a promise that must hold for any input, and ways to take
 * values out of the input.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            (void)fprintf(stderr, "broken promise: %s\n", #what);                                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The input, eaten from the front; what is missing at its end is zero. */
struct fuzz {
    const uint8_t *at;
    size_t left;
};

static inline void fuzz_take(struct fuzz *f, void *to, size_t n)
{
    size_t there = n < f->left ? n : f->left;
    memset(to, 0, n);
    if (there)
        memcpy(to, f->at, there);
    f->at += there;
    f->left -= there;
}

/* Up to the next newline, which is eaten too; the caller frees it. */
static inline char *fuzz_line(struct fuzz *f)
{
    const uint8_t *end = f->left ? memchr(f->at, '\n', f->left) : NULL;
    size_t n = end ? (size_t)(end - f->at) : f->left;
    char *line = malloc(n + 1);
    if (!line)
        abort();
    fuzz_take(f, line, n);
    line[n] = '\0';
    f->at += end != NULL;
    f->left -= end != NULL;
    return line;
}

static inline bool fuzz_plain(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            return false;
    }
    return true;
}

#endif

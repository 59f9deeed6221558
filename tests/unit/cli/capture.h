/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of cli/: runs something and keeps what it wrote on stdout and stderr.
 */
#ifndef TEST_CLI_CAPTURE_H
#define TEST_CLI_CAPTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAID_MAX = 32768 };

struct said {
    int status;
    char out[SAID_MAX], err[SAID_MAX];
};

static inline void slurp(FILE *f, char *to)
{
    rewind(f);
    size_t n = fread(to, 1, SAID_MAX - 1, f);
    to[n] = '\0';
    (void)fclose(f);
}

static inline void capture(int (*run)(int, char **), int argc, char **argv, struct said *ret)
{
    FILE *file[2] = {tmpfile(), tmpfile()};
    int kept[2];
    assert_non_null(file[0]);
    assert_non_null(file[1]);
    (void)fflush(NULL);
    for (int i = 0; i < 2; i++) {
        kept[i] = dup(i + 1);
        (void)dup2(fileno(file[i]), i + 1);
    }
    ret->status = run(argc, argv);
    (void)fflush(NULL);
    for (int i = 0; i < 2; i++) {
        (void)dup2(kept[i], i + 1);
        (void)close(kept[i]);
    }
    slurp(file[0], ret->out);
    slurp(file[1], ret->err);
}

/* Fails, naming the row, unless `text` holds `part`; a part "" is for an empty text. */
static inline void holds(const char *row, const char *what, const char *text, const char *part)
{
    if (part && (*part ? !strstr(text, part) : *text))
        fail_msg("%s: %s is\n%s\nwithout \"%s\"", row, what, text, part);
}

#endif

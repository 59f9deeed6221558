/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for the end of a guard, for `wait` and `guard --wait`.
 */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "cli/client.h"

#define WAIT_OPTIONS                                                                               \
    {"timeout", 't', "T", "wait no longer than this (\"20m\"); the guard goes on, exit 8"},        \
        {"ci", '\0', "github", "tell the end as workflow commands of GitHub Actions, on stderr"},  \
        {"junit", '\0', "FILE", "write the end as a JUnit file, a test case for each check"},      \
    {                                                                                              \
        "fail-on", '\0', "CODES", "of these exit codes (\"1,3\"); 0 instead of 1 3 4 5 6 8 9 else" \
    }

struct wait_options {
    int64_t timeout_ms; /* -1: none */
    uint32_t fail_on;   /* bit by exit code */
    bool json, github;
    const char *junit; /* file, or NULL */
    struct buf *suites; /* of the guards that were waited for before, for the same file; NULL: none is */
};

/* Reads --timeout, --fail-on and --output; an exit status. */
int wait_read_options(const struct cli_args *, struct wait_options *ret);
/* The first of --timeout, --ci, --junit and --fail-on that is given; NULL: none is. */
const char *wait_option(const struct cli_args *);
/* Polls until the guard has ended or settled; tells changes on stderr, the result on stdout. Gives
 * the exit status, after --fail-on. */
int wait_guard(struct client *, const char *id, const struct wait_options *);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a guard in the forms that CI systems show: workflow commands of GitHub Actions, and a
 * JUnit file (the dialect that Jenkins, GitLab and Buildkite read). Pure but for report_save.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "base/buf.h"
#include "cli/face.h"

/* `status`: how the wait ended (enum cli_exit, before --fail-on). `why`: what hindered it, or NULL.
 * The guard may be all empty when the daemon never answered. */
void report_github(const struct face_guard *, int status, const char *why, struct buf *);
/* Adds a suite; report_junit_file makes a file of all of them. */
void report_junit(const struct face_guard *, int status, const char *why, int64_t wall_ms,
                  struct buf *suites);
void report_junit_file(const struct buf *suites, struct buf *);

/* Replaces the file whole, or leaves it as it was. False: errno says why. */
bool report_save(const char *path, const struct buf *);

#endif

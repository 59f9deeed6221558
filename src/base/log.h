/* SPDX-License-Identifier: Apache-2.0
 *
 * The only writer of stderr in the daemon: one line per event, `level key=value ... msg="..."`,
 * with systemd's <N> prefix when stderr is the journal. Only main, pipeline, http and loop log;
 * a level below the chosen one costs one comparison.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <haldane/error.h>

enum log_level {
    LOG_ERROR, /* a human must act */
    LOG_WARN,  /* going on, and saying what is ignored or retried */
    LOG_INFO,  /* changes of state */
    LOG_DEBUG,
};

void log_set_level(enum log_level);
enum log_level log_get_level(void);
int log_level_of(const char *text); /* -1: no such level */
/* `subject` is what the line is about: a service, a data source, "config"; may be NULL. Foreign
 * text in the arguments is made harmless. Thread-safe: one write per line. */
void log_write(enum log_level, const char *subject, const char *format, ...) HD_PRINTF(3, 4);

#define log_error(subject, ...) log_write(LOG_ERROR, (subject), __VA_ARGS__)
#define log_warn(subject, ...) log_write(LOG_WARN, (subject), __VA_ARGS__)
#define log_info(subject, ...) log_write(LOG_INFO, (subject), __VA_ARGS__)
#define log_debug(subject, ...) log_write(LOG_DEBUG, (subject), __VA_ARGS__)

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * See log.h. A line is built on the stack and written with one write(2).
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

static atomic_int chosen = LOG_INFO;
static const char *const word[] = {"error", "warn", "info", "debug"};

void log_set_level(enum log_level level) { atomic_store(&chosen, (int)level); }
enum log_level log_get_level(void) { return (enum log_level)atomic_load(&chosen); }

int log_level_of(const char *text)
{
    for (int i = 0; i < 4; i++) {
        if (str_is(word[i], text))
            return i;
    }
    return -1;
}

void log_write(enum log_level level, const char *subject, const char *format, ...)
{
    static const int priority[] = {3, 4, 6, 7}; /* syslog(3) */
    if ((int)level > atomic_load(&chosen))
        return;
    char text[1600], time[STR_TIME_MAX], line[2000];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    str_clean(text, sizeof text - 1);
    int n;
    if (getenv("JOURNAL_STREAM"))
        n = snprintf(line, sizeof line, "<%d>%s%s%s\n", priority[level], subject ? subject : "",
                     subject ? ": " : "", text);
    else
        n = snprintf(line, sizeof line, "%s %-5s %s%s%s\n", str_time(clock_now().wall_ms, time),
                     word[level], subject ? subject : "", subject ? ": " : "", text);
    if (n < 0)
        return;
    size_t len = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    line[len - 1] = '\n';
    ssize_t done = write(STDERR_FILENO, line, len);
    (void)done; /* nowhere left to complain */
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * base/log.h for the simulation: lines carry simulated time, and an error that says that haldane
 * broke its own rules is a violation.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

static enum log_level chosen = LOG_INFO;

void log_set_level(enum log_level level) { chosen = level; }
enum log_level log_get_level(void) { return chosen; }
int log_level_of(const char *word)
{
    (void)word;
    return -1;
}

void log_write(enum log_level level, const char *subject, const char *format, ...)
{
    char text[2000];
    va_list args;
    if (!sim_now || (level > LOG_ERROR && !sim_now->verbose))
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (level == LOG_ERROR && strstr(text, "refused to "))
        violation(sim_now, "state.def", "%s", text);
    say(sim_now, subject ? subject : "haldane", "  log: %s", text);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * How a live guard stands for whoever looks, by what the store knows: whether its release breaks a limit, and
 * whether haldane would take it back. "All well" is said of the first one only. Pure.
 */
#ifndef HTTP_COURSE_H
#define HTTP_COURSE_H

#include "http/view.h"

/* The most pressing last. */
enum course {
    COURSE_WELL,      /* nothing is wrong, or it has ended */
    COURSE_LEFT,      /* nothing is wrong, but haldane would not take it back */
    COURSE_BACK,      /* it was taken back, and users are not proven well yet */
    COURSE_ACTING,    /* it is being taken back */
    COURSE_OVER,      /* over a limit; whether to act is being decided */
    COURSE_OVER_LEFT, /* over a limit, and haldane will not take it back */
};
enum { COURSES = COURSE_OVER_LEFT + 1 };

/* `stance`: to this guard; NULL: not known. */
enum course course_of(const struct store_guard *, const struct stance *);
/* Of a guard that needs nobody: am I needed, and what is going on? */
const char *course_need(const struct store_guard *, enum course);
/* "2 releases are being watched", for `n` live guards that stand so. */
void course_say(struct buf *, enum course, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Shell text for `hd_plan.native`: what an actuator would do, as commands a human can paste.
 */
#ifndef ACTUATORS_NATIVE_H
#define ACTUATORS_NATIVE_H

#include "base/buf.h"

/* One shell word: bare when it has only harmless characters, else in single quotes. */
void native_word(struct buf *, const char *text);

#endif

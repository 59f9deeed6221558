/* SPDX-License-Identifier: Apache-2.0
 *
 * The only reader of time. Only main, the loop's owner and the CLI call it; everyone else is told
 * the time as an argument.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <haldane/types.h>

struct hd_now clock_now(void);
/* Identity of this boot of the machine; boot times of two boots must never be compared. Static. */
const char *clock_boot_id(void);

#endif

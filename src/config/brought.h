/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that people bring along: from Argo Rollouts, Flagger and Kayenta, and from another level of
 * our own file.
 */
#ifndef CONFIG_BROUGHT_H
#define CONFIG_BROUGHT_H

#include <haldane/types.h>

/* What is written for it here, as the end of a sentence ("; here `max` and `min` say what is good"); "" when
 * nobody knows. `service`: it stands in a service or its defaults, where other tools' words are meant. */
const char *brought_hint(struct hd_arena *, const char *key, bool service);

#endif

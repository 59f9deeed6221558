/* SPDX-License-Identifier: Apache-2.0
 *
 * Shorthand of a service, written out in the tree before the walk, so that the option tables hold
 * one form only: `kind: blue_green`, `kind: {canary: {...}}`, `target: trust`,
 * `rollback_safe: false`, `rollback_safe: {until: T}`. Called by walk.c.
 */
#ifndef CONFIG_SUGAR_H
#define CONFIG_SUGAR_H

#include "config/node.h"

void sugar_service(struct hd_arena *, struct node *service);

#endif

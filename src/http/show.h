/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the store as the API's JSON. Pure.
 */
#ifndef HTTP_SHOW_H
#define HTTP_SHOW_H

#include "http/view.h"
#include "json/json.h"
#include "store/accounts.h"

/* What a list shows of a guard; `reading`, `stance` NULL: none. */
void show_guard_row(struct json_out *, const struct store_guard *, const struct store_reading *,
                    const struct stance *, const char *public_url);
/* The whole guard, as one object. */
void show_guard(struct json_out *, const struct guard_view *, const char *public_url);
void show_service(struct json_out *, const struct store_service *, const struct store_reading *,
                  const struct store_drill *, const struct store_budgets *, const struct stance *);
void show_event(struct json_out *, const struct store_event *);
void show_evidence(struct json_out *, const struct store_evidence *);
/* `check`: its name; NULL: unknown. */
void show_band(struct json_out *, const struct store_band *, const char *check);
void show_token(struct json_out *, const struct store_token *);
void show_hold(struct json_out *, const struct store_hold *);

#endif

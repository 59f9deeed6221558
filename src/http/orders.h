/* SPDX-License-Identifier: Apache-2.0
 *
 * What a human may order over HTTP: which fields each POST takes, and the packet made of them.
 */
#ifndef HTTP_ORDERS_H
#define HTTP_ORDERS_H

#include "http/call.h"

extern const struct order order_guard, order_guard_revert, order_guard_hold, order_guard_release,
    order_guard_cancel, order_guard_acknowledge, order_guard_rearm,
    order_guard_change, order_guard_mark, order_service_hold, order_service_release,
    order_service_rearm, order_service_revert, order_service_guard, order_service_drill,
    order_fleet_hold, order_fleet_release,
    order_hold_release, order_reload, order_doctor, order_replay,
    order_token, order_token_revoke, order_login, order_logout, order_analysis, order_approval,
    order_compat;

/* Checks headers and body, then leaves the packet, without its id, in call->packet; or refuses. */
enum hd_code orders_take(struct call *, struct hd_error *);
/* The reply to an order given by a page's form: on to the page of what it was about, or why not.
 * As call.taken. */
void orders_page(struct call *, unsigned status, const struct json *body);
/* Writes "requestBody" of the order's fields, for the API's description. */
void orders_describe(const struct order *, struct json_out *);
bool orders_need_key(const struct order *);
/* How long the loop may take over it; 0: as usual. */
int64_t orders_patience_ms(const struct order *);

#endif

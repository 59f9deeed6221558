/* SPDX-License-Identifier: Apache-2.0
 *
 * What an HTTP status says about a message: delivered, later, never.
 */
#ifndef NOTIFIERS_REPLY_H
#define NOTIFIERS_REPLY_H

#include <haldane/notifier.h>

/* As hd_notifier.reply. */
enum hd_code notifiers_reply(struct hd_arena *, const struct hd_exchange *, int32_t *ret_retry_ms,
                             struct hd_error *err);

#endif

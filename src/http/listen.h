/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses: where the face listens, and from where somebody came.
 */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <haldane/types.h>

struct sockaddr;

/* "127.0.0.1:8417", "[::1]:8417"; port 0: any free one. HD_INVALID: no such text. */
enum hd_code listen_on(const char *text, int *ret_fd, int *ret_port, struct hd_error *err);
/* A hash of the address without the port. */
uint64_t listen_peer(const struct sockaddr *);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate and its key that the face shows, and how they are exchanged while it serves: a new
 * handshake gets the newest pair, connections that stand keep theirs.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <gnutls/abstract.h>

#include <haldane/types.h>

struct tls;

/* Reads and tries both files. HD_IO: not readable, HD_INVALID: no PEM of ours, or not a pair. */
enum hd_code tls_load(const char *certificate, const char *key, struct tls **ret, struct hd_error *err);
struct tls *tls_free(struct tls *); /* takes NULL, returns NULL */
int64_t tls_ends_ms(const struct tls *); /* wall: until when it is valid */

/* What handshakes of this thread show from now on; owned. What they showed before is freed when none of
 * them can be on its way any more. NULL: the thread ends, no daemon of it serves any more. */
void tls_use(struct tls *, int64_t boot_ms);
/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
gnutls_certificate_retrieve_function2 tls_retrieve;

#endif

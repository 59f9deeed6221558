/* SPDX-License-Identifier: Apache-2.0
 *
 * What is refused by its headers alone: a doubtful frame, a request that a foreign web page made, an
 * order without a token or with a body of the wrong type.
 */
#ifndef HTTP_FRAME_H
#define HTTP_FRAME_H

#include "http/call.h"

/* Refuses, before the body is read, a request whose framing or origin cannot be trusted. True when
 * it was refused. Framing is checked on every route, the rest on those that change something. */
bool frame_refuse(struct call *);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a test asks of the API's description: that it knows every route, and no other.
 */
#ifndef HTTP_OPENAPI_H
#define HTTP_OPENAPI_H

#include "http/call.h"

/* True when the route is described, or is not part of the API. */
bool openapi_knows(const struct route *);
/* The operation that has no route any more; NULL: none. */
const char *openapi_stale(void);

#endif

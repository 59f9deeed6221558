/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration as text, checked as `haldane check -` would, for the HTTP face.
 */
#ifndef CLI_CHECKED_H
#define CLI_CHECKED_H

#include "http/http.h"

http_check checked_text;

#endif

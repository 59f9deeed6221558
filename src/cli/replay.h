/* SPDX-License-Identifier: Apache-2.0
 *
 * What `haldane replay ID -o json` prints, for the HTTP face.
 */
#ifndef CLI_REPLAY_H
#define CLI_REPLAY_H

#include "http/http.h"

http_replay replay_json;

#endif

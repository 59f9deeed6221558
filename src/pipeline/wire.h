/* SPDX-License-Identifier: Apache-2.0
 *
 * The live wire: HTTP and line requests to net/, commands to exec/. For main; the simulation has
 * its own.
 */
#ifndef PIPELINE_WIRE_H
#define PIPELINE_WIRE_H

#include "exec/child.h"
#include "pipeline/pipeline.h"

struct wire {
    struct net *net;
    struct exec *exec;
};

/* `w` is borrowed as ctx. */
struct pipeline_wire wire_of(struct wire *w);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes as requests: argv (never a shell), body on stdin, stdout is the answer, stderr to
 * the log, a deadline, a byte cap. The child gets a clean environment (PATH, LANG=C, HALDANE=1;
 * our own program: ours), no descriptor of ours, its own process group, which is killed whole at the deadline (SIGTERM, then
 * SIGKILL) and when its leader has ended. Descriptors 0 to 2 of the daemon must be open.
 */
#ifndef EXEC_CHILD_H
#define EXEC_CHILD_H

#include "loop/loop.h"

#include <haldane/wire.h>

struct exec;
typedef void exec_done_fn(void *user, const struct hd_response *);

/* The process ignores SIGPIPE from here on. */
enum hd_code exec_new(struct loop *, struct exec **ret, struct hd_error *err);
struct exec *exec_free(struct exec *); /* kills what runs; takes NULL, returns NULL */
/* As net_send, for HD_VIA_EXEC, at most HD_CHILD_MAX at once; called back from loop_dispatch.
 * Effect unknown (HD_IO_TIMEOUT) when killed at the deadline. Those with an effect, and urgent
 * ones, stand in no line. */
uint64_t exec_send(struct exec *, const struct hd_request *, int64_t deadline_boot_ms,
                   exec_done_fn *, void *user);
void exec_cancel(struct exec *, uint64_t id);

#endif

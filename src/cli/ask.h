/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks data sources and routers once, now, through the same codecs as the daemon, and waits for the
 * answer. For `check --online` and `query run`; never sends anything but reads.
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <haldane/policy.h>
#include <haldane/provider.h>

struct asker;
enum hd_code ask_open(struct asker **ret, struct hd_error *err);
struct asker *ask_close(struct asker *); /* takes NULL, returns NULL */
static inline void ask_close_p(struct asker **a)
{
    *a = ask_close(*a);
}
#define ASKER_AUTO __attribute__((cleanup(ask_close_p))) struct asker *

/* Reads the router of a service. Texts live in the arena. */
enum hd_code ask_router(struct asker *, struct hd_arena *, const struct hd_policy *,
                        struct hd_live *ret, struct hd_error *err);

/* What a check got for one colour. */
struct ask_side {
    size_t series;
    uint8_t outcome;  /* enum hd_outcome */
    uint16_t reason;  /* enum hd_reason_number */
    const char *text; /* the source's own words, or NULL */
    double value;     /* as the engine would see it; NaN: none */
    double n;         /* requests in the window; NaN: a gauge */
    double bound;     /* that was picked, in the histogram's unit; NaN: none */
    int64_t age_ms;   /* of the newest sample; -1: unknown */
};

/* Asks one check for every colour over the last `window_ms`; a latency bound that a guard's past would
 * pick is picked by this window. Fails when the source gives no answer
 * at all. */
enum hd_code ask_check(struct asker *, struct hd_arena *, const struct hd_config *,
                       const struct hd_policy *, const struct hd_check *, int64_t window_ms,
                       struct ask_side ret[HD_SIDES_MAX], struct hd_error *err);

/* The series that an expression has now, a row each; NO_DATA: one row without points. HD_INVALID:
 * the source speaks no expressions that a series could answer. */
enum hd_code ask_expression(struct asker *, struct hd_arena *, const struct hd_config *,
                            const struct hd_datasource *, const char *expression, struct hd_rows *ret,
                            struct hd_error *err);
/* The rows of one check as they were at `at_ms` (0: now, by the source's clock), of every colour:
 * counters raw over the `range_ms` before it, a gauge as one point per `step_ms`. `targets`: instead
 * the start times of its targets at that instant; nothing where the check asks none. */
struct ask_when {
    int64_t at_ms, range_ms, step_ms;
    bool targets;
};
enum hd_code ask_rows(struct asker *, struct hd_arena *, const struct hd_config *,
                      const struct hd_policy *, const struct hd_check *, const struct ask_when *,
                      struct hd_rows *ret, struct hd_error *err);
/* What time it is by the clock of the check's source. HD_INVALID: it has no past to be asked for. */
enum hd_code ask_clock(struct asker *, struct hd_arena *, const struct hd_config *,
                       const struct hd_policy *, const struct hd_check *, int64_t *ret_ms,
                       struct hd_error *err);
/* Every series of an expression over a range, a point per step. */
struct ask_range {
    int64_t from_ms, to_ms, step_ms;
};
enum hd_code ask_series(struct asker *, struct hd_arena *, const struct hd_config *,
                        const struct hd_datasource *, const char *expression,
                        const struct ask_range *, struct hd_rows *ret, struct hd_error *err);

/* What time it is for a source; HD_INVALID: it does not say. */
enum hd_code ask_time(struct asker *, struct hd_arena *, const struct hd_config *,
                      const struct hd_datasource *, int64_t *ret_ms, struct hd_error *err);

/* One request, whatever its effect; io != HD_IO_OK fails with HD_BUSY. */
enum hd_code ask_once(struct asker *, struct hd_arena *, const struct hd_request *,
                      const struct hd_response **ret, struct hd_error *err);

/* Could all the traffic be given to a colour now? Reads the router, plans, and sends the plan's
 * rehearsal, which changes nothing. ret_text: the router's words, or why it is not known. */
enum hd_code ask_rehearse(struct asker *, struct hd_arena *, const struct hd_policy *, uint32_t colour,
                          const char **ret_text, struct hd_error *err);

#endif

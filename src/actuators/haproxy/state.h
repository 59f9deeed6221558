/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the HAProxy actuator share: its options and one reading of one process.
 * haproxy.c says what a reading means, state.c makes it from an answer, write.c finds the lines
 * that lead to a goal.
 */
#ifndef ACTUATORS_HAPROXY_STATE_H
#define ACTUATORS_HAPROXY_STATE_H

#include <haldane/actuator.h>

#include "base/buf.h"

#define WEIGHT_MAX 256         /* HAProxy's own */
#define LINE_MAX (64u << 10)   /* one chained line; 60 KB were taken by HAProxy 2.6 */
#define LEVEL_ADMIN "Permission denied: its `stats socket` line needs `level admin`"
#define VALUE_MAX (256u << 10) /* the value of one instance: not longer than what was read */

/* srv_admin_state, from HAProxy's management guide */
#define FORCED_MAINT 0x01u
#define ANY_MAINT 0x63u    /* forced, inherited by `track`, DNS resolution, host name */
#define CONFIG_MAINT 0x04u /* `disabled` in the file */
#define FORCED_DRAIN 0x08u
#define ANY_DRAIN 0x18u /* forced, inherited */

struct haproxy_map {
    const char *file, *key; /* both NULL in the weights form */
};

struct haproxy_cfg {
    struct hd_endpoint at; /* a base for each instance */
    const char *backend;   /* weights form; NULL in the map form */
    struct haproxy_map map;
};

struct haproxy_side {
    const char *const *servers;
    uint32_t n_servers;
    const char *backend, *value;
};

enum hold { HOLD_NONE, HOLD_DRAIN, HOLD_MAINT };
/* "ready" "drain" "maint": as HAProxy's `set server ... state` takes them. */
extern const char *const haproxy_hold_word[3];

struct setting {
    uint32_t weight;
    enum hold hold;
};

struct server {
    const char *name;
    struct setting live;
    uint32_t initial, admin, op, check_state, check_result;
    int side; /* -1: of no colour */
};

/* What one reading of one HAProxy process says. Texts live in the arena. */
struct instance {
    struct server *server; /* in the backend's order */
    size_t n;
    const char *memory;
    const char *routed; /* map form: the value at the key */
};

/* Only letters, digits, _ . : - and the characters of `more`; false for NULL and "". */
bool haproxy_name_ok(const char *text, const char *more);
/* Map form: the backend of a colour, and what the map says for it. */
const char *haproxy_side_backend(const struct hd_site *, size_t side);
const char *haproxy_side_value(const struct hd_site *, size_t side);

/* The server is one of the colour's, by its name. */
bool haproxy_belongs(const struct hd_site *, size_t side, const char *server);
/* What there is instead, as the end of a sentence ("; the servers there are: a, b; did you mean 'a'?"): the
 * servers, for a colour that has none; */
const char *haproxy_servers_there(struct hd_arena *, const struct hd_site *, size_t side, const struct instance *);
/* the keys of a map, in its rows as they were cut; */
const char *haproxy_keys_there(struct hd_arena *, const struct haproxy_cfg *, const char *from, const char *to);
/* after a reading that names what HAProxy does not know: the request that lists what it knows, or NULL;
 * and, with its answer at the end of the talk, that list. */
const struct hd_request *haproxy_ask_names(struct hd_arena *, const struct hd_talk *);
const char *haproxy_names_there(struct hd_arena *, const struct hd_site *, const struct hd_talk *);
/* The request that reads one instance. */
const struct hd_request *haproxy_ask(struct hd_arena *, const struct hd_site *, uint32_t instance);
/* All instances of a finished talk, in the order of the config. Errors as hd_actuator.observe. */
enum hd_code haproxy_read(struct hd_arena *, const struct hd_site *, const struct hd_talk *,
                          struct instance **ret, struct hd_error *err);

enum hd_code haproxy_plan(struct hd_arena *, const struct hd_site *, const struct hd_talk *,
                          const struct hd_goal *, struct hd_plan *ret, struct hd_error *err);
enum hd_code haproxy_reply(struct hd_arena *, const struct hd_site *, const struct hd_exchange *,
                           struct hd_reply *ret, struct hd_error *err);

#endif

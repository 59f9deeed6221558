/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON with errors that name the failing path. The only user of cJSON. Reading is strict where
 * cJSON is lax: the whole text must be one value, no control characters, no NUL, depth and size
 * capped, numbers finite.
 */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include <haldane/types.h>

#include "base/buf.h"

struct json; /* one value of a parsed document; borrowed from it */

/* The document is freed with json_free; texts read from it live as long. Fails with HD_PARSE (the
 * text says where: "line 3 column 7") or HD_LIMIT. */
enum hd_code json_parse(struct hd_span text, struct json **ret, struct hd_error *err);
struct json *json_free(struct json *); /* takes NULL, returns NULL */
static inline void json_free_p(struct json **j) { *j = json_free(*j); }
#define JSON_AUTO __attribute__((cleanup(json_free_p))) struct json *

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_type json_type(const struct json *);

/* The first item or member, and the one after; NULL at the end. The only way to walk: linear. */
const struct json *json_first(const struct json *);
const struct json *json_next(const struct json *);
const char *json_key(const struct json *); /* of a member */
size_t json_count(const struct json *);    /* items or members; linear */

/* Member by exact key; NULL when absent (or when j is NULL or no object). */
const struct json *json_get(const struct json *j, const char *key);

/* Typed reads. `path` names the value in the message ("data.resultType"). HD_PARSE on another
 * type, HD_ABSENT on NULL. */
enum hd_code json_text(const struct json *, const char *path, const char **ret, struct hd_error *);
enum hd_code json_double(const struct json *, const char *path, double *ret, struct hd_error *);
/* Whole numbers up to 2^53 only. */
enum hd_code json_i64(const struct json *, const char *path, int64_t *ret, struct hd_error *);
enum hd_code json_bool(const struct json *, const char *path, bool *ret, struct hd_error *);

/* A value by path: "$.data.items[0].name", "data.status", "['odd key'][2]". Checked once at load by
 * json_path_check (HD_INVALID, with the column). HD_ABSENT names the part that is missing. */
enum hd_code json_path_check(const char *path, struct hd_error *err);
enum hd_code json_path_get(const struct json *, const char *path, const struct json **ret,
                           struct hd_error *err);
/* A scalar as plain text: strings without quotes, numbers shortest, true, false, null. */
enum hd_code json_scalar(struct hd_arena *, const struct json *, const char *path,
                         const char **ret, struct hd_error *err);

/* Writer: appends to a buf; commas are its business. Keys and texts are escaped; invalid UTF-8
 * becomes U+FFFD; NaN and infinities become null. */
struct json_out {
    struct buf *to;
    uint64_t first; /* a bit per level: nothing written there yet */
    unsigned depth;
};
struct json_out json_out(struct buf *to);
void json_begin(struct json_out *, const char *key, char open); /* open: '{' or '[' */
void json_end(struct json_out *, char close);
/* key NULL inside arrays. */
void json_put_text(struct json_out *, const char *key, const char *text); /* NULL: null */
void json_put_double(struct json_out *, const char *key, double v);       /* shortest round trip */
void json_put_i64(struct json_out *, const char *key, int64_t v);
void json_put_bool(struct json_out *, const char *key, bool v);
void json_put_null(struct json_out *, const char *key);
void json_put_raw(struct json_out *, const char *key, const char *json); /* already JSON */
void json_put_time(struct json_out *, const char *key, int64_t wall_ms); /* RFC 3339; < 0: null */

/* What stands between the quotes of a string, for templates. */
void json_escape(struct buf *b, const char *text);

#endif

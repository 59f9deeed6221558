/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict reading over cJSON. cJSON builds the tree; a small scan before it refuses what cJSON lets
 * through (raw control characters, \u0000, "01", "1.", invalid UTF-8) and caps the depth. A tree
 * lives in an arena of its own: made and freed in one piece, it costs a third less time.
 */
#include "json/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

struct json {
    cJSON node; /* never made by itself: a json is a cJSON seen through this name */
};

static const cJSON *node(const struct json *j) { return (const cJSON *)(const void *)j; }
static const struct json *seen(const cJSON *n) { return (const struct json *)(const void *)n; }

/* Where the tree that this thread parses grows. */
static _Thread_local struct hd_arena *growing;

static void *tree_take(size_t size) { return arena_alloc(growing, size); }
static void tree_leave(void *at) { (void)at; }

__attribute__((constructor)) static void set_hooks(void) /* before any thread */
{
    cJSON_Hooks hooks = {.malloc_fn = tree_take, .free_fn = tree_leave};
    cJSON_InitHooks(&hooks);
}

/* The arena hangs on the root: its `prev` is not used, since a root has no neighbours. */
static cJSON *tree_new(struct hd_span text, const char **ret_end)
{
    struct hd_arena *arena = growing = arena_new();
    cJSON *root = cJSON_ParseWithLengthOpts(text.at, text.len, ret_end, 0);
    growing = NULL;
    if (root)
        root->prev = (cJSON *)(void *)arena;
    else
        arena_free(arena);
    return root;
}

static void tree_free(cJSON *root)
{
    if (root)
        arena_free((struct hd_arena *)(void *)root->prev);
}

static enum hd_code fail_at(struct hd_span text, size_t at, const char *what, struct hd_error *err)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        column++;
        if (text.at[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return hd_fail(err, HD_PARSE, "JSON line %d column %d: %s", line, column, what);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* RFC 8259 section 6 for the number at `i`; returns the index after it, 0: malformed. */
static size_t scan_number(struct hd_span t, size_t i)
{
    i += t.at[i] == '-';
    if (!is_digit(t.at[i]) || (t.at[i] == '0' && is_digit(t.at[i + 1])))
        return 0;
    while (is_digit(t.at[i]))
        i++;
    if (t.at[i] == '.') {
        if (!is_digit(t.at[++i]))
            return 0;
        while (is_digit(t.at[i]))
            i++;
    }
    if (t.at[i] == 'e' || t.at[i] == 'E') {
        i++;
        i += t.at[i] == '+' || t.at[i] == '-';
        if (!is_digit(t.at[i]))
            return 0;
        while (is_digit(t.at[i]))
            i++;
    }
    return i;
}

/* The string that opens at `i`; returns the index of its closing quote, 0: malformed. */
static size_t scan_string(struct hd_span t, size_t i)
{
    for (i++; i < t.len && t.at[i] != '"'; i++) {
        if ((unsigned char)t.at[i] < 0x20)
            return 0;
        if (t.at[i] == '\\') {
            if (strncmp(t.at + i, "\\u0000", 6) == 0)
                return 0;
            i++;
        }
    }
    return i < t.len ? i : 0;
}

static enum hd_code scan(struct hd_span t, struct hd_error *err)
{
    unsigned depth = 0;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.at[i];
        if (c == '"') {
            size_t end = scan_string(t, i);
            if (!end)
                return fail_at(t, i, "a string is not closed, or holds a control character", err);
            i = end;
        } else if (c == '{' || c == '[') {
            if (++depth > HD_JSON_DEPTH_MAX)
                return hd_fail(err, HD_LIMIT, "JSON nested deeper than %d", HD_JSON_DEPTH_MAX);
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        } else if (c == '-' || is_digit(c)) {
            size_t end = scan_number(t, i);
            if (!end)
                return fail_at(t, i, "not a JSON number", err);
            i = end - 1;
        } else if (c == '\0') {
            return fail_at(t, i, "a NUL byte", err);
        }
    }
    return HD_OK;
}

/* Numbers like 1e400 become infinite in cJSON. */
static bool all_finite(const cJSON *n)
{
    for (; n; n = n->next) {
        if (((n->type & cJSON_Number) && !isfinite(n->valuedouble)) || (n->child && !all_finite(n->child)))
            return false;
    }
    return true;
}

enum hd_code json_parse(struct hd_span text, struct json **ret, struct hd_error *err)
{
    if (text.len > HD_ANSWER_BYTES_MAX * 2)
        return hd_fail(err, HD_LIMIT, "JSON of %zu bytes", text.len);
    enum hd_code code = scan(text, err);
    if (code)
        return code;
    const char *end = NULL;
    cJSON *root = tree_new(text, &end);
    size_t at = end ? (size_t)(end - text.at) : 0;
    if (!root)
        return fail_at(text, at, at >= text.len ? "ends in the middle" : "not JSON", err);
    while (at < text.len && strchr(" \t\r\n", text.at[at]))
        at++;
    bool whole = at >= text.len, finite = all_finite(root);
    if (whole && finite) {
        *ret = (struct json *)(void *)root;
        return HD_OK;
    }
    tree_free(root);
    if (!finite)
        return hd_fail(err, HD_PARSE, "JSON: a number is out of range");
    return fail_at(text, at, "something follows the value", err);
}

struct json *json_free(struct json *j)
{
    tree_free((cJSON *)(void *)j);
    return NULL;
}

enum json_type json_type(const struct json *j)
{
    switch (node(j)->type & 0xff) {
    case cJSON_Object:
        return JSON_OBJECT;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_True:
    case cJSON_False:
        return JSON_BOOL;
    default:
        return JSON_NULL;
    }
}

const struct json *json_first(const struct json *j) { return j ? seen(node(j)->child) : NULL; }
const struct json *json_next(const struct json *j) { return j ? seen(node(j)->next) : NULL; }
const char *json_key(const struct json *j) { return node(j)->string ? node(j)->string : ""; }

size_t json_count(const struct json *j)
{
    size_t n = 0;
    for (const struct json *i = json_first(j); i; i = json_next(i))
        n++;
    return n;
}

const struct json *json_get(const struct json *j, const char *key)
{
    return j && cJSON_IsObject(node(j)) ? seen(cJSON_GetObjectItemCaseSensitive(node(j), key)) : NULL;
}

static enum hd_code expect(const struct json *j, const char *path, enum json_type type,
                           const char *word, struct hd_error *err)
{
    if (!j)
        return hd_fail(err, HD_ABSENT, "%s: missing", path);
    if (json_type(j) != type)
        return hd_fail(err, HD_PARSE, "%s: not %s", path, word);
    return HD_OK;
}

enum hd_code json_text(const struct json *j, const char *path, const char **ret, struct hd_error *err)
{
    enum hd_code code = expect(j, path, JSON_STRING, "a string", err);
    if (!code)
        *ret = node(j)->valuestring;
    return code;
}

enum hd_code json_double(const struct json *j, const char *path, double *ret, struct hd_error *err)
{
    enum hd_code code = expect(j, path, JSON_NUMBER, "a number", err);
    if (!code)
        *ret = node(j)->valuedouble;
    return code;
}

enum hd_code json_i64(const struct json *j, const char *path, int64_t *ret, struct hd_error *err)
{
    double v;
    enum hd_code code = json_double(j, path, &v, err);
    if (code)
        return code;
    if (v != floor(v) || fabs(v) > 9007199254740992.0)
        return hd_fail(err, HD_PARSE, "%s: not a whole number", path);
    *ret = (int64_t)v;
    return HD_OK;
}

enum hd_code json_bool(const struct json *j, const char *path, bool *ret, struct hd_error *err)
{
    enum hd_code code = expect(j, path, JSON_BOOL, "true or false", err);
    if (!code)
        *ret = cJSON_IsTrue(node(j));
    return code;
}

/* --- paths: [$] ( .name | [number] | ['name'] )* ; the first name needs no dot --- */

struct step {
    const char *at; /* name */
    size_t len;
    int64_t index; /* -1: by name */
};

/* Reads one step at *p and moves on. False: malformed; *p is where. */
static bool read_step(const char **p, bool first, struct step *ret)
{
    if (**p == '[') {
        const char *q = *p + 1;
        char quote = *q == '\'' || *q == '"' ? *q++ : '\0';
        size_t n = quote ? strcspn(q, quote == '"' ? "\"" : "'") : strspn(q, "0123456789");
        if (!n || n > 255 || (quote && q[n] != quote) || q[n + (quote != 0)] != ']') {
            *p = q;
            return false;
        }
        *ret = (struct step){q, n, quote ? -1 : strtoll(q, NULL, 10)};
        *p = q + n + (quote != 0) + 1;
        return true;
    }
    if (**p == '.')
        (*p)++;
    else if (!first)
        return false;
    size_t n = strcspn(*p, ".[");
    if (!n || n > 255)
        return false;
    *ret = (struct step){*p, n, -1};
    *p += n;
    return true;
}

static const char *path_start(const char *path) { return path + (*path == '$'); }

enum hd_code json_path_check(const char *path, struct hd_error *err)
{
    const char *p = path_start(path);
    struct step s;
    for (bool first = p == path; *p; first = false) {
        if (!read_step(&p, first, &s))
            return hd_fail(err, HD_INVALID, "JSON path '%s': column %d: expected .name, [0] or ['name']",
                           path, (int)(p - path) + 1);
    }
    return HD_OK;
}

enum hd_code json_path_get(const struct json *j, const char *path, const struct json **ret,
                           struct hd_error *err)
{
    enum hd_code code = json_path_check(path, err);
    if (code)
        return code;
    const char *p = path_start(path);
    for (bool first = p == path; *p; first = false) {
        struct step s = {0};
        (void)read_step(&p, first, &s); /* checked above */
        const struct json *next = NULL;
        if (s.index >= 0 && j && json_type(j) == JSON_ARRAY) {
            int64_t i = 0;
            for (next = json_first(j); next && i < s.index; next = json_next(next))
                i++;
        } else if (s.index < 0) {
            char name[256];
            memcpy(name, s.at, s.len);
            name[s.len] = '\0';
            next = json_get(j, name);
        }
        if (!next)
            return hd_fail(err, HD_ABSENT, "nothing at '%.*s' of the path '%s'", (int)(p - path), path,
                           path);
        j = next;
    }
    *ret = j;
    return HD_OK;
}

enum hd_code json_scalar(struct hd_arena *a, const struct json *j, const char *path,
                         const char **ret, struct hd_error *err)
{
    if (!j)
        return hd_fail(err, HD_ABSENT, "%s: missing", path);
    if (json_type(j) == JSON_STRING) {
        *ret = arena_text(a, node(j)->valuestring);
        return HD_OK;
    }
    if (json_type(j) >= JSON_ARRAY)
        return hd_fail(err, HD_PARSE, "%s: not a single value", path);
    BUF_AUTO b = BUF_INIT(64);
    struct json_out out = json_out(&b);
    if (json_type(j) == JSON_NUMBER)
        json_put_double(&out, NULL, node(j)->valuedouble);
    else
        buf_text(&b, json_type(j) == JSON_NULL ? "null" : cJSON_IsTrue(node(j)) ? "true" : "false");
    *ret = arena_text(a, buf_at(&b));
    return HD_OK;
}

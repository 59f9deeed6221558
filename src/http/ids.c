/* SPDX-License-Identifier: Apache-2.0
 *
 * See ids.h. Reads the store; takes no word for an id that two guards could mean. Called by visit.c for
 * the addresses of guards, and by compat.c.
 */
#include "http/ids.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "http/view.h"

#define BEGIN_MIN 4 /* characters; fewer are a typing error */
#define SHOWN 5     /* of several guards that are meant */

bool ids_asked(const struct call *c)
{
    static const char *const places[] = {"/g/*", "/api/v1/guards/*", "/api/v1/approvals/*", "/approvals/*"};
    for (size_t i = 0; c->param && i < sizeof places / sizeof *places; i++) {
        if (str_begins(c->route->pattern, places[i]))
            return true;
    }
    return false;
}

static enum hd_code several(struct hd_arena *a, const char *word, const struct store_named *n, size_t count,
                            struct hd_error *err)
{
    BUF_AUTO b = BUF_INIT(HD_TEXT_MAX);
    for (size_t i = 0; i < count && i < SHOWN; i++)
        buf_print(&b, "%s%s (%s)", i ? ", " : "", n[i].id, n[i].service);
    return hd_fail(err, HD_CONFLICT, "the ids of several guards begin with %s: %s%s; type more of it", word,
                   arena_text(a, buf_at(&b)), count > SHOWN ? " and more" : "");
}

enum hd_code ids_find(struct store *s, struct hd_arena *a, const char *word, const char **ret, struct hd_error *err)
{
    char *id = arena_text(a, word);
    struct store_named *found;
    size_t n = 0, len = strlen(id);
    for (char *c = id; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    if (view_is_id(id)) {
        *ret = id;
        return HD_OK;
    }
    if (!s || len < BEGIN_MIN || len >= 26 || !view_in_ids(id))
        return hd_fail(err, HD_ABSENT, "there is no guard %s", word);
    enum hd_code code = store_guards_named(s, a, id, SHOWN + 1, &found, &n, err);
    if (!code && n == 1)
        *ret = found[0].id;
    if (code || n == 1)
        return code;
    return n ? several(a, id, found, n, err) : hd_fail(err, HD_ABSENT, "there is no guard %s", word);
}

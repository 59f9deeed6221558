/* SPDX-License-Identifier: Apache-2.0
 *
 * See checked.h. Loads a configuration of its own and drops it: what is in force is not touched, and no
 * source or router is asked. Called on the face's thread, through a pointer of serve.c.
 */
#include "cli/checked.h"

#include "base/arena.h"
#include "base/str.h"

#define PASTED "pasted" /* stands for a file that is none */

void checked_copy(struct hd_arena *a, const struct config_mistakes *m, struct http_checked *ret)
{
    struct http_mistake *item = arena_many(a, m->n, struct http_mistake);
    for (size_t i = 0; i < m->n; i++)
        item[i] = (struct http_mistake){.file = str_is(m->item[i].file, PASTED) ? NULL : m->item[i].file,
                                        .line = m->item[i].line,
                                        .column = m->item[i].column,
                                        .path = m->item[i].path,
                                        .text = m->item[i].text,
                                        .warning = m->item[i].warning};
    *ret = (struct http_checked){.item = item, .n = m->n, .more = m->more, .errors = m->errors};
}

enum hd_code checked_text(struct hd_arena *a, struct hd_span yaml, const char *queries, struct http_checked *ret,
                          struct hd_error *err)
{
    struct config *config = NULL;
    struct config_mistakes mistakes = {.n = 0};
    if (yaml.len > HD_CONFIG_BYTES_MAX)
        return hd_fail(err, HD_LIMIT, "more than %u bytes", HD_CONFIG_BYTES_MAX);
    enum hd_code code = config_load_text(a, PASTED, yaml, queries, &config, &mistakes, err);
    if (code && !mistakes.errors)
        return code;
    checked_copy(a, &mistakes, ret);
    if (!code) {
        const struct hd_config *c = config_get(config);
        ret->services = c->n_services;
        for (uint32_t i = 0; i < c->n_services; i++)
            ret->checks += c->services[i].n_checks;
    }
    config_unref(config);
    return HD_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The HAProxy socket's answers as values. Decides whether an answer is whole and what it says;
 * never what it means for a release. Called by haproxy.c and write.c.
 *
 * One read is one connection with chained commands, so that all its parts come from the same
 * process even in a reload. The answer to each command ends with an empty line.
 */
#include "actuators/haproxy/state.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#define COLUMNS_MAX 64 /* `show servers state` has 25 */

const char *const haproxy_hold_word[3] = {"ready", "drain", "maint"};

bool haproxy_name_ok(const char *text, const char *more)
{
    if (!text || !*text)
        return false;
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr("_.:-", *text) && !strchr(more, *text))
            return false;
    }
    return true;
}

const char *haproxy_side_backend(const struct hd_site *site, size_t k)
{
    const char *named = ((const struct haproxy_side *)site->side[k])->backend;
    return named ? named : site->colour[k];
}

const char *haproxy_side_value(const struct hd_site *site, size_t k)
{
    const char *named = ((const struct haproxy_side *)site->side[k])->value;
    return named ? named : haproxy_side_backend(site, k);
}

const struct hd_request *haproxy_ask(struct hd_arena *a, const struct hd_site *site, uint32_t i)
{
    const struct haproxy_cfg *cfg = site->cfg;
    struct hd_request *r = arena_of(a, struct hd_request);
    BUF_AUTO line = BUF_INIT(LINE_MAX);
    buf_text(&line, "show info");
    if (cfg->map.file)
        buf_print(&line, ";show map %s", cfg->map.file);
    for (size_t k = 0; cfg->map.file && k < site->n_sides; k++)
        buf_print(&line, ";show servers state %s", haproxy_side_backend(site, k));
    if (!cfg->map.file)
        buf_print(&line, ";show servers state %s", cfg->backend);
    buf_text(&line, ";quit\n"); /* a worker closes by itself, the master only so */
    *r = (struct hd_request){
        .via = HD_VIA_LINE,
        .effect = HD_EFFECT_READ,
        .at = &cfg->at,
        .base = i,
        .label = cfg->map.file ? "read map and servers" : "read weights",
        .body = {arena_text(a, buf_at(&line)), line.len},
        .cap_bytes = HD_ANSWER_BYTES_SMALL,
    };
    return r;
}

/* The next line of a text that is cut in place; NULL when none has its newline. */
static char *line_next(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

/* The answer to the next command of a chain: its lines up to the empty one. NULL: cut short. */
static char *section_next(char **at)
{
    char *start = *at;
    if (*start == '\n') {
        *start = '\0';
        *at = start + 1;
        return start;
    }
    char *end = strstr(start, "\n\n");
    if (!end)
        return NULL;
    end[1] = '\0';
    *at = end + 2;
    return start;
}

/* HAProxy has no error codes; these are its sentences. */
static enum hd_code fail_words(const char *command, char *section, struct hd_error *err)
{
    static const struct {
        const char *begins;
        enum hd_code code;
    } table[] = {
        {"Can't find backend", HD_ABSENT},
        {"Unknown map identifier", HD_ABSENT},
        {"No such", HD_ABSENT},
        {"Permission denied", HD_DENIED},
    };
    section[strcspn(section, "\n")] = '\0';
    str_clean(section, 200);
    enum hd_code code = HD_PARSE;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (str_begins(section, table[i].begins))
            code = table[i].code;
    }
    return hd_fail(err, code, "%s: HAProxy says '%s'", command, code == HD_DENIED ? LEVEL_ADMIN : section);
}

static enum hd_code read_info(struct hd_arena *a, char *section, struct instance *in,
                              struct hd_error *err)
{
    int64_t pid = -1, start = 0;
    if (str_begins(section, "Unknown command") && strstr(section, "show proc"))
        return hd_fail(err, HD_INVALID, "this is the socket of HAProxy's master (`-S`), which knows neither weights "
                                        "nor maps: give the `stats socket` of its workers");
    if (!str_begins(section, "Name: "))
        return fail_words("show info", section, err);
    for (char *line; (line = line_next(&section));) {
        if (str_begins(line, "Pid: ") && !str_read_i64(line + 5, &pid))
            return hd_fail(err, HD_PARSE, "show info: Pid: not a number");
        if (str_begins(line, "Start_time_sec: ") && !str_read_i64(line + 16, &start))
            return hd_fail(err, HD_PARSE, "show info: Start_time_sec: not a number");
    }
    if (pid < 0)
        return hd_fail(err, HD_PARSE, "show info: no Pid");
    in->memory = arena_print(a, "%lld@%lld", (long long)pid, (long long)start);
    return HD_OK;
}

static size_t split_words(char *line, char *word[COLUMNS_MAX])
{
    size_t n = 0;
    for (char *p = line; *p && n < COLUMNS_MAX;) {
        if (*p != ' ') {
            word[n++] = p;
            p = strchrnul(p, ' ');
        }
        if (*p)
            *p++ = '\0';
    }
    return n;
}

enum column {
    BE_NAME,
    SRV_NAME,
    OP_STATE,
    ADMIN_STATE,
    UWEIGHT,
    IWEIGHT,
    CHECK_RESULT,
    CHECK_STATE,
    N_COLUMNS
};
static const char *const column_name[N_COLUMNS] = {
    "be_name",     "srv_name",    "srv_op_state",     "srv_admin_state",
    "srv_uweight", "srv_iweight", "srv_check_result", "srv_check_state",
};

/* "# be_id be_name ...": where our columns stand. */
static enum hd_code read_header(char *line, size_t place[N_COLUMNS], size_t *ret_n,
                                struct hd_error *err)
{
    char *word[COLUMNS_MAX];
    if (!line || !str_begins(line, "# "))
        return hd_fail(err, HD_PARSE, "show servers state: no header");
    size_t n = split_words(line + 2, word);
    for (size_t c = 0; c < N_COLUMNS; c++) {
        size_t i = 0;
        while (i < n && !str_is(word[i], column_name[c]))
            i++;
        if (i == n)
            return hd_fail(err, HD_PARSE, "show servers state: no column %s", column_name[c]);
        place[c] = i;
    }
    *ret_n = n;
    return HD_OK;
}

static enum hd_code read_server(char *const word[], const size_t place[N_COLUMNS],
                                struct server *ret, struct hd_error *err)
{
    uint32_t number[N_COLUMNS] = {0};
    for (size_t c = OP_STATE; c < N_COLUMNS; c++) {
        int64_t v;
        if (!str_read_i64(word[place[c]], &v) || v < 0 || v > 0xFFFF)
            return hd_fail(err, HD_PARSE, "show servers state: %s: not a number", column_name[c]);
        number[c] = (uint32_t)v;
    }
    if (!haproxy_name_ok(word[place[SRV_NAME]], ""))
        return hd_fail(err, HD_PARSE, "show servers state: srv_name: odd characters");
    if (number[UWEIGHT] > WEIGHT_MAX || number[IWEIGHT] > WEIGHT_MAX)
        return hd_fail(err, HD_PARSE, "show servers state: weight over %d", WEIGHT_MAX);
    uint32_t admin = number[ADMIN_STATE];
    *ret = (struct server){
        .name = word[place[SRV_NAME]],
        .live = {number[UWEIGHT], admin & FORCED_MAINT   ? HOLD_MAINT
                                  : admin & FORCED_DRAIN ? HOLD_DRAIN
                                                         : HOLD_NONE},
        .initial = number[IWEIGHT],
        .admin = admin,
        .op = number[OP_STATE],
        .check_state = number[CHECK_STATE],
        .check_result = number[CHECK_RESULT],
        .side = -1,
    };
    return HD_OK;
}

/* Without a list: the colour's name, alone or with a number. A number that follows a digit is another
 * name: v41 is no server of v4, and v4-1 is. */
static bool numbered(const char *colour, const char *server)
{
    size_t len = strlen(colour);
    if (!len || !str_begins(server, colour))
        return false;
    const char *rest = server + len;
    if (!*rest)
        return true;
    if (strchr("-_.", *rest))
        rest++;
    else if (isdigit((unsigned char)colour[len - 1]))
        return false;
    return *rest && rest[strspn(rest, "0123456789")] == '\0';
}

bool haproxy_belongs(const struct hd_site *site, size_t k, const char *server)
{
    const struct haproxy_side *s = site->side[k];
    for (uint32_t i = 0; i < s->n_servers; i++) {
        if (str_glob(s->servers[i], server))
            return true;
    }
    return s->n_servers == 0 && numbered(site->colour[k], server);
}

static enum hd_code find_side(const struct hd_site *site, struct server *s, struct hd_error *err)
{
    for (size_t k = 0; k < site->n_sides; k++) {
        if (!haproxy_belongs(site, k, s->name))
            continue;
        if (s->side >= 0)
            return hd_fail(err, HD_INVALID, "server %s belongs to %s and to %s", s->name,
                           site->colour[s->side], site->colour[k]);
        s->side = (int)k;
    }
    return HD_OK;
}

/* Adds the servers of one backend. side >= 0: all are of that side (map form). */
static enum hd_code read_servers(struct hd_arena *a, const struct hd_site *site, char *section,
                                 const char *backend, int side, struct instance *in,
                                 struct hd_error *err)
{
    size_t place[N_COLUMNS], columns = 0, rows = 0, first = in->n;
    char *word[COLUMNS_MAX], *line;
    if (!str_begins(section, "1\n"))
        return fail_words(arena_print(a, "show servers state %s", backend), section, err);
    (void)line_next(&section);
    for (const char *p = section; (p = strchr(p, '\n')); p++)
        rows++;
    enum hd_code code = read_header(line_next(&section), place, &columns, err);
    struct server *all = arena_many(a, in->n + rows, struct server);
    if (in->n > 0)
        memcpy(all, in->server, in->n * sizeof *all);
    in->server = all;
    while (!code && (line = line_next(&section))) {
        if (split_words(line, word) != columns || !str_is(word[place[BE_NAME]], backend))
            return hd_fail(err, HD_PARSE, "show servers state %s: a row of another shape", backend);
        struct server *s = &all[in->n];
        code = read_server(word, place, s, err);
        for (size_t i = first; !code && i < in->n; i++) {
            if (str_is(all[i].name, s->name))
                code = hd_fail(err, HD_PARSE, "show servers state %s: %s twice", backend, s->name);
        }
        if (!code && side >= 0)
            s->side = side;
        else if (!code)
            code = find_side(site, s, err);
        in->n++;
    }
    return code;
}

/* "0x55b39c84db20 KEY VALUE" */
static enum hd_code read_map(struct hd_arena *a, const struct haproxy_cfg *cfg, char *section, struct instance *in,
                             struct hd_error *err)
{
    if (*section && !str_begins(section, "0x"))
        return fail_words("show map", section, err);
    const char *rows = section;
    for (char *line; (line = line_next(&section));) {
        char *key = strchr(line, ' '), *value = key ? strchr(key + 1, ' ') : NULL;
        if (!str_begins(line, "0x") || !value)
            return hd_fail(err, HD_PARSE, "show map: a row of another shape");
        *value++ = '\0';
        if (!str_is(key + 1, cfg->map.key))
            continue;
        if (in->routed && !str_is(in->routed, value))
            return hd_fail(err, HD_PARSE, "show map: the key '%s' twice, with two values",
                           cfg->map.key);
        in->routed = value;
    }
    if (!in->routed)
        return hd_fail(err, HD_ABSENT, "map %s: no key '%s'%s", cfg->map.file, cfg->map.key,
                       haproxy_keys_there(a, cfg, rows, section));
    if (!haproxy_name_ok(in->routed, "/*"))
        return hd_fail(err, HD_PARSE, "map %s: odd characters at the key '%s'", cfg->map.file,
                       cfg->map.key);
    return HD_OK;
}

static enum hd_code read_instance(struct hd_arena *a, const struct hd_site *site,
                                  const struct hd_span body, struct instance *ret,
                                  struct hd_error *err)
{
    const struct haproxy_cfg *cfg = site->cfg;
    struct instance in = {0};
    char *at = arena_text_n(a, body.at, body.len), *section;
    if (strlen(at) != body.len)
        return hd_fail(err, HD_PARSE, "the answer holds a NUL");
    if (str_begins(at, "HTTP/") || str_begins(at, "<"))
        return hd_fail(err, HD_PARSE, "a web server answers there, and not a `stats socket` of HAProxy");
    if (!(section = section_next(&at)))
        return hd_fail(err, HD_PARSE, "show info: the answer is cut short");
    enum hd_code code = read_info(a, section, &in, err);
    if (!code && cfg->map.file) {
        if (!(section = section_next(&at)))
            return hd_fail(err, HD_PARSE, "show map: the answer is cut short");
        code = read_map(a, cfg, section, &in, err);
    }
    size_t backends = cfg->map.file ? site->n_sides : 1;
    for (size_t k = 0; !code && k < backends; k++) {
        if (!(section = section_next(&at)))
            return hd_fail(err, HD_PARSE, "show servers state: the answer is cut short");
        code = cfg->map.file
                   ? read_servers(a, site, section, haproxy_side_backend(site, k), (int)k, &in, err)
                   : read_servers(a, site, section, cfg->backend, -1, &in, err);
    }
    if (!code && *at)
        return hd_fail(err, HD_PARSE, "the answer goes on after its end");
    for (size_t k = 0; !code && k < site->n_sides; k++) {
        size_t i = 0;
        while (i < in.n && in.server[i].side != (int)k)
            i++;
        if (i == in.n)
            return hd_fail(err, HD_ABSENT, "no server of the colour %s%s", site->colour[k],
                           haproxy_servers_there(a, site, k, &in));
    }
    if (!code)
        *ret = in;
    return code;
}

/* All instances of a finished talk, in the order of the config. */
enum hd_code haproxy_read(struct hd_arena *a, const struct hd_site *site,
                          const struct hd_talk *talk, struct instance **ret, struct hd_error *err)
{
    const struct haproxy_cfg *cfg = site->cfg;
    struct instance *in = arena_many(a, cfg->at.n_bases, struct instance);
    if (talk->n != cfg->at.n_bases)
        return hd_fail(err, HD_PARSE, "%zu answers of %u instances", talk->n, cfg->at.n_bases);
    for (size_t i = 0; i < talk->n; i++) {
        enum hd_code code = read_instance(a, site, talk->item[i].response->body, &in[i], err);
        if (code) {
            hd_error_add(err, "%s", cfg->at.bases[i]);
            return code;
        }
    }
    *ret = in;
    return HD_OK;
}

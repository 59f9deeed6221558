/* SPDX-License-Identifier: Apache-2.0
 *
 * See face.h. Called by the commands that talk to the daemon.
 */
#include "cli/face.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/table.h"

#define ID_BEGIN_MIN 4 /* characters; fewer are a typing error, or a service */

const char *face_text(const struct json *j, const char *key)
{
    const char *text;
    return json_text(json_get(j, key), key, &text, NULL) ? NULL : text;
}

double face_number(const struct json *j, const char *key)
{
    double number;
    return json_double(json_get(j, key), key, &number, NULL) ? (double)NAN : number;
}

int64_t face_time(const struct json *j, const char *key)
{
    const char *text = face_text(j, key);
    int64_t ms;
    return text && str_read_time(text, &ms) ? ms : -1;
}

bool face_bool(const struct json *j, const char *key)
{
    bool yes;
    return !json_bool(json_get(j, key), key, &yes, NULL) && yes;
}

static const char *text_or(const struct json *j, const char *key, const char *otherwise)
{
    const char *text = face_text(j, key);
    return text ? text : otherwise;
}

static struct face_side side_of(const struct json *j)
{
    return (struct face_side){.colour = face_text(j, "colour"),
                              .version = face_text(j, "version"),
                              .share = face_number(j, "share"),
                              .ready = face_number(j, "ready"),
                              .wanted = face_number(j, "wanted")};
}

void face_guard(const struct json *j, struct face_guard *ret)
{
    const struct json *checks = json_get(j, "checks");
    *ret = (struct face_guard){
        .id = text_or(j, "id", ""),
        .service = text_or(j, "service", ""),
        .state = text_or(j, "state", ""),
        .headline = text_or(j, "headline", ""),
        .why = face_text(j, "why"),
        .because = face_text(j, "because"),
        .mode = face_text(j, "mode"),
        .verdict = face_text(j, "verdict"),
        .cause = face_text(j, "cause_text"),
        .native = face_text(j, "native"),
        .rehearsal = face_text(j, "rehearsal"),
        .would_not = face_text(j, "would_not_because"),
        .url = face_text(j, "url"),
        .live = face_bool(j, "live"),
        .needs_human = face_bool(j, "needs_human"),
        .score = face_number(j, "score"),
        .meter = face_number(json_get(j, "weigh"), "meter"),
        .leading = face_text(json_get(j, "weigh"), "leading"),
        .stable = side_of(json_get(j, "stable")),
        .candidate = side_of(json_get(j, "candidate")),
        .switch_ms = face_time(json_get(j, "switch"), "to"),
        .started_ms = face_time(j, "started_at"),
        .until_ms = face_time(j, "until"),
        .ended_ms = face_time(j, "ended_at"),
        .bad_since_ms = face_time(j, "bad_since"),
        .decided_ms = face_time(j, "decided_at"),
        .sent_ms = face_time(j, "sent_at"),
        .verified_ms = face_time(j, "verified_at"),
        .recovered_ms = face_time(j, "recovered_at"),
        .checks = checks && json_type(checks) == JSON_ARRAY ? checks : NULL,
    };
}

static int64_t count_of(const struct json *j, const char *key)
{
    int64_t n;
    return json_i64(json_get(j, key), key, &n, NULL) ? 0 : n;
}

void face_check(const struct json *j, struct face_check *ret)
{
    const struct json *polls = json_get(j, "polls");
    *ret = (struct face_check){
        .name = text_or(j, "name", "?"),
        .title = text_or(j, "title", ""),
        .band = text_or(j, "band", ""),
        .outcome = text_or(j, "outcome", ""),
        .limit = text_or(j, "limit", ""),
        .unit = text_or(j, "unit", ""),
        .value = face_number(j, "value"),
        .stable = face_number(j, "stable"),
        .n = face_number(j, "n"),
        .before = str_is(face_text(j, "baseline"), "before"),
        .broken = count_of(polls, "broken"),
        .judged = count_of(polls, "judged"),
        .shared = count_of(polls, "shared"),
        .warmup = count_of(polls, "warmup"),
        .tripped = face_bool(j, "tripped"),
        .blind = face_bool(j, "blind"),
        .critical = face_bool(j, "critical"),
        .advisory = face_bool(j, "advisory"),
        .earlier = face_bool(j, "earlier"),
        .sequential = str_is(text_or(j, "rule", ""), "sequential"),
    };
}

const char *face_would_not(struct hd_arena *a, const struct json *j, int64_t now_ms)
{
    char left[STR_TIME_MAX];
    const char *because = face_text(j, "would_not_because");
    int64_t until_ms = face_time(j, "would_not_until");
    if (!because || until_ms <= now_ms)
        return because;
    return arena_print(a, "%s, %s left", because, str_duration(until_ms - now_ms, left));
}

const char *face_check_line(struct hd_arena *a, const struct face_check *c,
                            const char *stable_colour)
{
    BUF_AUTO b = BUF_INIT(1024);
    reason_value(&b, c->value, c->unit);
    if (*c->limit || !isnan(c->stable))
        buf_print(&b, " (%s%s", c->limit, *c->limit && !isnan(c->stable) ? "; " : "");
    if (!isnan(c->stable)) {
        buf_print(&b, "%s ", c->before ? "before the switch" : stable_colour ? stable_colour : "stable");
        reason_value(&b, c->stable, c->unit);
    }
    if (*c->limit || !isnan(c->stable))
        buf_byte(&b, ')');
    if (!isnan(c->n) && c->n > 0) {
        buf_text(&b, " n=");
        reason_count(&b, c->n);
    }
    return arena_text(a, buf_at(&b));
}

int face_exit(const struct face_guard *g)
{
    static const int exit_of[] = {
        [HD_STATE_PASSED] = CLI_OK,
        [HD_STATE_REVERTED] = CLI_REVERTED,
        [HD_STATE_NOT_VERIFIED] = CLI_NOT_VERIFIED,
        [HD_STATE_NOT_RECOVERED] = CLI_NOT_VERIFIED,
        [HD_STATE_REFUSED] = CLI_NOT_VERIFIED,
        [HD_STATE_ADVISED] = CLI_ADVISED,
        [HD_STATE_INCONCLUSIVE] = CLI_INCONCLUSIVE,
        [HD_STATE_SUPERSEDED] = CLI_SUPERSEDED,
        [HD_STATE_CANCELLED] = CLI_SUPERSEDED,
    };
    int state = hd_state_of(g->state);
    if (state == HD_STATE_AFTERCARE && g->recovered_ms >= 0)
        return CLI_REVERTED;
    if (state == HD_STATE_AFTERCARE && g->needs_human)
        return CLI_NOT_VERIFIED;
    if (state >= 0 && hd_state_terminal(state))
        return exit_of[state];
    if (state < 0 && *g->state && !g->live) /* a newer daemon's word: ended, and not known how */
        return CLI_INCONCLUSIVE;
    return -1;
}

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz";

bool face_is_id(const char *word)
{
    return strlen(word) == 26 && strspn(word, crockford) == 26;
}

void face_id(const char *word, char ret_id[27])
{
    for (size_t i = 0; i < 27; i++)
        ret_id[i] = (char)toupper((unsigned char)word[i]);
}

bool face_begins_id(const char *word)
{
    size_t n = strlen(word);
    return n >= ID_BEGIN_MIN && n < 26 && *word == '0' && strspn(word, crockford) == n;
}

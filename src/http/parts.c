/* SPDX-License-Identifier: Apache-2.0
 *
 * See parts.h. Called by the pages.
 */
#include "http/parts.h"

#include "base/metrics.h"
#include "base/str.h"

#define STALE_MS                                                                                   \
    60000 /* a reading that old may not be what users get; routers are read every 5 s */

void part_share(struct buf *b, uint32_t share_ppm)
{
    double percent = share_ppm / 1e4;
    html_print(b, percent < 10 ? "%.2g%%" : "%.3g%%", percent);
}

unsigned part_place(const struct store_reading *r, const struct store_guard *g, const char *colour)
{
    for (size_t i = 0; r && i < r->n_sides; i++) {
        if (str_is(r->side[i].colour, colour))
            return (unsigned)i;
    }
    return g && str_is(colour, g->candidate);
}

/* A side that should have no traffic is told louder when it has some. */
static void rejected(struct buf *b, const struct store_side *s, int64_t now_ms)
{
    const struct store_rejection *r = s->rejected;
    html_print(b, " <span class=\"%s\">", s->share_ppm ? "warn" : "m");
    if (s->share_ppm)
        html_icon(b, TONE_WARN);
    html_print(b, "rejected by ");
    if (r->guard)
        html_print(b, "<a href=\"/g/%s\">guard <span class=\"id\">%s</span></a>", r->guard, r->guard);
    else
        html_print(b, "a guard");
    html_print(b, " at ");
    html_time(b, r->at_ms, now_ms);
    html_print(b, "%s%s%s</span>", *r->why ? " (" : "", r->why, *r->why ? ")" : "");
}

static void side(struct buf *b, size_t place, const struct store_side *s,
                 const struct store_guard *g, bool roles, int64_t now_ms)
{
    bool stable = g && str_is(s->colour, g->stable), candidate = g && str_is(s->colour, g->candidate);
    const char *version = stable ? g->stable_version : candidate ? g->candidate_version : NULL;
    html_print(b, "<li class=\"c%zu\"><b>%s</b>", place, s->colour);
    if (version)
        html_print(b, " %s", version);
    if (roles && (stable || candidate))
        html_print(b, " <span class=\"m\">%s</span>", stable ? "stable" : "candidate");
    html_print(b, " gets <b>");
    part_share(b, s->share_ppm);
    html_print(b, "</b>");
    if (s->ready != UINT32_MAX && s->wanted != UINT32_MAX)
        html_print(b, ", %u of %u ready", s->ready, s->wanted);
    else if (s->ready != UINT32_MAX)
        html_print(b, ", %u ready", s->ready);
    if (s->rejected)
        rejected(b, s, now_ms);
    html_print(b, "</li>");
}

void part_sides(struct buf *b, const struct store_reading *r, const struct store_guard *g, bool roles,
                int64_t now_ms)
{
    double at = 0;
    html_print(b, "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" "
                  "aria-hidden=\"true\">");
    for (size_t i = 0; i < r->n_sides; i++) {
        double width = r->side[i].share_ppm / 1e4;
        html_print(b, "<rect class=\"c%zu\" x=\"%.2f\" width=\"%.2f\" height=\"8\"/>", i, at,
                   width);
        at += width;
    }
    html_print(b, "</svg><ul class=\"sides\">");
    for (size_t i = 0; i < r->n_sides; i++)
        side(b, i, &r->side[i], g, roles, now_ms);
    html_print(b, "</ul>");
    bool stale = now_ms - r->last_ms > STALE_MS;
    html_print(b, "<span class=\"%s\">", stale ? "warn" : "m");
    if (stale)
        html_icon(b, TONE_WARN);
    html_print(b, "%s", stale ? "old: by the router, read " : "by the router, read ");
    html_ago(b, r->last_ms, now_ms);
    html_print(b, "</span>");
    if (r->note)
        html_print(b, " <span class=\"m\">%s</span>", r->note);
}

void part_hold(struct buf *b, const struct store_hold *h, int64_t now_ms)
{
    html_print(b, "<p class=\"note warn\">");
    html_icon(b, TONE_WARN);
    html_print(b, "<b>Automatic reverts are held%s</b> ", h->service ? "" : " for the whole fleet");
    if (h->service) {
        html_print(b, "for ");
        part_service_link(b, h->service);
    }
    html_print(b, "by %s until ", h->actor ? h->actor : "an operator");
    html_time(b, h->until_ms, now_ms);
    html_print(b, " (");
    html_ago(b, h->until_ms, now_ms);
    html_print(b, "): %s</p>", h->reason);
}

bool part_leads(const char *url)
{
    return url && (str_begins(url, "https://") || str_begins(url, "http://"));
}

void part_link(struct buf *b, const char *url, const char *word)
{
    html_print(b, "<a rel=\"noreferrer\" href=\"%s\">%s</a>", url, word);
}

void part_contacts(struct buf *b, const char *before, const struct contacts *c)
{
    const struct {
        const char *url, *word;
    } link[] = {{c->runbook, "runbook"}, {c->dashboard, "dashboard"}};
    bool said = c->owner != NULL;
    if (!c->owner && !part_leads(c->runbook) && !part_leads(c->dashboard))
        return;
    html_print(b, "<div>%s", before);
    if (c->owner)
        html_print(b, "owner <b>%s</b>", c->owner);
    for (size_t i = 0; i < sizeof link / sizeof *link; i++) {
        if (!part_leads(link[i].url))
            continue;
        html_print(b, said ? ", " : "");
        part_link(b, link[i].url, link[i].word);
        said = true;
    }
    html_print(b, "</div>");
}

void part_approval(struct buf *b, const struct store_approval *a, int64_t now_ms)
{
    static const char *const words[] = {[APPROVAL_OPEN] = "too late: nobody decided", [APPROVAL_APPROVED] = "approved",
                                        [APPROVAL_REJECTED] = "rejected",
                                        [APPROVAL_EXPIRED] = "too late: nobody decided",
                                        [APPROVAL_WITHDRAWN] = "withdrawn: it was settled otherwise"};
    const bool open = a->outcome == APPROVAL_OPEN && now_ms < a->expires_ms;
    html_print(b, "one of: <b>%s</b>, at ", a->approvers);
    html_time(b, a->asked_ms, now_ms);
    if (open) {
        html_print(b, "; <b>waits until ");
        html_time(b, a->expires_ms, now_ms);
        html_print(b, "</b> (");
        html_ago(b, a->expires_ms, now_ms);
        html_print(b, ")");
        return;
    }
    html_print(b, "; <b>%s</b>", words[a->outcome]);
    if (a->actor)
        html_print(b, " by %s: %s, ", a->actor, a->reason);
    else if (a->decided_ms >= 0)
        html_print(b, ", ");
    if (a->decided_ms >= 0)
        html_time(b, a->decided_ms, now_ms);
}

void part_stance(struct buf *b, struct hd_arena *a, const char *lead, const struct stance *s)
{
    html_print(b, "<p class=\"because\">%s%s%s", lead, s->because, stance_left(a, s));
    if (s->next)
        html_print(b, " <span class=\"m\">%s</span>", s->next);
    html_print(b, "</p>");
}

void part_until(struct buf *b, const struct way *w, int64_t now_ms)
{
    if (w->until_ms < 0)
        return;
    html_print(b, w->until_ms > now_ms ? " <b>Can be taken back until " : " <b>Could be taken back until ");
    html_time(b, w->until_ms, now_ms);
    html_print(b, "</b> (");
    html_ago(b, w->until_ms, now_ms);
    html_print(b, ").");
}

void part_way(struct buf *b, const struct way *w)
{
    if (!w->n)
        return;
    html_print(b, "<ul class=\"way\">");
    for (size_t i = 0; i < w->n; i++) {
        html_print(b, "<li><span class=\"s %s\">", html_tone_word(w->line[i].tone));
        html_icon(b, w->line[i].tone);
        html_print(b, "</span>%s</li>", w->line[i].text);
    }
    html_print(b, "</ul>");
}

void part_answered(struct buf *b, const char *before, const char *source, int64_t now_ms)
{
    char text[STR_TIME_MAX];
    BUF_AUTO labels = BUF_INIT(512);
    metric_label(&labels, "datasource", source);
    double at = metric_read(METRIC_SOURCE_AT, buf_at(&labels)), took = metric_read(METRIC_SOURCE_TOOK, buf_at(&labels));
    if (!(at > 0))
        return;
    html_print(b, "%snewest answer in %s, ", before, str_duration((int64_t)(1000 * took), text));
    html_ago(b, (int64_t)(1000 * at), now_ms);
}

void part_state(struct buf *b, int state)
{
    html_print(b, "<span class=\"s %s\">", html_tone_word(html_state_tone(state)));
    html_icon(b, html_state_tone(state));
    html_print(b, "%s</span>", html_state_words(state));
}

void part_switch(struct buf *b, const struct store_guard *g)
{
    const char *const name[] = {g->stable, g->candidate}, *const version[] = {g->stable_version, g->candidate_version};
    for (int i = 0; i < HD_ROLES; i++) {
        const int r = g->analysis ? HD_CANDIDATE - i : i;
        html_print(b, "%s%s", !i ? "" : g->analysis ? " against " : " to ", name[r]);
        if (version[r] && !str_is(version[r], name[r]))
            html_print(b, " %s", version[r]);
    }
}

void part_service_link(struct buf *b, const char *service)
{
    html_print(b, "<a href=\"/s/");
    html_segment(b, service);
    html_print(b, "\">%s</a> ", service);
}

void part_group_link(struct buf *b, const char *group)
{
    html_print(b, "<a href=\"/groups/");
    html_segment(b, group);
    html_print(b, "\">%s</a>", group);
}

static void guard_row(struct buf *b, const struct store_guard *g, bool service, int64_t now_ms)
{
    const char *said;
    html_print(b, "<tr><td data-l=\"state\">");
    part_state(b, g->state);
    html_print(b, "</td>");
    if (service) {
        html_print(b, "<td data-l=\"service\">");
        part_service_link(b, g->service);
        html_print(b, "</td>");
    }
    html_print(b, "<td data-l=\"%s\">", g->analysis ? "judged" : "switch");
    part_switch(b, g);
    html_print(b, "</td><td data-l=\"what\" class=\"w\"><a href=\"/g/%s\">%s</a>", g->id,
               g->headline);
    if (g->why && *g->why)
        html_print(b, "<div class=\"m\">%s</div>", g->why);
    if (store_mark_word(g, &said))
        html_print(b, "<div class=\"m\">marked: %s%s%s</div>", said, g->mark_reason ? ", " : "", g->mark_reason);
    html_print(b, "</td><td data-l=\"when\">");
    html_time(b, g->started_ms, now_ms);
    html_print(b, " <span class=\"m\">");
    if (hd_state_terminal(g->state) && g->ended_ms >= 0) {
        char text[STR_TIME_MAX];
        html_print(b, "took %s", str_duration(g->ended_ms - g->started_ms, text));
        if (g->decided_ms >= 0 && g->recovered_ms >= g->decided_ms)
            html_print(b, "; users well %s after the decision",
                       str_duration(g->recovered_ms - g->decided_ms, text));
    } else if (g->until_ms >= 0 && g->decided_ms < 0) { /* when aftercare ends depends */
        html_print(b, g->until_ms > now_ms ? "ends " : "about to end");
        if (g->until_ms > now_ms)
            html_ago(b, g->until_ms, now_ms);
    }
    html_print(b, "</span></td></tr>");
}

void part_guards(struct buf *b, const struct store_guard *g, size_t n, bool service, int64_t now_ms)
{
    html_print(b, "<table class=\"list\"><thead><tr><th scope=\"col\">state</th>");
    if (service)
        html_print(b, "<th scope=\"col\">service</th>");
    html_print(b, "<th scope=\"col\">%s</th><th scope=\"col\">what</th>"
                  "<th scope=\"col\">started</th></tr></thead><tbody>", n && g->analysis ? "judged" : "switch");
    for (size_t i = 0; i < n; i++)
        guard_row(b, &g[i], service, now_ms);
    html_print(b, "</tbody></table>");
}

# SPDX-License-Identifier: Apache-2.0
"""The seeded bugs: (name, what it breaks, the tests that should see it first, its edits). An edit is
(file, text that is there exactly once, text in its place). Read by run."""

ENGINE = ("engine_engine",)
COUNTS = ("engine_counts",)

SUM_ITEMS = """
/* Series of one role and meaning as one, their samples added up. */
static void sum_items(struct work *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_items; i++) {
        const struct item *one = &w->item[i];
        size_t k = 0;
        while (k < n && (w->item[k].role != one->role || w->item[k].event != one->event))
            k++;
        struct hd_row *row = arena_copy(w->arena, k == n ? one->row : w->item[k].row, sizeof *row);
        struct hd_point *point = arena_copy(w->arena, row->point, row->n * sizeof *point);
        row->point = point;
        for (size_t j = 0; k < n && j < row->n && j < one->row->n; j++)
            point[j].value += one->row->point[j].value;
        if (k == n) {
            w->item[n] = *one;
            w->item[n].target = 1;
            w->item[n].id[0] = n;
            w->item[n++].id[1] = 0;
        }
        w->item[k].row = row;
    }
    w->n_items = n;
}

enum hd_code look_take_rows(struct work *w, struct hd_error *err)
{
    enum hd_code code = take_rows(w, err);
    if (code)
        return code;
    sum_items(w);
"""

BUGS = (
    # --- evidence ---
    ("sums_differenced", "counts: per series", COUNTS, (
        ("src/engine/look.c", """
enum hd_code look_take_rows(struct work *w, struct hd_error *err)
{
    enum hd_code code = take_rows(w, err);
    if (code)
        return code;
""", SUM_ITEMS),)),
    ("reset_differenced", "counts: restarts", COUNTS, (
        ("src/engine/counts.h", "return value >= last ? value - last : value;", "return value - last;"),)),
    ("first_value_counted", "counts: new series", COUNTS, (
        ("src/engine/counts.c", "bool counts = known || first_counts(w, g, item->role, p.at_ms, &from_ms);",
         "bool counts = known || first_counts(w, g, item->role, p.at_ms, &from_ms) || true;"),)),
    ("restart_unseen", "counts: crash loops", COUNTS, (
        ("src/engine/counts.c", "                g->anew_ms = b->at_ms;\n", ""),)),
    ("samples_counted_twice", "counts: once", COUNTS, (
        ("src/engine/counts.c", "if (known && p.at_ms <= s->last_ms)", "if (known && p.at_ms < s->last_ms)"),)),
    ("stale_is_zero_errors", "I1", COUNTS, (
        ("src/engine/counts.c", "    m.fresh = b->any;\n", "    m.fresh = true;\n"),)),
    ("series_uncapped", "I8", COUNTS, (
        ("src/engine/look.c", "if (rows->n > HD_SERIES_MAX)", "if (rows->n > HD_SERIES_MAX + 1)"),)),
    ("memory_uncapped", "I8", COUNTS, (
        ("src/engine/counts.c", "    if (w.next.n > HD_SERIES_MAX) {\n",
         "    if (w.next.n > 2 * HD_SERIES_MAX) {\n"),)),
    ("replicas_mixed", "I1", ("sources",), (
        ("src/pipeline/talk.c", "    t->said.n = 0;\n    turn(t);\n", "    turn(t);\n"),)),
    ("error_is_no_error", "I1", ("sources",), (
        ("src/pipeline/collect.c", "m[r] = empty_measurement(check, r, HD_OUTCOME_ERROR, failed[r]);",
         "m[r].outcome = HD_OUTCOME_OK, m[r].fresh = true, m[r].value = 0, m[r].exposure = 100;"),)),

    # --- judging ---
    ("nan_compared", "I1", ENGINE, (
        ("src/engine/judge.c", "return isfinite(value) && isfinite(limit) && value > limit;",
         "return !(value <= limit);"),)),
    ("nan_is_a_count", "I1", ENGINE, (
        ("src/engine/judge.c", ": is_count(m->events) && is_count(m->exposure);", ": true;"),)),
    ("min_samples_ignored", "enough", ENGINE, (
        ("src/engine/judge.c", "return s->exposure >= judge_need(c);", "return s->exposure > 0;"),)),
    ("earlier_ignored", "cause earlier", ENGINE, (
        ("src/engine/engine.c", "s->earlier = broken && before_bad(s);", "s->earlier = false;"),)),
    ("earlier_passes", "cause earlier", ENGINE, (
        ("src/engine/decide.c", "        still |= decide_not_well_again(p, g, i);\n", ""),)),
    ("earlier_for_ever", "cause earlier", ENGINE, (
        ("src/engine/engine.c", "    s->earlier = s->tripped = 0;\n", ""),)),
    ("shared_trips", "cause shared", ENGINE, (
        ("src/engine/engine.c", "    if (j->shared) {\n", "    if (j->shared && p->full) {\n"),)),
    ("warmup_ignored", "warm-up", ENGINE, (
        ("src/engine/engine.c", "p->warm = p->t_ms < p->policy->guard.warmup_ms;", "p->warm = false;"),)),
    ("silence_passes", "I1", ENGINE, (
        ("src/engine/decide.c", "decide_required(p, i) && decide_lacks(p, g, i))",
         "decide_required(p, i) && decide_lacks(p, g, i) == DECIDE_FEW_SAMPLES)"),)),
    ("crash_loop_is_no_data", "candidate_silent", ENGINE, (
        ("src/engine/engine.c", "    g->silent++;\n", ""),)),
    ("crash_loop_starts_anew", "candidate_silent", ENGINE, (
        ("src/engine/engine.c", "g->silent_looks = g->silent_looks << 1 | silent;", "g->silent_looks = silent;"),)),
    ("blind_not_told", "I1", ENGINE, (
        ("src/engine/engine.c", "return s->blind && !was && decide_counts(&p->checks[i], s);", "return false;"),)),
    ("bad_polls_carry_over", "consecutive", ENGINE, (
        ("src/engine/rules.c", "s->consecutive = j->broken ? s->consecutive + 1 : 0;",
         "s->consecutive += j->broken;"),)),

    # --- may it act? ---
    ("shadow_acts", "modes", ("policies",), (
        ("src/base/would.c", "    if (r->mode == HD_MODE_SHADOW)\n        return because(f, HD_REASON_MODE_SHADOW, NULL, -1);\n",
         ""),)),
    ("hold_never_expires", "holds", ("policies",), (
        ("src/pipeline/pipeline.c", " && p->now.wall_ms < h->until_ms;", ";"),)),
    ("hold_ignored", "holds", ("policies",), (
        ("src/pipeline/may.c", "    if (hold) {\n", "    if (hold && !hold->reason) {\n"),)),
    ("budget_off_by_one", "I6", ("policies",), (
        ("src/base/would.c", "(f->n_reverts + f->coming) >= r->reverts_per_hour",
         "(f->n_reverts + f->coming) > r->reverts_per_hour"),)),
    ("brake_off_by_one", "I6", ("policies",), (
        ("src/base/would.c", "f->n_decisions >= r->brake", "f->n_decisions > r->brake"),)),
    ("version_reverted_twice", "I6", ("policies",), (
        ("src/pipeline/may.c", "        f->reverted_before = reverted_once(g);\n", "        (void)reverted_once(g);\n"),)),
    ("fought_without_end", "I6", ("rejected",), (
        ("src/pipeline/may.c", "        f->cooling_ms = own[n - 1];\n", "        f->cooling_ms = -1;\n"),)),
    ("order_is_undone", "I5", ("rejected",), (
        ("src/pipeline/act.c", "        .advise = true,\n", ""),)),
    ("gate_ignores_none_ready", "I4", ("policies",), (
        ("src/base/would.c", "        w.reason = HD_REASON_TARGET_NOT_READY;\n", "        w.reason = HD_REASON_NONE;\n"),)),
    ("rejected_is_a_target", "I11", ("policies",), (
        ("src/pipeline/may.c", "    return would_gate(&f, automatic);", "    return would_gate(&f, automatic && g->act.reapply);"),)),

    # --- acting ---
    ("send_before_commit", "I2", ("kill_points_weights",), (
        ("src/pipeline/send.c", "    if (save_all(g->p, &err) && !act_without_store(g, &err))\n        return;\n", ""),
        ("src/pipeline/pipeline.c", "    if (!p->store_lost || now.boot_ms >= p->store_try_ms)\n",
         "    if ((!p->store_lost || now.boot_ms >= p->store_try_ms) && !pipeline_busy(p))\n"))),
    ("journal_after_the_answer", "I2", ("kill_points_weights",), (
        ("src/pipeline/save.c", "    if (!code && g->act.intent_dirty) {\n",
         "    if (!code && g->act.intent_dirty && g->act.intent.outcome >= HD_INTENT_ACCEPTED) {\n"),)),
    ("store_lost_sends_anyway", "I2", ("disk",), (
        ("src/pipeline/send.c", "if (c->storage.lost == HD_STORE_LOST_REVERT && g->actuator->absolute) {",
         "if (g->actuator->absolute) {"),)),
    ("read_back_skipped", "I3", ("adapters",), (
        ("src/pipeline/act.c", "    if (str_is(live->value, g->goal)) {\n        proven(g, live);\n    } else if",
         "    if (str_is(live->value, g->goal) || a->intent.outcome == HD_INTENT_ACCEPTED) {\n"
         "        proven(g, live);\n    } else if"),)),
    ("once_order_repeated", "I6", ("adapters",), (
        ("src/pipeline/act.c", "a->intent.sends < SENDS_MAX) && (a->unsent || !once);",
         "a->intent.sends < SENDS_MAX) && (a->unsent || !once || true);"),)),
    ("sends_unbounded", "I6", ("router",), (
        ("src/pipeline/act.c", "return (further || a->intent.sends < SENDS_MAX) && (", "return ("),)),
    ("going_on_is_repeating", "I6", ("pipeline_act",), (
        ("src/pipeline/act.c", "return (further || a->intent.sends < SENDS_MAX) && (", "return a->intent.sends < SENDS_MAX && ("),)),
    ("deadline_not_enforced", "I3", ("router",), (
        ("src/pipeline/act.c", "    if (g->p->now.boot_ms >= a->deadline_ms) {\n",
         "    if (g->p->now.boot_ms >= a->deadline_ms + 3600000) {\n"),)),
    ("refused_wakes_nobody", "I3", ("router",), (
        ("src/pipeline/guard.c", "           state == HD_STATE_REFUSED || state == HD_STATE_ADVISED;",
         "           state == HD_STATE_ADVISED;"),)),
    ("conflict_wakes_nobody", "I3", ("router",), (
        ("src/pipeline/guard.c", "        return true; /* half of our change may be there */\n",
         "        return false;\n"),)),
    ("human_overwritten", "I5", ("router",), (
        ("src/pipeline/act.c", "    if (str_is(live->value, s->last.value) || (!g->act",
         "    if (str_is(live->value, s->last.value) || live->value || (!g->act"),)),
    ("third_value_overwritten", "I5", ("router",), (
        ("src/pipeline/act.c", "    } else if ((left = half_done(g, t, live))) {\n",
         "    } else if ((left = half_done(g, t, live)) || live->value) {\n"),)),
    ("superseded_unseen", "I5", ("router",), (
        ("src/pipeline/watch.c",
         "            superseded(g, reloaded ? HD_REASON_ROUTER_RELOADED : HD_REASON_CHANGED_BY_OTHER, now);\n",
         "            g->dirty = true;\n"),)),
    ("revert_follows_itself", "I11", ("orders",), (
        ("src/pipeline/order_guard.c", "    if (!named && s->last.ours) {\n",
         "    if (!named && s->last.ours && rejected && !*rejected) {\n"),)),
    ("humans_change_is_a_switch", "I11", ("router",), (
        ("src/pipeline/act.c", "    watch_take(g->service, live); /*",
         "    guard_end(g, HD_STATE_SUPERSEDED, HD_REASON_CHANGED_BY_OTHER, live->owner); /*"),)),
    ("own_revert_is_a_switch", "I11", ("adapters",), (
        ("src/pipeline/watch.c", ".ours = is_ours(s, live->value),", ".ours = is_ours(s, live->value) && !policy,"),)),
    ("reload_fought_for_ever", "I6", ("router",), (
        ("src/pipeline/care.c", "if (!g->reapplied && !w.reason && g->policy", "if (!w.reason && g->policy"),)),
    ("notifier_before_revert", "I10", ("hanging",), (
        ("src/pipeline/act.c", "    } else if (a->observe.live.settling) {\n",
         "    } else if (a->observe.live.settling || (g->p->n_sinks && g->p->sinks[0].sending)) {\n"),)),
    ("message_not_retried", "outbox", ("hanging",), (
        ("src/pipeline/notify.c", "outbox_put(d, 0, p->now.wall_ms +", "outbox_put(d, 1, p->now.wall_ms +"),)),
    ("any_text_is_accepted", "actuators", ("actuators_replies",), (
        ("src/actuators/haproxy/write.c",
         "        ret->answer = HD_ANSWER_REFUSED;\n        ret->text = str_begins", "        ret->text = str_begins"),)),
    ("backup_is_a_target", "actuators", ("haproxy_live",), (
        ("src/actuators/haproxy/write.c", "    } else if (backup) {\n", "    } else if (backup && !*backup) {\n"),)),
    ("rehearsal_writes", "actuators", ("router",), (
        ("src/pipeline/rehearse.c", "    goal.rehearse = true;\n", ""),
        ("src/pipeline/rehearse.c", "rehearsal.step[i]->effect != HD_EFFECT_READ",
         "rehearsal.step[i]->effect == HD_EFFECT_ONCE"),)),

    # --- restarts, the store, the face ---
    ("restart_resets_the_clock", "I9", ("lifecycle",), (
        ("src/pipeline/recover.c", "g->t_base_ms = resumed_time(g, j);", "(void)resumed_time(g, j);"),)),
    ("restart_forgets_the_polls", "I9", ("lifecycle",), (
        ("src/pipeline/recover.c", "    if (row->engine)\n        g->engine = *row->engine;\n", ""),)),
    ("restart_forgets_the_polls", "I9", ("lifecycle",), (
        ("src/pipeline/recover.c", "    g->polls = (uint32_t)resume_i64(j, \"polls\", 0);\n", ""),)),
    ("restart_forgets_the_intent", "I6", ("kill_points_orders",), (
        ("src/pipeline/recover.c", "    if (intent) {\n", "    if (intent && !intent->to) {\n"),)),
    ("switch_while_down_unseen", "I9", ("lifecycle",), (
        ("src/pipeline/recover.c", "    s->last.service = s->name;\n", "    s->last.service = NULL;\n"),)),
    ("wall_clock_ends_guards", "I9", ("lifecycle",), (
        ("src/pipeline/guard.c", "g->t_base_ms + (g->p->now.boot_ms - g->boot_base_ms);",
         "g->t_base_ms + (g->p->now.wall_ms - g->row.started_ms);"),)),
    ("nothing_syncs_nothing", "I9", ("store_disk",), (
        ("src/store/store.c", "    if (!s->relaxed && s->unsynced && pages_written(s) == before)\n"
         "        return store_sync(s, err);\n", ""),)),
    ("ballast_kept", "I2", ("store_open", "store_disk"), (
        ("src/store/sql.c", '        side_delete(s->vfs, s->path, "-ballast");\n', ""),)),
    ("answer_before_commit", "I7", ("disk",), (
        ("src/pipeline/command.c", "if (o.status < 400 && save_all(p, &err)) {",
         "if (save_all(p, &err) && o.status >= 400) {"),)),
    ("heartbeat_of_the_dead", "I1", ("pipeline_heartbeat",), (
        ("src/pipeline/notify.c", "p->store_lost || !all_evaluate(p))", "p->store_lost || (false && !all_evaluate(p)))"),)),
    ("any_token_will_do", "who may order", ("lifecycle",), (
        ("src/pipeline/command.c", "    return role >= need;\n", "    return role >= -1;\n"),)),
    ("cookie_is_enough", "who may order", ("http_who", "accounts"), (
        ("src/http/who.c", "if (c->from == FROM_COOKIE && !form_is_ours(c))", "if (false && !form_is_ours(c))"),)),
    ("ended_token_good", "who may order", ("accounts",), (
        ("src/pipeline/accounts.c", "t->until_ms >= 0 && t->until_ms <= now_ms", "t->until_ms > now_ms && false"),)),
    ("repetition_done_twice", "orders with a key", ("api",), (
        ("src/pipeline/once.c", "if (code == HD_ABSENT)\n", "if (code == HD_ABSENT || true)\n"),)),
    ("extension_not_replayed", "orders with a key", ("api",), (
        ("src/cli/trial.c", "if (t->as_it_was || t->input[*at].kind == ENGINE_EXTENDED)", "if (t->as_it_was && t->input[*at].kind)"),)),
    ("order_not_replayed", "replay", ("orders",), (
        ("src/cli/trial.c", "if (t->as_it_was || t->input", "if (t->input"),)),
    ("event_told_twice", "streams", ("http_stream",), (
        ("src/http/stream.c", "s->after = all->batch_last;", "s->after = all->batch_after;"),)),
    ("limiter_opens_at_once", "sequential rule", ("engine_weigh",), (
        ("src/engine/sequential.c", "m->run < limit - 1", "m->run < 1"),)),
    ("blip_without_its_scrape", "sequential rule", ("engine_weigh",), (
        ("src/engine/sequential.c", "((double)blip_ms + (double)scrape_ms)", "((double)blip_ms + 0 * (double)scrape_ms)"),)),
    ("outage_taken_for_the_release", "sequential rule", ("engine_weigh",), (
        ("src/engine/weigh.c", "if (better || mute ||", "if (true || better || mute ||"),)),
    ("one_sided_polls_dropped", "sequential rule", ("engine_weigh",), (
        ("src/engine/stream.c", "        add(&w->wait_mine, by_traffic", "        w->wait_mine = (struct seq_arm){0, 0};\n        add(&w->wait_mine, by_traffic"),)),
    ("two_looks_are_two_polls", "sequential rule", ("engine_weigh",), (
        ("src/engine/weigh.c", "if (w->main.t > 0 && (double)g->t_ms", "if (w->main.t < 0 && (double)g->t_ms"),)),
    ("past_not_stored", "sequential rule", ("store_evidence", "sequential"), (
        ("src/store/evidence.c", "    for (size_t i = 0; i < e->n_past; i++)\n        put_past(to, &e->past[i]);\n", ""),)),
    ("field_not_described", "the API's description", ("openapi",), (
        ("src/http/schema.c", '    {"GuardRow", "until", "time?"},\n', ""),)),
    ("page_not_escaped", "pages", ("http_html",), (
        ("src/http/html.c", 'buf_text(b, "&lt;");', 'buf_text(b, "<");'),)),
    # --- other tools ---
    ("old_pass_told", "I1: a verdict about the release before", ("http_compat",), (
        ("src/http/compat.c", "    if (stands && c->now_ms - g->ended_ms < COMPAT_FRESH_MS)\n",
         "    if (stands || c->now_ms - g->ended_ms < COMPAT_FRESH_MS)\n"),)),
    ("rollback_unattributed", "Flagger: 200 rolls back", ("http_compat",), (
        ("src/http/compat_flagger.c", "if (v.guard.cause != HD_CAUSE_RELEASE)", "if (v.guard.cause > HD_CAUSE_EARLIER)"),
        ("src/http/compat_flagger.c", "v.guard.verdict != HD_VERDICT_FAIL)", "v.guard.verdict < HD_VERDICT_FAIL)"),)),
    ("analysis_rejects", "an analysis changes nothing", ("compat_argo",), (
        ("src/pipeline/decide.c", "    if (g->row.analysis) {\n        guard_end(g, HD_STATE_ADVISED",
         "    if (g->row.analysis && !automatic) {\n        guard_end(g, HD_STATE_ADVISED"),)),
    ("alert_before_the_switch", "what fired earlier is not the release", ("compat_alertmanager",), (
        ("src/pipeline/alerts.c", "if (fails && !earlier)", "if (fails)"),)),
    ("left_out_alert_is_none", "I1: silence is never a pass", ("compat_alertmanager",), (
        ("src/pipeline/alerts.c", ".firing = fires}", ".firing = false}"),)),
    ("unproven_passes", "no past lets a bad release pass", ("engine_weigh",), (
        ("src/engine/decide.c", "unproven || weigh", "weigh"),)),
    ("usual_by_incidents", "no past lets a bad release pass", ("engine_weigh",), (
        ("src/engine/past.c", "past.limit = usual_of(h)", "past.limit = 0 * usual_of(h) + past.events / past.exposure"),)),
    ("watched_once_is_watched", "stable is blamed for nothing it was not watched for", ("engine_weigh",), (
        ("src/engine/weigh.c", "s->consecutive ? s->well_run : w->mute == 0", "s->consecutive + 1"),)),
    ("doubt_passes", "a worse candidate never turns fail into pass", ("engine_weigh",), (
        ("src/engine/decide.c", "weigh_view(g).doubt > 0 || ", ""),)),
    ("burst_takes_along", "a worse candidate never turns fail into pass", ("engine_weigh",), (
        ("src/engine/sequential.c", "fmin(before + f[i], fmax(before, most))", "fmin(before + f[i], most - fmax(f[i], 0))"),)),
    ("blip_is_doubted", "a short disturbance alone keeps nobody from a pass", ("engine_weigh",), (
        ("src/engine/weigh.c", "open ? INFINITY : most", "open || most > 0 ? INFINITY : most"),)),
    ("turns_unwatched", "a sequential check waits for stable's samples", ("engine_weigh",), (
        ("src/engine/engine.c", "if (!j.decided && s->gather_ms < 2 *", "if (!j.decided && s->gather_ms < 0 *"),)),
    ("rejected_past_learned", "a rejected release is no norm", ("engine_past",), (
        ("src/engine/past.c", "if (r->on[i].rejected && before_ms", "if (r->on[i].rejected && r->n > 99 && before_ms"),)),
    ("rejections_not_looked_up", "a rejected release is no norm", ("sim_rejected",), (
        ("src/pipeline/past.c", "    t->bins.releases = past_releases(g, t->arena);\n", ""),)),
    ("rejections_not_backtested", "a rejected release is no norm", ("backtest",), (
        ("src/cli/backtest.c", "        look_back(k, &x->trial);\n", ""),)),
    ("past_judged_at_once", "an analysis of the past is judged in its own time", ("analysis_past",), (
        ("src/pipeline/collect.c", "analysis_of_past(g) ? c->wall_ms - g->row.switch_to_ms", "analysis_of_past(g) ? guard_time(g)"),)),
    ("chat_address_told", "a secret is told nowhere", ("net_http",), (
        ("src/net/http.c", "                       r->at->bases[r->base]);", "                       base);"),)),
    # --- the past, tried again ---
    ("limits_beside_a_revert", "I10: nothing is computed beside it", ("pipeline_limits",), (
        ("src/pipeline/limits.c", "if (!p->limits || !pipeline_busy(p))", "if (!p->limits || pipeline_busy(p))"),)),
    ("limits_of_other_guards", "a result is of these guards", ("pipeline_limits",), (
        ("src/pipeline/limits.c", "if (!key_of(s, key, &err) && *key && !is_known(s, key))",
         "if (!key_of(s, key, &err) && *key && (!is_known(s, key) || *key))"),)),
    ("failed_scrape_moves", "a scrape that failed is no switch", ("cli_traffic",), (
        ("src/cli/traffic.c", "if (was_seen(t, len, whole, c) && !was_seen(t, 0, len, c))", "if (whole < len)"),)),
    ("dead_is_moved_away", "a crash is no move back", ("cli_traffic",), (
        ("src/cli/traffic.c", "           was_seen(t, 0, len, colour) && against(x, n, mine / all) > TINY;",
         "           against(x, n, mine / all) > TINY;"),)),
    ("quick_switch_unseen", "every switch that the scrapes show", ("cli_traffic",), (
        ("src/cli/traffic.c", "for (size_t len = scrape_bins(t); !done", "for (size_t len = longest(t); !done"),)),
    ("cut_short_is_missed", "what was not judged was not missed", ("cli_sweep",), (
        ("src/cli/sweep.c", "!reverts && kind != HD_VERDICT_NONE && truth", "!reverts && truth"),)),
    ("versions_not_asked", "an analysis of versions asks for them", ("config_versions",), (
        ("src/config/load.c", "        s.check[i].n_resolved = 0;\n", "        s.check[i].n_resolved += 0;\n"),)),
    # --- the judge of canary configs ---
    ("infinity_judged", "strict: an infinity is an error", ("pipeline_canary",), (
        ("src/engine/kayenta.c", "if (strict && !(is_finite(&x)", "if (!strict && !(is_finite(&x)"),)),
    ("error_not_counted", "strict: an error is no pass", ("pipeline_canary",), (
        ("src/engine/kayenta_score.c", "(strict || r->label != KAYENTA_ERROR)", "(!strict || r->label != KAYENTA_ERROR)"),)),
    ("silent_group_is_100", "I1: silence is never a pass", ("pipeline_canary",), (
        ("src/engine/kayenta_score.c", "group->judged || strict ?", "group->judged || !strict ?"),)),
    ("rounded_values_apart", "ranks are exact", ("engine_ranks",), (
        ("src/engine/ranks.c", "bool apart = w->gap > 2 * EPSILON *", "bool apart = w->gap > 0 * EPSILON *"),)),
    ("ties_not_halved", "ranks are exact", ("engine_ranks", "cli_offline"), (
        ("src/engine/ranks.c", "f->pairs += count * other * 0.5;", "f->pairs += count * other;"),)),
    ("minutes_before_judged", "an analysis presumes no switch", ("analyze_live",), (
        ("src/cli/analyze_service.c", "if (!t->evidence[i].evidence.before || t->evidence[i].evidence.n_past)\n", "if (t->evidence[i].evidence.poll)\n"),)),
)

/* SPDX-License-Identifier: Apache-2.0
 *
 * The handlers that routes.c names, by the file they live in.
 */
#ifndef HTTP_HANDLERS_H
#define HTTP_HANDLERS_H

#include "http/call.h"

/* pages */
enum hd_code fleet_page(struct call *, struct hd_error *);
enum hd_code fleet_api(struct call *, struct hd_error *); /* the same as data */
enum hd_code guard_page(struct call *, struct hd_error *);
enum hd_code service_page(struct call *, struct hd_error *);
enum hd_code settings_page(struct call *, struct hd_error *);
enum hd_code demo_page(struct call *, struct hd_error *);
enum hd_code check_page(struct call *, struct hd_error *);     /* checkpage.c */
enum hd_code approvals_page(struct call *, struct hd_error *); /* approvals.c */
enum hd_code analyses_page(struct call *, struct hd_error *);  /* history.c */
/* actions.c */
enum hd_code action_ask(struct call *, struct hd_error *);
enum hd_code action_take(struct call *, struct hd_error *);
/* export.c, receipt.c */
enum hd_code export_markdown(struct call *, struct hd_error *);
enum hd_code handover_markdown(struct call *, struct hd_error *);
enum hd_code export_receipt(struct call *, struct hd_error *);
/* history.c */
enum hd_code history_csv(struct call *, struct hd_error *);
enum hd_code history_json(struct call *, struct hd_error *);
/* limits.c */
enum hd_code limits_page(struct call *, struct hd_error *);
enum hd_code api_limits(struct call *, struct hd_error *);
enum hd_code api_limits_svg(struct call *, struct hd_error *);
/* api.c */
enum hd_code api_services(struct call *, struct hd_error *);
enum hd_code api_service(struct call *, struct hd_error *);
enum hd_code api_guards(struct call *, struct hd_error *);
enum hd_code api_guard(struct call *, struct hd_error *);
enum hd_code api_timeline(struct call *, struct hd_error *);
enum hd_code api_evidence(struct call *, struct hd_error *);
enum hd_code api_holds(struct call *, struct hd_error *);
enum hd_code api_verdicts(struct call *, struct hd_error *);
enum hd_code api_chart(struct call *, struct hd_error *);
enum hd_code api_config(struct call *, struct hd_error *);
enum hd_code api_tokens(struct call *, struct hd_error *);
/* tries.c */
enum hd_code try_config(struct call *, struct hd_error *);
enum hd_code try_replay(struct call *, struct hd_error *);
/* follow.c */
enum hd_code follow_guard(struct call *, struct hd_error *);
enum hd_code group_page(struct call *, struct hd_error *);
enum hd_code group_show(struct call *, struct hd_error *);
enum hd_code group_wait(struct call *, struct hd_error *);
enum hd_code follow_events(struct call *, struct hd_error *);
/* openapi.c */
enum hd_code openapi_document(struct call *, struct hd_error *);
/* login.c */
enum hd_code login_page(struct call *, struct hd_error *);
enum hd_code login_take(struct call *, struct hd_error *);
enum hd_code logout_take(struct call *, struct hd_error *);
/* approvals.c */
enum hd_code api_approvals(struct call *, struct hd_error *);
enum hd_code api_approval(struct call *, struct hd_error *);
/* compat_*.c */
enum hd_code argo_analysis(struct call *, struct hd_error *);
enum hd_code flagger_gate(struct call *, struct hd_error *);
enum hd_code flagger_approve(struct call *, struct hd_error *);
enum hd_code flagger_halt(struct call *, struct hd_error *);
enum hd_code flagger_open(struct call *, struct hd_error *);
enum hd_code flagger_close(struct call *, struct hd_error *);
enum hd_code flagger_check(struct call *, struct hd_error *);
enum hd_code flagger_rollback(struct call *, struct hd_error *);
enum hd_code flagger_event(struct call *, struct hd_error *);
enum hd_code alertmanager_take(struct call *, struct hd_error *);
enum hd_code kayenta_configs(struct call *, struct hd_error *);
enum hd_code kayenta_config(struct call *, struct hd_error *);
enum hd_code kayenta_credentials(struct call *, struct hd_error *);
enum hd_code kayenta_cancel(struct call *, struct hd_error *);
enum hd_code kayenta_start(struct call *, struct hd_error *);
enum hd_code kayenta_execution(struct call *, struct hd_error *);
/* health.c */
enum hd_code health_alive(struct call *, struct hd_error *);
enum hd_code health_ready(struct call *, struct hd_error *);
enum hd_code health_metrics(struct call *, struct hd_error *);
enum hd_code health_style(struct call *, struct hd_error *);
enum hd_code health_script(struct call *, struct hd_error *);

#endif

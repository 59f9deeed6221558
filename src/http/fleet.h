/* SPDX-License-Identifier: Apache-2.0
 *
 * The fleet's page, apart from the loading: from rows to HTML. Pure.
 */
#ifndef HTTP_FLEET_H
#define HTTP_FLEET_H

#include "http/course.h"
#include "http/watching.h"

struct fleet_view {
    int64_t now_ms;
    const char *alarm, *account, *csrf; /* as of html_page */
    struct store_service *service;
    struct store_reading *reading; /* by service */
    bool *has_reading;
    struct contacts *contacts; /* by needing */
    const char **notice;       /* by needing: what its notice says besides `why`; NULL: nothing */
    struct store_guard *needing, *live, *recent; /* recent: ended ones of the last 12 hours */
    struct watching *watching; /* the first of those that are live, the worst first */
    struct store_approval *approval; /* open ones */
    struct store_event *act;                     /* open act notices that belong to no guard */
    struct store_hold *hold;
    struct store_fact *source; /* "source/NAME": see settings.c */
    struct store_room room;    /* bytes 0: not known */
    size_t n_services, n_needing, n_live, n_recent, n_acts, n_holds, n_sources, n_watching, n_approvals;
    size_t n_course[COURSES]; /* of those that are live */
    struct stance *stance;    /* of each live one */
    struct store_budgets budgets;
};

void fleet_render(struct buf *, const struct fleet_view *);

#endif

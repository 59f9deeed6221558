/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing HTML so that foreign text cannot become markup: the format is ours, every %s in it is
 * escaped for text and quoted attributes alike. There is no raw insertion.
 */
#ifndef HTTP_HTML_H
#define HTTP_HTML_H

#include "base/buf.h"

#include <haldane/types.h>

/* How a thing stands; always shown as word, shape and colour together. */
enum tone { TONE_NONE, TONE_PASS, TONE_FAIL, TONE_WARN, TONE_RUN };

/* printf over a buf; knows s d u f g with flags, precision, l, ll and z. %s: NULL writes nothing;
 * & < > " ' are escaped; control and bidi characters and broken UTF-8 become U+FFFD. */
void html_print(struct buf *, const char *format, ...) HD_PRINTF(2, 3);
void html_text(struct buf *, const char *text);
/* One path segment or query value, percent-encoded. */
void html_segment(struct buf *, const char *text);

struct html_page {
    const char *title;
    enum tone tone;    /* of the icon in the browser's tab */
    bool live;         /* something is going on: reload every 15 s */
    const char *account; /* who is logged in; NULL: nobody */
    const char *csrf;    /* of the form that logs out; NULL: no browser's session */
    const char *alarm; /* why nothing below can be trusted to be watched; NULL: all is well */
    int64_t now_ms;
};
void html_head(struct buf *, const struct html_page *); /* up to <main> */
void html_foot(struct buf *);

const char *html_tone_word(enum tone); /* the class in style.css */
void html_icon(struct buf *, enum tone);
enum tone html_state_tone(int state);
/* Why a check has no value, in words; the API has the slugs. */
const char *html_outcome_words(int outcome);
/* "not_verified" -> "not verified" */
const char *html_state_words(int state);

/* <time> with the full instant; "03:04:10Z", the date before it when it is another day than that of
 * `day_ms`. -1: "-". */
void html_time(struct buf *, int64_t wall_ms, int64_t day_ms);
/* "2m 03s ago", "in 5m 00s" */
void html_ago(struct buf *, int64_t wall_ms, int64_t now_ms);

/* The style sheet and the script, and tags that change with them. */
extern const char http_style[], http_script[];
const char *html_style_tag(void);
const char *html_script_tag(void);

#endif

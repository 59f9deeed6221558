/* SPDX-License-Identifier: Apache-2.0
 *
 * `haldane man`: the manual pages, made from the tables that the program itself works by, so that
 * they cannot tell of an option that is not there. Writes man(7) text on stdout; installed by meson.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "cli/internal.h"

#define PAGE_BYTES_MAX (1u << 20)

/* Text as man(7) reads it: no request by accident, a hyphen that can be copied. */
static void put(struct buf *b, const char *text)
{
    bool start = true;
    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            buf_text(b, "\\&");
        if (*text == '\\')
            buf_text(b, "\\e");
        else if (*text == '-')
            buf_text(b, "\\-");
        else
            buf_byte(b, *text);
        start = *text == '\n';
    }
}

static void head(struct buf *b, const char *page, int section, const char *what)
{
    buf_print(b, ".TH %s %d \"\" \"haldane " HALDANE_VERSION "\" \"haldane\"\n.SH NAME\n", page,
              section);
    buf_print(b, "%s \\- %s\n", page, what);
}

/* "  unindented" lines become terms, lines that begin with four blanks tell about them. */
static void put_terms(struct buf *b, const char *text)
{
    bool term = false;
    while (*text) {
        const char *end = text;
        while (*end && *end != '\n')
            end++;
        ARENA_AUTO a = arena_new();
        bool about = str_begins(text, "    ");
        const char *line = arena_text_n(a, about ? text + 4 : text, (size_t)(end - text) - (about ? 4 : 0));
        if (!about)
            buf_text(b, term ? ".TQ\n" : ".TP\n");
        put(b, line);
        buf_byte(b, '\n');
        term = !about;
        text = *end ? end + 1 : end;
    }
}

/* --- haldane(8) --- */

static void put_option(struct buf *b, const struct cli_option *o)
{
    buf_text(b, ".TP\n\\fB");
    if (o->letter)
        buf_print(b, "\\-%c\\fR, \\fB", o->letter);
    buf_text(b, "\\-\\-");
    put(b, o->name);
    buf_text(b, "\\fR");
    if (o->value)
        buf_print(b, " \\fI%s\\fR", o->value);
    buf_byte(b, '\n');
    put(b, o->help);
    buf_byte(b, '\n');
}

static void put_command(struct buf *b, const struct cli_command *c)
{
    buf_print(b, ".SS \"haldane %s", c->name);
    if (*c->synopsis)
        buf_byte(b, ' ');
    put(b, c->synopsis);
    buf_text(b, "\"\n");
    put(b, c->help);
    buf_text(b, ".\n");
    for (const struct cli_option *o = c->options; o && o->name; o++)
        put_option(b, o);
    if (c->notes) {
        buf_text(b, ".PP\n.nf\n");
        put(b, c->notes);
        buf_text(b, ".fi\n");
    }
}

static void put_rows(struct buf *b, const char *const (*row)[2])
{
    for (; (*row)[0]; row++) {
        buf_text(b, ".TP\n.B \"");
        put(b, (*row)[0]);
        buf_text(b, "\"\n");
        put(b, (*row)[1]);
        buf_byte(b, '\n');
    }
}

static void put_reasons(struct buf *b)
{
    static const struct {
        const char *slug, *severity, *sentence;
    } reason[] = {
#define REASON(number, name, slug, severity, sentence) {slug, #severity, sentence},
#include <haldane/reason.def>
#undef REASON
    };
    for (size_t i = 1; i < sizeof reason / sizeof *reason; i++) { /* the first is "none" */
        buf_print(b, ".TP\n\\fB%s\\fR (", reason[i].slug);
        for (const char *c = reason[i].severity; *c; c++)
            buf_byte(b, *c == '_' ? ' ' : (char)(*c | 0x20));
        buf_text(b, ")\n");
        put(b, reason[i].sentence);
        buf_byte(b, '\n');
    }
}

static int page_program(struct buf *b)
{
    static const char *const environment[][2] = {
        {"HALDANE_CONFIG", "The configuration, where --config does not say."},
        {"HALDANE_URL", "Where the daemon is, where --url does not say."},
        {"HALDANE_TOKEN", "The token for orders, where --token-file does not say."},
        {"NO_COLOR", "No colour on the terminal."},
        {"NOTIFY_SOCKET, WATCHDOG_USEC, CREDENTIALS_DIRECTORY", "As systemd sets them for serve."},
        {NULL, NULL},
    };
    static const char *const signals[][2] = {
        {"SIGHUP", "serve: load the configuration anew; refused whole when it has mistakes."},
        {"SIGTERM, SIGINT", "serve: finish the write that is on its way, keep the rest for the next "
                            "start, and end."},
        {NULL, NULL},
    };
    static const char *const files[][2] = {
        {CLI_CONFIG_DEFAULT, "The configuration; see haldane.yaml(5)."},
        {"/var/lib/haldane/haldane.db", "The store: every guard with its evidence, verdict and "
                                        "timeline."},
        {NULL, NULL},
    };
    head(b, "haldane", 8, "watch a release and take the traffic back when the metrics say so");
    buf_text(b, ".SH SYNOPSIS\n\\fBhaldane\\fR \\fICOMMAND\\fR [...]\n.SH DESCRIPTION\n");
    put(b, "The daemon (haldane serve) reads routers and metric sources. When the traffic of a "
           "service moves to another colour it guards the switch: it compares what both sides' "
           "users get, decides, and where the configuration lets it moves the traffic back. The "
           "other commands give it orders, ask it, or work without it on its files.\n");
    buf_text(b, ".SH COMMANDS\n");
    for (size_t i = 0; cli_command_at(i); i++)
        put_command(b, cli_command_at(i));
    buf_text(b, ".SH EXIT STATUS\n");
    for (const struct cli_exit_row *r = cli_exit_rows; r->help; r++) {
        buf_print(b, ".TP\n.B %d\n", r->code);
        put(b, r->help);
        buf_byte(b, '\n');
    }
    buf_text(b, ".SH REASONS\n");
    put(b, "What a verdict and a check give as reason, in the API by these words; in a sentence "
           "{check}, {side}, {value}, {limit} and so on stand for what was seen.\n");
    put_reasons(b);
    buf_text(b, ".SH ENVIRONMENT\n");
    put_rows(b, environment);
    buf_text(b, ".SH SIGNALS\n");
    put_rows(b, signals);
    buf_text(b, ".SH FILES\n");
    put_rows(b, files);
    buf_text(b, ".SH SEE ALSO\n\\fBhaldane.yaml\\fR(5), \\fBhaldane\\-queries\\fR(7)\n");
    return CLI_OK;
}

/* --- haldane.yaml(5) --- */

static const char example[] = "version: 1\n"
                              "datasources:\n"
                              "  prom: {type: prometheus, url: \"http://127.0.0.1:9090\"}\n"
                              "services:\n"
                              "  shop:\n"
                              "    colours: [blue, green]\n"
                              "    actuator: {type: haproxy, socket: /run/haproxy/admin.sock, backend: shop}\n"
                              "    checks:\n"
                              "      - {use: http-5xx-ratio, max: 1%}\n"
                              "      - {use: http-slower-than, bound: 450ms, max: 1%}\n"
                              "    guard: {duration: 15m, interval: 5s, fail_after: 3}\n"
                              "    on_fail: revert\n";

static int page_config(struct buf *b)
{
    BUF_AUTO keys = BUF_INIT(PAGE_BYTES_MAX);
    head(b, "haldane.yaml", 5, "configuration of haldane");
    buf_text(b, ".SH DESCRIPTION\n");
    put(b, "One YAML file without anchors and tags. Every mistake of a file is named at its line "
           "and column by haldane check, which serve runs first; with --sample it prints a file "
           "with every key. A secret is never written here but referred to as ${file:PATH}, "
           "${env:NAME} or ${credential:NAME}, and read when it is used. A reload is taken whole or "
           "refused whole; a guard keeps the configuration it started with.\n");
    buf_text(b, ".SH EXAMPLE\n.nf\n");
    put(b, example);
    buf_text(b, ".fi\n.SH KEYS\n");
    put(b, "NAME stands for a name of your choice, [] for an entry of a list.\n");
    config_print_reference(&keys);
    put_terms(b, buf_at(&keys));
    buf_text(b, ".SH SEE ALSO\n\\fBhaldane\\fR(8), \\fBhaldane\\-queries\\fR(7)\n");
    return CLI_OK;
}

/* --- haldane-queries(7) --- */

/* "id: title [unit]; shape: parameters; ..." per line. */
static void put_query(struct buf *b, struct hd_arena *a, const char *line, size_t n)
{
    char *text = arena_text_n(a, line, n);
    const char *separator = ".TP\n.B ";
    for (char *piece = text; piece;) {
        char *next = strstr(piece, "; ");
        char *colon = separator[1] == 'T' ? strstr(piece, ": ") : NULL;
        if (next)
            *next = '\0';
        if (colon)
            *colon = '\0';
        buf_text(b, separator);
        put(b, piece);
        buf_byte(b, '\n');
        if (colon) {
            put(b, colon + 2);
            buf_byte(b, '\n');
        }
        separator = ".br\n";
        piece = next ? next + 2 : NULL;
    }
}

static int page_queries(struct buf *b)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO list = BUF_INIT(PAGE_BYTES_MAX);
    struct hd_error err;
    head(b, "haldane-queries", 7, "the query library of haldane");
    buf_text(b, ".SH DESCRIPTION\n");
    put(b, "A check with use: NAME takes its question from the library. A query exists in shapes, "
           "one for each family of metric names (shape: of the service), and takes parameters "
           "(with: of the check), which are label names and values. haldane query run asks one "
           "now. Below: the query and its unit, then each shape with its parameters.\n");
    buf_text(b, ".SH QUERIES\n");
    if (config_print_queries(NULL, &list, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    for (const char *line = buf_at(&list); *line;) {
        const char *end = strchr(line, '\n');
        put_query(b, a, line, (size_t)(end - line));
        line = end + 1;
    }
    buf_text(b, ".SH SEE ALSO\n\\fBhaldane\\fR(8), \\fBhaldane.yaml\\fR(5)\n");
    return CLI_OK;
}

static const struct {
    const char *name;
    int (*make)(struct buf *);
} pages[] = {
    {"haldane", page_program},
    {"haldane.yaml", page_config},
    {"haldane-queries", page_queries},
};

static int run(const struct cli_args *args)
{
    const char *name = cli_word(args, 0);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (!str_is(pages[i].name, name ? name : pages[0].name))
            continue;
        BUF_AUTO page = BUF_INIT(PAGE_BYTES_MAX);
        int status = pages[i].make(&page);
        if (!status)
            (void)fputs(buf_at(&page), stdout);
        return status;
    }
    return cli_usage(args, "there is no page '%s'", name);
}

const struct cli_command cli_man = {
    .name = "man",
    .synopsis = "[haldane | haldane.yaml | haldane-queries]",
    .help = "print a manual page for man(1)",
    .notes = "To read one that is not installed: haldane man haldane.yaml | man -l -\n",
    .most = 1,
    .run = run,
};

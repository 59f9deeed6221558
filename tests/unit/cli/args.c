/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments: options and words of a command, --help from its rows, and what is refused.
 */
#include "capture.h"

#include "base/str.h"
#include "cli/internal.h"

static char seen[200];

static int note(const struct cli_args *args)
{
    const char *file = cli_option(args, "file"), *first = cli_word(args, 0);
    (void)snprintf(seen, sizeof seen, "%s|%s|%s|%s", file ? file : "-",
                   cli_option(args, "loud") ? "loud" : "-", cli_json(args) ? "json" : "text",
                   first ? first : "-");
    return 42;
}

static const struct cli_option options[] = {
    {"file", 'f', "FILE", "which file"},
    {"loud", '\0', NULL, "say more"},
    CLI_OUTPUT_OPTION,
    {0},
};
static const struct cli_command command = {.name = "try",
                                           .synopsis = "WORD [WORD]",
                                           .help = "be a test",
                                           .notes = "And a note.\n",
                                           .options = options,
                                           .least = 1,
                                           .most = 2,
                                           .run = note};

static int run_command(int argc, char **argv) { return cli_run(&command, argc, argv); }

static const struct row {
    const char *name, *argv[6];
    int status;
    const char *seen, *out, *err; /* NULL: not looked at */
} rows[] = {
    {"a word", {"a"}, 42, "-|-|text|a", "", ""},
    {"all options", {"-f", "x", "--loud", "-o", "json", "a"}, 42, "x|loud|json|a", "", ""},
    {"options after words", {"a", "--file=y", "--loud"}, 42, "y|loud|text|a", NULL, NULL},
    {"the last one counts", {"-fx", "-fy", "a"}, 42, "y|-|text|a", NULL, NULL},
    {"words after --", {"--", "-f"}, 42, "-|-|text|-f", NULL, NULL},
    {"an empty value is one", {"a", "-f", ""}, 42, "|-|text|a", NULL, NULL},
    {"text by name", {"a", "-o", "text"}, 42, "-|-|text|a", NULL, NULL},
    {"a begun name", {"a", "--lo"}, 42, "-|loud|text|a", NULL, NULL},
    {"help", {"--help"}, CLI_OK, "", "-f, --file FILE", ""},
    {"help beside mistakes", {"-h", "-f"}, CLI_OK, "", "And a note.", ""},
    {"no word", {"--loud"}, CLI_USAGE, "", "", "an argument is missing\nusage: haldane try WORD [WORD]"},
    {"a word too many", {"a", "b", "c"}, CLI_USAGE, "", "", "unexpected 'c'"},
    {"unknown long", {"a", "--quiet"}, CLI_USAGE, "", "", "option --quiet is not known"},
    {"unknown letter in a bundle", {"a", "-xf"}, CLI_USAGE, "", "", "option -x is not known"},
    {"no value", {"a", "--file"}, CLI_USAGE, "", "", "option --file needs a value"},
    {"no value of a letter", {"a", "-f"}, CLI_USAGE, "", "", "option -f needs a value"},
    {"a value to a flag", {"a", "--loud=1"}, CLI_USAGE, "", "", "--loud=1"},
    {"another format", {"a", "-o", "xml"}, CLI_USAGE, "", "", "text or json, not 'xml'"},
};

static void parsing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        char *argv[8] = {(char *)"try"};
        int argc = 1;
        for (; argc < 7 && r->argv[argc - 1]; argc++)
            argv[argc] = (char *)r->argv[argc - 1];
        struct said said;
        seen[0] = '\0';
        capture(run_command, argc, argv, &said);
        if (said.status != r->status)
            fail_msg("%s: status %d, not %d: %s", r->name, said.status, r->status, said.err);
        if (!str_is(seen, r->seen))
            fail_msg("%s: saw %s, not %s", r->name, seen, r->seen);
        holds(r->name, "stdout", said.out, r->out);
        holds(r->name, "stderr", said.err, r->err);
    }
}

/* Every row of --help stands in a line of its own, with its help. */
static void help(void **state)
{
    (void)state;
    char *argv[] = {(char *)"try", (char *)"--help", NULL};
    struct said said;
    capture(run_command, 2, argv, &said);
    assert_string_equal(said.out,
                        "haldane try: be a test\n\nusage: haldane try WORD [WORD]\n\n"
                        "  -f, --file FILE         which file\n"
                        "      --loud              say more\n"
                        "  -o, --output FORMAT     of the result on stdout: text (default) or json\n"
                        "  -h, --help              print this\n\nAnd a note.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parsing), cmocka_unit_test(help)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

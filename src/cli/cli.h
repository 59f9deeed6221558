/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: one file per subcommand, one table of them in cli.c.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Runs the subcommand named by argv[1]; returns the exit status. */
int cli_main(int argc, char **argv);

/* Exit codes: part of the contract with scripts; documented in --help. */
enum cli_exit {
    CLI_OK = 0,           /* done; the guard passed */
    CLI_REVERTED = 1,     /* failed, and reverted and verified */
    CLI_USAGE = 2,        /* wrong arguments or configuration */
    CLI_INCONCLUSIVE = 3, /* not enough evidence */
    CLI_NOT_VERIFIED = 4, /* a revert was attempted, and is not verified */
    CLI_ADVISED = 5,      /* failed; by its settings haldane did nothing */
    CLI_UNREACHABLE = 6,  /* the daemon does not answer */
    CLI_AUTH = 7,         /* no or a wrong token */
    CLI_TIMEOUT = 8,      /* the wait timed out; the guard goes on */
    CLI_SUPERSEDED = 9,   /* somebody else changed the traffic, or an operator cancelled */
    CLI_INTERRUPTED = 130,
};

#endif

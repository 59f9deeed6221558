/* SPDX-License-Identifier: Apache-2.0
 *
 * The program's door: hands its arguments to the command line, and nothing else.
 */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}

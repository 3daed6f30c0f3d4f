/* Options that name a file to write. */
#ifndef SAB_CLI_OUTPUT_H
#define SAB_CLI_OUTPUT_H

#include "cli/arguments.h"

/* Where the command's own option of that name is `-`, makes it the path of standard output, with *is_piped 1, else 0; what was
 * printed so far goes out first. SAB_NOMEM. */
int sab_cli_output(const struct sab_cli *cli, const char *option, int *is_piped, struct sab_error *err);

/* Refuses `-` for the option of a command whose data take standard output: `what` they are. */
int sab_cli_no_output(const char *option, const char *path, const char *what, struct sab_error *err);

#endif

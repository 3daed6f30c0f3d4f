/* Options that name a file to write. */
#ifndef SAB_CLI_OUTPUT_H
#define SAB_CLI_OUTPUT_H

#include "sab.h"

/* Makes the path `-` the one of standard output, and returns 1 where it was; what was printed so far goes out first. */
int sab_cli_output(char path[SAB_TEXT_CAP]);

/* Refuses `-` for the option of a command whose data take standard output: `what` they are. */
int sab_cli_no_output(const char *option, const char *path, const char *what, struct sab_error *err);

#endif

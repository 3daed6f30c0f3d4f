/* The texts of --help, made from the tables. */
#ifndef SAB_CLI_HELP_H
#define SAB_CLI_HELP_H

#include "cli/command.h"

void sab_help_program(void);
void sab_help_command(const struct sab_command *command);

#endif

/* The texts of --help, made from the tables. */
#ifndef SAB_CLI_HELP_H
#define SAB_CLI_HELP_H

#include <stddef.h>

#include "cli/command.h"

void sab_help_program(void);
/* The legal values, "0..4096", "lstm|gru|rnn"; "0 or more" where the end is 10^9 or above, which is nothing to know. */
void sab_help_range(const struct sab_option *option, char *buf, size_t cap);
void sab_help_command(const struct sab_command *command);
/* What concerns one task, of a command that takes a configuration. 0, and nothing printed, where there is no such task. */
int sab_help_task(const struct sab_command *command, const char *task);

#endif

/* Words for people, and the exit codes. */
#ifndef SAB_CLI_SAY_H
#define SAB_CLI_SAY_H

#include "cli/command.h"
#include "report/words.h"

/* Prints "sab COMMAND: message" to stderr and returns the exit code that the status stands for. */
int sab_say_error(const char *command, int status, const struct sab_error *err);

/* stdout is data: SAB_EXIT_FAILED, with a line on stderr, if any of it could not be written; else the code given. */
int sab_say_flush(const char *command, int code);

/* Prints the line that says what is trained: "network      lstm, 1 layer of 128, credit bptt". */
void sab_say_network(const struct sab_options *options);

#endif

/* Words and numbers for people, and the exit codes. */
#ifndef SAB_CLI_SAY_H
#define SAB_CLI_SAY_H

#include "cli/command.h"

/* Prints "sab COMMAND: message" to stderr and returns the exit code that the status stands for. */
int sab_say_error(const char *command, int status, const struct sab_error *err);

/* stdout is data: SAB_EXIT_FAILED, with a line on stderr, if any of it could not be written; else the code given. */
int sab_say_flush(const char *command, int code);

enum { SAB_SAY_CAP = 48 };

/* What people are shown of a name from a file or an argument (sab_text_shown), up to 250 bytes: in one of eight buffers in
 * turn, so that a printf can have several. */
const char *sab_shown(const char *text);

/* "45 s", "3 min 12 s", "2 h 5 min"; "?" for what is not finite. */
void sab_say_duration(double seconds, char buf[SAB_SAY_CAP]);

/* "4,500" */
void sab_say_count(int64_t n, char buf[SAB_SAY_CAP]);

/* "512 B", "3.2 MiB" */
void sab_say_bytes(double nbytes, char buf[SAB_SAY_CAP]);

/* "1.732 bits/char" for a task that counts them; else "accuracy 99.8 %" or "mse 0.0012", whichever the metrics have;
 * "loss 0.1" if neither. */
void sab_say_score(const char *task, const struct sab_metrics *metrics, char buf[SAB_SAY_CAP]);

/* A loss: at least four significant digits without exponent where that is short; "-" for none. */
void sab_say_loss(double loss, char buf[SAB_SAY_CAP]);

/* Prints the line that says what is trained: "network      lstm, 1 layer of 128, credit bptt". */
void sab_say_network(const struct sab_options *options);

#endif

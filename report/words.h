/* Names and numbers as people read them. */
#ifndef SAB_REPORT_WORDS_H
#define SAB_REPORT_WORDS_H

#include "sab.h"

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

/* The help of an option without the names of those who read it, "csv: " or "npy, csv: ". */
const char *sab_say_help_alone(const struct sab_option *option);

/* Prints text from `column` on, in lines of at most 79 columns, of whose first `used` are taken. */
void sab_say_wrapped(const char *text, int used, int column);

/* On stderr, where this is more than a minute: "warning: WHAT will take about 3 h 2 min; LESS". */
void sab_say_slow(double seconds, const char *less, const char *what, ...);

/* The same where it is more than that many seconds. */
void sab_say_slower(double seconds, double than, const char *less, const char *what, ...);

/* So of an evaluation. Returns the seconds; 0: that cannot be foretold. */
double sab_say_slow_evaluation(const struct sab_options *options, struct sab_task *task, enum sab_split split);

#endif

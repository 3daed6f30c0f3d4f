/* sab predict --stream: one line in, one line out. */
#ifndef SAB_CLI_PREDICT_LINES_H
#define SAB_CLI_PREDICT_LINES_H

#include "report/answers.h"

/* Answers lines from stdin at once, to the output, which is stdout. state_from, state_to: a file to go on from and one to leave
 * the state in, whatever ends the lines; "" for none. SAB_FORMAT names the line; SAB_INTERRUPTED when a signal (stop.h) ended a
 * stream whose state is to be left. */
int sab_predict_lines(struct sab_model *model, const struct sab_options *options, struct sab_answers_file *output,
                      const char *state_from, const char *state_to, struct sab_error *err);

#endif

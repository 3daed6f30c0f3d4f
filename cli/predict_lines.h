/* sab predict --stream: one line in, one line out. */
#ifndef SAB_CLI_PREDICT_LINES_H
#define SAB_CLI_PREDICT_LINES_H

#include "cli/answers.h"
#include "train/options.h"

/* Reads lines of values from stdin to its end, in the columns of the data that the model was trained on (a first line
 * with their names may come before, and gets a line of names back) or just the inputs in their order; answers each at once
 * on stdout. config: how lines and numbers are written. State is kept from line to line, one for each series where there are several. state_from, state_to: a file
 * to go on from and one to leave the state in, whatever ends the lines; "" for none. SAB_FORMAT names the line;
 * SAB_INTERRUPTED when a signal (stop.h) ended a stream whose state is to be left. */
int sab_predict_lines(struct sab_answers *answers, struct sab_model *model, const struct sab_options *config, int as_json,
                      const char *state_from, const char *state_to, struct sab_error *err);

#endif

/* What training shows while it runs, on stderr: on a terminal one line rewritten in place, and a line that stays at
 * each evaluation; elsewhere only the latter. */
#ifndef SAB_CLI_PROGRESS_H
#define SAB_CLI_PROGRESS_H

#include "sab_run.h"

struct sab_progress_line {
    const char *task;
    int is_terminal;
    int is_shown;    /* a line that is not ended stands on the terminal */
    double drawn_s;  /* when it was last drawn */
    struct sab_metrics smooth; /* of the batches */
    int64_t first_step;
};

/* task is borrowed. */
void sab_progress_init(struct sab_progress_line *line, const char *task);
/* As struct sab_watch wants it; user is the line. */
int sab_progress_show(void *user, const struct sab_event *event);
/* Removes what is not to stay. */
void sab_progress_end(struct sab_progress_line *line);

#endif

/* What a command shows on stderr while it works. On a terminal one line that is rewritten in place, with a bar, and of training the loss as
 * a sparkline; elsewhere plain lines, few. Nothing of it is a result. */
#ifndef SAB_REPORT_PROGRESS_H
#define SAB_REPORT_PROGRESS_H

#include "sab_run.h"

/* ---- training ---- */

enum { SAB_SPARKS = 20 };

struct sab_progress_line {
    const char *task;
    int is_terminal, is_unicode;
    int is_shown;    /* a line that is not ended stands on the terminal */
    double drawn_s;  /* when it was last drawn */
    struct sab_metrics smooth; /* of the batches */
    int64_t first_step;
    double losses[SAB_SPARKS]; /* of the run so far, each the mean of `each` updates; the last of those so far */
    int n_losses;
    int64_t each, in_last;
};

/* task is borrowed. */
void sab_progress_init(struct sab_progress_line *line, const char *task);
/* As struct sab_watch wants it; user is the line. At each evaluation a line that stays. */
int sab_progress_show(void *user, const struct sab_event *event);
/* Removes what is not to stay. */
void sab_progress_end(struct sab_progress_line *line);

/* ---- other work: a line from the first second on, drawn by a thread of its own ---- */

struct sab_progress;

/* what is done, "T = 200, 2 of 4", is copied. expected_s: how long this will take, 0 or NaN: unknown. Returns NULL, which all below take,
 * with is_quiet, and where a thread cannot be had: then nothing is shown. Nobody else may write to the terminal before the end. */
struct sab_progress *sab_progress_begin(const char *what, double expected_s, int is_quiet);
/* How much is done, 0 to 1, as who works knows it: counts more than what was expected. The first that is said may be more than 0, of work
 * that was done before. */
void sab_progress_at(struct sab_progress *progress, double share);
/* A line for people that stays, above the one that moves. With NULL it is shown too. */
void sab_progress_say(struct sab_progress *progress, const char *line);
/* Removes the line. Returns the seconds since it began, 0 for NULL. */
double sab_progress_finish(struct sab_progress *progress);
/* The same, and *progress is NULL. */
void sab_progress_drop(struct sab_progress **progress);

/* Seconds since some moment. */
double sab_progress_clock(void);

/* A bar of `width` characters in buf of 3 * width + 1 bytes. */
void sab_progress_bar(double share, int width, int is_unicode, char *buf);

#endif

/* The parts of sab tune: tune.c searches, tune_plan.c says how much of it fits into the time, tune_setting.c trains one setting and reads
 * what became of it, tune_table.c shows them all. */
#ifndef SAB_LAB_TUNE_H
#define SAB_LAB_TUNE_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/arguments.h"
#include "lab/jobs.h"
#include "lab/tune_space.h"
#include "sab_run.h"

enum { SAB_TUNE_RUNGS = 4, SAB_TUNE_SETTINGS = 27, SAB_TUNE_THIRD = 3, SAB_TUNE_DIR_CAP = 4096 };

/* The command's own options. */
struct sab_tune_own {
    const char *within;
    int jobs;
};

struct sab_tune {
    const struct sab_cli *cli; /* own is a struct sab_tune_own */
    struct sab_tune_space space;
    char dir[SAB_TUNE_DIR_CAP];
    int rungs;                   /* R + 1 */
    int64_t steps;               /* S */
    int threads;                 /* of each setting */
    int metric;                  /* by which it is judged: the place in the table; -1 until a run has said so */
    double end_s;                /* on sab_progress_clock */
    const volatile sig_atomic_t *stop;
    struct sab_progress *progress;
    double updates, before, done; /* of the whole search: all, those that were done when it began, and by now */
    int rung;                    /* under way */
    int settings[SAB_TUNE_SETTINGS]; /* of this rung, best first of the last one */
    int n;
    double values[SAB_TUNE_RUNGS][SAB_TUNE_SETTINGS]; /* by rung and place in settings; NaN: failed, or not there */
    int of[SAB_TUNE_RUNGS][SAB_TUNE_SETTINGS], counts[SAB_TUNE_RUNGS];
};

static inline const struct sab_tune_own *sab_tune_own(const struct sab_tune *s)
{
    return s->cli->own;
}

/* ---- one setting: tune_setting.c ---- */

/* Updates of each setting of a rung. */
int64_t sab_tune_rung_steps(const struct sab_tune *s, int rung);
void sab_tune_folder(const struct sab_tune *s, int rung, int setting, char path[SAB_TUNE_DIR_CAP + 64]);
/* So many of the search's updates are done. */
void sab_tune_show(const struct sab_tune *s, double done);

/* Pieces of struct sab_jobs; user is the search. Piece i is setting i of the rung under way. */
int sab_tune_train(void *user, int i, int *is_taken, struct sab_error *err);
void sab_tune_name(void *user, int i, char name[SAB_JOB_NAME_CAP]);
void sab_tune_add_done(void *user, int i);

/* The best evaluation of a setting's run; NaN of a setting of which nothing is kept: it failed before its first update. */
int sab_tune_value(const struct sab_tune *s, int rung, int setting, double *value, struct sab_error *err);

/* ---- tune_plan.c ---- */

/* "90s", "10m", "2h". */
int sab_tune_parse_time(const char *text, double *seconds, struct sab_error *err);
/* Rungs and updates that fit into the time. A search that goes on has those it began with. */
int sab_tune_plan(struct sab_tune *s, double time_s, struct sab_error *err);

/* ---- tune_table.c ---- */

void sab_tune_write_table(FILE *to, const struct sab_tune *s);
int sab_tune_save_table(const struct sab_tune *s, struct sab_error *err);
void sab_tune_print_json(const struct sab_tune *s, const char *best, int is_whole);

#endif

/* The table of synthetic tasks. A task draws one sequence at a time, as a pure function of (seed, stream, index);
 * task.c lays sequences out as batches. Must not know models or training.
 *
 * Adding a task: one file with a shape and a fill function, one row in the table of task.c, one test. */
#ifndef SAB_DATA_TASK_H
#define SAB_DATA_TASK_H

#include "base/random.h"
#include "sab.h"

/* Where the draws of one sequence come from: every random number is f(seed, stream, index, lane). */
struct sab_draw {
    uint64_t seed;
    enum sab_random_stream stream;
    uint64_t index;
    int T;       /* config->T, or less while a curriculum lasts */
    int steps;   /* T + extra_steps */
    int classes; /* config->classes */
};

/* Column b of a zeroed batch. Step t (from 0) of ids and labels is at [t * B], of values at [t * B * I + i], of targets
 * at [t * B * O + o]. Pointers the shape does not use are NULL. */
struct sab_column {
    int B, I, O;
    int32_t *ids;
    sab_real *values;
    int32_t *labels;
    sab_real *targets;
};

struct sab_task_kind {
    const char *name;
    const char *help;     /* one line */
    int least_T;
    int extra_steps;      /* steps = T + extra_steps */
    int scored_last;      /* accuracy and mse count the last so many steps */
    int weighs_all;       /* 1: the loss is over all steps; 0: over the scored ones */
    struct sab_shape (*shape)(const struct sab_config *config);
    void (*fill)(const struct sab_draw *draw, const struct sab_column *column);
};

extern const struct sab_task_kind sab_task_copy;
extern const struct sab_task_kind sab_task_adding;
extern const struct sab_task_kind sab_task_cue;

/* The i-th task, or NULL past the last. */
const struct sab_task_kind *sab_task_kind_at(int i);

#endif

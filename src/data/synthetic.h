/* Tasks that draw their sequences, each a pure function of (seed, purpose, index); synthetic.c lays them out as batches.
 *
 * Adding one: a file with a shape and a fill function in a `struct sab_synthetic`, a create function that names it, and a
 * `struct sab_task_kind` with SAB_SYNTHETIC_METHODS; its line in the table of tasks; one test. */
#ifndef SAB_DATA_SYNTHETIC_H
#define SAB_DATA_SYNTHETIC_H

#include "base/random.h"
#include "data/task.h"

/* Where the draws of one sequence come from: every random number is f(seed, purpose, index, lane). */
struct sab_draw {
    uint64_t seed;
    enum sab_purpose purpose;
    uint64_t index;
    int T;       /* config->T, or less while a curriculum lasts */
    int steps;   /* times_T * T + extra_steps */
    int classes; /* config->drawn.classes */
    int rewrite; /* config->drawn.rewrite */
};

/* Column b of a zeroed batch. Step t (from 0) of ids and labels is at [t * B], of values at [t * B * I + i], of targets
 * at [t * B * O + o]. Pointers the shape does not use are NULL. */
struct sab_column {
    int B, I, O;
    int32_t *ids;
    sab_real *values;
    int32_t *labels;
    sab_real *targets;
    int length;      /* comes as draw->steps; a ragged task says how many steps this sequence has */
    int scored_last; /* comes as the task's own; a ragged task says how many of them are scored */
};

struct sab_synthetic {
    int least_T;
    int times_T, extra_steps; /* steps = times_T * T + extra_steps */
    int scored_last;          /* accuracy and mse count the last so many steps */
    int weighs_all;           /* 1: the loss is over all steps; 0: over the scored ones */
    int is_ragged;            /* 1: sequences have lengths of their own */
    struct sab_shape (*shape)(const struct sab_task_options *config);
    void (*fill)(const struct sab_draw *draw, struct sab_column *column);
};

/* What the create function of a drawn task calls. SAB_INVALID where T is out of its range or files are named. */
int sab_synthetic_create(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                         const struct sab_shared_options *shared, const struct sab_synthetic *what, struct sab_error *err);

void sab_synthetic_destroy(void *state);
int sab_synthetic_steps(const void *state);
int sab_synthetic_batch(void *state, enum sab_split split, int64_t index, int B, const struct sab_own *own,
                        struct sab_batch *batch, struct sab_error *err);

#define SAB_SYNTHETIC_METHODS \
    .destroy = sab_synthetic_destroy, .steps = sab_synthetic_steps, .batch = sab_synthetic_batch

#endif

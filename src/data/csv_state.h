/* The state of the task csv: what its parts share. csv_walk.c says which rows a column of a batch holds, csv_batch.c fills
 * batches with them, csv_learn.c learns from the training part what a model keeps, csv_task.c is the row of the table of
 * tasks. Nobody else includes this. */
#ifndef SAB_DATA_CSV_STATE_H
#define SAB_DATA_CSV_STATE_H

#include "data/account.h"
#include "data/class_weights.h"
#include "data/csv_table.h"
#include "data/csv_task.h"
#include "data/own.h"
#include "data/parts.h"
#include "data/scaling.h"
#include "data/arrays.h"

/* Rows of each part in a series: part p is cuts[p - 1] <= row < cuts[p], with cuts[-1] = 0. */
struct sab_csv_cuts {
    int64_t at[SAB_PARTS];
    int64_t chunks_before; /* of the series before this one in the training part */
};

/* Where a batch of an evaluation is: the B series from `first` on are read in the n batches from `begin` on. */
struct sab_csv_group {
    int split, B, first;
    int64_t begin, n;
};

struct sab_csv_state {
    const struct sab_task_options *config; /* live as long as the task */
    const struct sab_shared_options *shared;
    struct sab_csv_schema schema;
    struct sab_scaling columns;
    struct sab_account account;
    struct sab_class_weights class_weights;
    struct sab_csv_table tables[SAB_PARTS]; /* of --data, --valid-data, --test-data */
    struct sab_csv_cuts *cuts;                  /* [S] of the series of --data; only where series are streams */
    uint64_t bounds[SAB_PARTS + 1];         /* series of --data in each part; only where series are sequences */
    struct sab_shape shape;
    struct sab_arrays arrays;
    int64_t chunks;                                     /* of T rows in the training part */
    int in_order;                                       /* the training part is read as the others are */
    struct sab_csv_group group;                 /* of the batch that was last asked for; B is 0 before the first */
};

static inline int sab_csv_is_stream(const struct sab_csv_state *s)
{
    return s->schema.goal != SAB_GOAL_SERIES;
}

static inline int sab_csv_has_own(const struct sab_csv_state *s, enum sab_split split)
{
    return s->tables[split].S > 0 && split != SAB_TRAIN;
}

static inline const struct sab_csv_table *sab_csv_table_of(const struct sab_csv_state *s, enum sab_split split)
{
    return &s->tables[sab_csv_has_own(s, split) ? split : SAB_TRAIN];
}

/* ---- csv_walk.c ---- */

/* What is read of one series for a part: inputs of rows 0..end-1, of which those from `first` on count if their target,
 * as many rows later as the farthest is, is below `last`. */
struct sab_csv_walk {
    int64_t end, first, last;
};

struct sab_csv_walk sab_csv_walk_of(const struct sab_csv_state *s, enum sab_split split, int series);

/* A chunk of one series. */
struct sab_csv_chunk {
    int series; /* -1: none */
    int64_t begin;
    int length, is_first;
    struct sab_csv_walk walk;
};

/* What column b of batch `index` holds. */
struct sab_csv_chunk sab_csv_find_chunk(const struct sab_csv_state *s, enum sab_split split, int64_t index, int B, int b);

/* The group of batch `index`, below batches(). */
struct sab_csv_group sab_csv_find_group(const struct sab_csv_state *s, enum sab_split split, int64_t index, int B);

/* Numbers the chunks of the training part, where no column is shifted. */
void sab_csv_number_chunks(struct sab_csv_state *s);

/* The order of training is drawn anew in each pass. */
int sab_csv_is_drawn(const struct sab_csv_state *s, enum sab_split split);

/* As struct sab_task_kind's batches(). */
int64_t sab_csv_batches(const void *state, enum sab_split split, int B);

/* Whether that is above 0, at once where batches were asked for before. */
int sab_csv_has_batches(const struct sab_csv_state *s, enum sab_split split, int B);

/* ---- csv_batch.c: as in struct sab_task_kind ---- */

int sab_csv_batch(void *state, enum sab_split split, int64_t index, int B, const struct sab_own *own, struct sab_batch *batch,
                  struct sab_error *err);

/* Whether a row has all its answers, as far as the file has their columns; the row of the last must be in the series. */
int sab_csv_is_answered(const struct sab_csv_state *s, const struct sab_csv_table *table, int series, int64_t row);

int64_t sab_csv_naive(const void *state, enum sab_split split, int64_t season, double *squares, double *absolute);

/* ---- csv_account.c ---- */

/* Says what is read, from which rows, and how often each answer comes. SAB_NOMEM. */
int sab_csv_account(struct sab_csv_state *s, struct sab_error *err);

/* Of that, what is answered. */
void sab_csv_account_answers(struct sab_csv_state *s);

/* ---- csv_learn.c ---- */

/* Cuts the series of --data into parts. */
int sab_csv_cut_parts(struct sab_csv_state *s, struct sab_error *err);

/* Rows of a series of --data that training may learn from. */
int64_t sab_csv_training_rows(const struct sab_csv_state *s, int series);

/* Forgets categories that no training row has; the inputs are known then. */
int sab_csv_learn_categories(struct sab_csv_state *s, struct sab_error *err);

/* Learns from the training part: checks that it has rows and every class, and takes means and deviations. */
int sab_csv_learn(struct sab_csv_state *s, struct sab_error *err);

#endif

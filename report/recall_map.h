/* The recall map: how much each step (row) recalls of each past step (column), averaged over sequences.
 *
 *     cell(row, column) = mean over the row's steps of sequences that are shown  of  sum over the column's steps of the weight
 *
 * so a row of weights adds up to about 1 whatever the number of columns, and however many sequences reach so far. */
#ifndef SAB_REPORT_RECALL_MAP_H
#define SAB_REPORT_RECALL_MAP_H

#include "report/recall_log.h"

enum sab_recall_value { SAB_RECALL_WEIGHT, SAB_RECALL_FLOW };

struct sab_recall_view {
    int T, sequences;
    int layer;                /* from 0 */
    int value;                /* enum sab_recall_value */
    const uint8_t *is_shown;  /* [T,sequences]: the step of the sequence counts, and a step that counts in any is a row; NULL: all */
    int rows_cap, columns_cap;/* larger maps have several steps per row or column */
    int is_by_lag;            /* columns are steps back from the row's, not steps */
};

struct sab_recall_map {
    int rows, columns;
    int is_by_lag;            /* as the view has it; a memory of zeros (--zero-memory) has no lag, and no column then */
    int is_by_stretch;        /* memories cover several steps, over which their weight is spread in equal parts */
    int first_step;           /* of the columns: 1, or 0 where a memory of zeros was recalled */
    int steps_per_column;     /* column c holds steps first_step + c * steps_per_column and on */
    int *first, *last;        /* [rows] steps of each row */
    double *cell;             /* [rows,columns] */
    double most, least;       /* largest and smallest cell, 0 included: scores that release2019 takes for weights may be
                                 negative */
};

/* SAB_INVALID when no step is a row, SAB_NOMEM. The log must be sorted. */
int sab_recall_map_make(struct sab_recall_map *map, const struct sab_recall_log *log,
                        const struct sab_recall_view *view, struct sab_error *err);
void sab_recall_map_clear(struct sab_recall_map *map);

/* What a column is. */
const char *sab_recall_column_name(const struct sab_recall_map *map);

/* The one sentence of a map. */
struct sab_recall_reading {
    int t, when;          /* the pair of steps with the largest mean weight; 0 where nothing was recalled */
    int from;             /* the first step of what that memory covers; when, where it is of one step */
    int sequences;        /* that are shown at step t */
    double weight;        /* that mean over these */
    double mean_largest;  /* mean over reads of the largest weight: 1 is always one memory, 1/k_top a blur */
};

/* Over the steps of sequences that the view shows. SAB_NOMEM. */
int sab_recall_read(struct sab_recall_reading *reading, const struct sab_recall_log *log,
                    const struct sab_recall_view *view, struct sab_error *err);

#endif

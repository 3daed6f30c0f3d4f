/* The ONE table of what an evaluation measures: each figure by name, which way is better, and where it applies. Metrics of
 * runs, --stop-at, --best and what eval prints follow from it. Must not know models, batches or files. */
#ifndef SAB_TRAIN_METRIC_H
#define SAB_TRAIN_METRIC_H

#include "sab_run.h"
#include "train/options.h"

enum sab_metric_id {
    SAB_METRIC_LOSS,
    SAB_METRIC_BITS,
    SAB_METRIC_ACCURACY,
    SAB_METRIC_BASE_ACCURACY,
    SAB_METRIC_BALANCED_ACCURACY,
    SAB_METRIC_LEAST_RECALL,
    SAB_METRIC_F1,
    SAB_METRIC_AUC,
    SAB_METRIC_MSE,
    SAB_METRIC_RMSE,
    SAB_METRIC_MAE,
    SAB_METRIC_LAST_VALUE_MSE,
    SAB_METRIC_COVERAGE,
    SAB_METRIC_SEASON_VALUE_MSE,
    SAB_METRIC_COUNT
};

extern const struct sab_metric sab_metric_table[SAB_METRIC_COUNT];

/* Whether a metric means something where outputs are of this shape, and symbols of a text or not. */
int sab_metric_applies(enum sab_metric_id id, const struct sab_shape *shape, int is_text);

/* Whether values [SAB_METRIC_COUNT] are better by that metric than others; among equals, of less loss. What is not a number
 * (a part may lack a class) is worse than any number. */
int sab_metric_is_better(enum sab_metric_id id, const double *values, const double *others);

/* What a run is judged by. */
struct sab_judge {
    enum sab_metric_id best; /* which weights are kept */
    int stop;                /* a metric whose evaluation can end the run, or -1 */
    double bound;            /* that it must come to */
};

/* As --best and --stop-at say. SAB_INVALID names a metric that does not apply, and those that do. */
int sab_judge_make(struct sab_judge *judge, const struct sab_options *options, const struct sab_shape *shape, int is_text,
                   struct sab_error *err);

/* Whether an evaluation ends the run. */
int sab_judge_stops(const struct sab_judge *judge, const double *values);

#endif

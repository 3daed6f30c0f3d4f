/* Standardisation: value -> (value - mean) / deviation, one mean and deviation for each of n columns, learned on training
 * data and kept in a model's facts. */
#ifndef SAB_DATA_SCALING_H
#define SAB_DATA_SCALING_H

#include "base/json.h"
#include "base/json_out.h"
#include "sab.h"

struct sab_scaling {
    int n;
    int64_t *count;    /* [n] while learning */
    double *mean;      /* [n] */
    double *deviation; /* [n] > 0; while learning, the sum of squared differences from the mean */
    double *least, *most; /* [n] of the values that were learned from */
};

/* Columns that change nothing: mean 0, deviation 1. SAB_NOMEM. */
int sab_scaling_create(struct sab_scaling *scaling, int n, struct sab_error *err);
void sab_scaling_clear(struct sab_scaling *scaling);

/* Learning: begin, add every value in its order, end. A column of equal values (or none) gets the deviation 1. */
void sab_scaling_begin(struct sab_scaling *scaling);
void sab_scaling_add(struct sab_scaling *scaling, int i, double value);
void sab_scaling_end(struct sab_scaling *scaling);

/* Puts the numbers into the facts as NAME_mean and NAME_deviation. */
void sab_scaling_put(const struct sab_scaling *scaling, struct sab_json *facts, const char *name);

/* Reads them back into a scaling of n columns; the facts may be hostile. SAB_FORMAT, SAB_NOMEM. */
int sab_scaling_get(struct sab_scaling *scaling, const struct sab_value *facts, const char *name, int n,
                    struct sab_error *err);

#endif

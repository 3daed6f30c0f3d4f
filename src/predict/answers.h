/* What a model's outputs say, in the words and units of its data: class names and probabilities, or values with the
 * standardisation undone. Must not know where inputs come from, or how answers are written. */
#ifndef SAB_PREDICT_ANSWERS_H
#define SAB_PREDICT_ANSWERS_H

#include "base/shared.h"
#include "data/csv_table.h"
#include "data/scaling.h"
#include "sab_run.h"

struct sab_answers {
    const struct sab_shape *shape;
    struct sab_quantiles quantiles; /* of the loss of these: n outputs for each value; else n is 1 */
    char **names;               /* [O] of values, or of classes */
    double *mean, *deviation;   /* [O] of values, less their origins */
    double *origin;             /* [O] */
    int *decimals;              /* [O] as in struct sab_answer */
    double *results;            /* [O] of the last sab_answers_work_out */
    int best;                   /* its most probable class; -1: none */
    int has_steps;              /* a sequence has an answer for each step */
    /* what the model knows of its data, where that was a CSV file: schema.n is 0 otherwise */
    struct sab_csv_schema schema;
    struct sab_scaling columns;
    struct sab_answer shown;
    struct sab_scaling input;   /* of the values of npy; n is 0 otherwise */
};

/* From the facts of the model, which must outlive it; starts from any struct. SAB_FORMAT, SAB_NOMEM; clear in every case. */
int sab_answers_make(struct sab_answers *answers, const struct sab_model *model, struct sab_error *err);
void sab_answers_clear(struct sab_answers *answers);

/* Answers of one value for each target of `from`, whose horizons do not matter: called as in the file. The shape is filled and
 * must outlive them. */
int sab_answers_make_targets(struct sab_answers *answers, struct sab_shape *shape, const struct sab_answers *from,
                             struct sab_error *err);

/* Works out the results of the outputs y [O] of one step whose inputs were x [I] (not looked at where they are symbols). */
void sab_answers_work_out(struct sab_answers *answers, const sab_real *y, const sab_real *x);

/* There is nothing to say of a step. */
void sab_answers_work_out_none(struct sab_answers *answers);

/* The results as they are shown to the caller, until the next. */
const struct sab_answer *sab_answers_show(struct sab_answers *answers, const struct sab_place *places, int n);

#endif

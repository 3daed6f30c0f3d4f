/* What a model's outputs say, in the words and units of its data: class names and probabilities, or values with the
 * standardisation undone; as CSV, JSON lines or numbers. Must not know where inputs come from. */
#ifndef SAB_CLI_ANSWERS_H
#define SAB_CLI_ANSWERS_H

#include <stdio.h>

#include "base/shared.h"
#include "data/csv_table.h"
#include "data/scaling.h"
#include "sab.h"

struct sab_answers {
    const struct sab_shape *shape;
    struct sab_quantiles quantiles; /* of the loss of these: n outputs for each value; else n is 1 */
    char **names;               /* [O] of values, or of classes */
    double *mean, *deviation;   /* [O] of values, less their origins */
    double *origin;             /* [O] */
    double *results;            /* [O] of the last sab_answers_take: values or probabilities */
    int best;                   /* its most probable class; -1: none */
    int has_probabilities;      /* print them beside the class */
    int has_steps;              /* a sequence has an answer for each step */
    /* what the model knows of its data, where that was a CSV file: schema.n is 0 otherwise */
    struct sab_csv_schema schema;
    struct sab_scaling columns;
    struct sab_scaling input;   /* of the values of npy; n is 0 otherwise */
};

/* From the facts of the model, which must outlive it. SAB_FORMAT, SAB_NOMEM; clear in every case. */
int sab_answers_create(struct sab_answers *answers, const struct sab_model *model, struct sab_error *err);
void sab_answers_clear(struct sab_answers *answers);

/* Answers of one value for each target of `from`, whose horizons do not matter: called as in the file. The shape is filled and
 * must outlive them. */
int sab_answers_create_targets(struct sab_answers *answers, struct sab_shape *shape, const struct sab_answers *from,
                               struct sab_error *err);

/* Works out the results of the outputs y [O] of one step whose inputs were x [I] (not looked at where they are symbols). */
void sab_answers_take(struct sab_answers *answers, const sab_real *y, const sab_real *x);

/* There is nothing to say of a step: empty cells, no keys. */
void sab_answers_take_none(struct sab_answers *answers);

/* A column that says where an answer belongs. */
struct sab_answers_place {
    const char *name;
    const char *text; /* or NULL: the number */
    long long number;
};

void sab_answers_print_head(const struct sab_answers *answers, FILE *to, const struct sab_answers_place *places, int n);
void sab_answers_print_csv(const struct sab_answers *answers, FILE *to, const struct sab_answers_place *places, int n);
void sab_answers_print_json(const struct sab_answers *answers, FILE *to, const struct sab_answers_place *places, int n);

/* The results as numbers: the class, or the probabilities or values: how many there are. */
int sab_answers_width(const struct sab_answers *answers);
void sab_answers_numbers(const struct sab_answers *answers, double *numbers);

#endif

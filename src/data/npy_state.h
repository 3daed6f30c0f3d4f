/* The state of the task npy: what its parts share. npy_learn.c learns from the training part what a model keeps, npy_check.c
 * says whether files fit that, npy_task.c makes batches. Nobody else includes this. */
#ifndef SAB_DATA_NPY_STATE_H
#define SAB_DATA_NPY_STATE_H

#include "data/account.h"
#include "data/class_weights.h"
#include "data/npy_classes.h"
#include "data/parts.h"
#include "data/scaling.h"
#include "data/arrays.h"
#include "source/npy_set.h"

enum { SAB_NPY_WIDEST = 1 << 24 };
enum { SAB_NPY_NO_ANSWER = -1 }; /* in a y of one class a step */

struct sab_npy_state {
    const struct sab_task_options *config; /* live as long as the task */
    const struct sab_shared_options *shared;
    struct sab_npy_set sets[SAB_PARTS]; /* of --data, --valid-data, --test-data; closed where there is none */
    struct {
        const struct sab_npy_set *set;
        int64_t begin, end;         /* sequences */
    } parts[SAB_PARTS];
    struct sab_shape shape;
    int is_known;                   /* what a model must know was read, not learned from the data */
    int is_per_step;
    int targets, Q;                 /* of values: how many y has a sequence or step, and outputs of each, one a quantile */
    struct sab_npy_classes classes; /* of cross entropy: shape.O of them */
    struct sab_class_weights class_weights;
    int in_order;                   /* the training part is read as the others are */
    struct sab_scaling input, output; /* of values; no columns for symbols and classes */
    struct sab_account account;
    struct sab_arrays arrays;
};

/* ---- npy_learn.c ---- */

/* Input and its width; loss and width of the output. Both from the options and the training part. */
int sab_npy_learn_input(struct sab_npy_state *s, struct sab_error *err);
int sab_npy_learn_output(struct sab_npy_state *s, struct sab_error *err);

/* Outputs of a target, and of all, where these are values. SAB_INVALID of --quantiles. */
int sab_npy_learn_quantiles(struct sab_npy_state *s, struct sab_error *err);

/* Whether the answers are values that may be standardised. */
static inline int sab_npy_is_scaled(const struct sab_npy_state *s)
{
    return s->shape.loss == SAB_LOSS_MSE || s->shape.loss == SAB_LOSS_QUANTILE;
}

/* Means and deviations of values, once the files are checked. */
int sab_npy_learn_scaling(struct sab_npy_state *s, struct sab_error *err);

/* As in struct sab_task_kind; and read back, which may be hostile. */
int sab_npy_facts(const void *state, char **json, struct sab_error *err);
int sab_npy_read_facts(struct sab_npy_state *s, const char *text, struct sab_error *err);

/* ---- npy_account.c ---- */

/* Says what was understood of the files that are open, and counts the classes, by which they may be weighed. SAB_INVALID,
 * SAB_NOMEM. */
int sab_npy_account(struct sab_npy_state *s, struct sab_error *err);

/* ---- npy_check.c ---- */

/* Whether file k has what the model takes and gives. SAB_FORMAT names the place. */
int sab_npy_check_set(const struct sab_npy_state *s, int k, struct sab_error *err);

#endif

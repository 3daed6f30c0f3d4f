/* How much each class counts in the loss of training (--class-weights): chosen from a list, or from how often each comes in the
 * training part. Evaluations do not look at it.
 *
 * The weights are such that the answers of the training part have weight 1 in the mean, and a batch's loss is divided by the number
 * of its answers: so a batch without a rare class counts no more than it should, as it would were the loss divided by
 * the weights in it. */
#ifndef SAB_DATA_CLASS_WEIGHTS_H
#define SAB_DATA_CLASS_WEIGHTS_H

#include "base/json.h"
#include "base/json_out.h"
#include "data/account.h"
#include "sab.h"

struct sab_class_weights {
    int n;
    sab_real *of; /* [n] above 0; NULL: 1 each */
};

/* What --class-weights says of n classes that come counts[k] times: "" is 1 each; "balanced" is 1 / counts[k], so that each class
 * weighs the same; else n numbers above 0 in the order of the classes. All are divided by their mean over the answers; a class
 * that does not come has 1. Starts from any struct that holds nothing. SAB_INVALID says how many classes
 * there are and what name(user, i, text) calls them; SAB_NOMEM. */
int sab_class_weights_make(struct sab_class_weights *weights, const char *text, int n, const int64_t *counts,
                           void (*name)(const void *user, int i, char text[SAB_CLASS_NAME_CAP]), const void *user,
                           struct sab_error *err);

/* SAB_INVALID where weights of classes are asked for and the loss has no classes. */
int sab_class_weights_check(const char *text, int loss, struct sab_error *err);

static inline sab_real sab_class_weights_at(const struct sab_class_weights *weights, int32_t label)
{
    return weights->of ? weights->of[label] : 1;
}

/* Says them in the account; nothing where they are 1 each. */
void sab_class_weights_say(const struct sab_class_weights *weights, struct sab_account *account,
                           void (*name)(const void *user, int i, char text[SAB_CLASS_NAME_CAP]), const void *user);

/* Puts them into facts as "class_weights", unless they are 1 each; reads those of n classes back, which may be hostile: SAB_FORMAT,
 * SAB_NOMEM. */
void sab_class_weights_put(const struct sab_class_weights *weights, struct sab_json *facts);
int sab_class_weights_get(struct sab_class_weights *weights, const struct sab_value *facts, int n, struct sab_error *err);

void sab_class_weights_clear(struct sab_class_weights *weights);

#endif

/* How the weights are updated, how often, and what stops an update that went wrong. */
#ifndef SAB_OPTIM_OPTIONS_H
#define SAB_OPTIM_OPTIONS_H

#include "base/option.h"

struct sab_optim_options {
    int64_t steps;        /* updates */
    int optimizer;        /* enum sab_optimizer */
    double lr;            /* peak learning rate */
    double beta1, beta2, eps;
    double momentum;      /* sgd */
    double weight_decay;  /* adam and sgd: L2 in the gradient; adamw: decoupled */
    double clip;          /* global gradient norm; 0 turns it off */
    int schedule;         /* enum sab_schedule */
    int64_t warmup;       /* updates of linear warm-up */
    double lr_final;      /* cosine: the last rate as a fraction of lr */
    int64_t lr_every;     /* step: the rate is multiplied by lr_decay every so many updates */
    double lr_decay;
    double average;       /* decay of the moving average of the weights that is evaluated and kept; 0 turns it off */
    double dropout_input, dropout, dropout_recurrent; /* an input, or a unit of a state, of a sequence is left out with this probability */
    double explode;       /* a gradient norm above this stops the run as an explosion */
};

/* In two parts, so that the order of all options stays that of files already written. */
extern const struct sab_rows sab_optim_rows, sab_guard_rows;

/* Checks combinations. */
int sab_optim_options_check(const struct sab_optim_options *options, struct sab_error *err);

#endif

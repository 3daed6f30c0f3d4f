/* See options.h. */
#include "optim/options.h"

#include "base/error.h"

#define OWNER struct sab_optim_options

static const char *const optimizers[] = {[SAB_OPTIMIZER_ADAM] = "adam", [SAB_OPTIMIZER_ADAMW] = "adamw",
                                         [SAB_OPTIMIZER_SGD] = "sgd", NULL};
static const char *const schedules[] = {[SAB_SCHEDULE_CONSTANT] = "constant", [SAB_SCHEDULE_COSINE] = "cosine",
                                        [SAB_SCHEDULE_STEP] = "step", NULL};

static const struct sab_option rows[] = {
    SAB_INT64("steps", steps, SAB_RESUMES, 0, SAB_OPTION_MOST, "5000", "training", NULL, "updates"),
    SAB_CHOICE("optimizer", optimizer, SAB_DECIDES, optimizers, "adam", "training", NULL, "update rule"),
    SAB_REAL("lr", lr, SAB_RESUMES, 0, 1e6, "0.003", "training", NULL, "peak learning rate"),
    SAB_REAL("beta1", beta1, SAB_DECIDES, 0, 0.999999999, "0.9", "training", NULL,
             "adam: decay of the mean of gradients"),
    SAB_REAL("beta2", beta2, SAB_DECIDES, 0, 0.999999999, "0.99", "training", NULL,
             "adam: decay of the mean of squared gradients"),
    SAB_REAL("eps", eps, SAB_DECIDES, 1e-30, 1, "1e-08", "training", NULL,
             "adam: added to the root of the mean of squared gradients"),
    SAB_REAL("momentum", momentum, SAB_DECIDES, 0, 0.999999999, "0", "training", NULL, "sgd: momentum"),
    SAB_REAL("weight-decay", weight_decay, SAB_DECIDES, 0, 1e6, "0", "training", NULL,
             "adam, sgd: L2 term in the gradient; adamw: decoupled decay"),
    SAB_REAL("clip", clip, SAB_RESUMES, 0, 1e300, "0.1", "training", NULL,
             "largest global gradient norm; 0 turns clipping off"),
    SAB_CHOICE("schedule", schedule, SAB_DECIDES, schedules, "cosine", "training", NULL,
               "how the learning rate changes over time"),
    SAB_INT64("warmup", warmup, SAB_DECIDES, 0, SAB_OPTION_MOST, "200", "training", NULL,
              "updates in which the rate rises from 0 to its peak"),
    SAB_REAL("lr-final", lr_final, SAB_DECIDES, 0, 1, "0.01", "training", NULL,
             "cosine: the last rate as a fraction of lr"),
    SAB_INT64("lr-every", lr_every, SAB_DECIDES, 1, SAB_OPTION_MOST, "1000", "training", NULL,
              "step: the rate is multiplied by lr_decay this often"),
    SAB_REAL("lr-decay", lr_decay, SAB_DECIDES, 0, 1, "0.5", "training", NULL, "step: the factor"),
    SAB_REAL("average", average, SAB_DECIDES, 0, 0.999999999, "0", "training", NULL,
             "decay of the moving average of the weights that is evaluated and kept; 0 turns it off"),
};

static const struct sab_option guard[] = {
    SAB_REAL("dropout-input", dropout_input, SAB_DECIDES, 0, 0.99, "0", "training", NULL,
             "in training each input of a sequence is left out, at all its steps, with this probability; 0 turns it off"),
    SAB_REAL("dropout", dropout, SAB_DECIDES, 0, 0.99, "0", "training", NULL,
             "in training each unit of a layer's state is left out of what enters the next layer, or the readout, as often"),
    SAB_REAL("dropout-recurrent", dropout_recurrent, SAB_DECIDES, 0, 0.99, "0", "training", NULL,
             "and of what enters the layer itself at its next step"),
    SAB_REAL("explode", explode, SAB_RESUMES, 1e-6, 1e300, "1e+12", "training", NULL,
             "a gradient norm above this stops the run"),
};

const struct sab_rows sab_optim_rows = SAB_ROWS(rows);
const struct sab_rows sab_guard_rows = SAB_ROWS(guard);

int sab_optim_options_check(const struct sab_optim_options *options, struct sab_error *err)
{
    if (options->optimizer != SAB_OPTIMIZER_SGD && options->momentum != 0)
        return sab_fail(err, SAB_INVALID, "--momentum %g needs --optimizer sgd", options->momentum);
    return SAB_OK;
}

/* The learning rate as a function of the update. See optim.h. */
#include <math.h>

#include "optim/optim.h"

double sab_optim_rate(const struct sab_optim_options *config, int64_t step)
{
    if (step < config->warmup)
        return config->lr * ((double)(step + 1) / (double)config->warmup);
    int64_t s = step - config->warmup, last = config->steps - config->warmup;
    switch ((enum sab_schedule)config->schedule) {
    case SAB_SCHEDULE_COSINE: {
        const double pi = 3.14159265358979323846;
        double part = s < last ? (double)s / (double)last : 1;
        return config->lr * (config->lr_final + (1 - config->lr_final) * (1 + cos(pi * part)) / 2);
    }
    case SAB_SCHEDULE_STEP:
        return config->lr * pow(config->lr_decay, (double)(s / config->lr_every));
    case SAB_SCHEDULE_CONSTANT:
        break;
    }
    return config->lr;
}

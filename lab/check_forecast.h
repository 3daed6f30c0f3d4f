/* What checking a gradient will take, told before anything is made. */
#ifndef SAB_LAB_CHECK_FORECAST_H
#define SAB_LAB_CHECK_FORECAST_H

#include "lab/check_problem.h"

struct sab_check_forecast {
    double evaluations; /* of the problem, at the least; 1 where samples is negative */
    double seconds;     /* 0 where these are few */
};

/* samples: as in sab_check_options; -1: the problem is solved once. SAB_NOMEM, with what to change, where the machine has not the memory
 * for problem and network; SAB_INVALID as making them. */
int sab_check_foretell(const struct sab_options *config, const struct sab_check_spec *spec, int samples,
                       struct sab_check_forecast *forecast, struct sab_error *err);

#endif

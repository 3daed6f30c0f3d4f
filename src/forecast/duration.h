/* How long the work counted for an update will take at the ceilings measured: a forecast, of whole updates only. */
#ifndef SAB_FORECAST_DURATION_H
#define SAB_FORECAST_DURATION_H

#include "credit/cost.h"
#include "forecast/ceilings.h"

/* Seconds of all threads together; products at the speed they have from H = 128 on. */
struct sab_duration {
    double products_s, rest_s;
};

struct sab_duration sab_duration_of(const struct sab_cost *cost, const struct sab_ceilings *ceilings);

/* Seconds on the clock for a network of width H. balance: how much longer the busiest thread works than the mean. */
double sab_duration_clock_s(struct sab_duration work, double H, double balance);

#endif

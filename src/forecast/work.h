/* How long the work counted for an update will take at the ceilings measured: a forecast, of whole updates only. */
#ifndef SAB_FORECAST_WORK_H
#define SAB_FORECAST_WORK_H

#include "credit/cost.h"
#include "forecast/ceilings.h"

/* Seconds of all threads together; products at the speed they have from H = 128 on. */
struct sab_seconds {
    double products, rest;
};

struct sab_seconds sab_work_seconds(const struct sab_cost *cost, const struct sab_ceilings *ceilings);

/* Seconds on the clock for a network of width H. balance: how much longer the busiest thread works than the mean. */
double sab_work_clock(struct sab_seconds work, double H, double balance);

#endif

/* What an evaluation found, class by class or target by target, beside what it takes to beat. */
#ifndef SAB_REPORT_EVALUATION_H
#define SAB_REPORT_EVALUATION_H

#include "base/json_out.h"
#include "sab_run.h"

/* All figures that mean something, by name. */
void sab_eval_json_metrics(struct sab_json *json, const struct sab_evaluation *e);
/* classes and confusion, or targets. */
void sab_eval_json_details(struct sab_json *json, const struct sab_evaluation *e, const struct sab_shape *shape,
                           const struct sab_answers *answers);

/* To stdout: tables of classes or targets, where these are few enough to be read. */
void sab_eval_print_details(const struct sab_evaluation *e, const struct sab_shape *shape, const struct sab_answers *answers);

#endif

/* Gradients against differences of the loss:  g ~ (8 (f(+e) - f(-e)) - (f(+2e) - f(-2e))) / 12 e,  error O(e^4).
 *
 * That is the derivative only where nothing is cut and no selection switches, so sab_check_uncut makes one window of
 * everything, and a parameter is tried at e, e/4 and e/16 and skipped when at each of them a probe recalls other
 * moments than the centre does, or when the differences are too rough to tell. */
#ifndef SAB_LAB_CHECK_DIFFERENCE_H
#define SAB_LAB_CHECK_DIFFERENCE_H

#include "lab/check_problem.h"
#include "train/options.h"

struct sab_check_options {
    int samples;       /* parameters tried per tensor; 0: all */
    double step;       /* e; 0: sab_check_step() */
    double tolerance;  /* largest error that passes; 0: sab_check_tolerance() */
};

/* What was found for one tensor. Errors are relative to the tensor's largest gradient, or to a thousandth of the
 * largest of all where the tensor has next to none. */
struct sab_check_finding {
    double worst;      /* largest error; 0 where nothing was checked */
    int checked, skipped;
    size_t worst_at;   /* element */
    double worst_gradient, worst_difference;
};

/* e and the largest error that passes, for this build's numbers. In double the rounding of the loss (1e-16) over e is
 * far below the tolerance; in float it is what limits both: 6e-8 / e against gradients of about 1e-2. */
double sab_check_step(void);
double sab_check_tolerance(void);

/* Sets what the check needs: one window, gradient into recalled states, and to all that were read. Writes what was
 * changed as text, "" if nothing. */
void sab_check_uncut(struct sab_options *config, char *changed, size_t cap);


/* findings [number of tensors]. The model's weights are as before, its gradient is that of the batch. */
int sab_check_differences(struct sab_check_problem *problem, const struct sab_check_options *options, int threads,
                          struct sab_check_finding *findings, struct sab_error *err);

#endif

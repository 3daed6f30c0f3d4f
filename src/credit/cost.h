/* How much an update or an evaluation has to do, phase by phase: what a measurement is divided by. */
#ifndef SAB_CREDIT_COST_H
#define SAB_CREDIT_COST_H

#include "model/model.h"

struct sab_cost {
    double flops[SAB_PHASE_COUNT];    /* of products and weighted sums: two per multiply-add */
    double elements[SAB_PHASE_COUNT]; /* score: reciprocals; select: scores; cell: sigmoids and tanhs */
    double nbytes[SAB_PHASE_COUNT];   /* read and written once each, in cache or not; 0 for products */
};

/* A batch of B sequences of T steps. reached is the share of (step, sequence, layer) that gradient reaches, 1 where
 * every window has a loss; 0: forward only. Padding, checks, and what a smarter way could save (a window made ready
 * twice, the softmax of the loss) count nothing, but with recomputed 1 a reached window counts twice. */
void sab_cost_count(const struct sab_model *model, int T, int B, double reached, int recomputed, struct sab_cost *cost);

/* All products of the update, and all scores. */
double sab_cost_flops(const struct sab_cost *cost);

#endif

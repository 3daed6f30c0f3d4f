/* How much an update or an evaluation has to do, phase by phase: what a measurement is divided by. */
#ifndef SAB_CREDIT_COST_H
#define SAB_CREDIT_COST_H

#include "model/network.h"

/* A batch of B sequences of T steps. reached is the share of (step, sequence, layer) that gradient reaches, 1 where
 * every window has a loss; 0: forward only. Padding, checks, and what a smarter way could save (a window made ready
 * twice, the softmax of the loss) count nothing, but with recomputed 1 a reached window counts twice. */
void sab_cost_count(const struct sab_model *model, int T, int B, double reached, int recomputed, struct sab_cost *cost);

/* All products of the update, and all scores. */
double sab_cost_flops(const struct sab_cost *cost);

/* The recurrent network's part of it. */
void sab_recurrent_count(const struct sab_model *model, int T, int B, double reached, int recomputed,
                         struct sab_cost *cost);

#endif

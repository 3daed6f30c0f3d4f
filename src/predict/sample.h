/* Draws a symbol from the outputs of a network.
 *
 *     p_i = exp((l_i - l_max) / temperature) / sum      in double, over the symbols kept
 *
 * Symbols are put in order: higher logit first, among equals the lower number. Of these the first top_k are kept (0:
 * all); of these again the shortest beginning whose p sums to top_p or more (1: all), at least one. The draw u in
 * [0, 1) falls on the first symbol, in that order, at which the sum of p so far exceeds u times the sum over the
 * symbols kept; where rounding leaves none, on the last. Temperature 0 takes the first symbol of the order.
 *
 * Must not know text, models or files. */
#ifndef SAB_PREDICT_SAMPLE_H
#define SAB_PREDICT_SAMPLE_H

#include "sab_run.h"

/* Room for one symbol of the order. */
struct sab_candidate {
    double logit, p;
    int symbol;
};

/* A symbol in 0..n-1, n >= 1; logits must be finite. room holds n candidates; what is left in it means nothing. */
int sab_sample(const struct sab_sampling *how, const sab_real *logits, int n, double u, struct sab_candidate *room);

#endif

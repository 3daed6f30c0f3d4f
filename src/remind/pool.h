/* Memories of stretches: what a memory is made of, where it is more than the state of the step that writes it.
 *
 * A memory that is written every n = k_att steps stands for the n states e_1 .. e_n of its stretch, oldest first:
 *
 *     last         m = e_n
 *     mean         m = sum_j e_j / n
 *     attention    m = sum_j beta_j e_j     beta_j = exp(e_j . q) / sum_i exp(e_i . q)     q [H] is learned
 *
 * The states come one after another and are added up as they come: what there is of a stretch needs as much room as one state. Knows no
 * score, no ledger and no window. */
#ifndef SAB_REMIND_POOL_H
#define SAB_REMIND_POOL_H

#include "kernels/kernels.h"

struct sab_pool {
    const struct sab_kernels *kernels;
    int kind;          /* enum sab_pooling */
    int H, Hp, n;
    const real *query; /* q [Hp] of attention, else NULL */
};

/* The stretches at hand, a row for each sequence. All NULL where memories are of one step. */
struct sab_stretch {
    real *sum;     /* [S,Hp] of the states so far; attention: each times exp(e . q - top) */
    real *begin;   /* [S,Hp] the state that its first step began with */
    real *top, *Z; /* [S] attention: the largest e . q, and the sum of exp(e . q - top) */
};

/* Row b: state e [Hp] of a step that began with h is the first of a stretch, or the next one. */
void sab_stretch_add(const struct sab_pool *pool, const struct sab_stretch *stretch, int b, int is_first, const real *e, const real *h);
/* Row b's sum becomes the memory. Returns log sum_j exp(e_j . q), attention's scale of beta, else 0. */
real sab_stretch_close(const struct sab_pool *pool, const struct sab_stretch *stretch, int b);
/* From dm [Hp], the gradient of memory m, that of one of its states e: de [Hp], which may be dm. scale: of the stretch. dquery ADD. */
void sab_stretch_backward(const struct sab_pool *pool, const real *e, const real *m, real scale, const real *dm, real *de, real *dquery);

#endif

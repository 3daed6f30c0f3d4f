/* Causal attention of the Transformer: softmax over past and present, per sequence and head.
 *
 *     e_ts = q_t . k_s / sqrt(D)    p_ts = exp(e_ts - max_s e_ts)    z_t = sum_{s<=t} p_ts    o_t = sum_{s<=t} p_ts v_s / z_t
 *
 * D is the width of a head. The p are never kept: the way back makes them again, a block of rows at a time, from max and
 * 1/z, so memory grows with T and not with its square. */
#ifndef SAB_BASELINES_ATTENTION_H
#define SAB_BASELINES_ATTENTION_H

#include <signal.h>

#include "base/layout.h"
#include "kernels/kernels.h"

/* Rows of a shard's arrays are (step, sequence): S sequences lie beside each other. Columns are heads, each padded. */
struct sab_attention {
    const struct sab_kernels *kernels;
    const volatile sig_atomic_t *stop; /* see struct sab_work */
    int S, T;        /* sequences; steps at most */
    int heads, D;
    int Dp, Tp;      /* padded */
    /* room for one sequence and head */
    real *q, *k, *v, *kt, *vt;       /* [T,Dp], and transposed [D,Tp]; q has the factor 1/sqrt(D) */
    real *o, *dq, *dk, *dv;          /* [T,Dp]; o is that of the way back: its gradient */
    real *p, *dp;                    /* a block of rows of [T,Tp] */
    real *ones;                      /* [Tp] */
};

/* Takes the room from a block; with backward 0 only what forward needs. */
void sab_attention_lay_out(struct sab_attention *attention, int backward, struct sab_layout *layout);

/* Rows of `steps` steps: qkv [rows, 3 heads Dp], the queries of all heads, then keys, then values -> o [rows, heads Dp].
 * top, norm [S,heads,T] get max_s e_ts and 1/z_t. */
void sab_attention_forward(const struct sab_attention *attention, int steps, const real *qkv, real *o, real *top, real *norm);

/* From do [rows, heads Dp] and what forward left: dqkv, as large as qkv, overwritten. */
void sab_attention_backward(const struct sab_attention *attention, int steps, const real *qkv, const real *o,
                            const real *top, const real *norm, const real *d_o, real *dqkv);

#endif

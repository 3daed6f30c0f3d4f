/* The causal Transformer (Vaswani et al. 2017), layer norms before what they feed (Xiong et al. 2020): what SAB is
 * compared with. Names and layouts of its blocks are those of PyTorch's nn.TransformerEncoder with norm_first.
 *
 *     x_t = E[id_t] or values_t E + e     + position_t
 *     x  += Wo MHA(LN1(x)) + bo           each block
 *     x  += W2 gelu(W1 LN2(x) + b1) + b2
 *     y   = LN(x) V1 + b
 *
 * LN(x) = g (x - mean) / sqrt(var + 1e-5) + b. gelu is the one with tanh (Hendrycks & Gimpel 2016, as GPT-2 has it):
 * x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). The width of W1's outputs is 4H. There is no dropout. */
#ifndef SAB_BASELINES_TRANSFORMER_H
#define SAB_BASELINES_TRANSFORMER_H

#include "baselines/attention.h"
#include "model/network.h"

enum {
    SAB_ROLE_EMBEDDING = SAB_ROLE_COUNT, SAB_ROLE_EMBEDDING_BIAS, SAB_ROLE_POSITIONS,
    SAB_ROLE_QKV, SAB_ROLE_QKV_BIAS, SAB_ROLE_OUT, SAB_ROLE_OUT_BIAS,
    SAB_ROLE_FF1, SAB_ROLE_FF1_BIAS, SAB_ROLE_FF2, SAB_ROLE_FF2_BIAS,
    SAB_ROLE_NORM1, SAB_ROLE_NORM1_BIAS, SAB_ROLE_NORM2, SAB_ROLE_NORM2_BIAS, SAB_ROLE_NORM, SAB_ROLE_NORM_BIAS
};

/* A linear map x W + b, x [rows], of weights, or where their gradient is. */
struct sab_linear {
    struct sab_matrix W, Wt;  /* packed [rows,N] and its transpose */
    const real *b;            /* [N] */
    size_t dW, db;            /* offsets of the gradients in padded, as the tensors have them */
};

struct sab_norm {
    const real *g, *b;        /* [Hp] */
    size_t dg, db;
};

struct sab_block_weights {
    struct sab_linear qkv, out, ff1, ff2;
    struct sab_norm norm1, norm2;
};

/* model->own. */
struct sab_transformer {
    int heads, D, Dp;         /* width of a head */
    int A;                    /* heads * Dp: columns of all heads */
    int F, Fp;                /* 4H */
    const real *rows;         /* [I,Hp] embedding, one row per symbol */
    struct sab_linear values; /* of vectors */
    const real *positions;    /* [context,Hp] learned, or NULL */
    struct sab_norm norm;
    struct sab_block_weights blocks[]; /* [L] */
};

/* What a block keeps of R rows for its way back. */
struct sab_block_run {
    real *hat1, *scale1;      /* [R,Hp] (x - mean) / sqrt(var + eps); [R] 1 / sqrt(var + eps) */
    real *qkv;                /* [R,3A] */
    real *top, *norm;         /* [S,heads,T] of the softmax */
    real *o;                  /* [R,A] */
    real *hat2, *scale2;
    real *pre;                /* [R,Fp] before gelu */
};

struct sab_transformer_shard {
    const struct sab_model *model;
    struct sab_room room;
    struct sab_attention attention;
    struct sab_block_run *runs; /* [L], forward only [1] */
    int n_runs;
    int32_t *ids;             /* [T,S], or NULL */
    real *values;             /* [T,S,I], or NULL */
    real *position;           /* [T,Hp] sinusoids, or NULL */
    real *x;                  /* [R,Hp] */
    real *a;                  /* [R,Hp] a norm's result */
    real *act;                /* [R,Fp] */
    real *hat, *scale;        /* of the last norm */
    real *y, *dy;             /* [R,Op]; one but where room is apart */
    real *dvalues;            /* [R,pad(I)] or NULL */
    int steps;                /* of its longest sequence */
    real *u, *tanh;           /* [Fp] */
    real *dx, *da;            /* [R,Hp] */
    real *d_o;                /* [R,A] */
    real *dqkv;               /* [R,3A] */
    real *dact;               /* [R,Fp] */
    real *ones;               /* [Hp] */
    struct sab_profile *profile;
};

/* ---- transformer_shard.c: functions of struct sab_network ---- */

int sab_transformer_shard_create(void **out, const struct sab_model *model, const struct sab_room *room,
                                 struct sab_blocks *blocks, struct sab_error *err);
void sab_transformer_shard_free(void *shard);
void sab_transformer_shards_forward(void *const *shards, int n, const struct sab_work *works, struct sab_loss_sums *sums);
void sab_transformer_shards_backward(void *const *shards, int n, const struct sab_work *works, real *grads);

/* ---- transformer_block.c: R rows, shard->x in place ---- */

/* a = LN(x); hat and scale are kept for backward. */
void sab_norm_forward(const struct sab_transformer_shard *shard, const struct sab_norm *norm, int R, const real *x,
                      real *hat, real *scale, real *a);
/* a once more, from hat. */
void sab_norm_again(const struct sab_model *model, const struct sab_norm *norm, int R, const real *hat, real *a);
/* dx += what da sends through the norm; the gradients of g and b ADD to grads. */
void sab_norm_backward(const struct sab_transformer_shard *shard, const struct sab_norm *norm, int R, const real *hat,
                       const real *scale, const real *da, real *dx, real *grads);
void sab_block_forward(struct sab_transformer_shard *shard, int layer, int steps);
/* shard->dx in place; gradients ADD to grads. */
void sab_block_backward(struct sab_transformer_shard *shard, int layer, int steps, real *grads);

#endif

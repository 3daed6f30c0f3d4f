/* The arithmetic: pure functions on arrays, one table of them per instruction set.
 *
 * ref.c is the specification, in plain C with the library's exp and tanh, and the only table of the double build. The
 * float build overwrites it with simd.inc, compiled once per instruction set (simd_*.c) and chosen at run time. A
 * kernel allocates nothing, fails never and knows no model.
 *
 * Common rules. Rows are padded: Hp, Ap, Op are H, A, O rounded up to SAB_LANES. Pad lanes of weights, gradients,
 * states and of keys before exp2x are 0. Pointers need no
 * alignment beyond that of real. Unless said otherwise outputs are overwritten and must not overlap inputs. A NaN in an
 * input is a NaN in every result computed from it. A result element depends only on its own inputs and on the order
 * written here, never on how many rows are computed with it: that is what makes batches, shards and streams agree to
 * the bit. */
#ifndef SAB_KERNELS_KERNELS_H
#define SAB_KERNELS_KERNELS_H

#include <stddef.h>

#include "kernels/limits.h"
#include "sab.h"

typedef sab_real real;

enum {
    SAB_LANES = 16, /* rows are padded to this many; sums across a row keep this many partial sums */
    SAB_PANEL = 48  /* columns per panel of a packed matrix */
};

static inline int sab_pad(int n)
{
    return (n + SAB_LANES - 1) / SAB_LANES * SAB_LANES;
}

/* A matrix of K rows and N columns (N a multiple of SAB_LANES): element (k,j) is at
 * data[(j / SAB_PANEL) * panel + k * ld + j % SAB_PANEL]. Packed: ld = SAB_PANEL, panel = K * SAB_PANEL. Plain rows of
 * n numbers: ld = n, panel = SAB_PANEL. */
struct sab_matrix {
    const real *data;
    ptrdiff_t ld, panel;
};

static inline struct sab_matrix sab_matrix_rows(const real *data, ptrdiff_t ld)
{
    return (struct sab_matrix){data, ld, SAB_PANEL};
}

struct sab_kernels {
    const char *name;

    /* C[i][j] = (add ? C[i][j] : 0) + sum over k = 0..K-1, in that order, of A[i * rs + k * cs] * B(k,j),
     * i < M, j < N. C has row stride ldc. Each term is one fused multiply-add where the instruction set has it. */
    void (*gemm)(int M, int N, int K, const real *A, ptrdiff_t rs, ptrdiff_t cs, struct sab_matrix B, real *C,
                 ptrdiff_t ldc, int add);

    /* pre [R,4Hp] = i f g o before their functions, overwritten with the gates: i, f, o = sigmoid, g = tanh;
     * c = f c_prev + i g;  hh = o tanh(c).  c_prev, c, hh [R,Hp]. Here and below: of each row the first `units` of Hp, a multiple of
     * SAB_LANES; others follow where all pointers are moved by as many. sigmoid and tanh are within the errors named at the end. */
    void (*lstm_forward)(int R, int units, int Hp, real *pre, const real *c_prev, real *c, real *hh);
    /* From dhh and dc (of the step after, through c; overwritten with that of this step): dpre [R,4Hp]. */
    void (*lstm_backward)(int R, int units, int Hp, const real *gates, const real *c_prev, const real *c, const real *dhh,
                          real *dc, real *dpre);

    /* prex, preh [R,3Hp] = r z n parts from the input and from h_prev; prex is overwritten with the gates:
     * r, z = sigmoid(prex + preh), n = tanh(prex_n + r preh_n);  hh = n + z (h_prev - n). preh_n is needed again. */
    void (*gru_forward)(int R, int units, int Hp, real *prex, const real *preh, const real *h_prev, real *hh);
    /* preh_n [R,Hp]; dprex, dpreh [R,3Hp]; dh_prev [R,Hp] gets the direct part, z dhh. */
    void (*gru_backward)(int R, int units, int Hp, const real *gates, const real *preh_n, const real *h_prev, const real *dhh,
                         real *dprex, real *dpreh, real *dh_prev);

    /* hh = tanh(pre);  dpre = dhh (1 - hh^2).  n numbers. */
    void (*rnn_forward)(int n, const real *pre, real *hh);
    void (*rnn_backward)(int n, const real *hh, const real *dhh, real *dpre);

    /* y = exp(2 x), 2 x clamped to +-SAB_EXPONENT_MAX so that a product of two stays finite. In place is fine. */
    void (*exp2x)(int n, const real *x, real *y);

    /* sum over k of x_k y_k: SAB_LANES partial sums, k mod SAB_LANES each in order of k, then folded 16 -> 8 -> 4 -> 2
     * -> 1 by halves. n a multiple of SAB_LANES. */
    real (*dot)(int n, const real *x, const real *y);
    /* y += a x */
    void (*axpy)(int n, real a, const real *x, real *y);
    /* a_i = sum_k w_k tanh(u_ik + v_k) = sum_k w_k - 2 sum_k w_k / (1 + E_ik F_k), E = exp(2u) [N,Ap], F = exp(2v),
     * summed as dot does; wsum = sum_k w_k. The pad lanes of w are 0. */
    void (*score_mlp)(int N, int Ap, const real *E, const real *F, const real *w, real wsum, real *a);
    /* The same for rows at[0..n-1] of E: a_j of row at[j], the bits that score_mlp gives. */
    void (*score_mlp_at)(int n, const int32_t *at, int Ap, const real *E, const real *F, const real *w, real wsum,
                         real *a);
    /* About a_j of row at[j], or where at is NULL of row j: the same sum with an estimate of the reciprocal, within estimate_error of it,
     * relatively. NULL where no estimate is cheaper than the reciprocal. */
    void (*score_mlp_estimate)(int n, const int32_t *at, int Ap, const real *E, const real *F, const real *w, real wsum, real *a);
    double estimate_error;
    /* sum_k |w_k| (max / min - 1) / 2 of F_k and G_k, all positive: at least sum_k |w_k| |v_k - v'_k| where F = exp(2v) and
     * G = exp(2v'), less roundings. */
    real (*drift_mlp)(int Ap, const real *F, const real *G, const real *w);
    /* The numbers i, rising, of begin..end-1 with x_i >= bar or x_i NaN, into index; returns how many. */
    int (*find_reaching)(int begin, int end, const real *x, real bar, int32_t *index);
    /* Backward of one score: with q = 1 / (1 + E F), tanh = 1 - 2q:  d = da w 4 q (1 - q);
     * du += d but where E was clipped, dv += d but where F was, dw += da (1 - 2 q). */
    void (*score_mlp_backward)(int Ap, const real *E, const real *F, const real *w, real da, real *du, real *dv,
                               real *dw);

    /* The most that the instruction set can do, for comparison: chains of x = x a + b, of x = w / (1 + x f) + b, one
     * element of a score, in registers. x [SAB_PEAK_ROOM]. They return how many multiply-adds or elements they did. */
    double (*peak_fma)(int rounds, real *x);
    double (*peak_score)(int rounds, real *x);
};

enum { SAB_PEAK_CHAINS = 10, SAB_PEAK_ROOM = SAB_PEAK_CHAINS * SAB_LANES }; /* chains hide latency, fit 16 registers */

/* How far the float kernels are from exact functions of their inputs: absolute, absolute, relative, and in units in the
 * last place; proven by tests/functions_exhaustive.c over all floats. The worst found is 1.80e-7, 8.99e-8, 9.7e-8 and,
 * for the reciprocals within scores, 1.86 on a Zen 4 (the avx2 estimate may differ between makers; it is specified
 * within 1.5 * 2^-12, hence 3). A score is within (Ap / SAB_LANES + 16) 2^-23 sum |w_k| of exact arithmetic on E, F and w. */
#define SAB_TANH_ERROR 2e-7
#define SAB_SIGMOID_ERROR 1e-7
#define SAB_EXP_ERROR 1e-7
#define SAB_RCP_ULP 3.0

extern const struct sab_kernels sab_kernels_ref;

/* The table of that instruction set (enum sab_cpu), or NULL where this build or processor lacks it. */
const struct sab_kernels *sab_kernels_choose(int cpu);

/* The i-th table that this build and processor have, NULL past the last. */
const struct sab_kernels *sab_kernels_at(int i);

#endif

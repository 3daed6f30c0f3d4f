/* See attention.h. Products are the kernels'; sums of a row keep SAB_LANES partial sums, whatever its length. */
#include "baselines/attention.h"

#include <math.h>
#include <string.h>

/* Rows of p at a time. Those of a block read columns up to its last row, so small blocks multiply few zeros; products
 * want many rows. */
enum { BLOCK = 48 };

static int is_stopped(const struct sab_attention *a)
{
    return a->stop && *a->stop;
}

static real *take(struct sab_layout *layout, size_t rows, size_t columns)
{
    return sab_layout_take(layout, rows, columns * sizeof(real));
}

void sab_attention_lay_out(struct sab_attention *a, int backward, struct sab_layout *layout)
{
    size_t T = (size_t)a->T, D = (size_t)a->D, Dp = (size_t)a->Dp, Tp = (size_t)a->Tp;
    real **rows[] = {&a->q, &a->v, &a->o, &a->k, &a->dq, &a->dk, &a->dv};
    for (size_t i = 0; i < (backward ? 7 : 3); i++)
        *rows[i] = take(layout, T, Dp);
    a->kt = take(layout, D, Tp);
    a->p = take(layout, BLOCK, Tp);
    a->ones = take(layout, 1, Tp);
    if (backward) {
        a->vt = take(layout, D, Tp);
        a->dp = take(layout, BLOCK, Tp);
    }
    for (size_t s = 0; layout->base && s < Tp; s++)
        a->ones[s] = 1;
}

/* Columns of one head of one sequence, every step, into rows that lie together. */
static void gather(const struct sab_attention *a, int steps, const real *from, ptrdiff_t stride, real factor, real *to)
{
    for (int t = 0; t < steps; t++)
        for (int d = 0; d < a->Dp; d++)
            to[(ptrdiff_t)t * a->Dp + d] = factor * from[t * stride + d];
}

static void gather_transposed(const struct sab_attention *a, int steps, const real *from, ptrdiff_t stride, real *to)
{
    for (int t = 0; t < steps; t++)
        for (int d = 0; d < a->D; d++)
            to[(ptrdiff_t)d * a->Tp + t] = from[t * stride + d];
}

static void scatter(const struct sab_attention *a, int steps, const real *from, real factor, ptrdiff_t stride, real *to)
{
    for (int t = 0; t < steps; t++)
        for (int d = 0; d < a->Dp; d++)
            to[t * stride + d] = factor * from[(ptrdiff_t)t * a->Dp + d];
}

/* The largest of x[0..n-1]; n a multiple of SAB_LANES. NaN where they are. */
static real largest(int n, const real *x)
{
    real lanes[SAB_LANES], most = x[0];
    memcpy(lanes, x, sizeof lanes);
    for (int k = SAB_LANES; k < n; k += SAB_LANES)
        for (int l = 0; l < SAB_LANES; l++)
            lanes[l] = x[k + l] <= lanes[l] ? lanes[l] : x[k + l];
    for (int l = 0; l < SAB_LANES; l++)
        most = lanes[l] <= most ? most : lanes[l];
    return most;
}

/* exp(e_s - top) of s = 0..t in place of e, 0 after them; n is pad(t + 1) at least. */
static void exponentials(const struct sab_attention *a, int t, int n, real top, real *e)
{
    int used = sab_pad(t + 1);
    for (int s = 0; s < used; s++)
        e[s] = (real)0.5 * (e[s] - top);
    a->kernels->exp2x(used, e, e);
    memset(e + t + 1, 0, (size_t)(n - t - 1) * sizeof *e);
}

/* e_ts of rows t0 .. t0+len-1 into a->p, columns up to the last row's. Returns how many. */
static int score_block(const struct sab_attention *a, int t0, int len)
{
    int n = sab_pad(t0 + len);
    a->kernels->gemm(len, n, a->D, a->q + (ptrdiff_t)t0 * a->Dp, a->Dp, 1, sab_matrix_rows(a->kt, a->Tp), a->p, a->Tp, 0);
    return n;
}

static void head_forward(const struct sab_attention *a, int steps, real *top, real *norm)
{
    for (int t0 = 0; t0 < steps && !is_stopped(a); t0 += BLOCK) {
        int len = steps - t0 < BLOCK ? steps - t0 : BLOCK, n = score_block(a, t0, len);
        for (int t = t0; t < t0 + len; t++) {
            real *e = a->p + (ptrdiff_t)(t - t0) * a->Tp;
            for (int s = t + 1; s < sab_pad(t + 1); s++)
                e[s] = e[t];
            top[t] = largest(sab_pad(t + 1), e);
            exponentials(a, t, n, top[t], e);
            norm[t] = 1 / a->kernels->dot(sab_pad(t + 1), e, a->ones);
        }
        real *o = a->o + (ptrdiff_t)t0 * a->Dp;
        a->kernels->gemm(len, a->Dp, t0 + len, a->p, a->Tp, 1, sab_matrix_rows(a->v, a->Dp), o, a->Dp, 0);
        for (int t = 0; t < len; t++)
            for (int d = 0; d < a->Dp; d++)
                o[(ptrdiff_t)t * a->Dp + d] *= norm[t0 + t];
    }
}

void sab_attention_forward(const struct sab_attention *a, int steps, const real *qkv, real *o, real *top, real *norm)
{
    ptrdiff_t width = (ptrdiff_t)a->heads * a->Dp, stride = a->S * width;
    real scale = 1 / (real)sqrt(a->D);
    for (int b = 0; b < a->S; b++)
        for (int h = 0; h < a->heads && !is_stopped(a); h++) {
            const real *q = qkv + 3 * b * width + (ptrdiff_t)h * a->Dp;
            size_t at = ((size_t)b * a->heads + h) * a->T;
            gather(a, steps, q, 3 * stride, scale, a->q);
            gather_transposed(a, steps, q + width, 3 * stride, a->kt);
            gather(a, steps, q + 2 * width, 3 * stride, 1, a->v);
            head_forward(a, steps, top + at, norm + at);
            scatter(a, steps, a->o, 1, stride, o + b * width + (ptrdiff_t)h * a->Dp);
        }
}

/* In a->o: do_t / z_t. With p without the factor 1/z, and g_ts = do_t . v_s / z_t:
 *
 *     dv_s = sum_t p_ts do_t / z_t    de_ts = p_ts (g_ts - do_t . o_t / z_t)    dq_t = sum_s de_ts k_s    dk_s = sum_t de_ts q_t
 *
 * mean [T] holds do_t . o_t / z_t. */
static void head_backward(const struct sab_attention *a, int steps, const real *top, const real *mean)
{
    const struct sab_kernels *k = a->kernels;
    ptrdiff_t Dp = a->Dp, Tp = a->Tp;
    memset(a->dk, 0, (size_t)steps * a->Dp * sizeof(real));
    memset(a->dv, 0, (size_t)steps * a->Dp * sizeof(real));
    for (int t0 = 0; t0 < steps && !is_stopped(a); t0 += BLOCK) {
        int len = steps - t0 < BLOCK ? steps - t0 : BLOCK, n = score_block(a, t0, len), reads = t0 + len;
        for (int t = t0; t < t0 + len; t++)
            exponentials(a, t, n, top[t], a->p + (t - t0) * Tp);
        k->gemm(reads, a->Dp, len, a->p, 1, Tp, sab_matrix_rows(a->o + t0 * Dp, Dp), a->dv, Dp, 1);
        k->gemm(len, n, a->D, a->o + t0 * Dp, Dp, 1, sab_matrix_rows(a->vt, Tp), a->dp, Tp, 0);
        for (int t = t0; t < t0 + len; t++) {
            const real *p = a->p + (t - t0) * Tp;
            real *de = a->dp + (t - t0) * Tp;
            for (int s = 0; s <= t; s++)
                de[s] = p[s] * (de[s] - mean[t]);
            memset(de + t + 1, 0, (size_t)(n - t - 1) * sizeof *de);
        }
        k->gemm(len, a->Dp, reads, a->dp, Tp, 1, sab_matrix_rows(a->k, Dp), a->dq + t0 * Dp, Dp, 0);
        k->gemm(reads, a->Dp, len, a->dp, 1, Tp, sab_matrix_rows(a->q + t0 * Dp, Dp), a->dk, Dp, 1);
    }
}

void sab_attention_backward(const struct sab_attention *a, int steps, const real *qkv, const real *o, const real *top,
                            const real *norm, const real *d_o, real *dqkv)
{
    ptrdiff_t width = (ptrdiff_t)a->heads * a->Dp, stride = a->S * width;
    real scale = 1 / (real)sqrt(a->D);
    for (int b = 0; b < a->S; b++)
        for (int h = 0; h < a->heads && !is_stopped(a); h++) {
            ptrdiff_t at_qkv = 3 * b * width + (ptrdiff_t)h * a->Dp, at_o = b * width + (ptrdiff_t)h * a->Dp;
            const real *q = qkv + at_qkv;
            size_t at = ((size_t)b * a->heads + h) * a->T;
            real *mean = a->v; /* [T], of the [T,Dp] that only forward reads */
            gather(a, steps, q, 3 * stride, scale, a->q);
            gather(a, steps, q + width, 3 * stride, 1, a->k);
            gather_transposed(a, steps, q + width, 3 * stride, a->kt);
            gather_transposed(a, steps, q + 2 * width, 3 * stride, a->vt);
            for (int t = 0; t < steps; t++) {
                const real *of = d_o + at_o + t * stride;
                for (int d = 0; d < a->Dp; d++)
                    a->o[(ptrdiff_t)t * a->Dp + d] = norm[at + t] * of[d];
                mean[t] = a->kernels->dot(a->Dp, a->o + (ptrdiff_t)t * a->Dp, o + at_o + t * stride);
            }
            head_backward(a, steps, top + at, mean);
            scatter(a, steps, a->dq, scale, 3 * stride, dqkv + at_qkv);
            scatter(a, steps, a->dk, 1, 3 * stride, dqkv + at_qkv + width);
            scatter(a, steps, a->dv, 1, 3 * stride, dqkv + at_qkv + 2 * width);
        }
}

/* The scores, each a line in the table at the end:
 *
 *     mlp          a_i = w3 . tanh(m_i W1 + hh W2)       key exp(2 m W1), query exp(2 hh W2)
 *     dot          a_i = (m_i W1) . (hh W2) / sqrt(A)    key m W1, query hh W2
 *     release2019  a_i = w . tanh([hh ; m_i])            key and query are numbers, and a_i their sum: which memories
 *                                                        win does not depend on hh
 */
#include "remind/remind.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/limits.h"

/* ---- mlp and dot: the map is a product ---------------------------------------------------------------------------- */

static int width_product(int A)
{
    return A;
}

static void map_product(const struct sab_remind *r, int is_query, int R, const real *x, struct sab_part part, real *y)
{
    sab_part_product(r->kernels, R, part, r->H, x, r->Hp, 1, is_query ? r->W2 : r->W1, y, r->Ap, 0);
}

static void map_product_backward(const struct sab_remind *r, int is_query, int R, const real *x, size_t x_stride,
                                 const real *dy, size_t dy_stride, struct sab_part part, real *dx)
{
    (void)x, (void)x_stride;
    sab_part_product(r->kernels, R, part, r->A, dy, (ptrdiff_t)dy_stride, 1, is_query ? r->W2t : r->W1t, dx, r->Hp, 1);
}

static void map_product_weights(const struct sab_remind *r, int is_query, int R, const real *x, const real *dy, struct sab_part part,
                                const struct sab_remind_grads *grads)
{
    sab_part_product(r->kernels, r->H, part, R, x, 1, r->Hp, sab_matrix_rows(dy, r->Ap), is_query ? grads->W2 : grads->W1, r->Ap, 1);
}

/* Of a plain mean. */
static void mean_backward(const struct sab_remind *r, real n, const real *U, const real *dU, const real *key, real *dkey)
{
    (void)U, (void)key;
    r->kernels->axpy(r->Ap, 1 / n, dU, dkey);
}

/* ---- mlp: rows of exp(2u), so that a score costs a reciprocal instead of a tanh ------------------------------------
 *
 * Keys and queries are clipped to |2u| <= SAB_EXPONENT_MAX, where the product of two exponentials is finite: part of the
 * score's definition (docs/math/attention.md), so what is clipped gets no gradient. */

static void map_mlp(const struct sab_remind *r, int is_query, int R, const real *x, struct sab_part part, real *y)
{
    map_product(r, is_query, R, x, part, y);
    for (int row = 0; row < R; row++, y += r->Ap)
        r->kernels->exp2x(part.end - part.from, y + part.from, y + part.from);
}

static void mlp_scores(const struct sab_remind *r, int N, const real *keys, const real *query, real *a)
{
    r->kernels->score_mlp(N, r->Ap, keys, query, r->w, r->wsum, a);
}

static void mlp_scores_at(const struct sab_remind *r, int n, const int32_t *at, const real *keys, const real *query,
                          real *a)
{
    r->kernels->score_mlp_at(n, at, r->Ap, keys, query, r->w, r->wsum, a);
}

static int mlp_estimates(const struct sab_remind *r)
{
    return r->kernels->score_mlp_estimate != NULL;
}

static double mlp_estimate(const struct sab_remind *r, int n, const int32_t *at, const real *keys, const real *query, real *a)
{
    if (mlp_estimates(r)) {
        r->kernels->score_mlp_estimate(n, at, r->Ap, keys, query, r->w, r->wsum, a);
        return 2 * r->kernels->estimate_error * r->wnorm;
    }
    if (at)
        mlp_scores_at(r, n, at, keys, query, a);
    else
        mlp_scores(r, n, keys, query, a);
    return 0;
}

static double mlp_drift(const struct sab_remind *r, const real *query, const real *before)
{
    return r->kernels->drift_mlp(r->Ap, query, before, r->w);
}

static void mlp_backward(const struct sab_remind *r, const real *key, const real *query, real da, struct sab_part part, real *dkey,
                         real *dquery, const struct sab_remind_grads *grads)
{
    int at = part.from;
    r->kernels->score_mlp_backward(part.end - at, key + at, query + at, r->w + at, da, dkey + at, dquery + at, grads->w + at);
}

/* U being log(mean of exp(2u)) / 2; a key that was clipped gets nothing. */
static void mlp_mean_backward(const struct sab_remind *r, real n, const real *U, const real *dU, const real *key, real *dkey)
{
    for (int k = 0; k < r->Ap; k++)
        dkey[k] += key[k] > SAB_EXP_MOST || key[k] < SAB_EXP_LEAST ? 0 : dU[k] * (key[k] / (n * U[k]));
}

/* ---- dot ---------------------------------------------------------------------------------------------------------- */

static real dot_scale(const struct sab_remind *r)
{
    return (real)(1 / sqrt((double)r->A));
}

static void dot_scores(const struct sab_remind *r, int N, const real *keys, const real *query, real *a)
{
    for (int i = 0; i < N; i++)
        a[i] = dot_scale(r) * r->kernels->dot(r->Ap, keys + (size_t)i * r->Ap, query);
}

static void dot_scores_at(const struct sab_remind *r, int n, const int32_t *at, const real *keys, const real *query, real *a)
{
    for (int j = 0; j < n; j++)
        dot_scores(r, 1, keys + (size_t)at[j] * r->Ap, query, a + j);
}

static void dot_backward(const struct sab_remind *r, const real *key, const real *query, real da, struct sab_part part, real *dkey,
                         real *dquery, const struct sab_remind_grads *grads)
{
    int at = part.from, n = part.end - part.from;
    (void)grads;
    r->kernels->axpy(n, da * dot_scale(r), query + at, dkey + at);
    r->kernels->axpy(n, da * dot_scale(r), key + at, dquery + at);
}

/* ---- release2019: the map is a number ---------------------------------------------------------------------------- */

static int width_number(int A)
{
    (void)A;
    return 1;
}

/* w [2,Hp]: the hidden state's half, then the memory's. */
static const real *half(const struct sab_remind *r, const real *w, int is_query)
{
    return w + (is_query ? 0 : r->Hp);
}

/* One number, which whoever has the first column makes. */
static void release_map(const struct sab_remind *r, int is_query, int R, const real *x, struct sab_part part, real *y)
{
    if (part.from > 0 || part.end == 0)
        return;
    const real *w = half(r, r->w, is_query);
    memset(y, 0, (size_t)R * r->Ap * sizeof *y);
    for (int row = 0; row < R; row++)
        for (int k = 0; k < r->H; k++)
            y[(size_t)row * r->Ap] += w[k] * (real)tanh(x[(size_t)row * r->Hp + k]);
}

static void release_map_backward(const struct sab_remind *r, int is_query, int R, const real *x, size_t x_stride,
                                 const real *dy, size_t dy_stride, struct sab_part part, real *dx)
{
    const real *w = half(r, r->w, is_query);
    for (int row = 0; row < R; row++)
        for (int k = part.from; k < part.end && k < r->H; k++) {
            real y = (real)tanh(x[row * x_stride + k]);
            dx[(size_t)row * r->Hp + k] += dy[(size_t)row * dy_stride] * w[k] * (1 - y * y);
        }
}

static void release_map_weights(const struct sab_remind *r, int is_query, int R, const real *x, const real *dy, struct sab_part part,
                                const struct sab_remind_grads *grads)
{
    if (part.from > 0 || part.end == 0)
        return;
    real *dw = grads->w + (is_query ? 0 : r->Hp);
    for (int row = 0; row < R; row++)
        for (int k = 0; k < r->H; k++)
            dw[k] += dy[(size_t)row * r->Ap] * (real)tanh(x[(size_t)row * r->Hp + k]);
}

static void release_scores(const struct sab_remind *r, int N, const real *keys, const real *query, real *a)
{
    for (int i = 0; i < N; i++)
        a[i] = keys[(size_t)i * r->Ap] + query[0];
}

static void release_scores_at(const struct sab_remind *r, int n, const int32_t *at, const real *keys, const real *query, real *a)
{
    for (int j = 0; j < n; j++)
        release_scores(r, 1, keys + (size_t)at[j] * r->Ap, query, a + j);
}

static void release_backward(const struct sab_remind *r, const real *key, const real *query, real da, struct sab_part part, real *dkey,
                             real *dquery, const struct sab_remind_grads *grads)
{
    (void)r, (void)key, (void)query, (void)grads;
    if (part.from > 0 || part.end == 0)
        return;
    dkey[0] += da;
    dquery[0] += da;
}

const struct sab_score_ops *sab_score_find(int score)
{
    static const struct sab_score_ops ops[] = {
        [SAB_SCORE_MLP] = {"mlp", width_product, map_mlp, map_product_backward, map_product_weights, mlp_scores,
                           mlp_scores_at, mlp_estimate, mlp_estimates, mlp_drift, mlp_backward, mlp_mean_backward},
        [SAB_SCORE_DOT] = {"dot", width_product, map_product, map_product_backward, map_product_weights, dot_scores,
                           dot_scores_at, NULL, NULL, NULL, dot_backward, mean_backward},
        [SAB_SCORE_RELEASE2019] = {"release2019", width_number, release_map, release_map_backward, release_map_weights,
                                   release_scores, release_scores_at, NULL, NULL, NULL, release_backward, mean_backward},
    };
    assert(0 <= score && (size_t)score < sizeof ops / sizeof *ops);
    return &ops[score];
}

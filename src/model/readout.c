/* The readout y = h V1 + s V2 + b, or y = [h s] where there is none, and the losses.
 *
 *     cross entropy   l = log sum_o exp(y_o) - y_label      dl/dy_o = softmax(y)_o - [o = label]
 *     mse             l = mean_o (y_o - target_o)^2         dl/dy_o = 2 (y_o - target_o) / O
 *     quantile        l = mean_o max(q u, (q - 1) u), u = target_o - y_o, q the level of output o
 *                                                           dl/dy_o = ([u < 0] - q) / O, 0 where u = 0
 */
#include "model/model.h"

#include <math.h>
#include <string.h>

/* Rows of width H between the columns of y and an array of their own; pads become 0. */
static void take(const struct sab_model *m, int R, const real *x, real *y)
{
    for (int r = 0; r < R; r++)
        memcpy(y + (size_t)r * m->Op, x + (size_t)r * m->Hp, (size_t)m->H * sizeof *y);
}

static void give(const struct sab_model *m, int R, const real *dy, real *dx)
{
    for (int r = 0; r < R; r++) {
        memcpy(dx + (size_t)r * m->Hp, dy + (size_t)r * m->Op, (size_t)m->H * sizeof *dx);
        memset(dx + (size_t)r * m->Hp + m->H, 0, (size_t)(m->Hp - m->H) * sizeof *dx);
    }
}

static int shows_s(const struct sab_model *m)
{
    return m->O > m->H;
}

void sab_readout_forward(const struct sab_model *m, int R, const real *h, const real *s, real *y)
{
    if (!m->has_readout) {
        for (int r = 0; r < R; r++)
            memset(y + (size_t)r * m->Op + m->O, 0, (size_t)(m->Op - m->O) * sizeof *y);
        take(m, R, h, y);
        if (shows_s(m))
            take(m, R, s, y + m->H);
        return;
    }
    for (int r = 0; r < R; r++)
        memcpy(y + (size_t)r * m->Op, m->b, (size_t)m->Op * sizeof *y);
    m->kernels->gemm(R, m->Op, m->H, h, m->Hp, 1, m->V1, y, m->Op, 1);
    if (s)
        m->kernels->gemm(R, m->Op, m->H, s, m->Hp, 1, m->V2, y, m->Op, 1);
}

void sab_readout_backward(const struct sab_model *m, int R, const real *h, const real *s, const real *dy, real *dh,
                          real *ds, real *grads)
{
    if (!m->has_readout) {
        give(m, R, dy, dh);
        if (ds && shows_s(m))
            give(m, R, dy + m->H, ds);
        else if (ds)
            memset(ds, 0, (size_t)R * m->Hp * sizeof *ds);
        return;
    }
    struct sab_matrix dY = sab_matrix_rows(dy, m->Op);
    m->kernels->gemm(R, m->Hp, m->O, dy, m->Op, 1, m->V1t, dh, m->Hp, 0);
    m->kernels->gemm(m->H, m->Op, R, h, 1, m->Hp, dY, grads + sab_tensors_find(m, SAB_ROLE_V1, 0)->padded_offset, m->Op,
                     1);
    if (s) {
        m->kernels->gemm(R, m->Hp, m->O, dy, m->Op, 1, m->V2t, ds, m->Hp, 0);
        m->kernels->gemm(m->H, m->Op, R, s, 1, m->Hp, dY, grads + sab_tensors_find(m, SAB_ROLE_V2, 0)->padded_offset,
                         m->Op, 1);
    }
    real *db = grads + sab_tensors_find(m, SAB_ROLE_B, 0)->padded_offset;
    for (int r = 0; r < R; r++)
        for (int o = 0; o < m->O; o++)
            db[o] += dy[(size_t)r * m->Op + o];
}

static void cross_entropy(int O, const real *y, int32_t label, double weight, int scored, double scale, real *dy,
                          struct sab_loss_sums *sums)
{
    int best = 0;
    for (int o = 1; o < O; o++)
        best = y[o] > y[best] ? o : best;
    double top = y[best], of_label = weight > 0 ? y[label] : 0, sum = 0;
    for (int o = 0; o < O; o++) {
        double e = exp(y[o] - top);
        sum += e;
        if (dy)
            dy[o] = (real)e;
    }
    if (weight > 0)
        sums->loss += weight * (log(sum) + top - of_label);
    if (scored) {
        sums->scored++;
        sums->correct += best == label;
    }
    for (int o = 0; dy && o < O; o++)
        dy[o] = (real)(scale * weight * (dy[o] / sum - (o == label)));
}

static void squared_error(int O, const real *y, const real *target, double weight, int scored, double scale, real *dy,
                          struct sab_loss_sums *sums)
{
    double squares = 0;
    for (int o = 0; o < O; o++) {
        double e = (double)y[o] - target[o];
        squares += e * e;
        if (dy)
            dy[o] = (real)(scale * weight * 2 * e / O);
    }
    if (weight > 0)
        sums->loss += weight * squares / O;
    if (scored) {
        sums->scored++;
        sums->squares += squares;
        sums->values += O;
    }
}

/* l_o = log(1 + exp(y_o)) - y_o target_o, without overflow. */
static void binary_cross_entropy(int O, const real *y, const real *target, double weight, int scored, double scale,
                                 real *dy, struct sab_loss_sums *sums)
{
    double loss = 0;
    for (int o = 0; o < O; o++) {
        double x = y[o], small = exp(-fabs(x)), sigmoid = (x >= 0 ? 1 : small) / (1 + small);
        loss += fmax(x, 0) - x * target[o] + log1p(small);
        sums->correct += scored && (x > 0) == (target[o] > (real)0.5);
        if (dy)
            dy[o] = (real)(scale * weight * (sigmoid - target[o]) / O);
    }
    if (weight > 0)
        sums->loss += weight * loss / O;
    if (scored) {
        sums->scored++;
        sums->values += O;
    }
}

/* The mse is that of the medians. */
static void pinball(const struct sab_quantiles *quantiles, int O, const real *y, const real *target, double weight, int scored,
                    double scale, real *dy, struct sab_loss_sums *sums)
{
    double loss = 0, squares = 0;
    for (int o = 0; o < O; o++) {
        int k = o % quantiles->n;
        double q = quantiles->level[k], u = (double)target[o] - (double)y[o];
        loss += u < 0 ? (q - 1) * u : q * u;
        squares += k == quantiles->median ? u * u : 0;
        if (dy)
            dy[o] = (real)(scale * weight * (u < 0 ? 1 - q : u > 0 ? -q : 0) / O);
    }
    if (weight > 0)
        sums->loss += weight * loss / O;
    if (scored) {
        sums->scored++;
        sums->squares += squares;
        sums->values += O / quantiles->n;
    }
}

void sab_loss_row(const struct sab_model *m, const real *y, int32_t label, const real *target, real weight, int scored,
                  double scale, real *dy, struct sab_loss_sums *sums)
{
    sums->weight += weight;
    if (weight > 0 || scored) {
        if (m->shape.loss == SAB_LOSS_CROSS_ENTROPY)
            cross_entropy(m->O, y, label, weight, scored, scale, dy, sums);
        else if (m->shape.loss == SAB_LOSS_BCE)
            binary_cross_entropy(m->O, y, target, weight, scored, scale, dy, sums);
        else if (m->shape.loss == SAB_LOSS_QUANTILE)
            pinball(&m->quantiles, m->O, y, target, weight, scored, scale, dy, sums);
        else
            squared_error(m->O, y, target, weight, scored, scale, dy, sums);
    } else if (dy) {
        memset(dy, 0, (size_t)m->O * sizeof *dy);
    }
    if (dy)
        memset(dy + m->O, 0, (size_t)(m->Op - m->O) * sizeof *dy);
}

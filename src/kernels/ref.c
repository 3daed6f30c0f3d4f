/* The reference kernels: what kernels.h says, in the plainest C. Slow on purpose; every other table is tested against
 * this one. */
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

static real sigmoid(real x)
{
    return 1 / (1 + (real)exp(-(double)x));
}

static real fused(real a, real b, real c)
{
    return sizeof(real) == sizeof(float) ? (real)fmaf((float)a, (float)b, (float)c) : (real)fma(a, b, c);
}

static void gemm(int M, int N, int K, const real *A, ptrdiff_t rs, ptrdiff_t cs, struct sab_matrix B, real *C,
                 ptrdiff_t ldc, int add)
{
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            const real *b = B.data + j / SAB_PANEL * B.panel + j % SAB_PANEL;
            real sum = add ? C[i * ldc + j] : 0;
            for (int k = 0; k < K; k++)
                sum = fused(A[i * rs + k * cs], b[k * B.ld], sum);
            C[i * ldc + j] = sum;
        }
}

static void lstm_forward(int R, int units, int Hp, real *pre, const real *c_prev, real *c, real *hh)
{
    for (int r = 0; r < R; r++, pre += 4 * Hp, c_prev += Hp, c += Hp, hh += Hp)
        for (int k = 0; k < units; k++) {
            real i = sigmoid(pre[k]), f = sigmoid(pre[Hp + k]);
            real g = (real)tanh(pre[2 * Hp + k]), o = sigmoid(pre[3 * Hp + k]);
            c[k] = f * c_prev[k] + i * g;
            hh[k] = o * (real)tanh(c[k]);
            pre[k] = i;
            pre[Hp + k] = f;
            pre[2 * Hp + k] = g;
            pre[3 * Hp + k] = o;
        }
}

static void lstm_backward(int R, int units, int Hp, const real *gates, const real *c_prev, const real *c, const real *dhh, real *dc,
                          real *dpre)
{
    for (int r = 0; r < R; r++, gates += 4 * Hp, dpre += 4 * Hp, c_prev += Hp, c += Hp, dhh += Hp, dc += Hp)
        for (int k = 0; k < units; k++) {
            real i = gates[k], f = gates[Hp + k], g = gates[2 * Hp + k], o = gates[3 * Hp + k];
            real tc = (real)tanh(c[k]);
            real d = dc[k] + dhh[k] * o * (1 - tc * tc);
            dpre[k] = d * g * i * (1 - i);
            dpre[Hp + k] = d * c_prev[k] * f * (1 - f);
            dpre[2 * Hp + k] = d * i * (1 - g * g);
            dpre[3 * Hp + k] = dhh[k] * tc * o * (1 - o);
            dc[k] = d * f;
        }
}

static void gru_forward(int R, int units, int Hp, real *prex, const real *preh, const real *h_prev, real *hh)
{
    for (int row = 0; row < R; row++, prex += 3 * Hp, preh += 3 * Hp, h_prev += Hp, hh += Hp)
        for (int k = 0; k < units; k++) {
            real r = sigmoid(prex[k] + preh[k]), z = sigmoid(prex[Hp + k] + preh[Hp + k]);
            real n = (real)tanh(prex[2 * Hp + k] + r * preh[2 * Hp + k]);
            hh[k] = n + z * (h_prev[k] - n);
            prex[k] = r;
            prex[Hp + k] = z;
            prex[2 * Hp + k] = n;
        }
}

static void gru_backward(int R, int units, int Hp, const real *gates, const real *preh_n, const real *h_prev, const real *dhh,
                         real *dprex, real *dpreh, real *dh_prev)
{
    for (int row = 0; row < R; row++, gates += 3 * Hp, dprex += 3 * Hp, dpreh += 3 * Hp, preh_n += Hp, h_prev += Hp,
             dhh += Hp, dh_prev += Hp)
        for (int k = 0; k < units; k++) {
            real r = gates[k], z = gates[Hp + k], n = gates[2 * Hp + k];
            real dn = dhh[k] * (1 - z) * (1 - n * n);
            real dz = dhh[k] * (h_prev[k] - n) * z * (1 - z);
            real dr = dn * preh_n[k] * r * (1 - r);
            dprex[k] = dpreh[k] = dr;
            dprex[Hp + k] = dpreh[Hp + k] = dz;
            dprex[2 * Hp + k] = dn;
            dpreh[2 * Hp + k] = dn * r;
            dh_prev[k] = dhh[k] * z;
        }
}

static void rnn_forward(int n, const real *pre, real *hh)
{
    for (int k = 0; k < n; k++)
        hh[k] = (real)tanh(pre[k]);
}

static void rnn_backward(int n, const real *hh, const real *dhh, real *dpre)
{
    for (int k = 0; k < n; k++)
        dpre[k] = dhh[k] * (1 - hh[k] * hh[k]);
}

static void exp2x(int n, const real *x, real *y)
{
    for (int k = 0; k < n; k++) {
        double v = 2 * (double)x[k]; /* not fmin and fmax: a NaN stays one */
        y[k] = (real)exp(v > SAB_EXPONENT_MAX ? SAB_EXPONENT_MAX : v < -SAB_EXPONENT_MAX ? -SAB_EXPONENT_MAX : v);
    }
}

/* 16 -> 8 -> 4 -> 2 -> 1 by halves. */
static real fold(real lanes[SAB_LANES])
{
    for (int half = SAB_LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    return lanes[0];
}

static real dot(int n, const real *x, const real *y)
{
    real lanes[SAB_LANES] = {0};
    for (int k = 0; k < n; k++)
        lanes[k % SAB_LANES] = fused(x[k], y[k], lanes[k % SAB_LANES]);
    return fold(lanes);
}

static void axpy(int n, real a, const real *x, real *y)
{
    for (int k = 0; k < n; k++)
        y[k] = fused(a, x[k], y[k]);
}

static void score_mlp(int N, int Ap, const real *E, const real *F, const real *w, real wsum, real *a)
{
    for (int i = 0; i < N; i++, E += Ap) {
        real lanes[SAB_LANES] = {0};
        for (int k = 0; k < Ap; k++)
            lanes[k % SAB_LANES] = fused(w[k], 1 / fused(E[k], F[k], 1), lanes[k % SAB_LANES]);
        a[i] = wsum - 2 * fold(lanes);
    }
}

static void score_mlp_at(int n, const int32_t *at, int Ap, const real *E, const real *F, const real *w, real wsum, real *a)
{
    for (int j = 0; j < n; j++)
        score_mlp(1, Ap, E + (ptrdiff_t)at[j] * Ap, F, w, wsum, a + j);
}

static real drift_mlp(int Ap, const real *F, const real *G, const real *w)
{
    real lanes[SAB_LANES] = {0};
    for (int k = 0; k < Ap; k++) {
        real ratio = F[k] > G[k] ? F[k] / G[k] : G[k] / F[k], size = w[k] < 0 ? -w[k] : w[k];
        lanes[k % SAB_LANES] = fused(size, (ratio - 1) / 2, lanes[k % SAB_LANES]);
    }
    return fold(lanes);
}

static int find_reaching(int begin, int end, const real *x, real bar, int32_t *index)
{
    int n = 0;
    for (int i = begin; i < end; i++)
        if (!(x[i] < bar))
            index[n++] = i;
    return n;
}

static int is_clipped(real e)
{
    return e > SAB_EXP_MOST || e < SAB_EXP_LEAST;
}

static void score_mlp_backward(int Ap, const real *E, const real *F, const real *w, real da, real *du, real *dv, real *dw)
{
    for (int k = 0; k < Ap; k++) {
        real q = 1 / fused(E[k], F[k], 1);
        real d = da * w[k] * 4 * q * (1 - q);
        du[k] += is_clipped(E[k]) ? 0 : d;
        dv[k] += is_clipped(F[k]) ? 0 : d;
        dw[k] += da * (1 - 2 * q);
    }
}

static double peak_fma(int rounds, real *x)
{
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < SAB_PEAK_CHAINS; i++)
            x[i] = fused(x[i], (real)0.75, (real)0.25);
    return (double)rounds * SAB_PEAK_CHAINS;
}

static double peak_score(int rounds, real *x)
{
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < SAB_PEAK_CHAINS; i++)
            x[i] = fused((real)0.75, 1 / fused(x[i], (real)0.75, 1), (real)0.25);
    return (double)rounds * SAB_PEAK_CHAINS;
}

const struct sab_kernels sab_kernels_ref = {
    .name = "ref",
    .gemm = gemm,
    .lstm_forward = lstm_forward,
    .lstm_backward = lstm_backward,
    .gru_forward = gru_forward,
    .gru_backward = gru_backward,
    .rnn_forward = rnn_forward,
    .rnn_backward = rnn_backward,
    .exp2x = exp2x,
    .dot = dot,
    .axpy = axpy,
    .score_mlp = score_mlp,
    .score_mlp_at = score_mlp_at,
    .drift_mlp = drift_mlp,
    .find_reaching = find_reaching,
    .score_mlp_backward = score_mlp_backward,
    .peak_fma = peak_fma,
    .peak_score = peak_score,
};

/* One block of the Transformer, forward and back; see transformer.h for the equations.
 *
 *     norm     hat = (x - mean) s, s = 1 / sqrt(var + eps)      dhat = da * g
 *                                      dx += s (dhat - mean(dhat) - hat mean(dhat * hat))
 *     gelu     f(x) = x/2 (1 + th), th = tanh(u), u = c (x + k x^3)
 *                                      f'(x) = (1 + th)/2 + x/2 (1 - th^2) c (1 + 3 k x^2)
 *
 * Sums over rows go in the order of rows, sums across a row as the kernel dot has them. */
#include "baselines/transformer.h"

#include <math.h>
#include <string.h>

#define EPSILON 1e-5                     /* PyTorch's */
#define GELU_C ((real)0.79788456080286536) /* sqrt(2 / pi) */
#define GELU_K ((real)0.044715)

static int rows_of(const struct sab_transformer_shard *s, int steps)
{
    return steps * s->room.S;
}

/* ---- norm ---- */

void sab_norm_forward(const struct sab_transformer_shard *s, const struct sab_norm *norm, int R, const real *x, real *hat,
                      real *scale, real *a)
{
    const struct sab_model *m = s->model;
    for (int r = 0; r < R; r++, x += m->Hp, hat += m->Hp, a += m->Hp) {
        real mean = m->kernels->dot(m->Hp, x, s->ones) / (real)m->H;
        for (int k = 0; k < m->H; k++)
            hat[k] = x[k] - mean;
        real variance = m->kernels->dot(m->Hp, hat, hat) / (real)m->H; /* pad columns of hat are 0 */
        scale[r] = 1 / (real)sqrt((double)variance + EPSILON);
        for (int k = 0; k < m->Hp; k++) {
            hat[k] *= scale[r];
            a[k] = hat[k] * norm->g[k] + norm->b[k];
        }
    }
}

void sab_norm_again(const struct sab_model *m, const struct sab_norm *norm, int R, const real *hat, real *a)
{
    for (int r = 0; r < R; r++, hat += m->Hp, a += m->Hp)
        for (int k = 0; k < m->Hp; k++)
            a[k] = hat[k] * norm->g[k] + norm->b[k];
}

void sab_norm_backward(const struct sab_transformer_shard *s, const struct sab_norm *norm, int R, const real *hat,
                       const real *scale, const real *da, real *dx, real *grads)
{
    const struct sab_model *m = s->model;
    real *dg = grads + norm->dg, *db = grads + norm->db, *dhat = s->u;
    for (int r = 0; r < R; r++, hat += m->Hp, da += m->Hp, dx += m->Hp) {
        for (int k = 0; k < m->Hp; k++) {
            dg[k] += da[k] * hat[k];
            db[k] += da[k];
            dhat[k] = da[k] * norm->g[k];
        }
        real mean = m->kernels->dot(m->Hp, dhat, s->ones) / (real)m->H;
        real along = m->kernels->dot(m->Hp, dhat, hat) / (real)m->H;
        for (int k = 0; k < m->H; k++)
            dx[k] += scale[r] * (dhat[k] - mean - hat[k] * along);
    }
}

/* ---- linear maps ---- */

/* y [R,N] = x [R,K] W + b, or += . */
static void linear(const struct sab_model *m, const struct sab_linear *map, int R, int K, const real *x, ptrdiff_t stride,
                   int N, real *y, int add)
{
    for (int r = 0; r < R; r++)
        for (int j = 0; j < N; j++)
            y[(ptrdiff_t)r * N + j] = add ? y[(ptrdiff_t)r * N + j] + map->b[j] : map->b[j];
    m->kernels->gemm(R, N, K, x, stride, 1, map->W, y, N, 1);
}

static void add_rows(int R, int N, const real *dy, real *db)
{
    for (int r = 0; r < R; r++, dy += N)
        for (int j = 0; j < N; j++)
            db[j] += dy[j];
}

/* dW [rows,N] += x^T dy, x [R,stride]; db += dy. */
static void linear_weights(const struct sab_model *m, const struct sab_linear *map, int R, int rows, const real *x,
                           ptrdiff_t stride, int N, const real *dy, real *grads)
{
    m->kernels->gemm(rows, N, R, x, 1, stride, sab_matrix_rows(dy, N), grads + map->dW, N, 1);
    add_rows(R, N, dy, grads + map->db);
}

/* ---- gelu ---- */

/* s->tanh = th of one row. */
static void gelu_tanh(const struct sab_transformer_shard *s, int n, const real *x)
{
    for (int k = 0; k < n; k++)
        s->u[k] = GELU_C * (x[k] + GELU_K * x[k] * x[k] * x[k]);
    s->model->kernels->rnn_forward(n, s->u, s->tanh);
}

static void gelu_forward(const struct sab_transformer_shard *s, int R, int n, const real *x, real *y)
{
    for (int r = 0; r < R; r++, x += n, y += n) {
        gelu_tanh(s, n, x);
        for (int k = 0; k < n; k++)
            y[k] = (real)0.5 * x[k] * (1 + s->tanh[k]);
    }
}

/* dy becomes dx; y is made again. */
static void gelu_backward(const struct sab_transformer_shard *s, int R, int n, const real *x, real *y, real *dy)
{
    for (int r = 0; r < R; r++, x += n, y += n, dy += n) {
        gelu_tanh(s, n, x);
        for (int k = 0; k < n; k++) {
            real th = s->tanh[k], du = GELU_C * (1 + 3 * GELU_K * x[k] * x[k]);
            y[k] = (real)0.5 * x[k] * (1 + th);
            dy[k] *= (real)0.5 * (1 + th + x[k] * (1 - th * th) * du);
        }
    }
}

/* ---- the block ---- */

void sab_block_forward(struct sab_transformer_shard *s, int layer, int steps)
{
    const struct sab_model *m = s->model;
    const struct sab_transformer *net = m->own;
    const struct sab_block_weights *w = &net->blocks[layer];
    struct sab_block_run *run = &s->runs[s->n_runs > 1 ? layer : 0];
    int R = rows_of(s, steps), A = net->A, Fp = net->Fp;
    sab_norm_forward(s, &w->norm1, R, s->x, run->hat1, run->scale1, s->a);
    sab_profile_lap(s->profile, SAB_PHASE_CELL);
    linear(m, &w->qkv, R, m->H, s->a, m->Hp, 3 * A, run->qkv, 0);
    sab_profile_lap(s->profile, SAB_PHASE_STATE);
    sab_attention_forward(&s->attention, steps, run->qkv, run->o, run->top, run->norm);
    sab_profile_lap(s->profile, SAB_PHASE_MAP);
    linear(m, &w->out, R, A, run->o, A, m->Hp, s->x, 1);
    sab_profile_lap(s->profile, SAB_PHASE_STATE);
    sab_norm_forward(s, &w->norm2, R, s->x, run->hat2, run->scale2, s->a);
    sab_profile_lap(s->profile, SAB_PHASE_CELL);
    linear(m, &w->ff1, R, m->H, s->a, m->Hp, Fp, run->pre, 0);
    sab_profile_lap(s->profile, SAB_PHASE_STATE);
    gelu_forward(s, R, Fp, run->pre, s->act);
    sab_profile_lap(s->profile, SAB_PHASE_CELL);
    linear(m, &w->ff2, R, net->F, s->act, Fp, m->Hp, s->x, 1);
    sab_profile_lap(s->profile, SAB_PHASE_STATE);
}

static void feed_forward_backward(struct sab_transformer_shard *s, const struct sab_block_weights *w,
                                  struct sab_block_run *run, int R, real *grads)
{
    const struct sab_model *m = s->model;
    const struct sab_transformer *net = m->own;
    int Fp = net->Fp;
    m->kernels->gemm(R, Fp, m->H, s->dx, m->Hp, 1, w->ff2.Wt, s->dact, Fp, 0);
    sab_profile_lap(s->profile, SAB_PHASE_STATE_BACKWARD);
    gelu_backward(s, R, Fp, run->pre, s->act, s->dact);
    sab_norm_again(m, &w->norm2, R, run->hat2, s->a);
    sab_profile_lap(s->profile, SAB_PHASE_CELL_BACKWARD);
    linear_weights(m, &w->ff2, R, net->F, s->act, Fp, m->Hp, s->dx, grads);
    linear_weights(m, &w->ff1, R, m->H, s->a, m->Hp, Fp, s->dact, grads);
    sab_profile_lap(s->profile, SAB_PHASE_WEIGHTS);
    m->kernels->gemm(R, m->Hp, net->F, s->dact, Fp, 1, w->ff1.Wt, s->da, m->Hp, 0);
    sab_profile_lap(s->profile, SAB_PHASE_STATE_BACKWARD);
    sab_norm_backward(s, &w->norm2, R, run->hat2, run->scale2, s->da, s->dx, grads);
    sab_profile_lap(s->profile, SAB_PHASE_CELL_BACKWARD);
}

void sab_block_backward(struct sab_transformer_shard *s, int layer, int steps, real *grads)
{
    const struct sab_model *m = s->model;
    const struct sab_transformer *net = m->own;
    const struct sab_block_weights *w = &net->blocks[layer];
    struct sab_block_run *run = &s->runs[s->n_runs > 1 ? layer : 0];
    int R = rows_of(s, steps), A = net->A;
    feed_forward_backward(s, w, run, R, grads);
    m->kernels->gemm(R, A, m->H, s->dx, m->Hp, 1, w->out.Wt, s->d_o, A, 0);
    sab_profile_lap(s->profile, SAB_PHASE_STATE_BACKWARD);
    /* The tensor holds this map transposed: a row per output. */
    m->kernels->gemm(m->H, A, R, s->dx, 1, m->Hp, sab_matrix_rows(run->o, A), grads + w->out.dW, A, 1);
    add_rows(R, m->Hp, s->dx, grads + w->out.db);
    sab_profile_lap(s->profile, SAB_PHASE_WEIGHTS);
    sab_attention_backward(&s->attention, steps, run->qkv, run->o, run->top, run->norm, s->d_o, s->dqkv);
    sab_profile_lap(s->profile, SAB_PHASE_MAP_BACKWARD);
    sab_norm_again(m, &w->norm1, R, run->hat1, s->a);
    sab_profile_lap(s->profile, SAB_PHASE_CELL_BACKWARD);
    linear_weights(m, &w->qkv, R, m->H, s->a, m->Hp, 3 * A, s->dqkv, grads);
    sab_profile_lap(s->profile, SAB_PHASE_WEIGHTS);
    m->kernels->gemm(R, m->Hp, 3 * A, s->dqkv, 3 * A, 1, w->qkv.Wt, s->da, m->Hp, 0);
    sab_profile_lap(s->profile, SAB_PHASE_STATE_BACKWARD);
    sab_norm_backward(s, &w->norm1, R, run->hat1, run->scale1, s->da, s->dx, grads);
    sab_profile_lap(s->profile, SAB_PHASE_CELL_BACKWARD);
}

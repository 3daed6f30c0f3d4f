/* See pool.h. The way back of attention, with g = e_j . dm:
 *
 *     d(e_j . q) = beta_j (g - m . dm)       de_j = beta_j dm + d(e_j . q) q       dq = sum_j d(e_j . q) e_j */
#include "remind/pool.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "sab.h"

static void scale_by(int n, real scale, real *y)
{
    for (int k = 0; k < n; k++)
        y[k] *= scale;
}

static real logit(const struct sab_pool *p, const real *e)
{
    return p->kernels->dot(p->Hp, p->query, e);
}

/* The weight of a state whose logit is a, relative to the largest so far, by which what there is is scaled anew if a is larger. */
static real weigh(const struct sab_pool *p, const struct sab_stretch *s, int b, real a)
{
    if (a <= s->top[b])
        return (real)exp((double)(a - s->top[b]));
    real less = (real)exp((double)(s->top[b] - a));
    scale_by(p->Hp, less, s->sum + (size_t)b * p->Hp);
    s->Z[b] *= less;
    s->top[b] = a;
    return 1;
}

void sab_stretch_add(const struct sab_pool *p, const struct sab_stretch *s, int b, int is_first, const real *e, const real *h)
{
    real *sum = s->sum + (size_t)b * p->Hp, weight = 1;
    real a = p->kind == SAB_POOL_ATTENTION ? logit(p, e) : 0;
    if (is_first) {
        memcpy(sum, e, (size_t)p->Hp * sizeof *sum);
        memcpy(s->begin + (size_t)b * p->Hp, h, (size_t)p->Hp * sizeof *sum);
    }
    if (is_first && p->kind == SAB_POOL_ATTENTION)
        s->top[b] = a, s->Z[b] = 1;
    if (is_first)
        return;
    if (p->kind == SAB_POOL_ATTENTION) {
        weight = weigh(p, s, b, a);
        s->Z[b] += weight;
    }
    p->kernels->axpy(p->Hp, weight, e, sum);
}

real sab_stretch_close(const struct sab_pool *p, const struct sab_stretch *s, int b)
{
    real *sum = s->sum + (size_t)b * p->Hp, divisor = p->kind == SAB_POOL_ATTENTION ? s->Z[b] : (real)p->n;
    for (int k = 0; k < p->Hp; k++)
        sum[k] /= divisor;
    return p->kind == SAB_POOL_ATTENTION ? s->top[b] + (real)log((double)s->Z[b]) : 0;
}

void sab_stretch_backward(const struct sab_pool *p, const real *e, const real *m, real scale, const real *dm, real *de, real *dquery)
{
    if (p->kind == SAB_POOL_MEAN) {
        for (int k = 0; k < p->Hp; k++)
            de[k] = dm[k] / (real)p->n;
        return;
    }
    assert(p->kind == SAB_POOL_ATTENTION);
    real beta = (real)exp((double)(logit(p, e) - scale));
    real dlogit = beta * (p->kernels->dot(p->Hp, e, dm) - p->kernels->dot(p->Hp, m, dm));
    p->kernels->axpy(p->Hp, dlogit, e, dquery);
    for (int k = 0; k < p->Hp; k++)
        de[k] = beta * dm[k] + dlogit * p->query[k];
}

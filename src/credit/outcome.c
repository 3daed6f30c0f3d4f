/* What comes of a batch whose shards are done: the sum of their gradients, figures, and what is wrong with them. See engine.h. */
#include "credit/engine.h"

#include <math.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/team.h"
#include "credit/tree.h"

static real *grads_of(const struct sab_model *m, const struct sab_request *request)
{
    return request->grads ? request->grads : m->grad;
}

enum { RANGE = 16384 };

/* Gradients that are added up; each worker takes ranges of their numbers. */
struct addition {
    struct sab_engine *engine;
    real **at; /* [n_shards] */
    int n_shards, ranks;
};

static void add_range(void *user, int range, int worker)
{
    const struct addition *a = user;
    struct sab_profile *profile = sab_engine_profile(a->engine, worker);
    size_t n = a->engine->model->n_padded, from = (size_t)range * RANGE, to = from + RANGE < n ? from + RANGE : n;
    sab_profile_start(profile);
    sab_tree_add(a->at, a->n_shards, a->ranks, 0, from, to);
    sab_profile_lap(profile, SAB_PHASE_REDUCE);
}

int sab_engine_add_nodes(struct sab_engine *e, int n_shards, int first, int count, int ranks, int workers, struct sab_error *err)
{
    size_t n = e->model->n_padded;
    real **at = sab_alloc((size_t)n_shards, sizeof *at);
    if (!at)
        return sab_fail(err, SAB_NOMEM, "no memory to add up %d gradients", n_shards);
    for (int i = 0; i < count; i++)
        at[first + i] = e->grads + (size_t)i * n;
    sab_team_run(e->team, workers, (int)((n + RANGE - 1) / RANGE), add_range, &(struct addition){e, at, n_shards, ranks});
    sab_free(at);
    return SAB_OK;
}

void sab_engine_leave_sum(struct sab_engine *e, const struct sab_request *request)
{
    const struct sab_model *m = e->model;
    sab_tensors_unpad(m, e->grads, request->add, grads_of(m, request), e->team, e->members);
    sab_profile_lap(e->profile, SAB_PHASE_REDUCE);
}

int sab_engine_reduce(struct sab_engine *e, int n_shards, int workers, const struct sab_request *request, struct sab_error *err)
{
    int status = sab_engine_add_nodes(e, n_shards, 0, n_shards, 1, workers, err);
    sab_profile_start(e->profile);
    if (status == SAB_OK)
        sab_engine_leave_sum(e, request);
    return status;
}

struct sab_metrics sab_deal_metrics(const struct sab_deal *deal, const struct sab_model *m)
{
    struct sab_loss_sums all = {0};
    for (int i = 0; i < deal->n_shards; i++) {
        all.loss += deal->sums[i].loss;
        all.weight += deal->sums[i].weight;
        all.squares += deal->sums[i].squares;
        all.scored += deal->sums[i].scored;
        all.correct += deal->sums[i].correct;
        all.values += deal->sums[i].values;
    }
    int loss = m->shape.loss;
    int64_t answers = loss == SAB_LOSS_CROSS_ENTROPY ? all.scored : loss == SAB_LOSS_BCE ? all.values : 0;
    return (struct sab_metrics){
        .loss = all.weight > 0 ? all.loss / all.weight : NAN,
        .accuracy = answers > 0 ? (double)all.correct / (double)answers : NAN,
        .mse = (loss == SAB_LOSS_MSE || loss == SAB_LOSS_QUANTILE) && all.values > 0 ? all.squares / (double)all.values : NAN,
        .weight = all.weight,
        .scored = all.scored,
    };
}

/* ---- bad numbers ---- */

static int is_finite(const real *x, size_t count)
{
    unsigned bad = 0; /* without a way out of the loop the compiler uses vectors */
    for (size_t i = 0; i < count; i++)
        bad |= !isfinite(x[i]);
    return !bad;
}

static double norm_of(const real *x, size_t count)
{
    double sum = 0;
    for (size_t j = 0; j < count; j++)
        sum += (double)x[j] * x[j];
    return sqrt(sum);
}

int sab_engine_judge(const struct sab_engine *e, const struct sab_request *request, double *norm, struct sab_error *err)
{
    const struct sab_model *m = e->model;
    const real *grads = grads_of(m, request);
    *norm = e->leaves_norm ? 0 : norm_of(grads, m->n_theta);
    if (is_finite(grads, m->n_theta))
        return SAB_OK;
    for (int i = 0; i < m->n_tensors; i++) {
        const struct sab_tensor_spec *spec = &m->tensors[i];
        for (size_t at = 0; at < spec->count; at++)
            if (!isfinite(grads[spec->offset + at]))
                return sab_fail(err, SAB_NUMERIC, "the gradient of %s (layer %d) is not finite at element %zu", spec->name,
                                spec->layer, at);
    }
    return SAB_OK; /* what lies between tensors */
}

int sab_engine_judge_loss(const struct sab_engine *e, const struct sab_metrics *metrics, struct sab_error *err)
{
    if (!(metrics->weight > 0) || isfinite(metrics->loss)) /* the loss of a part without weight is none */
        return SAB_OK;
    return sab_fail(err, SAB_NUMERIC, "the loss is %g in layer %d's readout (tensor V1)", metrics->loss, e->model->L - 1);
}

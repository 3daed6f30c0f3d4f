/* A batch: cut into shards, each taken alone by one thread, their gradients summed in a fixed tree.
 *
 * The number of shards and the tree depend on B alone, so threads change nothing but time. Sequences of unlike length
 * are dealt to the shards longest first: those of a shard are then about as long as each other, and a shard takes no
 * steps past its longest. */
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/alloc.h"
#include "base/error.h"
#include "credit/budget.h"
#include "model/stream.h"

/* Steps of a batch, and sequences: S T rows of a shard are counted in int. */
enum { MOST_ROWS = INT_MAX / (2 * SAB_SHARD) };

/* What is kept between calls: a full and a last (smaller) shard per worker, and a gradient per shard, in one block. */
struct sab_engine {
    struct sab_extent extent;
    int backward;                    /* SAB_FORWARD_ONLY, ... */
    int n_shards;
    struct sab_column *columns;      /* [B] shard after shard */
    const struct sab_network *network;
    void **full, **last;             /* [workers] shards of the network */
    real *grads;                     /* [n_shards, n_padded] */
    struct sab_loss_sums *sums;      /* [n_shards] */
    char *block;                     /* shards and gradients */
    size_t block_nbytes;
};

static void engine_free(void *engine)
{
    struct sab_engine *e = engine;
    if (!e)
        return;
    for (int i = 0; i < e->extent.workers; i++) {
        if (e->full)
            e->network->shard_free(e->full[i]);
        if (e->last)
            e->network->shard_free(e->last[i]);
    }
    sab_free(e->columns);
    sab_free(e->full);
    sab_free(e->last);
    sab_free(e->sums);
    sab_free(e->block);
    sab_free(e);
}

static int worker_count(int threads, int n_shards)
{
#ifdef _OPENMP
    int n = threads > 0 ? threads : omp_get_num_procs();
#else
    int n = 1;
    (void)threads;
#endif
    return n < n_shards ? n : n_shards;
}

static int worker_id(void)
{
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

/* A zeroed block of nbytes: the one that the engine before leaves, where that is large enough, or a new one. Training and
 * evaluation take turns, and sequences grow: pages that are there need not be asked for again. */
static int take_block(struct sab_engine *e, struct sab_engine *before, size_t nbytes, struct sab_error *err)
{
    if (before && before->block_nbytes >= nbytes) {
        e->block = before->block;
        e->block_nbytes = before->block_nbytes;
        before->block = NULL;
        memset(e->block, 0, nbytes);
    }
    engine_free(before);
    if (e->block)
        return SAB_OK;
    e->block_nbytes = nbytes;
    e->block = sab_alloc(nbytes, 1);
    return e->block ? SAB_OK
                    : sab_fail(err, SAB_NOMEM, "no memory for the activations of %d sequences of %d steps (%zu MiB)",
                               e->extent.B, e->extent.T, nbytes >> 20);
}

/* Lays the shards out in the block, one after the other, and the gradients after them. */
static int fill_block(struct sab_engine *e, const struct sab_model *m, struct sab_error *err)
{
    const struct sab_extent *x = &e->extent;
    int status = SAB_OK;
    char *at = e->block;
    for (int i = 0; i < x->workers; i++)
        for (int is_last = 0; is_last < 2 && status == SAB_OK; is_last++) {
            struct sab_room room = {is_last ? x->B % SAB_SHARD : x->B >= SAB_SHARD ? SAB_SHARD : 0, x->T, x->carried_cap,
                                    e->backward, x->flow};
            size_t nbytes = 0;
            if (room.S > 0)
                status = m->network->shard_create(is_last ? &e->last[i] : &e->full[i], m, &room, at, &nbytes, err);
            at += nbytes;
        }
    e->grads = (real *)at;
    return status;
}

/* Counts, chooses and takes the memory of a new engine: for the longest batch that is known to come, so that sequences
 * which grow need no more. `before`, which may be NULL, is freed. */
static int engine_fill(struct sab_engine *e, struct sab_model *m, double step_nbytes, struct sab_engine *before,
                       struct sab_error *err)
{
    struct sab_need need, stored, recomputed;
    struct sab_extent most = e->extent;
    most.T = m->most_steps > most.T ? m->most_steps : most.T;
    int status = sab_need_count(m, &most, SAB_FORWARD_ONLY, &need, err);
    if (status == SAB_OK && e->backward) {
        if (m->budget_nbytes == 0)
            m->budget_nbytes = sab_budget_nbytes(&m->config);
        status = sab_need_count(m, &most, SAB_STORED, &stored, err);
        if (status == SAB_OK)
            status = sab_need_count(m, &most, SAB_RECOMPUTED, &recomputed, err);
        if (status == SAB_OK)
            status = sab_budget_choose(&m->config, m->budget_nbytes, sab_held_nbytes(m) + step_nbytes * most.T, &stored,
                                       &recomputed, &e->backward, err);
        need = e->backward == SAB_STORED ? stored : recomputed;
        m->recomputed = e->backward == SAB_RECOMPUTED;
    }
    if (status == SAB_OK && need.activations + need.gradients > (double)(SIZE_MAX / 4))
        status = sab_fail(err, SAB_NOMEM, "no machine has memory for the activations of %d sequences of %d steps",
                          e->extent.B, e->extent.T);
    if (status != SAB_OK) {
        engine_free(before);
        return status;
    }
    status = take_block(e, before, (size_t)(need.activations + need.gradients), err);
    e->columns = sab_alloc((size_t)e->extent.B, sizeof *e->columns);
    e->full = sab_alloc((size_t)e->extent.workers, sizeof *e->full);
    e->last = sab_alloc((size_t)e->extent.workers, sizeof *e->last);
    e->sums = sab_alloc((size_t)e->n_shards, sizeof *e->sums);
    if (status == SAB_OK && (!e->columns || !e->full || !e->last || !e->sums))
        status = sab_fail(err, SAB_NOMEM, "no memory for %d shards", e->n_shards);
    return status == SAB_OK ? fill_block(e, m, err) : status;
}

/* Bytes of the batch's arrays for each step. */
static double step_nbytes(const struct sab_model *m, const struct sab_batch *batch)
{
    double nbytes = (batch->ids != NULL) * sizeof *batch->ids + (batch->labels != NULL) * sizeof *batch->labels +
                    (batch->weight != NULL) * sizeof(real) + (batch->scored != NULL) + (batch->values != NULL) *
                    sizeof(real) * m->shape.I + (batch->targets != NULL) * sizeof(real) * m->O;
    return nbytes * batch->B;
}

/* The engine for this kind of call: the one kept, or a new one in its place. */
static int engine_for(struct sab_engine **out, struct sab_model *m, const struct sab_batch *batch, int backward,
                      int flow, int threads, struct sab_error *err)
{
    int n_shards = (batch->B + SAB_SHARD - 1) / SAB_SHARD, workers = worker_count(threads, n_shards);
    int carried = batch->state && m->K > 0 ? sab_stream_carried(batch->state) : m->zero_memories;
    struct sab_engine *e = m->engine;
    if (e && e->extent.T == batch->T && e->extent.B == batch->B && e->extent.carried_cap >= carried &&
        !e->backward == !backward && e->extent.flow == flow && e->extent.workers == workers) {
        *out = e;
        return SAB_OK;
    }
    e = sab_alloc(1, sizeof *e);
    if (!e)
        return sab_fail(err, SAB_NOMEM, "no memory for a batch");
    /* Carried memories grow in number with the batches, up to the slots: room for twice as many. */
    int room = carried == 0 ? 0 : carried > m->layers[0].remind.slots / 2 ? m->layers[0].remind.slots : 2 * carried;
    e->extent = (struct sab_extent){batch->T, batch->B, room, workers, flow};
    e->network = m->network;
    e->backward = backward;
    e->n_shards = n_shards;
    struct sab_engine *before = m->engine;
    m->engine = NULL;
    int status = engine_fill(e, m, step_nbytes(m, batch), before, err);
    if (status) {
        engine_free(e);
        return status;
    }
    m->engine = e;
    m->engine_free = engine_free;
    *out = e;
    return SAB_OK;
}

static int check_numbers(const struct sab_model *m, const struct sab_batch *batch, struct sab_error *err)
{
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++) {
            size_t at = (size_t)t * batch->B + b;
            if (batch->lengths && t >= batch->lengths[b])
                continue;
            if (batch->ids && (batch->ids[at] < 0 || batch->ids[at] >= m->shape.I))
                return sab_fail(err, SAB_INVALID, "input symbol %d at step %d of sequence %d is not in 0..%d",
                                batch->ids[at], t + 1, b, m->shape.I - 1);
            if (batch->labels && (sab_batch_weight(batch, t, b) > 0 || sab_batch_scored(batch, t, b)) &&
                (batch->labels[at] < 0 || batch->labels[at] >= m->O))
                return sab_fail(err, SAB_INVALID, "label %d at step %d of sequence %d is not in 0..%d",
                                batch->labels[at], t + 1, b, m->O - 1);
            if (!(sab_batch_weight(batch, t, b) >= 0 && isfinite(sab_batch_weight(batch, t, b))))
                return sab_fail(err, SAB_INVALID, "weight %g at step %d of sequence %d is negative or not finite",
                                (double)sab_batch_weight(batch, t, b), t + 1, b);
        }
    return SAB_OK;
}

static int check_answers(const struct sab_model *m, const struct sab_batch *batch, struct sab_error *err)
{
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++) {
            const real *target = batch->targets + ((size_t)t * batch->B + b) * m->O;
            if (!(sab_batch_weight(batch, t, b) > 0) && !sab_batch_scored(batch, t, b))
                continue;
            for (int o = 0; o < m->O; o++)
                if (!(target[o] >= 0 && target[o] <= 1))
                    return sab_fail(err, SAB_INVALID, "target %g of output %d at step %d of sequence %d is not in 0..1",
                                    (double)target[o], o, t + 1, b);
        }
    return SAB_OK;
}

static int check_batch(const struct sab_model *m, const struct sab_batch *batch, int needs_loss, int threads,
                       struct sab_error *err)
{
    if (threads < 0)
        return sab_fail(err, SAB_INVALID, "threads = %d; it is 0 (one per processor) or more", threads);
    if (batch->T < 1 || batch->B < 1 || batch->T > MOST_ROWS || batch->B > MOST_ROWS)
        return sab_fail(err, SAB_INVALID, "a batch of T = %d steps and B = %d sequences; both are in 1..%d", batch->T,
                        batch->B, MOST_ROWS);
    if ((m->shape.input == SAB_INPUT_IDS) != (batch->ids != NULL) || (batch->ids != NULL) == (batch->values != NULL))
        return sab_fail(err, SAB_INVALID, "the model takes %s as input and the batch brings %s",
                        m->shape.input == SAB_INPUT_IDS ? "ids" : "values",
                        batch->ids && batch->values ? "both ids and values"
                        : batch->ids                ? "ids"
                        : batch->values             ? "values"
                                                    : "neither ids nor values");
    int has = m->shape.loss == SAB_LOSS_CROSS_ENTROPY ? batch->labels != NULL : batch->targets != NULL;
    if ((needs_loss && !has) || (batch->labels && batch->targets) || (!has && (batch->labels || batch->targets)))
        return sab_fail(err, SAB_INVALID, "the model's loss needs %s and no other",
                        m->shape.loss == SAB_LOSS_CROSS_ENTROPY ? "labels" : "targets");
    if (batch->fresh && !batch->state)
        return sab_fail(err, SAB_INVALID, "the batch says which sequences are fresh but brings no state that others go on "
                                          "from");
    for (int b = 0; batch->lengths && b < batch->B; b++)
        if (batch->lengths[b] < 1 || batch->lengths[b] > batch->T)
            return sab_fail(err, SAB_INVALID, "length %d of sequence %d is not in 1..%d", batch->lengths[b], b,
                            batch->T);
    int status = sab_model_check_steps(m, batch->T, err);
    if (status == SAB_OK)
        status = check_numbers(m, batch, err);
    return status == SAB_OK && m->shape.loss == SAB_LOSS_BCE && batch->targets ? check_answers(m, batch, err) : status;
}

static double total_weight(const struct sab_batch *batch)
{
    double sum = 0;
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++)
            sum += sab_batch_weight(batch, t, b);
    return sum;
}

static struct sab_profile *profile_of(const struct sab_model *m)
{
    return m->profile ? &m->profile[worker_id()] : NULL;
}

/* Longest first; among equals, in the order of the batch. */
static int compare_columns(const void *a, const void *b)
{
    const struct sab_column *x = a, *y = b;
    return x->length != y->length ? (x->length < y->length) - (x->length > y->length) : (x->b > y->b) - (x->b < y->b);
}

static void deal_columns(struct sab_engine *e, const struct sab_batch *batch)
{
    for (int b = 0; b < batch->B; b++)
        e->columns[b] = (struct sab_column){b, batch->lengths ? batch->lengths[b] : batch->T};
    if (batch->lengths && !batch->state)
        qsort(e->columns, (size_t)batch->B, sizeof *e->columns, compare_columns);
}

static void run_shards(struct sab_engine *e, const struct sab_model *m, const struct sab_batch *batch, double scale,
                       sab_real *outputs, const struct sab_recall *recall, const struct sab_watcher *watcher)
{
    deal_columns(e, batch);
    if (outputs && batch->lengths)
        memset(outputs, 0, (size_t)batch->T * batch->B * m->O * sizeof *outputs);
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads(e->extent.workers)
#endif
    for (int i = 0; i < e->n_shards; i++) {
        int b0 = i * SAB_SHARD;
        if (sab_model_is_stopped(m))
            continue;
        struct sab_work work = {batch, e->columns + b0, b0, scale, outputs, recall, watcher, profile_of(m)};
        real *grads = e->backward ? e->grads + (size_t)i * m->n_padded : NULL;
        sab_profile_start(work.profile);
        if (grads)
            memset(grads, 0, m->n_padded * sizeof *grads);
        m->network->shard_run(batch->B - b0 >= SAB_SHARD ? e->full[worker_id()] : e->last[worker_id()], &work, grads,
                              &e->sums[i]);
    }
}

/* grads[0] = sum of all in a binary tree over shard numbers; each thread takes a range of numbers. */
static void sum_gradients(struct sab_engine *e, const struct sab_model *m)
{
    enum { RANGE = 4096 };
    size_t n = m->n_padded;
    int ranges = (int)((n + RANGE - 1) / RANGE);
#ifdef _OPENMP
#pragma omp parallel for schedule(static) num_threads(e->extent.workers)
#endif
    for (int range = 0; range < ranges; range++) {
        size_t from = (size_t)range * RANGE, to = from + RANGE < n ? from + RANGE : n;
        sab_profile_start(profile_of(m));
        for (int stride = 1; stride < e->n_shards; stride *= 2)
            for (int i = 0; i + stride < e->n_shards; i += 2 * stride) {
                real *x = e->grads + (size_t)i * n;
                const real *y = e->grads + (size_t)(i + stride) * n;
                for (size_t j = from; j < to; j++)
                    x[j] += y[j];
            }
        sab_profile_lap(profile_of(m), SAB_PHASE_REDUCE);
    }
}

static struct sab_metrics summarise(const struct sab_engine *e, const struct sab_model *m)
{
    struct sab_loss_sums all = {0};
    for (int i = 0; i < e->n_shards; i++) {
        all.loss += e->sums[i].loss;
        all.weight += e->sums[i].weight;
        all.squares += e->sums[i].squares;
        all.scored += e->sums[i].scored;
        all.correct += e->sums[i].correct;
        all.values += e->sums[i].values;
    }
    int loss = m->shape.loss;
    int64_t answers = loss == SAB_LOSS_CROSS_ENTROPY ? all.scored : loss == SAB_LOSS_BCE ? all.values : 0;
    return (struct sab_metrics){
        .loss = all.weight > 0 ? all.loss / all.weight : NAN,
        .accuracy = answers > 0 ? (double)all.correct / (double)answers : NAN,
        .mse = loss == SAB_LOSS_MSE && all.values > 0 ? all.squares / (double)all.values : NAN,
        .weight = all.weight,
        .scored = all.scored,
    };
}

/* Names the first tensor whose gradient is not finite. */
static int check_finite(const struct sab_model *m, double loss, struct sab_error *err)
{
    for (int i = 0; i < m->n_tensors; i++) {
        const struct sab_tensor_spec *spec = &m->tensors[i];
        for (size_t j = 0; j < spec->count; j++)
            if (!isfinite(m->grad[spec->offset + j]))
                return sab_fail(err, SAB_NUMERIC, "the gradient of %s (layer %d) is not finite at element %zu",
                                spec->name, spec->layer, j);
    }
    if (!isfinite(loss))
        return sab_fail(err, SAB_NUMERIC, "the loss is %g in layer %d's readout (tensor V1)", loss, m->L - 1);
    return SAB_OK;
}

static double gradient_norm(const struct sab_model *m)
{
    double sum = 0;
    for (size_t j = 0; j < m->n_theta; j++)
        sum += (double)m->grad[j] * m->grad[j];
    return sqrt(sum);
}

/* A batch that was left half done has no result. */
static int check_stopped(const struct sab_model *m, struct sab_error *err)
{
    return sab_model_is_stopped(m) ? sab_fail(err, SAB_INTERRUPTED, "stopped on request") : SAB_OK;
}

/* The batch is checked; the weights are made ready for it. */
static void prepare(struct sab_model *m)
{
    sab_profile_lap(m->profile, SAB_PHASE_DATA);
    sab_model_prepare(m);
    sab_profile_lap(m->profile, SAB_PHASE_PACK);
}

static int evaluate(struct sab_model *m, const struct sab_batch *batch, int threads, sab_real *outputs,
                    struct sab_metrics *metrics, const struct sab_recall *recall, const struct sab_watcher *watcher,
                    struct sab_error *err)
{
    struct sab_engine *e;
    sab_profile_start(m->profile);
    int status = check_batch(m, batch, 0, threads, err);
    if (!status && batch->state)
        status = sab_stream_ready(batch->state, m, batch, err);
    if (!status)
        status = engine_for(&e, m, batch, SAB_FORWARD_ONLY, 0, recall ? 1 : threads, err);
    if (status)
        return status;
    prepare(m);
    run_shards(e, m, batch, 0, outputs, recall, watcher);
    status = check_stopped(m, err);
    if (status)
        return status;
    if (batch->state)
        sab_stream_turn(batch->state, batch->T);
    if (metrics)
        *metrics = summarise(e, m);
    return SAB_OK;
}

int sab_model_evaluate(struct sab_model *m, const struct sab_batch *batch, int threads, sab_real *outputs,
                       struct sab_metrics *metrics, const struct sab_recall *recall, struct sab_error *err)
{
    return evaluate(m, batch, threads, outputs, metrics, recall, NULL, err);
}

int sab_model_watch(struct sab_model *m, const struct sab_batch *batch, int threads, const struct sab_watcher *watcher,
                    struct sab_error *err)
{
    return evaluate(m, batch, threads, NULL, NULL, NULL, watcher, err);
}

int sab_model_gradient(struct sab_model *m, const struct sab_batch *batch, int threads, struct sab_metrics *metrics,
                       const struct sab_recall *recall, struct sab_error *err)
{
    struct sab_engine *e;
    sab_profile_start(m->profile);
    int status = check_batch(m, batch, 1, threads, err);
    double weight = status ? 0 : total_weight(batch);
    if (!status && !(weight > 0))
        status = sab_fail(err, SAB_INVALID, "every position of the batch has weight 0, so there is no loss");
    if (!status && batch->state)
        status = sab_stream_ready(batch->state, m, batch, err);
    if (!status)
        status = engine_for(&e, m, batch, SAB_STORED, recall != NULL, recall ? 1 : threads, err);
    if (status)
        return status;
    prepare(m);
    run_shards(e, m, batch, 1 / weight, NULL, recall, NULL);
    status = check_stopped(m, err);
    if (status)
        return status;
    sum_gradients(e, m);
    sab_profile_start(m->profile);
    sab_tensors_unpad(m, e->grads, m->grad);
    sab_profile_lap(m->profile, SAB_PHASE_REDUCE);
    struct sab_metrics result = summarise(e, m);
    result.grad_norm = gradient_norm(m);
    sab_profile_lap(m->profile, SAB_PHASE_OPTIMISER);
    if (metrics)
        *metrics = result;
    if (!isfinite(result.loss) || !isfinite(result.grad_norm))
        return check_finite(m, result.loss, err);
    if (batch->state)
        sab_stream_turn(batch->state, batch->T);
    return SAB_OK;
}

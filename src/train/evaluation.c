/* See evaluation.h. */
#include "train/evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* ---- ranking: the AUC ------------------------------------------------------------------------------------------- */

static int rank(struct sab_ranking *r, double logit, int is_yes, struct sab_error *err)
{
    if (r->n == SAB_RANKED_MOST)
        r->is_full = 1;
    if (r->is_full)
        return SAB_OK;
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 1024;
        struct sab_ranked *larger = sab_alloc(cap, sizeof *larger);
        if (!larger)
            return sab_fail(err, SAB_NOMEM, "no memory to rank %zu answers", cap);
        if (r->n > 0)
            memcpy(larger, r->at, r->n * sizeof *larger);
        sab_free(r->at);
        r->at = larger;
        r->cap = cap;
    }
    r->at[r->n++] = (struct sab_ranked){(float)logit, is_yes};
    return SAB_OK;
}

static int compare_ranked(const void *a, const void *b)
{
    float x = ((const struct sab_ranked *)a)->logit, y = ((const struct sab_ranked *)b)->logit;
    return (x > y) - (x < y);
}

/* The share of pairs of a yes and a no of which the yes has the larger logit; equals count half. Whole numbers until the
 * end. */
static double auc(struct sab_ranking *r)
{
    int64_t yes = 0, no = 0, twice = 0; /* twice the pairs in order */
    if (r->is_full || r->n == 0)
        return NAN;
    qsort(r->at, r->n, sizeof *r->at, compare_ranked);
    for (size_t i = 0, end; i < r->n; i = end) {
        int64_t same[2] = {0, 0};
        for (end = i; end < r->n && !(r->at[end].logit > r->at[i].logit); end++)
            same[r->at[end].is_yes]++;
        twice += same[1] * (2 * no + same[0]);
        yes += same[1];
        no += same[0];
    }
    return yes > 0 && no > 0 ? (double)twice / 2 / (double)yes / (double)no : NAN;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void add_target(struct sab_target_errors *sums, double y, double target)
{
    double e = y - target, from = target - sums->mean;
    sums->squares += e * e;
    sums->absolute += fabs(e);
    sums->count++;
    sums->mean += from / (double)sums->count;
    sums->deviations += from * (target - sums->mean);
}

/* The outputs y [n] of one target, of which these are copies. */
static void add_quantiles(const struct sab_quantiles *quantiles, sab_real *y, double target, struct sab_target_errors *sums,
                          struct sab_quantile_errors *tails)
{
    sab_quantiles_sort(quantiles, y);
    add_target(sums, (double)y[quantiles->median], target);
    for (int k = 0; k < quantiles->n; k++) {
        double u = target - (double)y[k], q = quantiles->level[k];
        tails[k].pinball += u < 0 ? (q - 1) * u : q * u;
        tails[k].covered += u <= 0;
    }
}

static void join_targets(struct sab_target_errors *sums, const struct sab_target_errors *part)
{
    if (part->count == 0)
        return;
    double n = (double)sums->count, m = (double)part->count, from = part->mean - sums->mean;
    sums->squares += part->squares;
    sums->absolute += part->absolute;
    sums->count += part->count;
    sums->mean += from * m / (n + m);
    sums->deviations += part->deviations + from * from * n * m / (n + m);
}

/* ---- one step of one sequence, from any thread ------------------------------------------------------------------ */

/* Where this rank's sequences begin in sums and columns. */
static int place_of(const struct sab_evaluation *e)
{
    return e->share ? e->share->place : 0;
}

static void see(void *user, int t, int b, const sab_real *y)
{
    struct sab_evaluation *e = user;
    const struct sab_batch *batch = e->batch;
    size_t at = (size_t)t * (size_t)batch->B + (size_t)b, O = (size_t)e->O;
    if (!sab_batch_scored(batch, t, b) || (!batch->labels && !batch->targets))
        return;
    size_t Q = (size_t)e->quantiles.n, n = (size_t)e->n_targets, row = (size_t)place_of(e) + (size_t)b;
    for (size_t o = 0; e->columns && o < n; o++) {
        struct sab_target_errors *column = &e->columns[row * n + o];
        double target = (double)batch->targets[at * O + o * Q];
        sab_real sorted[SAB_QUANTILES_MOST];
        if (!e->tails) {
            add_target(column, (double)y[o], target);
            continue;
        }
        memcpy(sorted, y + o * Q, Q * sizeof *sorted);
        add_quantiles(&e->quantiles, sorted, target, column, &e->tail_columns[row * O + o * Q]);
    }
    if (e->answers) {
        int best = 0;
        for (int o = 1; o < e->O; o++)
            best = y[o] > y[best] ? o : best;
        e->answers[at] = best;
    }
    if (e->loss == SAB_LOSS_BCE)
        memcpy(e->logits + at * O, y, O * sizeof *y);
    else if (e->ranks > 0)
        e->logits[at] = y[1] - y[0];
}

/* ---- one batch -------------------------------------------------------------------------------------------------- */

static void free_room(struct sab_evaluation *e)
{
    sab_free(e->sums);
    sab_free(e->order);
    sab_free(e->columns);
    sab_free(e->tail_columns);
    sab_free(e->answers);
    sab_free(e->logits);
    e->watcher.sums = e->sums = NULL;
    e->order = NULL;
    e->columns = NULL;
    e->tail_columns = NULL;
    e->answers = NULL;
    e->logits = NULL;
    e->B = e->T = 0;
}

/* The sequences that were summed up alone, in their order. */
static void join_columns(struct sab_evaluation *e)
{
    for (int b = 0; b < e->B; b++) {
        size_t row = (size_t)(e->share ? e->order[b] : b);
        struct sab_loss_sums *sums = &e->sums[row];
        e->all.loss += sums->loss;
        e->all.weight += sums->weight;
        e->all.scored += sums->scored;
        *sums = (struct sab_loss_sums){0};
        for (int o = 0; e->columns && o < e->n_targets; o++) {
            struct sab_target_errors *column = &e->columns[row * (size_t)e->n_targets + (size_t)o];
            join_targets(&e->targets[o], column);
            *column = (struct sab_target_errors){0};
        }
        for (int o = 0; e->tail_columns && o < e->O; o++) {
            struct sab_quantile_errors *tail = &e->tail_columns[row * (size_t)e->O + (size_t)o];
            e->tails[o].pinball += tail->pinball;
            e->tails[o].covered += tail->covered;
            *tail = (struct sab_quantile_errors){0};
        }
    }
}

static int make_room(struct sab_evaluation *e, int T, int B, struct sab_error *err)
{
    size_t O = (size_t)e->O, positions = (size_t)T * (size_t)B;
    if (B == e->B && T <= e->T)
        return SAB_OK;
    join_columns(e);
    free_room(e);
    e->sums = sab_alloc((size_t)B, sizeof *e->sums);
    e->order = e->share ? sab_alloc((size_t)B, sizeof *e->order) : NULL;
    e->columns = e->targets ? sab_alloc((size_t)B * (size_t)e->n_targets, sizeof *e->columns) : NULL;
    e->tail_columns = e->tails ? sab_alloc((size_t)B * O, sizeof *e->tail_columns) : NULL;
    e->answers = e->loss == SAB_LOSS_CROSS_ENTROPY ? sab_alloc(positions, sizeof *e->answers) : NULL;
    e->logits = e->ranks > 0 ? sab_alloc(positions, (size_t)e->ranks * sizeof *e->logits) : NULL;
    if (!e->sums || (e->share && !e->order) || (e->targets && !e->columns) || (e->tails && !e->tail_columns) ||
        (e->loss == SAB_LOSS_CROSS_ENTROPY && !e->answers) ||
        (e->ranks > 0 && !e->logits)) {
        free_room(e);
        return sab_fail(err, SAB_NOMEM, "no memory to measure %d sequences of %d steps", B, T);
    }
    e->B = B;
    e->T = T;
    return SAB_OK;
}

/* Whether none of a batch's sequences goes on from the batch before. */
static int is_new(const struct sab_batch *batch)
{
    for (int b = 0; b < batch->B && batch->state; b++)
        if (!batch->fresh || !batch->fresh[b])
            return 0;
    return 1;
}

/* A class at one position. */
static int count_class(struct sab_evaluation *e, size_t at, struct sab_error *err)
{
    int label = e->batch->labels[at], answer = e->answers[at];
    if (label < 0 || label >= e->O) /* of weight 0: nobody has checked it */
        return SAB_OK;
    e->classes[label].labels++;
    e->classes[answer].answers++;
    e->classes[label].hits += label == answer;
    if (e->confusion)
        e->confusion[(size_t)label * (size_t)e->O + (size_t)answer]++;
    return e->ranks > 0 ? rank(&e->rankings[0], (double)e->logits[at], label == 1, err) : SAB_OK;
}

/* The yes-or-no answers at one position. */
static int count_answers(struct sab_evaluation *e, size_t at, struct sab_error *err)
{
    size_t O = (size_t)e->O;
    int status = SAB_OK;
    for (size_t o = 0; o < O && status == SAB_OK; o++) {
        sab_real logit = e->logits[at * O + o];
        int label = e->batch->targets[at * O + o] > (sab_real)0.5, answer = logit > 0;
        e->classes[o].labels += label;
        e->classes[o].answers += answer;
        e->classes[o].hits += label && answer;
        status = rank(&e->rankings[o], (double)logit, label, err);
    }
    return status;
}

static int count_batch(struct sab_evaluation *e, struct sab_error *err)
{
    const struct sab_batch *batch = e->batch;
    int status = SAB_OK;
    for (int b = 0; b < batch->B; b++)
        for (int t = 0; t < batch->T && status == SAB_OK; t++) {
            size_t at = (size_t)t * (size_t)batch->B + (size_t)b;
            if (sab_batch_scored(batch, t, b))
                status = e->answers ? count_class(e, at, err) : count_answers(e, at, err);
        }
    return status;
}

/* The part of the batch that is this rank's. */
static int take_part(struct sab_evaluation *e, const struct sab_engine *engine, const struct sab_batch *batch, struct sab_error *err)
{
    int status = sab_share_cut(e->share, engine->comm, engine->model, batch, err);
    for (int i = 0; i < batch->B && status == SAB_OK; i++)
        e->order[e->share->deal.columns[i].b] = i;
    return status;
}

int sab_evaluation_batch(struct sab_evaluation *e, struct sab_engine *engine, const struct sab_batch *batch,
                         struct sab_error *err)
{
    if (engine->comm && !e->share && !(e->share = sab_alloc(1, sizeof *e->share)))
        return sab_fail(err, SAB_NOMEM, "no memory for the parts of batches");
    int status = make_room(e, batch->T, batch->B, err);
    if (status != SAB_OK)
        return status;
    if (is_new(batch))
        join_columns(e);
    if (e->share) {
        status = take_part(e, engine, batch, err);
        batch = &e->share->part;
    }
    if (status != SAB_OK || batch->B == 0)
        return status ? status : sab_engine_check_stopped(engine, err);
    e->batch = batch;
    e->watcher.sums = e->sums + place_of(e);
    e->watcher.row = see;
    e->watcher.user = e;
    status = sab_engine_watch(engine, batch, &e->watcher, err);
    if (status == SAB_OK && e->classes)
        status = count_batch(e, err);
    e->batch = NULL;
    return status;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

int sab_evaluation_begin(struct sab_evaluation *e, const struct sab_shape *shape, const struct sab_quantiles *quantiles,
                         struct sab_error *err)
{
    int has_quantiles = shape->loss == SAB_LOSS_QUANTILE, Q = has_quantiles ? quantiles->n : 1;
    size_t O = (size_t)shape->O, targets = O / (size_t)Q;
    int is_values = shape->loss == SAB_LOSS_MSE || has_quantiles, is_classes = shape->loss == SAB_LOSS_CROSS_ENTROPY;
    int has_confusion = is_classes && shape->O <= SAB_CONFUSION_MOST;
    *e = (struct sab_evaluation){.loss = shape->loss, .O = shape->O, .n_targets = (int)targets, .quantiles = {.n = 1}};
    if (has_quantiles)
        e->quantiles = *quantiles;
    for (int id = 0; id < SAB_METRIC_COUNT; id++)
        e->values[id] = NAN;
    e->ranks = shape->loss == SAB_LOSS_BCE ? shape->O : is_classes && shape->O == 2;
    e->classes = is_values ? NULL : sab_alloc(O, sizeof *e->classes);
    e->targets = is_values ? sab_alloc(targets, sizeof *e->targets) : NULL;
    e->tails = has_quantiles ? sab_alloc(O, sizeof *e->tails) : NULL;
    e->naive.squares = is_values ? sab_alloc(targets, sizeof(double)) : NULL;
    e->naive.absolute = is_values ? sab_alloc(targets, sizeof(double)) : NULL;
    e->season.squares = is_values ? sab_alloc(targets, sizeof(double)) : NULL;
    e->season.absolute = is_values ? sab_alloc(targets, sizeof(double)) : NULL;
    e->confusion = has_confusion ? sab_alloc(O * O, sizeof *e->confusion) : NULL;
    e->rankings = e->ranks > 0 ? sab_alloc((size_t)e->ranks, sizeof *e->rankings) : NULL;
    e->unit = sab_alloc(targets, sizeof *e->unit);
    if (!e->unit || (is_values ? !e->targets || !e->naive.squares || !e->naive.absolute || !e->season.squares || !e->season.absolute
                               : !e->classes) ||
        (has_quantiles && !e->tails) || (has_confusion && !e->confusion) || (e->ranks > 0 && !e->rankings))
        return sab_fail(err, SAB_NOMEM, "no memory to measure %d outputs", shape->O);
    for (size_t o = 0; o < targets; o++)
        e->unit[o] = 1;
    return SAB_OK;
}

void sab_evaluation_clear(struct sab_evaluation *e)
{
    free_room(e);
    if (e->share)
        sab_share_clear(e->share);
    sab_free(e->share);
    for (int k = 0; e->rankings && k < e->ranks; k++)
        sab_free(e->rankings[k].at);
    sab_free(e->rankings);
    sab_free(e->classes);
    sab_free(e->targets);
    sab_free(e->tails);
    sab_free(e->naive.squares);
    sab_free(e->naive.absolute);
    sab_free(e->season.squares);
    sab_free(e->season.absolute);
    sab_free(e->confusion);
    sab_free(e->unit);
    *e = (struct sab_evaluation){0};
}

struct sab_metrics sab_evaluation_metrics(const struct sab_evaluation *e)
{
    return (struct sab_metrics){
        .loss = e->values[SAB_METRIC_LOSS],
        .accuracy = e->values[SAB_METRIC_ACCURACY],
        .mse = e->values[SAB_METRIC_MSE],
        .weight = e->weight,
        .scored = e->scored,
    };
}

double sab_class_recall(const struct sab_class_counts *c)
{
    return c->labels > 0 ? (double)c->hits / (double)c->labels : NAN;
}

double sab_class_precision(const struct sab_class_counts *c)
{
    return c->answers > 0 ? (double)c->hits / (double)c->answers : NAN;
}

double sab_class_f1(const struct sab_class_counts *c)
{
    return c->labels + c->answers > 0 ? 2 * (double)c->hits / (double)(c->labels + c->answers) : NAN;
}

/* A mean and a least of numbers, of those that are numbers. */
struct mean {
    double sum, least;
    int n;
};

static void add_mean(struct mean *mean, double x)
{
    if (isnan(x))
        return;
    mean->least = mean->n == 0 || x < mean->least ? x : mean->least;
    mean->sum += x;
    mean->n++;
}

static double mean_of(const struct mean *mean)
{
    return mean->n > 0 ? mean->sum / mean->n : NAN;
}

static void end_classes(struct sab_evaluation *e)
{
    struct mean recalls = {0}, f1 = {0}, balanced = {0}, aucs = {0};
    int64_t hits = 0, commonest = 0;
    for (int o = 0; o < e->O; o++) {
        const struct sab_class_counts *c = &e->classes[o];
        int64_t no = e->scored - c->labels, no_hits = no - (c->answers - c->hits);
        add_mean(&recalls, sab_class_recall(c));
        add_mean(&f1, sab_class_f1(c));
        if (e->loss == SAB_LOSS_CROSS_ENTROPY) {
            hits += c->hits;
            commonest = c->labels > commonest ? c->labels : commonest;
            continue;
        }
        struct mean both = {0};
        hits += c->hits + no_hits;
        commonest += c->labels > no ? c->labels : no;
        add_mean(&both, sab_class_recall(c));
        add_mean(&both, no > 0 ? (double)no_hits / (double)no : NAN);
        add_mean(&balanced, mean_of(&both));
    }
    for (int k = 0; k < e->ranks; k++)
        add_mean(&aucs, auc(&e->rankings[k]));
    double answers = (double)e->scored * (e->loss == SAB_LOSS_BCE ? e->O : 1);
    e->values[SAB_METRIC_ACCURACY] = answers > 0 ? (double)hits / answers : NAN;
    e->values[SAB_METRIC_BASE_ACCURACY] = answers > 0 ? (double)commonest / answers : NAN;
    e->values[SAB_METRIC_BALANCED_ACCURACY] = mean_of(e->loss == SAB_LOSS_BCE ? &balanced : &recalls);
    e->values[SAB_METRIC_LEAST_RECALL] = recalls.n > 0 ? recalls.least : NAN;
    e->values[SAB_METRIC_F1] = mean_of(&f1);
    e->values[SAB_METRIC_AUC] = mean_of(&aucs);
}

/* The share of targets above the lowest of their quantiles and not above the highest. */
static double coverage(const struct sab_evaluation *e)
{
    int64_t inside = 0, all = 0;
    for (int o = 0; o < e->n_targets; o++) {
        const struct sab_quantile_errors *lowest = &e->tails[(size_t)o * (size_t)e->quantiles.n];
        inside += lowest[e->quantiles.n - 1].covered - lowest->covered;
        all += e->targets[o].count;
    }
    return (double)inside / (double)all;
}

static void end_targets(struct sab_evaluation *e)
{
    struct mean mse = {0}, rmse = {0}, mae = {0};
    for (int o = 0; o < e->n_targets && e->scored > 0; o++) {
        const struct sab_target_errors *t = &e->targets[o];
        double n = (double)t->count, scale = e->unit[o];
        add_mean(&mse, t->squares / n);
        add_mean(&rmse, sqrt(t->squares / n) * scale);
        add_mean(&mae, t->absolute / n * scale);
    }
    e->values[SAB_METRIC_MSE] = mean_of(&mse);
    e->values[SAB_METRIC_RMSE] = mean_of(&rmse);
    e->values[SAB_METRIC_MAE] = mean_of(&mae);
    if (e->tails && e->quantiles.n > 1 && e->scored > 0)
        e->values[SAB_METRIC_COVERAGE] = coverage(e);
}

int sab_evaluation_end(struct sab_evaluation *e, struct sab_error *err)
{
    join_columns(e);
    free_room(e);
    e->weight = e->all.weight;
    e->scored = e->all.scored;
    if (!(e->weight > 0))
        return sab_fail(err, SAB_FORMAT, "no position counts");
    e->values[SAB_METRIC_LOSS] = e->all.loss / e->weight;
    if (!isfinite(e->values[SAB_METRIC_LOSS]))
        return sab_fail(err, SAB_NUMERIC, "the loss is %g", e->values[SAB_METRIC_LOSS]);
    if (e->classes)
        end_classes(e);
    else
        end_targets(e);
    return SAB_OK;
}

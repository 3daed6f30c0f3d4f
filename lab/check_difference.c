/* See check_difference.h. */
#include "lab/check_difference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"
#include "train/options.h"

enum { STEPS = 3 };

double sab_check_step(void)
{
    return sizeof(sab_real) == 8 ? 0x1p-10 : 0x1p-8;
}

double sab_check_tolerance(void)
{
    return sizeof(sab_real) == 8 ? 1e-6 : 2e-2;
}

void sab_check_uncut(struct sab_options *config, char *changed, size_t cap)
{
    size_t used = 0;
    changed[0] = 0;
    if (config->model.model == SAB_KIND_SEQ2SEQ) {
        if (config->model.decoder_feed != SAB_FEED_LABELS)
            snprintf(changed, cap, "decoder-feed own -> labels");
        config->model.decoder_feed = SAB_FEED_LABELS;
        return;
    }
    if (config->model.model != SAB_KIND_RECURRENT) /* nothing is cut */
        return;
    int has_windows = config->model.credit == SAB_CREDIT_SAB || config->model.credit == SAB_CREDIT_TBPTT;
    if (has_windows && config->model.k_trunc < config->task.T) {
        used += (size_t)snprintf(changed, cap, "k-trunc %d -> %d", config->model.k_trunc, config->task.T);
        config->model.k_trunc = config->task.T;
    }
    if (config->model.credit == SAB_CREDIT_SAB && !config->model.mental_updates && used < cap) {
        used += (size_t)snprintf(changed + used, cap - used, "%smental-updates off -> on", used ? ", " : "");
        config->model.mental_updates = 1;
    }
    int is_partial = config->model.forward == SAB_DENSE && config->model.backward == SAB_SPARSE;
    if (config->model.read_bound > 0 && used < cap) {
        used += (size_t)snprintf(changed + used, cap - used, "%sread-bound %g -> 0", used ? ", " : "", config->model.read_bound);
        config->model.read_bound = 0;
    }
    if (config->model.credit == SAB_CREDIT_SAB && is_partial && used < cap) {
        snprintf(changed + used, cap - used, "%sbackward sparse -> dense", used ? ", " : "");
        config->model.backward = SAB_DENSE;
    }
}

/* ---- selections ---- */

/* A hash of which moments were recalled, and whether the weights were held down by the floor (they sum to less than
 * one): the two things that may switch. FNV-1a over whole numbers. */
static void hash_number(uint64_t *hash, int64_t number)
{
    *hash = (*hash ^ (uint64_t)number) * 0x100000001b3u;
}

static void hash_read(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha,
                      const sab_real *flow)
{
    uint64_t *hash = user;
    double sum = 0;
    (void)flow;
    hash_number(hash, layer);
    hash_number(hash, t);
    hash_number(hash, b);
    for (int i = 0; i < n; i++) {
        hash_number(hash, when[i]);
        sum += (double)alpha[i];
    }
    hash_number(hash, sum < 1 - 1e-5);
}

/* Loss and selections with the weights as they are. */
static int probe(struct sab_check_problem *problem, sab_real *outputs, int threads, double *loss, uint64_t *hash,
                 struct sab_error *err)
{
    struct sab_recall recall = {sizeof recall, hash_read, hash};
    *hash = 0xcbf29ce484222325u;
    int status = sab_model_evaluate(problem->model, &problem->batch, threads, outputs, NULL, &recall, err);
    if (status == SAB_OK)
        *loss = sab_check_loss(problem, outputs);
    return status;
}

/* ---- differences ---- */

struct check {
    struct sab_check_problem *problem;
    sab_real *outputs;
    int threads;
    double step;
    uint64_t selection; /* at the centre */
};

/* The derivative by *x; *is_clear is 0 where a selection switched on the way. */
static int differentiate(struct check *check, sab_real *x, double step, double *derivative, int *is_clear,
                         struct sab_error *err)
{
    static const int places[4] = {1, -1, 2, -2};
    double loss[4];
    sab_real centre = *x;
    int status = SAB_OK;
    *is_clear = 1;
    for (int i = 0; i < 4 && status == SAB_OK && *is_clear; i++) {
        uint64_t selection;
        *x = (sab_real)((double)centre + places[i] * step);
        status = probe(check->problem, check->outputs, check->threads, &loss[i], &selection, err);
        *is_clear = status == SAB_OK && selection == check->selection;
    }
    *x = centre;
    if (*is_clear)
        *derivative = (8 * (loss[0] - loss[1]) - (loss[2] - loss[3])) / (12 * step);
    return status;
}

enum outcome { AGREES, DIFFERS, UNKNOWN };

/* Compares one gradient at e, e/4 and e/16, until one agrees. It differs only where two differences agree with each
 * other four times better than with it; otherwise rounding and curvature leave it open. */
static int judge(struct check *check, sab_real *x, double gradient, double allowed, enum outcome *outcome,
                 double *difference, struct sab_error *err)
{
    int n = 0;
    *outcome = UNKNOWN;
    for (int i = 0; i < STEPS; i++) {
        double derivative;
        int is_clear, status = differentiate(check, x, ldexp(check->step, -2 * i), &derivative, &is_clear, err);
        if (status != SAB_OK)
            return status;
        if (!is_clear)
            continue;
        double off = fabs(derivative - gradient);
        int is_steady = n++ > 0 && fabs(derivative - *difference) <= off / 4;
        *difference = derivative;
        *outcome = off <= allowed ? AGREES : is_steady ? DIFFERS : UNKNOWN;
        if (*outcome != UNKNOWN)
            return SAB_OK;
    }
    return SAB_OK;
}

static double largest_gradient(const struct sab_tensor *tensor)
{
    double most = 0;
    for (size_t j = 0; j < tensor->count; j++)
        most = fmax(most, fabs((double)tensor->grad[j]));
    return most;
}

static int check_tensor(struct check *check, int i, const struct sab_check_options *options, double least_scale,
                        struct sab_check_finding *finding, struct sab_error *err)
{
    int samples = options->samples;
    struct sab_tensor tensor = *sab_model_tensor(check->problem->model, i);
    uint64_t seed = sab_model_options(check->problem->model)->shared.seed;
    double scale = fmax(largest_gradient(&tensor), least_scale);
    size_t n = samples > 0 && (size_t)samples < tensor.count ? (size_t)samples : tensor.count;
    *finding = (struct sab_check_finding){0};
    for (size_t k = 0; k < n; k++) {
        /* One of each of n equal parts of the tensor. */
        size_t from = k * tensor.count / n, to = (k + 1) * tensor.count / n;
        size_t j = from + (size_t)(sab_random_uniform(seed, SAB_FOR_CHECK, 1u << 15 | (unsigned)i, (uint32_t)k) *
                                   (double)(to - from));
        double difference = 0, gradient = (double)tensor.grad[j];
        enum outcome outcome;
        int status = judge(check, &tensor.data[j], gradient, options->tolerance * scale, &outcome, &difference, err);
        if (status != SAB_OK)
            return status;
        if (outcome == UNKNOWN) {
            finding->skipped++;
            continue;
        }
        double error = scale > 0 ? fabs(difference - gradient) / scale : fabs(difference);
        if (finding->checked++ == 0 || !(error <= finding->worst)) {
            finding->worst = error;
            finding->worst_at = j;
            finding->worst_gradient = gradient;
            finding->worst_difference = difference;
        }
    }
    return SAB_OK;
}

int sab_check_differences(struct sab_check_problem *problem, const struct sab_check_options *options, int threads,
                          struct sab_check_finding *findings, struct sab_error *err)
{
    struct sab_check_options exact = *options;
    const struct sab_batch *batch = &problem->batch;
    size_t count = (size_t)batch->T * (size_t)batch->B;
    struct check check = {.problem = problem, .threads = threads};
    double loss, most = 0;
    check.step = options->step > 0 ? options->step : sab_check_step();
    if (!(exact.tolerance > 0))
        exact.tolerance = sab_check_tolerance();
    check.outputs = sab_alloc(count, (size_t)sab_model_shape(problem->model)->O * sizeof(sab_real));
    if (!check.outputs)
        return sab_fail(err, SAB_NOMEM, "no memory for the outputs of %zu steps", count);
    int n = sab_model_tensor_count(problem->model);
    int status = sab_check_problem_solve(problem, threads, check.outputs, &loss, err);
    if (status == SAB_OK)
        status = probe(problem, check.outputs, threads, &loss, &check.selection, err);
    for (int i = 0; i < n && status == SAB_OK; i++) {
        struct sab_tensor tensor = *sab_model_tensor(problem->model, i);
        most = fmax(most, largest_gradient(&tensor));
    }
    for (int i = 0; i < n && status == SAB_OK; i++)
        status = check_tensor(&check, i, &exact, 1e-3 * most, &findings[i], err);
    sab_free(check.outputs);
    return status;
}

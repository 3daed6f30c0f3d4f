/* An evaluation against the definitions of its figures, worked out from the outputs; and the same bits whatever the threads
 * and however its sequences are cut into batches. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "options_helper.h"
#include "problem.h"
#include "train/evaluation.h"

enum { MOST = 30 * 20, WIDEST = 6, ROOMS = 6 };

/* Marks of the problem drawn last: other steps than those whose weight is above 0. */
static uint8_t marks[MOST];

static struct sab_shape draw(struct problem *p, uint64_t seed)
{
    uint64_t state = seed;
    OPTIONS config = {0};
    problem_config(&config);
    int T = problem_int(&state, 1, 30), B = problem_int(&state, 1, 20), loss = problem_int(&state, 0, 3);
    int O = seed % 4 == 0 ? 2 : problem_int(&state, 1, WIDEST);
    if (loss == SAB_LOSS_NONE) {
        loss = SAB_LOSS_QUANTILE;
        O = 3 * problem_int(&state, 1, WIDEST / 3);
    }
    struct sab_shape shape = {sizeof shape, SAB_INPUT_IDS, 4, loss, O};
    problem_make(p, &config, shape, T, B, seed);
    for (int i = 0; i < T * B; i++)
        marks[i] = i == 0 || problem_int(&state, 0, 1);
    p->batch.scored = seed % 3 == 0 ? marks : NULL;
    if (seed % 10 == 0) /* every logit the same */
        for (int i = 0; i < sab_model_tensor_count(p->model); i++) {
            struct sab_tensor t = *sab_model_tensor(p->model, i);
            memset(t.data, 0, t.count * sizeof *t.data);
        }
    return shape;
}

/* Sequences from..from+n-1 of the problem's batch as a batch of their own. */
static struct sab_batch cut(const struct problem *p, int from, int n, void *room[ROOMS])
{
    const struct sab_batch *all = &p->batch;
    size_t O = (size_t)p->shape.O, positions = (size_t)all->T * (size_t)n;
    int32_t *ids = calloc(positions, sizeof *ids), *labels = calloc(positions, sizeof *labels);
    sab_real *targets = calloc(positions * O, sizeof *targets), *weight = calloc(positions, sizeof *weight);
    int32_t *lengths = calloc((size_t)n, sizeof *lengths);
    uint8_t *scored = calloc(positions, 1);
    for (int t = 0; t < all->T; t++)
        for (int b = 0; b < n; b++) {
            size_t to = (size_t)t * (size_t)n + (size_t)b, at = (size_t)t * (size_t)all->B + (size_t)(from + b);
            ids[to] = all->ids[at];
            weight[to] = all->weight[at];
            scored[to] = all->scored && all->scored[at];
            if (all->labels)
                labels[to] = all->labels[at];
            if (all->targets)
                memcpy(targets + to * O, all->targets + at * O, O * sizeof *targets);
        }
    for (int b = 0; b < n; b++)
        lengths[b] = all->lengths[from + b];
    memcpy(room, (void *[]){ids, labels, targets, weight, lengths, scored}, ROOMS * sizeof *room);
    return (struct sab_batch){.size = sizeof(struct sab_batch), .T = all->T, .B = n, .ids = ids, .labels = all->labels ? labels : NULL,
                              .targets = all->targets ? targets : NULL, .weight = weight, .lengths = lengths,
                              .scored = all->scored ? scored : NULL};
}

static int has_loss(const struct problem *p)
{
    for (int at = 0; at < p->batch.T * p->batch.B; at++)
        if (p->batch.weight[at] > 0 && at / p->batch.B < p->batch.lengths[at % p->batch.B])
            return 1;
    return 0;
}

/* All of the problem in batches of `size`. */
static void evaluate(struct sab_evaluation *e, const struct problem *p, int size, int threads)
{
    struct sab_error err = {0};
    struct sab_engine *engine;
    assert_int_equal(sab_engine_create(&engine, p->model, threads, &err), SAB_OK);
    assert_int_equal(sab_evaluation_begin(e, &p->shape, &p->model->quantiles, &err), SAB_OK);
    for (int b = 0; b < p->batch.B; b += size) {
        void *room[ROOMS];
        struct sab_batch batch = cut(p, b, p->batch.B - b < size ? p->batch.B - b : size, room);
        assert_int_equal(sab_evaluation_batch(e, engine, &batch, &err), SAB_OK);
        for (int i = 0; i < ROOMS; i++)
            free(room[i]);
    }
    sab_engine_free(engine);
    for (int o = 0; o < p->shape.O; o++)
        e->unit[o] = o + 1;
    if (sab_evaluation_end(e, &err) != SAB_OK)
        fail_msg("%s", err.message);
}

static void near(uint64_t seed, const char *what, double got, double want)
{
    double tolerance = sizeof(sab_real) == sizeof(float) ? 1e-6 : 1e-12; /* sums in double of numbers as they are */
    if (isnan(got) != isnan(want) || fabs(got - want) > tolerance * (1 + fabs(want)))
        fail_msg("seed %d, %s: %.12g, by definition %.12g", (int)seed, what, got, want);
}

/* One answer beside what was right: of two classes, or of one yes-or-no output. */
struct pair {
    int is_yes, was_yes;
    double logit;
};

static double auc_of(const struct pair *pairs, int n)
{
    double won = 0, all = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (pairs[i].is_yes && !pairs[j].is_yes) {
                won += pairs[i].logit > pairs[j].logit ? 1 : pairs[i].logit == pairs[j].logit ? 0.5 : 0;
                all++;
            }
    return won / all; /* NaN where there is no pair */
}

static double mean_of(const double *x, int n)
{
    double sum = 0;
    int there = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(x[i])) {
            sum += x[i];
            there++;
        }
    return sum / there;
}

static double ratio(double a, double b)
{
    return a / b;
}

/* Recall, precision and F1 of yes, and the recall of no. */
struct rates {
    double recall, precision, f1, no_recall;
};

static struct rates rates_of(const struct pair *pairs, int n)
{
    double yes = 0, said = 0, hits = 0, no_hits = 0;
    for (int i = 0; i < n; i++) {
        yes += pairs[i].is_yes;
        said += pairs[i].was_yes;
        hits += pairs[i].is_yes && pairs[i].was_yes;
        no_hits += !pairs[i].is_yes && !pairs[i].was_yes;
    }
    struct rates r = {ratio(hits, yes), ratio(hits, said), NAN, ratio(no_hits, n - yes)};
    if (yes + said > 0)
        r.f1 = 2 * hits / (yes + said);
    return r;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the levels 0.1, 0.5, 0.9, whose outputs are sorted first. at [n]: the scored positions. */
static void compare_quantiles(uint64_t seed, const struct problem *p, const struct sab_evaluation *e, const sab_real *outputs,
                              const int *at, int n)
{
    static const double level[3] = {0.1, 0.5, 0.9};
    int O = p->shape.O;
    double squares = 0, absolute[WIDEST] = {0}, inside = 0;
    for (int o = 0; o < O; o += 3) {
        double pinball[3] = {0}, covered[3] = {0};
        for (int i = 0; i < n; i++) {
            double target = (double)p->batch.targets[at[i] * O + o], y[3];
            for (int k = 0; k < 3; k++)
                y[k] = (double)outputs[at[i] * O + o + k];
            qsort(y, 3, sizeof *y, ascending);
            for (int k = 0; k < 3; k++) {
                pinball[k] += fmax(level[k] * (target - y[k]), (1 - level[k]) * (y[k] - target));
                covered[k] += target <= y[k];
            }
            squares += (y[1] - target) * (y[1] - target) / n / (O / 3);
            absolute[o / 3] += fabs(y[1] - target) / n * (o / 3 + 1);
            inside += (y[0] < target && target <= y[2]) / (double)n / (O / 3);
        }
        for (int k = 0; k < 3; k++) {
            near(seed, "pinball", e->tails[o + k].pinball, pinball[k]);
            near(seed, "covered", (double)e->tails[o + k].covered, covered[k]);
        }
    }
    assert_int_equal(e->n_targets, O / 3);
    near(seed, "mse of the medians", e->values[SAB_METRIC_MSE], squares);
    near(seed, "mae of the medians", e->values[SAB_METRIC_MAE], mean_of(absolute, O / 3));
    near(seed, "coverage", e->values[SAB_METRIC_COVERAGE], inside);
}

static void compare(uint64_t seed, const struct problem *p, const struct sab_evaluation *e, const sab_real *outputs)
{
    const struct sab_batch *batch = &p->batch;
    int O = p->shape.O, n = 0, at[MOST], is_classes = p->shape.loss == SAB_LOSS_CROSS_ENTROPY;
    for (int i = 0; i < batch->T * batch->B; i++)
        if (i / batch->B < batch->lengths[i % batch->B] && (batch->scored ? batch->scored[i] : batch->weight[i] > 0))
            at[n++] = i;
    assert_int_equal(e->scored, n);
    if (p->shape.loss == SAB_LOSS_QUANTILE) {
        compare_quantiles(seed, p, e, outputs, at, n);
        return;
    }
    if (p->shape.loss == SAB_LOSS_MSE) {
        double rmse[WIDEST], mae[WIDEST], mse[WIDEST];
        for (int o = 0; o < O; o++) {
            double squares = 0, absolute = 0, mean = 0, deviations = 0;
            for (int i = 0; i < n; i++) {
                double target = (double)batch->targets[at[i] * O + o], error = (double)outputs[at[i] * O + o] - target;
                squares += error * error;
                absolute += fabs(error);
                mean += target / n;
            }
            for (int i = 0; i < n; i++)
                deviations += pow((double)batch->targets[at[i] * O + o] - mean, 2);
            mse[o] = squares / n;
            rmse[o] = sqrt(squares / n) * (o + 1);
            mae[o] = absolute / n * (o + 1);
            near(seed, "deviations", e->targets[o].deviations, deviations);
        }
        near(seed, "mse", e->values[SAB_METRIC_MSE], mean_of(mse, O));
        near(seed, "rmse", e->values[SAB_METRIC_RMSE], mean_of(rmse, O));
        near(seed, "mae", e->values[SAB_METRIC_MAE], mean_of(mae, O));
        return;
    }
    struct pair pairs[MOST];
    double recall[WIDEST], f1[WIDEST], balanced[WIDEST], aucs[WIDEST], base[WIDEST], least = NAN, right = 0;
    for (int o = 0; o < O; o++) {
        double yes = 0;
        for (int i = 0; i < n; i++) {
            const sab_real *y = outputs + at[i] * O;
            int best = 0;
            for (int k = 1; k < O; k++)
                best = y[k] > y[best] ? k : best;
            if (is_classes)
                pairs[i] = (struct pair){batch->labels[at[i]] == o, best == o, O == 2 ? (double)(y[1] - y[0]) : 0};
            else
                pairs[i] = (struct pair){batch->targets[at[i] * O + o] > (sab_real)0.5, y[o] > 0, (double)y[o]};
            right += is_classes ? pairs[i].is_yes && pairs[i].was_yes : pairs[i].is_yes == pairs[i].was_yes;
            yes += pairs[i].is_yes;
        }
        struct rates r = rates_of(pairs, n);
        double both[2] = {r.recall, r.no_recall};
        recall[o] = r.recall;
        f1[o] = r.f1;
        balanced[o] = is_classes ? r.recall : mean_of(both, 2);
        aucs[o] = is_classes && (O != 2 || o == 0) ? NAN : auc_of(pairs, n);
        base[o] = is_classes ? yes / n : fmax(yes, n - yes) / n;
        least = isnan(recall[o]) || least < recall[o] ? least : recall[o];
        near(seed, "recall", sab_class_recall(&e->classes[o]), r.recall);
        near(seed, "precision", sab_class_precision(&e->classes[o]), r.precision);
        near(seed, "F1", sab_class_f1(&e->classes[o]), r.f1);
    }
    double most = 0;
    for (int o = 0; o < O; o++)
        most = fmax(most, base[o]);
    near(seed, "accuracy", e->values[SAB_METRIC_ACCURACY], right / n / (is_classes ? 1 : O));
    near(seed, "base accuracy", e->values[SAB_METRIC_BASE_ACCURACY], is_classes ? most : mean_of(base, O));
    near(seed, "balanced accuracy", e->values[SAB_METRIC_BALANCED_ACCURACY], mean_of(balanced, O));
    near(seed, "least recall", e->values[SAB_METRIC_LEAST_RECALL], least);
    near(seed, "mean F1", e->values[SAB_METRIC_F1], mean_of(f1, O));
    near(seed, "AUC", e->values[SAB_METRIC_AUC], mean_of(aucs, O));
    for (int i = 0; is_classes && i < O * O; i++) {
        int64_t count = 0;
        for (int k = 0; k < n; k++) {
            const sab_real *y = outputs + at[k] * O;
            int best = 0;
            for (int j = 1; j < O; j++)
                best = y[j] > y[best] ? j : best;
            count += batch->labels[at[k]] == i / O && best == i % O;
        }
        assert_int_equal(e->confusion[i], count);
    }
}

static void test_definitions(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct problem p;
        struct sab_evaluation e;
        struct sab_error err;
        struct sab_metrics metrics = {.size = sizeof metrics};
        struct sab_shape shape = draw(&p, seed);
        if (has_loss(&p)) {
            sab_real *outputs = calloc((size_t)p.batch.T * (size_t)p.batch.B * (size_t)shape.O, sizeof *outputs);
            assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, outputs, &metrics, NULL, &err), SAB_OK);
            evaluate(&e, &p, p.batch.B, 1);
            compare(seed, &p, &e, outputs);
            near(seed, "loss", e.values[SAB_METRIC_LOSS], metrics.loss);
            sab_evaluation_clear(&e);
            free(outputs);
        }
        problem_free(&p);
    }
}

static void test_same_bits(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct problem p;
        struct sab_evaluation whole, other;
        draw(&p, seed);
        if (has_loss(&p)) {
            evaluate(&whole, &p, p.batch.B, 1);
            for (int size = 1; size <= 9; size += 4) {
                evaluate(&other, &p, size, 3);
                if (memcmp(whole.values, other.values, sizeof whole.values) != 0)
                    for (int id = 0; id < SAB_METRIC_COUNT; id++)
                        if (memcmp(&whole.values[id], &other.values[id], sizeof(double)) != 0)
                            fail_msg("seed %d, batches of %d: %s is %.17g, of all at once %.17g", (int)seed, size,
                                     sab_metric_table[id].name, other.values[id], whole.values[id]);
                sab_evaluation_clear(&other);
            }
            sab_evaluation_clear(&whole);
        }
        problem_free(&p);
    }
}

/* Every figure of the table that an evaluation fills in is one that applies, and the other way round. */
static void test_table(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct problem p;
        struct sab_evaluation e;
        struct sab_shape shape = draw(&p, seed);
        if (has_loss(&p)) {
            evaluate(&e, &p, 4, 1);
            for (int id = 0; id < SAB_METRIC_COUNT; id++) {
                int applies = sab_metric_applies((enum sab_metric_id)id, &shape, 0);
                if (!applies && !isnan(e.values[id]))
                    fail_msg("seed %d: %s does not apply and is %g", (int)seed, sab_metric_table[id].name, e.values[id]);
                if (applies && isnan(e.values[id]) && id != SAB_METRIC_AUC && id != SAB_METRIC_LAST_VALUE_MSE &&
                    id != SAB_METRIC_LEAST_RECALL && id != SAB_METRIC_F1 && id != SAB_METRIC_SEASON_VALUE_MSE)
                    fail_msg("seed %d: %s applies and is none", (int)seed, sab_metric_table[id].name);
            }
            sab_evaluation_clear(&e);
        }
        problem_free(&p);
    }
    assert_int_equal(sab_metric_find("balanced-accuracy"), SAB_METRIC_BALANCED_ACCURACY);
    assert_int_equal(sab_metric_find("balanced_accuracy"), SAB_METRIC_BALANCED_ACCURACY);
    assert_int_equal(sab_metric_find("balanced"), -1);
    assert_int_equal(sab_metric_find("accuracy1"), -1);
    double a[SAB_METRIC_COUNT] = {1}, b[SAB_METRIC_COUNT] = {2};
    a[SAB_METRIC_F1] = b[SAB_METRIC_F1] = 0.5;
    assert_true(sab_metric_is_better(SAB_METRIC_F1, a, b) && !sab_metric_is_better(SAB_METRIC_F1, b, a)); /* less loss */
    b[SAB_METRIC_F1] = 0.6;
    assert_true(sab_metric_is_better(SAB_METRIC_F1, b, a) && !sab_metric_is_better(SAB_METRIC_F1, a, b));
    b[SAB_METRIC_F1] = NAN;
    assert_true(sab_metric_is_better(SAB_METRIC_F1, a, b) && !sab_metric_is_better(SAB_METRIC_F1, b, a));
    a[SAB_METRIC_F1] = NAN;
    assert_true(sab_metric_is_better(SAB_METRIC_F1, a, b) && !sab_metric_is_better(SAB_METRIC_F1, b, a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

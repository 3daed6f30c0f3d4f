/* Metrics against their definitions in sab.h, from the outputs: random weights, marks and lengths, stored and
 * recomputed, evaluated and with a gradient. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "options_helper.h"
#include "problem.h"

struct expected {
    double loss, accuracy, mse, weight;
    int64_t scored;
};

static struct expected define(const struct problem *p, const sab_real *outputs)
{
    const struct sab_batch *batch = &p->batch;
    int O = p->shape.O, is_binary = p->shape.loss == SAB_LOSS_BCE;
    double loss = 0, weight = 0, correct = 0, squares = 0;
    int64_t scored = 0;
    for (int at = 0; at < batch->T * batch->B; at++) {
        const sab_real *y = outputs + (size_t)at * O;
        int past = at / batch->B >= batch->lengths[at % batch->B], best = 0;
        double w = past ? 0 : (double)batch->weight[at], sum = 0, square = 0, binary = 0, right = 0;
        for (int o = 0; o < O; o++) {
            best = y[o] > y[best] ? o : best; /* the first of equals */
            sum += exp((double)y[o]);
            double target = batch->targets ? (double)batch->targets[at * O + o] : 0;
            binary -= target * log(1 / (1 + exp(-(double)y[o]))) + (1 - target) * log(1 / (1 + exp((double)y[o])));
            right += (y[o] > 0) == (target > 0.5);
            square += batch->targets ? pow((double)y[o] - (double)batch->targets[at * O + o], 2) : 0;
        }
        weight += w;
        loss += w * (batch->labels ? log(sum) - (double)y[batch->labels[at]] : is_binary ? binary / O : square / O);
        if (past || !(batch->scored ? batch->scored[at] : w > 0))
            continue;
        scored++;
        correct += batch->labels ? best == batch->labels[at] : is_binary ? right / O : 0;
        squares += square;
    }
    return (struct expected){loss / weight, batch->labels || is_binary ? correct / (double)scored : NAN,
                             p->shape.loss == SAB_LOSS_MSE ? squares / (double)(scored * O) : NAN, weight, scored};
}

static void near(const char *what, uint64_t seed, double got, double want)
{
    double tolerance = sizeof(sab_real) == sizeof(float) ? 1e-6 : 1e-12; /* sums in double of numbers as they are */
    if (isnan(got) != isnan(want) || fabs(got - want) > tolerance * (1 + fabs(want)))
        fail_msg("seed %d, %s: %.12g, by definition %.12g", (int)seed, what, got, want);
}

static void compare(uint64_t seed, const struct sab_metrics *got, const struct expected *want)
{
    near("loss", seed, got->loss, want->loss);
    near("accuracy", seed, got->accuracy, want->accuracy);
    near("mse", seed, got->mse, want->mse);
    near("weight", seed, got->weight, want->weight);
    assert_true(got->scored == want->scored);
}

/* What stands past the end of a sequence. */
static void check_past(uint64_t seed, const struct problem *p, const sab_real *outputs)
{
    const struct sab_batch *batch = &p->batch;
    for (int at = 0; at < batch->T * batch->B; at++)
        for (int o = 0; o < p->shape.O && at / batch->B >= batch->lengths[at % batch->B]; o++)
            if (outputs[(size_t)at * (size_t)p->shape.O + (size_t)o] != 0)
                fail_msg("seed %d: expected output 0 at step %d of sequence %d, past its end, got %g", (int)seed, at / batch->B + 1,
                         at % batch->B, (double)outputs[(size_t)at * (size_t)p->shape.O + (size_t)o]);
}

static double norm_of(const struct sab_model *model)
{
    double squares = 0;
    for (int i = 0; i < sab_model_tensor_count(model); i++) {
        struct sab_tensor t = *sab_model_tensor(model, i);
        for (size_t k = 0; k < t.count; k++)
            squares += (double)t.grad[k] * (double)t.grad[k];
    }
    return sqrt(squares);
}

static void test_definitions(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t state = seed;
        OPTIONS config = {0};
        struct problem p;
        struct sab_metrics metrics = {.size = sizeof metrics};
        struct sab_error err;
        problem_config(&config);
        config.model.layers = problem_int(&state, 1, 2);
        config.model.recompute = problem_int(&state, 0, 1);
        int T = problem_int(&state, 1, 30), B = problem_int(&state, 1, 20), with_scored = problem_int(&state, 0, 2);
        struct sab_shape shape = {sizeof shape, SAB_INPUT_IDS, 4, problem_int(&state, 0, 2), problem_int(&state, 1, 6)};
        problem_make(&p, &config, shape, T, B, seed);
        for (int i = 0; i < T * B * shape.O && seed % 3 == 0 && shape.loss == SAB_LOSS_BCE; i += 2)
            p.targets[i] = (sab_real)0.5; /* neither: what is not above is no */
        uint8_t *scored = malloc((size_t)T * B);
        for (int i = 0; i < T * B; i++)
            scored[i] = i == 0 || problem_int(&state, 0, 1);
        p.batch.scored = with_scored ? scored : NULL;
        if (seed % 10 == 0) /* every logit the same */
            for (int i = 0; i < sab_model_tensor_count(p.model); i++) {
                struct sab_tensor t = *sab_model_tensor(p.model, i);
                memset(t.data, 0, t.count * sizeof *t.data);
            }
        size_t n = (size_t)T * B * (size_t)shape.O;
        sab_real *outputs = malloc(n * sizeof *outputs);
        for (size_t i = 0; i < n; i++)
            outputs[i] = NAN; /* to be overwritten, all of it */
        assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, outputs, &metrics, NULL, &err), SAB_OK);
        check_past(seed, &p, outputs);
        struct expected want = define(&p, outputs);
        compare(seed, &metrics, &want);
        assert_true(metrics.grad_norm == 0);
        assert_int_equal(sab_model_gradient(p.model, &p.batch, 1, &metrics, NULL, &err), SAB_OK);
        compare(seed, &metrics, &want);
        near("norm of the gradient", seed, metrics.grad_norm, norm_of(p.model));
        free(outputs), free(scored);
        problem_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_definitions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

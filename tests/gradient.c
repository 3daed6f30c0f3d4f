/* Every gradient against central differences of the loss, in directions drawn at random, where nothing is cut: one
 * window, and forward and backward equally dense. Truncated gradients are the oracle's to judge.
 *
 * ctest: only double
 *
 * Step 1e-6: the error of a central difference is then about 1e-10 from rounding and 1e-12 from curvature, relative to
 * values near 1, so 1e-5 of the slope (and 1e-9 absolute) leaves room for selections that change within the step, which
 * are so rare here that none may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "problem.h"

static double loss_of(struct problem *p)
{
    struct sab_error err;
    struct sab_metrics metrics;
    if (sab_model_evaluate(p->model, &p->batch, 1, NULL, &metrics, NULL, &err))
        fail_msg("%s", err.message);
    return metrics.loss;
}

static void check_tensor(struct problem *p, int i, uint64_t seed, uint64_t *state)
{
    struct sab_tensor t = sab_model_tensor(p->model, i);
    double *direction = calloc(t.count, sizeof *direction), slope = 0, step = 1e-6;
    for (size_t j = 0; j < t.count; j++) {
        direction[j] = 2 * problem_uniform(state) - 1;
        slope += direction[j] * (double)t.grad[j];
    }
    for (size_t j = 0; j < t.count; j++)
        t.data[j] += (sab_real)(step * direction[j]);
    double up = loss_of(p);
    for (size_t j = 0; j < t.count; j++)
        t.data[j] -= (sab_real)(2 * step * direction[j]);
    double down = loss_of(p);
    for (size_t j = 0; j < t.count; j++)
        t.data[j] += (sab_real)(step * direction[j]);
    double difference = (up - down) / (2 * step);
    if (fabs(difference - slope) > 1e-5 * fabs(slope) + 1e-8)
        fail_msg("seed %llu, %s: gradient %.12g, difference quotient %.12g", (unsigned long long)seed, t.name, slope,
                 difference);
    free(direction);
}

static void test_gradients(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t state = seed;
        struct sab_config c;
        struct problem p;
        struct sab_error err;
        int T = problem_int(&state, 1, 20), B = problem_int(&state, 1, 10);
        problem_config(&c);
        c.hidden = problem_int(&state, 1, 20);
        c.layers = problem_int(&state, 1, 3);
        c.cell = problem_int(&state, 0, 2);
        c.score = problem_int(&state, 0, 2);
        c.sparsifier = problem_int(&state, 0, 1);
        c.read_floor = problem_int(&state, 0, 1);
        c.read_gain = problem_int(&state, 0, 1) ? 1 : 0.5;
        c.write = problem_int(&state, 0, 1);
        c.credit = problem_int(&state, 0, 3);
        c.k_top = problem_int(&state, 0, 6);
        c.k_att = problem_int(&state, 1, 3);
        c.k_trunc = T;
        c.forward = c.backward = problem_int(&state, 0, 1);
        c.recompute = problem_int(&state, 0, 1);
        struct sab_shape shape = {problem_int(&state, 0, 1), problem_int(&state, 1, 7), problem_int(&state, 0, 1),
                                  problem_int(&state, 1, 5)};
        problem_make(&p, &c, shape, T, B, seed);
        if (sab_model_gradient(p.model, &p.batch, 1, NULL, NULL, &err))
            fail_msg("%s", err.message);
        for (int i = 0; i < sab_model_tensor_count(p.model); i++)
            check_tensor(&p, i, seed, &state);
        problem_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

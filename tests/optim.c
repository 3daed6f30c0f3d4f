/* Optimisers against their textbook equations computed in long double, norms, clipping, schedules, averages. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "optim/optim.h"
#include "options_helper.h"

enum { N = 100, UPDATES = 60 };

/* Rounding of 60 updates in sab_real: a few units in the last place each. */
static const double tolerance = sizeof(sab_real) == 4 ? 2e-5 : 1e-13;

static double noise(int update, int i)
{
    return 2 * sab_random_uniform(3, SAB_FOR_CHECK, (uint64_t)update, (uint32_t)i) - 1;
}

static struct sab_options make_config(int optimizer)
{
    struct sab_options config;
    sab_options_init(&config);
    config.optim.schedule = SAB_SCHEDULE_CONSTANT;
    config.optim.warmup = 0;
    config.optim.lr_final = 0;
    config.optim.beta2 = 0.999;
    config.optim.optimizer = optimizer;
    config.optim.lr = 0.01;
    return config;
}

/* Kingma and Ba's algorithm 1, with L2 or decoupled decay, one number at a time. */
static long double adam_oracle(const struct sab_options *config, int i, double scale, double rate)
{
    long double theta = noise(1000, i), m = 0, v = 0, b1 = config->optim.beta1, b2 = config->optim.beta2;
    for (int t = 1; t <= UPDATES; t++) {
        long double g = scale * (long double)(sab_real)noise(t, i);
        if (config->optim.optimizer == SAB_OPTIMIZER_ADAMW)
            theta -= rate * config->optim.weight_decay * theta;
        else
            g += config->optim.weight_decay * theta;
        m = b1 * m + (1 - b1) * g;
        v = b2 * v + (1 - b2) * g * g;
        long double m_hat = m / (1 - powl(b1, t)), v_hat = v / (1 - powl(b2, t));
        theta -= rate * m_hat / (sqrtl(v_hat) + config->optim.eps);
    }
    return theta;
}

static long double sgd_oracle(const struct sab_options *config, int i, double scale, double rate)
{
    long double theta = noise(1000, i), m = 0;
    for (int t = 1; t <= UPDATES; t++) {
        long double g = scale * (long double)(sab_real)noise(t, i) + config->optim.weight_decay * theta;
        m = config->optim.momentum * m + g;
        theta -= rate * m;
    }
    return theta;
}

static void compare(const struct sab_options *config, double scale)
{
    sab_real theta[N], m[N] = {0}, v[N] = {0}, grad[N];
    int is_sgd = config->optim.optimizer == SAB_OPTIMIZER_SGD;
    for (int i = 0; i < N; i++)
        theta[i] = (sab_real)noise(1000, i);
    for (int t = 1; t <= UPDATES; t++) {
        for (int i = 0; i < N; i++)
            grad[i] = (sab_real)noise(t, i);
        sab_optim_update(&config->optim, config->optim.lr, scale, t, N, theta, m, is_sgd ? NULL : v, grad);
    }
    for (int i = 0; i < N; i++) {
        double expected = (double)(is_sgd ? sgd_oracle : adam_oracle)(config, i, scale, config->optim.lr);
        if (!(fabs(theta[i] - expected) <= tolerance))
            fail_msg("optimizer %d, element %d: expected %.17g, got %.17g, difference %g", config->optim.optimizer, i,
                     expected, (double)theta[i], theta[i] - expected);
    }
}

static void test_adam(void **unused)
{
    (void)unused;
    OPTIONS config = make_config(SAB_OPTIMIZER_ADAM);
    compare(&config, 1);
    compare(&config, 0.25);
    config.optim.weight_decay = 0.1;
    compare(&config, 1);
    config.optim.beta1 = 0.5;
    config.optim.beta2 = 0.9;
    config.optim.eps = 1e-3;
    compare(&config, 1);
}

static void test_adamw(void **unused)
{
    (void)unused;
    OPTIONS config = make_config(SAB_OPTIMIZER_ADAMW);
    config.optim.weight_decay = 0.1;
    compare(&config, 1);
    /* No gradient: nothing but geometric decay. */
    sab_real theta = 1, m = 0, v = 0, grad = 0;
    for (int t = 1; t <= 100; t++)
        sab_optim_update(&config.optim, 0.01, 1, t, 1, &theta, &m, &v, &grad);
    assert_true(fabs(theta - pow(1 - 0.01 * 0.1, 100)) < tolerance);
}

static void test_sgd(void **unused)
{
    (void)unused;
    OPTIONS config = make_config(SAB_OPTIMIZER_SGD);
    compare(&config, 1);
    config.optim.momentum = 0.9;
    config.optim.weight_decay = 0.01;
    compare(&config, 0.5);
    /* A constant gradient of 1: theta = -rate sum_{t=1..n} (1 - mu^t) / (1 - mu). */
    config.optim.weight_decay = 0;
    sab_real theta = 0, m = 0, grad = 1;
    for (int t = 1; t <= 50; t++)
        sab_optim_update(&config.optim, 0.001, 1, t, 1, &theta, &m, NULL, &grad);
    double expected = -0.001 * (50 - 0.9 * (1 - pow(0.9, 50)) / 0.1) / 0.1;
    assert_true(fabs(theta - expected) < tolerance);
}

/* The first update of adam moves each weight by the rate against the gradient's sign, whatever the gradient's size. */
static void test_first_adam_update(void **unused)
{
    (void)unused;
    OPTIONS config = make_config(SAB_OPTIMIZER_ADAM);
    sab_real theta[4] = {0}, m[4] = {0}, v[4] = {0};
    const sab_real grad[4] = {100, (sab_real)-0.01, 0, 3};
    sab_optim_update(&config.optim, 0.01, 1, 1, 4, theta, m, v, grad);
    assert_true(fabs(theta[0] + 0.01) < 1e-6);
    assert_true(fabs(theta[1] - 0.01) < 1e-6);
    assert_true(theta[2] == 0 && m[2] == 0 && v[2] == 0);
    assert_true(fabs(theta[3] + 0.01) < 1e-6);
}

static void test_norm(void **unused)
{
    (void)unused;
    static const size_t counts[] = {0, 1, 7, 8, 9, 4095, 4096, 4097, 20000};
    sab_real *x = malloc(20000 * sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < 20000; i++)
        x[i] = (sab_real)noise(5, i);
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        long double sum = 0;
        for (size_t i = 0; i < counts[k]; i++)
            sum += (long double)x[i] * (long double)x[i];
        double expected = (double)sqrtl(sum), norm = sab_optim_norm(x, counts[k]);
        if (fabs(norm - expected) > 1e-14 * expected)
            fail_msg("%zu elements: expected %.17g, got %.17g", counts[k], expected, norm);
    }
    x[10] = (sab_real)1e30;
    assert_true(fabs(sab_optim_norm(x, 20000) / (double)x[10] - 1) < 1e-12); /* squares do not overflow float */
    assert_true(sab_optim_is_finite(x, 20000));
    x[19999] = (sab_real)INFINITY;
    assert_false(sab_optim_is_finite(x, 20000));
    assert_true(sab_optim_is_finite(x, 19999));
    x[0] = (sab_real)NAN;
    assert_false(sab_optim_is_finite(x, 1));
    assert_true(isnan(sab_optim_norm(x, 20000)));
    free(x);
}

static void test_clip(void **unused)
{
    (void)unused;
    assert_true(sab_optim_clip(0.5, 1) == 1);
    assert_true(sab_optim_clip(1, 1) == 1);
    assert_true(sab_optim_clip(4, 1) == 0.25);
    assert_true(sab_optim_clip(1e9, 0) == 1);
    assert_true(sab_optim_clip(0, 1) == 1);
}

static void assert_rate(const struct sab_options *config, int64_t step, double expected)
{
    double rate = sab_optim_rate(&config->optim, step);
    if (fabs(rate - expected) > 1e-15)
        fail_msg("step %lld: expected %.17g, got %.17g", (long long)step, expected, rate);
}

static void test_schedules(void **unused)
{
    (void)unused;
    OPTIONS config = make_config(SAB_OPTIMIZER_ADAM);
    config.optim.lr = 0.4;
    config.optim.steps = 110;
    assert_rate(&config, 0, 0.4);
    assert_rate(&config, 109, 0.4);
    config.optim.warmup = 10;
    assert_rate(&config, 0, 0.04);
    assert_rate(&config, 4, 0.2);
    assert_rate(&config, 9, 0.4);
    assert_rate(&config, 10, 0.4);

    config.optim.schedule = SAB_SCHEDULE_COSINE;
    config.optim.lr_final = 0.1;
    assert_rate(&config, 4, 0.2);
    assert_rate(&config, 10, 0.4);
    assert_rate(&config, 60, 0.22);                               /* half way: the mean of 0.4 and 0.04 */
    assert_rate(&config, 35, 0.04 + 0.36 * (1 + sqrt(0.5)) / 2);  /* a quarter: cos(pi/4) */
    assert_rate(&config, 110, 0.04);
    assert_rate(&config, 1000, 0.04);
    for (int64_t s = 10; s < 109; s++)
        assert_true(sab_optim_rate(&config.optim, s) > sab_optim_rate(&config.optim, s + 1));

    config.optim.schedule = SAB_SCHEDULE_STEP;
    config.optim.lr_every = 20;
    config.optim.lr_decay = 0.5;
    assert_rate(&config, 9, 0.4);
    assert_rate(&config, 29, 0.4);
    assert_rate(&config, 30, 0.2);
    assert_rate(&config, 49, 0.2);
    assert_rate(&config, 50, 0.1);
}

/* The plain mean at first, the exponential one later. */
static void test_average(void **unused)
{
    (void)unused;
    sab_real average = 0;
    double sum = 0;
    for (int t = 1; t <= 10; t++) {
        sab_real theta = (sab_real)noise(8, t);
        sum += theta;
        sab_optim_average(0.9, t, 1, &average, &theta);
        assert_true(fabs(average - sum / t) < tolerance);
    }
    double expected = sum / 10;
    for (int t = 11; t <= 200; t++) {
        sab_real theta = (sab_real)noise(8, t);
        expected = 0.9 * expected + 0.1 * (double)theta;
        sab_optim_average(0.9, t, 1, &average, &theta);
        assert_true(fabs(average - expected) < tolerance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adam), cmocka_unit_test(test_adamw), cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_first_adam_update), cmocka_unit_test(test_norm), cmocka_unit_test(test_clip),
        cmocka_unit_test(test_schedules), cmocka_unit_test(test_average),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

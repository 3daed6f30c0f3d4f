/* Updates of a machine (machine_support.h) against those of the library, to the bit, and what it finds not finite; exp(2x). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cuda/machine.h"
#include "kernels/limits.h"
#include "machine_support.h"
#include "model/model.h"
#include "optim/optim.h"
#include "problem.h"

struct weights {
    real *theta, *m, *v, *average;
};

/* Three updates by the machine, and by the library. */
static void update_once(uint64_t *state, int optimizer, double decay, int averaged, size_t count)
{
    struct sab_optim_options options = {.optimizer = optimizer, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8,
                                        .momentum = 0.8, .weight_decay = decay};
    int is_sgd = optimizer == SAB_OPTIMIZER_SGD;
    size_t nbytes = count * sizeof(real);
    real *theta = machine_drawn(state, count), *m = machine_numbers(count), *v = machine_numbers(count), *average = machine_numbers(count);
    memset(m, 0, nbytes), memset(v, 0, nbytes), memset(average, 0, nbytes);
    int32_t bad = 0;
    struct sab_gpu_update p = {.count = count, .optimizer = optimizer, .rate = 0.01, .scale = 0.3, .beta1 = 0.9,
                               .beta2 = 0.999, .eps = 1e-8, .momentum = 0.8, .weight_decay = decay};
    p.theta = machine_put(theta, nbytes);
    p.m = machine_put(m, nbytes);
    p.v = is_sgd ? NULL : machine_put(v, nbytes);
    p.average = averaged ? machine_put(average, nbytes) : NULL;
    p.bad = machine_put(&bad, sizeof bad);
    for (p.t = 1; p.t <= 3; p.t++) {
        double mean = 1 - 1 / (double)p.t;
        real *grad = machine_drawn(state, count), *on_machine = machine_put(grad, nbytes);
        p.grad = on_machine;
        p.average_share = 1 - (0.6 < mean ? 0.6 : mean);
        assert_int_equal(machine->update(machine, &p), SAB_OK);
        sab_optim_update(&options, p.rate, p.scale, p.t, count, theta, m, is_sgd ? NULL : v, grad);
        sab_optim_average(0.6, p.t, count, average, theta);
        machine->give(machine, on_machine);
        free(grad);
    }
    real *got = machine_numbers(count);
    machine_get(got, p.theta, nbytes), machine_same("theta", got, theta, count);
    machine_get(got, p.m, nbytes), machine_same("m", got, m, count);
    if (!is_sgd)
        machine_get(got, p.v, nbytes), machine_same("v", got, v, count);
    if (averaged)
        machine_get(got, p.average, nbytes), machine_same("average", got, average, count);
    machine_get(&bad, p.bad, sizeof bad);
    assert_int_equal(bad, 0);
    free(theta), free(m), free(v), free(average), free(got);
}

static void test_update(void **unused)
{
    (void)unused;
    uint64_t state = 14;
    for (int optimizer = SAB_OPTIMIZER_ADAM; optimizer <= SAB_OPTIMIZER_SGD; optimizer++)
        for (int k = 0; k < 4; k++)
            update_once(&state, optimizer, k & 1 ? 0.1 : 0, k >> 1, k == 3 ? 2000001 : 777);
}

/* One element of many that is not finite, in theta, m or v, is told. */
static int bad_after(int optimizer, real theta, real v, real grad)
{
    enum { N = 1000, AT = 617 };
    static real zeros[4][N];
    memset(zeros, 0, sizeof zeros);
    zeros[0][AT] = theta;
    zeros[2][AT] = v;
    zeros[3][AT] = grad;
    int32_t bad = 0;
    struct sab_gpu_update p = {.count = N, .optimizer = optimizer, .rate = 0.01, .scale = 1, .beta1 = 0.9,
                               .beta2 = 0.999, .eps = 1e-8, .momentum = 0.8, .t = 1};
    real *block = machine_put(zeros, sizeof zeros);
    p.theta = block, p.m = block + N, p.v = block + 2 * N, p.grad = block + 3 * N;
    p.bad = machine_put(&bad, sizeof bad);
    assert_int_equal(machine->update(machine, &p), SAB_OK);
    machine_get(&bad, p.bad, sizeof bad);
    machine->give(machine, block);
    return bad;
}

static void test_bad(void **unused)
{
    (void)unused;
    real huge = (real)(sizeof(real) == 4 ? 1e30 : 1e200); /* its square is not finite */
    real most = (real)(sizeof(real) == 4 ? 3.4e38 : 1.79e308); /* the rate times this more is not finite */
    assert_int_equal(bad_after(SAB_OPTIMIZER_SGD, -most, 0, most), 1);
    for (int optimizer = SAB_OPTIMIZER_ADAM; optimizer <= SAB_OPTIMIZER_SGD; optimizer++) {
        int is_sgd = optimizer == SAB_OPTIMIZER_SGD;
        assert_int_equal(bad_after(optimizer, 1, 1, 1), 0);
        assert_int_equal(bad_after(optimizer, 1, 1, (real)NAN), 1);
        assert_int_equal(bad_after(optimizer, 1, 1, (real)-INFINITY), 1);
        assert_int_equal(bad_after(optimizer, (real)INFINITY, 1, 0), 1);
        assert_int_equal(bad_after(optimizer, 1, 1, huge), !is_sgd);
        assert_int_equal(bad_after(optimizer, 1, (real)NAN, 0), !is_sgd);
    }
}

/* exp(2x), and what is clipped known by its value: the score's backward looks at that alone. */
static void test_exp2x(void **unused)
{
    (void)unused;
    enum { N = 1001 };
    uint64_t state = 11;
    real x[N], y[N];
    for (int i = 0; i < N; i++)
        x[i] = (real)((problem_uniform(&state) - 0.5) * 2.4 * SAB_EXPONENT_MAX / 2);
    x[0] = 0, x[1] = -0.0, x[2] = (real)INFINITY, x[3] = (real)-INFINITY, x[4] = (real)NAN;
    x[5] = (real)(SAB_EXPONENT_MAX / 2), x[6] = -x[5];
    real *block = machine_put(x, sizeof x);
    assert_int_equal(machine->exp2x(machine, 0, block), SAB_OK);
    assert_int_equal(machine->exp2x(machine, N, block), SAB_OK);
    machine_get(y, block, sizeof y);
    for (int i = 0; i < N; i++) {
        double want = exp(2 * (double)x[i]);
        if (i == 4)
            assert_true(isnan(y[i]));
        else if (2 * (double)x[i] > SAB_EXPONENT_MAX)
            assert_true(y[i] > SAB_EXP_MOST && isfinite(y[i]));
        else if (2 * (double)x[i] < -SAB_EXPONENT_MAX)
            assert_true(y[i] < SAB_EXP_LEAST && y[i] > 0);
        else
            machine_near("exp2x", (size_t)i, y[i], want, (machine_on_host ? 1 : 2) * 2 * MACHINE_EPSILON * want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_exp2x),
    };
    return machine_open() ? machine_close(cmocka_run_group_tests(tests, NULL, NULL)) : 1;
}

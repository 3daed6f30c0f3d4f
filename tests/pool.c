/* Memories of stretches against their definition, and their gradient against its difference; what a stretch of one step is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "options_helper.h"
#include "problem.h"
#include "remind/pool.h"

enum { H = 11, HP = 16, MOST = 7, CASES = 100 };

static double uniform(uint64_t *state)
{
    return 2 * problem_uniform(state) - 1;
}

/* m [H] of n states, in double; size: how large the query is. */
static void define(int kind, int n, double e[MOST][H], const double *q, double *m)
{
    double weight[MOST], Z = 0;
    for (int j = 0; j < n; j++) {
        double a = 0;
        for (int k = 0; k < H; k++)
            a += e[j][k] * q[k];
        weight[j] = kind == SAB_POOL_ATTENTION ? exp(a) : 1;
        Z += weight[j];
    }
    memset(m, 0, H * sizeof *m);
    for (int j = 0; j < n; j++)
        for (int k = 0; k < H; k++)
            m[k] += weight[j] / Z * e[j][k];
}

/* dm . m, of which the way back is the derivative. */
static double value(int kind, int n, double e[MOST][H], const double *q, const double *dm)
{
    double m[H], sum = 0;
    define(kind, n, e, q, m);
    for (int k = 0; k < H; k++)
        sum += dm[k] * m[k];
    return sum;
}

/* With a step of 1e-5 in double a difference has some ten digits; a float answer seven, of numbers about 1. */
static void near(uint64_t seed, const char *what, int k, double got, double want)
{
    double allowed = sizeof(sab_real) == sizeof(float) ? 3e-5 : 1e-8;
    if (!(fabs(got - want) <= allowed * (1 + fabs(want))))
        fail_msg("seed %d: %s %d is %.9g, not %.9g", (int)seed, what, k, got, want);
}

static void check(uint64_t seed, int kind)
{
    uint64_t state = seed;
    int n = problem_int(&state, 1, MOST);
    double e[MOST][H], q[H], dm[H], m[H], size = problem_int(&state, 0, 1) ? 1 : 40; /* of both: e^40 is not summed as it is */
    sab_real E[MOST][HP] = {{0}}, Q[HP] = {0}, DM[HP] = {0}, sum[2 * HP], begin[2 * HP], top[2], Z[2], de[HP], dq[HP] = {0}, h[HP] = {3};
    for (int k = 0; k < H; k++) {
        Q[k] = (sab_real)(size * uniform(&state)), DM[k] = (sab_real)uniform(&state);
        q[k] = (double)Q[k], dm[k] = (double)DM[k];
        for (int j = 0; j < n; j++)
            E[j][k] = (sab_real)uniform(&state), e[j][k] = (double)E[j][k];
    }
    struct sab_pool pool = {sab_kernels_at(0), kind, H, HP, n, Q};
    struct sab_stretch stretch = {sum, begin, top, Z};
    for (int j = 0; j < n; j++)
        sab_stretch_add(&pool, &stretch, 1, j == 0, E[j], h);
    sab_real scale = sab_stretch_close(&pool, &stretch, 1);
    assert_memory_equal(begin + HP, h, sizeof h);
    define(kind, n, e, q, m);
    for (int k = 0; k < H; k++)
        near(seed, "m", k, (double)sum[HP + k], m[k]);
    double step = 1e-5, dquery[H];
    for (int k = 0; k < H; k++) {
        double was = q[k];
        q[k] = was + step;
        dquery[k] = value(kind, n, e, q, dm);
        q[k] = was - step;
        dquery[k] = (dquery[k] - value(kind, n, e, q, dm)) / (2 * step);
        q[k] = was;
    }
    for (int j = 0; j < n; j++) {
        sab_stretch_backward(&pool, E[j], sum + HP, scale, DM, de, dq);
        for (int k = 0; k < H && size < 2; k++) { /* steep ones are no good differences */
            double was = e[j][k];
            e[j][k] = was + step;
            double up = value(kind, n, e, q, dm);
            e[j][k] = was - step;
            near(seed, "de", k, (double)de[k], (up - value(kind, n, e, q, dm)) / (2 * step));
            e[j][k] = was;
        }
    }
    for (int k = 0; k < H && size < 2; k++)
        near(seed, "dq", k, (double)dq[k], kind == SAB_POOL_ATTENTION ? dquery[k] : 0);
}

static void test_as_defined(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        for (int kind = SAB_POOL_MEAN; kind <= SAB_POOL_ATTENTION; kind++)
            check(seed, kind);
}

/* The digest of the gradient of the tensors that all have. */
static void gradients(int pool, int k_att, uint64_t seed, sab_real *out, size_t cap)
{
    OPTIONS config = {0};
    struct problem p;
    struct sab_error err;
    problem_config(&config);
    config.model.layers = 2;
    config.model.pool = pool;
    config.model.k_att = k_att;
    config.model.write = (int)(seed % 2);
    problem_make(&p, &config, SHAPE(SAB_INPUT_VALUES, 3, SAB_LOSS_MSE, 2), 23, 5, seed);
    for (int i = 0; i < sab_model_tensor_count(p.model); i++) { /* the same weights, whatever their number in the table */
        const struct sab_tensor *tensor = sab_model_tensor(p.model, i);
        uint64_t state = strlen(tensor->name) + 1;
        for (size_t k = 0; k < tensor->count; k++)
            tensor->data[k] = strncmp(tensor->name, "pool", 4) == 0 ? 0 : (sab_real)(0.5 * uniform(&state));
    }
    assert_int_equal(sab_model_gradient(p.model, &p.batch, 1, NULL, NULL, &err), SAB_OK);
    size_t n = 0;
    for (int i = 0; i < sab_model_tensor_count(p.model); i++) {
        const struct sab_tensor *tensor = sab_model_tensor(p.model, i);
        for (size_t k = 0; k < tensor->count && strncmp(tensor->name, "pool", 4) != 0; k++) {
            assert_true(n < cap);
            out[n++] = tensor->grad[k];
        }
    }
    problem_free(&p);
}

/* A stretch of one step is that step, and a query of 0 weighs all alike: to the bit. */
static void test_what_is_the_same(void **unused)
{
    (void)unused;
    enum { CAP = 100000 };
    static sab_real a[CAP], b[CAP];
    for (uint64_t seed = 1; seed <= 6; seed++) {
        memset(a, 0, sizeof a), memset(b, 0, sizeof b);
        gradients(SAB_POOL_LAST, 1, seed, a, CAP);
        for (int pool = SAB_POOL_MEAN; pool <= SAB_POOL_ATTENTION; pool++) {
            gradients(pool, 1, seed, b, CAP);
            assert_memory_equal(a, b, sizeof a);
        }
        gradients(SAB_POOL_LAST, 4, seed, a, CAP);
        gradients(SAB_POOL_MEAN, 4, seed, b, CAP);
        assert_memory_not_equal(a, b, sizeof a);
    }
}

/* Of a batch in which the last step alone counts, or all others count next to nothing too: the gradients [n] of all weights. */
static size_t gradients_of_the_end(int pool, double others, sab_real *out, size_t cap)
{
    enum { T = 23, B = 4 };
    OPTIONS config = {0};
    struct problem p;
    struct sab_error err;
    size_t n = 0;
    problem_config(&config);
    config.model.pool = pool;
    config.model.k_att = 5;
    config.model.k_trunc = 2;
    problem_make(&p, &config, SHAPE(SAB_INPUT_VALUES, 3, SAB_LOSS_MSE, 2), T, B, 1);
    p.batch.lengths = NULL;
    for (int i = 0; i < T * B; i++)
        p.weight[i] = i >= (T - 1) * B ? 1 : (sab_real)others;
    assert_int_equal(sab_model_gradient(p.model, &p.batch, 1, NULL, NULL, &err), SAB_OK);
    for (int i = 0; i < sab_model_tensor_count(p.model); i++)
        for (size_t k = 0; k < sab_model_tensor(p.model, i)->count; k++, n++) {
            assert_true(n < cap);
            out[n] = sab_model_tensor(p.model, i)->grad[k];
        }
    problem_free(&p);
    return n;
}

/* Windows that nothing reaches are passed over: a stretch that lies in several must be found in each of them. */
static void test_all_windows_of_a_stretch_are_reached(void **unused)
{
    (void)unused;
    enum { CAP = 100000 };
    static sab_real a[CAP], b[CAP];
    for (int pool = SAB_POOL_LAST; pool <= SAB_POOL_ATTENTION; pool++) {
        size_t n = gradients_of_the_end(pool, 0, a, CAP);
        assert_int_equal(gradients_of_the_end(pool, 1e-30, b, CAP), n);
        double most = 0, apart = 0;
        for (size_t i = 0; i < n; i++) {
            most = fmax(most, fabs((double)a[i]));
            apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
        }
        if (!(most > 0 && apart < 1e-6 * most)) /* sums of the same terms and of some 1e-30 */
            fail_msg("pool %d: gradients differ by %g of %g at most", pool, apart, most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_defined),
        cmocka_unit_test(test_what_is_the_same),
        cmocka_unit_test(test_all_windows_of_a_stretch_are_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The sparsifiers alone: which memories win, and what weight they get. Their gradients are for the oracle and
 * gradient.c to judge. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "problem.h"
#include "remind/remind.h"

enum { MOST = 12 };

struct selected {
    struct sab_read read;
    int32_t index[MOST];
    real alpha[MOST];
};

static const struct sab_remind exact; /* the way back looks at its bound alone, which is 0 */

static struct selected sparsify(int sparsifier, int K, int N, const real *a, real floor)
{
    struct sab_remind r = {.K = K, .sparsifier = sparsifier, .floor = floor};
    struct selected s;
    assert_true(sab_sparsify_cap(&r, N) <= MOST);
    sab_sparsify_forward(&r, N, N, a, &s.read, s.index, s.alpha);
    assert_true(s.read.n <= sab_sparsify_cap(&r, N));
    return s;
}

static void test_older_wins_a_tie(void **unused)
{
    (void)unused;
    const real a[] = {1, 3, 2, 2, 3, 2, 1};
    struct selected s = sparsify(SAB_SPARSIFIER_SOFTMAX, 3, 7, a, 0);
    assert_int_equal(s.read.n, 3);
    assert_memory_equal(s.index, ((int32_t[]){1, 2, 4}), 3 * sizeof *s.index);
    s = sparsify(SAB_SPARSIFIER_RELU, 3, 7, a, 0);
    assert_int_equal(s.read.n, 4);
    assert_memory_equal(s.index, ((int32_t[]){1, 2, 4, 3}), 4 * sizeof *s.index); /* the threshold comes last */
    assert_memory_equal(s.alpha, ((real[]){0.5, 0, 0.5, 0}), 4 * sizeof *s.alpha);
    const real same[] = {2, 2, 2, 2, 2};
    s = sparsify(SAB_SPARSIFIER_SOFTMAX, 2, 5, same, 0);
    assert_memory_equal(s.index, ((int32_t[]){0, 1}), 2 * sizeof *s.index);
}

/* All equal: the paper's relu reads nothing and divides by nothing. */
static void test_relu_of_equal_scores(void **unused)
{
    (void)unused;
    const real same[] = {2, 2, 2, 2, 2}, g[] = {1, -2, 3};
    for (int floor = 0; floor <= 1; floor++) {
        struct selected s = sparsify(SAB_SPARSIFIER_RELU, 2, 5, same, (real)floor);
        real da[MOST];
        sab_sparsify_backward(&exact, &s.read, s.alpha, g, 0, da);
        for (int i = 0; i < 3; i++)
            assert_true(s.alpha[i] == 0 && da[i] == 0);
    }
}

static void test_floor(void **unused)
{
    (void)unused;
    const real a[] = {0, (real)0.25, (real)0.5};
    struct selected s = sparsify(SAB_SPARSIFIER_RELU, 2, 3, a, 1);
    assert_int_equal(s.read.kind, SAB_READ_FLOOR);
    assert_memory_equal(s.alpha, ((real[]){0.25, 0.5, 0}), 3 * sizeof *s.alpha);
    s = sparsify(SAB_SPARSIFIER_RELU, 2, 3, a, (real)0.5);
    assert_int_equal(s.read.kind, SAB_READ_RELU);
    assert_true(fabs((double)s.alpha[1] - 2.0 / 3) < 1e-6);
}

/* The read is the same with it; its gradient is the exact one times Z / bound, where that is less than 1. */
static void test_bound(void **unused)
{
    (void)unused;
    const struct sab_remind bounded = {.bound = 2}, loose = {.bound = (real)0.5};
    const real a[] = {0, (real)0.25, (real)0.75}, g[] = {1, 5, 3};
    for (int floor = 0; floor <= 4; floor += 4) { /* Z = 1, then floored to 4 */
        real unbounded[MOST], da[MOST];
        struct selected s = sparsify(SAB_SPARSIFIER_RELU, 2, 3, a, (real)floor);
        sab_sparsify_backward(&exact, &s.read, s.alpha, g, 0, unbounded);
        sab_sparsify_backward(&loose, &s.read, s.alpha, g, 0, da);
        assert_memory_equal(da, unbounded, 3 * sizeof *da);
        sab_sparsify_backward(&bounded, &s.read, s.alpha, g, 0, da);
        for (int i = 0; i < 3; i++)
            assert_true(da[i] == (floor ? unbounded[i] : unbounded[i] / 2));
        assert_true(da[0] != 0 && da[2] != 0);
    }
}

/* The authors' code: raw scores while there are no more than K memories, then K-1 weights above the K-th score. */
static void test_release2019(void **unused)
{
    (void)unused;
    const real a[] = {(real)0.5, -2, 3, 1}, g[] = {1, -2, 3, 4};
    real da[MOST];
    struct selected s = sparsify(SAB_SPARSIFIER_RELEASE2019, 4, 4, a, 0);
    assert_int_equal(s.read.n, 4);
    assert_memory_equal(s.alpha, a, sizeof a);
    sab_sparsify_backward(&exact, &s.read, s.alpha, g, 7, da);
    assert_memory_equal(da, g, sizeof g);
    s = sparsify(SAB_SPARSIFIER_RELEASE2019, 3, 4, a, 0);
    assert_int_equal(s.read.n, 3);
    assert_memory_equal(s.index, ((int32_t[]){2, 3, 0}), 3 * sizeof *s.index);
    assert_memory_equal(s.alpha, ((real[]){(real)2.5 / 3, (real)0.5 / 3, 0}), 3 * sizeof *s.alpha);
    s = sparsify(SAB_SPARSIFIER_RELEASE2019, 1, 4, a, 0);
    assert_true(s.read.n == 1 && s.index[0] == 2 && s.alpha[0] == 0);
    sab_sparsify_backward(&exact, &s.read, s.alpha, g, 0, da);
    assert_true(da[0] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_older_wins_a_tie),
        cmocka_unit_test(test_relu_of_equal_scores),
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_release2019),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

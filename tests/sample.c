/* Drawing symbols: frequencies against probabilities, and what temperature, top-k, top-p and ties mean. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"
#include "predict/sample.h"

enum { N = 6, DRAWS = 60000 };

static const sab_real logits[N] = {0.5, -1, 2, 2, 0, -20};

static const struct sab_sampling plain = {sizeof(struct sab_sampling), 1, 0, 1};

static int draw(const struct sab_sampling *how, const sab_real *l, int n, double u)
{
    struct sab_candidate room[N];
    int symbol = sab_sample(how, l, n, u, room);
    assert_in_range(symbol, 0, n - 1);
    return symbol;
}

static void count(const struct sab_sampling *how, int counts[N])
{
    for (int i = 0; i < N; i++)
        counts[i] = 0;
    for (int i = 0; i < DRAWS; i++)
        counts[draw(how, logits, N, sab_random_uniform(11, SAB_FOR_GENERATE, (uint64_t)i, 0))]++;
}

/* Chi-square of the counts against probabilities proportional to p. Its mean is the number of bins less 1 and its
 * variance twice that; the bound is six standard deviations above the mean. */
static void assert_distributed(const int counts[N], const double p[N])
{
    double sum = 0, chi = 0;
    int bins = 0;
    for (int i = 0; i < N; i++)
        sum += p[i];
    for (int i = 0; i < N; i++) {
        double expected = DRAWS * p[i] / sum;
        if (expected < 1) { /* too rare for the chi-square: at most a few may be drawn, none where p is 0 */
            if (counts[i] > (p[i] > 0 ? 10 : 0))
                fail_msg("symbol %d drawn %d times, expected %g", i, counts[i], expected);
            continue;
        }
        chi += (counts[i] - expected) * (counts[i] - expected) / expected;
        bins++;
    }
    double bound = bins - 1 + 6 * sqrt(2.0 * (bins - 1));
    if (chi > bound)
        fail_msg("chi-square %.1f over %d symbols; at most %.1f expected", chi, bins, bound);
}

static void test_frequencies_follow_the_softmax(void **unused)
{
    (void)unused;
    static const double temperatures[] = {0.5, 1, 3};
    for (int k = 0; k < 3; k++) {
        struct sab_sampling how = {sizeof(struct sab_sampling), temperatures[k], 0, 1};
        int counts[N];
        double p[N];
        for (int i = 0; i < N; i++)
            p[i] = exp((double)logits[i] / temperatures[k]);
        count(&how, counts);
        assert_distributed(counts, p);
    }
}

static void test_top_k_keeps_the_k_largest(void **unused)
{
    (void)unused;
    for (int k = 1; k <= N + 1; k++) {
        static const int order[N] = {2, 3, 0, 4, 1, 5};
        struct sab_sampling how = {sizeof(struct sab_sampling), 1, k, 1};
        int counts[N];
        double p[N] = {0};
        for (int i = 0; i < k && i < N; i++)
            p[order[i]] = exp((double)logits[order[i]]);
        count(&how, counts);
        assert_distributed(counts, p);
    }
}

/* Probabilities of 2, 3, 0, 4, 1: 0.415, 0.415, 0.093, 0.056, 0.021. */
static void test_top_p_keeps_the_shortest_beginning(void **unused)
{
    (void)unused;
    static const struct { double top_p; int kept; } cases[] = {
        {1e-9, 1}, {0.35, 1}, {0.45, 2}, {0.8, 2}, {0.87, 3}, {0.92, 3}, {0.95, 4}, {0.99, 5}, {1, 6},
    };
    static const int order[N] = {2, 3, 0, 4, 1, 5};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct sab_sampling how = {sizeof(struct sab_sampling), 1, 0, cases[c].top_p};
        int counts[N];
        double p[N] = {0};
        for (int i = 0; i < cases[c].kept; i++)
            p[order[i]] = exp((double)logits[order[i]]);
        count(&how, counts);
        assert_distributed(counts, p);
    }
}

/* A sum that just reaches top_p is enough: of two symbols with 1/2 each, 0.5 keeps one. top_p is of what top_k left:
 * of four equal symbols two are kept, and 0.5 of these is one. */
static void test_top_p_after_top_k(void **unused)
{
    (void)unused;
    static const sab_real equal[4] = {1, 1, 1, 1};
    struct sab_sampling half = {sizeof(struct sab_sampling), 1, 0, 0.5}, both = {sizeof(struct sab_sampling), 1, 2, 0.5};
    for (int i = 0; i < 100; i++) {
        assert_int_equal(draw(&half, equal, 2, i / 100.0), 0);
        assert_in_range(draw(&half, equal, 4, i / 100.0), 0, 1);
        assert_int_equal(draw(&both, equal, 4, i / 100.0), 0);
    }
    assert_int_equal(draw(&half, equal, 4, 0.99), 1);
}

static void test_temperature_0_takes_the_largest_and_first(void **unused)
{
    (void)unused;
    struct sab_sampling how = {sizeof(struct sab_sampling), 0, 0, 1};
    for (int i = 0; i < 100; i++)
        assert_int_equal(draw(&how, logits, N, i / 100.0), 2);
}

/* The boundaries of the draw: u = 0 is the first of the order, the largest u the last; nothing falls between. */
static void test_ends_of_the_draw(void **unused)
{
    (void)unused;
    static const sab_real two[2] = {0, 0};
    assert_int_equal(draw(&plain, two, 2, 0), 0);
    assert_int_equal(draw(&plain, two, 2, nextafter(0.5, 0)), 0);
    assert_int_equal(draw(&plain, two, 2, 0.5), 1);
    assert_int_equal(draw(&plain, two, 2, nextafter(1, 0)), 1);
    assert_int_equal(draw(&plain, logits, N, nextafter(1, 0)), 5);
    assert_int_equal(draw(&plain, logits, N, 0), 2);
    assert_int_equal(draw(&plain, logits, 1, 0.7), 0);
}

/* Logits of any finite size leave no NaN behind. */
static void test_large_logits(void **unused)
{
    (void)unused;
    static const sab_real large[3] = {-3e38f, 3e38f, 0};
    struct sab_sampling cold = {sizeof(struct sab_sampling), 1e-6, 0, 1}, hot = {sizeof(struct sab_sampling), 1e6, 0, 1};
    assert_int_equal(draw(&plain, large, 3, 0.999), 1);
    assert_int_equal(draw(&cold, large, 3, 0.999), 1);
    assert_int_equal(draw(&hot, large, 3, 0.5), 1);
    assert_int_equal(draw(&cold, logits, N, 0.25), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frequencies_follow_the_softmax),
        cmocka_unit_test(test_top_k_keeps_the_k_largest),
        cmocka_unit_test(test_top_p_keeps_the_shortest_beginning),
        cmocka_unit_test(test_top_p_after_top_k),
        cmocka_unit_test(test_temperature_0_takes_the_largest_and_first),
        cmocka_unit_test(test_ends_of_the_draw),
        cmocka_unit_test(test_large_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

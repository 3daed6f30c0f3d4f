/* The order of a pass over training data: a permutation, another one for each pass and seed, without preference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data/shuffle.h"

enum { MOST = 70000 };
static unsigned char seen[MOST];

static void test_is_a_permutation(void **unused)
{
    (void)unused;
    static const uint64_t large[] = {1000, 1023, 1024, 1025, 4097, 60000, 65536, 65537, MOST};
    for (uint64_t k = 1; k < 300 + sizeof large / sizeof large[0]; k++) {
        uint64_t n = k < 300 ? k : large[k - 300];
        memset(seen, 0, n);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t to = sab_shuffle(5, k % 7, i, n);
            if (to >= n || seen[to])
                fail_msg("n = %llu: %llu goes to %llu, which is %s", (unsigned long long)n, (unsigned long long)i,
                         (unsigned long long)to, to >= n ? "outside" : "taken");
            seen[to] = 1;
        }
    }
}

static void test_passes_and_seeds_differ(void **unused)
{
    (void)unused;
    enum { N = 1000 };
    int same_pass = 0, same_seed = 0, fixed = 0;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t to = sab_shuffle(1, 0, i, N);
        assert_int_equal(to, sab_shuffle(1, 0, i, N));
        same_pass += to == sab_shuffle(1, 1, i, N);
        same_seed += to == sab_shuffle(2, 0, i, N);
        fixed += to == i;
    }
    /* Of two random permutations about one place agrees: Poisson, beyond 10 in one of 10^8 tests. */
    assert_true(same_pass <= 10 && same_seed <= 10 && fixed <= 10);
}

/* Over many passes every element visits every place equally often, and neighbours are strangers: chi-square over the n
 * places, and over the n-1 differences (to(1) - to(0)) mod n, at six standard deviations. */
static void test_no_preference(void **unused)
{
    (void)unused;
    static const uint64_t sizes[] = {2, 3, 5, 6, 10, 17, 33, 50};
    enum { PASSES = 20000 };
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        uint64_t n = sizes[k];
        double place[64] = {0}, difference[64] = {0}, chi_place = 0, chi_difference = 0;
        for (uint64_t pass = 0; pass < PASSES; pass++) {
            uint64_t a = sab_shuffle(9, pass, 0, n), b = sab_shuffle(9, pass, 1, n);
            place[a]++;
            difference[(b + n - a) % n]++;
        }
        double expected = (double)PASSES / (double)n, apart = (double)PASSES / (double)(n - 1);
        for (uint64_t j = 0; j < n; j++) {
            chi_place += (place[j] - expected) * (place[j] - expected) / expected;
            if (j > 0)
                chi_difference += (difference[j] - apart) * (difference[j] - apart) / apart;
        }
        double bound = (double)n + 6 * 1.4142 * (double)n;
        if (chi_place > bound || chi_difference > bound)
            fail_msg("n = %llu: chi-square %.1f of places, %.1f of differences, more than %.1f",
                     (unsigned long long)n, chi_place, chi_difference, bound);
    }
}

/* No memory and no walk through all of them: the largest sizes answer at once. */
static void test_any_size(void **unused)
{
    (void)unused;
    static const uint64_t sizes[] = {UINT64_MAX, (uint64_t)1 << 63, ((uint64_t)1 << 63) + 1, ((uint64_t)1 << 40) - 1};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
        for (uint64_t i = 0; i < 100; i++) {
            assert_true(sab_shuffle(3, 2, sizes[k] - 1 - i, sizes[k]) < sizes[k]);
            assert_true(sab_shuffle(3, 2, i, sizes[k]) != sab_shuffle(3, 2, i + 1, sizes[k]));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_a_permutation),
        cmocka_unit_test(test_passes_and_seeds_differ),
        cmocka_unit_test(test_no_preference),
        cmocka_unit_test(test_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

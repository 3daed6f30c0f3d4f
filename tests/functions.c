/* The elementary functions of the kernels within the errors that kernels.h states: a sample of all floats, dense where
 * it matters, and scores against double. functions_exhaustive.c looks at every float.
 * ctest: only float
 * ctest: processors 2 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "functions_check.h"
#include "problem.h"

static void test_sampled_floats(void **unused)
{
    (void)unused;
    for (int kind = 0; kind < FUNCTIONS_COUNT; kind++)
        functions_judge(kind, 1, 1009); /* a prime: all low bits come by */
}

enum { ROWS = 40, MOST = 16 * SAB_LANES };

/* Scores against double: from E and F as given, within the bound of kernels.h. */
static void test_scores(void **unused)
{
    (void)unused;
    static real E[ROWS * MOST], F[MOST], w[MOST], a[ROWS];
    for (int t = 0; sab_kernels_at(t); t++) {
        double nearest = 0;
        for (uint64_t seed = 1; seed <= 300; seed++) {
            uint64_t state = seed;
            int Ap = SAB_LANES * problem_int(&state, 1, MOST / SAB_LANES);
            double scale = (double[]){0.1, 2, 20}[seed % 3], sum = 0, size = 0;
            for (int i = 0; i < ROWS * Ap; i++)
                E[i] = (real)exp(2 * scale * (2 * problem_uniform(&state) - 1));
            for (int k = 0; k < Ap; k++) {
                F[k] = (real)exp(2 * scale * (2 * problem_uniform(&state) - 1));
                w[k] = (real)(2 * problem_uniform(&state) - 1);
                sum += (double)w[k];
                size += fabs((double)w[k]);
            }
            real wsum = (real)sum;
            sab_kernels_at(t)->score_mlp(ROWS, Ap, E, F, w, wsum, a);
            for (int i = 0; i < ROWS; i++) {
                double exact = (double)wsum, bound = (Ap / SAB_LANES + 16) * 0x1p-23 * size;
                for (int k = 0; k < Ap; k++)
                    exact -= 2 * (double)w[k] / (1 + (double)E[i * Ap + k] * (double)F[k]);
                double part = fabs((double)a[i] - exact) / bound;
                nearest = part > nearest ? part : nearest;
                if (!(part <= 1))
                    fail_msg("score of %s, seed %llu, Ap %d: %.9g, exactly %.12g, allowed %.3g",
                             sab_kernels_at(t)->name, (unsigned long long)seed, Ap, (double)a[i], exact, bound);
            }
        }
        print_message("scores of %s: the worst error is %.2f of what is allowed\n", sab_kernels_at(t)->name, nearest);
    }
}

/* A NaN stays one whatever bits it carries: once a payload moved into the exponent and gave a number. */
static void test_nan_with_a_payload_stays(void **unused)
{
    (void)unused;
    for (int t = 0; sab_kernels_at(t); t++)
        for (uint32_t payload = 1; payload < 1 << 22; payload += 37) {
            float x[SAB_LANES], y[SAB_LANES], gates[4 * SAB_LANES] = {0}, c[SAB_LANES] = {0}, hh[SAB_LANES];
            uint32_t bits = 0x7fc00000 | payload;
            for (int i = 0; i < SAB_LANES; i++)
                memcpy(x + i, &bits, sizeof bits);
            memcpy(gates, x, sizeof x);
            sab_kernels_at(t)->lstm_forward(1, SAB_LANES, SAB_LANES, gates, c, c, hh);
            sab_kernels_at(t)->rnn_forward(SAB_LANES, x, y);
            assert_true(isnan(gates[0]) && isnan(y[0]));
            sab_kernels_at(t)->exp2x(SAB_LANES, x, y);
            assert_true(isnan(y[0]));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampled_floats),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_nan_with_a_payload_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

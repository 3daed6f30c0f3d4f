/* Every table of kernels against the reference, on random data and odd sizes.
 *
 * Tolerances: a sum of K products may differ by rounding in K steps, so K * 2^-23 of the sum of absolute terms; a gate
 * or score by the 3e-7 that the contract of the fast tanh states, times what multiplies it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "kernels/kernels.h"
#include "problem.h"

enum { ROOM = 1 << 16 };
static real x1[ROOM], x2[ROOM], x3[ROOM], x4[ROOM], got[ROOM], want[ROOM], got2[ROOM], want2[ROOM], got3[ROOM], want3[ROOM];

static void draw(uint64_t *state, real *x, int n, double scale)
{
    for (int i = 0; i < n; i++)
        x[i] = (real)(scale * (2 * problem_uniform(state) - 1));
}

static void near(const char *what, const char *table, const real *a, const real *b, int n, double tolerance)
{
    for (int i = 0; i < n; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= tolerance))
            fail_msg("%s of %s: element %d is %.9g, the reference has %.9g, difference %.3g > %.3g", what, table, i,
                     (double)a[i], (double)b[i], fabs((double)a[i] - (double)b[i]), tolerance);
}

static void test_gemm(void **unused)
{
    (void)unused;
    for (int t = 0; sab_kernels_at(t); t++)
        for (uint64_t seed = 1; seed <= 200; seed++) {
            uint64_t state = seed;
            int M = problem_int(&state, 0, 19), N = SAB_LANES * problem_int(&state, 1, 9), K = problem_int(&state, 0, 70);
            int packed = problem_int(&state, 0, 1), transposed = problem_int(&state, 0, 1), add = problem_int(&state, 0, 1);
            ptrdiff_t rs = transposed ? 1 : K + 3, cs = transposed ? M + 1 : 1;
            struct sab_matrix B = {x2, packed ? SAB_PANEL : N, packed ? (ptrdiff_t)K * SAB_PANEL : SAB_PANEL};
            draw(&state, x1, (M + 1) * (K + 4) + 100, 1);
            draw(&state, x2, K * (N + SAB_PANEL) + SAB_PANEL, 1);
            draw(&state, got, M * N, 1);
            memcpy(want, got, sizeof got);
            sab_kernels_at(t)->gemm(M, N, K, x1, rs, cs, B, got, N, add);
            sab_kernels_ref.gemm(M, N, K, x1, rs, cs, B, want, N, add);
            near("gemm", sab_kernels_at(t)->name, got, want, M * N, (K + 1) * (K + 1) * 0x1p-24);
        }
}

static void test_cells(void **unused)
{
    (void)unused;
    for (int t = 0; sab_kernels_at(t); t++)
        for (uint64_t seed = 1; seed <= 50; seed++) {
            const struct sab_kernels *k = sab_kernels_at(t);
            uint64_t state = seed;
            int R = problem_int(&state, 1, 9), Hp = SAB_LANES * problem_int(&state, 1, 5), n = R * Hp;
            draw(&state, got, 4 * n, seed % 5 ? 6 : 300); /* far into saturation too */
            memcpy(want, got, sizeof got);
            draw(&state, x1, n, 2);
            draw(&state, x4, n, 1);
            k->lstm_forward(R, Hp, Hp, got, x1, got2, got3);
            sab_kernels_ref.lstm_forward(R, Hp, Hp, want, x1, want2, want3);
            near("lstm gates", k->name, got, want, 4 * n, 3e-7);
            near("lstm c", k->name, got2, want2, n, 1.5e-6);
            near("lstm hh", k->name, got3, want3, n, 2e-6);
            draw(&state, got3, n, 1);
            memcpy(want3, got3, sizeof got3);
            k->lstm_backward(R, Hp, Hp, want, x1, want2, x4, got3, x2);
            sab_kernels_ref.lstm_backward(R, Hp, Hp, want, x1, want2, x4, want3, x3);
            near("lstm dc", k->name, got3, want3, n, 2e-6);
            near("lstm dpre", k->name, x2, x3, 4 * n, 2e-6);

            draw(&state, got, 3 * n, 5);
            memcpy(want, got, sizeof got);
            draw(&state, x2, 3 * n, 5);
            k->gru_forward(R, Hp, Hp, got, x2, x1, got2);
            sab_kernels_ref.gru_forward(R, Hp, Hp, want, x2, x1, want2);
            near("gru gates", k->name, got, want, 3 * n, 2e-6);
            near("gru hh", k->name, got2, want2, n, 6e-6);
            k->gru_backward(R, Hp, Hp, want, x2, x1, x4, got, got2, got3);
            sab_kernels_ref.gru_backward(R, Hp, Hp, want, x2, x1, x4, x3, want2, want3);
            near("gru dprex", k->name, got, x3, 3 * n, 4e-6);
            near("gru dpreh", k->name, got2, want2, 3 * n, 4e-6);
            near("gru dh", k->name, got3, want3, n, 1e-6);

            k->rnn_forward(n, x2, got);
            sab_kernels_ref.rnn_forward(n, x2, want);
            near("rnn hh", k->name, got, want, n, 3e-7);
            k->rnn_backward(n, want, x4, got2);
            sab_kernels_ref.rnn_backward(n, want, x4, want2);
            near("rnn dpre", k->name, got2, want2, n, 1e-6);
        }
}

static void test_attention(void **unused)
{
    (void)unused;
    for (int t = 0; sab_kernels_at(t); t++)
        for (uint64_t seed = 1; seed <= 100; seed++) {
            const struct sab_kernels *k = sab_kernels_at(t);
            uint64_t state = seed;
            int N = problem_int(&state, 1, 40), Ap = SAB_LANES * problem_int(&state, 1, 6);
            draw(&state, x1, N * Ap, seed % 4 ? 2 : 40);
            draw(&state, x2, Ap, 2);
            draw(&state, x3, Ap, 1);
            k->exp2x(N * Ap, x1, got);
            sab_kernels_ref.exp2x(N * Ap, x1, want);
            for (int i = 0; i < N * Ap; i++)
                if (fabs((double)got[i] / (double)want[i] - 1) > 3e-7)
                    fail_msg("exp2x of %s: exp(2 * %.9g) is %.9g, not %.9g", k->name, (double)x1[i], (double)got[i],
                             (double)want[i]);
            sab_kernels_ref.exp2x(Ap, x2, x4);
            k->score_mlp(N, Ap, want, x4, x3, (real)0.25, got);
            sab_kernels_ref.score_mlp(N, Ap, want, x4, x3, (real)0.25, want2);
            near("score_mlp", k->name, got, want2, N, Ap * 6e-7);
            int32_t at[40], found[40], expected[40];
            int n = 0;
            for (int i = problem_int(&state, 0, 3); i < N; i += problem_int(&state, 1, 3))
                at[n++] = i;
            k->score_mlp_at(n, at, Ap, want, x4, x3, (real)0.25, got2);
            for (int j = 0; j < n; j++)
                assert_memory_equal(&got2[j], &got[at[j]], sizeof *got);
            if (k->score_mlp_estimate) {
                double size = 0;
                for (int i = 0; i < Ap; i++)
                    size += fabs((double)x3[i]);
                k->score_mlp_estimate(n, at, Ap, want, x4, x3, (real)0.25, got2);
                k->score_mlp_estimate(N, NULL, Ap, want, x4, x3, (real)0.25, want2);
                for (int j = 0; j < n; j++) {
                    assert_memory_equal(&got2[j], &want2[at[j]], sizeof *got2);
                    double off = fabs((double)got2[j] - (double)got[at[j]]), most = 2 * (k->estimate_error + 1e-6) * size;
                    if (!(off <= most))
                        fail_msg("seed %d: score_mlp_estimate of %s is off by %.3g, at most %.3g", (int)seed, k->name, off, most);
                }
            }
            int from = problem_int(&state, 0, N);
            got[from < N ? from : 0] = NAN;
            n = k->find_reaching(from, N, got, got[N / 2], found);
            assert_int_equal(n, sab_kernels_ref.find_reaching(from, N, got, got[N / 2], expected));
            assert_memory_equal(found, expected, (size_t)n * sizeof *found);
            double drift = 0;
            for (int i = 0; i < Ap; i++)
                drift += fabs((double)x3[i]) * fabs(log((double)want[i] / (double)x4[i])) / 2;
            assert_true(k->drift_mlp(Ap, want, x4, x3) >= drift * (1 - 1e-6));
            draw(&state, got, Ap, 1), draw(&state, got2, Ap, 1), draw(&state, got3, Ap, 1);
            memcpy(want2, got2, sizeof got2), memcpy(want3, got3, sizeof got3);
            real *du = x1 + ROOM / 2;
            memcpy(du, got, (size_t)Ap * sizeof *du);
            k->score_mlp_backward(Ap, want, x4, x3, (real)0.7, got, got2, got3);
            sab_kernels_ref.score_mlp_backward(Ap, want, x4, x3, (real)0.7, du, want2, want3);
            near("score du", k->name, got, du, Ap, 1e-6);
            near("score dv", k->name, got2, want2, Ap, 1e-6);
            near("score dw", k->name, got3, want3, Ap, 1e-6);
            /* Two that cancel, once within the range and once clipped: the sums get no gradient through what was. */
            x1[0] = x2[1] = (real)(0.49 * SAB_EXPONENT_MAX), x2[0] = x1[1] = (real)(-0.51 * SAB_EXPONENT_MAX);
            k->exp2x(Ap, x1, want), k->exp2x(Ap, x2, x4);
            x3[0] = x3[1] = 1;
            memset(got, 0, sizeof got), memset(got2, 0, sizeof got2);
            k->score_mlp_backward(Ap, want, x4, x3, 1, got, got2, got3);
            assert_true(got[0] > 0 && got2[0] == 0 && got[1] == 0 && got2[1] > 0);
            draw(&state, x1, Ap, 1), draw(&state, x2, Ap, 1);
            assert_true(fabs((double)(k->dot(Ap, x1, x2) - sab_kernels_ref.dot(Ap, x1, x2))) < Ap * 1e-7);
            memcpy(got, x2, sizeof got), memcpy(want, x2, sizeof got);
            k->axpy(Ap, (real)0.3, x1, got);
            sab_kernels_ref.axpy(Ap, (real)0.3, x1, want);
            near("axpy", k->name, got, want, Ap, 2e-7);
        }
}

/* What fuses multiply-adds gives the reference's very bits in products and sums. */
static void test_fused_sets_agree(void **unused)
{
    (void)unused;
    uint64_t state = 5;
    draw(&state, x1, 4096, 1), draw(&state, x2, 4096, 1);
    for (int t = 0; sab_kernels_at(t); t++) {
        const struct sab_kernels *k = sab_kernels_at(t);
        if (!strcmp(k->name, "sse2"))
            continue;
        memset(got, 0, sizeof got), memset(want, 0, sizeof want);
        k->gemm(8, 64, 50, x1, 50, 1, sab_matrix_rows(x2, 64), got, 64, 0);
        sab_kernels_ref.gemm(8, 64, 50, x1, 50, 1, sab_matrix_rows(x2, 64), want, 64, 0);
        assert_memory_equal(got, want, 8 * 64 * sizeof *got);
        assert_true(k->dot(96, x1, x2) == sab_kernels_ref.dot(96, x1, x2));
    }
}

/* A row's bits do not depend on how many rows are computed with it. */
static void test_rows_are_independent(void **unused)
{
    (void)unused;
    uint64_t state = 7;
    draw(&state, x1, 4096, 1), draw(&state, x2, 16384, 1);
    for (int t = 0; sab_kernels_at(t); t++) {
        const struct sab_kernels *k = sab_kernels_at(t);
        k->gemm(19, 112, 40, x1, 40, 1, sab_matrix_rows(x2, 112), want, 112, 0);
        for (int rows = 1; rows <= 19; rows++) {
            k->gemm(rows, 112, 40, x1, 40, 1, sab_matrix_rows(x2, 112), got, 112, 0);
            assert_memory_equal(got, want, (size_t)rows * 112 * sizeof *got);
        }
        k->exp2x(48 * 20, x1, x3);
        k->score_mlp(20, 48, x3, x3, x2, 0, want);
        for (int n = 1; n <= 20; n++) {
            k->score_mlp(n, 48, x3, x3, x2, 0, got);
            assert_memory_equal(got, want, (size_t)n * sizeof *got);
        }
    }
}

/* A NaN that enters a gate or an exponential leaves it: a bound must not make a number of it. */
static void test_nan_stays(void **unused)
{
    (void)unused;
    for (int t = 0; sab_kernels_at(t); t++) {
        const struct sab_kernels *k = sab_kernels_at(t);
        for (int gate = 0; gate < 4; gate++) {
            memset(x1, 0, sizeof x1), memset(x2, 0, sizeof x2);
            x2[5] = 1; /* c_prev, so that the forget gate counts */
            x1[gate * SAB_LANES + 5] = (real)NAN;
            k->lstm_forward(1, SAB_LANES, SAB_LANES, x1, x2, got, got2);
            if (!isnan((double)got2[5]) || isnan((double)got2[4]))
                fail_msg("lstm of %s: gate %d", k->name, gate);
        }
        for (int gate = 0; gate < 3; gate++) {
            memset(x1, 0, sizeof x1), memset(x2, 0, sizeof x2), memset(x3, 0, sizeof x3);
            x2[2 * SAB_LANES + 5] = x3[5] = 1;
            x1[gate * SAB_LANES + 5] = (real)NAN;
            k->gru_forward(1, SAB_LANES, SAB_LANES, x1, x2, x3, got);
            if (!isnan((double)got[5]) || isnan((double)got[4]))
                fail_msg("gru of %s: gate %d", k->name, gate);
        }
        memset(x1, 0, sizeof x1);
        x1[5] = (real)NAN;
        k->rnn_forward(SAB_LANES, x1, got);
        assert_true(isnan((double)got[5]) && !isnan((double)got[4]));
        k->exp2x(SAB_LANES, x1, got);
        if (!isnan((double)got[5]) || got[4] != 1)
            fail_msg("exp2x of %s: %g", k->name, (double)got[5]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_fused_sets_agree),
        cmocka_unit_test(test_rows_are_independent),
        cmocka_unit_test(test_nan_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

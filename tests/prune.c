/* Passing over scores that cannot win changes no selection and no bit, and does pass over most where queries move little.
 *
 * ctest: cost 10 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "problem.h"
#include "remind/remind.h"

enum { N = 600, STEPS = 800, AP = 80, K = 7, SLOTS = 400, LANES = 3 }; /* STEPS / 2 are written, so the oldest leave */

static real keys[N * AP], query[AP], raw[AP], w[AP], all[N], some[N];
static int32_t everything[N], candidates[N];

static void draw(uint64_t *state, real *x, int n, double scale)
{
    for (int i = 0; i < n; i++)
        x[i] = (real)(scale * (2 * problem_uniform(state) - 1));
}

/* As sab_candidates, by several one after the other, each with a part of the memories. */
static int candidates_of_parts(const struct sab_remind *r, int begin, int end, struct sab_standing *standing)
{
    struct sab_finding findings[LANES];
    struct sab_question q;
    int n = 0, blocks = (end - begin) / SAB_BLOCK;
    if (blocks < 2 * LANES)
        return sab_candidates(r, keys, begin, end, query, some, candidates, standing);
    for (int i = 0, from = begin; i < LANES; i++) {
        int to = i == LANES - 1 ? end : (begin / SAB_BLOCK + blocks * (i + 1) / LANES) * SAB_BLOCK;
        q = sab_question_of(r, keys, begin, end, query, some + n, standing);
        n += sab_question_find(r, &q, from, to, some + n, candidates + n, standing, &findings[i]);
        from = to;
    }
    sab_question_end(r, &q, LANES, findings, standing);
    return n;
}

/* One walk of the query over a growing memory whose oldest leave, of keys that lie as far apart as `apart`; returns the share of scores
 * computed. */
static double walk(const struct sab_kernels *kernels, int sparsifier, int k_top, double stride, double apart, int in_parts, uint64_t seed)
{
    struct sab_remind r = {.kernels = kernels, .score = sab_score_find(SAB_SCORE_MLP), .A = AP - 3, .Ap = AP, .H = AP,
                           .Hp = AP, .K = k_top, .keep = {.slots = SLOTS}, .sparsifier = sparsifier};
    struct sab_standing standing = {.base = calloc(N, sizeof(real)), .before = calloc(AP, sizeof(real)),
                                    .winners = calloc(K + 1, sizeof(int32_t)),
                                    .corners = calloc(N / SAB_BLOCK * AP, sizeof(real)), .highest = calloc(N / SAB_BLOCK, sizeof(real))};
    double computed = 0, possible = 0;
    draw(&seed, w, AP - 3, 1);
    memset(w + AP - 3, 0, 3 * sizeof *w);
    draw(&seed, keys, N * AP, apart);
    for (int i = 0; i < N; i++) /* and some that differ, side by side */
        if (i % 96 < 12)
            draw(&seed, keys + i * AP, AP, 2);
    kernels->exp2x(N * AP, keys, keys);
    draw(&seed, raw, AP, 1);
    r.w = w;
    for (int k = 0; k < AP; k++)
        r.wsum += w[k], r.wnorm += fabs((double)w[k]);
    for (int t = 0; t < STEPS; t++) {
        int end = t / 2 + 1 < N ? t / 2 + 1 : N, begin = end > r.keep.slots ? end - r.keep.slots : 0;
        for (int k = 0; k < AP; k++) /* now and then a jump */
            raw[k] += (real)((t % 50 == 49 ? 1 : stride) * (2 * problem_uniform(&seed) - 1));
        kernels->exp2x(AP, raw, query);
        struct sab_read want, got;
        int32_t want_index[K + 1], got_index[K + 1];
        real want_alpha[K + 1], got_alpha[K + 1];
        int n = sab_candidates(&r, keys, begin, end, query, all, everything, NULL);
        sab_sparsify_forward(&r, n, n, all, &want, want_index, want_alpha);
        int m = in_parts ? candidates_of_parts(&r, begin, end, &standing)
                         : sab_candidates(&r, keys, begin, end, query, some, candidates, &standing);
        sab_sparsify_forward(&r, n, m, some, &got, got_index, got_alpha);
        assert_int_equal(want.n, got.n);
        for (int i = 0; i < want.n; i++) {
            want_index[i] = everything[want_index[i]];
            got_index[i] = candidates[got_index[i]];
        }
        assert_memory_equal(want_index, got_index, (size_t)want.n * sizeof *want_index);
        assert_memory_equal(want_alpha, got_alpha, (size_t)want.n * sizeof *want_alpha);
        assert_true(want.kind == got.kind && want.Z == got.Z);
        sab_standing_settle(&got, got_index, &standing);
        computed += m;
        possible += n;
    }
    free(standing.base), free(standing.before), free(standing.winners), free(standing.corners), free(standing.highest);
    return computed / possible;
}

static void test_nothing_changes(void **unused)
{
    (void)unused;
    for (int t = 0; sab_kernels_at(t); t++)
        for (uint64_t seed = 1; seed <= 6; seed++)
            for (int sparsifier = 0; sparsifier <= 2; sparsifier++) {
                int k_top = seed % 4 ? K : 1;
                double slow = walk(sab_kernels_at(t), sparsifier, k_top, 1e-4, 2, 0, seed);
                double fast = walk(sab_kernels_at(t), sparsifier, k_top, 0.5, 2, 0, seed);
                double alike = walk(sab_kernels_at(t), sparsifier, k_top, 0.5, 1e-3, 0, seed);
                walk(sab_kernels_at(t), sparsifier, k_top, 0.5, 1e-3, 1, seed);
                assert_true(slow < 0.6);
                int has_estimates = sab_kernels_at(t)->score_mlp_estimate != NULL;
                if (has_estimates ? !(fast < 0.3 && alike < 0.3) : !(fast > slow && alike < 0.9 * fast))
                    fail_msg("%s, seed %d, sparsifier %d: of the scores of a slow query %.2f are computed, of a fast one %.2f, and with "
                             "blocks of like keys %.2f", sab_kernels_at(t)->name, (int)seed, sparsifier, slow, fast, alike);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

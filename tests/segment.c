/* Segments against their definition: which are opened, the scores of their memories, that passing over segments that cannot win changes
 * no bit, and that what their scores reach is not skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "options_helper.h"
#include "problem.h"
#include "remind/remind.h"

enum { AP = 16, A = 13, MOST = 1000, K = 3 };

static real w[AP];

/* A memory of one sequence, whose first rows are not its own, and what scores it. */
struct place {
    struct sab_remind r;
    struct sab_memory memory;
    struct sab_standing standing;
    real query[AP], a[2 * MOST];
    int32_t index[2 * MOST];
    int32_t first;
    int is_pruned;
};

static void place_init(struct place *p, int score, int L, int first, int is_pruned)
{
    memset(p, 0, sizeof *p);
    p->first = first;
    p->r = (struct sab_remind){.kernels = sab_kernels_at(0), .score = sab_score_find(score), .A = A, .Ap = AP, .H = A, .Hp = AP, .K = K,
                               .w = w, .segment = L};
    for (int k = 0; k < AP; k++)
        p->r.wsum += w[k], p->r.wnorm += fabs((double)w[k]);
    p->memory = (struct sab_memory){.S = 1, .cap = MOST, .ledger.first = &p->first, .key = calloc(MOST * AP, sizeof(real))};
    p->memory.segments = (struct sab_segments){sab_segments_most(&p->r, MOST),
                                               calloc((size_t)sab_segments_most(&p->r, MOST) * AP, sizeof(real)),
                                               calloc(K + 1, sizeof(int32_t)), calloc(K + 1, sizeof(real))};
    p->standing = (struct sab_standing){.base = calloc(MOST, sizeof(real)), .before = calloc(AP, sizeof(real)),
                                        .winners = calloc(K + 1, sizeof(int32_t)), .corners = calloc(MOST / SAB_BLOCK * AP, sizeof(real)),
                                        .highest = calloc(MOST / SAB_BLOCK, sizeof(real))};
    p->is_pruned = is_pruned;
}

static void place_clear(struct place *p)
{
    free(p->memory.key), free(p->memory.segments.rows), free(p->memory.segments.opened), free(p->memory.segments.A);
    free(p->standing.base), free(p->standing.before), free(p->standing.winners), free(p->standing.corners), free(p->standing.highest);
}

static void draw(const struct place *p, uint64_t *state, double scale, real *row)
{
    for (int k = 0; k < AP; k++)
        row[k] = k < A ? (real)(scale * (2 * problem_uniform(state) - 1)) : 0;
    if (p->r.score == sab_score_find(SAB_SCORE_MLP))
        p->r.kernels->exp2x(AP, row, row);
}

static void grow(struct place *p, uint64_t *state)
{
    draw(p, state, 2, p->memory.key + (size_t)p->memory.ledger.n * AP);
    sab_segments_add(&p->r, &p->memory, 0, p->memory.ledger.n++);
}

static int ask(struct place *p, int begin)
{
    return sab_segments_candidates(&p->r, &p->memory, 0, begin, p->memory.ledger.n - begin, p->query,
                                   p->is_pruned ? &p->standing : NULL, p->a, p->index);
}

/* The score of the mean of key rows first .. end - 1, in double. */
static double score_of(const struct place *p, int first, int end)
{
    double sum = 0;
    for (int k = 0; k < A; k++) {
        double mean = 0;
        for (int i = first; i < end; i++)
            mean += (double)p->memory.key[(size_t)i * AP + k] / (end - first);
        if (p->r.score == sab_score_find(SAB_SCORE_MLP))
            sum += (double)w[k] * (1 - 2 / (1 + mean * (double)p->query[k]));
        else
            sum += mean * (double)p->query[k] / sqrt(A);
    }
    return sum;
}

/* At N memories from `begin` on: those opened are the newest, if it is not full, and K of the others with none better outside. */
static void check_opened(struct place *p, int begin, uint64_t seed)
{
    int L = p->r.segment, N = p->memory.ledger.n - begin, n = ask(p, begin), full = N / L, M = (N + L - 1) / L, at = 0;
    double least = INFINITY, best = -INFINITY;
    for (int j = 0; j < M; j++) {
        int first = begin + j * L, end = first + L < begin + N ? first + L : begin + N, is_open = at < n && p->index[at] == first;
        double score = score_of(p, first, end);
        for (int i = first; is_open && i < end; i++, at++) {
            double want = score + score_of(p, i, i + 1);
            if (p->index[at] != i || !(fabs((double)p->a[at] - want) < 1e-4))
                fail_msg("seed %d: candidate %d is memory %d of score %g; wanted memory %d, %g", (int)seed, at, p->index[at],
                         (double)p->a[at], i, want);
        }
        if (j == full && !is_open)
            fail_msg("seed %d: the newest segment, %d, is not opened", (int)seed, j);
        if (j < full && is_open)
            least = score < least ? score : least;
        if (!is_open)
            best = score > best ? score : best;
    }
    assert_int_equal(at, n);
    assert_int_equal(n, (full < K ? full : K) * L + N % L);
    if (best > least + 1e-4)
        fail_msg("seed %d: a segment of score %g is not opened, one of %g is", (int)seed, best, least);
}

static void test_the_best_and_the_newest_are_opened(void **unused)
{
    (void)unused;
    static const int scores[] = {SAB_SCORE_MLP, SAB_SCORE_DOT};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t state = seed;
        struct place *p = malloc(sizeof *p);
        int begin = problem_int(&state, 0, 3), N = problem_int(&state, 1, 120);
        for (int k = 0; k < A; k++)
            w[k] = (real)(2 * problem_uniform(&state) - 1);
        place_init(p, scores[seed % 2], problem_int(&state, 1, 12), begin, 0);
        p->memory.ledger.n = begin;
        for (int i = 0; i < N; i++) {
            grow(p, &state);
            draw(p, &state, 1, p->query);
            check_opened(p, begin, seed);
        }
        sab_segments_restore(&p->r, &p->memory); /* as if more had been taken back */
        check_opened(p, begin, seed);
        place_clear(p);
        free(p);
    }
}

/* A query that moves little: what is passed over is most of the segments. */
static void test_passing_over_changes_no_bit(void **unused)
{
    (void)unused;
    uint64_t state = 5;
    struct place *all = malloc(sizeof *all), *some = malloc(sizeof *some);
    real raw[AP] = {0};
    for (int k = 0; k < A; k++)
        w[k] = (real)(2 * problem_uniform(&state) - 1);
    place_init(all, SAB_SCORE_MLP, 4, 0, 0), place_init(some, SAB_SCORE_MLP, 4, 0, 1);
    sab_standing_begin(&some->standing);
    for (int t = 0; t < MOST; t++) {
        uint64_t same = state;
        grow(all, &state), grow(some, &same);
        for (int k = 0; k < A; k++)
            raw[k] += (real)((t % 100 == 99 ? 1 : 0.003) * (2 * problem_uniform(&state) - 1));
        all->r.kernels->exp2x(AP, raw, all->query);
        memcpy(some->query, all->query, sizeof all->query);
        int n = ask(all, 0);
        assert_int_equal(n, ask(some, 0));
        assert_memory_equal(all->index, some->index, (size_t)n * sizeof *all->index);
        assert_memory_equal(all->a, some->a, (size_t)n * sizeof *all->a);
    }
    int known = 0; /* whose last score is not of now */
    for (int j = 0; j < MOST / 4; j++)
        known += some->standing.base[j] < INFINITY;
    assert_true(known > 0);
    place_clear(all), place_clear(some);
    free(all), free(some);
}

/* The gradients of all tensors, one after the other. */
static double *gradients(struct problem *p, size_t *count)
{
    struct sab_error err;
    if (sab_model_gradient(p->model, &p->batch, 1, NULL, NULL, &err))
        fail_msg("%s", err.message);
    double *all = malloc(sab_model_flat(p->model)->count * sizeof *all);
    *count = 0;
    for (int i = 0; i < sab_model_tensor_count(p->model); i++) {
        const struct sab_tensor *t = sab_model_tensor(p->model, i);
        for (size_t j = 0; j < t->count; j++)
            all[(*count)++] = (double)t->grad[j];
    }
    return all;
}

/* A loss at the last step alone reaches windows through the score of a segment of whose memories others were read: the gradient is that
 * of losses at all steps, those of the others being next to nothing, where no window can be skipped. */
static void test_no_window_is_skipped_that_a_segment_reached(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct problem p;
    size_t n;
    double largest = 0;
    problem_config(&config);
    config.model.segments = 8;
    config.model.k_top = 2;
    config.model.k_att = config.model.k_trunc = 1;
    problem_make(&p, &config, SHAPE(SAB_INPUT_VALUES, 5, SAB_LOSS_MSE, 4), 50, 3, 7);
    p.batch.lengths = NULL;
    for (int i = 0; i < 50 * 3; i++)
        p.weight[i] = i < 49 * 3 ? 0 : 1;
    double *last = gradients(&p, &n);
    for (int i = 0; i < 49 * 3; i++)
        p.weight[i] = (sab_real)1e-25;
    double *every = gradients(&p, &n);
    for (size_t j = 0; j < n; j++)
        largest = fabs(every[j]) > largest ? fabs(every[j]) : largest;
    for (size_t j = 0; j < n; j++)
        if (!(fabs(last[j] - every[j]) <= 1e-12 * largest))
            fail_msg("element %zu of the gradient is %.9g with one loss, %.9g with all; the largest is %.9g", j, last[j], every[j],
                     largest);
    free(last), free(every);
    problem_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_best_and_the_newest_are_opened),
                                       cmocka_unit_test(test_passing_over_changes_no_bit),
                                       cmocka_unit_test(test_no_window_is_skipped_that_a_segment_reached)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

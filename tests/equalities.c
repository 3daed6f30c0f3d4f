/* The equalities that every build must keep, all to the bit, over many random configurations and for every instruction set that this
 * machine has: of special cases of the method, and of batches. Those of state that goes on stand in equalities_state.c.
 *
 * ctest: timeout 600
 * ctest: cost 20 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "equalities_support.h"
#include "options_helper.h"

static uint64_t digest_of(const struct sab_options *config, struct sab_shape shape, int T, int B, uint64_t seed,
                          int threads)
{
    struct problem p;
    problem_make(&p, config, shape, T, B, seed);
    if (seed % 2)
        problem_mask(&p, seed);
    uint64_t digest = problem_gradient_digest(&p, threads);
    problem_free(&p);
    return digest;
}

static void same(const struct sab_options *a, const struct sab_options *b, struct sab_shape shape, int T, int B,
                 uint64_t seed)
{
    uint64_t x = digest_of(a, shape, T, B, seed, 1), y = digest_of(b, shape, T, B, seed, 1);
    if (x != y)
        fail_msg("seed %llu: digests %016llx and %016llx", (unsigned long long)seed, (unsigned long long)x,
                 (unsigned long long)y);
}

static void no_memory_is_tbptt(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    OPTIONS other = copy_of(c);
    c->model.k_top = 0;
    other.model.credit = SAB_CREDIT_TBPTT;
    same(c, &other, shape, T, B, seed);
}

static void one_window_is_bptt(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    OPTIONS other = copy_of(c);
    c->model.k_trunc = T;
    other.model.k_trunc = T + 7;
    same(c, &other, shape, T, B, seed);
    c->model.k_top = 0;
    other.model.credit = SAB_CREDIT_BPTT;
    same(c, &other, shape, T, B, seed);
}

static void all_recalled_is_dense(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    OPTIONS other = copy_of(c);
    c->model.k_top = T;
    c->model.forward = c->model.backward = SAB_SPARSE;
    c->model.segments = other.model.segments = 0;
    other.model.forward = other.model.backward = SAB_DENSE;
    c->model.sparsifier = other.model.sparsifier = SAB_SPARSIFIER_SOFTMAX;
    same(c, &other, shape, T, B, seed);
    c->model.k_trunc = T;
    other.model.credit = SAB_CREDIT_ATTENTION;
    other.model.k_top = 0; /* it reads all, whatever k_top */
    same(c, &other, shape, T, B, seed);
}

static void stored_is_recomputed(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    OPTIONS other = copy_of(c);
    c->model.recompute = SAB_RECOMPUTE_OFF;
    other.model.recompute = SAB_RECOMPUTE_ON;
    same(c, &other, shape, T, B, seed);
}

static void any_number_of_threads(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    uint64_t one = digest_of(c, shape, T, B + 20, seed, 1);
    for (int threads = 2; threads <= 8; threads += threads < 4 ? 1 : 4)
        assert_true(one == digest_of(c, shape, T, B + 20, seed, threads));
}

/* Windows that nothing reaches are passed over. A weight of 1e-30 makes every window reached and moves no gradient by
 * more than that share: what is passed over is then what has no gradient. */
static void passed_over_is_unreached(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem sparse, everywhere;
    problem_make(&sparse, c, shape, T, B, seed);
    problem_make(&everywhere, c, shape, T, B, seed);
    sparse.batch.lengths = everywhere.batch.lengths = NULL;
    for (int i = 0; i < T * B; i++) {
        sparse.weight[i] = i / B == T - 1;
        everywhere.weight[i] = i / B == T - 1 ? 1 : (sab_real)1e-30;
    }
    problem_gradient_digest(&sparse, 1), problem_gradient_digest(&everywhere, 1);
    for (int i = 0; i < sab_model_tensor_count(sparse.model); i++) {
        struct sab_tensor x = *sab_model_tensor(sparse.model, i), y = *sab_model_tensor(everywhere.model, i);
        for (size_t j = 0; j < x.count; j++)
            if (fabs((double)x.grad[j] - (double)y.grad[j]) > 1e-20 + 1e-4 * fabs((double)y.grad[j]))
                fail_msg("seed %d, %s: %g, and %g with every window reached", (int)seed, x.name, (double)x.grad[j],
                         (double)y.grad[j]);
    }
    problem_free(&sparse), problem_free(&everywhere);
}

/* [layers,1,H] of sequence b, or NULL. */
static sab_real *mask_of(const struct problem *p, const sab_real *all, int b)
{
    size_t L = (size_t)p->config.model.layers, H = (size_t)p->config.model.hidden;
    sab_real *mask = all ? calloc(L * H, sizeof *mask) : NULL;
    for (size_t l = 0; mask && l < L; l++)
        memcpy(mask + l * H, all + (l * (size_t)p->batch.B + (size_t)b) * H, H * sizeof *mask);
    return mask;
}

static void alone_is_in_a_batch(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    problem_make(&p, c, shape, T, B, seed);
    p.batch.lengths = NULL;
    if (seed % 2)
        problem_mask(&p, seed);
    sab_real *all = equality_outputs(&p, &p.batch);
    int b = B / 2, O = shape.O, I = shape.I;
    sab_real *masks[2] = {mask_of(&p, p.batch.output_mask, b), mask_of(&p, p.batch.state_mask, b)};
    int32_t *ids = calloc((size_t)T, sizeof *ids);
    sab_real *values = calloc((size_t)T * I, sizeof *values);
    for (int t = 0; t < T; t++) {
        ids[t] = p.ids[t * B + b];
        memcpy(values + t * I, p.values + (t * B + b) * I, (size_t)I * sizeof *values);
    }
    struct sab_batch alone = {.size = sizeof alone,
        .T = T, .B = 1, .ids = p.batch.ids ? ids : NULL, .values = p.batch.values ? values : NULL,
        .output_mask = masks[0], .state_mask = masks[1]};
    sab_real *one = equality_outputs(&p, &alone);
    for (int t = 0; t < T; t++)
        assert_memory_equal(all + (t * B + b) * O, one + t * O, (size_t)O * sizeof *one);
    free(all), free(one), free(ids), free(values), free(masks[0]), free(masks[1]);
    problem_free(&p);
}

/* Column `from` of the problem's batch becomes column `to` of `into`, which has room for more steps. */
static void copy_column(struct problem *into, int to, const struct problem *p, int from)
{
    int I = p->shape.I, O = p->shape.O;
    for (int t = 0; t < p->batch.T; t++) {
        size_t x = (size_t)t * into->batch.B + to, y = (size_t)t * p->batch.B + from;
        into->ids[x] = p->ids[y];
        into->labels[x] = p->labels[y];
        into->weight[x] = p->weight[y];
        memcpy(into->values + x * I, p->values + y * I, (size_t)I * sizeof(sab_real));
        memcpy(into->targets + x * O, p->targets + y * O, (size_t)O * sizeof(sab_real));
    }
    into->lengths[to] = p->lengths[from];
}

/* What can stand past the ends of sequences, if nobody reads it. */
static void fill_past_ends(struct problem *p)
{
    for (int t = 0; t < p->batch.T; t++)
        for (int b = 0; b < p->batch.B; b++) {
            size_t at = (size_t)t * p->batch.B + b;
            if (t < p->lengths[b])
                continue;
            p->ids[at] = p->labels[at] = -7;
            p->weight[at] = NAN;
            for (int i = 0; i < p->shape.I; i++)
                p->values[at * p->shape.I + i] = NAN;
            for (int o = 0; o < p->shape.O; o++)
                p->targets[at * p->shape.O + o] = NAN;
        }
}

/* A sequence of its own length is the same in a batch of longer ones; past its end the outputs are 0. */
static void short_is_in_a_batch_of_long(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p, one;
    problem_make(&p, c, shape, T, B, seed);
    problem_make(&one, c, shape, T, 1, seed);
    fill_past_ends(&p);
    sab_real *all = equality_outputs(&p, &p.batch), *zero = calloc((size_t)shape.O, sizeof *zero);
    for (int b = 0; b < B; b += 3) {
        copy_column(&one, 0, &p, b);
        struct sab_batch alone = one.batch;
        alone.T = p.lengths[b];
        alone.lengths = NULL;
        sab_real *y = equality_outputs(&one, &alone);
        for (int t = 0; t < T; t++)
            assert_memory_equal(all + ((size_t)t * B + b) * shape.O, t < p.lengths[b] ? y + t * shape.O : zero,
                                (size_t)shape.O * sizeof *y);
        free(y);
    }
    free(all), free(zero);
    problem_free(&p), problem_free(&one);
}

/* The gradient of sequences with their own lengths does not depend on how far and with what they are filled up. */
static void filling_changes_nothing(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p, longer;
    c->model.k_trunc = T < c->model.k_trunc ? T : c->model.k_trunc;
    problem_make(&p, c, shape, T, B, seed);
    problem_make(&longer, c, shape, T + 13, B, seed);
    for (int b = 0; b < B; b++)
        copy_column(&longer, b, &p, b);
    uint64_t before = problem_gradient_digest(&p, 1);
    fill_past_ends(&p), fill_past_ends(&longer);
    assert_true(problem_gradient_digest(&p, 1) == before);
    assert_true(problem_gradient_digest(&longer, 1) == before);
    problem_free(&p), problem_free(&longer);
}

/* Sequences are dealt to shards by length: where no two have the same, their order in the batch changes nothing. */
static void order_of_lengths_changes_nothing(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p, turned;
    T += B;
    problem_make(&p, c, shape, T, B, seed);
    problem_make(&turned, c, shape, T, B, seed);
    for (int i = 0; i < T * B; i++) /* weights whose sum is exact in any order */
        p.weight[i] = (sab_real)(floor(64 * (double)p.weight[i]) / 64);
    for (int b = 0; b < B; b++) {
        p.lengths[b] = T - b * (T / B);
        copy_column(&turned, (b * 7 + 3) % B * (B % 7 != 0) + b * (B % 7 == 0), &p, b);
    }
    assert_true(problem_gradient_digest(&turned, 1) == problem_gradient_digest(&p, 1));
    problem_free(&p), problem_free(&turned);
}

/* The largest gradient of a weight that only scores depend on. */
static double score_gradient(const struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    problem_make(&p, c, shape, T, B, seed);
    struct sab_error err;
    struct sab_metrics metrics = {.size = sizeof metrics};
    if (sab_model_gradient(p.model, &p.batch, 1, &metrics, NULL, &err))
        fail_msg("%s", err.message);
    double most = 0;
    for (int i = 0; i < sab_model_tensor_count(p.model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(p.model, i);
        if (strchr("Ww", tensor.name[0]) && strncmp(tensor.name, "weight", 6) != 0)
            for (size_t k = 0; k < tensor.count; k++)
                most = fmax(most, fabs((double)tensor.grad[k]));
    }
    problem_free(&p);
    return most;
}

static int scores_learned; /* cases where the floor gave scores a gradient */

/* A weight that is the only one is 1 whatever its score, but where a floor holds. */
static void single_weight_trains_no_score(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    c->model.k_top = 1;
    c->model.forward = c->model.backward = SAB_SPARSE;
    c->model.sparsifier = seed % 2 ? SAB_SPARSIFIER_SOFTMAX : SAB_SPARSIFIER_RELU;
    c->model.read_floor = 0;
    assert_true(score_gradient(c, shape, T, B, seed) == 0);
    c->model.sparsifier = SAB_SPARSIFIER_RELU;
    c->model.read_floor = 1000;
    scores_learned += score_gradient(c, shape, T, B, seed) > 0;
}

EQUALITY(no_memory_is_tbptt)
EQUALITY(one_window_is_bptt)
EQUALITY(all_recalled_is_dense)
EQUALITY(stored_is_recomputed)
EQUALITY(any_number_of_threads)
EQUALITY(passed_over_is_unreached)
EQUALITY(alone_is_in_a_batch)
EQUALITY(short_is_in_a_batch_of_long)
EQUALITY(filling_changes_nothing)
EQUALITY(order_of_lengths_changes_nothing)

static void test_single_weight_trains_no_score(void **s)
{
    (void)s;
    equality_for_each(single_weight_trains_no_score);
    assert_true(scores_learned > EQUALITY_CASES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory_is_tbptt),
        cmocka_unit_test(test_one_window_is_bptt),
        cmocka_unit_test(test_all_recalled_is_dense),
        cmocka_unit_test(test_stored_is_recomputed),
        cmocka_unit_test(test_any_number_of_threads),
        cmocka_unit_test(test_passed_over_is_unreached),
        cmocka_unit_test(test_alone_is_in_a_batch),
        cmocka_unit_test(test_short_is_in_a_batch_of_long),
        cmocka_unit_test(test_filling_changes_nothing),
        cmocka_unit_test(test_order_of_lengths_changes_nothing),
        cmocka_unit_test(test_single_weight_trains_no_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

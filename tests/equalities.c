/* The equalities that every build must keep (DESIGN 2), all to the bit, over many random configurations and for every
 * instruction set that this machine has.
 *
 * ctest: timeout 600 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/kernels.h"
#include "options_helper.h"
#include "problem.h"

enum { CASES = 60 };

/* A random configuration of everything that changes the computation. */
static struct sab_shape random_case(struct sab_options *c, uint64_t *state)
{
    problem_config(c);
    c->model.cell = problem_int(state, 0, 2);
    c->model.hidden = problem_int(state, 1, 40);
    c->model.layers = problem_int(state, 1, 3);
    c->model.attention_width = problem_int(state, 0, 1) ? problem_int(state, 1, 20) : 0;
    c->model.score = problem_int(state, 0, 2);
    c->model.sparsifier = problem_int(state, 0, 2);
    c->model.read_floor = problem_int(state, 0, 1);
    c->model.read_gain = problem_int(state, 0, 1) ? 1 : 0.5;
    c->model.write = problem_int(state, 0, 1);
    c->model.k_top = problem_int(state, 1, 6);
    c->model.k_att = problem_int(state, 1, 4);
    c->model.memory_slots = problem_int(state, 0, 2) ? 0 : problem_int(state, 1, 8);
    c->model.keep = c->model.memory_slots > 0 ? problem_int(state, 0, SAB_KEEP_RESERVOIR) : SAB_KEEP_RECENT;
    c->model.k_trunc = problem_int(state, 1, 12);
    c->model.mental_updates = problem_int(state, 0, 3) > 0;
    c->model.forward = problem_int(state, 0, 3) ? SAB_SPARSE : SAB_DENSE;
    c->model.backward = c->model.forward == SAB_DENSE ? problem_int(state, 0, 1) : SAB_SPARSE;
    c->model.zero_memory = problem_int(state, 0, 3) == 0;
    c->model.pool = problem_int(state, 0, SAB_POOL_ATTENTION);
    return SHAPE(problem_int(state, 0, 1), problem_int(state, 1, 9), problem_int(state, 0, 1),
                              problem_int(state, 1, 7));
}

/* Runs `check` on CASES random problems with every table of kernels. */
static void for_each_case(void (*check)(struct sab_options *config, struct sab_shape shape, int T, int B, uint64_t seed))
{
    for (int k = 0; sab_kernels_at(k); k++) {
        for (uint64_t seed = 1; seed <= CASES; seed++) {
            uint64_t state = seed;
            OPTIONS config = {0};
            struct sab_shape shape = random_case(&config, &state);
            assert_int_equal(sab_options_set(&config, "cpu", sab_kernels_at(k)->name, NULL), SAB_OK);
            int T = problem_int(&state, 1, 40), B = problem_int(&state, 1, 19);
            check(&config, shape, T, B, seed);
        }
    }
}

/* What is recalled is added to the state again and again, and with scores as weights by more than its size: some of these
 * networks grow beyond all numbers, where no stream goes on. */
static void keep_finite(struct sab_options *c)
{
    c->model.read_gain = 0.1;
    if (c->model.sparsifier == SAB_SPARSIFIER_RELEASE2019)
        c->model.write = SAB_WRITE_PROVISIONAL;
}

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

static sab_real *outputs_of(struct problem *p, const struct sab_batch *batch)
{
    struct sab_error err;
    size_t count = (size_t)batch->T * batch->B * p->shape.O;
    sab_real *y = malloc((count + 1) * sizeof *y);
    for (size_t i = 0; i < count; i++)
        y[i] = NAN; /* what is not written is seen */
    if (sab_model_evaluate(p->model, batch, 1, y, NULL, NULL, &err))
        fail_msg("%s", err.message);
    return y;
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
    sab_real *all = outputs_of(&p, &p.batch);
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
    sab_real *one = outputs_of(&p, &alone);
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
    sab_real *all = outputs_of(&p, &p.batch), *zero = calloc((size_t)shape.O, sizeof *zero);
    for (int b = 0; b < B; b += 3) {
        copy_column(&one, 0, &p, b);
        struct sab_batch alone = one.batch;
        alone.T = p.lengths[b];
        alone.lengths = NULL;
        sab_real *y = outputs_of(&one, &alone);
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

/* Step by step, going on from a clone half-way. */
static void steps_are_the_sequence(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    struct sab_error err;
    struct sab_stream *stream, *clone;
    T += 60; /* memories outgrow their first room */
    c->model.k_att = seed % 2 ? 1 : c->model.k_att;
    keep_finite(c);
    problem_make(&p, c, shape, T, B, seed);
    p.batch.lengths = NULL;
    sab_real *whole = outputs_of(&p, &p.batch), *y = calloc((size_t)B * shape.O, sizeof *y);
    assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
    for (int t = 0; t < T; t++) {
        if (t == T / 2) {
            assert_int_equal(sab_stream_clone(&clone, stream, &err), SAB_OK);
            sab_stream_free(stream);
            stream = clone;
        }
        assert_int_equal(sab_stream_step(stream, p.batch.ids ? p.ids + t * B : NULL,
                                         p.batch.values ? p.values + t * B * shape.I : NULL, y, &err), SAB_OK);
        assert_memory_equal(y, whole + t * B * shape.O, (size_t)B * shape.O * sizeof *y);
    }
    sab_stream_free(stream);
    free(whole), free(y);
    problem_free(&p);
}

/* Steps from .. from+T-1 of a batch. */
static struct sab_batch steps_of(const struct problem *p, int from, int T)
{
    struct sab_batch part = p->batch;
    size_t at = (size_t)from * p->batch.B;
    part.T = T;
    part.lengths = NULL;
    part.ids = part.ids ? part.ids + at : NULL;
    part.values = part.values ? part.values + at * p->shape.I : NULL;
    part.labels = part.labels ? part.labels + at : NULL;
    part.targets = part.targets ? part.targets + at * p->shape.O : NULL;
    part.weight += at;
    return part;
}

/* A sequence cut into batches that carry their state; then on, step by step. */
static void batches_are_the_sequence(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    struct sab_error err;
    struct sab_stream *stream;
    uint64_t state = seed;
    c->model.zero_memory = 0;
    c->model.memory_slots = problem_int(&state, 1, 12);
    c->model.keep = problem_int(&state, 0, SAB_KEEP_RESERVOIR);
    c->model.k_top = problem_int(&state, 0, 3) ? c->model.k_top : 0;
    keep_finite(c);
    problem_make(&p, c, shape, T, B, seed);
    p.batch.lengths = NULL;
    sab_real *whole = outputs_of(&p, &p.batch), *y = calloc((size_t)T * B * shape.O, sizeof *y);
    assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
    int t = 0;
    while (t + 3 * c->model.k_att <= T) {
        struct sab_batch part = steps_of(&p, t, c->model.k_att * problem_int(&state, 1, (T - t) / c->model.k_att - 2));
        part.state = stream;
        if (sab_model_evaluate(p.model, &part, 1, y, NULL, NULL, &err))
            fail_msg("%s", err.message);
        assert_memory_equal(y, whole + (size_t)t * B * shape.O, (size_t)part.T * B * shape.O * sizeof *y);
        t += part.T;
    }
    if (c->model.k_att > 1 && T - t > c->model.k_att) { /* steps go on from between two memories, to further ones */
        struct sab_batch part = steps_of(&p, t, problem_int(&state, 1, c->model.k_att - 1));
        part.state = stream;
        assert_int_equal(sab_model_evaluate(p.model, &part, 1, y, NULL, NULL, &err), SAB_OK);
        assert_memory_equal(y, whole + (size_t)t * B * shape.O, (size_t)part.T * B * shape.O * sizeof *y);
        t += part.T;
    }
    for (; t < T; t++) {
        assert_int_equal(sab_stream_step(stream, p.batch.ids ? p.ids + t * B : NULL,
                                         p.batch.values ? p.values + t * B * shape.I : NULL, y, &err), SAB_OK);
        assert_memory_equal(y, whole + (size_t)t * B * shape.O, (size_t)B * shape.O * sizeof *y);
    }
    sab_stream_free(stream);
    free(whole), free(y);
    problem_free(&p);
}

/* In a batch that carries state, a fresh sequence is what it is with no past, and the others are as they were. */
static void fresh_is_without_a_past(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    struct sab_error err;
    struct sab_stream *stream;
    c->model.zero_memory = 0;
    c->model.memory_slots = 5;
    c->model.keep = (int)(seed % (SAB_KEEP_RESERVOIR + 1));
    T = T / c->model.k_att * c->model.k_att + c->model.k_att;
    keep_finite(c);
    problem_make(&p, c, shape, 3 * T, B, seed);
    uint8_t *fresh = calloc((size_t)B, 1);
    sab_real *on = calloc((size_t)T * B * shape.O, sizeof *on);
    assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
    for (int i = 0; i < 3; i++) { /* the second batch begins some sequences anew; the third shows what they remember */
        struct sab_batch part = steps_of(&p, i * T, T);
        for (int b = 0; b < B; b++)
            fresh[b] = i == 1 && b % 3 == 1;
        part.state = stream;
        part.fresh = fresh;
        assert_int_equal(sab_model_evaluate(p.model, &part, 1, on, NULL, NULL, &err), SAB_OK);
    }
    struct sab_batch all = steps_of(&p, 0, 3 * T), later = steps_of(&p, T, 2 * T);
    sab_real *past = outputs_of(&p, &all), *anew = outputs_of(&p, &later);
    for (int t = 0; t < T; t++)
        for (int b = 0; b < B; b++)
            assert_memory_equal(on + ((size_t)t * B + b) * shape.O,
                                b % 3 == 1 ? anew + ((size_t)(T + t) * B + b) * shape.O
                                           : past + ((size_t)(2 * T + t) * B + b) * shape.O,
                                (size_t)shape.O * sizeof *on);
    sab_stream_free(stream);
    free(fresh), free(on), free(past), free(anew);
    problem_free(&p);
}

/* Carried state is constant to the gradient: so is all that lies before the last batch's windows when memories are
 * constants and only the last batch has a loss. */
static void carried_is_constant(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    struct sab_error err;
    struct sab_stream *stream;
    c->model.zero_memory = 0;
    c->model.memory_slots = 7;
    c->model.keep = (int)(seed % (SAB_KEEP_RESERVOIR + 1));
    c->model.mental_updates = 0;
    c->model.k_trunc = c->model.k_trunc % 4 + 1; /* long sequences explode in some of these networks */
    T = c->model.k_att * c->model.k_trunc * 2;
    problem_make(&p, c, shape, 2 * T, B, seed);
    p.batch.lengths = NULL;
    for (int i = 0; i < 2 * T * B; i++) /* one window: how windows share a span is not the same in both */
        if (i / B / c->model.k_trunc != T / c->model.k_trunc)
            p.weight[i] = 0;
    p.weight[T * B] = 1;
    uint64_t whole = problem_gradient_digest(&p, 1);
    assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
    struct sab_batch first = steps_of(&p, 0, T), all = p.batch;
    first.state = stream;
    assert_int_equal(sab_model_evaluate(p.model, &first, 1, NULL, NULL, NULL, &err), SAB_OK);
    p.batch = steps_of(&p, T, T);
    p.batch.state = stream;
    uint64_t last = problem_gradient_digest(&p, 1);
    if (whole != last)
        fail_msg("seed %llu: digests %016llx and %016llx", (unsigned long long)seed, (unsigned long long)whole,
                 (unsigned long long)last);
    p.batch = all;
    sab_stream_free(stream);
    problem_free(&p);
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

#define EQUALITY(name)                \
    static void test_##name(void **s) \
    {                                 \
        (void)s;                      \
        for_each_case(name);          \
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
EQUALITY(steps_are_the_sequence)
EQUALITY(batches_are_the_sequence)
EQUALITY(fresh_is_without_a_past)
EQUALITY(carried_is_constant)

static void test_single_weight_trains_no_score(void **s)
{
    (void)s;
    for_each_case(single_weight_trains_no_score);
    assert_true(scores_learned > CASES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory_is_tbptt),      cmocka_unit_test(test_one_window_is_bptt),
        cmocka_unit_test(test_all_recalled_is_dense),   cmocka_unit_test(test_stored_is_recomputed),
        cmocka_unit_test(test_any_number_of_threads),   cmocka_unit_test(test_alone_is_in_a_batch),
        cmocka_unit_test(test_steps_are_the_sequence),  cmocka_unit_test(test_passed_over_is_unreached),
        cmocka_unit_test(test_batches_are_the_sequence), cmocka_unit_test(test_fresh_is_without_a_past),
        cmocka_unit_test(test_carried_is_constant),     cmocka_unit_test(test_short_is_in_a_batch_of_long),
        cmocka_unit_test(test_filling_changes_nothing), cmocka_unit_test(test_order_of_lengths_changes_nothing),
        cmocka_unit_test(test_single_weight_trains_no_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

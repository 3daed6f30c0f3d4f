/* The equalities of state that goes on, to the bit, over many random configurations and for every instruction set that this machine has:
 * a sequence is the same step by step, and cut into batches that carry their state.
 *
 * ctest: timeout 600
 * ctest: cost 10 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "equalities_support.h"
#include "options_helper.h"

/* What is recalled is added to the state again and again, and with scores as weights by more than its size: some of these
 * networks grow beyond all numbers, where no stream goes on. */
static void keep_finite(struct sab_options *c)
{
    c->model.read_gain = 0.1;
    if (c->model.sparsifier == SAB_SPARSIFIER_RELEASE2019)
        c->model.write = SAB_WRITE_PROVISIONAL;
}

/* A step with a weight that is no number is refused, and leaves nothing behind. */
static void meet_no_number(struct problem *p, struct sab_stream *stream, const int32_t *ids, const sab_real *values, sab_real *y)
{
    struct sab_error err;
    sab_real *weight = &sab_model_tensor(p->model, 1)->data[0], was = *weight; /* of the state's product */
    *weight = NAN;
    (void)sab_model_evaluate(p->model, &p->batch, 1, NULL, NULL, NULL, &err); /* from here on it is what all compute with */
    assert_int_equal(sab_stream_step(stream, ids, values, y, &err), SAB_NUMERIC);
    *weight = was;
    assert_int_equal(sab_model_evaluate(p->model, &p->batch, 1, NULL, NULL, NULL, &err), SAB_OK);
}

/* Step by step, going on from a clone half-way; one step is tried before with what it cannot take. */
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
    sab_real *whole = equality_outputs(&p, &p.batch), *y = calloc((size_t)B * shape.O, sizeof *y);
    assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
    for (int t = 0; t < T; t++) {
        if (t == T / 2) {
            assert_int_equal(sab_stream_clone(&clone, stream, &err), SAB_OK);
            sab_stream_free(stream);
            stream = clone;
        }
        const int32_t *ids = p.batch.ids ? p.ids + t * B : NULL;
        const sab_real *values = p.batch.values ? p.values + t * B * shape.I : NULL;
        if (t == 1 + (int)(seed * 7 % (T - 1)))
            meet_no_number(&p, stream, ids, values, y);
        assert_int_equal(sab_stream_step(stream, ids, values, y, &err), SAB_OK);
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
    c->model.segments = 0;
    c->model.keep = problem_int(&state, 0, SAB_KEEP_RESERVOIR);
    c->model.k_top = problem_int(&state, 0, 3) ? c->model.k_top : 0;
    keep_finite(c);
    problem_make(&p, c, shape, T, B, seed);
    p.batch.lengths = NULL;
    sab_real *whole = equality_outputs(&p, &p.batch), *y = calloc((size_t)T * B * shape.O, sizeof *y);
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
    c->model.segments = 0;
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
    sab_real *past = equality_outputs(&p, &all), *anew = equality_outputs(&p, &later);
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
    c->model.segments = 0;
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

EQUALITY(steps_are_the_sequence)
EQUALITY(batches_are_the_sequence)
EQUALITY(fresh_is_without_a_past)
EQUALITY(carried_is_constant)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_are_the_sequence),
        cmocka_unit_test(test_batches_are_the_sequence),
        cmocka_unit_test(test_fresh_is_without_a_past),
        cmocka_unit_test(test_carried_is_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

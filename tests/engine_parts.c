/* Engines: parts of a batch, sequences alone, states brought along, and gradients of inputs and initial states against differences in
 * double.
 *
 * ctest: timeout 600 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine_support.h"
#include "options_helper.h"

/* Columns from .. from+n-1 of a batch without lengths, in arrays of their own. */
static struct sab_batch columns_of(const struct problem *p, int from, int n, struct problem *into)
{
    int T = p->batch.T, B = p->batch.B, I = p->shape.I, O = p->shape.O;
    for (int t = 0; t < T; t++)
        for (int b = 0; b < n; b++) {
            size_t x = (size_t)t * n + b, y = (size_t)t * B + from + b;
            into->ids[x] = p->ids[y], into->labels[x] = p->labels[y], into->weight[x] = p->weight[y];
            memcpy(into->values + x * I, p->values + y * I, (size_t)I * sizeof(sab_real));
            memcpy(into->targets + x * O, p->targets + y * O, (size_t)O * sizeof(sab_real));
        }
    struct sab_batch batch = into->batch;
    batch.B = n;
    batch.lengths = NULL;
    return batch;
}

static double total_of(const struct problem *p)
{
    double total = 0;
    for (int i = 0; i < p->batch.T * p->batch.B; i++)
        total += p->weight[i];
    return total;
}

/* Two parts with the total weight of both, the second added to the first, are the whole: to the bit where the cut is at the
 * root of the tree in which shards are summed, here 16 + 16 of 32. */
static void parts_are_the_whole(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p, part;
    struct sab_error err;
    B = 32;
    problem_make(&p, c, shape, T, B, seed);
    problem_make(&part, c, shape, T, B, seed);
    p.batch.lengths = NULL;
    struct sab_engine *engine = engine_of(&p, 1);
    struct back whole = back_make(&p, 1), sum = back_make(&p, 1);
    whole.request.dvalues = sum.request.dvalues = whole.request.dh0 = sum.request.dh0 = NULL;
    whole.request.dc0 = sum.request.dc0 = NULL;
    engine_must(sab_engine_gradient(engine, &p.batch, &whole.request, NULL, &err), &err);
    sum.request.total_weight = total_of(&p);
    for (int i = 0; i < 2; i++) {
        struct sab_batch half = columns_of(&p, 16 * i, 16, &part);
        sum.request.add = i;
        engine_must(sab_engine_gradient(engine, &half, &sum.request, NULL, &err), &err);
        if (i == 0) { /* and by a tape */
            struct sab_tape *tape = engine_record(engine, &half, NULL);
            engine_play(tape, &sum);
            sab_tape_free(tape);
        }
    }
    same_back(seed, &whole, &sum);
    sab_engine_free(engine);
    back_free(&whole), back_free(&sum);
    problem_free(&p), problem_free(&part);
}

/* The gradient of a sequence's inputs and initial state does not depend on the sequences beside it. */
static void alone_is_in_a_batch(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p, one;
    shape.input = SAB_INPUT_VALUES;
    problem_make(&p, c, shape, T, B, seed);
    problem_make(&one, c, shape, T, 1, seed);
    p.batch.lengths = NULL;
    struct sab_engine *engine = engine_of(&p, 2), *single = engine_of(&one, 1);
    int b = B / 2, O = shape.O, I = shape.I, H = c->model.hidden;
    struct sab_batch alone = columns_of(&p, b, 1, &one);
    struct back all = back_make(&p, 1), got = back_make(&one, 1);
    sab_real *dy = engine_room((size_t)T * B * O), *dy_one = engine_room((size_t)T * O);
    for (int i = 0; i < T * B * O; i++)
        dy[i] = (sab_real)cos(i);
    for (int t = 0; t < T; t++)
        memcpy(dy_one + t * O, dy + ((size_t)t * B + b) * O, (size_t)O * sizeof *dy);
    all.request.doutputs = dy, got.request.doutputs = dy_one;
    struct sab_tape *tape = engine_record(engine, &p.batch, NULL), *tape_one = engine_record(single, &alone, NULL);
    engine_play(tape, &all), engine_play(tape_one, &got);
    for (int t = 0; t < T; t++)
        same_bits("dvalues", seed, all.dvalues + ((size_t)t * B + b) * I, got.dvalues + (size_t)t * I, (size_t)I);
    for (int l = 0; l < c->model.layers; l++)
        same_bits("dh0", seed, all.dh0 + ((size_t)l * B + b) * H, got.dh0 + (size_t)l * H, (size_t)H);
    sab_tape_free(tape), sab_tape_free(tape_one);
    sab_engine_free(engine), sab_engine_free(single);
    back_free(&all), back_free(&got);
    free(dy), free(dy_one);
    problem_free(&p), problem_free(&one);
}

/* h0 and c0 of a batch are the state that a stream brings. */
static void brought_is_carried(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    struct sab_error err;
    struct sab_stream *stream;
    c->model.k_top = 0;
    shape = fitted(c, shape);
    problem_make(&p, c, shape, T, B, seed);
    p.batch.lengths = NULL;
    int H = c->model.hidden, O = shape.O;
    /* Two batches in a row by a stream; the state between is that of a network of one layer whose outputs are its states. */
    struct sab_engine *engine = engine_of(&p, 1);
    size_t n = (size_t)T * B * O;
    sab_real *with = engine_room(n), *without = engine_room(n), *h0 = calloc((size_t)c->model.layers * B * H, sizeof *h0);
    engine_must(sab_engine_forward(engine, &p.batch, without, NULL, NULL, NULL, &err), &err);
    struct sab_batch batch = p.batch;
    batch.h0 = h0;
    if (c->model.cell == SAB_CELL_LSTM)
        batch.c0 = h0;
    engine_must(sab_engine_forward(engine, &batch, with, NULL, NULL, NULL, &err), &err);
    same_bits("outputs", seed, with, without, n);
    engine_must(sab_stream_create(&stream, p.model, B, &err), &err);
    batch.state = stream;
    assert_int_equal(sab_engine_forward(engine, &batch, with, NULL, NULL, NULL, &err), SAB_INVALID);
    sab_stream_free(stream);
    sab_engine_free(engine);
    free(with), free(without), free(h0);
    problem_free(&p);
}

/* Gradients of inputs and initial states against differences of sum(r . outputs), in one window; only in double are
 * differences sharp enough. Without memory: reads have corners. */
static void gradients_are_differences(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    struct sab_error err;
    if (sizeof(sab_real) == sizeof(float))
        return;
    B = B % 5 + 1; /* each number is moved alone */
    shape.input = SAB_INPUT_VALUES;
    c->model.k_top = (int)(seed % 2); /* the softmax over one memory is 1 */
    c->model.sparsifier = SAB_SPARSIFIER_SOFTMAX;
    c->model.forward = c->model.backward = SAB_SPARSE;
    c->model.memory_slots = 1;
    c->model.segments = 0;
    c->model.k_trunc = T;
    c->model.mental_updates = 1;
    shape = fitted(c, shape);
    problem_make(&p, c, shape, T, B, seed);
    struct sab_engine *engine = engine_of(&p, 1);
    struct back got = back_make(&p, 1);
    size_t n = (size_t)T * B * shape.O;
    sab_real *y = engine_room(n), *r = engine_room(n), *h0 = engine_room(got.n_state), *c0 = engine_room(got.n_state);
    for (size_t i = 0; i < n; i++)
        r[i] = (sab_real)cos((double)i);
    for (size_t i = 0; i < got.n_state; i++)
        h0[i] = (sab_real)sin((double)i), c0[i] = (sab_real)cos((double)i);
    p.batch.h0 = h0;
    p.batch.c0 = c->model.cell == SAB_CELL_LSTM ? c0 : NULL;
    got.request.doutputs = r;
    struct sab_tape *tape = engine_record(engine, &p.batch, NULL);
    engine_play(tape, &got);
    sab_tape_free(tape);
    struct {
        sab_real *x, *dx;
        size_t n;
    } what[] = {{p.values, got.dvalues, got.n_values}, {h0, got.dh0, got.n_state}, {c0, got.dc0, got.n_state}};
    for (int w = 0; w < (c->model.cell == SAB_CELL_LSTM ? 3 : 2); w++) {
        double most = 0;
        for (size_t i = 0; i < what[w].n; i++)
            most = fmax(most, fabs((double)what[w].dx[i]));
        for (size_t i = seed % 7; i < what[w].n; i += what[w].n / 20 + 1) {
            double sums[2], e = 1e-6; /* 1e-5 sees the curvature of networks whose states grow (seed 21) */
            sab_real x = what[w].x[i];
            for (int side = 0; side < 2; side++) {
                what[w].x[i] = (sab_real)((double)x + (side ? -e : e));
                engine_must(sab_engine_forward(engine, &p.batch, y, NULL, NULL, NULL, &err), &err);
                sums[side] = 0;
                for (size_t j = 0; j < n; j++)
                    sums[side] += (double)r[j] * (double)y[j];
            }
            what[w].x[i] = x;
            double difference = (sums[0] - sums[1]) / (2 * e);
            if (fabs(difference - (double)what[w].dx[i]) > 1e-6 * (most + 1))
                fail_msg("seed %d, kind %d [%zu]: gradient %.12g, difference %.12g", (int)seed, w, i,
                         (double)what[w].dx[i], difference);
        }
    }
    sab_engine_free(engine);
    back_free(&got);
    free(y), free(r), free(h0), free(c0);
    problem_free(&p);
}

EQUALITY(parts_are_the_whole)
EQUALITY(alone_is_in_a_batch)
EQUALITY(brought_is_carried)
EQUALITY(gradients_are_differences)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_are_the_whole),
        cmocka_unit_test(test_alone_is_in_a_batch),
        cmocka_unit_test(test_brought_is_carried),
        cmocka_unit_test(test_gradients_are_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Engines and tapes: equalities to the bit over random configurations, gradients of inputs and initial states against
 * differences in double, and several engines on one model at once.
 *
 * ctest: timeout 600 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "problem.h"
#include "options_helper.h"

enum { CASES = 60 };

/* A random configuration of everything that changes the computation. */
static struct sab_shape random_case(struct sab_options *c, uint64_t *state)
{
    problem_config(c);
    c->model.cell = problem_int(state, 0, 2);
    c->model.hidden = problem_int(state, 1, 30);
    c->model.layers = problem_int(state, 1, 3);
    c->model.score = problem_int(state, 0, 2);
    c->model.sparsifier = problem_int(state, 0, c->model.score == SAB_SCORE_RELEASE2019 ? 2 : 1); /* raw scores as weights explode */
    c->model.read_floor = problem_int(state, 0, 1);
    c->model.write = problem_int(state, 0, 1);
    c->model.k_top = problem_int(state, 0, 5);
    c->model.k_att = problem_int(state, 1, 4);
    c->model.memory_slots = problem_int(state, 0, 2) ? 0 : problem_int(state, 1, 8);
    c->model.keep = c->model.memory_slots > 0 ? problem_int(state, 0, 4) : SAB_KEEP_RECENT;
    c->model.k_trunc = problem_int(state, 1, 12);
    c->model.mental_updates = problem_int(state, 0, 3) > 0;
    c->model.forward = problem_int(state, 0, 3) ? SAB_SPARSE : SAB_DENSE;
    c->model.backward = c->model.forward == SAB_DENSE ? problem_int(state, 0, 1) : SAB_SPARSE;
    c->model.recompute = problem_int(state, 0, 1);
    c->model.readout = problem_int(state, 0, 3) > 0;
    return SHAPE(problem_int(state, 0, 1), problem_int(state, 1, 9), problem_int(state, 0, 2),
                              problem_int(state, 1, 7));
}

/* Without a readout the outputs are h, or where there is a memory h and s. */
static struct sab_shape fitted(const struct sab_options *c, struct sab_shape shape)
{
    int has_s = c->model.model == SAB_KIND_RECURRENT && c->model.k_top > 0 && shape.O % 2;
    if (!c->model.readout && c->model.model != SAB_KIND_SEQ2SEQ)
        shape.O = c->model.hidden * (1 + has_s);
    return shape;
}

static void for_each_case(void (*check)(struct sab_options *config, struct sab_shape shape, int T, int B, uint64_t seed))
{
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        uint64_t state = seed;
        OPTIONS config = {0};
        struct sab_shape shape = random_case(&config, &state);
        int T = problem_int(&state, 1, 40), B = problem_int(&state, 1, 27); /* longer ones explode in some networks */
        check(&config, fitted(&config, shape), T, B, seed);
    }
}

static void must(int status, const struct sab_error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

static struct sab_engine *engine_of(struct problem *p, int threads)
{
    struct sab_engine *engine;
    struct sab_error err;
    must(sab_engine_create(&engine, p->model, threads, &err), &err);
    return engine;
}

static sab_real *room(size_t n)
{
    sab_real *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = NAN; /* what is not written is seen */
    return x;
}

/* All that a way back leaves. */
struct back {
    struct sab_request request;
    size_t n_grads, n_values, n_state;
    sab_real *grads, *dvalues, *dh0, *dc0;
};

static struct back back_make(const struct problem *p, int with_grads)
{
    struct back b = {.request.size = sizeof b.request};
    b.n_grads = sab_model_flat(p->model)->count;
    b.n_values = (size_t)p->batch.T * p->batch.B * p->shape.I;
    b.n_state = (size_t)p->config.model.layers * p->batch.B * p->config.model.hidden;
    b.grads = calloc(b.n_grads, sizeof *b.grads);
    b.dvalues = room(b.n_values), b.dh0 = room(b.n_state), b.dc0 = room(b.n_state);
    b.request.grads = with_grads ? b.grads : NULL;
    b.request.dvalues = p->shape.input == SAB_INPUT_VALUES ? b.dvalues : NULL;
    b.request.dh0 = p->config.model.model == SAB_KIND_RECURRENT ? b.dh0 : NULL;
    b.request.dc0 = p->config.model.model == SAB_KIND_RECURRENT && p->config.model.cell == SAB_CELL_LSTM ? b.dc0 : NULL;
    return b;
}

static void back_free(struct back *b)
{
    free(b->grads), free(b->dvalues), free(b->dh0), free(b->dc0);
}

static void same_bits(const char *what, uint64_t seed, const sab_real *a, const sab_real *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(a[i] == 0 && b[i] == 0))
            fail_msg("seed %llu, %s[%zu]: %.9g and %.9g", (unsigned long long)seed, what, i, (double)a[i], (double)b[i]);
}

static void same_back(uint64_t seed, const struct back *a, const struct back *b)
{
    same_bits("grads", seed, a->grads, b->grads, a->n_grads);
    if (a->request.dvalues)
        same_bits("dvalues", seed, a->dvalues, b->dvalues, a->n_values);
    if (a->request.dh0)
        same_bits("dh0", seed, a->dh0, b->dh0, a->n_state);
    if (a->request.dc0)
        same_bits("dc0", seed, a->dc0, b->dc0, a->n_state);
}

static struct sab_tape *record(struct sab_engine *engine, const struct sab_batch *batch, sab_real *outputs)
{
    struct sab_tape *tape;
    struct sab_error err;
    must(sab_engine_forward(engine, batch, outputs, NULL, NULL, &tape, &err), &err);
    return tape;
}

static void play(struct sab_tape *tape, const struct back *b)
{
    struct sab_error err;
    must(sab_tape_backward(tape, &b->request, &err), &err);
}

/* The gradient of the model's loss to its outputs: what the built-in way back begins with, from closed forms. */
static sab_real *gradient_of_outputs(const struct problem *p, const sab_real *y)
{
    int T = p->batch.T, B = p->batch.B, O = p->shape.O;
    sab_real *dy = room((size_t)T * B * O);
    double total = 0;
    for (int t = 0; t < T; t++)
        for (int b = 0; b < B; b++)
            total += t < p->lengths[b] ? p->weight[t * B + b] : 0;
    double scale = 1 / total;
    for (int t = 0; t < T; t++)
        for (int b = 0; b < B; b++) {
            size_t at = (size_t)t * B + b;
            double weight = t < p->lengths[b] ? p->weight[at] : 0, sum = 0, top = -INFINITY;
            const sab_real *row = y + at * O, *target = p->targets + at * O;
            sab_real *out = dy + at * O;
            if (t >= p->lengths[b])
                continue; /* stays NaN: nobody reads it */
            for (int o = 0; o < O; o++)
                top = fmax(top, (double)row[o]);
            for (int o = 0; o < O; o++) {
                out[o] = (sab_real)exp((double)row[o] - top);
                sum += exp((double)row[o] - top);
            }
            for (int o = 0; o < O; o++) {
                double e = (double)row[o] - (double)target[o], x = row[o], small = exp(-fabs(x));
                double sigmoid = (x >= 0 ? 1 : small) / (1 + small);
                if (!(weight > 0))
                    out[o] = 0;
                else if (p->shape.loss == SAB_LOSS_CROSS_ENTROPY)
                    out[o] = (sab_real)(scale * weight * ((double)out[o] / sum - (o == p->labels[at])));
                else if (p->shape.loss == SAB_LOSS_MSE)
                    out[o] = (sab_real)(scale * weight * 2 * e / O);
                else
                    out[o] = (sab_real)(scale * weight * (sigmoid - (double)target[o]) / O);
            }
        }
    return dy;
}

/* A tape's way back, with the own loss and with the caller's gradient of it, is that of there and back at once; again and
 * again, whatever else is recorded between. */
static void tapes_are_the_gradient(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p, q;
    struct sab_error err;
    problem_make(&p, c, shape, T, B, seed);
    problem_make(&q, c, shape, T / 2 + 1, B + 3, seed + 1);
    struct sab_engine *engine = engine_of(&p, 1);
    struct back expected = back_make(&p, 1), got = back_make(&p, 1), other = back_make(&q, 1);
    sab_real *y = room((size_t)T * B * shape.O);
    must(sab_engine_gradient(engine, &p.batch, &expected.request, NULL, &err), &err);
    struct sab_tape *tape = record(engine, &p.batch, y), *between = record(engine, &q.batch, NULL);
    for (int t = 0; t < T; t++)
        for (int b = 0; b < B; b++)
            for (int o = 0; t >= p.lengths[b] && o < shape.O; o++)
                if (y[((size_t)t * B + b) * shape.O + o] != 0)
                    fail_msg("seed %d: step %d of sequence %d, past its end, has an output that is not 0", (int)seed, t + 1, b);
    play(tape, &got);
    same_back(seed, &expected, &got);
    play(between, &other);
    sab_real *dy = gradient_of_outputs(&p, y);
    got.request.doutputs = dy;
    play(tape, &got);
    same_back(seed, &expected, &got);
    sab_tape_free(between), sab_tape_free(tape);
    back_free(&expected), back_free(&got), back_free(&other);
    free(y), free(dy);
    sab_engine_free(engine);
    problem_free(&p), problem_free(&q);
}

/* Tapes that are alive at once, played in either order, on two engines: each as if it were alone. */
static void tapes_do_not_meet(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p, q;
    problem_make(&p, c, shape, T, B, seed);
    problem_make(&q, c, shape, T, B, seed + 1000);
    struct sab_batch second = q.batch;
    struct sab_engine *engine = engine_of(&p, 1);
    struct back alone[2] = {back_make(&p, 1), back_make(&p, 1)}, got = back_make(&p, 1);
    for (int i = 0; i < 2; i++) {
        struct sab_tape *tape = record(engine, i ? &second : &p.batch, NULL);
        play(tape, &alone[i]);
        sab_tape_free(tape);
    }
    for (int order = 0; order < 2; order++) {
        struct sab_tape *tapes[2] = {record(engine, &p.batch, NULL), record(engine, &second, NULL)};
        for (int i = 0; i < 2; i++) {
            int which = order ? 1 - i : i;
            play(tapes[which], &got);
            same_back(seed, &alone[which], &got);
        }
        sab_tape_free(tapes[order]), sab_tape_free(tapes[1 - order]);
    }
    sab_engine_free(engine);
    back_free(&alone[0]), back_free(&alone[1]), back_free(&got);
    problem_free(&p), problem_free(&q);
}

/* Two engines, tapes of three batches, and whatever is asked of them in whatever order, mistakes among it: each answer is as if it
 * had been the only question. */
static void in_any_order(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    enum { BATCHES = 3, TAPES = 4, QUESTIONS = 30 };
    struct problem p[BATCHES];
    struct back expected[BATCHES], got[BATCHES];
    struct sab_tape *tapes[TAPES] = {NULL};
    int of[TAPES];
    uint64_t state = seed + 77;
    struct sab_error err;
    for (int k = 0; k < BATCHES; k++)
        problem_make(&p[k], c, shape, k == 1 ? T / 2 + 1 : T, k == 2 ? B + 9 : B, seed + (uint64_t)k);
    struct sab_engine *engines[2] = {engine_of(&p[0], 1), engine_of(&p[0], 3)};
    for (int k = 0; k < BATCHES; k++) {
        struct sab_engine *alone = engine_of(&p[0], 1);
        expected[k] = back_make(&p[k], 1), got[k] = back_make(&p[k], 1);
        must(sab_engine_gradient(alone, &p[k].batch, &expected[k].request, NULL, &err), &err);
        sab_engine_free(alone);
    }
    for (int n = 0; n < QUESTIONS; n++) {
        int k = problem_int(&state, 0, BATCHES - 1), slot = problem_int(&state, 0, TAPES - 1);
        struct sab_engine *engine = engines[problem_int(&state, 0, 1)];
        sab_real *weight = &sab_model_flat(p[0].model)->theta[0], before = *weight;
        struct sab_batch bad = p[k].batch;
        switch (problem_int(&state, 0, 6)) {
        case 0:
            must(sab_engine_gradient(engine, &p[k].batch, &got[k].request, NULL, &err), &err);
            same_back(seed, &expected[k], &got[k]);
            break;
        case 1:
            must(sab_engine_forward(engine, &p[k].batch, NULL, NULL, NULL, NULL, &err), &err);
            break;
        case 2: /* computed with other weights meanwhile; tapes are of the old ones */
            *weight += 1;
            must(sab_engine_forward(engine, &p[k].batch, NULL, NULL, NULL, NULL, &err), &err);
            if (tapes[slot])
                assert_int_equal(sab_tape_backward(tapes[slot], &got[of[slot]].request, &err), SAB_INVALID);
            *weight = before;
            break;
        case 3:
            bad.T = problem_int(&state, 0, 1) ? 0 : -1;
            assert_int_equal(sab_engine_gradient(engine, &bad, &got[k].request, NULL, &err), SAB_INVALID);
            assert_int_equal(sab_engine_set_device(engine, "nowhere", &err), SAB_INVALID);
            break;
        case 4:
            sab_tape_free(tapes[slot]);
            tapes[slot] = NULL;
            break;
        default:
            if (!tapes[slot]) {
                of[slot] = k;
                tapes[slot] = record(engine, &p[k].batch, NULL);
                break;
            }
            play(tapes[slot], &got[of[slot]]);
            same_back(seed, &expected[of[slot]], &got[of[slot]]);
        }
    }
    sab_engine_free(engines[seed % 2]); /* tapes may be freed after their engine */
    for (int i = 0; i < TAPES; i++)
        sab_tape_free(tapes[i]);
    sab_engine_free(engines[1 - seed % 2]);
    for (int k = 0; k < BATCHES; k++) {
        back_free(&expected[k]), back_free(&got[k]);
        problem_free(&p[k]);
    }
}

static void stored_threads_and_replayed(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p[2];
    struct back got[2];
    sab_real *y[2] = {room((size_t)T * B * shape.O), room((size_t)T * B * shape.O)};
    for (int i = 0; i < 2; i++) {
        c->model.recompute = i ? SAB_RECOMPUTE_ON : SAB_RECOMPUTE_OFF;
        problem_make(&p[i], c, shape, T, B, seed);
        got[i] = back_make(&p[i], 1);
        for (int threads = 1; threads <= 4; threads++) {
            struct sab_engine *engine = engine_of(&p[i], threads);
            struct sab_tape *tape = record(engine, &p[i].batch, y[i]);
            play(tape, &got[i]);
            sab_engine_free(engine); /* in odd order */
            sab_tape_free(tape);
            same_back(seed, &got[0], &got[i]);
            same_bits("outputs", seed, y[0], y[i], (size_t)T * B * shape.O);
        }
    }
    for (int i = 0; i < 2; i++)
        back_free(&got[i]), free(y[i]), problem_free(&p[i]);
}

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
    must(sab_engine_gradient(engine, &p.batch, &whole.request, NULL, &err), &err);
    sum.request.total_weight = total_of(&p);
    for (int i = 0; i < 2; i++) {
        struct sab_batch half = columns_of(&p, 16 * i, 16, &part);
        sum.request.add = i;
        must(sab_engine_gradient(engine, &half, &sum.request, NULL, &err), &err);
        if (i == 0) { /* and by a tape */
            struct sab_tape *tape = record(engine, &half, NULL);
            play(tape, &sum);
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
    sab_real *dy = room((size_t)T * B * O), *dy_one = room((size_t)T * O);
    for (int i = 0; i < T * B * O; i++)
        dy[i] = (sab_real)cos(i);
    for (int t = 0; t < T; t++)
        memcpy(dy_one + t * O, dy + ((size_t)t * B + b) * O, (size_t)O * sizeof *dy);
    all.request.doutputs = dy, got.request.doutputs = dy_one;
    struct sab_tape *tape = record(engine, &p.batch, NULL), *tape_one = record(single, &alone, NULL);
    play(tape, &all), play(tape_one, &got);
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
    sab_real *with = room(n), *without = room(n), *h0 = calloc((size_t)c->model.layers * B * H, sizeof *h0);
    must(sab_engine_forward(engine, &p.batch, without, NULL, NULL, NULL, &err), &err);
    struct sab_batch batch = p.batch;
    batch.h0 = h0;
    if (c->model.cell == SAB_CELL_LSTM)
        batch.c0 = h0;
    must(sab_engine_forward(engine, &batch, with, NULL, NULL, NULL, &err), &err);
    same_bits("outputs", seed, with, without, n);
    must(sab_stream_create(&stream, p.model, B, &err), &err);
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
    c->model.k_trunc = T;
    c->model.mental_updates = 1;
    shape = fitted(c, shape);
    problem_make(&p, c, shape, T, B, seed);
    struct sab_engine *engine = engine_of(&p, 1);
    struct back got = back_make(&p, 1);
    size_t n = (size_t)T * B * shape.O;
    sab_real *y = room(n), *r = room(n), *h0 = room(got.n_state), *c0 = room(got.n_state);
    for (size_t i = 0; i < n; i++)
        r[i] = (sab_real)cos((double)i);
    for (size_t i = 0; i < got.n_state; i++)
        h0[i] = (sab_real)sin((double)i), c0[i] = (sab_real)cos((double)i);
    p.batch.h0 = h0;
    p.batch.c0 = c->model.cell == SAB_CELL_LSTM ? c0 : NULL;
    got.request.doutputs = r;
    struct sab_tape *tape = record(engine, &p.batch, NULL);
    play(tape, &got);
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
            double sums[2], e = 1e-5;
            sab_real x = what[w].x[i];
            for (int side = 0; side < 2; side++) {
                what[w].x[i] = (sab_real)((double)x + (side ? -e : e));
                must(sab_engine_forward(engine, &p.batch, y, NULL, NULL, NULL, &err), &err);
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

/* The other networks go the same ways. */
static void other_networks(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    c->model.model = seed % 2 ? SAB_KIND_TRANSFORMER : SAB_KIND_SEQ2SEQ;
    c->model.layers = c->model.model == SAB_KIND_SEQ2SEQ ? 1 : c->model.layers;
    c->model.hidden = 2 * (c->model.hidden / 2 + 1);
    c->model.heads = 2;
    c->model.forward = c->model.backward = SAB_SPARSE;
    if (c->model.model == SAB_KIND_SEQ2SEQ)
        shape.loss = SAB_LOSS_CROSS_ENTROPY;
    shape = fitted(c, shape);
    tapes_are_the_gradient(c, shape, T, B, seed);
    tapes_do_not_meet(c, shape, T, B, seed);
}

/* ---- a layer ---- */

/* The network without its readout, of the same weights: V1, V2 and b applied to what it puts out are the outputs of the whole,
 * and their way back begins with what its doutputs are. */
static void a_layer_and_a_readout_are_the_whole(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem whole, layer;
    struct sab_shape state = {sizeof state, shape.input, shape.I, SAB_LOSS_NONE, 0};
    shape.O = (int)(seed % 7) + 1;
    c->model.readout = 1;
    problem_make(&whole, c, shape, T, B, seed);
    c->model.readout = 0;
    int O = shape.O, H = c->model.hidden;
    state.O = c->model.k_top > 0 ? 2 * H : H;
    problem_make(&layer, c, state, T, B, seed);
    layer.batch = whole.batch;
    layer.batch.labels = NULL, layer.batch.targets = NULL;
    struct sab_engine *of_whole = engine_of(&whole, 1), *of_layer = engine_of(&layer, 1);
    struct sab_flat flat = *sab_model_flat(layer.model);
    memcpy(flat.theta, sab_model_flat(whole.model)->theta, flat.count * sizeof *flat.theta);
    size_t rows = (size_t)T * B;
    sab_real *y = room(rows * O), *x = room(rows * state.O), *dy = room(rows * O), *dx = room(rows * state.O);
    struct back expected = back_make(&whole, 1), got = back_make(&layer, 1);
    struct sab_tape *tape = record(of_whole, &whole.batch, y), *tape_layer = record(of_layer, &layer.batch, x);
    const sab_real *V[2] = {NULL, NULL}, *b = NULL;
    for (int i = 0; i < sab_model_tensor_count(whole.model); i++) {
        struct sab_tensor t = *sab_model_tensor(whole.model, i);
        V[0] = strcmp(t.name, "V1") == 0 ? t.data : V[0], V[1] = strcmp(t.name, "V2") == 0 ? t.data : V[1];
        b = strcmp(t.name, "b") == 0 ? t.data : b;
    }
    for (size_t r = 0; r < rows; r++) {
        if ((int)(r / (size_t)B) >= whole.lengths[r % (size_t)B])
            continue;
        for (int k = 0; k < state.O; k++)
            dx[r * state.O + k] = 0;
        for (int o = 0; o < O; o++) {
            double sum = (double)b[o], size = fabs(sum);
            dy[r * O + o] = (sab_real)cos((double)(r * O + o));
            for (int k = 0; k < state.O; k++) {
                double v = (double)V[k / H][(size_t)(k % H) * O + o];
                sum += v * (double)x[r * state.O + k], size += fabs(v * (double)x[r * state.O + k]);
                dx[r * state.O + k] += (sab_real)v * dy[r * O + o];
            }
            if (fabs(sum - (double)y[r * O + o]) > 1e-5 * (size + 1)) /* rounding of 60 terms */
                fail_msg("seed %d: output %zu, %d is %.9g, by hand %.9g", (int)seed, r, o, (double)y[r * O + o], sum);
        }
    }
    expected.request.doutputs = dy, got.request.doutputs = dx;
    play(tape, &expected), play(tape_layer, &got);
    double most = 0;
    for (size_t i = 0; i < flat.count; i++)
        most = fmax(most, fabs((double)expected.grads[i]));
    for (size_t i = 0; i < flat.count; i++)
        if (fabs((double)(expected.grads[i] - got.grads[i])) > 1e-4 * most + 1e-12) /* rounding, through windows of relu */
            fail_msg("seed %d: gradient %zu is %.9g, of the layer %.9g", (int)seed, i, (double)expected.grads[i],
                     (double)got.grads[i]);
    sab_tape_free(tape), sab_tape_free(tape_layer);
    sab_engine_free(of_whole), sab_engine_free(of_layer);
    back_free(&expected), back_free(&got);
    free(y), free(x), free(dy), free(dx);
    problem_free(&whole), problem_free(&layer);
}

/* Its outputs step by step are those of whole sequences, and a file keeps it. */
static void test_a_layer_is_streamed_and_saved(void **unused)
{
    (void)unused;
    enum { T = 12, B = 3, I = 5, H = 12 };
    OPTIONS config = {0};
    struct problem p;
    struct sab_error err;
    struct sab_stream *stream;
    struct sab_model *loaded;
    char digest[2][33];
    const char *path = "layer.safetensors";
    problem_config(&config);
    config.model.readout = 0;
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, I, SAB_LOSS_NONE, 2 * H), T, B, 5);
    p.batch.lengths = NULL, p.batch.targets = NULL;
    sab_real y[T * B * 2 * H], step[B * 2 * H];
    must(sab_model_evaluate(p.model, &p.batch, 1, y, NULL, NULL, &err), &err);
    must(sab_stream_create(&stream, p.model, B, &err), &err);
    for (int t = 0; t < T; t++) {
        must(sab_stream_step(stream, p.ids + t * B, NULL, step, &err), &err);
        same_bits("step", 5, y + t * B * 2 * H, step, B * 2 * H);
    }
    sab_stream_free(stream);
    must(sab_model_save(p.model, path, &err), &err);
    must(sab_model_load(&loaded, path, &err), &err);
    remove(path);
    sab_model_digest(p.model, digest[0]);
    sab_model_digest(loaded, digest[1]);
    assert_string_equal(digest[0], digest[1]);
    assert_int_equal(sab_model_shape(loaded)->loss, SAB_LOSS_NONE);
    assert_int_equal(sab_model_tensor_count(loaded), 7); /* no V1, V2, b */
    sab_model_free(loaded);
    problem_free(&p);
}

static void test_a_layer_is_refused(void **unused)
{
    (void)unused;
    enum { T = 4, B = 2, I = 5, H = 12 };
    static const struct {
        int k_top, O;
        const char *named;
    } bad[] = {{3, 13, "--hidden, 12, or 24 with"}, {0, 24, "--hidden, 12; it is 24"}, {3, 1, "it is 1"}};
    OPTIONS config = {0};
    struct sab_error err;
    struct sab_model *model = NULL;
    struct problem p;
    problem_config(&config);
    config.model.readout = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sab_shape shape = {sizeof shape, SAB_INPUT_IDS, I, SAB_LOSS_NONE, bad[i].O};
        config.model.k_top = bad[i].k_top;
        assert_int_equal(sab_model_create(&model, &config, &shape, &err), SAB_INVALID);
        if (!strstr(err.message, bad[i].named))
            fail_msg("expected \"%s\" in: %s", bad[i].named, err.message);
    }
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, I, SAB_LOSS_NONE, H), T, B, 5);
    assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, NULL, &err), SAB_INVALID); /* brings targets */
    assert_non_null(strstr(err.message, "no loss of its own"));
    p.batch.targets = NULL;
    assert_int_equal(sab_model_gradient(p.model, &p.batch, 1, NULL, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "no loss of its own"));
    problem_free(&p);
}

/* ---- several threads ---- */

struct task {
    struct problem *p;
    int kind; /* 0: forward, 1: tape, 2: stream, 3: gradient */
    sab_real *outputs;
    struct back back;
    char digest[33];
};

static void *work(void *argument)
{
    struct task *task = argument;
    struct problem *p = task->p;
    struct sab_batch batch = p->batch;
    int B = batch.B, O = p->shape.O;
    sab_model_digest(p->model, task->digest);
    if (task->kind == 2) {
        struct sab_stream *stream;
        if (sab_stream_create(&stream, p->model, B, NULL))
            return NULL;
        for (int t = 0; t < batch.T; t++)
            sab_stream_step(stream, p->ids + t * B, NULL, task->outputs + (size_t)t * B * O, NULL);
        sab_stream_free(stream);
        return task;
    }
    struct sab_engine *engine;
    struct sab_tape *tape = NULL;
    if (sab_engine_create(&engine, p->model, 1, NULL))
        return NULL;
    int status = 0;
    for (int i = 0; i < 5 && !status; i++) {
        status = sab_engine_forward(engine, &batch, task->outputs, NULL, NULL, task->kind == 1 ? &tape : NULL, NULL);
        if (!status && task->kind == 3)
            status = sab_engine_gradient(engine, &batch, &task->back.request, NULL, NULL);
        if (!status && tape)
            status = sab_tape_backward(tape, &task->back.request, NULL);
        sab_tape_free(tape);
        tape = NULL;
    }
    sab_engine_free(engine);
    return status ? NULL : task;
}

/* Engines, their tapes and streams on one model, each in a thread of its own, from weights that nobody has packed yet. */
static void test_threads_share_a_model(void **unused)
{
    (void)unused;
    enum { THREADS = 8, T = 30, B = 5, I = 5, O = 4 };
    OPTIONS config = {0};
    struct problem p;
    struct task tasks[THREADS];
    pthread_t threads[THREADS];
    problem_config(&config);
    for (int round = 0; round < 20; round++) {
        problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, I, SAB_LOSS_CROSS_ENTROPY, O), T, B, 5);
        p.batch.lengths = NULL;
        for (int i = 0; i < THREADS; i++) {
            tasks[i] = (struct task){&p, i % 4, room(T * B * O), back_make(&p, 1), ""};
            assert_int_equal(pthread_create(&threads[i], NULL, work, &tasks[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            void *result;
            assert_int_equal(pthread_join(threads[i], &result), 0);
            assert_non_null(result);
        }
        for (int i = 1; i < THREADS; i++)
            assert_string_equal(tasks[i].digest, tasks[0].digest);
        for (int i = 1; i < THREADS; i++)
            same_bits("outputs", (uint64_t)round, tasks[0].outputs, tasks[i].outputs, T * B * O);
        for (int i = 3; i < THREADS; i += 2)
            same_back((uint64_t)round, &tasks[1].back, &tasks[i].back);
        for (int i = 0; i < THREADS; i++)
            free(tasks[i].outputs), back_free(&tasks[i].back);
        problem_free(&p);
    }
}

/* Tapes on their way to a thread that frees them. */
struct passing {
    pthread_mutex_t lock;
    struct sab_tape *tapes[8];
    int count, is_over;
};

static void *free_what_comes(void *argument)
{
    struct passing *passing = argument;
    for (int is_over = 0; !is_over;) {
        pthread_mutex_lock(&passing->lock);
        struct sab_tape *tape = passing->count > 0 ? passing->tapes[--passing->count] : NULL;
        is_over = !tape && passing->is_over;
        pthread_mutex_unlock(&passing->lock);
        sab_tape_free(tape);
    }
    return NULL;
}

static void pass(struct passing *passing, struct sab_tape *tape)
{
    for (int is_taken = 0; !is_taken;) {
        pthread_mutex_lock(&passing->lock);
        is_taken = passing->count < 8;
        if (is_taken)
            passing->tapes[passing->count++] = tape;
        pthread_mutex_unlock(&passing->lock);
    }
}

/* A garbage collector frees tapes in whatever thread it runs, while the engine computes, and after the engine is freed. */
static void test_tapes_are_freed_by_other_threads(void **unused)
{
    (void)unused;
    enum { COLLECTORS = 3, TAPES = 400, ENGINES = 4 };
    OPTIONS config = {0};
    struct problem p;
    struct passing passing = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t collectors[COLLECTORS];
    problem_config(&config);
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4), 3, 2, 5);
    struct sab_batch shorter = p.batch;
    shorter.T = 2;
    shorter.lengths = NULL; /* of another kind: spare ones are dropped */
    for (int i = 0; i < COLLECTORS; i++)
        assert_int_equal(pthread_create(&collectors[i], NULL, free_what_comes, &passing), 0);
    struct back expected = back_make(&p, 1), got = back_make(&p, 1);
    for (int n = 0; n < ENGINES; n++) {
        struct sab_engine *engine = engine_of(&p, 1);
        for (int i = 0; i < TAPES; i++) {
            struct sab_tape *tape = record(engine, i % 7 == 3 ? &shorter : &p.batch, NULL);
            if (i % 7 != 3) {
                play(tape, n + i == 0 ? &expected : &got);
                if (n + i > 0)
                    same_back((uint64_t)i, &expected, &got);
            }
            pass(&passing, tape);
        }
        sab_engine_free(engine);
    }
    pthread_mutex_lock(&passing.lock);
    passing.is_over = 1;
    pthread_mutex_unlock(&passing.lock);
    for (int i = 0; i < COLLECTORS; i++)
        pthread_join(collectors[i], NULL);
    back_free(&expected), back_free(&got);
    problem_free(&p);
}

/* ---- refusals ---- */

static void test_refusals(void **unused)
{
    (void)unused;
    enum { T = 9, B = 3 };
    OPTIONS config = {0};
    struct problem p;
    struct sab_error err;
    sab_real some[T * B * 40] = {0};
    problem_config(&config);
    config.model.cell = SAB_CELL_GRU;
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4), T, B, 5);
    struct sab_engine *engine = engine_of(&p, 1);
    struct sab_tape *tape = record(engine, &p.batch, NULL);
    const struct {
        struct sab_request request;
        const char *named;
    } bad[] = {
        {{.size = 0}, "size = 0"},
        {{.size = 4096}, "size = 4096"},
        {{.size = sizeof(struct sab_request), .dvalues = some}, "dvalues"},
        {{.size = sizeof(struct sab_request), .dc0 = some}, "gru has no c"},
        {{.size = sizeof(struct sab_request), .total_weight = -1}, "total_weight -1"},
        {{.size = sizeof(struct sab_request), .total_weight = NAN}, "total_weight"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(sab_tape_backward(tape, &bad[i].request, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, bad[i].named));
        assert_int_equal(sab_engine_gradient(engine, &p.batch, &bad[i].request, NULL, &err), SAB_INVALID);
    }
    struct sab_request doutputs = {.size = sizeof doutputs, .doutputs = some};
    assert_int_equal(sab_engine_gradient(engine, &p.batch, &doutputs, NULL, &err), SAB_INVALID);
    assert_int_equal(sab_tape_backward(tape, &doutputs, &err), SAB_OK);
    struct sab_batch brings_c = p.batch;
    brings_c.c0 = some;
    assert_int_equal(sab_engine_forward(engine, &brings_c, NULL, NULL, NULL, NULL, &err), SAB_INVALID);
    /* other weights; and the first ones again */
    sab_real *weight = sab_model_flat(p.model)->theta, before = *weight;
    *weight += 1;
    assert_int_equal(sab_tape_backward(tape, &doutputs, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "weights have changed"));
    *weight = before;
    assert_int_equal(sab_tape_backward(tape, &doutputs, &err), SAB_OK);
    sab_tape_free(tape);
    sab_engine_free(engine);
    problem_free(&p);
}

#define EQUALITY(name)                \
    static void test_##name(void **s) \
    {                                 \
        (void)s;                      \
        for_each_case(name);          \
    }
EQUALITY(tapes_are_the_gradient)
EQUALITY(tapes_do_not_meet)
EQUALITY(in_any_order)
EQUALITY(stored_threads_and_replayed)
EQUALITY(parts_are_the_whole)
EQUALITY(alone_is_in_a_batch)
EQUALITY(brought_is_carried)
EQUALITY(gradients_are_differences)
EQUALITY(other_networks)
EQUALITY(a_layer_and_a_readout_are_the_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_tapes_are_the_gradient),
        cmocka_unit_test(test_tapes_do_not_meet),
        cmocka_unit_test(test_in_any_order),
        cmocka_unit_test(test_stored_threads_and_replayed),
        cmocka_unit_test(test_parts_are_the_whole),
        cmocka_unit_test(test_alone_is_in_a_batch),
        cmocka_unit_test(test_brought_is_carried),
        cmocka_unit_test(test_gradients_are_differences),
        cmocka_unit_test(test_other_networks),
        cmocka_unit_test(test_a_layer_and_a_readout_are_the_whole),
        cmocka_unit_test(test_a_layer_is_streamed_and_saved),
        cmocka_unit_test(test_a_layer_is_refused),
        cmocka_unit_test(test_threads_share_a_model),
        cmocka_unit_test(test_tapes_are_freed_by_other_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

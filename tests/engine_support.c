/* See engine_support.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "credit/engine.h"
#include "engine_support.h"
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
    c->model.keep = c->model.memory_slots > 0 ? problem_int(state, 0, SAB_KEEP_RESERVOIR) : SAB_KEEP_RECENT;
    c->model.k_trunc = problem_int(state, 1, 12);
    c->model.mental_updates = problem_int(state, 0, 3) > 0;
    c->model.forward = problem_int(state, 0, 3) ? SAB_SPARSE : SAB_DENSE;
    c->model.backward = c->model.forward == SAB_DENSE ? problem_int(state, 0, 1) : SAB_SPARSE;
    c->model.recompute = problem_int(state, 0, 1);
    c->model.readout = problem_int(state, 0, 3) > 0;
    c->model.pool = problem_int(state, 0, SAB_POOL_ATTENTION);
    int may_segment = c->model.memory_slots == 0 && c->model.forward == SAB_SPARSE && problem_int(state, 0, 1);
    c->model.segments = may_segment ? problem_int(state, 1, 6) : 0;
    return SHAPE(problem_int(state, 0, 1), problem_int(state, 1, 9), problem_int(state, 0, 2),
                              problem_int(state, 1, 7));
}

struct sab_shape fitted(const struct sab_options *c, struct sab_shape shape)
{
    int has_s = c->model.model == SAB_KIND_RECURRENT && c->model.k_top > 0 && shape.O % 2;
    if (!c->model.readout && c->model.model != SAB_KIND_SEQ2SEQ)
        shape.O = c->model.hidden * (1 + has_s);
    return shape;
}

void for_each_case(void (*check)(struct sab_options *config, struct sab_shape shape, int T, int B, uint64_t seed))
{
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        uint64_t state = seed;
        OPTIONS config = {0};
        struct sab_shape shape = random_case(&config, &state);
        int T = problem_int(&state, 1, 40), B = problem_int(&state, 1, 27); /* longer ones explode in some networks */
        check(&config, fitted(&config, shape), T, B, seed);
    }
}

void engine_must(int status, const struct sab_error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

struct sab_engine *engine_of(struct problem *p, int threads)
{
    struct sab_engine *engine;
    struct sab_error err;
    engine_must(sab_engine_create(&engine, p->model, threads, &err), &err);
    return engine;
}

sab_real *engine_room(size_t n)
{
    sab_real *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = NAN; /* what is not written is seen */
    return x;
}

struct back back_make(const struct problem *p, int with_grads)
{
    struct back b = {.request.size = sizeof b.request};
    b.n_grads = sab_model_flat(p->model)->count;
    b.n_values = (size_t)p->batch.T * p->batch.B * p->shape.I;
    b.n_state = (size_t)p->config.model.layers * p->batch.B * p->config.model.hidden;
    b.grads = calloc(b.n_grads, sizeof *b.grads);
    b.dvalues = engine_room(b.n_values), b.dh0 = engine_room(b.n_state), b.dc0 = engine_room(b.n_state);
    b.request.grads = with_grads ? b.grads : NULL;
    b.request.dvalues = p->shape.input == SAB_INPUT_VALUES ? b.dvalues : NULL;
    b.request.dh0 = p->config.model.model == SAB_KIND_RECURRENT ? b.dh0 : NULL;
    b.request.dc0 = p->config.model.model == SAB_KIND_RECURRENT && p->config.model.cell == SAB_CELL_LSTM ? b.dc0 : NULL;
    return b;
}

void back_free(struct back *b)
{
    free(b->grads), free(b->dvalues), free(b->dh0), free(b->dc0);
}

void same_bits(const char *what, uint64_t seed, const sab_real *a, const sab_real *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(a[i] == 0 && b[i] == 0))
            fail_msg("seed %llu, %s[%zu]: %.9g and %.9g", (unsigned long long)seed, what, i, (double)a[i], (double)b[i]);
}

void same_back(uint64_t seed, const struct back *a, const struct back *b)
{
    same_bits("grads", seed, a->grads, b->grads, a->n_grads);
    if (a->request.dvalues)
        same_bits("dvalues", seed, a->dvalues, b->dvalues, a->n_values);
    if (a->request.dh0)
        same_bits("dh0", seed, a->dh0, b->dh0, a->n_state);
    if (a->request.dc0)
        same_bits("dc0", seed, a->dc0, b->dc0, a->n_state);
}

struct sab_tape *engine_record(struct sab_engine *engine, const struct sab_batch *batch, sab_real *outputs)
{
    struct sab_tape *tape;
    struct sab_error err;
    engine_must(sab_engine_forward(engine, batch, outputs, NULL, NULL, &tape, &err), &err);
    return tape;
}

void engine_play(struct sab_tape *tape, const struct back *b)
{
    struct sab_error err;
    engine_must(sab_tape_backward(tape, &b->request, &err), &err);
}

struct same_work same_work_begin(struct problem *p, uint64_t seed)
{
    size_t n = (size_t)p->batch.T * p->batch.B * p->shape.O;
    return (struct same_work){.p = p, .seed = seed, .expected = back_make(p, 1), .got = back_make(p, 1),
                              .y = {engine_room(n), engine_room(n)}};
}

void same_work_of(struct same_work *w, struct sab_engine *engine, const char *how)
{
    struct sab_error err;
    struct sab_metrics metrics = {.size = sizeof metrics};
    const struct sab_batch *batch = &w->p->batch;
    int is_first = w->n++ == 0;
    size_t n = (size_t)batch->T * batch->B * w->p->shape.O;
    struct back *back = is_first ? &w->expected : &w->got;
    engine_must(sab_engine_gradient(engine, batch, &back->request, &metrics, &err), &err);
    engine_must(sab_engine_forward(engine, batch, w->y[!is_first], NULL, NULL, NULL, &err), &err);
    if (is_first) {
        w->first = metrics;
    } else {
        const struct sab_metrics *a = &w->first, *b = &metrics;
        if (memcmp(&a->loss, &b->loss, sizeof a->loss) || memcmp(&a->grad_norm, &b->grad_norm, sizeof a->grad_norm))
            fail_msg("seed %d, %s: loss %.17g and norm %.17g, the first %.17g and %.17g", (int)w->seed, how, b->loss, b->grad_norm, a->loss,
                     a->grad_norm);
        same_back(w->seed, &w->expected, &w->got);
        same_bits("outputs", w->seed, w->y[0], w->y[1], n);
    }
    struct sab_tape *tape = engine_record(engine, batch, w->y[1]);
    engine_play(tape, &w->got);
    same_back(w->seed, &w->expected, &w->got);
    same_bits("outputs of a tape", w->seed, w->y[0], w->y[1], n);
    sab_tape_free(tape);
    sab_engine_free(engine);
}

void same_work_end(struct same_work *w)
{
    back_free(&w->expected), back_free(&w->got);
    free(w->y[0]), free(w->y[1]);
}

sab_real *gradient_of_outputs(const struct problem *p, const sab_real *y)
{
    int T = p->batch.T, B = p->batch.B, O = p->shape.O;
    sab_real *dy = engine_room((size_t)T * B * O);
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

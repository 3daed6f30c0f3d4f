/* Layers in other people's networks (sab_cuda.h), in the host's form: outputs, the states that sequences end with, what they
 * remember, and all gradients, against the processor's engine and its tapes, of random networks. What was not written before
 * is NaN. Sums differ in their order: 1e-10 of the largest number in double, 1e-5 in float. Networks that turn roundings into more
 * are told by the processor alone, as in tests/gpu.c: its own results move as far when every weight is changed in its last bits.
 *
 * ctest: timeout 300
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "model/model.h"
#include "options_helper.h"
#include "problem.h"
#include "sab_cuda.h"

#ifdef SAB_DOUBLE
#define TOLERANCE 1e-10
#else
#define TOLERANCE 1e-5
#endif

enum { RUNS = 200 };

static void *fresh(size_t nbytes)
{
    void *block = malloc(nbytes + 1);
    memset(block, 0xff, nbytes + 1);
    return block;
}

static sab_real *numbers(size_t n, double scale, uint64_t *state)
{
    sab_real *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (sab_real)(scale * (2 * problem_uniform(state) - 1));
    return x;
}

/* Factors of dropout: one in four is 0. */
static sab_real *drawn_mask(size_t n, uint64_t *state)
{
    sab_real *x = fresh(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = problem_int(state, 0, 3) ? (sab_real)(4 / 3.0) : 0;
    return x;
}

/* One network, and everything of one batch of it. */
struct layers {
    struct sab_model *model;
    struct sab_engine *engine;
    struct sab_cuda *cuda;
    struct sab_stream *stream; /* NULL: it does not go on */
    int T, B, H, L, O, N;
    const char *what;
    /* to be asked again, with other weights: */
    const struct sab_batch *batch;
    const sab_real *dout;
    const struct sab_stream *before; /* what the batch went on from */
    double unrest;                   /* negative: nobody has asked */
};

/* What a batch gives, there and back; NULL what is not asked for. */
struct results {
    sab_real *out, *hn, *cn, *grads, *dx, *dh0, *dc0, *memories;
};

enum { ARRAYS = sizeof(struct results) / sizeof(sab_real *) };

static void by_the_engine(const struct layers *y, struct sab_stream *stream, const struct results *r)
{
    struct sab_error err;
    struct sab_tape *tape;
    struct sab_batch batch = *y->batch;
    batch.state = stream, batch.hn = r->hn, batch.cn = r->cn;
    if (sab_engine_forward(y->engine, &batch, r->out, NULL, NULL, &tape, &err))
        fail_msg("%s: %s", err.message, y->what);
    struct sab_request request = {.size = sizeof request, .doutputs = y->dout, .grads = r->grads, .dvalues = r->dx, .dh0 = r->dh0,
                                  .dc0 = r->dc0};
    if (sab_tape_backward(tape, &request, &err))
        fail_msg("%s: %s", err.message, y->what);
    sab_tape_free(tape);
    if (stream)
        sab_stream_get(stream, NULL, NULL, r->memories, NULL, NULL);
}

static void counts_of(const struct layers *y, size_t counts[ARRAYS])
{
    const size_t start = (size_t)y->L * y->B * y->H, steps = (size_t)y->T * y->B;
    const size_t of[ARRAYS] = {steps * y->O, start, start, sab_model_flat(y->model)->count, steps * y->model->shape.I, start, start,
                               (size_t)y->N * start};
    memcpy(counts, of, sizeof of);
}

/* How far the engine's own results move when every weight is moved by a rounding or so, as a share of the largest number of each: the
 * most of some trials. */
static double find_unrest(const struct layers *y)
{
    struct sab_flat flat = *sab_model_flat(y->model);
    const int has_c = y->model->cell->has_c, has_dx = y->batch->values != NULL;
    sab_real *theta = calloc(flat.count, sizeof *theta), *arrays[2][ARRAYS];
    size_t counts[ARRAYS];
    double most = 0;
    uint64_t state = 1;
    counts_of(y, counts);
    for (int i = 0; i < 2 * ARRAYS; i++)
        arrays[i / ARRAYS][i % ARRAYS] = calloc(counts[i % ARRAYS] + 1, sizeof(sab_real));
    memcpy(theta, flat.theta, flat.count * sizeof *theta);
    for (int trial = 0; trial <= 60; trial++) { /* the first as it is */
        sab_real **to = arrays[trial > 0];
        struct results r = {to[0], to[1], has_c ? to[2] : NULL, to[3], has_dx ? to[4] : NULL, to[5], has_c ? to[6] : NULL, to[7]};
        struct sab_stream *stream = NULL;
        struct sab_error err;
        if (y->before && sab_stream_clone(&stream, y->before, &err))
            fail_msg("%s", err.message);
        for (size_t i = 0; i < flat.count && trial > 0; i++)
            flat.theta[i] = theta[i] * (1 + problem_int(&state, -4, 4) * (sizeof(sab_real) == 8 ? (sab_real)0x1p-52 : (sab_real)0x1p-23));
        by_the_engine(y, stream, &r);
        sab_stream_free(stream);
        for (int i = 0; i < ARRAYS && trial > 0; i++) {
            double largest = 1e-3, off = 0;
            for (size_t j = 0; j < counts[i]; j++) {
                largest = fmax(largest, fabs((double)arrays[0][i][j]));
                off = fmax(off, fabs((double)arrays[0][i][j] - (double)arrays[1][i][j]));
            }
            most = fmax(most, off / largest);
        }
    }
    memcpy(flat.theta, theta, flat.count * sizeof *theta);
    for (int i = 0; i < 2 * ARRAYS; i++)
        free(arrays[i / ARRAYS][i % ARRAYS]);
    free(theta);
    return most;
}

static void compare(struct layers *y, const char *name, const sab_real *want, const sab_real *got, size_t n)
{
    double most = 1e-3, off = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)want[i]));
        off = isfinite((double)got[i]) ? fmax(off, fabs((double)want[i] - (double)got[i])) : INFINITY;
    }
    if (off <= TOLERANCE * most)
        return;
    if (y->unrest < 0)
        y->unrest = find_unrest(y);
    if (!(off <= 10 * y->unrest * most))
        fail_msg("%s: off by %.3g of %.3g, and a change of all weights by a rounding moves the engine's by %.3g: %s", name, off, most,
                 y->unrest * most, y->what);
}

static void compare_whole(const struct layers *y, const char *name, const int32_t *want, const int32_t *got, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (want[i] != got[i])
            fail_msg("%s[%zu]: %d and not %d: %s", name, i, got[i], want[i], y->what);
}

static void draw(struct sab_options *config, uint64_t *state)
{
    struct sab_model_options *m = &config->model;
    problem_config(config);
    m->readout = 0;
    m->cell = problem_int(state, 0, 2);
    m->hidden = problem_int(state, 1, 40);
    m->layers = problem_int(state, 1, 2);
    m->attention_width = problem_int(state, 0, 1) ? problem_int(state, 1, 30) : 0;
    m->score = problem_int(state, 0, 1) ? SAB_SCORE_MLP : SAB_SCORE_DOT;
    m->sparsifier = problem_int(state, 0, 1) ? SAB_SPARSIFIER_RELU : SAB_SPARSIFIER_SOFTMAX;
    m->write = problem_int(state, 0, 1) ? SAB_WRITE_STATE : SAB_WRITE_PROVISIONAL;
    /* Where what is written is read, or the cell hands its state on undamped, a gain of 1 makes states of 1e6 of 24 steps and of 1e13 of
     * 48. Gates are then 0 or 1 but for a rounding, of which the gradient is that rounding times such a state: in float there is
     * nothing to compare, and no rounding of a weight shows it. */
    m->read_gain = m->write == SAB_WRITE_STATE || m->cell == SAB_CELL_GRU ? 0.2 : 1;
    m->read_floor = 0.5;
    m->credit = problem_int(state, 0, 5) == 0 ? SAB_CREDIT_BPTT : SAB_CREDIT_SAB;
    m->k_top = problem_int(state, 0, 4);
    m->k_att = problem_int(state, 1, 3);
    m->memory_slots = problem_int(state, 0, 1) ? problem_int(state, 1, 12) : 0;
    m->k_trunc = problem_int(state, 1, 7);
    m->mental_updates = problem_int(state, 0, 3) > 0;
    m->pool = problem_int(state, 0, 2) == 0 ? problem_int(state, SAB_POOL_MEAN, SAB_POOL_ATTENTION) : SAB_POOL_LAST;
    m->score = problem_int(state, 0, 7) == 0 ? SAB_SCORE_RELEASE2019 : m->score;
    m->sparsifier = problem_int(state, 0, 7) == 0 ? SAB_SPARSIFIER_RELEASE2019 : m->sparsifier;
    m->forward = problem_int(state, 0, 7) == 0 ? SAB_DENSE : m->forward;
    m->backward = m->forward == SAB_DENSE && problem_int(state, 0, 1) ? SAB_DENSE : m->backward;
    m->keep = m->memory_slots > 0 && problem_int(state, 0, 2) ? problem_int(state, SAB_KEEP_SURPRISE, SAB_KEEP_RESERVOIR) : SAB_KEEP_RECENT;
    m->zero_memory = problem_int(state, 0, 5) == 0;
}

/* A batch by both. Where there is a stream the next batch goes on from it. */
static void run(struct layers *y, const struct sab_batch *given, uint64_t *state)
{
    struct sab_error err;
    struct sab_model *m = y->model;
    struct sab_flat flat = *sab_model_flat(m);
    const int has_c = m->cell->has_c, T = y->T, B = y->B, values = given->values != NULL, I = m->shape.I;
    const size_t start = (size_t)y->L * B * y->H, n_out = (size_t)T * B * y->O, n_in = (size_t)T * B * I;
    struct sab_batch batch = *given;
    sab_real *h0 = numbers(start, 1, state), *c0 = numbers(start, 1, state), *hn = fresh(start * sizeof *hn),
        *cn = fresh(start * sizeof *cn);
    sab_real *out = fresh(n_out * sizeof *out), *dout = numbers(n_out, 1, state), *dx = fresh(n_in * sizeof *dx);
    sab_real *dh0 = fresh(start * sizeof *dh0), *dc0 = fresh(start * sizeof *dc0), *grads = calloc(flat.count, sizeof *grads);
    const int n = problem_int(state, 0, T - 1); /* before it no gradient comes */
    memset(dout, 0, (size_t)n * B * y->O * sizeof *dout);
    int N = y->stream ? sab_stream_get(y->stream, NULL, NULL, NULL, NULL, NULL) : 0, has_start = problem_int(state, 0, 1);
    sab_real *memories = fresh((size_t)N * start * sizeof *memories);
    int32_t *first = calloc((size_t)B, sizeof *first), *since = calloc((size_t)B, sizeof *since);
    if (y->stream)
        sab_stream_get(y->stream, h0, has_c ? c0 : NULL, memories, first, since);
    batch.state = y->stream;
    batch.h0 = !y->stream && has_start ? h0 : NULL, batch.c0 = !y->stream && has_start && has_c ? c0 : NULL;
    batch.hn = hn, batch.cn = has_c ? cn : NULL;
    const int masks = problem_int(state, 0, 5); /* of dropout: 1 of outputs, 2 of states, 3 both */
    sab_real *output_mask = drawn_mask(start, state), *state_mask = drawn_mask(start, state);
    batch.output_mask = masks & 1 && masks < 4 ? output_mask : NULL, batch.state_mask = masks & 2 && masks < 4 ? state_mask : NULL;
    struct sab_stream *before = NULL;
    if (y->stream && sab_stream_clone(&before, y->stream, &err))
        fail_msg("%s: %s", err.message, y->what);
    y->batch = &batch, y->dout = dout, y->before = before, y->unrest = -1;
    const struct results results = {out, hn, batch.cn, grads, values ? dx : NULL, dh0, has_c ? dc0 : NULL, NULL};
    by_the_engine(y, y->stream, &results);
    y->N = y->stream ? sab_stream_get(y->stream, NULL, NULL, NULL, NULL, NULL) : 0;

    const sab_real *weights[64];
    for (int i = 0; i < m->n_tensors; i++)
        weights[i] = sab_model_tensor(m, i)->data;
    struct sab_cuda_batch b = {.size = sizeof b, .T = T, .B = B, .N = N, .ids = batch.ids, .values = batch.values, .lengths = batch.lengths,
                               .h0 = y->stream || batch.h0 ? h0 : NULL, .c0 = has_c && (y->stream || batch.c0) ? c0
                                   : NULL, .weights = weights,
                               .memories = N > 0 ? memories : NULL, .first = N > 0 ? first : NULL,
                               .output_mask = batch.output_mask, .state_mask = batch.state_mask};
    struct sab_cuda_need need = {.size = sizeof need};
    if (sab_cuda_need(y->cuda, &b, &need, &err))
        fail_msg("%s: %s", err.message, y->what);
    b.kept = fresh(need.kept_nbytes), b.scratch = fresh(need.forward_nbytes);
    sab_real *out2 = fresh(n_out * sizeof *out2), *hn2 = fresh(start * sizeof *hn2), *cn2 = fresh(start * sizeof *cn2);
    sab_real *memories2 = fresh((size_t)need.N * start * sizeof *memories2);
    int32_t *first2 = fresh((size_t)B * sizeof *first2), *since2 = fresh((size_t)B * sizeof *since2);
    struct sab_cuda_left left = {.size = sizeof left, .outputs = out2, .hn = hn2, .cn = cn2, .memories = memories2,
                                 .first = first2, .since = since2};
    if (sab_cuda_forward(y->cuda, &b, &left, &err))
        fail_msg("%s: %s", err.message, y->what);
    compare(y, "outputs", out, out2, n_out);
    compare(y, "hn", hn, hn2, start);
    if (has_c)
        compare(y, "cn", cn, cn2, start);
    for (int again = 0; again < 2; again++) { /* the way back can be gone twice */
        sab_real *dx2 = fresh(n_in * sizeof *dx2), *dh2 = fresh(start * sizeof *dh2), *dc2 = fresh(start * sizeof *dc2);
        sab_real *grads2 = calloc(flat.count, sizeof *grads2);
        sab_real *dweights[64];
        for (int i = 0; i < m->n_tensors; i++)
            dweights[i] = grads2 + (sab_model_tensor(m, i)->data - flat.theta);
        free(b.scratch);
        b.scratch = fresh(need.backward_nbytes);
        struct sab_cuda_gradient gradient = {.size = sizeof gradient, .doutputs = dout, .dweights = dweights,
                                             .dvalues = values ? dx2 : NULL, .dh0 = dh2,
                                             .dc0 = has_c ? dc2 : NULL};
        if (sab_cuda_backward(y->cuda, &b, &gradient, &err))
            fail_msg("%s: %s", err.message, y->what);
        compare(y, "weights", grads, grads2, flat.count);
        if (values)
            compare(y, "dvalues", dx, dx2, n_in);
        compare(y, "dh0", dh0, dh2, start);
        if (has_c)
            compare(y, "dc0", dc0, dc2, start);
        free(dx2), free(dh2), free(dc2), free(grads2);
    }
    if (y->stream) {
        int after = sab_stream_get(y->stream, NULL, NULL, NULL, NULL, NULL);
        sab_real *want = fresh((size_t)after * start * sizeof *want);
        sab_stream_get(y->stream, NULL, NULL, want, first, since);
        assert_int_equal(after, need.N);
        compare(y, "memories", want, memories2, (size_t)after * start);
        compare_whole(y, "first", first, first2, (size_t)B);
        compare_whole(y, "since", since, since2, (size_t)B);
        free(want);
    }
    free(h0), free(c0), free(hn), free(cn), free(out), free(dout), free(dx), free(dh0), free(dc0), free(grads), free(memories), free(first);
    free(since), free(b.kept), free(b.scratch), free(out2), free(hn2), free(cn2), free(memories2), free(first2), free(since2);
    free(output_mask), free(state_mask);
    sab_stream_free(before);
}

static void agrees_with_the_engine(void **unused)
{
    (void)unused;
    for (int i = 0; i < RUNS; i++) {
        uint64_t state = (uint64_t)i * 7919 + 3;
        struct sab_options config;
        struct sab_error err;
        draw(&config, &state);
        const struct sab_model_options *o = &config.model;
        int has_memory = o->credit == SAB_CREDIT_SAB && o->k_top > 0, both = has_memory && problem_int(&state, 0, 1);
        struct sab_shape shape = {.size = sizeof shape, .input = problem_int(&state, 0, 1), .I = problem_int(&state, 1, 9),
                                  .loss = SAB_LOSS_NONE, .O = o->hidden * (1 + both)};
        struct layers y = {.T = problem_int(&state, 1, 30), .B = problem_int(&state, 1, 9), .H = o->hidden, .L = o->layers, .O = shape.O};
        int goes_on = has_memory && o->memory_slots > 0 && !o->zero_memory;
        if (goes_on)
            y.T = (y.T + o->k_att - 1) / o->k_att * o->k_att;
        char what[400];
        snprintf(what, sizeof what,
                 "run %d: cell %d hidden %d layers %d A %d score %d write %d credit %d k_top %d k_att %d slots %d "
                 "k_trunc %d "
                 "mental %d gain %g dense %d pool %d keep %d zero %d O %d T %d B %d",
                 i, o->cell, o->hidden, o->layers, o->attention_width, o->score, o->write, o->credit, o->k_top,
                 o->k_att, o->memory_slots, o->k_trunc, o->mental_updates, o->read_gain, o->forward, o->pool, o->keep, o->zero_memory,
                 shape.O, y.T, y.B);
        y.what = what;
        if (sab_model_create(&y.model, &config, &shape, &err) || sab_engine_create(&y.engine, y.model, 1, &err) ||
            sab_cuda_create(&y.cuda, y.model, "host", &err) || (goes_on && sab_stream_create(&y.stream, y.model, y.B, &err)))
            fail_msg("%s: %s", err.message, what);
        for (size_t j = 0; j < sab_model_flat(y.model)->count; j++)
            sab_model_flat(y.model)->theta[j] /= 2;
        int32_t *lengths = calloc((size_t)y.B, sizeof *lengths), *ids = calloc((size_t)y.T * y.B, sizeof *ids);
        for (int again = 0; again < 2; again++) {
            if (again && goes_on && o->keep != SAB_KEEP_RECENT) { /* what its memories are worth is not told: it begins anew */
                sab_stream_free(y.stream);
                if (sab_stream_create(&y.stream, y.model, y.B, &err))
                    fail_msg("%s: %s", err.message, what);
            }
            for (int b = 0; b < y.B; b++) { /* who goes on must end with a memory */
                lengths[b] = problem_int(&state, 1, y.T);
                lengths[b] = goes_on ? (lengths[b] + o->k_att - 1) / o->k_att * o->k_att : lengths[b];
            }
            for (int j = 0; j < y.T * y.B; j++)
                ids[j] = problem_int(&state, 0, shape.I - 1);
            sab_real *values = numbers((size_t)y.T * y.B * shape.I, 1, &state);
            struct sab_batch batch = {.size = sizeof batch, .T = y.T, .B = y.B, .ids = shape.input == SAB_INPUT_IDS ? ids : NULL,
                                      .values = shape.input == SAB_INPUT_VALUES ? values : NULL,
                                      .lengths = problem_int(&state, 0, 1) ? lengths : NULL};
            run(&y, &batch, &state);
            free(values);
        }
        free(lengths), free(ids);
        sab_stream_free(y.stream);
        sab_cuda_free(y.cuda);
        sab_engine_free(y.engine);
        sab_model_free(y.model);
        sab_options_clear(&config);
    }
}

static void refused(const char *device, const char *option, const char *value, int O, const char *says)
{
    OPTIONS config = {0};
    struct sab_error err;
    struct sab_model *model;
    struct sab_cuda *cuda = NULL;
    problem_config(&config);
    set_option(&config, "readout", "off");
    if (!option || strcmp(option, "segments") != 0) /* which need all memories */
        set_option(&config, "memory-slots", "4");
    if (option)
        set_option(&config, option, value);
    struct sab_shape shape = SHAPE(SAB_INPUT_VALUES, 3, SAB_LOSS_NONE, O);
    if (sab_model_create(&model, &config, &shape, &err))
        fail_msg("%s", err.message);
    assert_int_equal(sab_cuda_create(&cuda, model, device, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, says));
    assert_null(cuda);
    sab_model_free(model);
}

static void refusals(void **unused)
{
    (void)unused;
    refused("cpu", NULL, NULL, 12, "is no GPU");
    refused("gpu", NULL, NULL, 12, "none of cpu, cuda");
    refused("host", "readout", "on", 5, "has a readout");
    refused("host", "segments", "3", 12, "--segments 3");
}

/* Layers of four memories on the host, with one more option. */
static struct sab_cuda *make_with(const char *name, const char *value, struct sab_model **model)
{
    OPTIONS config = {0};
    struct sab_error err;
    struct sab_cuda *cuda;
    problem_config(&config);
    set_option(&config, "readout", "off");
    set_option(&config, "memory-slots", "4");
    set_option(&config, name, value);
    struct sab_shape shape = SHAPE(SAB_INPUT_VALUES, 3, SAB_LOSS_NONE, 12);
    if (sab_model_create(model, &config, &shape, &err) || sab_cuda_create(&cuda, *model, "host", &err))
        fail_msg("%s", err.message);
    return cuda;
}

static void batches_refused(void **unused)
{
    (void)unused;
    struct sab_error err;
    struct sab_model *model;
    struct sab_cuda *cuda = make_with("memory-slots", "4", &model);
    struct sab_engine *engine; /* an engine's device has a readout and losses */
    if (sab_engine_create(&engine, model, 1, &err))
        fail_msg("%s", err.message);
    assert_int_equal(sab_engine_set_device(engine, "host", &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "--readout off"));
    sab_engine_free(engine);
    struct sab_cuda_need need = {.size = sizeof need};
    struct sab_cuda_left left = {.size = sizeof left};
    int32_t ids[2] = {0};
    struct sab_cuda_batch b = {.size = sizeof b, .T = 0, .B = 1};
    assert_int_equal(sab_cuda_need(cuda, &b, &need, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "T = 0"));
    b.T = 2, b.N = 5;
    assert_int_equal(sab_cuda_need(cuda, &b, &need, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "N = 5"));
    b.N = 0, b.ids = ids;
    assert_int_equal(sab_cuda_forward(cuda, &b, &left, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "made for values"));
    b.size = 3;
    assert_int_equal(sab_cuda_need(cuda, &b, &need, &err), SAB_INVALID);
    sab_cuda_free(cuda);
    sab_model_free(model);
}

/* Where memories cannot be taken over, by name. */
static void begins_anew(void **unused)
{
    (void)unused;
    static const char *const cases[][3] = {{"keep", "used", "--keep used"}, {"zero-memory", "on", "--zero-memory on"}};
    for (int i = 0; i < 2; i++) {
        struct sab_error err;
        struct sab_model *model;
        struct sab_cuda *cuda = make_with(cases[i][0], cases[i][1], &model);
        struct sab_cuda_need need = {.size = sizeof need};
        struct sab_cuda_batch b = {.size = sizeof b, .T = 8, .B = 1, .N = 2}; /* k-att is 2 */
        assert_int_equal(sab_cuda_need(cuda, &b, &need, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, "N = 2"));
        assert_non_null(strstr(err.message, cases[i][2]));
        b.N = 0;
        assert_int_equal(sab_cuda_need(cuda, &b, &need, &err), SAB_OK);
        assert_int_equal(need.N, i == 0 ? 4 : 0);
        sab_cuda_free(cuda);
        sab_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_engine),
        cmocka_unit_test(refusals),
        cmocka_unit_test(batches_refused),
        cmocka_unit_test(begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

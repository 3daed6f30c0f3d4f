/* Training and evaluation on a device, in its host form: what the processor reaches, within rounding; the same bits when a run goes on
 * from a checkpoint; checkpoints from one go on on the other; and weights that are where somebody looks for them.
 *
 * Losses near 1 after n updates: roundings of 1e-7, and what training makes of them, stay below 1e-4 for the 20 updates here.
 *
 * ctest: timeout 300
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "credit/engine.h"
#include "cuda/device.h"
#include "model/stream.h"
#include "options_helper.h"
#include "problem.h"
#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/run.h"
#include "train/trainer.h"
#include "train_helpers.h"

enum { UPDATES = 20 };
#define CURVE 1e-4

struct setup {
    struct sab_options config;
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
};

/* The host's form, or with SAB_TEST_DEVICE=cuda, in a build that has it, the GPU. */
static const char *device(void)
{
    const char *name = getenv("SAB_TEST_DEVICE");
    return name && *name ? name : "host";
}

static void begin(struct setup *s, const struct sab_options *config, const char *where)
{
    struct sab_error err = {0};
    memset(s, 0, sizeof *s);
    s->config = copy_of(config);
    set(&s->config, "device", where);
    if (sab_task_create(&s->task, &s->config, NULL, &err) || sab_model_create(&s->model, &s->config, sab_task_shape(s->task), &err) ||
        sab_trainer_create(&s->trainer, s->model, &s->config, &err))
        fail_msg("%s", err.message);
}

static void end(struct setup *s)
{
    sab_trainer_free(s->trainer);
    sab_model_free(s->model);
    sab_task_free(s->task);
    sab_options_clear(&s->config);
}

static int update(struct setup *s, struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_batch batch = {.size = sizeof batch};
    assert_int_equal(sab_task_batch(s->task, SAB_TRAIN, sab_trainer_step(s->trainer), s->config.shared.batch, &batch, err), 0);
    return sab_trainer_update(s->trainer, &batch, metrics, err);
}

static void update_ok(struct setup *s, int n, struct sab_metrics *metrics)
{
    struct sab_error err = {0};
    for (int i = 0; i < n; i++)
        if (update(s, metrics, &err) != SAB_OK)
            fail_msg("%s", err.message);
}

/* Copying over 10 steps, 20 units. */
static struct sab_options copying(void)
{
    struct sab_options config;
    small_config(&config, "unused");
    set(&config, "T", "10");
    set(&config, "hidden", "20");
    set(&config, "lr", "0.003");
    set(&config, "k-trunc", "4");
    return config;
}

static void fetch(struct setup *s)
{
    struct sab_error err = {0};
    if (sab_trainer_fetch(s->trainer, &err) != SAB_OK)
        fail_msg("%s", err.message);
}

static double distance(const sab_real *x, const sab_real *y, size_t n)
{
    double off = 0;
    for (size_t i = 0; i < n; i++)
        off = fmax(off, fabs((double)x[i] - (double)y[i]));
    return off;
}

/* ---- the same as on the processor ---- */

static void test_loss_curves(void **unused)
{
    (void)unused;
    static const char *const cases[] = {
        "optimizer=adam", "optimizer=adamw weight-decay=0.1", "optimizer=sgd momentum=0.9 lr=0.05", "cell=gru read-gain=0.1 average=0.9",
        "cell=rnn layers=2", "task=adding sparsifier=softmax", "task=cue credit=bptt", "curriculum=15 clip=0.05"};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        OPTIONS config = copying();
        struct setup cpu, there;
        assert_int_equal(sab_options_parse(&config, cases[k], NULL), SAB_OK);
        begin(&cpu, &config, "cpu");
        begin(&there, &config, device());
        for (int i = 0; i < UPDATES; i++) {
            struct sab_metrics want = {.size = sizeof want}, got = {.size = sizeof got};
            update_ok(&cpu, 1, &want);
            update_ok(&there, 1, &got);
            if (!(fabs(want.loss - got.loss) < CURVE * (1 + want.loss)) ||
                !(fabs(want.grad_norm - got.grad_norm) < 100 * CURVE * (1e-3 + want.grad_norm)) || want.scored != got.scored)
                fail_msg("%s, update %d: expected loss %.9g, norm %.9g, got %.9g, %.9g", cases[k], i, want.loss, want.grad_norm,
                         got.loss, got.grad_norm);
        }
        fetch(&there);
        size_t n = cpu.trainer->count;
        double off = distance(cpu.trainer->m, there.trainer->m, n);
        if (cpu.trainer->v)
            off = fmax(off, distance(cpu.trainer->v, there.trainer->v, n));
        if (off > CURVE)
            fail_msg("%s: moments are off by %g after %d updates", cases[k], off, UPDATES);
        if (cpu.trainer->average && distance(cpu.trainer->average, there.trainer->average, n) > 100 * CURVE)
            fail_msg("%s: the average is off", cases[k]);
        end(&cpu);
        end(&there);
    }
}

/* Every figure of an evaluation, of each kind of answer. */
static void test_evaluations(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 9; seed++) {
        OPTIONS config = {0};
        struct problem p;
        struct sab_error err = {0};
        struct sab_shape shape = {sizeof shape, seed % 2 ? SAB_INPUT_IDS : SAB_INPUT_VALUES, 5, (int)(seed % 3), seed > 6 ? 2 : 4};
        problem_config(&config);
        problem_make(&p, &config, shape, 17, 6, seed);
        for (size_t i = 0; i < sab_model_flat(p.model)->count; i++)
            sab_model_flat(p.model)->theta[i] /= 2;
        double values[2][SAB_METRIC_COUNT];
        for (int there = 0; there < 2; there++) {
            struct sab_engine *engine = NULL;
            struct sab_evaluation e;
            if (sab_engine_create(&engine, p.model, 1, &err) || sab_engine_set_device(engine, there ? device() : "cpu", &err) ||
                sab_evaluation_begin(&e, &shape, NULL, &err) || sab_evaluation_batch(&e, engine, &p.batch, &err) ||
                sab_evaluation_end(&e, &err))
                fail_msg("%s", err.message);
            memcpy(values[there], e.values, sizeof e.values);
            sab_evaluation_clear(&e);
            sab_engine_free(engine);
        }
        for (int id = 0; id < SAB_METRIC_COUNT; id++)
            if (!(fabs(values[0][id] - values[1][id]) <= 1e-5 * (1 + fabs(values[0][id]))) &&
                !(isnan(values[0][id]) && isnan(values[1][id])))
                fail_msg("seed %d, %s: expected %.9g, got %.9g", (int)seed, sab_metric_table[id].name, values[0][id], values[1][id]);
        problem_free(&p);
    }
}

/* Outputs, metrics and gradients of an engine. */
static void test_engine(void **unused)
{
    (void)unused;
    enum { T = 13, B = 5, O = 4 };
    OPTIONS config = {0};
    struct problem p;
    struct sab_error err = {0};
    struct sab_engine *engine;
    struct sab_metrics want = {.size = sizeof want}, got = {.size = sizeof got};
    static sab_real outputs[2][T * B * O];
    problem_config(&config);
    problem_make(&p, &config, SHAPE(SAB_INPUT_VALUES, 3, SAB_LOSS_MSE, O), T, B, 3);
    struct sab_flat flat = *sab_model_flat(p.model);
    for (size_t i = 0; i < flat.count; i++)
        flat.theta[i] /= 2;
    sab_real *own = calloc(flat.count, sizeof *own), *grads = calloc(flat.count, sizeof *grads);
    struct sab_request request = {.size = sizeof request, .grads = grads};
    if (sab_engine_create(&engine, p.model, 1, &err) || sab_engine_set_device(engine, device(), &err))
        fail_msg("%s", err.message);
    for (int round = 0; round < 2; round++) { /* weights that are written are seen */
        flat.theta[round] += (sab_real)0.5;
        if (sab_model_evaluate(p.model, &p.batch, 1, outputs[0], NULL, NULL, &err) ||
            sab_model_gradient(p.model, &p.batch, 1, &want, NULL, &err))
            fail_msg("%s", err.message);
        memcpy(own, flat.grad, flat.count * sizeof *own);
        memset(flat.grad, 0, flat.count * sizeof *own);
        if (sab_engine_gradient(engine, &p.batch, &request, &got, &err) || sab_engine_gradient(engine, &p.batch, NULL, NULL, &err))
            fail_msg("%s", err.message);
        assert_true(distance(own, grads, flat.count) < 1e-5 * want.grad_norm);
        assert_memory_equal(grads, flat.grad, flat.count * sizeof *grads);
        assert_true(fabs(want.loss - got.loss) < 1e-5 && fabs(want.mse - got.mse) < 1e-5);
        if (sab_engine_forward(engine, &p.batch, outputs[1], &got, NULL, NULL, &err))
            fail_msg("%s", err.message);
        assert_true(distance(outputs[0], outputs[1], T * B * O) < 1e-5);
        assert_true(fabs(want.loss - got.loss) < 1e-5);
    }
    sab_engine_free(engine);
    problem_free(&p);
    free(own), free(grads);
}

/* ---- state from batch to batch ---- */

static void compare(const char *what, uint64_t seed, int round, const sab_real *want, const sab_real *got, size_t n)
{
    double most = 1e-3;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)want[i]));
    if (!(distance(want, got, n) <= 1e-4 * most))
        fail_msg("seed %d, batch %d: %s are off by %g of %g", (int)seed, round, what, distance(want, got, n), most);
}

/* Batches that go on from each other, some sequences anew, some shorter; evaluated, or there and back. The state at the end is the
 * processor's, and goes on there. Roundings pass on from batch to batch, and a read may take another of two memories: 1e-4. */
static void test_carried_state(void **unused)
{
    (void)unused;
    enum { T = 12, B = 5, O = 4 };
    static sab_real outputs[2][T * B * O];
    for (uint64_t seed = 1; seed <= 24; seed++) {
        OPTIONS config = {0};
        struct problem p;
        struct sab_error err = {0};
        struct sab_engine *engines[2];
        struct sab_stream *streams[2] = {NULL, NULL};
        uint8_t fresh[B];
        uint64_t state = seed;
        problem_config(&config);
        config.model.cell = problem_int(&state, 0, 2);
        config.model.layers = problem_int(&state, 1, 2);
        config.model.score = problem_int(&state, 0, 1) ? SAB_SCORE_MLP : SAB_SCORE_DOT;
        config.model.credit = seed % 6 == 0 ? SAB_CREDIT_TBPTT : SAB_CREDIT_SAB;
        config.model.memory_slots = problem_int(&state, 2, 14);
        config.model.read_gain = config.model.cell == SAB_CELL_GRU ? 0.05 : 0.3; /* a GRU hands its state on undamped */
        problem_make(&p, &config, SHAPE(seed % 2, 5, (int)(seed % 3), O), T, B, seed);
        struct sab_flat flat = *sab_model_flat(p.model);
        for (size_t i = 0; i < flat.count; i++)
            flat.theta[i] /= 2;
        sab_real *grads[2] = {calloc(flat.count, sizeof(sab_real)), calloc(flat.count, sizeof(sab_real))};
        for (int there = 0; there < 2; there++)
            if (sab_engine_create(&engines[there], p.model, 1, &err) || sab_stream_create(&streams[there], p.model, B, &err) ||
                sab_engine_set_device(engines[there], there ? device() : "cpu", &err))
                fail_msg("%s", err.message);
        if (seed % 4 == 0) /* in stretches */
            sab_gpu_wish(engines[1]->device->gpu, &(struct sab_gpu_plan){.steps = 4});
        for (int round = 0; round < 6; round++) {
            struct sab_metrics metrics[2] = {{.size = sizeof *metrics}, {.size = sizeof *metrics}};
            int is_gradient = problem_int(&state, 0, 1);
            for (int b = 0; b < B; b++) {
                fresh[b] = problem_int(&state, 0, 4) == 0;
                p.lengths[b] = 2 * problem_int(&state, 1, T / 2);
            }
            p.batch.lengths = round % 3 == 1 ? NULL : p.lengths;
            p.batch.fresh = round == 4 ? NULL : fresh;
            for (int there = 0; there < 2; there++) {
                struct sab_request request = {.size = sizeof request, .grads = grads[there]};
                p.batch.state = streams[there];
                if (is_gradient ? sab_engine_gradient(engines[there], &p.batch, &request, &metrics[there], &err)
                                : sab_engine_forward(engines[there], &p.batch, outputs[there], &metrics[there], NULL, NULL, &err))
                    fail_msg("%s", err.message);
            }
            if (is_gradient)
                compare("gradients", seed, round, grads[0], grads[1], flat.count);
            else
                compare("outputs", seed, round, outputs[0], outputs[1], T * B * O);
            assert_true(fabs(metrics[0].loss - metrics[1].loss) < 1e-4 * (1 + metrics[0].loss));
        }
        for (int l = 0; l < p.model->L; l++) {
            const struct sab_carry *a = &streams[0]->layers[l].now, *b = &streams[1]->layers[l].now;
            size_t row = (size_t)p.model->Hp;
            assert_int_equal(a->memory.ledger.n, b->memory.ledger.n);
            compare("h", seed, l, a->h, b->h, B * row);
            if (a->c)
                compare("c", seed, l, a->c, b->c, B * row);
            for (int i = 0; i < B; i++) {
                compare("memories", seed, l, a->memory.M + i * a->memory.cap * row, b->memory.M + i * b->memory.cap * row, a->memory.ledger.n * row);
                assert_int_equal(a->memory.ledger.first[i], b->memory.ledger.first[i]);
            }
        }
        for (int step = 0; step < 3; step++) /* both on the processor */
            for (int there = 0; there < 2; there++) {
                int32_t ids[B] = {0, 1, 2, 3, 4};
                if (sab_stream_step(streams[there], p.batch.ids ? ids : NULL, p.batch.ids ? NULL : p.values, outputs[there], &err))
                    fail_msg("%s", err.message);
                if (there)
                    compare("steps", seed, step, outputs[0], outputs[1], B * O);
            }
        for (int there = 0; there < 2; there++) {
            sab_stream_free(streams[there]);
            sab_engine_free(engines[there]);
            free(grads[there]);
        }
        problem_free(&p);
    }
}

/* What sequences begin with, where the batch brings it. */
static void test_initial_state(void **unused)
{
    (void)unused;
    enum { T = 7, B = 3, O = 4, H = 12, L = 2 };
    static sab_real outputs[2][T * B * O], h0[L * B * H], c0[L * B * H];
    OPTIONS config = {0};
    struct problem p;
    struct sab_error err = {0};
    struct sab_engine *engine;
    uint64_t state = 1;
    problem_config(&config);
    config.model.layers = L;
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 5, SAB_LOSS_MSE, O), T, B, 3);
    for (int i = 0; i < L * B * H; i++) {
        h0[i] = (sab_real)(problem_uniform(&state) - 0.5);
        c0[i] = (sab_real)(problem_uniform(&state) - 0.5);
    }
    p.batch.h0 = h0;
    p.batch.c0 = c0;
    if (sab_engine_create(&engine, p.model, 1, &err) || sab_engine_forward(engine, &p.batch, outputs[0], NULL, NULL, NULL, &err) ||
        sab_engine_set_device(engine, device(), &err) || sab_engine_forward(engine, &p.batch, outputs[1], NULL, NULL, NULL, &err))
        fail_msg("%s", err.message);
    compare("outputs", 0, 0, outputs[0], outputs[1], T * B * O);
    p.batch.h0 = p.batch.c0 = NULL; /* and nothing of it stays */
    if (sab_model_evaluate(p.model, &p.batch, 1, outputs[0], NULL, NULL, &err) ||
        sab_engine_forward(engine, &p.batch, outputs[1], NULL, NULL, NULL, &err))
        fail_msg("%s", err.message);
    compare("outputs without", 0, 0, outputs[0], outputs[1], T * B * O);
    sab_engine_free(engine);
    problem_free(&p);
}

/* ---- where the weights are ---- */

/* What sab_model_tensor gives is current, what is written there is trained from, and an engine elsewhere sees it. */
static void test_weights_are_seen(void **unused)
{
    (void)unused;
    OPTIONS config = copying();
    struct setup cpu, there;
    struct sab_error err = {0};
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_metrics want = {.size = sizeof want}, got = {.size = sizeof got};
    char before[33], after[33];
    begin(&cpu, &config, "cpu");
    begin(&there, &config, device());
    sab_model_digest(there.model, before);
    update_ok(&cpu, 1, NULL);
    update_ok(&there, 1, NULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < sab_model_tensor_count(cpu.model); i++) {
            struct sab_tensor a = *sab_model_tensor(cpu.model, i), b = *sab_model_tensor(there.model, i);
            if (distance(a.data, b.data, a.count) > CURVE)
                fail_msg("round %d: %s is off by %g", round, a.name, distance(a.data, b.data, a.count));
            for (size_t k = 0; k < a.count; k++)
                b.data[k] = a.data[k] += (sab_real)0.01;
        }
        update_ok(&cpu, 1, &want);
        update_ok(&there, 1, &got);
        assert_true(fabs(want.loss - got.loss) < CURVE);
    }
    assert_int_equal(sab_task_batch(there.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
    assert_int_equal(sab_model_evaluate(cpu.model, &batch, 1, NULL, &want, NULL, &err), SAB_OK);
    for (int kind = 0; kind < 4; kind++) { /* the trainer's own engine, another's here, another device's; and this one again */
        struct sab_engine *engine = kind == 0 || kind == 3 ? there.trainer->engine : NULL;
        if (!engine && sab_engine_create(&engine, there.model, 1, &err))
            fail_msg("%s", err.message);
        if (kind == 2 && sab_engine_set_device(engine, device(), &err))
            fail_msg("%s", err.message);
        update_ok(&cpu, 1, NULL);
        update_ok(&there, 1, NULL);
        assert_int_equal(sab_task_batch(there.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
        if (sab_model_evaluate(cpu.model, &batch, 1, NULL, &want, NULL, &err) ||
            sab_engine_forward(engine, &batch, NULL, &got, NULL, NULL, &err))
            fail_msg("%s", err.message);
        if (!(fabs(want.loss - got.loss) < CURVE))
            fail_msg("engine %d: expected loss %.9g, got %.9g", kind, want.loss, got.loss);
        if (engine != there.trainer->engine)
            sab_engine_free(engine);
    }
    update_ok(&there, 1, NULL);
    sab_trainer_free(there.trainer); /* the last update is not lost with it */
    there.trainer = NULL;
    update_ok(&cpu, 1, NULL);
    for (int i = 0; i < sab_model_tensor_count(cpu.model); i++) {
        struct sab_tensor a = *sab_model_tensor(cpu.model, i), b = *sab_model_tensor(there.model, i);
        assert_true(distance(a.data, b.data, a.count) < 10 * CURVE);
    }
    sab_model_digest(there.model, after);
    assert_string_not_equal(before, after);
    end(&cpu);
    end(&there);
}

/* A tape knows that a device has updated the weights since. */
static void test_tapes_see_updates(void **unused)
{
    (void)unused;
    OPTIONS config = copying();
    struct setup s;
    struct sab_error err = {0};
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_engine *engine;
    struct sab_tape *tape;
    struct sab_request request = {.size = sizeof request};
    begin(&s, &config, device());
    update_ok(&s, 1, NULL);
    assert_int_equal(sab_engine_create(&engine, s.model, 1, &err), SAB_OK);
    assert_int_equal(sab_task_batch(s.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
    assert_int_equal(sab_engine_forward(engine, &batch, NULL, NULL, NULL, &tape, &err), SAB_OK);
    assert_int_equal(sab_tape_backward(tape, &request, &err), SAB_OK);
    update_ok(&s, 1, NULL);
    assert_int_equal(sab_task_batch(s.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
    assert_int_equal(sab_tape_backward(tape, &request, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "changed"));
    sab_tape_free(tape);
    sab_engine_free(engine);
    end(&s);
}

/* ---- failures ---- */

struct all {
    char digest[33];
    sab_real *moments;
};

static struct all look(struct setup *s)
{
    struct all all;
    size_t n = s->trainer->count;
    fetch(s);
    sab_model_digest(s->model, all.digest);
    all.moments = calloc(3 * n, sizeof(sab_real));
    memcpy(all.moments, s->trainer->m, n * sizeof(sab_real));
    if (s->trainer->v)
        memcpy(all.moments + n, s->trainer->v, n * sizeof(sab_real));
    if (s->trainer->average)
        memcpy(all.moments + 2 * n, s->trainer->average, n * sizeof(sab_real));
    return all;
}

static void assert_same(struct setup *s, struct all *before)
{
    struct all now = look(s);
    assert_string_equal(before->digest, now.digest);
    assert_memory_equal(before->moments, now.moments, 3 * s->trainer->count * sizeof(sab_real));
    free(before->moments);
    free(now.moments);
}

static void test_failed_updates_change_nothing(void **unused)
{
    (void)unused;
    OPTIONS config = copying();
    struct setup s;
    struct sab_error err = {0};
    set(&config, "average", "0.9");
    begin(&s, &config, device());
    update_ok(&s, 3, NULL);
    struct all before = look(&s);
    end(&s);
    begin(&s, &config, device()); /* the same again; nothing of it has been looked at when it fails */
    update_ok(&s, 3, NULL);
    double lr = s.trainer->config.optim.lr, explode = s.trainer->config.optim.explode;
    s.trainer->config.optim.lr = 1e39; /* infinite in float */
    if (sizeof(sab_real) == 4) {
        assert_int_equal(update(&s, NULL, &err), SAB_NUMERIC);
        if (!strstr(err.message, "update 4: the optimiser made"))
            fail_msg("%s", err.message);
    }
    s.trainer->config.optim.lr = lr;
    s.trainer->config.optim.explode = 1e-6;
    assert_int_equal(update(&s, NULL, &err), SAB_NUMERIC);
    if (!strstr(err.message, "update 4: the gradient norm") || !strstr(err.message, "in the tensor"))
        fail_msg("%s", err.message);
    s.trainer->config.optim.explode = explode;
    assert_int_equal(sab_trainer_step(s.trainer), 3);
    assert_same(&s, &before);
    struct sab_tensor tensor = *sab_model_tensor(s.model, 1);
    before = look(&s);
    tensor.data[3] = NAN;
    assert_int_equal(update(&s, NULL, &err), SAB_NUMERIC);
    if (!strstr(err.message, "update 4: the gradient of") || !strstr(err.message, "is not finite"))
        fail_msg("%s", err.message);
    free(before.moments);
    end(&s);
}

static int (*real_get)(struct sab_machine *, void *, const void *, size_t);
static int is_broken;

static int get_or_fail(struct sab_machine *m, void *host, const void *from, size_t nbytes)
{
    return is_broken ? SAB_IO : real_get(m, host, from, nbytes);
}

static int (*real_wait)(struct sab_machine *, struct sab_error *);

static int wait_or_fail(struct sab_machine *m, struct sab_error *err)
{
    struct sab_error why = {SAB_IO, "the device is gone"};
    int status = real_wait(m, err);
    if (is_broken && err)
        *err = why;
    return is_broken ? SAB_IO : status;
}

/* A device that fails: who needs the weights is told, nothing is written, and what was there before stays. */
static void test_a_device_that_fails(void **unused)
{
    (void)unused;
    OPTIONS config = copying();
    struct setup s;
    struct sab_error err = {0};
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_run_state state = {.best_step = -1};
    begin(&s, &config, device());
    update_ok(&s, 2, NULL);
    struct sab_machine *machine = s.trainer->engine->device->machine;
    real_get = machine->get, real_wait = machine->wait;
    machine->get = get_or_fail, machine->wait = wait_or_fail;
    is_broken = 1;
    char dir[SAB_DIR_CAP], path[SAB_DIR_CAP + 20];
    make_folder(dir);
    snprintf(path, sizeof path, "%s/file", dir);
    assert_int_equal(sab_model_save(s.model, path, &err), SAB_IO);
    assert_string_equal(err.message, "the device is gone");
    assert_int_equal(sab_state_save(path, s.trainer, &state, NULL, &err), SAB_IO);
    assert_false(has_file(dir, "file"));
    assert_int_equal(sab_task_batch(s.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
    assert_int_equal(sab_model_evaluate(s.model, &batch, 1, NULL, NULL, NULL, &err), SAB_IO);
    assert_int_equal(update(&s, NULL, &err), SAB_IO);
    is_broken = 0;
    assert_int_equal(sab_model_save(s.model, path, &err), SAB_OK);
    assert_true(has_file(dir, "file"));
    update_ok(&s, 1, NULL);
    is_broken = 1; /* freed while it fails */
    end(&s);
    is_broken = 0;
    remove_folder(dir);
}

/* ---- checkpoints ---- */

/* n updates at the first place, a checkpoint, n at the second; digest of the weights, losses of the latter n. */
static void train_in_two(const struct sab_options *config, const char *first, const char *second, int n, char digest[33],
                         double *losses, sab_real **all)
{
    struct setup s;
    struct sab_error err = {0};
    struct sab_run_state state = {.best_step = -1};
    char dir[SAB_DIR_CAP], path[SAB_DIR_CAP + 20];
    make_folder(dir);
    snprintf(path, sizeof path, "%s/state", dir);
    begin(&s, config, first);
    update_ok(&s, n, NULL);
    if (second) {
        OPTIONS made_with = {0};
        sab_options_init(&made_with);
        if (sab_state_save(path, s.trainer, &state, NULL, &err))
            fail_msg("%s", err.message);
        end(&s);
        begin(&s, config, second);
        if (sab_state_load(path, s.trainer, &state, NULL, &made_with, &err))
            fail_msg("%s", err.message);
    }
    for (int i = 0; i < n; i++) {
        struct sab_metrics metrics = {.size = sizeof metrics};
        update_ok(&s, 1, &metrics);
        losses[i] = metrics.loss;
    }
    fetch(&s);
    sab_model_digest(s.model, digest);
    size_t count = s.trainer->count;
    *all = calloc(4 * count, sizeof(sab_real));
    memcpy(*all, s.trainer->theta, count * sizeof(sab_real));
    memcpy(*all + count, s.trainer->m, count * sizeof(sab_real));
    memcpy(*all + 2 * count, s.trainer->v, count * sizeof(sab_real));
    memcpy(*all + 3 * count, s.trainer->average, count * sizeof(sab_real));
    (*all)[count - 1] = (sab_real)count;
    end(&s);
    remove_folder(dir);
}

static void test_checkpoints(void **unused)
{
    (void)unused;
    enum { N = 6 };
    OPTIONS config = copying();
    char whole[33], digest[33];
    double losses[N], others[N];
    sab_real *all, *other;
    set(&config, "average", "0.9");
    train_in_two(&config, device(), NULL, N, whole, losses, &all);
    const char *const ways[][2] = {{device(), device()}, {device(), "cpu"}, {"cpu", device()}};
    for (int k = 0; k < 3; k++) {
        train_in_two(&config, ways[k][0], ways[k][1], N, digest, others, &other);
        for (int i = 0; i < N; i++)
            if (!(fabs(losses[i] - others[i]) < CURVE))
                fail_msg("%s, then %s, update %d: expected loss %.9g, got %.9g", ways[k][0], ways[k][1], N + i, losses[i], others[i]);
        if (k == 0) {
            assert_string_equal(digest, whole);
            struct setup s;
            begin(&s, &config, "cpu");
            assert_memory_equal(all, other, 4 * s.trainer->count * sizeof(sab_real));
            end(&s);
        }
        free(other);
    }
    free(all);
}

static int watch(void *user, const struct sab_event *event)
{
    (void)user;
    return event->step == 7 && !event->evaluated;
}

/* A run that is stopped and resumed: the same bits of every file's weights, by the average and by the best. */
static void test_runs(void **unused)
{
    (void)unused;
    OPTIONS config = copying();
    struct sab_error err = {0};
    struct sab_metrics metrics[4] = {{sizeof *metrics}, {sizeof *metrics}, {sizeof *metrics}, {sizeof *metrics}};
    struct sab_outcome whole = {.last = &metrics[0], .best = &metrics[1]}, cpu = {.last = &metrics[2], .best = &metrics[3]};
    struct sab_outcome parts = {0};
    const struct sab_watch hooks = {.event = watch};
    char dir[SAB_DIR_CAP], out[3][SAB_DIR_CAP + 4];
    make_folder(dir);
    for (int i = 0; i < 3; i++)
        snprintf(out[i], sizeof out[i], "%s/%d", dir, i);
    set(&config, "device", device());
    set(&config, "average", "0.9");
    set(&config, "steps", "12");
    set(&config, "warmup", "0");
    set(&config, "eval-every", "4");
    set(&config, "eval-size", "8");
    set(&config, "out", out[0]);
    if (sab_run_train(&config, 0, NULL, &whole, &err))
        fail_msg("%s", err.message);
    set(&config, "out", out[1]);
    assert_int_equal(sab_run_train(&config, 0, &hooks, &parts, &err), SAB_INTERRUPTED);
    assert_int_equal(parts.steps, 7);
    if (sab_run_train(&config, 1, NULL, &parts, &err))
        fail_msg("%s", err.message);
    assert_string_equal(whole.weights_digest, parts.weights_digest);
    assert_int_equal(whole.best_step, parts.best_step);
    size_t nbytes, others;
    char *a = read_all(out[0], "model.safetensors", &nbytes), *b = read_all(out[1], "model.safetensors", &others);
    assert_int_equal(nbytes, others);
    assert_memory_equal(a, b, nbytes);
    free(a), free(b);
    set(&config, "out", out[2]);
    set(&config, "device", "cpu");
    if (sab_run_train(&config, 0, NULL, &cpu, &err))
        fail_msg("%s", err.message);
    assert_int_equal(whole.best_step, cpu.best_step);
    assert_true(fabs(whole.best->loss - cpu.best->loss) < CURVE && fabs(whole.last->loss - cpu.last->loss) < CURVE);
    remove_folder(dir);
}

/* ---- what is refused ---- */

static void test_refusals(void **unused)
{
    (void)unused;
    static const struct {
        const char *options, *names;
    } cases[] = {
        {"products=tf32", "--products tf32"}, {"device=cpu products=bf16", "--products bf16"},
        {"device=gpu", "--device"}, {"device=", "--device"}, {"device=cuda:", "cuda:N"}, {"device=cuda:x", "cuda:N"},
        {"device=cuda:-1", "cuda:N"}, {"device=CUDA", "host"},
        {"device=host model=transformer", "--model transformer"}, {"device=host model=seq2seq task=transduce", "--model seq2seq"},
        {"device=host credit=attention", "--credit attention"}, {"device=host forward=dense", "--forward dense"},
        {"device=host score=release2019", "--score release2019"}, {"device=host sparsifier=release2019", "--sparsifier release2019"},
        {"device=host zero-memory=on", "--zero-memory on"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        OPTIONS config = copying();
        struct sab_error err = {0};
        assert_int_equal(sab_options_parse(&config, cases[k].options, &err), SAB_OK);
        if (sab_options_check(&config, &err) != SAB_INVALID || !strstr(err.message, cases[k].names))
            fail_msg("%s: %s", cases[k].options, err.message);
    }
    OPTIONS config = copying();
    struct setup s;
    struct sab_error err = {0};
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_tape *tape;
    struct sab_recall recall = {.size = sizeof recall};
    begin(&s, &config, device());
    struct sab_engine *engine = s.trainer->engine;
    assert_int_equal(sab_task_batch(s.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
    assert_int_equal(sab_engine_forward(engine, &batch, NULL, NULL, NULL, &tape, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "tapes"));
    assert_int_equal(sab_engine_forward(engine, &batch, NULL, NULL, &recall, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "recall"));
    struct sab_request request = {.size = sizeof request, .add = 1};
    assert_int_equal(sab_engine_gradient(engine, &batch, &request, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "add"));
    request = (struct sab_request){.size = sizeof request, .total_weight = 3};
    assert_int_equal(sab_engine_gradient(engine, &batch, &request, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "total_weight"));
    assert_int_equal(sab_engine_set_device(engine, "tpu", &err), SAB_INVALID);
    assert_non_null(engine->device); /* it stays where it was */
#ifndef SAB_CUDA
    assert_int_equal(sab_engine_set_device(engine, "cuda", &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "-DSAB_CUDA=ON"));
    assert_non_null(engine->device);
#endif
    assert_int_equal(sab_engine_set_device(engine, "cpu", &err), SAB_OK);
    assert_null(engine->device);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_curves),
        cmocka_unit_test(test_evaluations),
        cmocka_unit_test(test_engine),
        cmocka_unit_test(test_carried_state),
        cmocka_unit_test(test_initial_state),
        cmocka_unit_test(test_weights_are_seen),
        cmocka_unit_test(test_tapes_see_updates),
        cmocka_unit_test(test_failed_updates_change_nothing),
        cmocka_unit_test(test_a_device_that_fails),
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

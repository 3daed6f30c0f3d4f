/* Training and evaluation on a device, in its host form: what the processor reaches, within rounding; weights that are where somebody
 * looks for them; and what is refused.
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

#include <cmocka.h>

#include "credit/engine.h"
#include "device_support.h"
#include "options_helper.h"
#include "problem.h"
#include "train/evaluation.h"
#include "train/trainer.h"

enum { UPDATES = 20 };

/* ---- the same as on the processor ---- */

static void test_loss_curves(void **unused)
{
    (void)unused;
    static const char *const cases[] = {
        "optimizer=adam", "optimizer=adamw weight-decay=0.1", "optimizer=sgd momentum=0.9 lr=0.05", "cell=gru read-gain=0.1 average=0.9",
        "cell=rnn layers=2", "task=adding sparsifier=softmax", "task=cue credit=bptt", "curriculum=15 clip=0.05",
        "layers=2 dropout=0.3 dropout-recurrent=0.2", "task=adding dropout-input=0.1 dropout=0.2 credit=tbptt"};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        OPTIONS config = device_copying();
        struct device_setup cpu, there;
        assert_int_equal(sab_options_parse(&config, cases[k], NULL), SAB_OK);
        device_begin(&cpu, &config, "cpu");
        device_begin(&there, &config, device_place());
        for (int i = 0; i < UPDATES; i++) {
            struct sab_metrics want = {.size = sizeof want}, got = {.size = sizeof got};
            device_updates(&cpu, 1, &want);
            device_updates(&there, 1, &got);
            if (!(fabs(want.loss - got.loss) < DEVICE_CURVE * (1 + want.loss)) ||
                !(fabs(want.grad_norm - got.grad_norm) < 100 * DEVICE_CURVE * (1e-3 + want.grad_norm)) || want.scored != got.scored)
                fail_msg("%s, update %d: expected loss %.9g, norm %.9g, got %.9g, %.9g", cases[k], i, want.loss, want.grad_norm,
                         got.loss, got.grad_norm);
        }
        device_fetch(&there);
        size_t n = cpu.trainer->count;
        double off = device_distance(cpu.trainer->m, there.trainer->m, n);
        if (cpu.trainer->v)
            off = fmax(off, device_distance(cpu.trainer->v, there.trainer->v, n));
        if (off > DEVICE_CURVE)
            fail_msg("%s: moments are off by %g after %d updates", cases[k], off, UPDATES);
        if (cpu.trainer->average && device_distance(cpu.trainer->average, there.trainer->average, n) > 100 * DEVICE_CURVE)
            fail_msg("%s: the average is off", cases[k]);
        device_end(&cpu);
        device_end(&there);
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
            if (sab_engine_create(&engine, p.model, 1, &err) || sab_engine_set_device(engine, there ? device_place() : "cpu", &err) ||
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
    if (sab_engine_create(&engine, p.model, 1, &err) || sab_engine_set_device(engine, device_place(), &err))
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
        assert_true(device_distance(own, grads, flat.count) < 1e-5 * want.grad_norm);
        assert_memory_equal(grads, flat.grad, flat.count * sizeof *grads);
        assert_true(fabs(want.loss - got.loss) < 1e-5 && fabs(want.mse - got.mse) < 1e-5);
        if (sab_engine_forward(engine, &p.batch, outputs[1], &got, NULL, NULL, &err))
            fail_msg("%s", err.message);
        assert_true(device_distance(outputs[0], outputs[1], T * B * O) < 1e-5);
        assert_true(fabs(want.loss - got.loss) < 1e-5);
    }
    sab_engine_free(engine);
    problem_free(&p);
    free(own), free(grads);
}

/* ---- where the weights are ---- */

/* What sab_model_tensor gives is current, what is written there is trained from, and an engine elsewhere sees it. */
static void test_weights_are_seen(void **unused)
{
    (void)unused;
    OPTIONS config = device_copying();
    struct device_setup cpu, there;
    struct sab_error err = {0};
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_metrics want = {.size = sizeof want}, got = {.size = sizeof got};
    char before[33], after[33];
    device_begin(&cpu, &config, "cpu");
    device_begin(&there, &config, device_place());
    sab_model_digest(there.model, before);
    device_updates(&cpu, 1, NULL);
    device_updates(&there, 1, NULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < sab_model_tensor_count(cpu.model); i++) {
            struct sab_tensor a = *sab_model_tensor(cpu.model, i), b = *sab_model_tensor(there.model, i);
            if (device_distance(a.data, b.data, a.count) > DEVICE_CURVE)
                fail_msg("round %d: %s is off by %g", round, a.name, device_distance(a.data, b.data, a.count));
            for (size_t k = 0; k < a.count; k++)
                b.data[k] = a.data[k] += (sab_real)0.01;
        }
        device_updates(&cpu, 1, &want);
        device_updates(&there, 1, &got);
        assert_true(fabs(want.loss - got.loss) < DEVICE_CURVE);
    }
    assert_int_equal(sab_task_batch(there.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
    assert_int_equal(sab_model_evaluate(cpu.model, &batch, 1, NULL, &want, NULL, &err), SAB_OK);
    for (int kind = 0; kind < 4; kind++) { /* the trainer's own engine, another's here, another device's; and this one again */
        struct sab_engine *engine = kind == 0 || kind == 3 ? there.trainer->engine : NULL;
        if (!engine && sab_engine_create(&engine, there.model, 1, &err))
            fail_msg("%s", err.message);
        if (kind == 2 && sab_engine_set_device(engine, device_place(), &err))
            fail_msg("%s", err.message);
        device_updates(&cpu, 1, NULL);
        device_updates(&there, 1, NULL);
        assert_int_equal(sab_task_batch(there.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
        if (sab_model_evaluate(cpu.model, &batch, 1, NULL, &want, NULL, &err) ||
            sab_engine_forward(engine, &batch, NULL, &got, NULL, NULL, &err))
            fail_msg("%s", err.message);
        if (!(fabs(want.loss - got.loss) < DEVICE_CURVE))
            fail_msg("engine %d: expected loss %.9g, got %.9g", kind, want.loss, got.loss);
        if (engine != there.trainer->engine)
            sab_engine_free(engine);
    }
    device_updates(&there, 1, NULL);
    sab_trainer_free(there.trainer); /* the last update is not lost with it */
    there.trainer = NULL;
    device_updates(&cpu, 1, NULL);
    for (int i = 0; i < sab_model_tensor_count(cpu.model); i++) {
        struct sab_tensor a = *sab_model_tensor(cpu.model, i), b = *sab_model_tensor(there.model, i);
        assert_true(device_distance(a.data, b.data, a.count) < 10 * DEVICE_CURVE);
    }
    sab_model_digest(there.model, after);
    assert_string_not_equal(before, after);
    device_end(&cpu);
    device_end(&there);
}

/* A tape knows that a device has updated the weights since. */
static void test_tapes_see_updates(void **unused)
{
    (void)unused;
    OPTIONS config = device_copying();
    struct device_setup s;
    struct sab_error err = {0};
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_engine *engine;
    struct sab_tape *tape;
    struct sab_request request = {.size = sizeof request};
    device_begin(&s, &config, device_place());
    device_updates(&s, 1, NULL);
    assert_int_equal(sab_engine_create(&engine, s.model, 1, &err), SAB_OK);
    assert_int_equal(sab_task_batch(s.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
    assert_int_equal(sab_engine_forward(engine, &batch, NULL, NULL, NULL, &tape, &err), SAB_OK);
    assert_int_equal(sab_tape_backward(tape, &request, &err), SAB_OK);
    device_updates(&s, 1, NULL);
    assert_int_equal(sab_task_batch(s.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
    assert_int_equal(sab_tape_backward(tape, &request, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "changed"));
    sab_tape_free(tape);
    sab_engine_free(engine);
    device_end(&s);
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
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        OPTIONS config = device_copying();
        struct sab_error err = {0};
        assert_int_equal(sab_options_parse(&config, cases[k].options, &err), SAB_OK);
        if (sab_options_check(&config, &err) != SAB_INVALID || !strstr(err.message, cases[k].names))
            fail_msg("%s: %s", cases[k].options, err.message);
    }
    OPTIONS config = device_copying();
    struct device_setup s;
    struct sab_error err = {0};
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_tape *tape;
    struct sab_recall recall = {.size = sizeof recall};
    device_begin(&s, &config, device_place());
    struct sab_engine *engine = s.trainer->engine;
    assert_int_equal(sab_task_batch(s.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
    assert_int_equal(sab_engine_forward(engine, &batch, NULL, NULL, NULL, &tape, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "tapes"));
    assert_int_equal(sab_engine_forward(engine, &batch, NULL, NULL, &recall, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "recall"));
    struct sab_request request = {.size = sizeof request, .add = 1};
    assert_int_equal(sab_engine_gradient(engine, &batch, &request, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "add"));
    assert_int_equal(sab_engine_set_device(engine, "tpu", &err), SAB_INVALID);
    assert_non_null(engine->device); /* it stays where it was */
#ifndef SAB_CUDA
    assert_int_equal(sab_engine_set_device(engine, "cuda", &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "-DSAB_CUDA=ON"));
    assert_non_null(engine->device);
#endif
    assert_int_equal(sab_engine_set_device(engine, "cpu", &err), SAB_OK);
    assert_null(engine->device);
    device_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_curves),
        cmocka_unit_test(test_evaluations),
        cmocka_unit_test(test_engine),
        cmocka_unit_test(test_weights_are_seen),
        cmocka_unit_test(test_tapes_see_updates),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* State that goes on from batch to batch on a device, and what sequences begin with: the processor's, within rounding.
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
#include "cuda/device.h"
#include "device_support.h"
#include "model/stream.h"
#include "options_helper.h"
#include "problem.h"

static void compare(const char *what, uint64_t seed, int round, const sab_real *want, const sab_real *got, size_t n)
{
    double most = 1e-3;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)want[i]));
    if (!(device_distance(want, got, n) <= 1e-4 * most))
        fail_msg("seed %d, batch %d: %s are off by %g of %g", (int)seed, round, what, device_distance(want, got, n), most);
}

enum { T = 12, B = 5, O = 4 };

static void compare_carried(const struct sab_stream *want, const struct sab_stream *got, uint64_t seed)
{
    size_t row = (size_t)want->model->Hp;
    for (int l = 0; l < want->model->L; l++) {
        const struct sab_carry *a = &want->layers[l].now, *b = &got->layers[l].now;
        assert_int_equal(a->memory.ledger.n, b->memory.ledger.n);
        compare("h", seed, l, a->h, b->h, B * row);
        if (a->c)
            compare("c", seed, l, a->c, b->c, B * row);
        for (int i = 0; i < B; i++) {
            compare("memories", seed, l, a->memory.M + i * a->memory.cap * row, b->memory.M + i * b->memory.cap * row,
                    a->memory.ledger.n * row);
            assert_int_equal(a->memory.ledger.first[i], b->memory.ledger.first[i]);
            if (a->memory.ledger.worth)
                compare("worth", seed, l, a->memory.ledger.worth + i * a->memory.ledger.cap,
                        b->memory.ledger.worth + i * b->memory.ledger.cap, (size_t)a->memory.ledger.n);
        }
    }
}

/* Steps that go on from both, on the processor. */
static void compare_steps(struct sab_stream *streams[2], const struct problem *p, uint64_t seed)
{
    static const int32_t ids[B] = {0, 1, 2, 3, 4};
    sab_real outputs[2][B * O];
    struct sab_error err = {0};
    for (int step = 0; step < 3; step++) {
        for (int there = 0; there < 2; there++)
            if (sab_stream_step(streams[there], p->batch.ids ? ids : NULL, p->batch.ids ? NULL : p->values, outputs[there], &err))
                fail_msg("%s", err.message);
        compare("steps", seed, step, outputs[0], outputs[1], B * O);
    }
}

/* Batches that go on from each other, some sequences anew, some shorter; evaluated, or there and back. The state at the end is the
 * processor's, and goes on there. Roundings pass on from batch to batch, and a read may take another of two memories: 1e-4. */
static void test_carried_state(void **unused)
{
    (void)unused;
    static sab_real outputs[2][T * B * O];
    for (uint64_t seed = 1; seed <= 54; seed++) { /* from 25 on with each rule that chooses what to keep, and memories of two states */
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
        config.model.keep = seed > 24 ? (int)(seed % 5) + SAB_KEEP_SURPRISE : SAB_KEEP_RECENT;
        config.model.memory_slots = seed > 24 ? problem_int(&state, 1, 5) : config.model.memory_slots;
        config.model.pool = seed > 24 ? (int)(seed % 3) : SAB_POOL_LAST;
        config.model.read_gain = config.model.cell == SAB_CELL_GRU ? 0.05 : 0.3; /* a GRU hands its state on undamped */
        problem_make(&p, &config, SHAPE(seed % 2, 5, (int)(seed % 3), O), T, B, seed);
        struct sab_flat flat = *sab_model_flat(p.model);
        for (size_t i = 0; i < flat.count; i++)
            flat.theta[i] /= 2;
        sab_real *grads[2] = {calloc(flat.count, sizeof(sab_real)), calloc(flat.count, sizeof(sab_real))};
        for (int there = 0; there < 2; there++)
            if (sab_engine_create(&engines[there], p.model, 1, &err) || sab_stream_create(&streams[there], p.model, B, &err) ||
                sab_engine_set_device(engines[there], there ? device_place() : "cpu", &err))
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
        compare_carried(streams[0], streams[1], seed);
        compare_steps(streams, &p, seed);
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
    enum { H = 12, L = 2 };
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
        sab_engine_set_device(engine, device_place(), &err) || sab_engine_forward(engine, &p.batch, outputs[1], NULL, NULL, NULL, &err))
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

/* What comes out of a batch besides outputs: the states that sequences end with, and gradients of what came in. */
static void test_what_comes_out(void **unused)
{
    (void)unused;
    enum { H = 12, L = 2, I = 3, INPUTS = T * B * I, STATES = L * B * H };
    for (int seed = 1; seed <= 9; seed++) {
        OPTIONS config = {0};
        struct problem p;
        struct sab_error err = {0};
        struct sab_engine *engine;
        static sab_real out[2][4 * STATES + INPUTS];
        problem_config(&config);
        config.model.layers = L;
        config.model.cell = seed % 3;
        config.model.read_gain = 0.3;
        problem_make(&p, &config, SHAPE(SAB_INPUT_VALUES, I, SAB_LOSS_MSE, O), T, B, (uint64_t)seed);
        const int has_c = config.model.cell == SAB_CELL_LSTM;
        sab_real *grads = calloc(sab_model_flat(p.model)->count, sizeof *grads);
        memset(out, 0, sizeof out);
        if (sab_engine_create(&engine, p.model, 1, &err))
            fail_msg("%s", err.message);
        p.batch.lengths = seed % 2 ? p.lengths : NULL;
        for (int there = 0; there < 2; there++) {
            sab_real *to = out[there];
            if (sab_engine_set_device(engine, there ? device_place() : "cpu", &err))
                fail_msg("%s", err.message);
            if (there && seed > 6) /* in stretches */
                sab_gpu_wish(engine->device->gpu, &(struct sab_gpu_plan){.steps = 4});
            p.batch.hn = to, p.batch.cn = has_c ? to + STATES : NULL;
            struct sab_request request = {.size = sizeof request, .grads = grads, .total_weight = 3, .dh0 = to + 2 * STATES,
                                          .dc0 = has_c ? to + 3 * STATES : NULL, .dvalues = to + 4 * STATES};
            if (sab_engine_gradient(engine, &p.batch, &request, NULL, &err))
                fail_msg("%s", err.message);
        }
        static const char *const names[] = {"hn", "cn", "dh0", "dc0"};
        for (int i = 0; i < 4; i++)
            compare(names[i], (uint64_t)seed, 0, out[0] + i * STATES, out[1] + i * STATES, STATES);
        compare("dvalues", (uint64_t)seed, 0, out[0] + 4 * STATES, out[1] + 4 * STATES, INPUTS);
        sab_engine_free(engine);
        free(grads);
        problem_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_carried_state),
        cmocka_unit_test(test_initial_state),
        cmocka_unit_test(test_what_comes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

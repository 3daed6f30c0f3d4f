/* Tapes: equalities to the bit over random configurations, and what is refused.
 *
 * ctest: timeout 600
 * ctest: cost 25 */
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
    sab_real *y = engine_room((size_t)T * B * shape.O);
    engine_must(sab_engine_gradient(engine, &p.batch, &expected.request, NULL, &err), &err);
    struct sab_tape *tape = engine_record(engine, &p.batch, y), *between = engine_record(engine, &q.batch, NULL);
    for (int t = 0; t < T; t++)
        for (int b = 0; b < B; b++)
            for (int o = 0; t >= p.lengths[b] && o < shape.O; o++)
                if (y[((size_t)t * B + b) * shape.O + o] != 0)
                    fail_msg("seed %d: step %d of sequence %d, past its end, has an output that is not 0", (int)seed, t + 1, b);
    engine_play(tape, &got);
    same_back(seed, &expected, &got);
    engine_play(between, &other);
    sab_real *dy = gradient_of_outputs(&p, y);
    got.request.doutputs = dy;
    engine_play(tape, &got);
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
        struct sab_tape *tape = engine_record(engine, i ? &second : &p.batch, NULL);
        engine_play(tape, &alone[i]);
        sab_tape_free(tape);
    }
    for (int order = 0; order < 2; order++) {
        struct sab_tape *tapes[2] = {engine_record(engine, &p.batch, NULL), engine_record(engine, &second, NULL)};
        for (int i = 0; i < 2; i++) {
            int which = order ? 1 - i : i;
            engine_play(tapes[which], &got);
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
        engine_must(sab_engine_gradient(alone, &p[k].batch, &expected[k].request, NULL, &err), &err);
        sab_engine_free(alone);
    }
    for (int n = 0; n < QUESTIONS; n++) {
        int k = problem_int(&state, 0, BATCHES - 1), slot = problem_int(&state, 0, TAPES - 1);
        struct sab_engine *engine = engines[problem_int(&state, 0, 1)];
        sab_real *weight = &sab_model_flat(p[0].model)->theta[0], before = *weight;
        struct sab_batch bad = p[k].batch;
        switch (problem_int(&state, 0, 6)) {
        case 0:
            engine_must(sab_engine_gradient(engine, &p[k].batch, &got[k].request, NULL, &err), &err);
            same_back(seed, &expected[k], &got[k]);
            break;
        case 1:
            engine_must(sab_engine_forward(engine, &p[k].batch, NULL, NULL, NULL, NULL, &err), &err);
            break;
        case 2: /* computed with other weights meanwhile; tapes are of the old ones */
            *weight += 1;
            engine_must(sab_engine_forward(engine, &p[k].batch, NULL, NULL, NULL, NULL, &err), &err);
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
                tapes[slot] = engine_record(engine, &p[k].batch, NULL);
                break;
            }
            engine_play(tapes[slot], &got[of[slot]]);
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
    sab_real *y[2] = {engine_room((size_t)T * B * shape.O), engine_room((size_t)T * B * shape.O)};
    for (int i = 0; i < 2; i++) {
        c->model.recompute = i ? SAB_RECOMPUTE_ON : SAB_RECOMPUTE_OFF;
        problem_make(&p[i], c, shape, T, B, seed);
        got[i] = back_make(&p[i], 1);
        for (int threads = 1; threads <= 4; threads++) {
            struct sab_engine *engine = engine_of(&p[i], threads);
            struct sab_tape *tape = engine_record(engine, &p[i].batch, y[i]);
            engine_play(tape, &got[i]);
            sab_engine_free(engine); /* in odd order */
            sab_tape_free(tape);
            same_back(seed, &got[0], &got[i]);
            same_bits("outputs", seed, y[0], y[i], (size_t)T * B * shape.O);
        }
    }
    for (int i = 0; i < 2; i++)
        back_free(&got[i]), free(y[i]), problem_free(&p[i]);
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
    struct sab_tape *tape = engine_record(engine, &p.batch, NULL);
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

EQUALITY(tapes_are_the_gradient)
EQUALITY(tapes_do_not_meet)
EQUALITY(in_any_order)
EQUALITY(stored_threads_and_replayed)
EQUALITY(other_networks)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tapes_are_the_gradient),
        cmocka_unit_test(test_tapes_do_not_meet),
        cmocka_unit_test(test_in_any_order),
        cmocka_unit_test(test_stored_threads_and_replayed),
        cmocka_unit_test(test_other_networks),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

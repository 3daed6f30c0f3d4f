/* Shards that are taken step by step together: each has the bits it has alone, there and back, in tapes, recomputed, on any threads.
 *
 * ctest: timeout 600 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "credit/engine.h"
#include "engine_support.h"
#include "options_helper.h"

static void expect_metrics(uint64_t seed, int together, const struct sab_metrics *a, const struct sab_metrics *b)
{
    if (memcmp(&a->loss, &b->loss, sizeof a->loss) || memcmp(&a->grad_norm, &b->grad_norm, sizeof a->grad_norm))
        fail_msg("seed %d, %d together: loss %.17g and norm %.17g, alone %.17g and %.17g", (int)seed, together, b->loss, b->grad_norm,
                 a->loss, a->grad_norm);
}

/* A batch of two to seven shards, the last of which may be smaller. */
static void shards_do_not_meet(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    struct sab_error err;
    struct sab_metrics alone = {.size = sizeof alone}, metrics = alone;
    B += 8 + (int)(seed % 24);
    c->model.recompute = seed % 2 ? SAB_RECOMPUTE_ON : SAB_RECOMPUTE_OFF;
    problem_make(&p, c, shape, T, B, seed);
    size_t n = (size_t)T * B * shape.O;
    sab_real *y[2] = {engine_room(n), engine_room(n)};
    struct back expected = back_make(&p, 1), got = back_make(&p, 1);
    for (int together = 1; together <= SAB_TOGETHER; together++) {
        struct sab_engine *engine = engine_of(&p, 1 + together % 3);
        struct back *back = together == 1 ? &expected : &got;
        engine->together = together;
        engine_must(sab_engine_gradient(engine, &p.batch, &back->request, together == 1 ? &alone : &metrics, &err), &err);
        engine_must(sab_engine_forward(engine, &p.batch, y[together > 1], NULL, NULL, NULL, &err), &err);
        if (together > 1) {
            expect_metrics(seed, together, &alone, &metrics);
            same_back(seed, &expected, &got);
            same_bits("outputs", seed, y[0], y[1], n);
        }
        struct sab_tape *tape = engine_record(engine, &p.batch, y[1]);
        engine_play(tape, &got);
        same_back(seed, &expected, &got);
        same_bits("outputs of a tape", seed, y[0], y[1], n);
        sab_tape_free(tape);
        sab_engine_free(engine);
    }
    back_free(&expected), back_free(&got);
    free(y[0]), free(y[1]);
    problem_free(&p);
}

EQUALITY(shards_do_not_meet)

/* Only the recurrent network with large weights, in bytes, takes several, as many as leave work for all. */
static void test_how_many(void **state)
{
    (void)state;
    OPTIONS config = {0};
    struct problem p;
    problem_config(&config);
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4), 3, 2, 5);
    const struct {
        int H, B, workers, together;
    } cases[] = {{128, 64, 2, 1}, {256, 64, 2, 1}, {512, 64, 2, sizeof(real) == 8 ? 4 : 1},
                 {1024, 64, 2, 4}, {1024, 64, 4, 2}, {1024, 64, 8, 1}, {1024, 8, 1, 1},
                 {1024, 41, 4, 2}, {2048, 256, 2, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int together = sab_extent_together(p.model, cases[i].H, cases[i].B, cases[i].workers);
        if (together != cases[i].together)
            fail_msg("H %d, B %d, %d workers: %d together, expected %d", cases[i].H, cases[i].B, cases[i].workers,
                     together, cases[i].together);
    }
    problem_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards_do_not_meet),
        cmocka_unit_test(test_how_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

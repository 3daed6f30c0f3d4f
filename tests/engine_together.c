/* Shards that are taken step by step together: each has the bits it has alone, there and back, in tapes, recomputed, on any threads.
 *
 * ctest: timeout 600
 * ctest: cost 10 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "credit/engine.h"
#include "engine_support.h"
#include "options_helper.h"

/* A batch of two to seven shards, the last of which may be smaller. */
static void shards_do_not_meet(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    char how[32];
    B += 8 + (int)(seed % 24);
    c->model.recompute = seed % 2 ? SAB_RECOMPUTE_ON : SAB_RECOMPUTE_OFF;
    problem_make(&p, c, shape, T, B, seed);
    struct same_work work = same_work_begin(&p, seed);
    for (int together = 1; together <= SAB_TOGETHER; together++) {
        struct sab_engine *engine = engine_of(&p, 1 + together % 3);
        engine->together = together;
        snprintf(how, sizeof how, "%d together", together);
        same_work_of(&work, engine, how);
    }
    same_work_end(&work);
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

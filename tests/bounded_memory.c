/* With bounded memory, keys, gradients and reads of memories that have left are not kept, or made again: the bits are those of a network
 * that keeps them all, there and back, in tapes, recomputed, by lanes.
 *
 * ctest: timeout 600 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "credit/engine.h"
#include "engine_support.h"
#include "model/model.h"
#include "options_helper.h"

enum { T = 300 };

static void keep_rows(struct problem *p, int keeps)
{
    for (int l = 0; l < p->model->L; l++)
        p->model->layers[l].remind.keeps_rows = keeps;
}

static void test_rows_do_not_matter(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        uint64_t draw = seed;
        OPTIONS config = {0};
        struct problem p;
        problem_config(&config);
        config.model.cell = problem_int(&draw, 0, 2);
        config.model.hidden = problem_int(&draw, 1, 20);
        config.model.layers = problem_int(&draw, 1, 2);
        config.model.score = problem_int(&draw, 0, 1);
        config.model.sparsifier = problem_int(&draw, 0, 1);
        config.model.read_gain = 0.2; /* of so many steps some networks would explode */
        config.model.read_floor = 1;
        config.model.write = problem_int(&draw, 0, 1);
        config.model.k_att = problem_int(&draw, 1, 2);
        config.model.memory_slots = problem_int(&draw, 1, 3) > 1 ? problem_int(&draw, 1, 9) : 30;
        config.model.zero_memory = problem_int(&draw, 0, 1);
        config.model.forward = problem_int(&draw, 0, 3) ? SAB_SPARSE : SAB_DENSE;
        config.model.backward = config.model.forward;
        config.model.mental_updates = problem_int(&draw, 0, 3) > 0;
        problem_make(&p, &config, SHAPE(SAB_INPUT_VALUES, 3, SAB_LOSS_CROSS_ENTROPY, 4), T, problem_int(&draw, 1, 3), seed);
        struct sab_flat flat = *sab_model_flat(p.model);
        for (size_t i = 0; i < flat.count; i++)
            flat.theta[i] *= (sab_real)0.4;
        struct same_work work = same_work_begin(&p, seed);
        for (int way = 0; way < 5; way++) {
            struct sab_engine *engine = engine_of(&p, 2);
            char how[64];
            engine->lanes = way == 4 ? 2 : 1;
            p.model->config.recompute = way % 2 ? SAB_RECOMPUTE_ON : SAB_RECOMPUTE_OFF;
            keep_rows(&p, way < 2);
            snprintf(how, sizeof how, "%s rows, %s, %d lanes", way < 2 ? "all" : "few", way % 2 ? "recomputed" : "stored", engine->lanes);
            same_work_of(&work, engine, how);
        }
        same_work_end(&work);
        problem_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

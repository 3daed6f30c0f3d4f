/* Threads that take the steps of one shard together: the bits are those of one thread, there and back, in tapes, recomputed; and lanes by
 * themselves.
 *
 * ctest: timeout 600
 * ctest: cost 30 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/team.h"
#include "credit/engine.h"
#include "engine_support.h"
#include "options_helper.h"

enum { MOST = 3, STEPS = 2000, ROUNDS = 50 };

/* One shard, of one to eight sequences; widths of which a lane may have nothing. */
static void lanes_do_not_matter(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    char how[32];
    B = 1 + (int)(seed % SAB_SHARD);
    c->model.recompute = seed % 2 ? SAB_RECOMPUTE_ON : SAB_RECOMPUTE_OFF;
    problem_make(&p, c, shape, T, B, seed);
    struct same_work work = same_work_begin(&p, seed);
    for (int lanes = 1, next = 2 + (int)(seed / SAB_SHARD % (MOST - 1)); lanes <= next; lanes += next - 1) {
        struct sab_engine *engine = engine_of(&p, MOST);
        engine->lanes = lanes;
        snprintf(how, sizeof how, "%d lanes", lanes);
        same_work_of(&work, engine, how);
    }
    same_work_end(&work);
    problem_free(&p);
}

EQUALITY(lanes_do_not_matter)

/* Sequences so long that lanes share the scores of one, each among some of its memories. */
static void test_shared_scores(void **state)
{
    (void)state;
    enum { T = 340 }; /* three lanes have blocks from 216 memories on */
    for (uint64_t seed = 1; seed <= 4; seed++) {
        OPTIONS config = {0};
        struct problem p;
        problem_config(&config);
        config.model.hidden = 20;
        config.model.k_att = 1;
        config.model.sparsifier = (int)(seed % 2);
        config.model.write = (int)(seed / 2 % 2);
        config.model.memory_slots = seed % 3 ? 0 : 240;
        problem_make(&p, &config, SHAPE(SAB_INPUT_VALUES, 3, SAB_LOSS_CROSS_ENTROPY, 4), T, 1 + (int)(seed / 2 % 2), seed);
        p.batch.lengths = NULL;
        struct same_work work = same_work_begin(&p, seed);
        for (int lanes = 1; lanes <= MOST; lanes++) {
            struct sab_engine *engine = engine_of(&p, MOST);
            char how[32];
            engine->lanes = lanes;
            snprintf(how, sizeof how, "%d lanes", lanes);
            same_work_of(&work, engine, how);
        }
        same_work_end(&work);
        problem_free(&p);
    }
}

/* Only batches of one shard of wide networks, in bytes, and units for each lane. */
static void test_how_many(void **state)
{
    (void)state;
    const struct {
        int H, credit, n_shards, threads, lanes;
    } cases[] = {{128, SAB_CREDIT_BPTT, 1, 2, 1}, {256, SAB_CREDIT_BPTT, 1, 2, 2}, {256, SAB_CREDIT_BPTT, 2, 2, 1},
                 {256, SAB_CREDIT_BPTT, 1, 1, 1}, {256, SAB_CREDIT_BPTT, 1, 16, 2}, {512, SAB_CREDIT_BPTT, 1, 3, 3},
                 {512, SAB_CREDIT_SAB, 1, 16, 4}, {256, SAB_CREDIT_SAB, 1, 2, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OPTIONS config = {0};
        struct problem p;
        struct sab_error err;
        problem_config(&config);
        config.model.cell = SAB_CELL_LSTM;
        config.model.hidden = cases[i].H;
        config.model.credit = cases[i].credit;
        problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4), 3, 2, 5);
        struct sab_engine *engine = engine_of(&p, cases[i].threads);
        engine_must(sab_engine_gather(engine, cases[i].n_shards, 1, &err), &err);
        int lanes = sab_threads_of(cases[i].threads) == 1 ? 1 : cases[i].lanes; /* a build without threads has one */
        if (engine->lockstep.members != lanes)
            fail_msg("H %d, %d shards, %d threads: %d lanes, expected %d", cases[i].H, cases[i].n_shards, cases[i].threads,
                     engine->lockstep.members, lanes);
        sab_engine_free(engine);
        problem_free(&p);
    }
}

/* ---- lanes by themselves ---- */

struct walk {
    int steps, naps;
    int at[SAB_LOCKSTEP_MOST]; /* each lane's own */
    int lanes, wrong;
};

/* After each meeting all have come as far, and before the next nobody is further. */
static void walk(void *user, struct sab_lane *lane)
{
    struct walk *w = user;
    if (lane->i == 0)
        w->lanes = lane->n;
    for (int step = 1; step <= w->steps; step++) {
        w->at[lane->i] = step;
        if (w->naps && (step + lane->i) % 50 == 0)
            nanosleep(&(struct timespec){0, 100000}, NULL);
        sab_lane_meet(lane);
        for (int i = 0; i < lane->n && lane->i == 0; i++)
            w->wrong += w->at[i] != step;
        sab_lane_meet(lane);
    }
}

static void test_meetings(void **state)
{
    (void)state;
    for (int n = 1; n <= MOST + 1; n++) {
        struct sab_team *team = NULL;
        struct sab_error err;
        engine_must(sab_team_grow(&team, n, &err), &err);
        struct sab_lockstep lockstep = {.team = team, .members = n, .insists = 1};
        for (int round = 0; round < ROUNDS; round++) {
            struct walk w = {.steps = round % 10 ? round : STEPS / 10, .naps = round % 10 == 0};
            sab_lockstep_run(&lockstep, walk, &w);
            if (w.lanes != n || w.wrong)
                fail_msg("round %d: %d lanes, expected %d; %d meetings without all", round, w.lanes, n, w.wrong);
        }
        sab_team_free(team);
    }
    struct walk w = {.steps = 3};
    sab_lockstep_run(NULL, walk, &w);
    assert_int_equal(w.lanes, 1);
}

/* One lane always late: the others soon go without it, and in the end come back to it. */
static void dawdle(void *user, struct sab_lane *lane)
{
    struct walk *w = user;
    if (lane->i == 0)
        w->lanes = lane->n;
    if (lane->i > 0 && w->naps)
        nanosleep(&(struct timespec){0, 3000000}, NULL);
    sab_lane_meet(lane);
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < 300000);
}

static void test_who_is_late_is_left(void **state)
{
    (void)state;
    struct sab_team *team = NULL;
    struct sab_error err;
    engine_must(sab_team_grow(&team, 2, &err), &err);
    struct sab_lockstep lockstep = {.team = team, .members = 2};
    int together = 0;
    for (int round = 0; round < 200; round++) {
        struct walk w = {.naps = 1};
        sab_lockstep_run(&lockstep, dawdle, &w);
        together += w.lanes > 1;
    }
    if (together > 100) /* some 30 ms alone after each 2 rounds at first, soon more */
        fail_msg("of 200 rounds whose second lane is 3 ms late %d were taken together", together);
    assert_true(lockstep.alone_until > 0);
    sab_team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes_do_not_matter),
        cmocka_unit_test(test_shared_scores),
        cmocka_unit_test(test_how_many),
        cmocka_unit_test(test_meetings),
        cmocka_unit_test(test_who_is_late_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

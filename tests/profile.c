/* The profile: every phase of an update is counted once, by whoever did it, and counting changes no bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "credit/engine.h"
#include "train/trainer.h"
#include "options_helper.h"

enum { WORKERS = 2 };

struct training {
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
};

static void begin(struct training *t, int threads)
{
    OPTIONS config = {0};
    struct sab_error err;
    sab_options_init(&config);
    config.task.T = 20;
    config.model.hidden = 32;
    config.shared.batch = 20;
    config.task.drawn.curriculum = 0;
    config.shared.threads = threads;
    assert_int_equal(sab_task_create(&t->task, &config, NULL, &err), SAB_OK);
    assert_int_equal(sab_model_create(&t->model, &config, sab_task_shape(t->task), &err), SAB_OK);
    assert_int_equal(sab_trainer_create(&t->trainer, t->model, &config, &err), SAB_OK);
}

static void update(struct training *t)
{
    struct sab_batch batch = {.size = sizeof batch};
    assert_int_equal(sab_task_batch(t->task, SAB_TRAIN, 0, 20, &batch, NULL), SAB_OK);
    assert_int_equal(sab_trainer_update(t->trainer, &batch, NULL, NULL), SAB_OK);
}

static void end(struct training *t)
{
    sab_trainer_free(t->trainer);
    sab_model_free(t->model);
    sab_task_free(t->task);
}

static void test_phases_add_up(void **unused)
{
    (void)unused;
    static struct sab_profile profile;
    struct training t;
    begin(&t, 1);
    update(&t);
    t.trainer->engine->profile = &profile;
    uint64_t before = sab_ticks(), sum = 0;
    update(&t);
    uint64_t passed = sab_ticks() - before;
    for (int phase = 0; phase < SAB_PHASE_COUNT; phase++) {
        if (profile.ticks[phase] == 0)
            fail_msg("phase %d took no time at all", phase);
        sum += profile.ticks[phase];
    }
    assert_true(sum <= passed);
    end(&t);
}

static void test_counting_changes_nothing(void **unused)
{
    (void)unused;
    static struct sab_profile profile[WORKERS];
    char digest[2][33];
    for (int counted = 0; counted < 2; counted++) {
        struct training t;
        begin(&t, WORKERS);
        t.trainer->engine->profile = counted ? profile : NULL;
        update(&t);
        update(&t);
        sab_model_digest(t.model, digest[counted]);
        end(&t);
    }
    assert_string_equal(digest[0], digest[1]);
    assert_true(profile[0].ticks[SAB_PHASE_OPTIMISER] > 0 && profile[1].ticks[SAB_PHASE_OPTIMISER] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases_add_up),
        cmocka_unit_test(test_counting_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

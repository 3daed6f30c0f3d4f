/* One update at a time: that it is the gradient, clipped, through the optimiser; and that bad numbers stop it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/model.h"
#include "options_helper.h"
#include "train/evaluate.h"
#include "train/trainer.h"
#include "train_helpers.h"

struct setup {
    struct sab_options config;
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
};

static void begin(struct setup *s, const struct sab_options *config)
{
    struct sab_error err = {0};
    s->config = copy_of(config);
    s->task = NULL;
    s->model = NULL;
    s->trainer = NULL;
    if (sab_task_create(&s->task, config, NULL, &err) || sab_model_create(&s->model, config, sab_task_shape(s->task), &err) ||
        sab_trainer_create(&s->trainer, s->model, config, &err))
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

static void update_ok(struct setup *s, struct sab_metrics *metrics)
{
    struct sab_error err = {0};
    if (update(s, metrics, &err) != SAB_OK)
        fail_msg("%s", err.message);
}

/* Averaged weights are measured, and swapped back; before the first update there is no average, and the weights are. */
static void test_average_begins_with_the_first_update(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct setup s;
    char before[33], swapped[33], after[33];
    small_config(&config, "unused");
    set(&config, "average", "0.9");
    begin(&s, &config);
    for (int updates = 0; updates <= 2; updates++) {
        sab_model_digest(s.model, before);
        sab_trainer_swap_average(s.trainer);
        sab_model_digest(s.model, swapped);
        sab_trainer_swap_average(s.trainer);
        sab_model_digest(s.model, after);
        assert_string_equal(before, after);
        /* after one update the average is of it alone */
        if ((strcmp(before, swapped) == 0) != (updates < 2))
            fail_msg("%d updates: weights %s, averaged %s", updates, before, swapped);
        update_ok(&s, NULL);
    }
    end(&s);
}

/* Three updates of a twin model by the equations: gradient, global norm, clip, momentum. */
static void test_update_is_clipped_gradient(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    small_config(&config, "");
    set(&config, "optimizer", "sgd");
    set(&config, "momentum", "0.5");
    set(&config, "clip", "0.05");
    config.optim.lr = 0.5;
    struct setup s, twin;
    begin(&s, &config);
    begin(&twin, &config);
    double *velocity[64] = {0};
    for (int64_t step = 0; step < 3; step++) {
        struct sab_metrics metrics = {.size = sizeof metrics}, expected = {.size = sizeof expected};
        struct sab_batch batch = {.size = sizeof batch};
        update_ok(&s, &metrics);
        assert_int_equal(sab_task_batch(twin.task, SAB_TRAIN, step, config.shared.batch, &batch, NULL), SAB_OK);
        assert_int_equal(sab_model_gradient(twin.model, &batch, 1, &expected, NULL, NULL), SAB_OK);
        assert_true(fabs(metrics.loss - expected.loss) < 1e-5);
        double squares = 0;
        int count = sab_model_tensor_count(twin.model);
        for (int i = 0; i < count; i++) {
            struct sab_tensor tensor = *sab_model_tensor(twin.model, i);
            for (size_t j = 0; j < tensor.count; j++)
                squares += (double)tensor.grad[j] * (double)tensor.grad[j];
        }
        assert_true(sqrt(squares) > 0.05);
        assert_true(fabs(metrics.grad_norm / sqrt(squares) - 1) < 1e-4);
        for (int i = 0; i < count; i++) {
            struct sab_tensor tensor = *sab_model_tensor(twin.model, i), trained = *sab_model_tensor(s.model, i);
            if (!velocity[i])
                velocity[i] = calloc(tensor.count, sizeof(double));
            for (size_t j = 0; j < tensor.count; j++) {
                velocity[i][j] = 0.5 * velocity[i][j] + 0.05 / sqrt(squares) * (double)tensor.grad[j];
                tensor.data[j] -= (sab_real)(0.5 * velocity[i][j]);
                if (!(fabs(tensor.data[j] - trained.data[j]) < 1e-5))
                    fail_msg("update %d, %s[%zu]: expected %g, got %g", (int)step, tensor.name, j,
                             (double)tensor.data[j], (double)trained.data[j]);
            }
        }
    }
    for (int i = 0; i < 64; i++)
        free(velocity[i]);
    assert_int_equal(sab_trainer_step(s.trainer), 3);
    end(&s);
    end(&twin);
}

static int measure(struct setup *s, enum sab_split split, int size, int batch, struct sab_metrics *metrics)
{
    OPTIONS config = {0};
    sab_options_init(&config);
    config.run.eval_size = size;
    config.shared.batch = batch;
    return sab_evaluate(s->trainer->engine, s->task, split, &config, metrics, NULL);
}

static void test_loss_falls(void **unused)
{
    (void)unused;
    static const char *const tasks[] = {"copy", "adding", "cue"};
    for (int k = 0; k < 3; k++) {
        OPTIONS config = {0};
        small_config(&config, "");
        set(&config, "task", tasks[k]);
        config.task.T = 6;
        config.task.drawn.curriculum = 0; /* trained as long as measured */
        config.model.hidden = 16;
        config.shared.batch = 16;
        struct setup s;
        struct sab_metrics before = {.size = sizeof before}, after = {.size = sizeof after}, last = {.size = sizeof last};
        begin(&s, &config);
        assert_int_equal(measure(&s, SAB_TEST, 64, 16, &before), SAB_OK);
        for (int i = 0; i < 300; i++)
            update_ok(&s, &last);
        assert_int_equal(measure(&s, SAB_TEST, 64, 16, &after), SAB_OK);
        if (!(after.loss < 0.7 * before.loss))
            fail_msg("%s: loss %g after 300 updates, %g before", tasks[k], after.loss, before.loss);
        assert_true(k == 1 ? isnan(after.accuracy) && after.mse < before.mse
                           : isnan(after.mse) && after.accuracy > before.accuracy);
        end(&s);
    }
}

/* The parts of an evaluation join to the whole, and the last, smaller one holds new sequences. */
static void test_evaluation_in_parts(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    small_config(&config, "");
    struct setup s;
    struct sab_metrics whole = {.size = sizeof whole}, parts = {.size = sizeof parts}, odd = {.size = sizeof odd};
    begin(&s, &config);
    assert_int_equal(measure(&s, SAB_TEST, 24, 24, &whole), SAB_OK);
    assert_int_equal(measure(&s, SAB_TEST, 24, 6, &parts), SAB_OK);
    assert_true(fabs(whole.loss - parts.loss) < 1e-6);
    assert_true(fabs(whole.accuracy - parts.accuracy) < 1e-12);
    assert_int_equal(whole.scored, 240);
    assert_int_equal(parts.scored, 240);
    assert_int_equal(measure(&s, SAB_TEST, 25, 7, &odd), SAB_OK);
    assert_int_equal(odd.scored, 250);
    /* 0..20 in three batches of seven; the four that remain are 24..27, the next multiple of four on. */
    double loss = 0;
    for (int64_t i = 0; i < 28; i++) {
        struct sab_batch one = {.size = sizeof one};
        struct sab_metrics metrics = {.size = sizeof metrics};
        if (i > 20 && i < 24)
            continue;
        assert_int_equal(sab_task_batch(s.task, SAB_TEST, i, 1, &one, NULL), SAB_OK);
        assert_int_equal(sab_model_evaluate(s.model, &one, 1, NULL, &metrics, NULL, NULL), SAB_OK);
        loss += metrics.loss / 25;
    }
    assert_true(fabs(odd.loss - loss) < 1e-6);
    assert_int_equal(measure(&s, SAB_TEST, 0, 7, &odd), SAB_INVALID); /* all of what has no end */
    assert_int_equal(measure(&s, SAB_VALID, 24, 24, &odd), SAB_OK);
    assert_true(odd.loss != whole.loss);
    end(&s);
}

static void test_threads_change_nothing(void **unused)
{
    (void)unused;
    char digests[3][33];
    static const int threads[] = {1, 2, 3};
    for (int k = 0; k < 3; k++) {
        OPTIONS config = {0};
        small_config(&config, "");
        config.shared.batch = 37;
        config.shared.threads = threads[k];
        struct setup s;
        begin(&s, &config);
        for (int i = 0; i < 10; i++)
            update_ok(&s, NULL);
        sab_model_digest(s.model, digests[k]);
        end(&s);
    }
    assert_string_equal(digests[0], digests[1]);
    assert_string_equal(digests[0], digests[2]);
}

/* Weights, moments and counter as bytes. */
static sab_real *snapshot(const struct setup *s)
{
    size_t count = s->trainer->count, nbytes = count * sizeof(sab_real);
    sab_real *copy = calloc(3 * count, sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, s->trainer->theta, nbytes);
    memcpy(copy + count, s->trainer->m, nbytes);
    if (s->trainer->v)
        memcpy(copy + 2 * count, s->trainer->v, nbytes);
    return copy;
}

/* An update that fails and changes nothing; returns what it said, until the next. */
static const char *assert_refused(struct setup *s, const char *one, const char *two)
{
    static struct sab_error err;
    int64_t step = sab_trainer_step(s->trainer);
    sab_real *before = snapshot(s);
    assert_int_equal(update(s, NULL, &err), SAB_NUMERIC);
    sab_real *after = snapshot(s);
    assert_memory_equal(before, after, 3 * s->trainer->count * sizeof *before);
    assert_int_equal(sab_trainer_step(s->trainer), step);
    if (!strstr(err.message, one) || !strstr(err.message, two))
        fail_msg("expected \"%s\" and \"%s\" in \"%s\"", one, two, err.message);
    free(before);
    free(after);
    return err.message;
}

static void test_explosion_is_stopped(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    small_config(&config, "");
    config.optim.explode = 1e-6;
    struct setup s;
    begin(&s, &config);
    assert_refused(&s, "update 1: the gradient norm", "is above --explode 1e-06");
    assert_refused(&s, "its largest part", "in the tensor");
    end(&s);
}

static void test_nan_weight_is_named(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    small_config(&config, "");
    struct setup s;
    begin(&s, &config);
    update_ok(&s, NULL);
    update_ok(&s, NULL);
    for (int i = 0; i < sab_model_tensor_count(s.model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(s.model, i);
        sab_real kept = tensor.data[0];
        if (strcmp(tensor.name, "weight_hh_l0") != 0)
            continue;
        tensor.data[0] = (sab_real)NAN;
        assert_refused(&s, "update 3: ", "");
        tensor.data[0] = kept;
    }
    update_ok(&s, NULL);
    end(&s);
}

/* Decay far too large carries weights beyond the largest number; the update that does it is undone. */
static void test_overflow_of_update_is_undone(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    small_config(&config, "");
    set(&config, "optimizer", "adamw");
    set(&config, "weight-decay", "1e6");
    config.optim.lr = 1e6;
    struct setup s;
    begin(&s, &config);
    /* The same huge number under all logits changes no probability, so that the gradient is fine. */
    struct sab_tensor b = *sab_model_tensor(s.model, sab_model_tensor_count(s.model) - 1);
    assert_string_equal(b.name, "b");
    for (size_t j = 0; j < b.count; j++)
        b.data[j] = sizeof(sab_real) == 4 ? (sab_real)1e30 : (sab_real)1e300;
    assert_refused(&s, "update 1: the optimiser made a value of the tensor b not finite", "lower --lr 1e+06 or --clip 1");
    s.trainer->config.optim.clip = 0; /* off: it cannot be lower */
    const char *message = assert_refused(&s, "the optimiser made", "lower --lr 1e+06");
    if (strstr(message, "--clip"))
        fail_msg("--clip is off, yet: %s", message);
    end(&s);
}

/* A squared gradient beyond the largest float would make v infinite and freeze its weight without a word. */
static void test_overflow_of_moment_is_undone(void **unused)
{
    (void)unused;
    if (sizeof(sab_real) != 4)
        skip(); /* in double the loss overflows first */
    OPTIONS config = {0};
    small_config(&config, "");
    set(&config, "task", "adding");
    set(&config, "clip", "0");
    set(&config, "explode", "1e300");
    struct setup s;
    begin(&s, &config);
    struct sab_tensor b = *sab_model_tensor(s.model, sab_model_tensor_count(s.model) - 1);
    b.data[0] = (sab_real)1e21;
    assert_refused(&s, "update 1: the optimiser made a value of the tensor", "not finite");
    end(&s);
}

/* The average is the mean of the weights so far; swapping it in and out leaves both as they were. */
static void test_average_of_weights(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    small_config(&config, "");
    set(&config, "average", "0.99");
    struct setup s;
    begin(&s, &config);
    size_t count = s.trainer->count;
    double *sum = calloc(count, sizeof *sum);
    assert_non_null(sum);
    for (int t = 1; t <= 5; t++) {
        update_ok(&s, NULL);
        for (size_t i = 0; i < count; i++)
            sum[i] += s.trainer->theta[i];
    }
    char trained[33], averaged[33], back[33];
    sab_model_digest(s.model, trained);
    sab_trainer_swap_average(s.trainer);
    sab_model_digest(s.model, averaged);
    for (size_t i = 0; i < count; i++)
        assert_true(fabs(s.trainer->theta[i] - sum[i] / 5) < 1e-6);
    sab_trainer_swap_average(s.trainer);
    sab_model_digest(s.model, back);
    assert_string_equal(trained, back);
    assert_string_not_equal(trained, averaged);
    free(sum);
    end(&s);
}

static void test_bad_configuration_is_refused(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    small_config(&config, "");
    struct setup s;
    begin(&s, &config);
    config.optim.momentum = 0.5;
    struct sab_trainer *trainer = NULL;
    assert_int_equal(sab_trainer_create(&trainer, s.model, &config, NULL), SAB_INVALID);
    assert_null(trainer);
    sab_trainer_free(NULL);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_average_begins_with_the_first_update),
        cmocka_unit_test(test_update_is_clipped_gradient), cmocka_unit_test(test_loss_falls),
        cmocka_unit_test(test_evaluation_in_parts),        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_explosion_is_stopped),       cmocka_unit_test(test_nan_weight_is_named),
        cmocka_unit_test(test_overflow_of_update_is_undone), cmocka_unit_test(test_overflow_of_moment_is_undone),
        cmocka_unit_test(test_average_of_weights),
        cmocka_unit_test(test_bad_configuration_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

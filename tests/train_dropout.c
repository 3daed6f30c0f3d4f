/* Dropout in training is what docs/math/dropout.md says: a gradient with masks that are drawn here once more. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "device_support.h"
#include "model/model.h"
#include "options_helper.h"
#include "problem.h"
#include "train/evaluate.h"
#include "train/trainer.h"
#include "train_helpers.h"

static int measure(struct device_setup *s, enum sab_split split, int size, int batch, struct sab_metrics *metrics)
{
    OPTIONS config = {0};
    sab_options_init(&config);
    config.run.eval_size = size;
    config.shared.batch = batch;
    return sab_evaluate(s->trainer->engine, s->task, split, &config, metrics, NULL);
}

/* x' = x * m, written out: 0 with probability p, else x / (1 - p), the same at all steps of a sequence. */
static void leave_out(const struct device_setup *s, int64_t step, const struct sab_batch *batch, sab_real *to)
{
    const double p = s->config.optim.dropout_input;
    int I = sab_task_shape(s->task)->I;
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++)
            for (int i = 0; i < I; i++) {
                size_t at = ((size_t)t * (size_t)batch->B + (size_t)b) * (size_t)I + (size_t)i;
                double u = sab_random_uniform(s->config.shared.seed, SAB_FOR_DROPOUT, (uint64_t)(step * batch->B + b), (uint32_t)i);
                to[at] = u < p ? 0 : (sab_real)(1 / (1 - p)) * batch->values[at];
            }
}

/* docs/math/dropout.md: updates are those of a network that is given x', and dx is dx' * m. */
static void test_dropout_is_inputs_times_masks(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    OPTIONS plain_config = {0};
    struct device_setup s, plain;
    char left_out[33], given[33];
    small_config(&config, "unused");
    set(&config, "task", "adding");
    set(&config, "T", "12");
    set(&config, "dropout-input", "0.4");
    plain_config = copy_of(&config);
    set(&plain_config, "dropout-input", "0");
    device_begin(&s, &config, "cpu");
    device_begin(&plain, &plain_config, "cpu");
    for (int step = 0; step < 3; step++) {
        struct sab_batch batch = {.size = sizeof batch};
        struct sab_error err = {0};
        assert_int_equal(sab_task_batch(s.task, SAB_TRAIN, step, config.shared.batch, &batch, &err), 0);
        size_t n = (size_t)batch.T * (size_t)batch.B * (size_t)sab_task_shape(s.task)->I, zeros = 0;
        sab_real *x = calloc(n, sizeof *x), *dx = calloc(n, sizeof *dx), *dx_given = calloc(n, sizeof *dx_given);
        struct sab_request of = {.size = sizeof of, .dvalues = dx}, of_given = {.size = sizeof of_given, .dvalues = dx_given};
        struct sab_batch masked = batch;
        assert_true(x && dx && dx_given);
        leave_out(&s, step, &batch, x);
        masked.values = x;
        assert_int_equal(sab_trainer_gradient(s.trainer, &batch, &of, NULL, &err), 0);
        assert_int_equal(sab_trainer_gradient(plain.trainer, &masked, &of_given, NULL, &err), 0);
        struct sab_batch d = batch;
        d.values = dx_given;
        leave_out(&s, step, &d, dx_given);
        for (size_t i = 0; i < n; i++) {
            zeros += x[i] == 0 && batch.values[i] != 0;
            if (dx[i] != dx_given[i])
                fail_msg("update %d, number %zu: dx %.9g, expected %.9g", step, i, (double)dx[i], (double)dx_given[i]);
        }
        assert_true(zeros > 0);
        assert_int_equal(sab_trainer_update(s.trainer, &batch, NULL, &err), 0);
        assert_int_equal(sab_trainer_update(plain.trainer, &masked, NULL, &err), 0);
        sab_model_digest(s.model, left_out);
        sab_model_digest(plain.model, given);
        assert_string_equal(left_out, given);
        free(x);
        free(dx);
        free(dx_given);
    }
    device_end(&s);
    device_end(&plain);
}

/* [layers,B,H] written out; the number of zeros is counted. */
static sab_real *write_mask(const struct device_setup *s, double p, enum sab_purpose purpose, int64_t step, int B, int *zeros)
{
    int L = s->config.model.layers, H = s->config.model.hidden;
    sab_real *mask = calloc((size_t)(L * B * H), sizeof *mask);
    assert_non_null(mask);
    for (int l = 0; l < L; l++)
        for (int b = 0; b < B; b++)
            for (int i = 0; i < H; i++) {
                double u = sab_random_uniform(s->config.shared.seed, purpose, (uint64_t)(step * B + b), (uint32_t)(l * H + i));
                mask[(l * B + b) * H + i] = u < p ? 0 : (sab_real)(1 / (1 - p));
                *zeros += u < p;
            }
    return mask;
}

/* docs/math/dropout.md: updates are those of a trainer that is given the masks, each as often 0 as its option says; and an
 * evaluation is that of the weights without any. */
static void test_dropout_of_states_is_masks(void **unused)
{
    (void)unused;
    static const char *const settings[][3] = {{"0.4", "0", "lstm"}, {"0", "0.25", "gru"}, {"0.4", "0.25", "rnn"}};
    for (int k = 0; k < 3; k++) {
        OPTIONS config = {0};
        OPTIONS plain_config = {0};
        struct device_setup s, plain;
        int zeros[2] = {0}, updates = 4;
        char left_out[33], given[33];
        small_config(&config, "unused");
        set(&config, "layers", "2");
        set(&config, "cell", settings[k][2]);
        set(&config, "dropout", settings[k][0]);
        set(&config, "dropout-recurrent", settings[k][1]);
        plain_config = copy_of(&config);
        set(&plain_config, "dropout", "0");
        set(&plain_config, "dropout-recurrent", "0");
        device_begin(&s, &config, "cpu");
        device_begin(&plain, &plain_config, "cpu");
        const double p[2] = {config.optim.dropout, config.optim.dropout_recurrent};
        for (int step = 0; step < updates; step++) {
            struct sab_batch batch = {.size = sizeof batch};
            struct sab_error err = {0};
            assert_int_equal(sab_task_batch(s.task, SAB_TRAIN, step, config.shared.batch, &batch, &err), 0);
            struct sab_batch masked = batch;
            sab_real *of_outputs = write_mask(&s, p[0], SAB_FOR_DROPOUT_OUTPUT, step, batch.B, &zeros[0]);
            sab_real *of_states = write_mask(&s, p[1], SAB_FOR_DROPOUT_STATE, step, batch.B, &zeros[1]);
            masked.output_mask = p[0] > 0 ? of_outputs : NULL;
            masked.state_mask = p[1] > 0 ? of_states : NULL;
            if (sab_trainer_update(s.trainer, &batch, NULL, &err) || sab_trainer_update(plain.trainer, &masked, NULL, &err))
                fail_msg("%s", err.message);
            sab_model_digest(s.model, left_out);
            sab_model_digest(plain.model, given);
            assert_string_equal(left_out, given);
            free(of_outputs);
            free(of_states);
        }
        double n = (double)updates * config.shared.batch * config.model.layers * config.model.hidden;
        for (int i = 0; i < 2; i++)
            if (fabs(zeros[i] / n - p[i]) > 4 * sqrt(p[i] * (1 - p[i]) / n))
                fail_msg("%d of %g units are left out, probability %g", zeros[i], n, p[i]);
        struct sab_metrics one = {.size = sizeof one}, two = {.size = sizeof two};
        assert_int_equal(measure(&s, SAB_TEST, 16, 8, &one), SAB_OK);
        assert_int_equal(measure(&plain, SAB_TEST, 16, 8, &two), SAB_OK);
        assert_true(one.loss == two.loss);
        device_end(&s);
        device_end(&plain);
    }
}

/* Masks of 1 give the bits that none give; others reach the outputs. */
static void test_masks_of_ones_change_nothing(void **unused)
{
    (void)unused;
    static const char *const cells[] = {"lstm", "gru", "rnn"};
    for (int k = 0; k < 6; k++) {
        OPTIONS config = {0};
        struct device_setup s;
        struct sab_batch batch = {.size = sizeof batch};
        struct sab_error err = {0};
        small_config(&config, "unused");
        set(&config, "layers", "2");
        set(&config, "cell", cells[k % 3]);
        device_begin(&s, &config, "cpu");
        assert_int_equal(sab_task_batch(s.task, SAB_TRAIN, 0, config.shared.batch, &batch, &err), 0);
        size_t units = (size_t)config.model.layers * (size_t)batch.B * (size_t)config.model.hidden;
        size_t n = (size_t)batch.T * (size_t)batch.B * (size_t)sab_task_shape(s.task)->O;
        sab_real *mask = calloc(units, sizeof *mask), *y[3] = {calloc(n, sizeof **y), calloc(n, sizeof **y), calloc(n, sizeof **y)};
        for (int i = 0; i < 3; i++) { /* none, of 1, of 0.5 */
            for (size_t j = 0; j < units; j++)
                mask[j] = (sab_real)(i == 1 ? 1 : 0.5);
            if (i > 0 && k < 3)
                batch.state_mask = mask;
            else if (i > 0)
                batch.output_mask = mask;
            if (sab_model_evaluate(s.model, &batch, 1, y[i], NULL, NULL, &err))
                fail_msg("%s", err.message);
        }
        const char *which = k < 3 ? "states" : "outputs";
        if (memcmp(y[0], y[1], n * sizeof **y) != 0)
            fail_msg("%s, a mask of 1 for %s changes outputs", cells[k % 3], which);
        if (memcmp(y[0], y[2], n * sizeof **y) == 0)
            fail_msg("%s, a mask of 0.5 for %s changes nothing", cells[k % 3], which);
        for (int i = 0; i < 3; i++)
            free(y[i]);
        free(mask);
        device_end(&s);
    }
}

/* The gradient of input values is that of the weights as they are, also where it was asked for before they changed. */
static void test_gradient_of_inputs_sees_weights(void **unused)
{
    (void)unused;
    enum { STEPS = 9, SEQUENCES = 11, INPUTS = 3 };
    static sab_real dx[2][STEPS * SEQUENCES * INPUTS];
    OPTIONS config = {0};
    problem_config(&config);
    for (int asked_before = 0; asked_before <= 1; asked_before++) {
        struct problem p;
        struct sab_engine *engine;
        struct sab_error err = {0};
        struct sab_request request = {.size = sizeof request, .dvalues = dx[asked_before]};
        problem_make(&p, &config, SHAPE(SAB_INPUT_VALUES, INPUTS, SAB_LOSS_MSE, 2), STEPS, SEQUENCES, 3);
        assert_int_equal(sab_engine_create(&engine, p.model, 1, &err), SAB_OK);
        if (asked_before)
            assert_int_equal(sab_engine_gradient(engine, &p.batch, &request, NULL, &err), SAB_OK);
        for (int i = 0; i < sab_model_tensor_count(p.model); i++) {
            struct sab_tensor tensor = *sab_model_tensor(p.model, i);
            for (size_t j = 0; j < tensor.count; j++)
                tensor.data[j] *= (sab_real)0.75;
        }
        assert_int_equal(sab_engine_gradient(engine, &p.batch, &request, NULL, &err), SAB_OK);
        sab_engine_free(engine);
        problem_free(&p);
    }
    for (size_t i = 0; i < sizeof dx[0] / sizeof dx[0][0]; i++)
        if (dx[0][i] != dx[1][i])
            fail_msg("number %zu: %.9g, and %.9g where it was asked for before the weights changed", i, (double)dx[0][i], (double)dx[1][i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropout_is_inputs_times_masks),
        cmocka_unit_test(test_dropout_of_states_is_masks),
        cmocka_unit_test(test_masks_of_ones_change_nothing),
        cmocka_unit_test(test_gradient_of_inputs_sees_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

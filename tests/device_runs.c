/* Checkpoints and runs on a device: the same bits when a run goes on there, and what was begun on one goes on on the other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_support.h"
#include "options_helper.h"
#include "train/checkpoint.h"
#include "train/run.h"
#include "train/trainer.h"
#include "train_helpers.h"

/* n updates at the first place, a checkpoint, n at the second; digest of the weights, losses of the latter n. */
static void train_in_two(const struct sab_options *config, const char *first, const char *second, int n, char digest[33],
                         double *losses, sab_real **all)
{
    struct device_setup s;
    struct sab_error err = {0};
    struct sab_run_state state = {.best_step = -1};
    char dir[SAB_DIR_CAP], path[SAB_DIR_CAP + 20];
    make_folder(dir);
    snprintf(path, sizeof path, "%s/state", dir);
    device_begin(&s, config, first);
    device_updates(&s, n, NULL);
    if (second) {
        OPTIONS made_with = {0};
        sab_options_init(&made_with);
        if (sab_state_save(path, s.trainer, &state, NULL, &err))
            fail_msg("%s", err.message);
        device_end(&s);
        device_begin(&s, config, second);
        if (sab_state_load(path, s.trainer, &state, NULL, &made_with, &err))
            fail_msg("%s", err.message);
    }
    for (int i = 0; i < n; i++) {
        struct sab_metrics metrics = {.size = sizeof metrics};
        device_updates(&s, 1, &metrics);
        losses[i] = metrics.loss;
    }
    device_fetch(&s);
    sab_model_digest(s.model, digest);
    size_t count = s.trainer->count;
    *all = calloc(4 * count, sizeof(sab_real));
    memcpy(*all, s.trainer->theta, count * sizeof(sab_real));
    memcpy(*all + count, s.trainer->m, count * sizeof(sab_real));
    memcpy(*all + 2 * count, s.trainer->v, count * sizeof(sab_real));
    memcpy(*all + 3 * count, s.trainer->average, count * sizeof(sab_real));
    (*all)[count - 1] = (sab_real)count;
    device_end(&s);
    remove_folder(dir);
}

static void test_checkpoints(void **unused)
{
    (void)unused;
    enum { N = 6 };
    OPTIONS config = device_copying();
    char whole[33], digest[33];
    double losses[N], others[N];
    sab_real *all, *other;
    set(&config, "average", "0.9");
    train_in_two(&config, device_place(), NULL, N, whole, losses, &all);
    const char *const ways[][2] = {{device_place(), device_place()}, {device_place(), "cpu"}, {"cpu", device_place()}};
    for (int k = 0; k < 3; k++) {
        train_in_two(&config, ways[k][0], ways[k][1], N, digest, others, &other);
        for (int i = 0; i < N; i++)
            if (!(fabs(losses[i] - others[i]) < DEVICE_CURVE))
                fail_msg("%s, then %s, update %d: expected loss %.9g, got %.9g", ways[k][0], ways[k][1], N + i, losses[i], others[i]);
        if (k == 0) {
            assert_string_equal(digest, whole);
            struct device_setup s;
            device_begin(&s, &config, "cpu");
            assert_memory_equal(all, other, 4 * s.trainer->count * sizeof(sab_real));
            device_end(&s);
        }
        free(other);
    }
    free(all);
}

static int watch(void *user, const struct sab_event *event)
{
    (void)user;
    return event->step == 7 && !event->evaluated;
}

/* A run that is stopped and resumed: the same bits of every file's weights, by the average and by the best. */
static void test_runs(void **unused)
{
    (void)unused;
    OPTIONS config = device_copying();
    struct sab_error err = {0};
    struct sab_metrics metrics[4] = {{sizeof *metrics}, {sizeof *metrics}, {sizeof *metrics}, {sizeof *metrics}};
    struct sab_outcome whole = {.last = &metrics[0], .best = &metrics[1]}, cpu = {.last = &metrics[2], .best = &metrics[3]};
    struct sab_outcome parts = {0};
    const struct sab_watch hooks = {.event = watch};
    char dir[SAB_DIR_CAP], out[3][SAB_DIR_CAP + 4];
    make_folder(dir);
    for (int i = 0; i < 3; i++)
        snprintf(out[i], sizeof out[i], "%s/%d", dir, i);
    set(&config, "device", device_place());
    set(&config, "average", "0.9");
    set(&config, "steps", "12");
    set(&config, "warmup", "0");
    set(&config, "eval-every", "4");
    set(&config, "eval-size", "8");
    set(&config, "out", out[0]);
    if (sab_run_train(&config, 0, NULL, &whole, &err))
        fail_msg("%s", err.message);
    set(&config, "out", out[1]);
    assert_int_equal(sab_run_train(&config, 0, &hooks, &parts, &err), SAB_INTERRUPTED);
    assert_int_equal(parts.steps, 7);
    if (sab_run_train(&config, 1, NULL, &parts, &err))
        fail_msg("%s", err.message);
    assert_string_equal(whole.weights_digest, parts.weights_digest);
    assert_int_equal(whole.best_step, parts.best_step);
    size_t nbytes, others;
    char *a = read_all(out[0], "model.safetensors", &nbytes), *b = read_all(out[1], "model.safetensors", &others);
    assert_int_equal(nbytes, others);
    assert_memory_equal(a, b, nbytes);
    free(a), free(b);
    set(&config, "out", out[2]);
    set(&config, "device", "cpu");
    if (sab_run_train(&config, 0, NULL, &cpu, &err))
        fail_msg("%s", err.message);
    assert_int_equal(whole.best_step, cpu.best_step);
    assert_true(fabs(whole.best->loss - cpu.best->loss) < DEVICE_CURVE && fabs(whole.last->loss - cpu.last->loss) < DEVICE_CURVE);
    remove_folder(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Updates that fail on a device, and a device that fails: what was there stays, and who asks is told. */
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
#include "options_helper.h"
#include "train/checkpoint.h"
#include "train/trainer.h"
#include "train_helpers.h"

struct all {
    char digest[33];
    sab_real *moments;
};

static struct all look(struct device_setup *s)
{
    struct all all;
    size_t n = s->trainer->count;
    device_fetch(s);
    sab_model_digest(s->model, all.digest);
    all.moments = calloc(3 * n, sizeof(sab_real));
    memcpy(all.moments, s->trainer->m, n * sizeof(sab_real));
    if (s->trainer->v)
        memcpy(all.moments + n, s->trainer->v, n * sizeof(sab_real));
    if (s->trainer->average)
        memcpy(all.moments + 2 * n, s->trainer->average, n * sizeof(sab_real));
    return all;
}

static void assert_same(struct device_setup *s, struct all *before)
{
    struct all now = look(s);
    assert_string_equal(before->digest, now.digest);
    assert_memory_equal(before->moments, now.moments, 3 * s->trainer->count * sizeof(sab_real));
    free(before->moments);
    free(now.moments);
}

static void test_failed_updates_change_nothing(void **unused)
{
    (void)unused;
    OPTIONS config = device_copying();
    struct device_setup s;
    struct sab_error err = {0};
    set(&config, "average", "0.9");
    device_begin(&s, &config, device_place());
    device_updates(&s, 3, NULL);
    struct all before = look(&s);
    device_end(&s);
    device_begin(&s, &config, device_place()); /* the same again; nothing of it has been looked at when it fails */
    device_updates(&s, 3, NULL);
    double lr = s.trainer->config.optim.lr, explode = s.trainer->config.optim.explode;
    s.trainer->config.optim.lr = 1e39; /* infinite in float */
    if (sizeof(sab_real) == 4) {
        double clip = s.trainer->config.optim.clip;
        assert_int_equal(device_update(&s, NULL, &err), SAB_NUMERIC);
        if (!strstr(err.message, "update 4: the optimiser made") || !strstr(err.message, "lower --lr 1e+39 or --clip 1"))
            fail_msg("%s", err.message);
        s.trainer->config.optim.clip = 0; /* off: it cannot be lower */
        assert_int_equal(device_update(&s, NULL, &err), SAB_NUMERIC);
        if (!strstr(err.message, "lower --lr 1e+39") || strstr(err.message, "--clip"))
            fail_msg("%s", err.message);
        s.trainer->config.optim.clip = clip;
    }
    s.trainer->config.optim.lr = lr;
    s.trainer->config.optim.explode = 1e-6;
    assert_int_equal(device_update(&s, NULL, &err), SAB_NUMERIC);
    if (!strstr(err.message, "update 4: the gradient norm") || !strstr(err.message, "in the tensor"))
        fail_msg("%s", err.message);
    s.trainer->config.optim.explode = explode;
    assert_int_equal(sab_trainer_step(s.trainer), 3);
    assert_same(&s, &before);
    struct sab_tensor tensor = *sab_model_tensor(s.model, 1);
    before = look(&s);
    tensor.data[3] = NAN;
    assert_int_equal(device_update(&s, NULL, &err), SAB_NUMERIC);
    if (!strstr(err.message, "update 4: the gradient of") || !strstr(err.message, "is not finite"))
        fail_msg("%s", err.message);
    free(before.moments);
    device_end(&s);
}

static int (*real_get)(struct sab_machine *, void *, const void *, size_t);
static int is_broken;

static int get_or_fail(struct sab_machine *m, void *host, const void *from, size_t nbytes)
{
    return is_broken ? SAB_IO : real_get(m, host, from, nbytes);
}

static int (*real_wait)(struct sab_machine *, struct sab_error *);

static int wait_or_fail(struct sab_machine *m, struct sab_error *err)
{
    struct sab_error why = {SAB_IO, "the device is gone"};
    int status = real_wait(m, err);
    if (is_broken && err)
        *err = why;
    return is_broken ? SAB_IO : status;
}

/* A device that fails: who needs the weights is told, nothing is written, and what was there before stays. */
static void test_a_device_that_fails(void **unused)
{
    (void)unused;
    OPTIONS config = device_copying();
    struct device_setup s;
    struct sab_error err = {0};
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_run_state state = {.best_step = -1};
    device_begin(&s, &config, device_place());
    device_updates(&s, 2, NULL);
    struct sab_machine *machine = s.trainer->engine->device->machine;
    real_get = machine->get, real_wait = machine->wait;
    machine->get = get_or_fail, machine->wait = wait_or_fail;
    is_broken = 1;
    char dir[SAB_DIR_CAP], path[SAB_DIR_CAP + 20];
    make_folder(dir);
    snprintf(path, sizeof path, "%s/file", dir);
    assert_int_equal(sab_model_save(s.model, path, &err), SAB_IO);
    assert_string_equal(err.message, "the device is gone");
    assert_int_equal(sab_state_save(path, s.trainer, &state, NULL, &err), SAB_IO);
    assert_false(has_file(dir, "file"));
    assert_int_equal(sab_task_batch(s.task, SAB_VALID, 0, 4, &batch, &err), SAB_OK);
    assert_int_equal(sab_model_evaluate(s.model, &batch, 1, NULL, NULL, NULL, &err), SAB_IO);
    assert_int_equal(device_update(&s, NULL, &err), SAB_IO);
    is_broken = 0;
    assert_int_equal(sab_model_save(s.model, path, &err), SAB_OK);
    assert_true(has_file(dir, "file"));
    device_updates(&s, 1, NULL);
    is_broken = 1; /* freed while it fails */
    device_end(&s);
    is_broken = 0;
    remove_folder(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_updates_change_nothing),
        cmocka_unit_test(test_a_device_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

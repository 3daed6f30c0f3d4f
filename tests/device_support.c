/* See device_support.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_support.h"
#include "options_helper.h"
#include "train/trainer.h"
#include "train_helpers.h"

const char *device_place(void)
{
    const char *name = getenv("SAB_TEST_DEVICE");
    return name && *name ? name : "host";
}

void device_begin(struct device_setup *s, const struct sab_options *config, const char *where)
{
    struct sab_error err = {0};
    memset(s, 0, sizeof *s);
    s->config = copy_of(config);
    set(&s->config, "device", where);
    if (sab_task_create(&s->task, &s->config, NULL, &err) || sab_model_create(&s->model, &s->config, sab_task_shape(s->task), &err) ||
        sab_trainer_create(&s->trainer, s->model, &s->config, &err))
        fail_msg("%s", err.message);
}

void device_end(struct device_setup *s)
{
    sab_trainer_free(s->trainer);
    sab_model_free(s->model);
    sab_task_free(s->task);
    sab_options_clear(&s->config);
}

int device_update(struct device_setup *s, struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_batch batch = {.size = sizeof batch};
    assert_int_equal(sab_task_batch(s->task, SAB_TRAIN, sab_trainer_step(s->trainer), s->config.shared.batch, &batch, err), 0);
    return sab_trainer_update(s->trainer, &batch, metrics, err);
}

void device_updates(struct device_setup *s, int n, struct sab_metrics *metrics)
{
    struct sab_error err = {0};
    for (int i = 0; i < n; i++)
        if (device_update(s, metrics, &err) != SAB_OK)
            fail_msg("%s", err.message);
}

struct sab_options device_copying(void)
{
    struct sab_options config;
    small_config(&config, "unused");
    set(&config, "T", "10");
    set(&config, "hidden", "20");
    set(&config, "lr", "0.003");
    set(&config, "k-trunc", "4");
    return config;
}

void device_fetch(struct device_setup *s)
{
    struct sab_error err = {0};
    if (sab_trainer_fetch(s->trainer, &err) != SAB_OK)
        fail_msg("%s", err.message);
}

double device_distance(const sab_real *x, const sab_real *y, size_t n)
{
    double off = 0;
    for (size_t i = 0; i < n; i++)
        off = fmax(off, fabs((double)x[i] - (double)y[i]));
    return off;
}

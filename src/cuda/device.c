/* See device.h. */
#include "cuda/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* ---- names ---- */

/* The number in "cuda" (0) or "cuda:N"; -1 where the text is neither. */
static int cuda_number(const char *device)
{
    if (strncmp(device, "cuda", 4) != 0)
        return -1;
    if (device[4] == 0)
        return 0;
    size_t digits = device[4] == ':' ? strspn(device + 5, "0123456789") : 0;
    if (digits < 1 || digits > 4 || device[5 + digits] != 0)
        return -1;
    return atoi(device + 5);
}

int sab_device_is_cpu(const char *device)
{
    return strcmp(device, "cpu") == 0;
}

int sab_device_check(const char *device, struct sab_error *err)
{
    if (sab_device_is_cpu(device) || strcmp(device, "host") == 0 || cuda_number(device) >= 0)
        return SAB_OK;
    return sab_fail(err, SAB_INVALID, "--device: \"%.60s\" is none of cpu, cuda, cuda:N (N from 0 to 9999) and host", device);
}

int sab_device_is_built(const char *device, struct sab_error *err)
{
    int status = sab_device_check(device, err);
#ifndef SAB_CUDA
    if (status == SAB_OK && cuda_number(device) >= 0)
        return sab_fail(err, SAB_INVALID, "--device %.32s: this sab was built without CUDA: configure with -DSAB_CUDA=ON, nvcc 12 "
                                          "or later", device);
#endif
    return status;
}

/* ---- life ---- */

static int open_machine(struct sab_machine **out, const char *device, int is_guest, struct sab_error *err)
{
    int status = sab_device_is_built(device, err);
    if (status != SAB_OK)
        return status;
#ifdef SAB_CUDA
    if (cuda_number(device) >= 0)
        return (is_guest ? sab_machine_open_guest : sab_machine_open_cuda)(out, cuda_number(device), err);
#endif
    (void)is_guest;
    return sab_machine_open_host(out, err);
}

int sab_device_open_guest(struct sab_machine **out, const char *device, struct sab_error *err)
{
    return open_machine(out, device, 1, err);
}

int sab_device_describe(int number, char *text, size_t cap, struct sab_error *err)
{
    struct sab_machine *machine;
    char device[24];
    snprintf(device, sizeof device, "cuda:%d", number);
    int status = open_machine(&machine, device, 0, err);
    if (status != SAB_OK)
        return status;
    snprintf(text, cap, "%s", machine->name);
    machine->close(machine);
    return SAB_OK;
}

int sab_device_open(struct sab_device **out, const char *device, struct sab_model *model, struct sab_error *err)
{
    *out = NULL;
    int status = sab_device_check(device, err);
    if (status != SAB_OK || sab_device_is_cpu(device))
        return status;
    status = sab_gpu_check(&model->config, device, err);
    if (status != SAB_OK)
        return status;
    struct sab_device *d = sab_alloc(1, sizeof *d);
    if (!d)
        return sab_fail(err, SAB_NOMEM, "no memory for a device");
    d->model = model;
    status = open_machine(&d->machine, device, 0, err);
    if (status == SAB_OK)
        status = sab_gpu_create(&d->gpu, d->machine, model, err);
    if (status != SAB_OK) {
        sab_device_close(d);
        return status;
    }
    d->has_weights = 1;
    d->version = sab_model_version(model);
    *out = d;
    return SAB_OK;
}

void sab_device_close(struct sab_device *d)
{
    if (!d)
        return;
    if (d->is_ahead) {
        sab_model_fetch(d->model, NULL);
        sab_model_set_ahead(d->model, NULL, NULL); /* also where that failed */
    }
    sab_gpu_free(d->gpu);
    if (d->machine)
        d->machine->close(d->machine);
    sab_free(d);
}

/* ---- weights ---- */

/* The model's lock is held. */
static int catch_up(void *device, struct sab_error *err)
{
    struct sab_device *d = device;
    int status = sab_gpu_pull(d->gpu, err);
    if (status != SAB_OK)
        return status;
    d->is_ahead = 0;
    d->has_weights = 1;
    d->version = sab_model_version(d->model);
    return SAB_OK;
}

int sab_device_ready(struct sab_device *d, struct sab_error *err)
{
    if (d->is_ahead)
        return SAB_OK;
    int status = sab_model_fetch(d->model, err); /* another device may have newer ones */
    if (status != SAB_OK)
        return status;
    struct sab_version now = sab_model_version(d->model);
    if (d->has_weights && now.high == d->version.high && now.low == d->version.low)
        return SAB_OK;
    d->has_weights = 0;
    status = sab_gpu_push(d->gpu, err);
    if (status != SAB_OK)
        return status;
    d->has_weights = 1;
    d->version = now;
    return SAB_OK;
}

int sab_device_step(struct sab_device *d, const struct sab_optim_options *options, double rate, double scale, int64_t t,
                    struct sab_error *err)
{
    int status = sab_device_ready(d, err);
    if (status == SAB_OK)
        status = sab_gpu_step(d->gpu, options, rate, scale, t, err);
    if (status != SAB_OK || d->is_ahead)
        return status;
    d->is_ahead = 1;
    sab_model_set_ahead(d->model, d, catch_up);
    return SAB_OK;
}

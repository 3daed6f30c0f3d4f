/* A device that computes for an engine: a machine (machine.h), a model's side on it (gpu.h), and which of the two has the newer
 * weights. While a trainer updates them they are newer there; whoever reads the model's own calls sab_model_fetch, which
 * brings them over. Weights that were written on the processor's side are found by their hash and taken. */
#ifndef SAB_CUDA_DEVICE_H
#define SAB_CUDA_DEVICE_H

#include "cuda/gpu.h"

struct sab_device {
    struct sab_machine *machine;
    struct sab_gpu *gpu;
    struct sab_model *model;    /* borrowed */
    int is_ahead;               /* the weights here are newer than the model's */
    int has_weights;            /* those of `version` are here, unless it is ahead */
    struct sab_version version;
};

/* SAB_INVALID where the text names no device; says nothing of whether it is there. */
int sab_device_check(const char *device, struct sab_error *err);
/* SAB_INVALID where this build has no such device. */
int sab_device_is_built(const char *device, struct sab_error *err);
/* 1 for "cpu": the processor, by the credit layer. */
int sab_device_is_cpu(const char *device);

/* What "cuda:number" is, into text. SAB_INVALID where this build or machine has none of that number. */
int sab_device_describe(int number, char *text, size_t cap, struct sab_error *err);

/* A machine for work on its callers' streams. */
int sab_device_open_guest(struct sab_machine **out, const char *device, struct sab_error *err);

/* *out is NULL for "cpu". SAB_INVALID where there is no such device, or it cannot take the model; SAB_NOMEM. */
int sab_device_open(struct sab_device **out, const char *device, struct sab_model *model, struct sab_error *err);
/* What is newer here is brought to the model before, if that can be. NULL is fine. */
void sab_device_close(struct sab_device *device);

/* To be called before device->gpu computes: the model's weights are there. */
int sab_device_ready(struct sab_device *device, struct sab_error *err);

/* sab_gpu_step, and the weights here are the newest. */
int sab_device_step(struct sab_device *device, const struct sab_optim_options *options, double rate, double scale, int64_t t,
                    struct sab_error *err);

#endif

/* sab bench --device: the time of an update on a GPU, and what it asks of it: launches, copies, and bytes a step. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/say.h"
#include "credit/engine.h"
#include "cuda/device.h"
#include "lab/bench.h"
#include "report/json_process.h"
#include "train/trainer.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct found {
    const char *device;
    int T, B, n;                    /* steps and sequences; updates timed */
    double median_s, fastest_s, launches, copies;
    double step_nbytes[2];          /* of one sequence, forward and back */
    struct sab_gpu_plan plan;
};

static void print(const struct found *f, const struct sab_options *config)
{
    printf("%s, %d steps of %d sequences, hidden %d, on %s\n", config->task.task, f->T, f->B, config->model.hidden, f->device);
    printf("update      %.4g ms (median of %d, the fastest %.4g ms)\n", 1e3 * f->median_s, f->n, 1e3 * f->fastest_s);
    printf("asked for   %.0f launches, %.0f copies\n", f->launches, f->copies);
    printf("a step      %.0f bytes of memory forward, %.0f back, for each sequence; weights not counted\n",
           f->step_nbytes[0], f->step_nbytes[1]);
    printf("cut into    groups of %d, %d blocks each, %d steps at a time\n", f->plan.S, f->plan.C, f->plan.steps);
}

static void print_json(const struct found *f, const struct sab_options *config)
{
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", config->task.task);
    sab_json_text(&json, "device", f->device);
    sab_json_int(&json, "batch", f->B);
    sab_json_int(&json, "hidden", config->model.hidden);
    sab_json_int(&json, "sequence_steps", f->T);
    sab_json_int(&json, "updates", f->n);
    sab_json_real(&json, "seconds_per_update", f->median_s);
    sab_json_real(&json, "fastest_seconds", f->fastest_s);
    sab_json_real(&json, "launches", f->launches);
    sab_json_real(&json, "copies", f->copies);
    sab_json_real(&json, "bytes_per_step_forward", f->step_nbytes[0]);
    sab_json_real(&json, "bytes_per_step_backward", f->step_nbytes[1]);
    sab_json_int(&json, "group", f->plan.S);
    sab_json_int(&json, "ranks", f->plan.C);
    sab_json_int(&json, "stretch", f->plan.steps);
    sab_json_text(&json, "version", SAB_VERSION);
    sab_json_close(&json, '}');
}

static int one_update(struct sab_task *task, struct sab_trainer *trainer, int64_t i, int B, struct found *f, struct sab_error *err)
{
    struct sab_batch batch = {.size = sizeof batch};
    int status = sab_task_batch(task, SAB_TRAIN, i, B, &batch, err);
    f->T = batch.T, f->B = batch.B;
    return status == SAB_OK ? sab_trainer_update(trainer, &batch, NULL, err) : status;
}

static int time_updates(struct sab_task *task, struct sab_trainer *trainer, const struct sab_options *config, int repeat, double seconds,
                        struct found *f, struct sab_error *err)
{
    const struct sab_device *device = trainer->engine->device;
    double *samples = sab_alloc((size_t)repeat, sizeof *samples), begin = now();
    int status = samples ? one_update(task, trainer, 0, config->shared.batch, f, err)
        : sab_fail(err, SAB_NOMEM, "no memory for %d samples", repeat);
    const struct sab_gpu_counts before = *sab_gpu_counts(device->gpu);
    const long launches = device->machine->launches, copies = device->machine->copies;
    for (; f->n < repeat && status == SAB_OK && (f->n == 0 || now() - begin < seconds); f->n++) {
        double since = now();
        status = one_update(task, trainer, 1 + f->n, config->shared.batch, f, err);
        samples[f->n] = now() - since;
    }
    if (status == SAB_OK) {
        const struct sab_gpu_counts *after = sab_gpu_counts(device->gpu);
        qsort(samples, (size_t)f->n, sizeof *samples, rising);
        f->median_s = samples[f->n / 2], f->fastest_s = samples[0];
        f->launches = (double)(device->machine->launches - launches) / f->n, f->copies = (double)(device->machine->copies - copies) / f->n;
        for (int back = 0; back < 2; back++)
            f->step_nbytes[back] = (after->kernel_nbytes[back] - before.kernel_nbytes[back]) / ((double)f->n * f->T * f->B);
        f->plan = *sab_gpu_plan(device->gpu);
        f->device = device->machine->name;
    }
    sab_free(samples);
    return status;
}

int sab_bench_device(const struct sab_options *given, int repeat, double seconds, int json, struct sab_error *err)
{
    struct sab_options config;
    struct sab_task *task = NULL;
    struct sab_model *model = NULL;
    struct sab_trainer *trainer = NULL;
    struct found f = {0};
    int status = sab_options_copy(&config, given, err);
    if (status != SAB_OK)
        return status;
    status = sab_task_create(&task, &config, NULL, err);
    if (status == SAB_OK)
        status = sab_task_settle(task, &config, err);
    if (status == SAB_OK)
        status = sab_model_create(&model, &config, sab_task_shape(task), err);
    if (status == SAB_OK)
        status = sab_trainer_create(&trainer, model, &config, err);
    if (status == SAB_OK)
        status = time_updates(task, trainer, &config, repeat, seconds, &f, err);
    if (status == SAB_OK)
        (json ? print_json : print)(&f, &config);
    sab_trainer_free(trainer);
    sab_model_free(model);
    sab_task_free(task);
    sab_options_clear(&config);
    return status;
}

/* A run made ready: its task, model and trainer, the weights that it begins with, and its folder, new or gone on with. See
 * run_parts.h. Must not know the loop. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "comm/comm.h"
#include "credit/engine.h"
#include "cuda/device.h"
#include "data/task.h"
#include "io/file.h"
#include "optim/optim.h"
#include "train/folder.h"
#include "train/run.h"
#include "train/run_parts.h"

/* The model that the run begins with, if config names one; a resumed run has taken over what it says of data. */
static int load_source(const struct sab_run *run, int is_resumed, struct sab_model **source, struct sab_error *err)
{
    const char *from = is_resumed ? run->config.run.out : run->config.run.from;
    char path[SAB_PATH_CAP];
    *source = NULL;
    if (!run->config.run.from[0] || (is_resumed && !sab_folder_has(from, "model.safetensors")))
        return SAB_OK;
    if (sab_folder_has(from, "model.safetensors"))
        sab_folder_path(from, "model.safetensors", path);
    else
        snprintf(path, sizeof path, "%s", from);
    return sab_model_load(source, path, err);
}

/* The source's weights, tensor by tensor, become the model's. */
static int take_weights(const struct sab_run *run, const struct sab_model *source, struct sab_error *err)
{
    int n = sab_model_tensor_count(run->model), same = n == sab_model_tensor_count(source);
    for (int i = 0; same && i < n; i++) {
        struct sab_tensor to = *sab_model_tensor(run->model, i), from = *sab_model_tensor(source, i);
        if (strcmp(to.name, from.name) != 0 || to.shape[0] != from.shape[0] || to.shape[1] != from.shape[1])
            return sab_fail(err, SAB_INVALID, "--from %.200s: its tensor %s [%d,%d] is not %s [%d,%d], as this model "
                                              "needs: model, cell, hidden, layers, score, credit and task must agree",
                            run->config.run.from, from.name, from.shape[0], from.shape[1], to.name, to.shape[0], to.shape[1]);
        memcpy(to.data, from.data, to.count * sizeof *to.data);
    }
    return same ? SAB_OK
                : sab_fail(err, SAB_INVALID, "--from %.200s: it has %d tensors and this model needs %d: model, cell, layers, score "
                                             "and credit must agree",
                           run->config.run.from, sab_model_tensor_count(source), n);
}

/* Before memory is taken: the least that weights, their optimiser, gradients and the best ones come to need. */
static int check_room(const struct sab_run *run, struct sab_error *err)
{
    const double gib = 1 << 30;
    const struct sab_shape *shape = sab_task_shape(run->task);
    struct sab_model *outline;
    int status = sab_model_outline(&outline, &run->config.model, &run->config.shared, shape, err);
    if (status != SAB_OK)
        return status;
    double theta = (double)outline->n_theta, shards = (run->config.shared.batch - 1) / SAB_SHARD + 1;
    double need = (3 * theta + (1 + shards) * (double)outline->n_padded) * sizeof(sab_real);
    need += sab_trainer_nbytes(&run->config.optim, theta);
    sab_model_free(outline);
    double there;
    char less[64];
    if (sab_memory_allows(need, &there))
        return SAB_OK;
    sab_options_less(&run->config, "batch hidden", less, sizeof less);
    return sab_fail(err, SAB_NOMEM, "a network of %d inputs and %d outputs with these options has %.0f weights, whose training "
                    "needs %.1f GiB of memory; %.1f GiB are free%s%s%s", shape->I, shape->O, theta, need / gib, there / gib,
                    less[0] ? ": " : "", less, less[0] ? " needs less" : "");
}

/* A number of all that decides the result. */
static uint64_t options_number(const struct sab_options *config)
{
    uint64_t number = 0xCBF29CE484222325u; /* FNV-1a */
    char text[SAB_REAL_TEXT_CAP];
    for (int i = 0; sab_option_at(i); i++)
        if (sab_option_at(i)->effect <= SAB_RESUMES)
            for (const char *at = sab_options_value_at(config, i, text); *at; at++)
                number = (number ^ (unsigned char)*at) * 0x100000001B3u;
    return number;
}

/* The options, the folder's name among them, the model that the run begins with, and the task. */
static int make_task(struct sab_run *run, const struct sab_options *config, int is_resumed, struct sab_model **source,
                     struct sab_error *err)
{
    char dir[SAB_DIR_CAP];
    int status = sab_options_check(config, err);
    if (status == SAB_OK)
        status = sab_device_is_built(config->run.device, err);
    if (status == SAB_OK)
        status = sab_folder_name(config, dir, err);
    if (status == SAB_OK)
        status = sab_options_copy(&run->config, config, err);
    if (status == SAB_OK)
        status = sab_options_set(&run->config, "out", dir, err);
    if (status == SAB_OK)
        status = load_source(run, is_resumed, source, err);
    if (status == SAB_OK)
        status = sab_task_create(&run->task, &run->config, *source ? sab_model_facts(*source) : NULL, err);
    if (status == SAB_OK)
        status = sab_judge_make(&run->judge, config, sab_task_shape(run->task),
                                !isnan(sab_task_bits_per_char(config->task.task, 0)), err);
    return status;
}

/* The watcher may choose options by a look at the data, which are opened anew only where it chose that they be read as no more than
 * values: as changes they are the same numbers. */
static int let_settle(struct sab_run *run, struct sab_error *err)
{
    int relative = run->config.task.csv.relative;
    int status = run->watch->settle(run->watch->user, run->task, &run->config, err);
    if (status == SAB_OK)
        status = sab_options_check(&run->config, err);
    if (status == SAB_OK && run->config.task.csv.relative)
        return sab_task_make_relative(run->task, err);
    if (status != SAB_OK || run->config.task.csv.relative == relative)
        return status;
    sab_task_free(run->task);
    run->task = NULL;
    return sab_task_create(&run->task, &run->config, NULL, err);
}

static int make_model(struct sab_run *run, struct sab_error *err)
{
    int carries;
    int status = sab_run_settle(run->task, &run->config, &carries, err);
    if (status == SAB_OK)
        status = check_room(run, err);
    if (status == SAB_OK)
        status = sab_model_create(&run->model, &run->config, sab_task_shape(run->task), err);
    if (status == SAB_OK)
        status = sab_model_set_facts(run->model, sab_task_facts(run->task), err);
    if (status == SAB_OK)
        status = sab_model_check_steps(run->model, sab_task_steps(run->task), err);
    return status;
}

static int make_trainer(struct sab_run *run, struct sab_error *err)
{
    int status = sab_trainer_create(&run->trainer, run->model, &run->config, err);
    if (status == SAB_OK && run->comm)
        status = sab_engine_set_comm(run->trainer->engine, run->comm, err);
    if (status != SAB_OK)
        return status;
    if (run->watch && run->config.shared.threads == 0)
        run->trainer->engine->threads = run->watch->threads;
    run->trainer->engine->stop = run->watch ? run->watch->stop : NULL;
    run->trainer->engine->most_steps = sab_task_steps(run->task);
    if (!run->comm && sab_device_is_cpu(run->config.run.device) &&
        (status = sab_crew_check(run->trainer->engine, sab_task_steps(run->task), run->config.shared.batch, err)) != SAB_OK)
        return status;
    run->best = sab_alloc(run->trainer->count, sizeof(sab_real));
    return run->best ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for %zu weights", run->trainer->count);
}

int sab_run_prepare(struct sab_run *run, const struct sab_options *config, int is_resumed, struct sab_error *err)
{
    struct sab_model *source = NULL;
    run->state.evaluated = run->state.best_step = run->saved_step = -1;
    int status = make_task(run, config, is_resumed, &source, err);
    if (status == SAB_OK && !is_resumed && !source && run->watch && run->watch->settle)
        status = let_settle(run, err);
    if (status == SAB_OK && run->watch && run->watch->opened)
        run->watch->opened(run->watch->user, run->task);
    if (status == SAB_OK)
        status = make_model(run, err);
    if (status == SAB_OK && source && !is_resumed)
        status = take_weights(run, source, err);
    sab_model_free(source);
    if (status == SAB_OK)
        status = make_trainer(run, err);
    return sab_comm_agree(run->comm, status, status == SAB_OK ? options_number(&run->config) : 0, "the options", err);
}

/* ---- the folder ---- */

/* What may change, decides the result, and may have been changed in config.json: the user should know. */
static void tell_changes(const struct sab_run *run, const struct sab_options *was)
{
    static const char *const names[] = {"lr", "clip", "explode"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && run->watch && run->watch->notice; i++) {
        char x[SAB_REAL_TEXT_CAP], y[SAB_REAL_TEXT_CAP], sentence[128];
        const char *before = sab_options_value(was, names[i], x), *now = sab_options_value(&run->config, names[i], y);
        if (strcmp(before, now) == 0)
            continue;
        snprintf(sentence, sizeof sentence, "from here on --%s is %.40s; it was %.40s so far", names[i], now, before);
        run->watch->notice(run->watch->user, sentence);
    }
}

static int load_state(struct sab_run *run, struct sab_error *err)
{
    char path[SAB_PATH_CAP];
    struct sab_options was;
    int status = sab_options_copy(&was, &run->config, err);
    sab_folder_path(run->config.run.out, "state.safetensors", path);
    if (status == SAB_OK)
        status = sab_state_load(path, run->trainer, &run->state, run->best, &was, err);
    if (status == SAB_OK) {
        run->saved_step = run->trainer->step;
        run->saved_evaluated = run->state.evaluated;
        if (run->trainer->step > 0)
            run->rate = sab_optim_rate(&run->config.optim, run->trainer->step - 1);
        tell_changes(run, &was);
    }
    sab_options_clear(&was);
    return status;
}

/* What every rank reads of the folder. */
static int read_folder(struct sab_run *run, struct sab_error *err)
{
    const char *dir = run->config.run.out;
    int status = sab_folder_check_files(dir, err);
    if (status == SAB_OK && sab_run_writes(run) && sab_folder_has(dir, "config.json"))
        status = sab_folder_lock(dir, &run->lock, err);
    if (status == SAB_OK)
        status = sab_folder_agrees(dir, &run->config, err);
    /* A run that was killed before its first checkpoint begins again. */
    if (status == SAB_OK && sab_folder_has(dir, "state.safetensors"))
        status = load_state(run, err);
    if (status == SAB_OK && run->trainer->step > run->config.optim.steps)
        status = sab_fail(err, SAB_INVALID, "--steps: the run in %s has made %lld updates, more than %lld", dir,
                          (long long)run->trainer->step, (long long)run->config.optim.steps);
    return status;
}

int sab_run_resume(struct sab_run *run, struct sab_error *err)
{
    const char *dir = run->config.run.out;
    int status = read_folder(run, err);
    status = sab_comm_agree(run->comm, status, sab_model_version(run->model).low ^ (uint64_t)run->trainer->step,
                            "the weights and the number of updates", err);
    if (status != SAB_OK || !sab_run_writes(run))
        return sab_run_agree(run, status, err);
    status = sab_folder_write_config(dir, &run->config, err);
    if (status == SAB_OK)
        status = sab_folder_cut_metrics(dir, run->state.metrics_nbytes, err);
    /* model.safetensors may be from an evaluation that came after the state; it will come again. */
    if (status == SAB_OK && run->state.best_step >= 0)
        status = sab_run_save_best(run, err);
    return sab_run_agree(run, status, err);
}

static int begin_folder(struct sab_run *run, struct sab_error *err)
{
    const char *dir = run->config.run.out;
    int is_new = !sab_folder_is_there(dir), status = sab_file_make_directory(dir, err);
    run->is_folder_made = is_new && status == SAB_OK;
    if (status == SAB_OK)
        status = sab_folder_lock(dir, &run->lock, err);
    if (status == SAB_OK)
        status = sab_folder_begin(dir, &run->config, err);
    return status;
}

int sab_run_begin(struct sab_run *run, struct sab_error *err)
{
    int status = sab_run_agree(run, sab_run_writes(run) ? begin_folder(run, err) : SAB_OK, err);
    run->is_begun = status == SAB_OK;
    return status;
}

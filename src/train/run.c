/* The training loop of a run. See run.h.
 *
 *     update -> (evaluate -> keep the best) -> (save) -> stopped? -> next
 *
 * All that decides the next update is in state.safetensors or a function of the step, so a run stopped anywhere and
 * resumed writes the same weights as one that was left alone.
 *
 * On several ranks all go through the same loop. Whatever decides its way is the same on all: weights, figures, and the status of
 * each thing that could fail on one, which they agree on. Rank 0 writes. */
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/sized.h"
#include "comm/comm.h"
#include "credit/engine.h"
#include "cuda/device.h"
#include "data/task.h"
#include "io/file.h"
#include "model/recurrent.h"
#include "optim/optim.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/folder.h"
#include "train/options.h"
#include "train/trainer.h"

/* Durations of the latest updates, for the median. */
enum { RECENT = 1024 };

struct run {
    struct sab_options config; /* out is the run folder */
    const struct sab_watch *watch;
    struct sab_comm *comm;     /* NULL: one rank */
    int wants_stop;            /* this rank's watcher; the others learn of it with the next update */
    struct sab_judge judge;
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
    struct sab_run_state state;
    sab_real *best;           /* weights of state.best */
    int64_t saved_step;       /* of state.safetensors; -1: none */
    int64_t saved_evaluated;  /* its state.evaluated */
    int lock;                 /* of the folder; -1: none */
    int is_begun;             /* a new run, whose folder has a config.json */
    int is_folder_made;       /* by this run */
    int is_torn;              /* of an evaluation not all could be written: state and files no longer agree */
    double rate;              /* of the last update */
    double smoothed;          /* seconds per update */
    double recent[RECENT];
    int64_t updates;          /* in this session */
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- ranks ---- */

static int writes(const struct run *run)
{
    return sab_comm_rank(run->comm) == 0;
}

static int agree(const struct run *run, int status, struct sab_error *err)
{
    return sab_comm_agree(run->comm, status, 0, "", err);
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

/* ---- what is better, and when to stop ---- */

static int is_stopped_early(const struct run *run)
{
    const struct sab_run_state *state = &run->state;
    if (state->evaluated < 0)
        return 0;
    if (run->config.run.patience > 0 && state->since_best >= run->config.run.patience)
        return 1;
    return sab_judge_stops(&run->judge, state->last_values);
}

/* Whether no update is left to be made. */
static int is_over(const struct run *run)
{
    return run->trainer->step >= run->config.optim.steps || is_stopped_early(run);
}

/* ---- saving ---- */

static int save_state(struct run *run, struct sab_error *err)
{
    char path[SAB_PATH_CAP];
    sab_folder_path(run->config.run.out, "state.safetensors", path);
    int status = sab_state_save(path, run->trainer, &run->state, run->best, err);
    if (status == SAB_OK) {
        run->saved_step = run->trainer->step;
        run->saved_evaluated = run->state.evaluated;
    }
    return status;
}

/* Whether state.safetensors holds what is known now. */
static int is_saved(const struct run *run)
{
    return run->saved_step == run->trainer->step && run->saved_evaluated == run->state.evaluated;
}

/* Writes model.safetensors with the weights in run->best. */
static int save_best(struct run *run, struct sab_error *err)
{
    char path[SAB_PATH_CAP];
    struct sab_trainer *trainer = run->trainer;
    size_t nbytes = trainer->count * sizeof(sab_real);
    sab_folder_path(run->config.run.out, "model.safetensors", path);
    memcpy(trainer->undo, trainer->theta, nbytes);
    memcpy(trainer->theta, run->best, nbytes);
    int status = sab_model_save(run->model, path, err);
    memcpy(trainer->theta, trainer->undo, nbytes);
    return status;
}

/* ---- one update, one evaluation ---- */

/* Whether the watcher wants to stop now. */
static int tell(struct run *run, const struct sab_metrics *metrics, int evaluated, int is_best)
{
    if (!run->watch || !run->watch->event)
        return 0;
    struct sab_event event = {
        .step = run->trainer->step,
        .steps = run->config.optim.steps,
        .metrics = metrics,
        .values = evaluated ? run->state.last_values : NULL,
        .judged_by = run->judge.best,
        .evaluated = evaluated,
        .is_best = is_best,
        .lr = run->rate,
        .seconds = run->state.seconds,
        .seconds_per_update = run->smoothed,
    };
    int stops = run->watch->event(run->watch->user, &event);
    run->wants_stop |= stops != 0 && run->comm;
    return stops && !run->comm;
}

static int update(struct run *run, struct sab_error *err)
{
    double begin = now_s();
    struct sab_batch batch = {.size = sizeof batch, .B = run->config.shared.batch};
    struct sab_metrics metrics = {.size = sizeof metrics};
    int status = run->wants_stop ? sab_fail(err, SAB_INTERRUPTED, "stopped on request")
                                 : sab_task_batch(run->task, SAB_TRAIN, run->trainer->step, run->config.shared.batch, &batch, err);
    double rate = sab_trainer_rate(run->trainer);
    status = sab_trainer_update_after(run->trainer, status, &batch, &metrics, err);
    if (status != SAB_OK)
        return status;
    double took = now_s() - begin;
    run->rate = rate;
    run->state.grad_norm = metrics.grad_norm;
    run->state.train_loss[0] += metrics.loss;
    run->state.train_loss[1]++;
    run->state.seconds += took;
    run->recent[run->updates++ % RECENT] = took;
    run->smoothed = run->updates == 1 ? took : run->smoothed + 0.05 * (took - run->smoothed);
    return tell(run, &metrics, 0, 0) ? SAB_INTERRUPTED : SAB_OK;
}

static int evaluate(struct run *run, struct sab_error *err)
{
    const struct sab_options *config = &run->config;
    struct sab_trainer *trainer = run->trainer;
    struct sab_run_state *state = &run->state;
    double begin = now_s();
    struct sab_evaluation evaluation;
    struct sab_error why = {0};
    int status = trainer->average ? sab_trainer_fetch(trainer, err) : SAB_OK;
    if (status != SAB_OK)
        return status;
    sab_trainer_swap_average(trainer);
    status = sab_evaluate_fully(trainer->engine, run->task, SAB_VALID, config, &evaluation, &why);
    int is_best = status == SAB_OK && (state->best_step < 0 || sab_metric_is_better(run->judge.best, evaluation.values,
                                                                                    state->best_values));
    if (is_best)
        status = sab_model_fetch(run->model, &why);
    if (is_best && status == SAB_OK)
        memcpy(run->best, trainer->theta, trainer->count * sizeof(sab_real));
    sab_trainer_swap_average(trainer);
    struct sab_metrics metrics = sab_evaluation_metrics(&evaluation);
    if (status == SAB_OK)
        memcpy(state->last_values, evaluation.values, sizeof state->last_values);
    sab_evaluation_clear(&evaluation);
    if (status == SAB_NUMERIC && trainer->step < config->optim.steps) { /* resumed, the run goes on with the next update */
        state->evaluated = trainer->step;
        state->last = (struct sab_metrics){.loss = NAN, .accuracy = NAN, .mse = NAN};
        for (int id = 0; id < SAB_METRIC_COUNT; id++)
            state->last_values[id] = NAN;
    }
    if (status != SAB_OK)
        return sab_fail(err, status, "evaluation after update %lld: %.400s", (long long)trainer->step, why.message);

    metrics.grad_norm = state->grad_norm;
    state->last = metrics;
    state->evaluated = trainer->step;
    state->since_best = is_best ? 0 : state->since_best + 1;
    state->seconds += now_s() - begin;
    run->is_torn = 1;
    if (is_best) {
        state->best = metrics;
        memcpy(state->best_values, state->last_values, sizeof state->best_values);
        state->best_step = trainer->step;
        status = writes(run) ? save_best(run, err) : SAB_OK;
    }
    if (status == SAB_OK && writes(run))
        status = sab_folder_add_metrics(config->run.out, trainer->step, state->last_values, state->train_loss[0] / state->train_loss[1],
                                        state->grad_norm, run->rate, state->seconds, &state->metrics_nbytes, err);
    status = agree(run, status, err);
    run->is_torn = status != SAB_OK;
    state->train_loss[0] = state->train_loss[1] = 0;
    if (status == SAB_OK && tell(run, &metrics, 1, is_best) && !is_over(run))
        status = SAB_INTERRUPTED;
    return status;
}

/* ---- the loop ---- */

/* After bad numbers, data that are gone, memory that ran out: the weights are as before the failed update. Saves them, and
 * says what can be resumed. */
static int leave_resumable(struct run *run, int status, const struct sab_error *why, struct sab_error *err)
{
    long long step = (long long)run->trainer->step;
    if (run->is_begun && step == 0)
        return sab_fail(err, status, "%.330s; no update was made, so nothing of the run is kept", why->message);
    int can_save = !run->is_torn && !sab_comm_is_lost(run->comm) && sab_trainer_fetch(run->trainer, NULL) == SAB_OK && sab_optim_is_finite(run->trainer->theta, run->trainer->count);
    if (can_save && (is_saved(run) || save_state(run, NULL) == SAB_OK))
        return sab_fail(err, status, "%.330s; the run is saved as it was after update %lld and can be resumed", why->message,
                        step);
    if (run->saved_step >= 0)
        return sab_fail(err, status, "%.330s; the run can be resumed from update %lld", why->message,
                        (long long)run->saved_step);
    return sab_fail(err, status, "%.330s; the run could not be saved", why->message);
}

static int is_due(int64_t every, int64_t step)
{
    return every > 0 && step % every == 0;
}

/* The evaluation and the checkpoint that are due after the latest update, if they are not there yet. */
static int after_update(struct run *run, struct sab_error *err)
{
    int64_t step = run->trainer->step;
    int status = SAB_OK;
    if (step > 0 && run->state.evaluated != step && is_due(run->config.run.eval_every, step))
        status = evaluate(run, err);
    if (status == SAB_OK && step > 0 && !is_saved(run) && is_due(run->config.run.save_every, step))
        status = save_state(run, err);
    return status;
}

static int loop(struct run *run, struct sab_error *err)
{
    const struct sab_trainer *trainer = run->trainer;
    int status = after_update(run, err); /* of a resumed run: what an interruption had kept from being done */
    while (status == SAB_OK && !is_over(run)) {
        if (!run->comm && sab_engine_is_stopped(trainer->engine)) /* ranks learn of it with the next update, all of the same one */
            return SAB_INTERRUPTED;
        status = update(run, err);
        if (status == SAB_OK)
            status = after_update(run, err);
    }
    if (status == SAB_OK && !is_saved(run))
        status = save_state(run, err);
    /* An evaluation that only the end asks for stands in no state: a run that goes on to more steps chooses its best weights as
     * if it had never ended here. */
    if (status == SAB_OK && run->state.evaluated != trainer->step)
        status = evaluate(run, err);
    return status;
}

/* An update or an evaluation that was stopped halfway has changed nothing: it is made again when the run goes on. */
static int leave_interrupted(struct run *run, struct sab_error *err)
{
    int status = is_saved(run) ? SAB_OK : save_state(run, err);
    return status != SAB_OK ? status
                            : sab_fail(err, SAB_INTERRUPTED, "interrupted after update %lld; the run in %s is saved and can be "
                                                             "resumed",
                                       (long long)run->trainer->step, run->config.run.out);
}

/* ---- beginning and end ---- */

/* What may change, decides the result, and may have been changed in config.json: the user should know. */
static void tell_changes(const struct run *run, const struct sab_options *was)
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

static int load_state(struct run *run, struct sab_error *err)
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
static int read_folder(struct run *run, struct sab_error *err)
{
    const char *dir = run->config.run.out;
    int status = sab_folder_check_files(dir, err);
    if (status == SAB_OK && writes(run) && sab_folder_has(dir, "config.json"))
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

static int resume(struct run *run, struct sab_error *err)
{
    const char *dir = run->config.run.out;
    int status = read_folder(run, err);
    status = sab_comm_agree(run->comm, status, sab_model_version(run->model).low ^ (uint64_t)run->trainer->step,
                            "the weights and the number of updates", err);
    if (status != SAB_OK || !writes(run))
        return agree(run, status, err);
    if (status == SAB_OK)
        status = sab_folder_write_config(dir, &run->config, err);
    if (status == SAB_OK)
        status = sab_folder_cut_metrics(dir, run->state.metrics_nbytes, err);
    /* model.safetensors may be from an evaluation that came after the state; it will come again. */
    if (status == SAB_OK && run->state.best_step >= 0)
        status = save_best(run, err);
    return agree(run, status, err);
}

static int begin_folder(struct run *run, struct sab_error *err)
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

static int begin(struct run *run, struct sab_error *err)
{
    int status = agree(run, writes(run) ? begin_folder(run, err) : SAB_OK, err);
    run->is_begun = status == SAB_OK;
    return status;
}

/* The model that the run begins with, if config names one; a resumed run has taken over what it says of data. */
static int load_source(const struct run *run, int is_resumed, struct sab_model **source, struct sab_error *err)
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
static int take_weights(const struct run *run, const struct sab_model *source, struct sab_error *err)
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

static int has_memory(const struct sab_model_options *model)
{
    return model->credit == SAB_CREDIT_ATTENTION || (model->credit == SAB_CREDIT_SAB && model->k_top > 0);
}

/* What sab_task_settle does; and whether training carries state. */
static int settle_carrying(struct sab_task *task, struct sab_options *config, int *carries, struct sab_error *err)
{
    struct sab_batch first = {.size = sizeof first};
    int status = sab_task_batch(task, SAB_TRAIN, 0, config->shared.batch, &first, err);
    if (status != SAB_OK)
        return status;
    *carries = first.fresh != NULL && sab_network_find(config->model.model)->has_state;
    struct sab_keep keep = sab_recurrent_keep(&config->model);
    if (*carries && has_memory(&config->model) && keep.rule->since(&keep, first.T) != 0)
        return sab_fail(err, SAB_INVALID, "--T %d: a chunk that goes on from another must be a multiple of --k-att %d, so "
                                          "that memories are written at the same steps of each", first.T, config->model.k_att);
    if (*carries && config->model.memory_slots == 0)
        config->model.memory_slots = first.T > keep.k_att ? keep.rule->most(&keep, first.T) : 1;
    return SAB_OK;
}

int sab_task_settle(struct sab_task *task, struct sab_options *options, struct sab_error *err)
{
    int carries;
    return settle_carrying(task, options, &carries, err);
}

int sab_run_settle(struct sab_task *task, struct sab_options *config, int *carries, struct sab_error *err)
{
    struct sab_batch first = {.size = sizeof first};
    int status = SAB_OK;
    if (sab_task_facts(task)) /* files: better said now than at the first evaluation */
        status = sab_task_batch(task, SAB_VALID, 0, config->shared.batch, &first, err);
    if (status == SAB_OK && sab_task_facts(task))
        status = sab_evaluate_check(&first, SAB_VALID, err);
    return status == SAB_OK ? settle_carrying(task, config, carries, err) : status;
}

/* Before memory is taken: the least that weights, their optimiser, gradients and the best ones come to need. */
static int check_room(const struct run *run, struct sab_error *err)
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
    if (sab_memory_allows(need, &there))
        return SAB_OK;
    return sab_fail(err, SAB_NOMEM, "a network of %d inputs and %d outputs with these options has %.0f weights, whose training "
                    "needs %.1f GiB of memory; %.1f GiB are free", shape->I, shape->O, theta, need / gib, there / gib);
}

static int prepare(struct run *run, const struct sab_options *config, int is_resumed, struct sab_error *err)
{
    int carries;
    char dir[SAB_DIR_CAP];
    run->state.evaluated = run->state.best_step = run->saved_step = -1;
    int status = sab_options_check(config, err);
    if (status == SAB_OK)
        status = sab_device_is_built(config->run.device, err);
    if (status == SAB_OK)
        status = sab_folder_name(config, dir, err);
    if (status == SAB_OK)
        status = sab_options_copy(&run->config, config, err);
    if (status == SAB_OK)
        status = sab_options_set(&run->config, "out", dir, err);
    struct sab_model *source = NULL;
    if (status == SAB_OK)
        status = load_source(run, is_resumed, &source, err);
    if (status == SAB_OK)
        status = sab_task_create(&run->task, &run->config, source ? sab_model_facts(source) : NULL, err);
    if (status == SAB_OK)
        status = sab_judge_make(&run->judge, config, sab_task_shape(run->task),
                                !isnan(sab_task_bits_per_char(config->task.task, 0)), err);
    if (status == SAB_OK && run->watch && run->watch->opened)
        run->watch->opened(run->watch->user, run->task);
    if (status == SAB_OK)
        status = sab_run_settle(run->task, &run->config, &carries, err);
    if (status == SAB_OK)
        status = check_room(run, err);
    if (status == SAB_OK)
        status = sab_model_create(&run->model, &run->config, sab_task_shape(run->task), err);
    if (status == SAB_OK)
        status = sab_model_set_facts(run->model, sab_task_facts(run->task), err);
    if (status == SAB_OK)
        status = sab_model_check_steps(run->model, sab_task_steps(run->task), err);
    if (status == SAB_OK && source && !is_resumed)
        status = take_weights(run, source, err);
    sab_model_free(source);
    if (status == SAB_OK)
        status = sab_trainer_create(&run->trainer, run->model, &run->config, err);
    if (status != SAB_OK)
        return status;
    if (run->comm && (status = sab_engine_set_comm(run->trainer->engine, run->comm, err)) != SAB_OK)
        return status;
    if (run->watch && run->config.shared.threads == 0)
        run->trainer->engine->threads = run->watch->threads;
    run->trainer->engine->stop = run->watch ? run->watch->stop : NULL;
    run->trainer->engine->most_steps = sab_task_steps(run->task);
    run->best = sab_alloc(run->trainer->count, sizeof(sab_real));
    return run->best ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for %zu weights", run->trainer->count);
}

static int compare_reals(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fill_outcome(struct run *run, struct sab_outcome *outcome)
{
    size_t n = run->updates < RECENT ? (size_t)run->updates : RECENT;
    qsort(run->recent, n, sizeof *run->recent, compare_reals);
    *outcome = (struct sab_outcome){
        .size = sizeof *outcome,
        .steps = run->trainer->step,
        .updates = run->updates,
        .seconds = run->state.seconds,
        .seconds_per_update = n ? run->recent[n / 2] : 0,
        .last = outcome->last,
        .best = outcome->best,
        .best_step = run->state.best_step,
        .judged_by = run->judge.best,
        .stopped_early = run->trainer->step < run->config.optim.steps && is_stopped_early(run),
    };
    sab_sized_give(outcome->last, &run->state.last);
    sab_sized_give(outcome->best, &run->state.best);
    memcpy(outcome->best_values, run->state.best_values, sizeof run->state.best_values);
    sab_model_digest(run->model, outcome->weights_digest);
}

int sab_run_train(const struct sab_options *config, int is_resumed, const struct sab_watch *watch,
                  struct sab_outcome *outcome, struct sab_error *err)
{
    struct sab_metrics whole;
    int status = outcome ? sab_sized_take(&sab_metrics_sized, &whole, outcome->last, err) : SAB_OK;
    if (status == SAB_OK && outcome)
        status = sab_sized_take(&sab_metrics_sized, &whole, outcome->best, err);
    if (status != SAB_OK)
        return status;
    struct run *run = sab_alloc(1, sizeof *run);
    if (!run)
        return sab_fail(err, SAB_NOMEM, "no memory for a run");
    run->watch = watch;
    run->comm = watch && sab_comm_ranks(watch->comm) > 1 ? watch->comm : NULL;
    run->lock = -1;
    status = prepare(run, config, is_resumed, err);
    status = sab_comm_agree(run->comm, status, status == SAB_OK ? options_number(&run->config) : 0, "the options", err);
    if (status == SAB_OK && watch && watch->begun)
        watch->begun(watch->user);
    if (status == SAB_OK)
        status = is_resumed ? resume(run, err) : begin(run, err);
    if (status == SAB_OK) {
        struct sab_error why = {0};
        status = loop(run, &why);
        if (status == SAB_INTERRUPTED)
            status = leave_interrupted(run, err);
        else if (status != SAB_OK)
            leave_resumable(run, status, &why, err);
        if (outcome)
            fill_outcome(run, outcome);
        if (run->is_begun && writes(run) && status != SAB_OK && status != SAB_INTERRUPTED && run->trainer->step == 0)
            sab_folder_undo(run->config.run.out);
    }
    if (run->lock >= 0)
        sab_folder_unlock(run->config.run.out, run->lock);
    if (run->is_folder_made && status != SAB_OK)
        sab_folder_leave(run->config.run.out);
    sab_trainer_free(run->trainer);
    sab_model_free(run->model);
    sab_task_free(run->task);
    sab_options_clear(&run->config);
    sab_free(run->best);
    sab_free(run);
    return status;
}

/* ---- for callers of the library ---- */

int sab_train_watched(const struct sab_options *options, int resume, const struct sab_watch *watch, struct sab_outcome *outcome,
                      struct sab_error *err)
{
    struct sab_watch seen;
    struct sab_outcome result;
    int status = sab_sized_take(&sab_watch_sized, &seen, watch, err);
    if (status == SAB_OK)
        status = sab_sized_take(&sab_outcome_sized, &result, outcome, err);
    if (status != SAB_OK)
        return status;
    result.best_step = -1;
    status = sab_run_train(options, resume, watch ? &seen : NULL, outcome ? &result : NULL, err);
    sab_sized_give(outcome, &result);
    return status;
}

int sab_train(const struct sab_options *options, struct sab_metrics *best, struct sab_error *err)
{
    struct sab_metrics measured;
    struct sab_outcome outcome = {.size = sizeof outcome, .best = best ? &measured : NULL};
    int status = sab_sized_take(&sab_metrics_sized, &measured, best, err);
    if (status == SAB_OK)
        status = sab_run_train(options, 0, NULL, &outcome, err);
    if (status == SAB_OK)
        sab_sized_give(best, &measured);
    return status;
}

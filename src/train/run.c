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
#include "data/task.h"
#include "optim/optim.h"
#include "train/evaluate.h"
#include "train/folder.h"
#include "train/own.h"
#include "train/run_parts.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what is better, and when to stop ---- */

static int is_stopped_early(const struct sab_run *run)
{
    const struct sab_run_state *state = &run->state;
    if (state->evaluated < 0)
        return 0;
    if (run->config.run.patience > 0 && state->since_best >= run->config.run.patience)
        return 1;
    return sab_judge_stops(&run->judge, state->last_values);
}

/* Whether no update is left to be made. */
static int is_over(const struct sab_run *run)
{
    return run->trainer->step >= run->config.optim.steps || is_stopped_early(run);
}

/* ---- one update, one evaluation ---- */

/* Whether the watcher wants to stop now. */
static int tell(struct sab_run *run, const struct sab_metrics *metrics, int evaluated, int is_best)
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

static int update(struct sab_run *run, struct sab_error *err)
{
    double begin = now_s();
    struct sab_batch batch = {.size = sizeof batch, .B = run->config.shared.batch};
    struct sab_metrics metrics = {.size = sizeof metrics};
    int status = run->wants_stop ? sab_fail(err, SAB_INTERRUPTED, "stopped on request")
                                 : sab_own_batch(run->task, run->trainer->engine, SAB_TRAIN, run->trainer->step,
                                                 run->config.shared.batch, &batch,
                                               err);
    double rate = sab_trainer_rate(run->trainer);
    status = sab_trainer_update_after(run->trainer, status, &batch, &metrics, err);
    if (status != SAB_OK)
        return status;
    double took = now_s() - begin;
    run->rate = rate;
    run->state.grad_norm = metrics.grad_norm;
    if (metrics.weight > 0) { /* else there was nothing to learn from, and no loss */
        run->state.train_loss[0] += metrics.loss;
        run->state.train_loss[1]++;
    }
    run->state.seconds += took;
    run->recent[run->updates++ % SAB_RUN_RECENT] = took;
    run->smoothed = run->updates == 1 ? took : run->smoothed + 0.05 * (took - run->smoothed);
    return tell(run, &metrics, 0, 0) ? SAB_INTERRUPTED : SAB_OK;
}

/* Evaluates with the weights that count (their average, where there is one), and keeps them in run->best where they are the best so
 * far. */
static int measure(struct sab_run *run, struct sab_metrics *metrics, int *is_best, struct sab_error *err)
{
    struct sab_trainer *trainer = run->trainer;
    struct sab_run_state *state = &run->state;
    struct sab_evaluation evaluation;
    *is_best = 0;
    sab_trainer_swap_average(trainer);
    int status = sab_evaluate_fully(trainer->engine, run->task, SAB_VALID, &run->config, &evaluation, err);
    if (status == SAB_OK)
        *is_best = state->best_step < 0 || sab_metric_is_better(run->judge.best, evaluation.values, state->best_values);
    if (*is_best)
        status = sab_model_fetch(run->model, err);
    if (*is_best && status == SAB_OK)
        memcpy(run->best, trainer->theta, trainer->count * sizeof(sab_real));
    sab_trainer_swap_average(trainer);
    *metrics = sab_evaluation_metrics(&evaluation);
    if (status == SAB_OK)
        memcpy(state->last_values, evaluation.values, sizeof state->last_values);
    sab_evaluation_clear(&evaluation);
    return status;
}

/* Collective. Enters an evaluation into the state and writes its files. Where that fails halfway the two no longer
 * agree (is_torn). */
static int note(struct sab_run *run, const struct sab_metrics *metrics, int is_best, struct sab_error *err)
{
    struct sab_run_state *state = &run->state;
    int status = SAB_OK;
    run->is_torn = 1;
    if (is_best) {
        state->best = *metrics;
        memcpy(state->best_values, state->last_values, sizeof state->best_values);
        state->best_step = run->trainer->step;
        status = sab_run_writes(run) ? sab_run_save_best(run, err) : SAB_OK;
    }
    if (status == SAB_OK && sab_run_writes(run))
        status = sab_folder_add_metrics(run->config.run.out, run->trainer->step, state->last_values,
                                        state->train_loss[0] / state->train_loss[1], state->grad_norm, run->rate, state->seconds,
                                        &state->metrics_nbytes, err);
    status = sab_run_agree(run, status, err);
    run->is_torn = status != SAB_OK;
    state->train_loss[0] = state->train_loss[1] = 0;
    return status;
}

static int evaluate(struct sab_run *run, struct sab_error *err)
{
    struct sab_trainer *trainer = run->trainer;
    struct sab_run_state *state = &run->state;
    double begin = now_s();
    struct sab_error why = {0};
    struct sab_metrics metrics;
    int is_best, status = trainer->average ? sab_trainer_fetch(trainer, err) : SAB_OK;
    if (status != SAB_OK)
        return status;
    status = measure(run, &metrics, &is_best, &why);
    if (status == SAB_NUMERIC && trainer->step < run->config.optim.steps) { /* resumed, the run goes on with the next update */
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
    status = note(run, &metrics, is_best, err);
    return status == SAB_OK && tell(run, &metrics, 1, is_best) && !is_over(run) ? SAB_INTERRUPTED : status;
}

/* ---- the loop ---- */

/* After bad numbers, missing data or a lack of memory the weights are those before the failed update: saves them, and
 * says how to resume. */
static int leave_resumable(struct sab_run *run, int status, const struct sab_error *why, struct sab_error *err)
{
    long long step = (long long)run->trainer->step;
    if (run->is_begun && step == 0)
        return sab_fail(err, status, "%.330s; no update was made, so nothing of the run is kept", why->message);
    int can_save = !run->is_torn && !sab_comm_is_lost(run->comm) && sab_trainer_fetch(run->trainer, NULL) == SAB_OK &&
                   sab_optim_is_finite(run->trainer->theta, run->trainer->count);
    if (can_save && (sab_run_is_saved(run) || sab_run_save_state(run, NULL) == SAB_OK))
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
static int after_update(struct sab_run *run, struct sab_error *err)
{
    int64_t step = run->trainer->step;
    int status = SAB_OK;
    if (step > 0 && run->state.evaluated != step && is_due(run->config.run.eval_every, step))
        status = evaluate(run, err);
    if (status == SAB_OK && step > 0 && !sab_run_is_saved(run) && is_due(run->config.run.save_every, step))
        status = sab_run_save_state(run, err);
    return status;
}

static int loop(struct sab_run *run, struct sab_error *err)
{
    const struct sab_trainer *trainer = run->trainer;
    int status = after_update(run, err); /* a resumed run first makes up for what the interruption prevented */
    while (status == SAB_OK && !is_over(run)) {
        if (!run->comm && sab_engine_is_stopped(trainer->engine)) /* ranks agree on it at the next update */
            return SAB_INTERRUPTED;
        status = update(run, err);
        if (status == SAB_OK)
            status = after_update(run, err);
    }
    if (status == SAB_OK && !sab_run_is_saved(run))
        status = sab_run_save_state(run, err);
    /* An evaluation made only because the run ends here is not kept in the state: a run that is prolonged chooses its
     * best weights as if it had never ended. */
    if (status == SAB_OK && run->state.evaluated != trainer->step)
        status = evaluate(run, err);
    return status;
}

/* An update or an evaluation that was stopped halfway has changed nothing: it is made again when the run goes on. */
static int leave_interrupted(struct sab_run *run, struct sab_error *err)
{
    int status = sab_run_is_saved(run) ? SAB_OK : sab_run_save_state(run, err);
    return status != SAB_OK ? status
                            : sab_fail(err, SAB_INTERRUPTED, "interrupted after update %lld; the run in %s is saved and can be "
                                                             "resumed",
                                       (long long)run->trainer->step, run->config.run.out);
}

/* ---- the whole of it ---- */

static int compare_reals(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fill_outcome(struct sab_run *run, struct sab_outcome *outcome)
{
    size_t n = run->updates < SAB_RUN_RECENT ? (size_t)run->updates : SAB_RUN_RECENT;
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

/* The loop, and how it was left. */
static int go(struct sab_run *run, struct sab_outcome *outcome, struct sab_error *err)
{
    struct sab_error why = {0};
    int status = loop(run, &why);
    if (status == SAB_INTERRUPTED)
        status = leave_interrupted(run, err);
    else if (status != SAB_OK)
        leave_resumable(run, status, &why, err);
    if (outcome)
        fill_outcome(run, outcome);
    if (run->is_begun && sab_run_writes(run) && status != SAB_OK && status != SAB_INTERRUPTED && run->trainer->step == 0)
        sab_folder_undo(run->config.run.out);
    return status;
}

static void free_run(struct sab_run *run)
{
    sab_trainer_free(run->trainer);
    sab_model_free(run->model);
    sab_task_free(run->task);
    sab_options_clear(&run->config);
    sab_free(run->best);
    sab_free(run);
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
    struct sab_run *run = sab_alloc(1, sizeof *run);
    if (!run)
        return sab_fail(err, SAB_NOMEM, "no memory for a run");
    run->watch = watch;
    run->comm = watch && sab_comm_ranks(watch->comm) > 1 ? watch->comm : NULL;
    run->lock = -1;
    status = sab_run_prepare(run, config, is_resumed, err);
    if (status == SAB_OK && watch && watch->begun)
        watch->begun(watch->user);
    if (status == SAB_OK)
        status = is_resumed ? sab_run_resume(run, err) : sab_run_begin(run, err);
    if (status == SAB_OK)
        status = go(run, outcome, err);
    if (run->lock >= 0)
        sab_folder_unlock(run->config.run.out, run->lock);
    if (run->is_folder_made && status != SAB_OK)
        sab_folder_leave(run->config.run.out);
    free_run(run);
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

/* One setting of sab tune: a run folder, begun or gone on with, and the best evaluation of it. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/options.h"
#include "cli/stop.h"
#include "lab/tune.h"

int64_t sab_tune_rung_steps(const struct sab_tune *s, int rung)
{
    int64_t steps = s->steps;
    for (int r = rung; r < s->rungs - 1; r++)
        steps /= SAB_TUNE_THIRD;
    return steps > 1 ? steps : 1;
}

void sab_tune_folder(const struct sab_tune *s, int rung, int setting, char path[SAB_TUNE_DIR_CAP + 64])
{
    snprintf(path, SAB_TUNE_DIR_CAP + 64, "%s/rung-%d/setting-%d", s->dir, rung, setting);
}

struct piece {
    const struct sab_tune *search;
    int setting;
};

static int settle(void *user, struct sab_task *task, struct sab_options *options, struct sab_error *err)
{
    const struct piece *p = user;
    int status = sab_settings(options, task, p->search->cli->given, NULL, NULL, err);
    if (status == SAB_OK)
        status = sab_tune_space_apply(&p->search->space, p->setting, options, err);
    long long steps = sab_cli_int64(options, "steps"), warmup = sab_cli_int64(options, "warmup");
    char text[32];
    snprintf(text, sizeof text, "%lld", steps / 4);
    if (status == SAB_OK && warmup > steps / 4 && !sab_cli_given(p->search->cli, "warmup")) /* of the short ones */
        status = sab_options_set(options, "warmup", text, err);
    return status;
}

void sab_tune_show(const struct sab_tune *s, double done)
{
    sab_progress_at(s->progress, fmax(s->before, done) / s->updates);
}

static int see(void *user, const struct sab_event *event)
{
    const struct sab_tune *s = ((const struct piece *)user)->search;
    if (sab_tune_own(s)->jobs == 1) /* in a process of its own it would be nobody's */
        sab_tune_show(s, s->done + (double)event->step);
    return sab_progress_clock() > s->end_s;
}

void sab_tune_add_done(void *user, int i)
{
    struct sab_tune *s = user;
    (void)i;
    s->done += (double)sab_tune_rung_steps(s, s->rung);
    sab_tune_show(s, s->done);
}

static void begun(void *user)
{
    (void)user;
    sab_stop_hold(1);
}

int sab_tune_train(void *user, int i, int *is_taken, struct sab_error *err)
{
    const struct sab_tune *s = user;
    struct piece piece = {s, s->settings[i]};
    struct sab_options *options = NULL;
    struct sab_outcome outcome = {.size = sizeof outcome, .best_step = -1};
    struct sab_watch watch = {.size = sizeof watch, .user = &piece, .settle = settle, .begun = begun, .event = see, .stop = s->stop};
    char folder[SAB_TUNE_DIR_CAP + 64], text[SAB_TUNE_DIR_CAP + 128];
    *is_taken = 0;
    sab_tune_folder(s, s->rung, piece.setting, folder);
    snprintf(text, sizeof text, "%s/config.json", folder);
    int goes_on = access(text, F_OK) == 0;
    int status = goes_on ? sab_run_options(&options, folder, err) : sab_options_clone(&options, s->cli->options, err);
    snprintf(text, sizeof text, "%lld", (long long)sab_tune_rung_steps(s, s->rung));
    if (status == SAB_OK)
        status = sab_options_set(options, "steps", text, err);
    snprintf(text, sizeof text, "%d", s->threads);
    if (status == SAB_OK)
        status = sab_options_set(options, "threads", text, err);
    if (status == SAB_OK)
        status = sab_options_set(options, "out", folder, err);
    if (status == SAB_OK)
        status = sab_train_watched(options, goes_on, &watch, &outcome, err);
    sab_options_free(options);
    sab_stop_hold(0);
    return status == SAB_NUMERIC ? SAB_OK : status; /* bad numbers are a result too */
}

void sab_tune_name(void *user, int i, char name[SAB_JOB_NAME_CAP])
{
    const struct sab_tune *s = user;
    snprintf(name, SAB_JOB_NAME_CAP, "rung %d of %d, setting %d, %lld updates", s->rung + 1, s->rungs, s->settings[i],
             (long long)sab_tune_rung_steps(s, s->rung));
}

/* The best evaluation of a run. */
struct best {
    int metric;
    double value;
};

static int see_row(void *user, const struct sab_figure *figures, int n)
{
    struct best *best = user;
    const struct sab_metric *metric = sab_metric_at(best->metric);
    for (int i = 0; i < n; i++)
        if (strcmp(figures[i].name, metric->name) == 0 && !isnan(figures[i].value) &&
            !(metric->better * figures[i].value <= metric->better * best->value))
            best->value = figures[i].value;
    return 0;
}

int sab_tune_value(const struct sab_tune *s, int rung, int setting, double *value, struct sab_error *err)
{
    char folder[SAB_TUNE_DIR_CAP + 64], path[SAB_TUNE_DIR_CAP + 96];
    struct best best = {s->metric, NAN};
    sab_tune_folder(s, rung, setting, folder);
    snprintf(path, sizeof path, "%s/config.json", folder);
    int status = access(path, F_OK) != 0 && errno == ENOENT ? SAB_OK : sab_run_history(folder, 0, see_row, &best, err);
    *value = best.value;
    return status;
}

/* See reproduce_run.h. */
#include "lab/reproduce_run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/data_files.h"
#include "report/progress.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "data/task.h"
#include "io/file.h"
#include "kernels/kernels.h"
#include "lab/reproduce_maps.h"
#include "train/evaluate.h"
#include "train/folder.h"

/* What one call works with. */
struct work {
    const struct sab_reproduction *how;
    const struct sab_table_cell *cell;
    struct sab_options config;   /* out is the run's folder; data as found on this machine */
    struct sab_cell_result result;
};

/* ---- one process at a time ---- */

/* The cell's run, whose folder training locks for itself, its tests and result are one process's; *file is -1 where that is another. */
static int lock(const struct work *w, int *file, struct sab_error *err)
{
    char path[SAB_FILE_CAP];
    int status = sab_file_make_directory(w->config.run.out, err);
    if (status != SAB_OK)
        return status;
    snprintf(path, sizeof path, "%s/cell.lock", w->config.run.out);
    *file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*file < 0)
        return sab_fail(err, SAB_IO, "cannot open %.250s: %s", path, strerror(errno));
    if (flock(*file, LOCK_EX | LOCK_NB) == 0)
        return SAB_OK;
    int why = errno;
    close(*file);
    *file = -1;
    return why == EWOULDBLOCK ? SAB_OK : sab_fail(err, SAB_IO, "cannot lock %.250s: %s", path, strerror(why));
}

/* From here on the peak of memory is that of this cell, where the system can forget the one before (Linux). */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file) {
        fputs("5", file);
        fclose(file);
    }
}

static double peak_nbytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? 1024.0 * (double)usage.ru_maxrss : NAN;
}

/* ---- time ---- */

/* Seconds on the clock tell little where machines are shared: processors' seconds are summed over sessions in the run's
 * folder. They are unknown, and so not written, for a run that something else began or finished. */
static double processors_s(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : NAN;
}

static int add_processors_s(const struct work *w, int goes_on, double session_s, double *all_s, struct sab_error *err)
{
    enum { NUMBER_CAP = 64 };
    char path[SAB_FILE_CAP], text[SAB_REAL_TEXT_CAP];
    void *before;
    size_t nbytes;
    *all_s = goes_on ? NAN : 0;
    snprintf(path, sizeof path, "%s/cpu_seconds", w->config.run.out);
    if (goes_on && sab_file_read(path, NUMBER_CAP, &before, &nbytes, NULL) == SAB_OK) {
        if (sab_text_to_real(before, all_s))
            *all_s = NAN;
        sab_free(before);
    }
    if (isnan(*all_s))
        return SAB_OK;
    *all_s = round(1000 * (*all_s + session_s)) / 1000;
    sab_text_from_real(*all_s, text);
    return sab_file_write_atomic(path, text, strlen(text), err);
}

/* ---- training ---- */

/* An unfinished run must have been begun as this one would be. */
static int check_run(const struct work *w, struct sab_error *err)
{
    struct sab_options was = {0}, is = {0};
    char before[SAB_REAL_TEXT_CAP], now[SAB_REAL_TEXT_CAP];
    int status = sab_run_config(w->config.run.out, &was, err);
    if (status == SAB_OK)
        status = sab_options_copy(&is, &w->config, err);
    const char *moved[] = {"data", "valid-data", "test-data", "memory-slots"}; /* where they lie; settled by the run */
    for (size_t i = 0; i < sizeof moved / sizeof moved[0] && status == SAB_OK; i++)
        status = sab_options_set(&is, moved[i], sab_options_value(&was, moved[i], before), err);
    for (int i = 0; i < sab_option_count() && status == SAB_OK; i++) /* what the run chose */
        if (!sab_cell_gives(w->cell, sab_option_at(i)->name))
            status = sab_options_set(&is, sab_option_at(i)->name, sab_options_value_at(&was, i, before), err);
    const char *name = status == SAB_OK ? sab_cell_difference(&was, &is) : NULL;
    if (name)
        status = sab_fail(err, SAB_INVALID, "the run in %.200s was begun with other settings (--%s %.60s, not %.60s); move "
                                            "it away or give another --out", w->config.run.out, name,
                          sab_options_value(&was, name, before), sab_options_value(&is, name, now));
    sab_options_clear(&was);
    sab_options_clear(&is);
    return status;
}

/* A run that goes on has what it chose. */
static int take_chosen(struct work *w, struct sab_error *err)
{
    struct sab_options was = {0};
    char value[SAB_REAL_TEXT_CAP];
    int status = sab_run_config(w->config.run.out, &was, err);
    for (int i = 0; i < sab_option_count() && status == SAB_OK; i++)
        if (!sab_cell_gives(w->cell, sab_option_at(i)->name) && sab_option_at(i)->effect <= SAB_RESUMES)
            status = sab_options_set(&w->config, sab_option_at(i)->name, sab_options_value_at(&was, i, value), err);
    sab_options_clear(&was);
    return status;
}

static struct sab_measured measured(const char *task, const struct sab_metrics *metrics)
{
    return (struct sab_measured){
        .loss = metrics->loss,
        .accuracy = metrics->accuracy,
        .mse = metrics->mse,
        .bits_per_char = sab_task_bits_per_char(task, metrics->loss),
    };
}

/* Who watches a run. */
struct watcher {
    const struct work *work;
    struct sab_progress_line line;
    int status;             /* of keeping weights for maps, and the time */
    struct sab_error err;
};

static int watch(void *user, const struct sab_event *event)
{
    struct watcher *watcher = user;
    const struct work *w = watcher->work;
    if (!w->how->quiet)
        sab_progress_show(&watcher->line, event);
    if (sab_cell_table(w->cell)->figure == SAB_FIGURE_MAPS && event->is_best && watcher->status == SAB_OK)
        watcher->status = sab_maps_keep(w->config.run.out, event, &watcher->err);
    return 0;
}

static void begun(void *user)
{
    (void)user;
    sab_stop_hold(1);
}

/* What the rows of a table do not name is chosen as sab train would. */
static int settle(void *user, struct sab_task *task, struct sab_options *options, struct sab_error *err)
{
    const struct sab_table_cell *cell = ((const struct watcher *)user)->work->cell;
    if (!sab_cell_table(cell)->is_chosen)
        return SAB_OK;
    unsigned char *given = sab_alloc((size_t)sab_option_count(), 1);
    if (!given)
        return sab_fail(err, SAB_NOMEM, "no memory for options");
    for (int i = 0; i < sab_option_count(); i++)
        given[i] = (unsigned char)sab_cell_gives(cell, sab_option_at(i)->name);
    int status = sab_settings(options, task, given, NULL, NULL, err);
    sab_free(given);
    return status;
}

static int train(struct work *w, struct sab_error *err)
{
    struct sab_cell_result *result = &w->result;
    struct watcher watcher = {.work = w};
    struct sab_metrics best = {.size = sizeof best}, last = {.size = sizeof last};
    struct sab_outcome run = {.best_step = -1, .best = &best, .last = &last};
    int goes_on = sab_folder_has(w->config.run.out, "config.json");
    int status = goes_on ? check_run(w, err) : SAB_OK;
    if (status == SAB_OK && goes_on && sab_cell_table(w->cell)->is_chosen)
        status = take_chosen(w, err);
    if (status != SAB_OK)
        return status;
    sab_progress_init(&watcher.line, w->config.task.task);
    struct sab_watch hooks = {.settle = settle, .begun = begun, .event = watch, .user = &watcher, .stop = w->how->stop};
    double begin_s = processors_s();
    status = sab_run_train(&w->config, goes_on, &hooks, &run, err);
    sab_progress_end(&watcher.line);
    if (watcher.status == SAB_OK && (status == SAB_OK || status == SAB_NUMERIC || status == SAB_INTERRUPTED))
        watcher.status = add_processors_s(w, goes_on, processors_s() - begin_s, &result->cpu_s, &watcher.err);
    if (watcher.status != SAB_OK)
        return sab_fail(err, watcher.status, "%s", watcher.err.message);
    if (status == SAB_NUMERIC) { /* a result too */
        snprintf(result->failed, sizeof result->failed, "%.*s", (int)strcspn(err->message, ";"), err->message);
        status = SAB_OK;
    }
    result->steps = run.steps;
    result->best_step = run.best_step;
    result->stopped_early = run.stopped_early;
    result->seconds = round(1000 * run.seconds) / 1000;
    result->best = measured(w->config.task.task, &best);
    result->last = measured(w->config.task.task, &last);
    memcpy(result->digest, run.weights_digest, sizeof result->digest);
    return status;
}

/* ---- testing ---- */

static int test_one(struct work *w, struct sab_engine *engine, const struct sab_cell_test *test, struct sab_measured *out,
                    struct sab_error *err)
{
    struct sab_options config;
    struct sab_metrics metrics = {.size = sizeof metrics};
    struct sab_task *task = NULL;
    int status = sab_options_copy(&config, &w->config, err);
    config.task.T = test->T;
    const char *facts = sab_model_facts(engine->model);
    config.run.eval_size = facts ? 0 : test->sequences; /* files are measured whole */
    config.task.drawn.curriculum = 0;
    if (status == SAB_OK)
        status = sab_task_create(&task, &config, facts, err);
    char what[64];
    snprintf(what, sizeof what, "test at T = %d", test->T);
    struct sab_progress *progress = sab_progress_begin(what, 0, w->how->quiet);
    if (status == SAB_OK)
        status = sab_evaluate(engine, task, SAB_TEST, &config, &metrics, err);
    sab_progress_finish(progress);
    if (status == SAB_OK) {
        *out = measured(config.task.task, &metrics);
        out->T = test->T;
        out->sequences = config.run.eval_size;
    }
    sab_task_free(task);
    sab_options_clear(&config);
    return status;
}

/* Measures the best weights on test data. */
static int test(struct work *w, struct sab_error *err)
{
    struct sab_cell_test tests[SAB_TEST_CAP];
    struct sab_model *model = NULL;
    struct sab_engine *engine = NULL;
    if (w->result.best_step < 0)
        return SAB_OK;
    int n = sab_cell_tests(w->cell, &w->config, tests);
    int status = sab_run_model(&model, w->config.run.out, err);
    if (status == SAB_OK)
        status = sab_engine_create(&engine, model, w->config.shared.threads, err);
    if (status == SAB_OK)
        engine->stop = w->how->stop;
    for (int i = 0; i < n && status == SAB_OK; i++) {
        if (*w->how->stop)
            status = sab_fail(err, SAB_INTERRUPTED, "interrupted");
        else
            status = test_one(w, engine, &tests[i], &w->result.tests[w->result.n_tests++], err);
    }
    sab_engine_free(engine);
    sab_model_free(model);
    return status;
}

/* ---- all of it ---- */

/* What goes into the folder of results; path is of the result file. */
static int leave(struct work *w, const char *path, struct sab_error *err)
{
    char place[SAB_FILE_CAP];
    snprintf(place, sizeof place, "%s", path);
    *strrchr(place, '/') = 0;
    int status = sab_file_make_directory(place, err);
    if (status == SAB_OK)
        status = sab_cell_result_take_curve(&w->result, w->config.run.out, err);
    if (status == SAB_OK && sab_cell_table(w->cell)->figure == SAB_FIGURE_MAPS) {
        snprintf(place, sizeof place, "%.*s", (int)(strlen(path) - strlen(".json")), path);
        status = sab_maps_draw(w->config.run.out, place, &w->result, err);
    }
    return status == SAB_OK ? sab_cell_result_write(path, w->cell, &w->result, err) : status;
}

static int make(struct work *w, const char *path, enum sab_reproduced *how_made, struct sab_error *err)
{
    int file;
    int status = lock(w, &file, err);
    if (status != SAB_OK)
        return status;
    if (file < 0) {
        *how_made = SAB_MADE_ELSEWHERE;
        return SAB_OK;
    }
    if (sab_cell_result_exists(path)) { /* since we looked */
        close(file);
        *how_made = SAB_MADE_BEFORE;
        return SAB_OK;
    }
    forget_peak();
    status = train(w, err);
    if (status == SAB_OK)
        status = test(w, err);
    w->result.peak_nbytes = isnan(w->result.cpu_s) ? NAN : peak_nbytes(); /* of the same sessions */
    if (status == SAB_OK)
        status = leave(w, path, err);
    sab_stop_hold(0); /* what is left to do is done again at once */
    close(file);
    return status;
}

static int check_existing(const char *path, const char *command, struct sab_error *err)
{
    struct sab_cell_result before;
    int status = sab_cell_result_read(path, &before, err);
    if (status == SAB_OK)
        status = sab_cell_result_agrees(path, before.command, command, err);
    sab_cell_result_clear(&before);
    return status;
}

int sab_reproduce_cell(const struct sab_reproduction *how, const struct sab_table_cell *cell, uint64_t seed,
                       enum sab_reproduced *how_made, struct sab_error *err)
{
    struct work w = {.how = how, .cell = cell, .result = {.seed = seed, .version = SAB_VERSION}};
    char results[SAB_FILE_CAP], path[SAB_FILE_CAP], out[SAB_DIR_CAP];
    *how_made = SAB_MADE;
    int status = sab_cell_config(cell, seed, how->is_quick, &w.config, err);
    if (status != SAB_OK)
        return status;
    sab_cell_command(cell, &w.config, w.result.command);
    snprintf(results, sizeof results, "%s/results", how->dir);
    status = sab_cell_result_path(cell, results, seed, path, err);
    if (status == SAB_OK && sab_cell_result_exists(path)) {
        sab_options_clear(&w.config);
        *how_made = SAB_MADE_BEFORE;
        return check_existing(path, w.result.command, err);
    }
    w.config.shared.threads = how->threads;
    w.config.shared.cpu = how->cpu;
    const struct sab_kernels *kernels = sab_kernels_choose(how->cpu);
    snprintf(w.result.cpu, sizeof w.result.cpu, "%s", kernels ? kernels->name : "");
    if (status == SAB_OK)
        status = sab_cell_run_path(cell, how->dir, seed, out, err);
    if (status == SAB_OK)
        status = sab_options_set(&w.config, "out", out, err);
    if (status == SAB_OK)
        status = sab_cli_find_data(&w.config, err);
    if (status == SAB_OK)
        status = make(&w, path, how_made, err);
    sab_cell_result_clear(&w.result);
    sab_options_clear(&w.config);
    return status;
}

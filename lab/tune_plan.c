/* How much of a search fits into the time that sab tune has, on this machine. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/say.h"
#include "io/file.h"
#include "lab/tune.h"

enum { STEPS_LEAST = 50 }; /* fewer updates say nothing of a setting */

/* What the task is judged by: --best, or what runs of it are. */
static int find_metric(struct sab_tune *s, const struct sab_shape *shape)
{
    const char *asked = sab_cli_text(s->cli->options, "best");
    if (asked[0])
        return sab_metric_find(asked);
    if (shape->loss == SAB_LOSS_CROSS_ENTROPY && sab_cli_text(s->cli->options, "class-weights")[0])
        return sab_metric_find("balanced_accuracy");
    return sab_metric_find(!isnan(sab_task_bits_per_char(sab_cli_text(s->cli->options, "task"), 0)) ? "loss"
                           : shape->loss == SAB_LOSS_CROSS_ENTROPY || shape->loss == SAB_LOSS_BCE   ? "accuracy"
                           : shape->loss == SAB_LOSS_MSE                                           ? "mse"
                                                                                                   : "loss");
}

/* Seconds of a search of so many rungs where a training takes run_s. */
static double search_s(const struct sab_tune *s, int rungs, double run_s)
{
    double sum_s = 0, jobs = sab_tune_own(s)->jobs;
    for (int r = 0, n = 1; r < rungs; r++, n *= SAB_TUNE_THIRD)
        sum_s += ceil(n / jobs) * run_s / n;
    return sum_s;
}

/* The seconds that one training takes here, on one thread; what it is judged by, and the space. */
static int look(struct sab_tune *s, double *run_s, struct sab_error *err)
{
    struct sab_options *options = NULL;
    struct sab_task *task = NULL;
    struct sab_forecast forecast = {.size = sizeof forecast};
    int status = sab_options_clone(&options, s->cli->options, err);
    if (status == SAB_OK)
        status = sab_options_set(options, "threads", "1", err); /* several here would forbid processes of their own */
    if (status == SAB_OK)
        status = sab_task_create(&task, options, NULL, err);
    if (status == SAB_OK)
        s->metric = find_metric(s, sab_task_shape(task));
    if (status == SAB_OK)
        status = sab_settings(options, task, s->cli->given, NULL, NULL, err);
    sab_task_free(task);
    if (status == SAB_OK)
        status = sab_forecast(options, NULL, NULL, &forecast, err);
    sab_options_free(options);
    *run_s = forecast.run_s;
    return status;
}

/* ---- the file OUT/plan: what fits, and what the search is of, "given lr 0.003" or "left hidden 128" ---- */

enum { PLAN_CAP = 1 << 16, NAME_CAP = 64 };

static int is_given(const struct sab_tune *s, const char *name)
{
    return strcmp(name, "task") != 0 && sab_cli_given(s->cli, name);
}

/* The options that say what is searched: all that decide results, with whether they were given, for the others are chosen or tried. */
static void write_options(const struct sab_tune *s, char text[PLAN_CAP])
{
    size_t used = strlen(text);
    for (int i = 0; i < sab_option_count() && used < PLAN_CAP; i++) {
        char number[SAB_NUMBER_CAP];
        const char *name = sab_option_at(i)->name;
        if (sab_option_at(i)->effect <= SAB_RESUMES && strcmp(name, "steps") != 0)
            used += (size_t)snprintf(text + used, PLAN_CAP - used, "%s %s %s\n", is_given(s, name) ? "given" : "left", name,
                                     sab_options_value(s->cli->options, name, number));
    }
}

/* A search that goes on must be of the same options: settings of others cannot be ranked with those that are there. */
static int check_option(const struct sab_tune *s, char *line, struct sab_error *err)
{
    char how[8], name[NAME_CAP], number[SAB_NUMBER_CAP];
    int at = 0;
    if (sscanf(line, "%7s %63s%n", how, name, &at) != 2 || line[at] != ' ' || !sab_option_find(name))
        return SAB_OK; /* of another version */
    const char *was = line + at + 1, *is = sab_options_value(s->cli->options, name, number);
    int was_given = strcmp(how, "given") == 0;
    if (was_given == is_given(s, name) && strcmp(was, is) == 0)
        return SAB_OK;
    if (!was_given && is_given(s, name))
        return sab_fail(err, SAB_INVALID, "the search in %.200s was begun without --%s; choose another --out", s->dir, name);
    return sab_fail(err, SAB_INVALID, "the search in %.200s was begun with --%s %.60s; it goes on with the same, or choose another --out",
                    s->dir, name, was);
}

/* The plan of a search that goes on. */
static int read_plan(struct sab_tune *s, const char *path, char text[PLAN_CAP], struct sab_error *err)
{
    void *before;
    size_t nbytes;
    long long steps, asked = sab_cli_int64(s->cli->options, "steps");
    int status = sab_file_read(path, PLAN_CAP - 1, &before, &nbytes, err);
    if (status != SAB_OK)
        return status;
    snprintf(text, PLAN_CAP, "%.*s", (int)nbytes, (const char *)before);
    sab_free(before);
    if (sscanf(text, "%d rungs, %lld updates", &s->rungs, &steps) != 2 || s->rungs < 2 || s->rungs > SAB_TUNE_RUNGS || steps < 1)
        return sab_fail(err, SAB_FORMAT, "%.250s is no plan of sab tune", path);
    if (sab_cli_given(s->cli, "steps") && asked != steps)
        return sab_fail(err, SAB_INVALID,
                        "--steps %lld: the search in %.200s was begun for %lld; choose another --out", asked, s->dir,
                            steps);
    s->steps = steps;
    char *end = strchr(text, '\n');
    for (char *line = end ? end + 1 : NULL; line && *line && status == SAB_OK; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        if (end)
            *end = 0;
        status = check_option(s, line, err);
    }
    return status;
}

static int write_plan(struct sab_tune *s, const char *path, char text[PLAN_CAP], struct sab_error *err)
{
    int status = sab_file_make_directory(s->dir, err);
    snprintf(text, PLAN_CAP, "%d rungs, %lld updates\n", s->rungs, (long long)s->steps);
    write_options(s, text);
    return status == SAB_OK ? sab_file_write_atomic(path, text, strlen(text), err) : status;
}

/* Reads or writes it. */
static int keep_plan(struct sab_tune *s, const char *path, int is_there, struct sab_error *err)
{
    char *text = sab_alloc(PLAN_CAP, 1);
    if (!text)
        return sab_fail(err, SAB_NOMEM, "no memory for the plan of a search");
    int status = is_there ? read_plan(s, path, text, err) : write_plan(s, path, text, err);
    sab_free(text);
    return status;
}

int sab_tune_plan(struct sab_tune *s, double time_s, struct sab_error *err)
{
    char path[SAB_TUNE_DIR_CAP + 64], time[SAB_SAY_CAP];
    double run_s;
    int status = look(s, &run_s, err);
    snprintf(path, sizeof path, "%s/plan", s->dir);
    if (status != SAB_OK)
        return status;
    if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return keep_plan(s, path, 1, err);
    s->steps = sab_cli_int64(s->cli->options, "steps");
    run_s /= s->threads;
    s->rungs = SAB_TUNE_RUNGS;
    while (s->rungs > 2 && (search_s(s, s->rungs, run_s) > time_s || sab_tune_rung_steps(s, 0) < STEPS_LEAST))
        s->rungs--;
    double need_s = search_s(s, s->rungs, run_s);
    if (need_s > time_s && sab_cli_given(s->cli, "steps")) {
        sab_say_duration(need_s, time);
        return sab_fail(err, SAB_INVALID,
                        "--within %.20s: the least search, three settings and one with all %lld updates, takes about "
                        "%s here; "
                        "fewer --steps or more --jobs take less", sab_tune_own(s)->within, (long long)s->steps, time);
    }
    if (need_s > time_s)
        s->steps = (int64_t)fmax((double)s->steps * time_s / need_s, SAB_TUNE_THIRD * STEPS_LEAST);
    return keep_plan(s, path, 0, err);
}

int sab_tune_parse_time(const char *text, double *seconds, struct sab_error *err)
{
    char number[32];
    size_t length = strlen(text);
    char unit = length > 0 ? text[length - 1] : 0;
    double of = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : 0;
    snprintf(number, sizeof number, "%.*s", (int)(length > 0 ? length - 1 : 0), text);
    if (of == 0 || length >= sizeof number || sab_text_to_real(number, seconds) || !(*seconds * of >= 1) || *seconds * of > 1e7)
        return sab_fail(err, SAB_INVALID, "--within: \"%.40s\" is not a time such as 90s, 10m or 2h", text);
    *seconds *= of;
    return SAB_OK;
}

/* sab tune: successive halving over the settings of tune_space.h, judged by the validation part; the test part is never looked at.
 *
 *     rung 0       3^R settings, each trained with S / 3^R updates
 *     rung r       the best third of those of rung r - 1, with three times the updates, from the start
 *     rung R       one setting, with all S updates: R + 1 times the work of a training
 *
 * Everything is in run folders, OUT/rung-R/setting-I: what is done is read from there, and an interrupted search goes on. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "io/file.h"
#include "lab/jobs.h"
#include "lab/tune_space.h"
#include "report/json_process.h"
#include "sab_run.h"

enum { STEPS_LEAST = 50 }; /* fewer updates say nothing of a setting */
enum { RUNGS_MOST = 4, SETTINGS_MOST = 27, DIR_CAP = 4096, THIRD = 3 };

struct own {
    const char *within;
    int jobs;
};

static const struct sab_option own[] = {
    {"within", SAB_OPTION_TEXT, offsetof(struct own, within), 0, 0, 0, NULL, "10m", "",
     "how long it may take: 90s, 10m or 2h; decides how many settings are tried, and ends the search"},
    {"jobs", SAB_OPTION_INT, offsetof(struct own, jobs), 0, 1, 4096, NULL, "1", "",
     "settings side by side, each in a process of its own; Ctrl-C saves them all"},
};

struct search {
    const struct sab_cli *cli;
    struct sab_tune_space space;
    char dir[DIR_CAP];
    int rungs;                   /* R + 1 */
    int64_t steps;               /* S */
    int threads;                 /* of each setting */
    int metric;                  /* by which it is judged: the place in the table; -1 until a run has said so */
    double end_s;                /* on sab_progress_clock */
    const volatile sig_atomic_t *stop;
    struct sab_progress *progress;
    double updates, before, done; /* of the whole search: all, those that were done when it began, and by now */
    int rung;                    /* under way */
    int settings[SETTINGS_MOST]; /* of this rung, best first of the last one */
    int n;
    double values[RUNGS_MOST][SETTINGS_MOST]; /* by rung and place in settings; NaN: failed, or not there */
    int of[RUNGS_MOST][SETTINGS_MOST], counts[RUNGS_MOST];
};

static int64_t rung_steps(const struct search *s, int rung)
{
    int64_t steps = s->steps;
    for (int r = rung; r < s->rungs - 1; r++)
        steps /= THIRD;
    return steps > 1 ? steps : 1;
}

static void run_folder(const struct search *s, int rung, int setting, char path[DIR_CAP + 64])
{
    snprintf(path, DIR_CAP + 64, "%s/rung-%d/setting-%d", s->dir, rung, setting);
}

/* ---- one setting ---- */

struct piece {
    const struct search *search;
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

static void show(const struct search *s, double done)
{
    sab_progress_at(s->progress, fmax(s->before, done) / s->updates);
}

static int see(void *user, const struct sab_event *event)
{
    const struct search *s = ((const struct piece *)user)->search;
    if (((const struct own *)s->cli->own)->jobs == 1) /* in a process of its own it would be nobody's */
        show(s, s->done + (double)event->step);
    return sab_progress_clock() > s->end_s;
}

static void add_done(void *user, int i)
{
    struct search *s = user;
    (void)i;
    s->done += (double)rung_steps(s, s->rung);
    show(s, s->done);
}

static void begun(void *user)
{
    (void)user;
    sab_stop_hold(1);
}

/* The options of a run that goes on: what was given must be what it was begun with. */
static int take_begun(const struct search *s, const char *folder, struct sab_options **options, struct sab_error *err)
{
    int status = sab_run_options(options, folder, err);
    for (int i = 0; status == SAB_OK && i < sab_option_count(); i++) {
        char was[SAB_NUMBER_CAP], is[SAB_NUMBER_CAP];
        const char *name = sab_option_at(i)->name, *before = sab_options_value(*options, name, was);
        const char *now = sab_options_value(s->cli->options, name, is);
        if (s->cli->given[i] && sab_option_at(i)->effect <= SAB_RESUMES && strcmp(name, "steps") != 0 && strcmp(before, now) != 0)
            status = sab_fail(err, SAB_INVALID, "the search in %.200s was begun with --%s %.60s, not %.60s; choose another --out", s->dir,
                              name, before, now);
    }
    return status;
}

static int train_setting(void *user, int i, int *is_taken, struct sab_error *err)
{
    const struct search *s = user;
    struct piece piece = {s, s->settings[i]};
    struct sab_options *options = NULL;
    struct sab_outcome outcome = {.size = sizeof outcome, .best_step = -1};
    struct sab_watch watch = {.size = sizeof watch, .user = &piece, .settle = settle, .begun = begun, .event = see, .stop = s->stop};
    char folder[DIR_CAP + 64], text[DIR_CAP + 128];
    *is_taken = 0;
    run_folder(s, s->rung, piece.setting, folder);
    snprintf(text, sizeof text, "%s/config.json", folder);
    int goes_on = access(text, F_OK) == 0;
    int status = goes_on ? take_begun(s, folder, &options, err) : sab_options_clone(&options, s->cli->options, err);
    snprintf(text, sizeof text, "%lld", (long long)rung_steps(s, s->rung));
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

static void name_piece(void *user, int i, char name[SAB_JOB_NAME_CAP])
{
    const struct search *s = user;
    snprintf(name, SAB_JOB_NAME_CAP, "rung %d of %d, setting %d, %lld updates", s->rung + 1, s->rungs, s->settings[i],
             (long long)rung_steps(s, s->rung));
}

/* ---- results ---- */

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

/* What the task is judged by: --best, or what runs of it are. */
static int find_metric(struct search *s, const struct sab_shape *shape)
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

/* NaN of a setting of which nothing is kept: it failed before its first update. */
static int read_value(const struct search *s, int rung, int setting, double *value, struct sab_error *err)
{
    char folder[DIR_CAP + 64], path[DIR_CAP + 96];
    struct best best = {s->metric, NAN};
    run_folder(s, rung, setting, folder);
    snprintf(path, sizeof path, "%s/config.json", folder);
    int status = access(path, F_OK) != 0 && errno == ENOENT ? SAB_OK : sab_run_history(folder, 0, see_row, &best, err);
    *value = best.value;
    return status;
}

/* 1 if a is better than b; whatever failed is the worst. */
static int is_better(const struct search *s, double a, double b)
{
    int better = sab_metric_at(s->metric)->better;
    return isnan(b) ? !isnan(a) : better * a > better * b;
}

/* The best third of the rung, in order, becomes the next; equals in the order they have. */
static int choose_next(struct search *s, struct sab_error *err)
{
    double *values = s->values[s->rung], value;
    int *of = s->of[s->rung];
    for (int i = 0; i < s->n; i++) {
        int place = i, status = read_value(s, s->rung, s->settings[i], &value, err);
        if (status != SAB_OK)
            return status;
        for (; place > 0 && is_better(s, value, values[place - 1]); place--) {
            values[place] = values[place - 1];
            of[place] = of[place - 1];
        }
        values[place] = value;
        of[place] = s->settings[i];
    }
    s->counts[s->rung] = s->n;
    s->n = s->n > THIRD ? s->n / THIRD : 1;
    memcpy(s->settings, of, (size_t)s->n * sizeof *of);
    return SAB_OK;
}

/* ---- the plan ---- */

/* Seconds of a search of so many rungs where a training takes run_s. */
static double search_s(const struct search *s, int rungs, double run_s)
{
    double sum_s = 0, jobs = ((const struct own *)s->cli->own)->jobs;
    for (int r = 0, n = 1; r < rungs; r++, n *= THIRD)
        sum_s += ceil(n / jobs) * run_s / n;
    return sum_s;
}

/* The seconds that one training takes here, on one thread; what it is judged by, and the space. */
static int look(struct search *s, double *run_s, struct sab_error *err)
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

enum { PLAN_CAP = 64 };

/* The plan of a search that goes on. */
static int read_plan(struct search *s, const char *path, struct sab_error *err)
{
    char text[PLAN_CAP];
    void *before;
    size_t nbytes;
    long long steps, asked = sab_cli_int64(s->cli->options, "steps");
    int status = sab_file_read(path, PLAN_CAP - 1, &before, &nbytes, err);
    if (status != SAB_OK)
        return status;
    snprintf(text, sizeof text, "%.*s", (int)nbytes, (const char *)before);
    sab_free(before);
    if (sscanf(text, "%d rungs, %lld updates", &s->rungs, &steps) != 2 || s->rungs < 2 || s->rungs > RUNGS_MOST || steps < 1)
        return sab_fail(err, SAB_FORMAT, "%.250s is no plan of sab tune", path);
    if (sab_cli_given(s->cli, "steps") && asked != steps)
        return sab_fail(err, SAB_INVALID,
                        "--steps %lld: the search in %.200s was begun for %lld; choose another --out", asked, s->dir,
                            steps);
    s->steps = steps;
    return SAB_OK;
}

/* Rungs and updates that fit into the time. A search that goes on has those it began with. */
static int plan(struct search *s, double time_s, struct sab_error *err)
{
    char path[DIR_CAP + 64], text[PLAN_CAP], time[SAB_SAY_CAP];
    double run_s;
    int status = look(s, &run_s, err);
    snprintf(path, sizeof path, "%s/plan", s->dir);
    if (status != SAB_OK)
        return status;
    if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return read_plan(s, path, err);
    s->steps = sab_cli_int64(s->cli->options, "steps");
    run_s /= s->threads;
    s->rungs = RUNGS_MOST;
    while (s->rungs > 2 && (search_s(s, s->rungs, run_s) > time_s || rung_steps(s, 0) < STEPS_LEAST))
        s->rungs--;
    double need_s = search_s(s, s->rungs, run_s);
    if (need_s > time_s && sab_cli_given(s->cli, "steps")) {
        sab_say_duration(need_s, time);
        return sab_fail(err, SAB_INVALID,
                        "--within %.20s: the least search, three settings and one with all %lld updates, takes about "
                        "%s here; "
                        "fewer --steps or more --jobs take less", ((const struct own *)s->cli->own)->within, (long long)s->steps, time);
    }
    if (need_s > time_s)
        s->steps = (int64_t)fmax((double)s->steps * time_s / need_s, THIRD * STEPS_LEAST);
    status = sab_file_make_directory(s->dir, err);
    snprintf(text, sizeof text, "%d rungs, %lld updates\n", s->rungs, (long long)s->steps);
    return status == SAB_OK ? sab_file_write_atomic(path, text, strlen(text), err) : status;
}

static int parse_time(const char *text, double *seconds, struct sab_error *err)
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

/* ---- the table ---- */

/* What a setting came to be, option after option; a dash for those that the network does not have. */
static void write_row(FILE *to, const struct search *s, int rung, int place)
{
    char folder[DIR_CAP + 64], number[SAB_NUMBER_CAP], value[SAB_SAY_CAP];
    struct sab_options *options = NULL;
    int setting = s->of[rung][place];
    run_folder(s, rung, setting, folder);
    sab_run_options(&options, folder, NULL);
    fprintf(to, "| %d | %lld |", setting, (long long)rung_steps(s, rung));
    for (int a = 0; a < s->space.n; a++)
        fprintf(to, " %s |", options ? sab_options_value(options, s->space.axes[a]->name, number) : "-");
    sab_options_free(options);
    sab_say_loss(s->values[rung][place], value);
    fprintf(to, " %s |\n", isnan(s->values[rung][place]) ? "failed" : value);
}

static void write_table(FILE *to, const struct search *s)
{
    fprintf(to, "| setting | updates |");
    for (int a = 0; a < s->space.n; a++)
        fprintf(to, " %s |", s->space.axes[a]->name);
    fprintf(to, " %s on the validation part |\n|---|---|", sab_metric_at(s->metric)->name);
    for (int a = 0; a <= s->space.n; a++)
        fputs("---|", to);
    fputc('\n', to);
    for (int r = RUNGS_MOST - 1; r >= 0; r--)
        for (int i = 0; i < s->counts[r]; i++)
            write_row(to, s, r, i);
}

static int save_table(const struct search *s, struct sab_error *err)
{
    char path[DIR_CAP + 64], *text = NULL;
    size_t nbytes = 0;
    FILE *memory = open_memstream(&text, &nbytes);
    if (!memory)
        return sab_fail(err, SAB_NOMEM, "no memory for the table");
    write_table(memory, s);
    fclose(memory);
    snprintf(path, sizeof path, "%s/table.md", s->dir);
    int status = sab_file_write_atomic(path, text, nbytes, err);
    free(text);
    return status;
}

static void print_json(const struct search *s, const char *best, int is_whole)
{
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "best", best);
    sab_json_text(&json, "best_by", sab_metric_at(s->metric)->name);
    sab_json_bool(&json, "complete", is_whole);
    sab_json_open(&json, "settings", '[');
    for (int r = RUNGS_MOST - 1; r >= 0; r--)
        for (int i = 0; i < s->counts[r]; i++) {
            sab_json_open(&json, NULL, '{');
            sab_json_int(&json, "setting", s->of[r][i]);
            sab_json_int(&json, "updates", rung_steps(s, r));
            sab_json_real(&json, sab_metric_at(s->metric)->name, s->values[r][i]);
            sab_json_close(&json, '}');
        }
    sab_json_close(&json, ']');
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

/* ---- the search ---- */

static int see_step(void *user, const struct sab_figure *figures, int n)
{
    double *last = user;
    for (int i = 0; i < n; i++)
        if (strcmp(figures[i].name, "step") == 0)
            *last = figures[i].value;
    return 0;
}

/* How much there is to do, and how much of it is done already. */
static void count_updates(struct search *s)
{
    char folder[DIR_CAP + 64];
    for (int r = 0, n = s->n; r < s->rungs; r++, n = n > THIRD ? n / THIRD : 1) {
        s->updates += n * (double)rung_steps(s, r);
        for (int i = 0; i < s->n; i++) {
            double last = 0;
            run_folder(s, r, i, folder);
            sab_run_history(folder, 0, see_step, &last, NULL); /* which has none where it was not begun */
            s->before += last;
        }
    }
    show(s, 0);
}

static int search(struct search *s, struct sab_error *err)
{
    int status = SAB_OK, size = sab_tune_space_size(&s->space);
    s->n = 1;
    for (int r = 1; r < s->rungs; r++)
        s->n *= THIRD;
    s->n = s->n < size ? s->n : size;
    for (int i = 0; i < s->n; i++)
        s->settings[i] = i;
    s->progress = sab_progress_begin("tune", 0, s->cli->quiet);
    count_updates(s);
    for (s->rung = 0; s->rung < s->rungs && status == SAB_OK; s->rung++) {
        const struct own *o = s->cli->own;
        struct sab_jobs jobs = {.count = s->n, .at_once = o->jobs < s->n ? o->jobs : s->n, .quiet = s->cli->quiet, .user = s,
                                .name = name_piece, .run = train_setting, .done = add_done, .progress = s->progress,
                                .stop = s->stop};
        status = sab_jobs_run(&jobs, err);
        if (status == SAB_OK)
            status = choose_next(s, err);
        if (status == SAB_OK)
            status = save_table(s, err);
    }
    sab_progress_finish(s->progress);
    return status;
}

static int finish(const struct search *s, int status, struct sab_error *err)
{
    char best[DIR_CAP + 64] = "";
    int rung = RUNGS_MOST - 1, is_over = status == SAB_INTERRUPTED && sab_progress_clock() > s->end_s, is_whole = status == SAB_OK;
    while (rung > 0 && s->counts[rung] == 0)
        rung--;
    if (s->counts[rung] > 0)
        run_folder(s, rung, s->of[rung][0], best);
    if (is_over && best[0] && !s->cli->quiet)
        fprintf(stderr, "sab tune: the time is over after rung %d of %d; the same command goes on\n", rung + 1, s->rungs);
    if (is_over && !best[0])
        sab_fail(err, SAB_INTERRUPTED, "the time is over and the first of %d rungs is not done; the same command goes on", s->rungs);
    if (status != SAB_OK && !(is_over && best[0]))
        return sab_say_error("tune", status, err);
    if (s->cli->json)
        print_json(s, best, is_whole);
    else
        write_table(stdout, s);
    if (!s->cli->quiet)
        fprintf(stderr, "\nbest     %s\nagain    sab train --config %s/config.json --out FOLDER\nnext     sab eval %s\n", sab_shown(best),
                sab_shown(best), sab_shown(best));
    return SAB_EXIT_DONE;
}

static int begin(struct search *s, struct sab_error *err)
{
    struct sab_cli *cli = (struct sab_cli *)s->cli;
    const struct own *o = cli->own;
    double time_s = 0;
    const char *out = sab_cli_text(cli->options, "out"), *task = cli->n_words == 1 ? cli->words[0] : sab_cli_text(cli->options, "task");
    char number[SAB_NUMBER_CAP];
    int status = parse_time(o->within, &time_s, err);
    if (status == SAB_OK && cli->n_words == 0 && !sab_cli_given(cli, "task") && !cli->has_config_file)
        status = sab_fail(err, SAB_INVALID, "which task? sab tune TASK, as for sab train");
    if (status == SAB_OK && sab_cli_text(cli->options, "from")[0])
        status = sab_fail(err, SAB_INVALID, "--from: a search begins each setting anew");
    if (status == SAB_OK)
        status = sab_options_set(cli->options, "task", task, err);
    if (status == SAB_OK && snprintf(s->dir, sizeof s->dir, "%s%s", out[0] ? out : "runs/tune-", out[0] ? "" : task) >= (int)sizeof s->dir)
        status = sab_fail(err, SAB_INVALID, "--out: the folder's name is longer than %d bytes", DIR_CAP - 1);
    if (status == SAB_OK)
        status = sab_options_check(cli->options, err);
    if (status == SAB_OK)
        status = sab_cli_find_data(cli->options, err);
    s->end_s = sab_progress_clock() + time_s;
    s->threads = (int)strtol(sab_options_value(cli->options, "threads", number), NULL, 10);
    if (s->threads == 0)
        s->threads = (int)fmax((double)sysconf(_SC_NPROCESSORS_ONLN) / o->jobs, 1);
    sab_tune_space_make(&s->space, cli->options, cli->given, (uint64_t)sab_cli_int64(cli->options, "seed"));
    return status == SAB_OK ? plan(s, time_s, err) : status;
}

static int run(struct sab_cli *cli)
{
    struct search *s = sab_alloc(1, sizeof *s);
    struct sab_error err = {0};
    if (!s) {
        sab_fail(&err, SAB_NOMEM, "no memory for a search");
        return sab_say_error("tune", SAB_NOMEM, &err);
    }
    s->cli = cli;
    s->stop = sab_stop_listen(cli->quiet);
    int status = begin(s, &err);
    if (status == SAB_OK && !cli->quiet)
        fprintf(stderr, "%d rungs, up to %lld updates, %d settings to draw from, in %s\n", s->rungs, (long long)s->steps,
                sab_tune_space_size(&s->space), sab_shown(s->dir));
    int code = status == SAB_OK ? finish(s, search(s, &err), &err) : sab_say_error("tune", status, &err);
    sab_free(s);
    return code;
}

static void print_space(void)
{
    printf("\nWhat is tried, where it is not given (the first is what sab train chooses):\n");
    for (int i = 0; sab_tune_axis_at(i); i++) {
        const struct sab_tune_axis *axis = sab_tune_axis_at(i);
        printf("  %-14s as chosen", axis->name);
        for (int c = 1; c < SAB_TUNE_CHOICES && axis->choices[c]; c++)
            printf(axis->is_factor ? ", times %s" : ", %s", axis->choices[c]);
        printf(axis->needs ? "   with %s\n" : "\n", axis->needs);
    }
}

const struct sab_command sab_command_tune = {
    .name = "tune",
    .words = "TASK",
    .words_least = 0,
    .words_most = 1,
    .summary = "try settings within a stated time and keep the best",
    .purpose =
        "Successive halving: many settings are trained with few updates, the best third\n"
        "of them with three times as many, and so on, the last with all --steps. Each is\n"
        "judged by the validation part; the test part is never looked at, so that\n"
        "sab eval of the best run measures it once. --within decides how many are tried.\n"
        "\n"
        "Each setting is a run folder in --out (OUT/rung-R/setting-I), the results are\n"
        "OUT/table.md. Ctrl-C and the end of the time save; the same command goes on. The\n"
        "same plan and seed give the same table, on any number of threads and --jobs.\n",
    .examples =
        "  sab tune csv --data load.csv --targets load --horizon 24 --within 5m\n"
        "  sab tune npy --data digits.npz --hidden 64 --steps 1500 --within 2h --jobs 4\n",
    .groups = "model credit training task data run",
    .names = "",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .more_help = print_space,
    .run = run,
};

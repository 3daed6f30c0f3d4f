/* sab tune: successive halving over the settings of tune_space.h, judged by the validation part; the test part is never looked at.
 *
 *     rung 0       3^R settings, each trained with S / 3^R updates
 *     rung r       the best third of those of rung r - 1, with three times the updates, from the start
 *     rung R       one setting, with all S updates: R + 1 times the work of a training
 *
 * Everything is in run folders, OUT/rung-R/setting-I: what is done is read from there, and an interrupted search goes on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/data_files.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "lab/tune.h"

static const struct sab_option own[] = {
    {"within", SAB_OPTION_TEXT, offsetof(struct sab_tune_own, within), 0, 0, 0, NULL, "10m", "",
     "how long it may take: 90s, 10m or 2h; decides how many settings are tried, and ends the search"},
    {"jobs", SAB_OPTION_INT, offsetof(struct sab_tune_own, jobs), 0, 1, 4096, NULL, "1", "",
     "settings side by side, each in a process of its own; Ctrl-C saves them all"},
};

/* 1 if a is better than b; whatever failed is the worst. */
static int is_better(const struct sab_tune *s, double a, double b)
{
    int better = sab_metric_at(s->metric)->better;
    return isnan(b) ? !isnan(a) : better * a > better * b;
}

/* The best third of the rung, in order, becomes the next; equals in the order they have. */
static int choose_next(struct sab_tune *s, struct sab_error *err)
{
    double *values = s->values[s->rung], value;
    int *of = s->of[s->rung];
    for (int i = 0; i < s->n; i++) {
        int place = i, status = sab_tune_value(s, s->rung, s->settings[i], &value, err);
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
    s->n = s->n > SAB_TUNE_THIRD ? s->n / SAB_TUNE_THIRD : 1;
    memcpy(s->settings, of, (size_t)s->n * sizeof *of);
    return SAB_OK;
}

static int see_step(void *user, const struct sab_figure *figures, int n)
{
    double *last = user;
    for (int i = 0; i < n; i++)
        if (strcmp(figures[i].name, "step") == 0)
            *last = figures[i].value;
    return 0;
}

/* How much there is to do, and how much of it is done already. */
static void count_updates(struct sab_tune *s)
{
    char folder[SAB_TUNE_DIR_CAP + 64];
    for (int r = 0, n = s->n; r < s->rungs; r++, n = n > SAB_TUNE_THIRD ? n / SAB_TUNE_THIRD : 1) {
        s->updates += n * (double)sab_tune_rung_steps(s, r);
        for (int i = 0; i < s->n; i++) {
            double last = 0;
            sab_tune_folder(s, r, i, folder);
            sab_run_history(folder, 0, see_step, &last, NULL); /* which has none where it was not begun */
            s->before += last;
        }
    }
    sab_tune_show(s, 0);
}

static int search(struct sab_tune *s, struct sab_error *err)
{
    int status = SAB_OK, size = sab_tune_space_size(&s->space);
    s->n = 1;
    for (int r = 1; r < s->rungs; r++)
        s->n *= SAB_TUNE_THIRD;
    s->n = s->n < size ? s->n : size;
    for (int i = 0; i < s->n; i++)
        s->settings[i] = i;
    s->progress = sab_progress_begin("tune", 0, s->cli->quiet);
    count_updates(s);
    for (s->rung = 0; s->rung < s->rungs && status == SAB_OK; s->rung++) {
        const struct sab_tune_own *o = sab_tune_own(s);
        struct sab_jobs jobs = {.count = s->n, .at_once = o->jobs < s->n ? o->jobs : s->n, .quiet = s->cli->quiet, .user = s,
                                .name = sab_tune_name, .run = sab_tune_train, .done = sab_tune_add_done, .progress = s->progress,
                                .stop = s->stop};
        status = sab_jobs_run(&jobs, err);
        if (status == SAB_OK)
            status = choose_next(s, err);
        if (status == SAB_OK)
            status = sab_tune_save_table(s, err);
    }
    sab_progress_finish(s->progress);
    return status;
}

static int finish(const struct sab_tune *s, int status, struct sab_error *err)
{
    char best[SAB_TUNE_DIR_CAP + 64] = "";
    int rung = SAB_TUNE_RUNGS - 1, is_over = status == SAB_INTERRUPTED && sab_progress_clock() > s->end_s, is_whole = status == SAB_OK;
    while (rung > 0 && s->counts[rung] == 0)
        rung--;
    if (s->counts[rung] > 0)
        sab_tune_folder(s, rung, s->of[rung][0], best);
    if (is_over && best[0] && !s->cli->quiet)
        fprintf(stderr, "sab tune: the time is over after rung %d of %d; the same command goes on\n", rung + 1, s->rungs);
    if (is_over && !best[0])
        sab_fail(err, SAB_INTERRUPTED, "the time is over and the first of %d rungs is not done; the same command goes on", s->rungs);
    if (status != SAB_OK && !(is_over && best[0]))
        return sab_say_error("tune", status, err);
    if (s->cli->json)
        sab_tune_print_json(s, best, is_whole);
    else
        sab_tune_write_table(stdout, s);
    if (!s->cli->quiet)
        fprintf(stderr, "\nbest     %s\nagain    sab train --config %s/config.json --out FOLDER\nnext     sab eval %s\n", sab_shown(best),
                sab_shown(best), sab_shown(best));
    return SAB_EXIT_DONE;
}

static int begin(struct sab_tune *s, struct sab_error *err)
{
    struct sab_cli *cli = (struct sab_cli *)s->cli;
    const struct sab_tune_own *o = cli->own;
    double time_s = 0;
    const char *out = sab_cli_text(cli->options, "out"), *task = cli->n_words == 1 ? cli->words[0] : sab_cli_text(cli->options, "task");
    char number[SAB_NUMBER_CAP];
    int status = sab_tune_parse_time(o->within, &time_s, err);
    if (status == SAB_OK && cli->n_words == 0 && !sab_cli_given(cli, "task") && !cli->has_config_file)
        status = sab_fail(err, SAB_INVALID, "which task? sab tune TASK, as for sab train");
    if (status == SAB_OK && sab_cli_text(cli->options, "from")[0])
        status = sab_fail(err, SAB_INVALID, "--from: a search begins each setting anew");
    if (status == SAB_OK)
        status = sab_options_set(cli->options, "task", task, err);
    if (status == SAB_OK && snprintf(s->dir, sizeof s->dir, "%s%s", out[0] ? out : "runs/tune-", out[0] ? "" : task) >= (int)sizeof s->dir)
        status = sab_fail(err, SAB_INVALID, "--out: the folder's name is longer than %d bytes", SAB_TUNE_DIR_CAP - 1);
    if (status == SAB_OK)
        status = sab_options_check(cli->options, err);
    if (status == SAB_OK)
        status = sab_cli_find_data(cli->options, err);
    s->end_s = sab_progress_clock() + time_s;
    s->threads = (int)strtol(sab_options_value(cli->options, "threads", number), NULL, 10);
    if (s->threads == 0)
        s->threads = (int)fmax((double)sysconf(_SC_NPROCESSORS_ONLN) / o->jobs, 1);
    sab_tune_space_make(&s->space, cli->options, cli->given, (uint64_t)sab_cli_int64(cli->options, "seed"));
    return status == SAB_OK ? sab_tune_plan(s, time_s, err) : status;
}

static int run(struct sab_cli *cli)
{
    struct sab_tune *s = sab_alloc(1, sizeof *s);
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
    .own_nbytes = sizeof(struct sab_tune_own),
    .more_help = print_space,
    .run = run,
};

/* sab train: one run, from the first update to the last, or the rest of one. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/error.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/dry_run.h"
#include "cli/options.h"
#include "cli/presets.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "comm/comm.h"
#include "comm/world.h"
#include "report/account.h"
#include "report/json_process.h"
#include "report/live_events.h"
#include "report/progress.h"
#include "sab_run.h"

struct own {
    int dry_run, presets;
    const char *preset;
    const char *tensorboard;
    const char *resume;
    int settings;
};

static const char *const settings[] = {"auto", "fixed", NULL};
enum { AUTO };

static const struct sab_option own[] = {
    {"dry-run", SAB_CLI_FLAG, offsetof(struct own, dry_run), 0, 0, 1, NULL, "off", "",
     "say what would be done, how large it is, and do nothing"},
    {"preset", SAB_OPTION_TEXT, offsetof(struct own, preset), 0, 0, 0, NULL, "", "",
     "settings by name, such as pmnist; options of the command line come on top"},
    {"presets", SAB_CLI_FLAG, offsetof(struct own, presets), 0, 0, 1, NULL, "off", "",
     "list the presets, and do nothing"},
    {"settings", SAB_OPTION_CHOICE, offsetof(struct own, settings), 0, 0, 0, settings, "auto", "",
     "auto: of tasks that read files, what is not given of scales, k-att, k-trunc, the optimiser and more is chosen by a look at "
     "the data, and said; with --preset, --config or --from, and of other tasks, it is as below. fixed: always"},
    {"resume", SAB_OPTION_TEXT, offsetof(struct own, resume), 0, 0, 0, NULL, "", "",
     "go on with the run in this folder, to the same bits as if it had never stopped"},
    {"tensorboard", SAB_OPTION_TEXT, offsetof(struct own, tensorboard), 0, 0, 0, NULL, "", "",
     "also write what is measured, and pictures of what is recalled, into this folder as it goes, as events for TensorBoard"},
};

/* ---- what is to be done ---- */

static int take_resume(struct sab_cli *cli, const char *dir, struct sab_error *err)
{
    struct sab_options *options;
    if (cli->has_config_file || ((const struct own *)cli->own)->preset[0])
        return sab_fail(err, SAB_INVALID, "--resume takes the configuration of the run; --%s cannot be given too",
                        cli->has_config_file ? "config" : "preset");
    if (sab_cli_given(cli, "out") && strcmp(sab_cli_text(cli->options, "out"), dir) != 0)
        return sab_fail(err, SAB_INVALID, "--resume %.100s goes on in that folder; --out %.100s is another", dir,
                        sab_cli_text(cli->options, "out"));
    int status = sab_run_options(&options, dir, err);
    if (status != SAB_OK)
        return status;
    status = sab_cli_apply(cli, options, err);
    if (status == SAB_OK)
        status = sab_options_set(options, "out", dir, err);
    sab_options_free(status == SAB_OK ? cli->options : options);
    if (status == SAB_OK)
        cli->options = options;
    return status;
}

static int take_task(struct sab_cli *cli, struct sab_error *err)
{
    const struct own *o = cli->own;
    const char *task = sab_cli_text(cli->options, "task");
    if (cli->n_words == 1) {
        const char *word = cli->words[0];
        if (strcmp(task, word) != 0 && (o->resume[0] || o->preset[0] || sab_cli_given(cli, "task")))
            return sab_fail(err, SAB_INVALID, "the task cannot be both %.32s and %.32s", task, word);
        return sab_options_set(cli->options, "task", word, err);
    }
    if (o->resume[0] || o->preset[0] || cli->has_config_file || sab_cli_given(cli, "task"))
        return SAB_OK;
    char names[128];
    size_t used = 0;
    for (int i = 0; sab_task_name(i, NULL) && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", sab_task_name(i, NULL));
    return sab_fail(err, SAB_INVALID, "which task? sab train TASK, with one of %s", names);
}

static int is_known(const char *task)
{
    int i = 0;
    while (sab_task_name(i, NULL) && strcmp(sab_task_name(i, NULL), task) != 0)
        i++;
    return sab_task_name(i, NULL) != NULL;
}

/* 1 if the task draws its data, at any length. */
static int is_drawn(const struct sab_options *options)
{
    const char *task = sab_cli_text(options, "task");
    return is_known(task) && !sab_option_is_read_by(sab_option_find("data"), task);
}

/* Warns of options of the groups that were given, say more than "no", and change nothing for that network or task. */
static void warn_unread(const struct sab_cli *cli, const char *groups, const char *reader, const char *name)
{
    char names[512] = "", number[SAB_NUMBER_CAP];
    for (int i = 0; i < sab_option_count(); i++) {
        const struct sab_option *option = sab_option_at(i);
        if (!cli->given[i] || !sab_text_lists(groups, option->group) || !option->readers ||
            sab_option_is_read_by(option, name))
            continue;
        const char *value = sab_options_value(cli->options, option->name, number);
        size_t used = strlen(names);
        if (value[0] && strcmp(value, "0") != 0 && strcmp(value, "off") != 0)
            snprintf(names + used, sizeof names - used, "%s--%s", used ? ", " : "", option->name);
    }
    if (names[0])
        fprintf(stderr, "warning: %s %s does not look at %s\n", reader, name, names);
}

static void tell_advice(void *user, const char *sentence)
{
    (void)user;
    fprintf(stderr, "warning: %s\n", sentence);
}

/* ---- what was done ---- */

static void print_json(const struct sab_options *config, const struct sab_outcome *result, const char *out, int status)
{
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", sab_cli_text(config, "task"));
    sab_json_int(&json, "steps", result->steps);
    if (result->best_step >= 0) {
        for (int i = 0; sab_metric_at(i); i++)
            sab_json_real(&json, sab_metric_at(i)->name, result->best_values[i]);
        sab_json_text(&json, "best_by", sab_metric_at(result->judged_by)->name);
        sab_json_int(&json, "best_step", result->best_step);
    }
    sab_json_real(&json, "seconds", result->seconds);
    sab_json_real(&json, "seconds_per_update", result->seconds_per_update);
    sab_json_text(&json, "weights_digest", result->weights_digest);
    sab_json_text(&json, "out", out);
    sab_json_bool(&json, "stopped_early", result->stopped_early);
    sab_json_bool(&json, "interrupted", status == SAB_INTERRUPTED);
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

/* Why a resumed run made no update. */
static void print_nothing_left(const struct sab_outcome *result)
{
    char steps[SAB_SAY_CAP];
    sab_say_count(result->steps, steps);
    if (result->stopped_early)
        fprintf(stderr, "nothing was left to do: the run stopped early at update %s, and --stop-at and --patience\n"
                        "stop it there again\n", steps);
    else
        fprintf(stderr, "nothing was left to do: all %s updates are made; --steps N asks for more\n", steps);
}

/* By what the best weights are the best; of files, what else they reach, and what there is to beat. */
static void print_best(const struct sab_options *config, const struct sab_outcome *result)
{
    const char *lead = ":";
    char text[SAB_SAY_CAP];
    fprintf(stderr, "\nbest     by %s on the validation data", sab_metric_at(result->judged_by)->name);
    for (int i = 0; sab_metric_at(i) && !is_drawn(config); i++) {
        double value = result->best_values[i];
        int is_loss = i == sab_metric_find("loss");
        if (sab_metric_at(i)->is_told || isnan(value) || (is_loss && result->judged_by != i))
            continue;
        sab_say_loss(value, text);
        fprintf(stderr, "%s %s %s", lead, sab_metric_at(i)->name, text);
        lead = ",";
    }
}

static void print_summary(const struct sab_options *config, const struct sab_outcome *result, const char *folder)
{
    char score[SAB_SAY_CAP], steps[SAB_SAY_CAP], time[SAB_SAY_CAP], best[SAB_SAY_CAP];
    const char *out = sab_shown(folder);
    sab_say_score(sab_cli_text(config, "task"), result->best, score);
    sab_say_count(result->steps, steps);
    sab_say_count(result->best_step, best);
    sab_say_duration(result->seconds, time);
    fprintf(stderr, "\n%s after %s updates in %s", score, steps, time);
    if (result->best_step != result->steps)
        fprintf(stderr, " (reached at update %s)", best);
    if (result->stopped_early)
        fprintf(stderr, "; stopped early: %s", sab_cli_text(config, "stop-at")[0]
                ? sab_shown(sab_cli_text(config, "stop-at")) : "no better result for long");
    print_best(config, result);
    /* The digest is of the last weights; eval and inspect tell that of the best ones. */
    fprintf(stderr, "\nweights  %s (digest%s)\nfolder   %s\n", result->weights_digest,
            result->best_step != result->steps || sab_options_number(config, "average") > 0 ? " after the last update" : "", out);
    const char *lead = "next     ";
    int is_recurrent = sab_cli_int(config, "model") == SAB_KIND_RECURRENT, credit = sab_cli_int(config, "credit");
    if (is_recurrent && credit != SAB_CREDIT_BPTT && credit != SAB_CREDIT_TBPTT && sab_cli_int(config, "k-top") > 0) {
        fprintf(stderr, "%ssab recall %s\n", lead, out);
        lead = "         ";
    }
    if (is_recurrent && !isnan(sab_task_bits_per_char(sab_cli_text(config, "task"), 0))) {
        fprintf(stderr, "%ssab generate %s\n", lead, out);
        lead = "         ";
    }
    fprintf(stderr, "%ssab eval %s", lead, out);
    if (is_drawn(config))
        fprintf(stderr, " --T %d,%lld", sab_cli_int(config, "T"), 2LL * sab_cli_int(config, "T"));
    fputc('\n', stderr);
}

/* Who watches a run. */
struct watcher {
    const struct sab_cli *cli;
    struct sab_progress *reading; /* of the data, until something is said of them */
    struct sab_progress_line line;
    struct sab_live_events *events; /* NULL: none are wanted */
};

/* Says so where each evaluation will take more than a minute, or as long as a hundred updates and some seconds, or all updates, whose
 * progress is shown, more than an hour. */
static void warn_of_time(const struct sab_options *options, struct sab_task *task, int is_resumed)
{
    const double HOUR = 3600, MINUTE = 60, SOME = 5, UPDATES = 100;
    char text[80], less[160];
    double sequences, seconds;
    int size = sab_cli_int(options, "eval-size");
    if (strcmp(sab_cli_text(options, "device"), "cpu") != 0)
        return;
    sab_options_less(options, is_resumed ? "" : "T batch hidden", text, sizeof text);
    snprintf(less, sizeof less, "%sfewer --steps%s%s take less", is_resumed ? "" : "--dry-run names the option that makes it short; ",
             text[0] ? " or " : "", text);
    if (sab_forecast_training(options, task, &seconds, NULL) == SAB_OK)
        sab_say_slower(seconds, HOUR, less, "this training");
    if (sab_forecast_evaluation(options, task, SAB_VALID, &sequences, &seconds, NULL) != SAB_OK)
        return;
    double updates = sequences / sab_cli_int(options, "batch") / 3; /* the way back is twice the way there */
    sab_say_slower(seconds, updates > UPDATES ? SOME : MINUTE, size > 0 && sequences > size ? "a larger --eval-every makes fewer"
                   : "a smaller --eval-size takes less", "each evaluation, of %.0f sequences of %d steps, the work of some %.0f updates,",
                   sequences, sab_task_steps(task), ceil(updates));
}

static void tell_setting(void *user, const char *name, const char *value, const char *why)
{
    const struct sab_cli *cli = user;
    const struct own *o = cli->own;
    sab_options_set(cli->options, name, value, NULL);
    if (!cli->quiet)
        fprintf(o->dry_run && !cli->json ? stdout : stderr, "chosen       --%s %s: %s\n", name, value, why);
}

/* What nobody gave, of a run that begins with nothing but its data; options are the run's. */
static int settle(void *user, struct sab_task *task, struct sab_options *options, struct sab_error *err)
{
    const struct sab_cli *cli = ((const struct watcher *)user)->cli;
    const struct own *o = cli->own;
    sab_progress_drop(&((struct watcher *)user)->reading);
    int is_auto = o->settings == AUTO && !o->resume[0] && !o->preset[0] && !cli->has_config_file && !sab_cli_text(options, "from")[0];
    return is_auto ? sab_settings(options, task, cli->given, tell_setting, (void *)cli, err) : SAB_OK;
}

static int dry_run(struct sab_cli *cli, struct sab_error *err)
{
    struct watcher watcher = {.cli = cli, .reading = sab_progress_begin("reading the data", 0, cli->quiet)};
    struct sab_task *task = NULL;
    int status = sab_task_create(&task, cli->options, NULL, err);
    sab_progress_drop(&watcher.reading);
    if (status == SAB_OK)
        status = settle(&watcher, task, cli->options, err);
#ifdef __GLIBC__
    malloc_trim(0); /* what settings took and gave back is not counted among what the training will need */
#endif
    int is_resumed = ((const struct own *)cli->own)->resume[0] != 0;
    if (status == SAB_OK)
        status = sab_cli_dry_run(cli->options, task, cli->json, cli->quiet, is_resumed, err);
    sab_task_free(task);
    return status;
}

/* What was understood of the data, before anything is learned from them. */
static void tell_data(void *user, struct sab_task *task)
{
    struct watcher *watcher = user;
    sab_progress_drop(&watcher->reading);
    if (watcher->events)
        sab_live_events_look(watcher->events, task);
    if (watcher->cli->quiet)
        return;
    if (!((const struct own *)watcher->cli->own)->resume[0])
        sab_advice(watcher->cli->options, tell_advice, NULL);
    if (sab_cli_given(watcher->cli, "quantiles") && strcmp(sab_cli_text(watcher->cli->options, "loss"), "quantile") != 0)
        tell_advice(NULL, "--quantiles does nothing without --loss quantile");
    sab_account_print(stderr, sab_task_facts(task));
    warn_of_time(watcher->cli->options, task, ((const struct own *)watcher->cli->own)->resume[0] != 0);
}

static int show(void *user, const struct sab_event *event)
{
    struct watcher *watcher = user;
    struct sab_error err = {0};
    sab_progress_drop(&watcher->reading);
    int stops = watcher->cli->quiet ? 0 : sab_progress_show(&watcher->line, event);
    if (watcher->events && event->evaluated && sab_live_events_add(watcher->events, event, &err) != SAB_OK) {
        sab_progress_end(&watcher->line);
        fprintf(stderr, "sab train: --tensorboard: %s; the run goes on without\n", err.message);
        sab_live_events_free(watcher->events);
        watcher->events = NULL;
    }
    return stops;
}

static void tell_notice(void *user, const char *sentence)
{
    sab_progress_drop(&((struct watcher *)user)->reading);
    fprintf(stderr, "sab train: %s\n", sab_shown(sentence));
}

static int finish(const struct sab_cli *cli, int status, struct sab_outcome *result, struct sab_error *err)
{
    char out[SAB_DIR_CAP] = "";
    sab_run_folder(cli->options, out, sizeof out, NULL);
    if (status == SAB_INTERRUPTED) {
        sab_fail(err, status, "interrupted after update %lld; go on with: sab train --resume %.250s",
                 (long long)result->steps, out);
        if (cli->json)
            print_json(cli->options, result, out, status);
    } else if (status == SAB_OK && cli->json) {
        print_json(cli->options, result, out, status);
    } else if (status == SAB_OK && !cli->quiet) {
        if (((const struct own *)cli->own)->resume[0] && result->updates == 0)
            print_nothing_left(result);
        print_summary(cli->options, result, out);
    }
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("train", status, err);
}

static void begun(void *user)
{
    (void)user;
    sab_stop_hold(1);
}

/* The options as they will be trained with. A task that nobody knows is the one thing to tell, when it is opened. */
static int settle_options(struct sab_cli *cli, int *has_task, struct sab_error *err)
{
    const struct own *o = cli->own;
    int status = o->resume[0] ? take_resume(cli, o->resume, err) : SAB_OK;
    if (status == SAB_OK)
        status = take_task(cli, err);
    if (status == SAB_OK)
        status = sab_options_check(cli->options, err);
    *has_task = is_known(sab_cli_text(cli->options, "task"));
    return status == SAB_OK && *has_task ? sab_cli_find_data(cli->options, err) : status;
}

static int train(struct sab_cli *cli, struct sab_error *err)
{
    const struct own *o = cli->own;
    int status = SAB_OK;
    struct watcher watcher = {.cli = cli};
    sab_progress_init(&watcher.line, sab_cli_text(cli->options, "task"));
    if (o->tensorboard[0] && (!cli->comm || cli->comm->rank == 0))
        status = sab_live_events_open(&watcher.events, o->tensorboard, cli->options, o->resume[0] != 0, err);
    status = sab_comm_agree(cli->comm, status, 0, "", err);
    if (status != SAB_OK)
        return sab_say_error("train", status, err);
    struct sab_watch hooks = {
        .size = sizeof hooks,
        .opened = tell_data,
        .settle = settle,
        .begun = begun,
        .event = cli->quiet && !watcher.events ? NULL : show,
        .notice = cli->quiet ? NULL : tell_notice,
        .user = &watcher,
        .comm = cli->comm,
        .threads = sab_world_threads(),
        .stop = sab_stop_listen(cli->quiet),
    };
    struct sab_metrics best = {.size = sizeof best};
    struct sab_outcome result = {.size = sizeof result, .best = &best, .best_step = -1};
    watcher.reading = sab_progress_begin("reading the data", 0, cli->quiet);
    status = sab_train_watched(cli->options, o->resume[0] != 0, &hooks, &result, err);
    sab_progress_drop(&watcher.reading);
    sab_progress_end(&watcher.line);
    sab_live_events_free(watcher.events);
    return finish(cli, status, &result, err);
}

static int run(struct sab_cli *cli)
{
    const struct own *o = cli->own;
    struct sab_error err = {0};
    if (o->presets) {
        sab_preset_list(cli->json);
        return SAB_EXIT_DONE;
    }
    int has_task, status = settle_options(cli, &has_task, &err);
    if (status == SAB_OK && o->dry_run) {
        status = dry_run(cli, &err);
        return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("train", status, &err);
    }
    status = sab_comm_agree(cli->comm, status, 0, "", &err);
    if (status != SAB_OK)
        return sab_say_error("train", status, &err);
    if (!cli->quiet && has_task) {
        warn_unread(cli, "task data", "the task", sab_cli_text(cli->options, "task"));
        warn_unread(cli, "model credit", "--model", sab_cli_text(cli->options, "model"));
    }
    return train(cli, &err);
}

static void print_tasks(void)
{
    const char *help;
    printf("\nTasks:\n");
    for (int i = 0; sab_task_name(i, &help); i++)
        printf("  %-8s %s\n", sab_task_name(i, NULL), help);
}

const struct sab_command sab_command_train = {
    .name = "train",
    .words = "TASK",
    .words_least = 0,
    .words_most = 1,
    .summary = "train a network and leave a run folder",
    .purpose =
        "Trains a recurrent network on a task, evaluates it on fresh data as it goes, and\n"
        "keeps the best weights. --credit says how blame for an error travels back in\n"
        "time: sab recalls k-top past states at each step and sends gradient straight\n"
        "back to them; tbptt forgets everything older than k-trunc steps; bptt replays\n"
        "every step; attention reads all past states.\n"
        "\n"
        "The run folder holds config.json, metrics.jsonl, model.safetensors (the best\n"
        "weights) and state.safetensors. Ctrl-C and SIGTERM stop, save and exit with 75;\n"
        "--resume goes on; other --steps also stretch a cosine schedule. The same seed\n"
        "gives the same bits, on any number of threads; and, in builds with MPI, of ranks\n"
        "(mpirun -n 4 sab train ...), of which any may be stopped.\n"
        "\n"
        "--dry-run foretells the peak of memory, to 10 %, and the time: from counts of\n"
        "the work and a glance at what the machine can do, mostly within a factor of\n"
        "1.5; long sequences, of which many scores need not be computed, come out too\n"
        "slow. Where --memory has no room for all activations, windows are run again\n"
        "on the way back.\n",
    .examples =
        "  sab train copy --T 100 --k-trunc 5 --k-top 5 --stop-at accuracy=0.99\n"
        "  sab train copy --credit tbptt --k-trunc 5 --out runs/tbptt\n"
        "  sab train cue --T 200 --hidden 64 --dry-run\n"
        "  sab train --preset pmnist --steps 20000 --out runs/pmnist\n"
        "  sab train --resume runs/copy-sab-s1 --steps 40000\n"
        "  sab train --config runs/copy-sab-s1/config.json --seed 2 --out runs/second\n",
    .groups = "model credit training task data run",
    .names = "",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .more_help = print_tasks,
    .run = run,
    .is_shared = 1,
};

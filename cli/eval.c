/* sab eval: the metrics of a trained model on one split of its data, or of others, at one or more lengths. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/eval_print.h"
#include "cli/run_folder.h"
#include "cli/say.h"
#include "data/task.h"
#include "train/evaluate.h"

enum { LENGTHS_CAP = 64 };

struct own {
    const char *T;
    int split;
    int recorded_data;
};

static const char *const splits[] = {"train", "valid", "test", NULL}; /* in the order of enum sab_split */

static const struct sab_option own[] = {
    {"T", SAB_OPTION_TEXT, offsetof(struct own, T), 0, 0, 0, NULL, "", "",
     "lengths of the task, such as 100,200,300; by default the length it was trained at"},
    {"split", SAB_OPTION_CHOICE, offsetof(struct own, split), 0, 0, 0, splits, "test", "", "which part of the data"},
    SAB_CLI_RECORDED_DATA(struct own, recorded_data),
};

/* What was measured at one length. */
struct row {
    int T;         /* 0: sequences are as long as the data have them */
    int steps;
    struct sab_evaluation evaluation;
};

/* Reads "100,200"; every number must be legal for --T. */
static int read_lengths(const char *list, struct row rows[LENGTHS_CAP], int *n, struct sab_error *err)
{
    *n = 0;
    for (const char *at = list; ; at++) {
        char number[24];
        size_t length = strcspn(at, ",");
        struct sab_options scratch = {0};
        if (*n == LENGTHS_CAP)
            return sab_fail(err, SAB_INVALID, "--T: more than %d lengths", LENGTHS_CAP);
        snprintf(number, sizeof number, "%.*s", length < sizeof number ? (int)length : (int)sizeof number - 1, at);
        int status = sab_options_set(&scratch, "T", number, err);
        if (status != SAB_OK)
            return status;
        rows[(*n)++].T = scratch.task.T;
        at += length;
        if (*at == 0)
            return SAB_OK;
    }
}

/* Says so where this will take more than a minute, as far as can be foretold. */
static void warn_of_minutes(struct sab_task *task, const struct sab_options *config, enum sab_split split)
{
    const double MINUTE = 60, YEAR = 365.25 * 86400;
    double sequences, seconds;
    char text[SAB_SAY_CAP];
    if (sab_forecast_evaluation(config, task, split, &sequences, &seconds, NULL) != SAB_OK || seconds <= MINUTE)
        return;
    sab_say_duration(seconds, text);
    fprintf(stderr, "%.0f sequences of %d steps: this will take about %s; a smaller --eval-size%s takes less\n", sequences,
            sab_task_steps(task), seconds > YEAR ? "a year or more" : text, sab_task_facts(task) ? "" : " or --T");
}

static int measure(struct sab_model *model, const struct sab_options *base, enum sab_split split, int is_quiet, struct row *row,
                   struct sab_error *err)
{
    struct sab_options config;
    struct sab_task *task = NULL;
    struct sab_engine *engine = NULL;
    int status = sab_options_copy(&config, base, err);
    config.task.T = row->T ? row->T : base->task.T;
    config.task.drawn.curriculum = 0;
    if (status == SAB_OK)
        status = sab_task_create(&task, &config, sab_model_facts(model), err);
    if (status == SAB_OK && split == SAB_TRAIN)
        sab_task_read_in_order(task);
    if (status == SAB_OK)
        status = sab_engine_create(&engine, model, config.shared.threads, err);
    if (status == SAB_OK)
        status = sab_engine_set_device(engine, config.run.device, err);
    if (status == SAB_OK) {
        row->steps = sab_task_steps(task);
        if (!is_quiet)
            warn_of_minutes(task, &config, split);
        status = sab_evaluate_fully(engine, task, split, &config, &row->evaluation, err);
    }
    sab_engine_free(engine);
    sab_task_free(task);
    sab_options_clear(&config);
    return status;
}

static void print_row_json(struct sab_json *json, const struct row *row)
{
    if (row->T)
        sab_json_int(json, "T", row->T);
    sab_json_int(json, "sequence_steps", row->steps);
    sab_eval_json_metrics(json, &row->evaluation);
    sab_json_int(json, "scored", row->evaluation.scored);
}

static void print_json(const struct sab_options *config, struct sab_model *model, const char *where, int split,
                       const struct row *rows, int n, const struct sab_answers *answers)
{
    struct sab_json json = {.to = stdout};
    char digest[33];
    sab_model_digest(model, digest);
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", config->task.task);
    print_row_json(&json, &rows[0]);
    sab_json_text(&json, "split", splits[split]);
    sab_json_int(&json, "eval_size", config->run.eval_size);
    sab_json_int(&json, "seed", (int64_t)config->shared.seed);
    if (n > 1) {
        sab_json_open(&json, "lengths", '[');
        for (int i = 0; i < n; i++) {
            sab_json_open(&json, NULL, '{');
            print_row_json(&json, &rows[i]);
            sab_json_close(&json, '}');
        }
        sab_json_close(&json, ']');
    }
    if (answers)
        sab_eval_json_details(&json, &rows[0].evaluation, answers);
    sab_json_text(&json, "weights_digest", digest);
    sab_json_text(&json, "out", where);
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

/* What a row shows beside the loss, and what is to be beaten: those of the table that are a number. */
static enum sab_metric_id shown(const struct sab_evaluation *e)
{
    return !isnan(e->values[SAB_METRIC_BITS]) ? SAB_METRIC_BITS : e->classes ? SAB_METRIC_ACCURACY : SAB_METRIC_MSE;
}

/* The table: `T`, what needs no training and the remark only where they mean something. */
static void print_head(const struct row *first, const struct sab_answers *answers)
{
    static const char *const heads[SAB_METRIC_COUNT] = {
        [SAB_METRIC_BITS] = "bits/char", [SAB_METRIC_ACCURACY] = "accuracy", [SAB_METRIC_MSE] = "mse"};
    const struct sab_evaluation *e = &first->evaluation;
    if (first->T)
        printf("%8s ", "T");
    printf("%8s %10s %12s", "steps", heads[shown(e)], "loss");
    if (!isnan(e->values[SAB_METRIC_LAST_VALUE_MSE]))
        printf(" %18s", "mse of last value");
    if (answers && e->classes) {
        printf(" %18s", "commonest answer");
    }
    putchar('\n');
}

static void print_row(const struct sab_options *config, const struct row *row, const struct sab_answers *answers)
{
    const struct sab_evaluation *e = &row->evaluation;
    char loss[SAB_SAY_CAP], score[SAB_SAY_CAP], naive[SAB_SAY_CAP];
    double value = e->values[shown(e)];
    sab_say_loss(e->values[SAB_METRIC_LOSS], loss);
    if (shown(e) == SAB_METRIC_BITS)
        snprintf(score, sizeof score, "%.4f", value);
    else if (shown(e) == SAB_METRIC_ACCURACY)
        snprintf(score, sizeof score, "%.1f %%", 100 * value);
    else
        sab_say_loss(value, score);
    if (row->T)
        printf("%8d ", row->T);
    printf("%8d %10s %12s", row->steps, score, loss);
    sab_say_loss(e->values[SAB_METRIC_LAST_VALUE_MSE], naive);
    if (!isnan(e->values[SAB_METRIC_LAST_VALUE_MSE]))
        printf(" %18s", naive);
    if (answers && e->classes)
        printf(" %16.1f %%", 100 * e->values[SAB_METRIC_BASE_ACCURACY]);
    puts(row->T == config->task.T && !config->task.files.data[0] && !config->task.files.test_data[0] ? "   trained at this T" : "");
    fflush(stdout);
}

static int run(struct sab_cli *cli)
{
    const struct own *o = cli->own;
    struct row rows[LENGTHS_CAP] = {{0}};
    struct sab_model *model = NULL;
    struct sab_options config = {0};
    struct sab_answers names = {0}, *answers = NULL; /* NULL: there is nothing to call by name */
    struct sab_error err = {0};
    int n = 1, status = o->T[0] ? read_lengths(o->T, rows, &n, &err) : SAB_OK;
    if (status == SAB_OK)
        status = sab_cli_run_model(cli->words[0], &model, &config, &err);
    int has_T = status == SAB_OK && sab_option_is_read_by(sab_option_find("T"), config.task.task);
    if (status == SAB_OK && o->T[0] && !has_T)
        status = sab_fail(&err, SAB_INVALID, "--T: the task %s has sequences as long as its data", config.task.task);
    if (status == SAB_OK)
        status = sab_cli_take_data(cli, o->split == SAB_TEST, o->recorded_data, &config, &err);
    /* Files are measured whole, unless the command line says otherwise. */
    if (status == SAB_OK && sab_model_facts(model) && !sab_cli_given(cli, "eval-size"))
        config.run.eval_size = 0;
    if (status == SAB_OK && !o->T[0])
        rows[0].T = has_T ? config.task.T : 0;
    if (status == SAB_OK && sab_model_facts(model)) {
        status = sab_answers_create(&names, model, &err);
        answers = isnan(sab_task_bits_per_char(config.task.task, 0)) ? &names : NULL; /* symbols of a text are too many */
    }
    for (int i = 0; status == SAB_OK && i < n; i++) {
        status = measure(model, &config, o->split, cli->quiet, &rows[i], &err);
        if (status != SAB_OK || cli->json)
            continue;
        if (i == 0)
            print_head(rows, answers);
        print_row(&config, &rows[i], answers);
        if (n == 1 && answers)
            sab_eval_print_details(&rows[i].evaluation, answers);
    }
    if (status == SAB_OK && cli->json)
        print_json(&config, model, cli->words[0], o->split, rows, n, answers);
    for (int i = 0; i < n; i++)
        sab_evaluation_clear(&rows[i].evaluation);
    if (names.shape)
        sab_answers_clear(&names);
    sab_model_free(model);
    sab_options_clear(&config);
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("eval", status, &err);
}

const struct sab_command sab_command_eval = {
    .name = "eval",
    .words = "RUN",
    .words_least = 1,
    .words_most = 1,
    .summary = "measure a trained network on fresh data, at any length",
    .purpose =
        "Measures the weights of a run (its folder, or a model.safetensors) on test data,\n"
        "which neither training nor the choice of the best weights has seen. A network\n"
        "trained at one length can be tested at others: that shows how what it learned\n"
        "transfers. --test-data measures on the whole of another file.\n",
    .examples =
        "  sab eval runs/copy-sab-s1\n"
        "  sab eval runs/copy-sab-s1 --T 100,200,300,400\n"
        "  sab eval runs/copy-sab-s1 --eval-size 5000 --seed 7 --json\n",
    .groups = "",
    .names = "eval-size seed batch threads device data valid-data test-data separator skip-lines decimal-comma thousands duplicates gaps season",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};

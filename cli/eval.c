/* sab eval: the metrics of a trained model on one split of its data, or of others, at one or more lengths. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/options.h"
#include "cli/say.h"
#include "report/evaluation.h"
#include "report/json_process.h"
#include "report/progress.h"

enum { LENGTHS_CAP = 64 };

struct own {
    const char *T;
    int split;
    int recorded_data;
};

static const char *const splits[] = {[SAB_TRAIN] = "train", [SAB_VALID] = "valid", [SAB_TEST] = "test", NULL};

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
    double seconds; /* that it took, 0: not known */
    struct sab_evaluation *evaluation;
};

/* Reads "100,200"; every number must be legal for --T. */
static int read_lengths(const char *list, struct sab_options *scratch, struct row rows[LENGTHS_CAP], int *n, struct sab_error *err)
{
    *n = 0;
    for (const char *at = list; ; at++) {
        char number[24];
        size_t length = strcspn(at, ",");
        if (*n == LENGTHS_CAP)
            return sab_fail(err, SAB_INVALID, "--T: more than %d lengths", LENGTHS_CAP);
        snprintf(number, sizeof number, "%.*s", length < sizeof number ? (int)length : (int)sizeof number - 1, at);
        int status = sab_options_set(scratch, "T", number, err);
        if (status != SAB_OK)
            return status;
        rows[(*n)++].T = sab_cli_int(scratch, "T");
        at += length;
        if (*at == 0)
            return SAB_OK;
    }
}

/* Sets the length and the rest of what a task is to be for it. */
static int set_length(struct sab_options *options, int T, struct sab_error *err)
{
    char text[48];
    snprintf(text, sizeof text, T ? "curriculum=0 T=%d" : "curriculum=0", T);
    return sab_options_parse(options, text, err);
}

static int measure(struct sab_model *model, const struct sab_options *base, enum sab_split split, int is_quiet, const char *what,
                   const struct row *before, struct row *row, struct sab_error *err)
{
    struct sab_options *options = NULL;
    struct sab_task *task = NULL;
    struct sab_engine *engine = NULL;
    int status = sab_options_clone(&options, base, err);
    if (status == SAB_OK)
        status = set_length(options, row->T, err);
    if (status == SAB_OK)
        status = sab_task_create(&task, options, sab_model_facts(model), err);
    if (status == SAB_OK && split == SAB_TRAIN)
        sab_task_read_in_order(task);
    if (status == SAB_OK)
        status = sab_engine_create(&engine, model, sab_cli_int(options, "threads"), err);
    if (status == SAB_OK)
        status = sab_engine_set_device(engine, sab_cli_text(options, "device"), err);
    if (status == SAB_OK) {
        row->steps = sab_task_steps(task);
        double expected_s = is_quiet ? 0 : sab_say_slow_evaluation(options, task, split);
        if (expected_s == 0 && before) /* short: as long a step as at the length before */
            expected_s = before->seconds / before->steps * row->steps;
        struct sab_progress *progress = sab_progress_begin(what, expected_s, is_quiet);
        status = sab_evaluation_create(&row->evaluation, engine, task, split, options, err);
        row->seconds = sab_progress_finish(progress);
    }
    sab_engine_free(engine);
    sab_task_free(task);
    sab_options_free(options);
    return status;
}

static void print_row_json(struct sab_json *json, const struct row *row)
{
    if (row->T)
        sab_json_int(json, "T", row->T);
    sab_json_int(json, "sequence_steps", row->steps);
    sab_eval_json_metrics(json, row->evaluation);
    sab_json_int(json, "scored", sab_evaluation_scored(row->evaluation));
}

static void print_json(const struct sab_options *config, struct sab_model *model, const char *where, int split,
                       const struct row *rows, int n, const struct sab_answers *answers)
{
    struct sab_json json = {.to = stdout};
    char digest[33];
    sab_model_digest(model, digest);
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", sab_cli_text(config, "task"));
    print_row_json(&json, &rows[0]);
    sab_json_text(&json, "split", splits[split]);
    sab_json_int(&json, "eval_size", sab_cli_int(config, "eval-size"));
    sab_json_int(&json, "seed", sab_cli_int64(config, "seed"));
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
        sab_eval_json_details(&json, rows[0].evaluation, sab_model_shape(model), answers);
    sab_json_text(&json, "weights_digest", digest);
    sab_json_text(&json, "out", where);
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

static double value(const struct row *row, const char *metric)
{
    return sab_evaluation_value(row->evaluation, sab_metric_find(metric));
}

/* What a row shows beside the loss, and what is to be beaten: those of the table that are a number. */
static const char *shown(const struct row *row)
{
    return !isnan(value(row, "bits_per_char")) ? "bits_per_char" : !isnan(value(row, "accuracy")) ? "accuracy" : "mse";
}

/* The table: `T`, what needs no training and the remark only where they mean something. */
static void print_head(const struct row *first, const struct sab_answers *answers)
{
    const char *head = strcmp(shown(first), "bits_per_char") == 0 ? "bits/char" : shown(first);
    if (first->T)
        printf("%8s ", "T");
    printf("%8s %10s %12s", "steps", head, "loss");
    if (!isnan(value(first, "last_value_mse")))
        printf(" %18s", "mse of last value");
    if (answers && !isnan(value(first, "base_accuracy")))
        printf(" %18s", "commonest answer");
    putchar('\n');
}

static void print_row(const struct sab_options *config, const struct row *row, const struct sab_answers *answers)
{
    char loss[SAB_SAY_CAP], score[SAB_SAY_CAP], naive[SAB_SAY_CAP];
    double reached = value(row, shown(row));
    sab_say_loss(value(row, "loss"), loss);
    if (strcmp(shown(row), "bits_per_char") == 0)
        snprintf(score, sizeof score, "%.4f", reached);
    else if (strcmp(shown(row), "accuracy") == 0)
        snprintf(score, sizeof score, "%.1f %%", 100 * reached);
    else
        sab_say_loss(reached, score);
    if (row->T)
        printf("%8d ", row->T);
    printf("%8d %10s %12s", row->steps, score, loss);
    sab_say_loss(value(row, "last_value_mse"), naive);
    if (!isnan(value(row, "last_value_mse")))
        printf(" %18s", naive);
    if (answers && !isnan(value(row, "base_accuracy")))
        printf(" %16.1f %%", 100 * value(row, "base_accuracy"));
    int is_of_training = row->T == sab_cli_int(config, "T") && !sab_cli_text(config, "data")[0] && !sab_cli_text(config, "test-data")[0];
    puts(is_of_training ? "   trained at this T" : "");
    fflush(stdout);
}

/* Measures at each length, and tells each as it is there. */
static int measure_all(struct sab_cli *cli, struct sab_model *model, const struct sab_options *options, struct row *rows, int n,
                       const struct sab_answers *answers, struct sab_error *err)
{
    const struct own *o = cli->own;
    int status = SAB_OK;
    for (int i = 0; status == SAB_OK && i < n; i++) {
        char what[64] = "eval";
        if (rows[i].T)
            snprintf(what, sizeof what, "eval  T = %d, %d of %d", rows[i].T, i + 1, n);
        status = measure(model, options, o->split, cli->quiet, what, i > 0 ? &rows[i - 1] : NULL, &rows[i], err);
        if (status != SAB_OK || cli->json)
            continue;
        if (i == 0)
            print_head(rows, answers);
        print_row(options, &rows[i], answers);
        if (n == 1 && answers)
            sab_eval_print_details(rows[i].evaluation, sab_model_shape(model), answers);
    }
    if (status == SAB_OK && cli->json)
        print_json(options, model, cli->words[0], o->split, rows, n, answers);
    return status;
}

/* The options that the model is measured with. */
static int take_options(struct sab_cli *cli, const struct sab_model *model, struct sab_options *options, struct sab_error *err)
{
    const struct own *o = cli->own;
    const char *task = sab_cli_text(options, "task");
    if (o->T[0] && !sab_option_is_read_by(sab_option_find("T"), task))
        return sab_fail(err, SAB_INVALID, "--T: the task %s has sequences as long as its data", task);
    int status = sab_cli_take_data(cli, o->split == SAB_TEST, o->recorded_data, options, err);
    /* Files are measured whole, unless the command line says otherwise. */
    if (status == SAB_OK && sab_model_facts(model) && !sab_cli_given(cli, "eval-size"))
        status = sab_options_set(options, "eval-size", "0", err);
    return status;
}

static int run(struct sab_cli *cli)
{
    const struct own *o = cli->own;
    struct row rows[LENGTHS_CAP] = {{0}};
    struct sab_model *model = NULL;
    struct sab_options *options = NULL;
    struct sab_answers *answers = NULL; /* NULL: there is nothing to call by name */
    struct sab_error err = {0};
    int n = 1, status = o->T[0] ? read_lengths(o->T, cli->options, rows, &n, &err) : SAB_OK;
    if (status == SAB_OK)
        status = sab_run_model(&model, cli->words[0], &err);
    if (status == SAB_OK)
        status = sab_options_clone(&options, sab_model_options(model), &err);
    if (status == SAB_OK)
        status = take_options(cli, model, options, &err);
    if (status == SAB_OK && !o->T[0])
        rows[0].T = sab_option_is_read_by(sab_option_find("T"), sab_cli_text(options, "task")) ? sab_cli_int(options, "T") : 0;
    /* symbols of a text are too many */
    if (status == SAB_OK && sab_model_facts(model) && isnan(sab_task_bits_per_char(sab_cli_text(options, "task"), 0)))
        status = sab_answers_create(&answers, model, &err);
    if (status == SAB_OK)
        status = measure_all(cli, model, options, rows, n, answers, &err);
    for (int i = 0; i < n; i++)
        sab_evaluation_free(rows[i].evaluation);
    sab_answers_free(answers);
    sab_options_free(options);
    sab_model_free(model);
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
    .names = "eval-size seed batch threads device data valid-data test-data separator skip-lines decimal-comma "
             "thousands duplicates gaps season",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};

/* sab eval: the metrics of a trained model on test data that neither training nor the choice of weights has seen, at
 * one or more lengths. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/json_out.h"
#include "cli/run_folder.h"
#include "cli/say.h"
#include "train/evaluate.h"

enum { LENGTHS_CAP = 64 };

struct own {
    char T[SAB_TEXT_CAP];
};

static const struct sab_option own[] = {
    {"T", SAB_OPTION_TEXT, offsetof(struct own, T), SAB_TEXT_CAP, 0, 0, NULL, "", "",
     "lengths of the task, such as 100,200,300; by default the length it was trained at"},
};

/* What was measured at one length. */
struct row {
    int T, steps;
    struct sab_metrics metrics;
};

/* Reads "100,200"; every number must be legal for --T. */
static int read_lengths(const char *list, struct row rows[LENGTHS_CAP], int *n, struct sab_error *err)
{
    *n = 0;
    for (const char *at = list; ; at++) {
        char number[24];
        size_t length = strcspn(at, ",");
        struct sab_config scratch;
        if (*n == LENGTHS_CAP)
            return sab_fail(err, SAB_INVALID, "--T: more than %d lengths", LENGTHS_CAP);
        snprintf(number, sizeof number, "%.*s", length < sizeof number ? (int)length : (int)sizeof number - 1, at);
        int status = sab_config_set(&scratch, "T", number, err);
        if (status != SAB_OK)
            return status;
        rows[(*n)++].T = scratch.T;
        at += length;
        if (*at == 0)
            return SAB_OK;
    }
}

static int measure(struct sab_model *model, const struct sab_config *base, struct row *row, struct sab_error *err)
{
    struct sab_config config = *base;
    struct sab_task *task = NULL;
    struct sab_batch batch;
    config.T = row->T;
    int status = sab_task_create(&task, &config, err);
    if (status == SAB_OK)
        status = sab_task_batch(task, SAB_TEST, 0, 1, &batch, err);
    if (status == SAB_OK) {
        row->steps = batch.T;
        status = sab_evaluate(model, task, config.eval_size, config.batch, config.threads, &row->metrics, err);
    }
    sab_task_free(task);
    return status;
}

static void print_row_json(struct sab_json *json, const struct row *row)
{
    sab_json_int(json, "T", row->T);
    sab_json_int(json, "sequence_steps", row->steps);
    sab_json_metrics(json, &row->metrics);
    sab_json_int(json, "scored", row->metrics.scored);
}

static void print_json(const struct sab_config *config, struct sab_model *model, const char *where,
                       const struct row *rows, int n)
{
    struct sab_json json = {.to = stdout};
    char digest[33];
    sab_model_digest(model, digest);
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", config->task);
    print_row_json(&json, &rows[0]);
    sab_json_int(&json, "eval_size", config->eval_size);
    sab_json_int(&json, "seed", (int64_t)config->seed);
    if (n > 1) {
        sab_json_open(&json, "lengths", '[');
        for (int i = 0; i < n; i++) {
            sab_json_open(&json, NULL, '{');
            print_row_json(&json, &rows[i]);
            sab_json_close(&json, '}');
        }
        sab_json_close(&json, ']');
    }
    sab_json_text(&json, "weights_digest", digest);
    sab_json_text(&json, "out", where);
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

static void print_table(const struct sab_config *config, const struct row *rows, int n)
{
    int is_class = !isnan(rows[0].metrics.accuracy);
    printf("%8s %8s %10s %12s\n", "T", "steps", is_class ? "accuracy" : "mse", "loss");
    for (int i = 0; i < n; i++) {
        char loss[SAB_SAY_CAP], score[SAB_SAY_CAP];
        sab_say_loss(rows[i].metrics.loss, loss);
        if (is_class)
            snprintf(score, sizeof score, "%.1f %%", 100 * rows[i].metrics.accuracy);
        else
            snprintf(score, sizeof score, "%.3g", rows[i].metrics.mse);
        printf("%8d %8d %10s %12s%s\n", rows[i].T, rows[i].steps, score, loss,
               rows[i].T == config->T ? "   trained at this T" : "");
    }
}

static int run(struct sab_cli *cli)
{
    const struct own *o = cli->own;
    struct row rows[LENGTHS_CAP] = {{0}};
    struct sab_model *model = NULL;
    struct sab_config config;
    struct sab_error err = {0};
    int n = 1, status = o->T[0] ? read_lengths(o->T, rows, &n, &err) : SAB_OK;
    if (status == SAB_OK)
        status = sab_cli_run_model(cli->words[0], &model, &config, &err);
    if (status == SAB_OK) {
        /* The run chose its weights by the test data of its own seed. */
        config.seed += 1;
        sab_cli_apply(cli, &config);
        if (!o->T[0])
            rows[0].T = config.T;
        for (int i = 0; status == SAB_OK && i < n; i++)
            status = measure(model, &config, &rows[i], &err);
    }
    if (status == SAB_OK && cli->json) {
        print_json(&config, model, cli->words[0], rows, n);
    } else if (status == SAB_OK) {
        if (!cli->quiet)
            fprintf(stderr, "%s: the task %s on %d fresh sequences of seed %llu\n", cli->words[0], config.task,
                    config.eval_size, (unsigned long long)config.seed);
        print_table(&config, rows, n);
    }
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
        "Measures the weights of a run (its folder, or a model.safetensors) on fresh test\n"
        "data. A network trained at one length can be tested at others: that shows how\n"
        "what it learned transfers. Unless --seed is given, the data are those of the\n"
        "run's seed plus one, which neither training nor the choice of the best weights\n"
        "has seen.\n",
    .examples =
        "  sab eval runs/copy-sab-s1\n"
        "  sab eval runs/copy-sab-s1 --T 100,200,300,400\n"
        "  sab eval runs/copy-sab-s1 --eval-size 5000 --seed 7 --json\n",
    .groups = "",
    .names = "eval-size seed batch threads",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};

/* sab predict: what a trained model says of a file, or of lines as they come. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/predict_lines.h"
#include "cli/say.h"
#include "io/file.h"
#include "report/json_process.h"
#include "report/progress.h"
#include "sab_run.h"

struct own {
    int format, probabilities, stream, recorded_data;
    int64_t ahead;
    const char *output, *state, *save_state;
};

static const char *const formats[] = {"csv", "npy", "jsonl", NULL};

#define AT(field) offsetof(struct own, field)

static const struct sab_option own[] = {
    {"format", SAB_OPTION_CHOICE, AT(format), 0, 0, 0, formats, "csv", "",
     "csv, one NumPy array, or a JSON object a line"},
    {"probabilities", SAB_CLI_FLAG, AT(probabilities), 0, 0, 1, NULL, "off", "",
     "of all classes, beside the most probable one"},
    {"output", SAB_OPTION_TEXT, AT(output), 0, 0, 0, NULL, "", "", "a file instead of standard output"},
    {"ahead", SAB_OPTION_INT64, AT(ahead), 0, 0, 1e6, NULL, "0", "",
     "forecast so many rows beyond the file's end, from forecasts where the horizon does not reach; 0: answer its rows"},
    {"stream", SAB_CLI_FLAG, AT(stream), 0, 0, 1, NULL, "off", "",
     "read lines from standard input and answer each at once, keeping the state"},
    SAB_CLI_RECORDED_DATA(struct own, recorded_data),
    {"state", SAB_OPTION_TEXT, AT(state), 0, 0, 0, NULL, "", "",
     "with --stream: go on from the state in this file"},
    {"save-state", SAB_OPTION_TEXT, AT(save_state), 0, 0, 0, NULL, "", "",
     "with --stream: leave the state in this file at the end, also after Ctrl-C or a line that cannot be read"},
};

/* ---- files ---- */

/* Which file is the test part that is answered: *is_whole, all rows of it. */
static int take_data(struct sab_cli *cli, struct sab_options *options, int *is_whole, struct sab_error *err)
{
    const struct own *o = cli->own;
    int status = SAB_OK;
    *is_whole = sab_cli_given(cli, "data");
    if (*is_whole)
        status = sab_options_parse(options, "valid-data= test-data=", err);
    if (status == SAB_OK)
        status = sab_cli_confirm_data(cli, cli->words[0], o->recorded_data, options, err);
    if (status == SAB_OK)
        status = sab_cli_find_data(options, err);
    if (status == SAB_OK && o->ahead > 0 && !*is_whole) { /* the end of the file that the test part is of */
        *is_whole = 1;
        if (sab_cli_text(options, "test-data")[0])
            status = sab_options_set(options, "data", sab_cli_text(options, "test-data"), err);
        if (status == SAB_OK)
            status = sab_options_set(options, "valid-data", "", err);
    }
    if (status == SAB_OK && *is_whole)
        status = sab_options_set(options, "test-data", sab_cli_text(options, "data"), err);
    return status == SAB_OK && *is_whole ? sab_options_set(options, "data", "", err) : status;
}

/* What the answers of a file go through. */
struct watch {
    struct sab_answers_file file;
    const struct sab_cli *cli;
    const struct sab_model *model;
    struct sab_progress *progress;
    int64_t count;
};

static void begun(void *user, int T, int B, double batches)
{
    struct watch *w = user;
    double seconds = 0, nbytes;
    if (!w->cli->quiet && strcmp(sab_cli_text(w->cli->options, "device"), "cpu") == 0 &&
        sab_forecast_batches(w->model, T, B, batches, 0, sab_cli_int(w->cli->options, "threads"), &seconds, &nbytes, NULL) == SAB_OK)
        sab_say_slow(seconds, "a file of fewer rows takes less", "answering %.0f steps", batches * B * T);
    int is_between = !((const struct own *)w->cli->own)->output[0] && isatty(STDOUT_FILENO); /* it would stand among the answers */
    w->progress = sab_progress_begin("predict", seconds, w->cli->quiet || is_between);
}

static int take(void *user, const struct sab_answer *answer, struct sab_error *err)
{
    struct watch *w = user;
    w->count++;
    return sab_answers_file_put(&w->file, answer, err);
}

static int predict_file(struct sab_cli *cli, struct sab_model *model, struct sab_options *options, struct sab_error *err)
{
    const struct own *o = cli->own;
    struct watch watch = {.cli = cli, .model = model};
    int is_whole, status = take_data(cli, options, &is_whole, err);
    if (status == SAB_OK)
        status = sab_answers_file_open(&watch.file, o->format, o->probabilities, o->output, err);
    if (status == SAB_OK)
        status = sab_predict_watched(model, options, is_whole, o->ahead, begun, take, &watch, err);
    sab_progress_finish(watch.progress);
    status = sab_answers_file_close(&watch.file, status, err);
    if (status == SAB_OK && cli->json && o->output[0]) { /* else the answers are the data */
        struct sab_json json = {.to = stdout};
        sab_json_open(&json, NULL, '{');
        sab_json_text(&json, "model", cli->words[0]);
        sab_json_int(&json, "answers", watch.count);
        sab_json_text(&json, "out", o->output);
        sab_json_process(&json);
        sab_json_close(&json, '}');
    }
    return status;
}

/* ---- the command ---- */

static int check_options(const struct sab_cli *cli, struct sab_error *err)
{
    struct own *o = cli->own;
    int status = sab_cli_no_output("save-state", o->save_state, "the answers", err);
    if (status != SAB_OK)
        return status;
    if (cli->json && o->format == SAB_ANSWERS_CSV)
        o->format = SAB_ANSWERS_JSONL;
    if (strcmp(o->output, "-") == 0)
        status = sab_cli_set_own(cli, "output", "", err); /* as without it */
    if (status != SAB_OK)
        return status;
    if (o->stream && (sab_cli_given(cli, "data") || o->output[0] || o->format == SAB_ANSWERS_NPY))
        return sab_fail(err, SAB_INVALID, "--stream reads standard input and writes csv or jsonl to standard output: no "
                        "--data, --output or --format npy");
    if (o->stream && sab_cli_given(cli, "device") && strcmp(sab_cli_text(cli->options, "device"), "cpu") != 0)
        return sab_fail(err, SAB_INVALID, "--device %.32s: --stream runs on the processor only", sab_cli_text(cli->options, "device"));
    if (o->stream && o->ahead > 0)
        return sab_fail(err, SAB_INVALID, "--ahead is for files, not for --stream");
    if (!o->stream && (o->state[0] || o->save_state[0]))
        return sab_fail(err, SAB_INVALID, "--%s goes with --stream", o->state[0] ? "state" : "save-state");
    return o->save_state[0] ? sab_file_check_writable(o->save_state, err) : SAB_OK;
}

static int predict(struct sab_cli *cli, struct sab_model *model, struct sab_options *options, struct sab_error *err)
{
    const struct own *o = cli->own;
    struct sab_answers_file lines = {.format = o->format, .has_probabilities = o->probabilities, .to = stdout};
    int status = sab_cli_apply(cli, options, err);
    if (status != SAB_OK)
        return status;
    return o->stream ? sab_predict_lines(model, options, &lines, o->state, o->save_state, err)
                     : predict_file(cli, model, options, err);
}

static int run(struct sab_cli *cli)
{
    struct sab_model *model = NULL;
    struct sab_options *options = NULL;
    struct sab_error err = {0};
    int status = check_options(cli, &err);
    if (status == SAB_OK)
        status = sab_run_model(&model, cli->words[0], &err);
    if (status == SAB_OK)
        status = sab_options_clone(&options, sab_model_options(model), &err);
    if (status == SAB_OK)
        status = predict(cli, model, options, &err);
    sab_options_free(options);
    sab_model_free(model);
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("predict", status, &err);
}

const struct sab_command sab_command_predict = {
    .name = "predict",
    .words = "RUN",
    .words_least = 1,
    .words_most = 1,
    .summary = "write what a trained network says of a file, or of lines as they come",
    .purpose =
        "Runs a trained network over a file of the kind it was trained on, and writes its\n"
        "answers: classes by name, values in the units of the data. The columns of the\n"
        "answers themselves may be missing. Without --data, the test part of the data it\n"
        "was trained on. A forecast stands in the row it was made at: OT+24 of row 100 is\n"
        "for row 124.\n"
        "\n"
        "--ahead 48 goes on where the file ends: 48 rows, each with the values forecast\n"
        "for it.\n"
        "\n"
        "With --stream, lines of values come from standard input, and each is answered by\n"
        "one line at once, with all the lines before it remembered. A line that cannot be\n"
        "read ends it.\n",
    .examples =
        "  sab predict runs/csv-sab-s1 --data new.csv --output answers.csv\n"
        "  sab predict runs/npy-sab-s1 --data new.npz --probabilities --format jsonl\n"
        "  tail -f live.csv | sab predict runs/csv-sab-s1 --stream\n",
    .groups = "",
    .names = "data separator skip-lines decimal-comma thousands duplicates gaps batch threads device",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};

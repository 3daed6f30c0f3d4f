/* sab predict: what a trained model says of a file, or of lines as they come. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/answers.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/output.h"
#include "cli/predict_ahead.h"
#include "cli/predict_lines.h"
#include "cli/predict_output.h"
#include "cli/run_folder.h"
#include "cli/say.h"
#include "cuda/device.h"
#include "data/csv_task.h"
#include "data/task.h"
#include "io/file.h"
#include "model/network.h"

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

/* What one call works with. */
struct work {
    const struct own *o;
    struct sab_options config;
    struct sab_model *model;
    struct sab_engine *engine;
    struct sab_answers answers;
    const struct sab_task_kind *kind;
    void *state;             /* of the kind */
    int is_own_file;         /* --data was given: all rows are answered */
    struct sab_predict_output output;
    struct sab_ahead ahead;  /* n is 0: rows of the file are answered */
    int64_t sequence;        /* sequences before this batch */
};

/* The answer of a step goes out. */
static int put(struct work *w, const sab_real *y, const sab_real *x, const struct sab_answers_place *places, int n,
               struct sab_error *err)
{
    sab_answers_take(&w->answers, y, x);
    return sab_predict_output_put(&w->output, &w->answers, places, n, err);
}

/* ---- files of sequences ---- */

static int is_wanted(const struct sab_batch *batch, size_t position)
{
    return batch->scored ? batch->scored[position] : !batch->weight || batch->weight[position] > 0;
}

/* Answers of one whole sequence. Its steps are counted only where it has more than one answer. */
static int put_sequence(struct work *w, const struct sab_batch *batch, const sab_real *outputs, int64_t index, int b,
                        struct sab_error *err)
{
    int answers = 0, length = batch->lengths ? batch->lengths[b] : batch->T, status = SAB_OK;
    int is_csv = w->kind == &sab_task_csv;
    for (int t = 0; t < length; t++)
        answers += is_wanted(batch, (size_t)t * (size_t)batch->B + (size_t)b);
    if (answers == 0)
        return SAB_OK;
    struct sab_answers_place places[2] = {{"sequence", NULL, w->sequence}, {"step", NULL, 0}};
    if (is_csv)
        places[0] = (struct sab_answers_place){"series", sab_csv_task_spot(w->state, index, batch->B, b).series, 0};
    for (int t = 0; t < length && status == SAB_OK; t++) {
        size_t position = (size_t)t * (size_t)batch->B + (size_t)b;
        places[1].number = t;
        if (is_wanted(batch, position))
            status = put(w, outputs + position * (size_t)w->answers.shape->O,
                         batch->values ? batch->values + position * (size_t)w->answers.shape->I : NULL, places,
                         w->answers.has_steps ? 2 : 1, err);
    }
    w->sequence++;
    return status;
}

static int predict_sequences(struct work *w, struct sab_error *err)
{
    int B = w->config.shared.batch, status = SAB_OK;
    int64_t batches = w->kind->batches ? w->kind->batches(w->state, SAB_TEST, B) : 0;
    if (batches == 0) /* drawn data have no end: one batch of them */
        batches = 1;
    for (int64_t index = 0; index < batches && status == SAB_OK; index++) {
        struct sab_batch batch = {.size = sizeof batch};
        sab_real *outputs = NULL;
        status = w->kind->batch(w->state, SAB_TEST, index, B, &batch, err);
        if (status == SAB_OK) {
            outputs = sab_alloc((size_t)batch.T * (size_t)batch.B, (size_t)w->answers.shape->O * sizeof *outputs);
            status = outputs ? sab_engine_forward(w->engine, &batch, outputs, NULL, NULL, NULL, err)
                             : sab_fail(err, SAB_NOMEM, "no memory for the outputs of %d steps", batch.T);
        }
        for (int b = 0; b < B && status == SAB_OK; b++)
            status = put_sequence(w, &batch, outputs, index, b, err);
        sab_free(outputs);
    }
    return status;
}

/* ---- files of streams ---- */

static int put_row(struct work *w, const struct sab_csv_spot *spot, int t, const sab_real *y, const sab_real *x,
                   struct sab_error *err)
{
    const struct sab_csv_schema *schema = &w->answers.schema;
    struct sab_answers_place places[3];
    char time[SAB_TIME_TEXT_CAP];
    int64_t row = spot->numbers ? spot->numbers[t] : spot->row + t + 1;
    int n = 0;
    if (w->ahead.n > 0) {
        sab_answers_take(&w->answers, y, x);
        sab_ahead_take(&w->ahead, row, spot->times ? &spot->times[t] : NULL);
        return SAB_OK;
    }
    if (row == 0) /* of a row that is not in the file */
        return SAB_OK;
    if (spot->series)
        places[n++] = (struct sab_answers_place){"series", spot->series, 0};
    places[n++] = (struct sab_answers_place){w->kind == &sab_task_csv ? "row" : "step", NULL, row};
    if (spot->times) {
        sab_time_write(&schema->time_format, spot->times[t], time);
        places[n++] = (struct sab_answers_place){schema->time.name && schema->time.name[0] ? schema->time.name : "time", time, 0};
    }
    return put(w, y, x, places, n, err);
}

/* Outputs [length,O] of a chunk of one series: by a step, with what the stream remembers; of a network without state, the
 * chunk alone. */
static int answer_chunk(struct work *w, struct sab_stream *stream, struct sab_batch *batch, int length, sab_real *outputs,
                        struct sab_error *err)
{
    int I = w->answers.shape->I, O = w->answers.shape->O, status = SAB_OK;
    if (!stream) {
        batch->fresh = NULL;
        return sab_engine_forward(w->engine, batch, outputs, NULL, NULL, NULL, err);
    }
    for (int t = 0; t < length && status == SAB_OK; t++)
        status = sab_stream_step(stream, batch->ids ? batch->ids + t : NULL,
                                 batch->values ? batch->values + (size_t)t * (size_t)I : NULL,
                                 outputs + (size_t)t * (size_t)O, err);
    return status;
}

static int end_series(struct work *w, struct sab_stream *stream, const char *series, struct sab_error *err)
{
    return w->ahead.n > 0 ? sab_ahead_put(&w->ahead, stream, series, &w->output, err) : SAB_OK;
}

/* One series after the other: the same bits as training's chunks with carried state. */
static int predict_stream(struct work *w, struct sab_error *err)
{
    struct sab_stream *stream = NULL;
    const char *series = NULL;
    int has_state = sab_network_find(w->config.model.model)->has_state;
    int64_t batches = w->kind->batches(w->state, SAB_TEST, 1), steps = 0;
    int status = SAB_OK, I = w->answers.shape->I, O = w->answers.shape->O;
    for (int64_t index = 0; index < batches && status == SAB_OK; index++) {
        struct sab_batch batch = {.size = sizeof batch};
        status = w->kind->batch(w->state, SAB_TEST, index, 1, &batch, err);
        if (status == SAB_OK && batch.fresh[0] && stream)
            status = end_series(w, stream, series, err);
        if (status == SAB_OK && batch.fresh[0]) {
            sab_ahead_begin(&w->ahead);
            sab_stream_free(stream);
            stream = NULL;
            steps = 0;
            status = has_state ? sab_stream_create(&stream, w->model, 1, err) : SAB_OK;
        }
        if (status != SAB_OK)
            break;
        struct sab_csv_spot spot = {.row = steps};
        if (w->kind == &sab_task_csv)
            spot = sab_csv_task_spot(w->state, index, 1, 0);
        series = spot.series;
        int length = batch.lengths ? batch.lengths[0] : batch.T;
        sab_real *outputs = sab_alloc((size_t)batch.T, (size_t)O * sizeof *outputs);
        status = outputs ? answer_chunk(w, stream, &batch, length, outputs, err)
                         : sab_fail(err, SAB_NOMEM, "no memory for the outputs of %d steps", batch.T);
        for (int t = 0; t < length && status == SAB_OK; t++)
            if (w->is_own_file || is_wanted(&batch, (size_t)t))
                status = put_row(w, &spot, t, outputs + (size_t)t * (size_t)O,
                                 batch.values ? batch.values + (size_t)t * (size_t)I : NULL, err);
        sab_free(outputs);
        steps += length;
    }
    if (status == SAB_OK && stream)
        status = end_series(w, stream, series, err);
    sab_stream_free(stream);
    return status;
}

/* ---- the command ---- */

static int open_data(struct sab_cli *cli, struct work *w, struct sab_error *err)
{
    struct sab_options *c = &w->config;
    struct sab_shape shape;
    int status = SAB_OK;
    w->is_own_file = sab_cli_given(cli, "data");
    if (status == SAB_OK && w->is_own_file)
        status = sab_options_parse(c, "valid-data= test-data=", err);
    if (status == SAB_OK)
        status = sab_cli_confirm_data(cli, cli->words[0], w->o->recorded_data, c, err);
    if (status == SAB_OK)
        status = sab_cli_find_data(c, err);
    if (status == SAB_OK && w->o->ahead > 0 && !w->is_own_file) { /* the end of the file that the test part is of */
        w->is_own_file = 1;
        if (c->task.files.test_data[0])
            status = sab_options_set(c, "data", c->task.files.test_data, err);
        if (status == SAB_OK)
            status = sab_options_set(c, "valid-data", "", err);
    }
    if (status == SAB_OK && w->is_own_file)
        status = sab_options_set(c, "test-data", c->task.files.data, err);
    if (status == SAB_OK && w->is_own_file)
        status = sab_options_set(c, "data", "", err);
    for (int i = 0; sab_task_kind_at(i); i++)
        if (strcmp(sab_task_kind_at(i)->name, c->task.task) == 0)
            w->kind = sab_task_kind_at(i);
    if (status == SAB_OK && !w->kind)
        return sab_fail(err, SAB_FORMAT, "the model was trained for a task \"%.32s\", which this version does not know",
                        c->task.task);
    if (status == SAB_OK)
        status = w->kind->create(&w->state, &shape, &c->task, &c->shared, sab_model_facts(w->model), err);
    if (status == SAB_OK && (shape.input != w->answers.shape->input || shape.I != w->answers.shape->I ||
                             shape.O != w->answers.shape->O || shape.loss != w->answers.shape->loss))
        status = sab_fail(err, SAB_FORMAT, "%s: the data have another shape than the model", cli->words[0]);
    return status;
}

static int predict_file(struct sab_cli *cli, struct work *w, struct sab_error *err)
{
    struct sab_batch first = {.size = sizeof first};
    int status = w->o->ahead > 0 ? sab_ahead_create(&w->ahead, &w->answers, w->o->ahead, err) : SAB_OK;
    if (status == SAB_OK && w->o->ahead > 0 && !sab_network_find(w->config.model.model)->has_state)
        status = sab_fail(err, SAB_INVALID, "--ahead needs a network with a running state; this one is a %s",
                          sab_network_find(w->config.model.model)->name);
    if (status == SAB_OK)
        status = open_data(cli, w, err);
    if (status == SAB_OK)
        status = sab_predict_output_open(&w->output, w->o->format, w->o->ahead > 0 ? w->answers.schema.O : sab_answers_width(&w->answers),
                                         w->o->output, err);
    if (status == SAB_OK)
        status = w->kind->batch(w->state, SAB_TEST, 0, 1, &first, err);
    if (status == SAB_OK)
        status = first.fresh && !sab_device_is_cpu(w->config.run.device)
                     ? sab_fail(err, SAB_INVALID, "--device %.32s: rows of a series, which carry state, are answered on the processor only",
                                w->config.run.device)
                     : SAB_OK;
    if (status == SAB_OK)
        status = first.fresh ? predict_stream(w, err) : predict_sequences(w, err);
    status = sab_predict_output_close(&w->output, status, err);
    if (w->state)
        w->kind->destroy(w->state);
    sab_ahead_clear(&w->ahead);
    return status;
}

static int check_options(const struct sab_cli *cli, struct sab_error *err)
{
    struct own *o = cli->own;
    int status = sab_cli_no_output("save-state", o->save_state, "the answers", err);
    if (status != SAB_OK)
        return status;
    if (strcmp(o->output, "-") == 0)
        status = sab_cli_set_own(cli, "output", "", err); /* as without it */
    if (status != SAB_OK)
        return status;
    if (o->stream && (sab_cli_given(cli, "data") || o->output[0] || o->format == SAB_PREDICT_NPY))
        return sab_fail(err, SAB_INVALID, "--stream reads standard input and writes csv or jsonl to standard output: no "
                        "--data, --output or --format npy");
    if (o->stream && sab_cli_given(cli, "device") && !sab_device_is_cpu(cli->config.run.device))
        return sab_fail(err, SAB_INVALID, "--device %.32s: --stream runs on the processor only", cli->config.run.device);
    if (o->stream && o->ahead > 0)
        return sab_fail(err, SAB_INVALID, "--ahead is for files, not for --stream");
    if (!o->stream && (o->state[0] || o->save_state[0]))
        return sab_fail(err, SAB_INVALID, "--%s goes with --stream", o->state[0] ? "state" : "save-state");
    return o->save_state[0] ? sab_file_check_writable(o->save_state, err) : SAB_OK;
}

static int run(struct sab_cli *cli)
{
    struct work w = {.o = cli->own};
    struct sab_error err = {0};
    int status = check_options(cli, &err);
    if (status == SAB_OK)
        status = sab_cli_run_model(cli->words[0], &w.model, &w.config, &err);
    if (status == SAB_OK)
        status = sab_cli_apply(cli, &w.config, &err);
    if (status == SAB_OK)
        status = sab_engine_create(&w.engine, w.model, w.config.shared.threads, &err);
    if (status == SAB_OK)
        status = sab_engine_set_device(w.engine, w.config.run.device, &err);
    if (status == SAB_OK) {
        status = sab_answers_create(&w.answers, w.model, &err);
        w.answers.has_probabilities = w.o->probabilities;
    }
    if (status == SAB_OK)
        status = w.o->stream ? sab_predict_lines(&w.answers, w.model, &w.config, w.o->format == SAB_PREDICT_JSONL, w.o->state,
                                                 w.o->save_state, &err)
                             : predict_file(cli, &w, &err);
    if (w.answers.shape)
        sab_answers_clear(&w.answers);
    sab_engine_free(w.engine);
    sab_model_free(w.model);
    sab_options_clear(&w.config);
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

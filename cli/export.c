/* sab export: a model's weights under the names that PyTorch's modules have; what a run measured, for TensorBoard and tables. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/say.h"
#include "io/safetensors.h"
#include "report/history.h"
#include "report/json_process.h"
#include "sab_run.h"

struct own {
    const char *out, *prefix, *readout, *tensorboard, *csv;
};

#define AT(field) offsetof(struct own, field), 0

static const struct sab_option own[] = {
    {"out", SAB_OPTION_TEXT, AT(out), 0, 0, NULL, "", "", "the file, - is standard output"},
    {"prefix", SAB_OPTION_TEXT, AT(prefix), 0, 0, NULL, "", "",
     "goes before the names of the cells' tensors, such as lstm. for a module's attribute lstm"},
    {"linear", SAB_OPTION_TEXT, AT(readout), 0, 0, NULL, "fc", "", "what the linear layer of the outputs is called"},
    {"tensorboard", SAB_OPTION_TEXT, AT(tensorboard), 0, 0, NULL, "", "",
     "write what the run measured, and its options, into this folder as an event file"},
    {"csv", SAB_OPTION_TEXT, AT(csv), 0, 0, NULL, "", "", "write what the run measured as a table; - is standard output"},
};

/* A tensor as it is to be written. */
struct entry {
    char name[2 * SAB_DIR_CAP];
    sab_real *turned; /* its transpose, or NULL: as it is */
};

/* 1 if V1 and b are one linear layer of the state alone. */
static int is_linear(const struct sab_model *model)
{
    for (int i = 0; i < sab_model_tensor_count(model); i++)
        if (strcmp(sab_model_tensor(model, i)->name, "V2") == 0)
            return 0;
    return 1;
}

static int is_of_cell(const char *name)
{
    return strncmp(name, "weight_", 7) == 0 || strncmp(name, "bias_", 5) == 0;
}

static int add(struct sab_safetensors_writer *writer, const struct own *o, const struct sab_tensor *t, int linear,
               struct entry *e, struct sab_error *err)
{
    int is_weight = linear && strcmp(t->name, "V1") == 0, is_bias = linear && strcmp(t->name, "b") == 0;
    const uint64_t rows = (uint64_t)t->shape[0], cols = (uint64_t)t->shape[1];
    const uint64_t shape[2] = {is_weight ? cols : rows, is_weight ? rows : cols};
    if (is_weight || is_bias)
        snprintf(e->name, sizeof e->name, "%s.%s", o->readout, is_weight ? "weight" : "bias");
    else
        snprintf(e->name, sizeof e->name, "%s%s", is_of_cell(t->name) ? o->prefix : "", t->name);
    if (is_weight) {
        e->turned = sab_alloc(t->count, sizeof *e->turned);
        if (!e->turned)
            return sab_fail(err, SAB_NOMEM, "no memory for the %zu numbers of %s", t->count, e->name);
        for (size_t row = 0; row < rows; row++)
            for (size_t col = 0; col < cols; col++)
                e->turned[col * rows + row] = t->data[row * cols + col];
    }
    return sab_safetensors_writer_add(writer, e->name, SAB_DTYPE_REAL, t->ndim, shape, e->turned ? e->turned : t->data, err);
}

static void print(const struct sab_cli *cli, const struct sab_model *model, const struct entry *entries, const char *out)
{
    struct sab_json json = {.to = stdout};
    int n = sab_model_tensor_count(model);
    if (cli->json) {
        sab_json_open(&json, NULL, '{');
        sab_json_text(&json, "out", out);
        sab_json_open(&json, "tensors", '[');
    }
    for (int i = 0; i < n; i++) {
        struct sab_tensor t = *sab_model_tensor(model, i);
        if (cli->json) {
            sab_json_open(&json, NULL, '{');
            sab_json_text(&json, "name", entries[i].name);
            sab_json_text(&json, "from", t.name);
            sab_json_close(&json, '}');
        } else if (!cli->quiet) {
            printf("%-24s %s%s\n", sab_shown(entries[i].name), t.name, entries[i].turned ? ", transposed" : "");
        }
    }
    if (cli->json) {
        sab_json_close(&json, ']');
        sab_json_process(&json);
        sab_json_close(&json, '}');
    }
}

static int write(struct sab_cli *cli, const struct sab_model *model, struct sab_error *err)
{
    const struct own *o = cli->own;
    int n = sab_model_tensor_count(model), linear = is_linear(model), is_piped;
    int status = sab_cli_output(cli, "out", &is_piped, err);
    if (status == SAB_OK && is_piped && cli->json)
        status = sab_fail(err, SAB_INVALID, "--out -: standard output takes one of --out and --json");
    if (status != SAB_OK)
        return status;
    struct sab_safetensors_writer *writer = NULL;
    struct entry *entries = sab_alloc((size_t)n, sizeof *entries);
    status = entries ? sab_safetensors_writer_create(&writer, err)
                         : sab_fail(err, SAB_NOMEM, "no memory for the names of %d tensors", n);
    if (status == SAB_OK)
        status = sab_safetensors_writer_metadata(writer, "format", "pt", err);
    for (int i = 0; i < n && status == SAB_OK; i++) {
        struct sab_tensor t = *sab_model_tensor(model, i);
        status = add(writer, o, &t, linear, &entries[i], err);
    }
    if (status == SAB_OK)
        status = sab_safetensors_writer_save(writer, o->out, err);
    if (status == SAB_OK && !is_piped)
        print(cli, model, entries, o->out);
    sab_safetensors_writer_free(writer);
    for (int i = 0; entries && i < n; i++)
        sab_free(entries[i].turned);
    sab_free(entries);
    return status;
}

/* What the run measured, in the forms asked for. */
static int write_history(struct sab_cli *cli, struct sab_error *err)
{
    const struct own *o = cli->own;
    struct sab_options *options = NULL;
    struct sab_history history = {0};
    int is_piped = 0;
    int status = sab_cli_output(cli, "csv", &is_piped, err);
    if (status == SAB_OK && is_piped && cli->json)
        status = sab_fail(err, SAB_INVALID, "--csv -: standard output takes one of --csv and --json");
    if (status == SAB_OK)
        status = sab_run_options(&options, cli->words[0], err);
    if (status == SAB_OK)
        status = sab_history_read(&history, cli->words[0], err);
    if (status == SAB_OK && history.rows == 0)
        status = sab_fail(err, SAB_INVALID, "%.200s has measured nothing yet", cli->words[0]);
    if (status == SAB_OK && o->csv[0])
        status = sab_history_csv(&history, o->csv, err);
    if (status == SAB_OK && o->tensorboard[0])
        status = sab_history_events(&history, options, o->tensorboard, err);
    if (status == SAB_OK && cli->json && !o->out[0]) {
        struct sab_json json = {.to = stdout};
        sab_json_open(&json, NULL, '{');
        sab_json_text(&json, "run", cli->words[0]);
        sab_json_int(&json, "evaluations", history.rows);
        if (o->csv[0])
            sab_json_text(&json, "csv", o->csv);
        if (o->tensorboard[0])
            sab_json_text(&json, "tensorboard", o->tensorboard);
        sab_json_process(&json);
        sab_json_close(&json, '}');
    }
    sab_history_clear(&history);
    sab_options_free(options);
    return status;
}

static int run(struct sab_cli *cli)
{
    struct sab_error err = {0};
    struct sab_model *model = NULL;
    const struct own *o = cli->own;
    int wants_history = o->tensorboard[0] || o->csv[0], status = SAB_OK;
    if (!o->out[0] && !wants_history)
        status = sab_fail(&err, SAB_INVALID, "--out is needed: the file to write; or --tensorboard, or --csv");
    if (status == SAB_OK && !o->readout[0])
        status = sab_fail(&err, SAB_INVALID, "--linear: a layer without a name");
    if (status == SAB_OK && wants_history)
        status = write_history(cli, &err);
    if (status == SAB_OK && o->out[0])
        status = sab_run_model(&model, cli->words[0], &err);
    if (status == SAB_OK && o->out[0])
        status = write(cli, model, &err);
    sab_model_free(model);
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("export", status, &err);
}

const struct sab_command sab_command_export = {
    .name = "export",
    .words = "RUN",
    .words_least = 1,
    .words_most = 1,
    .summary = "write a model's weights for PyTorch, or what a run measured for TensorBoard",
    .purpose =
        "Writes the weights of a run (its folder, or a model.safetensors) as a safetensors\n"
        "file that PyTorch's modules load: cells under the names of nn.LSTM, nn.GRU and\n"
        "nn.RNN, the readout as a linear layer where it is one (--credit bptt or tbptt).\n"
        "What only sab has (scores, and the readout of what was recalled) keeps its name.\n"
        "Or writes what the run measured as it went: as events for TensorBoard, one folder\n"
        "for each run, or as a table.\n",
    .examples =
        "  sab export runs/copy-bptt-s1 --out lstm.safetensors\n"
        "  sab export runs/copy-bptt-s1 --prefix lstm. --linear head --out net.safetensors\n"
        "  sab export runs/first --tensorboard logs/first && tensorboard --logdir logs\n"
        "  sab export runs/first --csv -\n",
    .groups = "",
    .names = "",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};

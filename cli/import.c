/* sab import: weights of PyTorch's networks become a model of sab. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/say.h"
#include "report/account.h"
#include "report/json_process.h"
#include "sab_run.h"

struct own {
    const char *out, *prefix, *readout, *embedding;
};

#define AT(field) offsetof(struct own, field), 0

static const struct sab_option own[] = {
    {"out", SAB_OPTION_TEXT, AT(out), 0, 0, NULL, "", "", "the model's file"},
    {"prefix", SAB_OPTION_TEXT, AT(prefix), 0, 0, NULL, "", "",
     "what stands before weight_ih_l0, such as lstm. ; needed where a file holds several networks"},
    {"linear", SAB_OPTION_TEXT, AT(readout), 0, 0, NULL, "", "",
     "the linear layer that makes the outputs, such as fc; by default the one that fits"},
    {"embedding", SAB_OPTION_TEXT, AT(embedding), 0, 0, NULL, "", "",
     "symbols: the embedding before the network; by default the one that fits"},
};

struct work {
    struct sab_options *options; /* the command line's */
    struct sab_foreign *foreign;
    struct sab_task *task;
    struct sab_model *model;
};

/* ---- the network ---- */

/* Sets an option to what the file says; one that was given must say the same. */
static int take_option(const struct sab_cli *cli, struct work *w, const char *name, const char *value, struct sab_error *err)
{
    char number[SAB_NUMBER_CAP];
    if (!sab_cli_given(cli, name) && !cli->has_config_file)
        return sab_options_set(w->options, name, value, err);
    const char *given = sab_options_value(w->options, name, number);
    return strcmp(given, value) == 0
               ? SAB_OK
               : sab_fail(err, SAB_INVALID, "--%s %.32s: the network in '%s' has %s", name, given, cli->words[0], value);
}

static int take_sizes(const struct sab_cli *cli, struct work *w, struct sab_error *err)
{
    static const char *const names[] = {"cell", "hidden", "layers"};
    struct sab_options *found = NULL;
    char number[SAB_NUMBER_CAP];
    if (sab_cli_int(w->options, "model") != SAB_KIND_RECURRENT)
        return sab_fail(err, SAB_INVALID, "--model: the network in '%s' is a recurrent one", cli->words[0]);
    int status = sab_options_create(&found, err);
    if (status == SAB_OK)
        status = sab_foreign_options(w->foreign, found, err);
    for (int i = 0; i < 3 && status == SAB_OK; i++)
        status = take_option(cli, w, names[i], sab_options_value(found, names[i], number), err);
    sab_options_free(found);
    return status;
}

/* Files: better said now than when training from the model. */
static int check_parts(const struct work *w, struct sab_error *err)
{
    struct sab_batch batch = {.size = sizeof batch};
    return sab_task_facts(w->task) ? sab_task_batch(w->task, SAB_VALID, 0, sab_cli_int(w->options, "batch"), &batch, err) : SAB_OK;
}

static int take_task(struct sab_cli *cli, struct sab_error *err)
{
    if (cli->n_words == 2)
        return sab_options_set(cli->options, "task", cli->words[1], err);
    return cli->has_config_file || sab_cli_given(cli, "task")
               ? SAB_OK
               : sab_fail(err, SAB_INVALID, "which task? sab import FILE TASK says what inputs and outputs mean");
}

static int make(struct sab_cli *cli, struct work *w, struct sab_error *err)
{
    const struct own *o = cli->own;
    int status = take_task(cli, err);
    if (status == SAB_OK && !o->out[0])
        status = sab_fail(err, SAB_INVALID, "--out is needed: the file of the model");
    if (status == SAB_OK)
        status = sab_cli_no_output("out", o->out, "what was taken", err);
    w->options = cli->options;
    if (status == SAB_OK)
        status = sab_foreign_open(&w->foreign, cli->words[0], o->prefix, err);
    if (status == SAB_OK)
        status = take_sizes(cli, w, err);
    if (status == SAB_OK)
        status = sab_options_check(w->options, err);
    if (status == SAB_OK)
        status = sab_cli_find_data(w->options, err);
    if (status == SAB_OK)
        status = sab_task_create(&w->task, w->options, NULL, err);
    if (status == SAB_OK)
        status = check_parts(w, err);
    if (status == SAB_OK)
        status = sab_task_settle(w->task, w->options, err);
    if (status == SAB_OK)
        status = sab_foreign_model(w->foreign, &w->model, w->options, sab_task_shape(w->task), o->readout, o->embedding, err);
    if (status == SAB_OK)
        status = sab_model_set_facts(w->model, sab_task_facts(w->task), err);
    return status == SAB_OK ? sab_model_save(w->model, o->out, err) : status;
}

/* ---- what was done ---- */

static void print_one(void *user, const char *origin, const char *name, const char *from)
{
    (void)user;
    printf("%-6s %-16s %s\n", origin, sab_shown(name), from);
}

static void print_one_json(void *user, const char *origin, const char *name, const char *from)
{
    struct sab_json *json = user;
    sab_json_open(json, NULL, '{');
    sab_json_text(json, "name", name);
    sab_json_text(json, "origin", origin);
    sab_json_text(json, "from", from);
    sab_json_close(json, '}');
}

static void print_json(const struct work *w, const char *out)
{
    struct sab_json json = {.to = stdout};
    char digest[33];
    sab_model_digest(w->model, digest);
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", sab_cli_text(w->options, "task"));
    sab_account_print_json(&json, sab_model_facts(w->model));
    sab_json_open(&json, "tensors", '[');
    sab_foreign_tell(w->foreign, w->model, print_one_json, &json);
    sab_json_close(&json, ']');
    sab_json_text(&json, "weights_digest", digest);
    sab_json_text(&json, "out", out);
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

/* The options that training from the model needs again. */
static void print_next(const struct work *w, const char *out)
{
    char number[SAB_NUMBER_CAP];
    fprintf(stderr, "\nTrain it further:\n  sab train %s --from %s", sab_cli_text(w->options, "task"), sab_shown(out));
    for (int i = 0; i < sab_option_count(); i++) {
        const struct sab_option *option = sab_option_at(i);
        const char *value = sab_options_value(w->options, option->name, number);
        if (sab_text_lists("model credit task data", option->group) && strcmp(option->name, "task") != 0 &&
            strcmp(option->name, "memory-slots") != 0 && strcmp(value, option->fallback) != 0)
            fprintf(stderr, " --%s %s", option->name, sab_shown(value));
    }
    fputc('\n', stderr);
}

static int run(struct sab_cli *cli)
{
    struct sab_error err = {0};
    struct work w = {0};
    const struct own *o = cli->own;
    int status = make(cli, &w, &err);
    if (status == SAB_OK && cli->json) {
        print_json(&w, o->out);
    } else if (status == SAB_OK) {
        if (!cli->quiet) {
            sab_account_print(stderr, sab_model_facts(w.model));
            sab_say_network(w.options);
        }
        sab_foreign_tell(w.foreign, w.model, print_one, NULL);
        if (!cli->quiet)
            print_next(&w, o->out);
    }
    sab_model_free(w.model);
    sab_task_free(w.task);
    sab_foreign_close(w.foreign);
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("import", status, &err);
}

const struct sab_command sab_command_import = {
    .name = "import",
    .words = "FILE TASK",
    .words_least = 1,
    .words_most = 2,
    .summary = "make a model of weights from PyTorch",
    .purpose =
        "Reads the state dict of an nn.LSTM, nn.GRU or nn.RNN from a safetensors file (F16,\n"
        "BF16, F32 or F64) and writes a model for the task, from which sab train --from\n"
        "goes on and which sab eval and predict take as it is. Cell, width and layers are\n"
        "as the file has them; a linear layer becomes the readout, an embedding is\n"
        "multiplied into the input's weights. What the network has beside (of --credit\n"
        "sab the scores and what reads add to the output) is drawn anew from --seed.\n"
        "Says of each tensor where it came from. --credit bptt makes the same network as\n"
        "PyTorch's, with the same outputs.\n",
    .examples =
        "  sab import lstm.safetensors csv --data load.csv --out model.safetensors\n"
        "  sab import net.safetensors csv --data load.csv --prefix lstm. --linear fc \\\n"
        "      --credit bptt --out model.safetensors\n"
        "  sab train csv --data load.csv --hidden 24 --from model.safetensors\n",
    .groups = "model credit task data",
    .names = "seed batch",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};

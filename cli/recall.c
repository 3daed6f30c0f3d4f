/* sab recall: which past moments a trained network is reminded of. See recall.h. */
#include "cli/recall.h"

#include <langinfo.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/json_out.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/say.h"
#include "report/heat_png.h"
#include "report/heat_text.h"
#include "sab_run.h"

struct own {
    int sequences, layer, rows, value, recorded_data;
    const char *csv, *png, *out;
    int is_piped; /* csv or png is standard output, where nothing else may be */
};

static const char *const row_choices[] = {"scored", "all", NULL};
static const char *const values[] = {"weight", "flow", NULL};

#define AT(field) offsetof(struct own, field)

static const struct sab_option own[] = {
    {"sequences", SAB_OPTION_INT, AT(sequences), 0, 1, 1e6, NULL, "16", "", "test sequences that are averaged over"},
    {"layer", SAB_OPTION_INT, AT(layer), 0, 0, 16, NULL, "0", "", "which layer's memory, from 1; 0 is the top one"},
    {"rows", SAB_OPTION_CHOICE, AT(rows), 0, 0, 0, row_choices, "scored", "",
     "steps shown as rows: those whose answer counts, or all"},
    {"value", SAB_OPTION_CHOICE, AT(value), 0, 0, 0, values, "weight", "",
     "the weight of a recalled state, or the norm of the gradient that flows to it through the read"},
    {"png", SAB_OPTION_TEXT, AT(png), 0, 0, 0, NULL, "", "", "draw the map into this file, - is standard output"},
    {"csv", SAB_OPTION_TEXT, AT(csv), 0, 0, 0, NULL, "", "",
     "write every weight to this file, - is standard output: sequence,layer,t,when,alpha,flow; of tables also lag and "
     "the times or rows of both steps"},
    {"out", SAB_OPTION_TEXT, AT(out), 0, 0, 0, NULL, "", "", "FILE.png or FILE.csv: one of the two above"},
    SAB_CLI_RECORDED_DATA(struct own, recorded_data),
};

/* What one call works with. */
struct work {
    struct sab_options *options;
    struct sab_model *model;
    struct sab_task *task;
    struct sab_batch batch;
    uint8_t *is_shown;
    struct sab_recall_log log;
    struct sab_recall_view view;
    struct sab_recall_reading reading;
    const char *row_name, *value_name;
    int64_t index; /* of the batch */
    struct sab_answers *answers; /* of the model, where it knows of data */
};

static int take_out(const struct sab_cli *cli, struct own *o, struct sab_error *err)
{
    size_t n = strlen(o->out);
    if (n == 0)
        return SAB_OK;
    if (n > 4 && strcmp(o->out + n - 4, ".png") == 0 && !o->png[0])
        return sab_cli_set_own(cli, "png", o->out, err);
    if (n > 4 && strcmp(o->out + n - 4, ".csv") == 0 && !o->csv[0])
        return sab_cli_set_own(cli, "csv", o->out, err);
    return sab_fail(err, SAB_INVALID, "--out: \"%.200s\" must end in .png or .csv, and not be given beside "
                                          "--png or --csv for the same kind", o->out);
}

static int take_outputs(const struct sab_cli *cli, struct own *o, struct sab_error *err)
{
    int status = take_out(cli, o, err);
    int csv_is_piped, png_is_piped;
    if (status == SAB_OK)
        status = sab_cli_output(cli, "csv", &csv_is_piped, err);
    if (status == SAB_OK)
        status = sab_cli_output(cli, "png", &png_is_piped, err);
    if (status != SAB_OK)
        return status;
    o->is_piped = csv_is_piped || png_is_piped;
    if (o->is_piped && (cli->json || csv_is_piped == png_is_piped))
        return sab_fail(err, SAB_INVALID, "--%s -: standard output takes one of --csv, --png and --json",
                        csv_is_piped ? "csv" : "png");
    return SAB_OK;
}

/* ---- collecting ---- */

/* Sequences, from the first on, up to the last with a step that counts; at least one. */
static int count_filled(const struct sab_batch *batch)
{
    int filled = 1;
    for (int b = 1; b < batch->B; b++)
        for (int t = 0; t < batch->T && filled <= b; t++)
            if (!batch->weight || batch->weight[(size_t)t * (size_t)batch->B + (size_t)b] > 0)
                filled = b + 1;
    return filled;
}

static int64_t count_scored(const struct sab_batch *batch)
{
    int64_t count = 0;
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++)
            count += sab_batch_scored(batch, t, b) != 0;
    return count;
}

/* The first batch; where nothing in it counts, as in rows of a series before its test part, the one with most that does. */
static int64_t find_batch(struct sab_task *task, int B)
{
    int64_t best = 0, most = 0, n = sab_task_batches(task, SAB_TEST, B);
    struct sab_batch batch = {.size = sizeof batch};
    for (int64_t i = 0; i < n && most < (int64_t)B * sab_task_steps(task); i++) {
        if (sab_task_batch(task, SAB_TEST, i, B, &batch, NULL) != SAB_OK)
            return 0;
        int64_t count = count_scored(&batch);
        if (count > most) {
            most = count;
            best = i;
        }
        if (i == 0 && most > 0)
            return 0;
    }
    return best;
}

/* Memories that a read of step t, from 1, gives weights to, at most. */
static double most_read(const struct sab_options *o, int t)
{
    int slots = sab_cli_int(o, "memory-slots"), k_top = sab_cli_int(o, "k-top");
    double written = (t - 1) / sab_cli_int(o, "k-att") + sab_cli_int(o, "zero-memory");
    double there = slots > 0 && written > slots ? slots : written;
    int is_dense = sab_cli_int(o, "credit") == SAB_CREDIT_ATTENTION || sab_cli_int(o, "forward") == SAB_DENSE;
    return is_dense || there < k_top ? there : k_top;
}

/* All weights are kept, and sorted in a copy. */
static int check_room(const struct sab_options *o, int T, int B, struct sab_error *err)
{
    const double gib = 1 << 30;
    double entries = 0, there;
    for (int t = 1; t <= T; t++)
        entries += most_read(o, t);
    double nbytes = 2 * entries * B * sab_cli_int(o, "layers") * sizeof(struct sab_recall_entry);
    if (sab_memory_allows(nbytes, &there))
        return SAB_OK;
    return sab_fail(err, SAB_NOMEM, "what %d sequences of %d steps recall needs up to %.1f GiB of memory; %.1f GiB are free: fewer "
                    "--sequences or a smaller --T needs less", B, T, nbytes / gib, there / gib);
}

/* The batch to look at, once model and configuration are there. */
static int take_batch(const struct own *o, const char *where, struct work *w, struct sab_error *err)
{
    const struct sab_options *c = w->options;
    int credit = sab_cli_int(c, "credit"), layers = sab_cli_int(c, "layers");
    if (sab_cli_int(c, "model") != SAB_KIND_RECURRENT)
        return sab_fail(err, SAB_FORMAT, "%.200s is a %s network, which has no memory: it recalls nothing", where,
                        sab_cli_text(c, "model"));
    const char *without = credit == SAB_CREDIT_BPTT                                  ? "--credit bptt"
                        : credit == SAB_CREDIT_TBPTT                                 ? "--credit tbptt"
                        : credit == SAB_CREDIT_SAB && sab_cli_int(c, "k-top") == 0 ? "--k-top 0"
                                                                                     : NULL;
    if (without)
        return sab_fail(err, SAB_FORMAT, "%.200s was trained without memory (%s): it recalls nothing", where, without);
    if (o->layer > layers)
        return sab_fail(err, SAB_INVALID, "--layer: %d is not in 1..%d, the layers of %.200s", o->layer, layers, where);
    int status = sab_task_create(&w->task, c, sab_model_facts(w->model), err);
    int B = status == SAB_OK ? sab_task_columns(w->task, SAB_TEST, o->sequences) : 0;
    if (status == SAB_OK)
        status = check_room(c, sab_task_steps(w->task), B, err);
    int64_t index = status == SAB_OK ? find_batch(w->task, B) : 0;
    w->batch.size = sizeof w->batch;
    if (status == SAB_OK)
        status = sab_task_batch(w->task, SAB_TEST, index, B, &w->batch, err);
    if (status == SAB_OK && index == 0 && count_filled(&w->batch) < B) /* others would thin out the mean */
        status = sab_task_batch(w->task, SAB_TEST, 0, count_filled(&w->batch), &w->batch, err);
    w->batch.fresh = NULL; /* as if all began here */
    w->index = index;
    if (status == SAB_OK && sab_model_facts(w->model))
        status = sab_answers_create(&w->answers, w->model, err);
    return status;
}

/* ---- where steps stand in a table ---- */

/* Times hold commas only where --time-format has them. */
static void write_places(void *user, const struct sab_recall_entry *e, FILE *to)
{
    const struct work *w = user;
    char at[SAB_PLACE_CAP], when[SAB_PLACE_CAP] = "";
    sab_answers_place(w->answers, w->task, w->index, w->batch.B, e->sequence, e->t - 1, at);
    if (e->when > 0) /* 0: the memory that was there before any step */
        sab_answers_place(w->answers, w->task, w->index, w->batch.B, e->sequence, e->when - 1, when);
    const char *quote = strchr(at, ',') ? "\"" : "";
    fprintf(to, ",%d,%s%s%s,%s%s%s", e->t - e->when, quote, at, quote, quote, when, quote);
}

static int write_csv(const struct own *o, struct work *w, struct sab_error *err)
{
    char at[SAB_PLACE_CAP];
    const char *name = w->answers ? sab_answers_place(w->answers, w->task, w->index, w->batch.B, 0, 0, at) : NULL;
    int has_times = name && strcmp(name, "time") == 0;
    struct sab_recall_places places = {has_times ? ",lag,time,when_time" : ",lag,row,when_row", write_places, w};
    return sab_recall_log_csv(&w->log, name ? &places : NULL, o->csv, err);
}

/* The model, and its options for the data to be looked at. */
static int take_model(struct work *w, const char *where, struct sab_error *err)
{
    int status = sab_run_model(&w->model, where, err);
    return status == SAB_OK ? sab_options_clone(&w->options, sab_model_options(w->model), err) : status;
}

static int load(struct sab_cli *cli, struct work *w, struct sab_error *err)
{
    int status = take_model(w, cli->words[0], err);
    if (status == SAB_OK)
        status = sab_cli_take_data(cli, 1, ((const struct own *)cli->own)->recorded_data, w->options, err);
    return status == SAB_OK ? take_batch(cli->own, cli->words[0], w, err) : status;
}

/* Which steps of which sequences are shown: those whose answer counts, or all up to a sequence's end. */
static int find_rows(const struct own *o, struct work *w, struct sab_error *err)
{
    const struct sab_batch *batch = &w->batch;
    w->row_name = o->rows == 0 ? "answer step" : "step";
    w->value_name = values[o->value];
    w->is_shown = sab_alloc((size_t)batch->T, (size_t)batch->B);
    if (!w->is_shown)
        return sab_fail(err, SAB_NOMEM, "no memory for %d steps of %d sequences", batch->T, batch->B);
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++) {
            int is_there = !batch->lengths || t < batch->lengths[b];
            w->is_shown[(size_t)t * (size_t)batch->B + (size_t)b] = o->rows == 0 ? sab_batch_scored(batch, t, b) != 0 : is_there;
        }
    return SAB_OK;
}

static int collect(const struct own *o, struct work *w, struct sab_error *err)
{
    struct sab_recall recall = sab_recall_log_collect(&w->log);
    int status = sab_model_evaluate(w->model, &w->batch, 1, NULL, NULL, &recall, err);
    if (status == SAB_OK)
        status = sab_recall_log_sort(&w->log, err);
    if (status == SAB_OK && (o->csv[0] || o->value == SAB_RECALL_FLOW)) {
        recall = sab_recall_log_flow(&w->log);
        status = sab_model_gradient(w->model, &w->batch, 1, NULL, &recall, err);
    }
    if (status == SAB_OK)
        status = find_rows(o, w, err);
    w->view = (struct sab_recall_view){
        .T = w->batch.T,
        .sequences = w->batch.B,
        .layer = (o->layer > 0 ? o->layer : sab_cli_int(w->options, "layers")) - 1,
        .value = o->value,
        .is_shown = w->is_shown,
    };
    return status == SAB_OK ? sab_recall_read(&w->reading, &w->log, &w->view, err) : status;
}

/* ---- showing ---- */

/* How long the sequences are: "T = 100" of a task that is drawn, where T is its name for that, "20 steps" or "3 to 20 steps". */
static void say_steps(const struct work *w, char text[SAB_SAY_CAP])
{
    const struct sab_batch *batch = &w->batch;
    int least = batch->T, most = 1;
    for (int b = 0; b < batch->B; b++) {
        int length = batch->lengths ? batch->lengths[b] : batch->T;
        least = length < least ? length : least;
        most = length > most ? length : most;
    }
    if (!sab_task_facts(w->task))
        snprintf(text, SAB_SAY_CAP, "T = %d", sab_cli_int(w->options, "T"));
    else if (least < most)
        snprintf(text, SAB_SAY_CAP, "%d to %d steps", least, most);
    else
        snprintf(text, SAB_SAY_CAP, "%d steps", most);
}

static int draw_png(const struct work *w, const char *path, struct sab_error *err)
{
    struct sab_recall_view view = w->view;
    struct sab_recall_map map;
    char title[128], steps[SAB_SAY_CAP];
    view.rows_cap = SAB_HEAT_PNG_ROWS;
    view.columns_cap = SAB_HEAT_PNG_COLUMNS;
    say_steps(w, steps);
    snprintf(title, sizeof title, "task %s, %s, layer %d, mean over %d sequences", sab_cli_text(w->options, "task"), steps, view.layer + 1,
             view.sequences);
    int status = sab_recall_map_make(&map, &w->log, &view, err);
    if (status == SAB_OK)
        status = sab_heat_png(&map, title, w->row_name, w->value_name, path, err);
    sab_recall_map_clear(&map);
    return status;
}

static int print_map(const struct work *w, struct sab_error *err)
{
    struct sab_recall_view view = w->view;
    struct sab_recall_map map;
    view.rows_cap = SAB_HEAT_TEXT_ROWS;
    view.columns_cap = SAB_HEAT_TEXT_COLUMNS;
    int status = sab_recall_map_make(&map, &w->log, &view, err);
    if (status != SAB_OK)
        return status;
    int unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    char *text = sab_heat_text(&map, w->row_name, w->value_name, unicode, err);
    if (text)
        fputs(text, stdout);
    sab_free(text);
    sab_recall_map_clear(&map);
    return text ? SAB_OK : SAB_NOMEM;
}

static void print_reading(const struct work *w)
{
    const struct sab_recall_reading *r = &w->reading;
    if (r->t == 0)
        printf("nothing was recalled\n");
    else if (w->view.value == SAB_RECALL_FLOW)
        printf("most gradient flows from %s %d to step %d: %.3g,\nthe mean over %d sequences\n", w->row_name, r->t,
               r->when, r->weight, r->sequences);
    else
        printf("%s %d looks at step %d with weight %.2f, the mean over %d sequences;\n"
               "the strongest memory of a read has weight %.2f on average\n",
               w->row_name, r->t, r->when, r->weight, r->sequences, r->mean_largest);
}

static void print_json(const struct own *o, const struct work *w, const char *where)
{
    const struct sab_recall_reading *r = &w->reading;
    struct sab_json json = {.to = stdout};
    char digest[33];
    sab_model_digest(w->model, digest);
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", sab_cli_text(w->options, "task"));
    sab_json_int(&json, "T", sab_task_facts(w->task) ? w->batch.T : sab_cli_int(w->options, "T"));
    sab_json_int(&json, "sequences", w->view.sequences);
    sab_json_int(&json, "layer", w->view.layer + 1);
    sab_json_text(&json, "value", w->value_name);
    sab_json_text(&json, "rows", row_choices[o->rows]);
    sab_json_int(&json, "recalled", (int64_t)w->log.count);
    if (r->t > 0) {
        sab_json_int(&json, "strongest_t", r->t);
        sab_json_int(&json, "strongest_when", r->when);
        sab_json_real(&json, "strongest_mean", r->weight);
        sab_json_real(&json, "mean_largest", r->mean_largest);
    }
    if (o->png[0])
        sab_json_text(&json, "png", o->png);
    if (o->csv[0])
        sab_json_text(&json, "csv", o->csv);
    sab_json_text(&json, "weights_digest", digest);
    sab_json_text(&json, "out", where);
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

static int show(const struct sab_cli *cli, struct work *w, struct sab_error *err)
{
    const struct own *o = cli->own;
    int status = SAB_OK;
    if (o->csv[0])
        status = write_csv(o, w, err);
    if (status == SAB_OK && o->png[0])
        status = draw_png(w, o->png, err);
    if (status != SAB_OK)
        return status;
    if (cli->json) {
        print_json(o, w, cli->words[0]);
    } else if (!o->is_piped && (!cli->quiet || (!o->csv[0] && !o->png[0]))) {
        status = print_map(w, err);
        if (status == SAB_OK)
            print_reading(w);
    }
    if (!cli->quiet && !o->is_piped && (o->csv[0] || o->png[0]))
        fprintf(stderr, "wrote %s%s%s\n", sab_shown(o->png), o->png[0] && o->csv[0] ? " and " : "", sab_shown(o->csv));
    return status;
}

static void clear(struct work *w)
{
    sab_recall_log_clear(&w->log);
    sab_answers_free(w->answers);
    sab_free(w->is_shown);
    sab_task_free(w->task);
    sab_model_free(w->model);
    sab_options_free(w->options);
}

int sab_recall_picture(const char *where, int sequences, const char *png, struct sab_error *err)
{
    struct own plain = {0};
    struct work w = {0};
    sab_rows_init(&(struct sab_rows){own, sizeof own / sizeof own[0]}, &plain);
    plain.sequences = sequences;
    int status = take_model(&w, where, err);
    if (status == SAB_OK)
        status = sab_cli_find_data(w.options, err);
    if (status == SAB_OK)
        status = take_batch(&plain, where, &w, err);
    if (status == SAB_OK)
        status = collect(&plain, &w, err);
    if (status == SAB_OK)
        status = draw_png(&w, png, err);
    clear(&w);
    return status;
}

static int run(struct sab_cli *cli)
{
    struct own *o = cli->own;
    struct work w = {0};
    struct sab_error err = {0};
    int status = take_outputs(cli, o, &err);
    if (status == SAB_OK)
        status = load(cli, &w, &err);
    if (status == SAB_OK)
        status = collect(o, &w, &err);
    if (status == SAB_OK)
        status = show(cli, &w, &err);
    clear(&w);
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("recall", status, &err);
}

const struct sab_command sab_command_recall = {
    .name = "recall",
    .words = "RUN",
    .words_least = 1,
    .words_most = 1,
    .summary = "show which past moments the network recalls",
    .purpose =
        "Runs a trained network (a run's folder, or a model.safetensors) on fresh test\n"
        "sequences and shows what each step was reminded of: rows are steps, columns are\n"
        "the past steps they recalled, darker means a larger weight. By default only the\n"
        "steps whose answer counts are rows.\n",
    .examples =
        "  sab recall runs/copy-sab-s1\n"
        "  sab recall runs/copy-sab-s1 --rows all --png recall.png\n"
        "  sab recall runs/copy-sab-s1 --T 200 --sequences 1 --csv recall.csv\n",
    .groups = "",
    .names = "T seed data test-data split separator skip-lines decimal-comma thousands duplicates gaps",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};

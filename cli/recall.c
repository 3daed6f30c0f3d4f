/* sab recall: which past moments a trained network is reminded of. See recall.h. */
#include "cli/recall.h"

#include <langinfo.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/say.h"
#include "cli/watch.h"
#include "report/cairo.h"
#include "report/colours.h"
#include "report/json_process.h"
#include "report/progress.h"
#include "report/recall_run.h"
#include "sab_run.h"

struct own {
    int sequences, layer, rows, columns, value, open, recorded_data;
    const char *csv, *png, *svg, *pdf, *out;
    struct sab_look_options look;
    int is_piped; /* one of these is standard output, where nothing else may be */
};

static const char *const row_choices[] = {"scored", "all", NULL};
static const char *const column_choices[] = {"step", "lag", NULL};
static const char *const values[] = {"weight", "flow", NULL};

#define AT(field) offsetof(struct own, field)

static const struct sab_option own[] = {
    {"sequences", SAB_OPTION_INT, AT(sequences), 0, 1, 1e6, NULL, "16", "", "test sequences that are averaged over"},
    {"layer", SAB_OPTION_INT, AT(layer), 0, 0, 16, NULL, "0", "", "which layer's memory, from 1; 0 is the top one"},
    {"rows", SAB_OPTION_CHOICE, AT(rows), 0, 0, 0, row_choices, "scored", "",
     "steps shown as rows: those whose answer counts, or all"},
    {"columns", SAB_OPTION_CHOICE, AT(columns), 0, 0, 0, column_choices, "step", "",
     "what columns are: the steps that were recalled, or how many steps back they lie"},
    {"value", SAB_OPTION_CHOICE, AT(value), 0, 0, 0, values, "weight", "",
     "the weight of a recalled state, or the norm of the gradient that flows to it through the read"},
    {"png", SAB_OPTION_TEXT, AT(png), 0, 0, 0, NULL, "", "", "draw the map into this file, - is standard output"},
    {"svg", SAB_OPTION_TEXT, AT(svg), 0, 0, 0, NULL, "", "", "the same as a vector picture, for the web"},
    {"pdf", SAB_OPTION_TEXT, AT(pdf), 0, 0, 0, NULL, "", "", "the same as a vector picture, for papers"},
    SAB_LOOK_TITLE(struct own, look),
    SAB_LOOK_ROWS(struct own, look),
    {"csv", SAB_OPTION_TEXT, AT(csv), 0, 0, 0, NULL, "", "",
     "write every weight to this file, - is standard output: sequence,layer,t,when,alpha,flow; with --pool also from, the first "
     "step of the stretch; of tables also lag and the times or rows of both steps"},
    {"out", SAB_OPTION_TEXT, AT(out), 0, 0, 0, NULL, "", "", "FILE.png, FILE.svg, FILE.pdf or FILE.csv: one of those above"},
    {"open", SAB_CLI_FLAG, AT(open), 0, 0, 1, NULL, "off", "",
     "show it in the browser, to be pointed at, and run the model on what you type; Ctrl-C ends it"},
    SAB_CLI_RECORDED_DATA(struct own, recorded_data),
};

/* What can be written, by the option that names the file and the end of --out. */
static const struct output {
    const char *option, *ending;
    size_t at;
    int picture; /* enum sab_picture; -1: CSV */
} outputs[] = {
    {"csv", ".csv", AT(csv), -1},
    {"png", ".png", AT(png), SAB_PICTURE_PNG},
    {"svg", ".svg", AT(svg), SAB_PICTURE_SVG},
    {"pdf", ".pdf", AT(pdf), SAB_PICTURE_PDF},
};
enum { OUTPUTS = sizeof outputs / sizeof outputs[0] };

static const char *path_of(const struct own *o, int i)
{
    return *(const char *const *)((const char *)o + outputs[i].at);
}

static int count_outputs(const struct own *o)
{
    int count = 0;
    for (int i = 0; i < OUTPUTS; i++)
        count += path_of(o, i)[0] != 0;
    return count;
}

static int take_out(const struct sab_cli *cli, struct own *o, struct sab_error *err)
{
    size_t n = strlen(o->out);
    if (n == 0)
        return SAB_OK;
    for (int i = 0; i < OUTPUTS; i++)
        if (n > 4 && strcmp(o->out + n - 4, outputs[i].ending) == 0 && !path_of(o, i)[0])
            return sab_cli_set_own(cli, outputs[i].option, o->out, err);
    return sab_fail(err, SAB_INVALID, "--out: \"%.200s\" must end in .png, .svg, .pdf or .csv, and not be given beside "
                    "--png, --svg, --pdf or --csv for the same kind", o->out);
}

static int take_outputs(const struct sab_cli *cli, struct own *o, struct sab_error *err)
{
    int status = take_out(cli, o, err), piped = 0, is_piped;
    const char *last = "";
    char version[32];
    for (int i = 0; i < OUTPUTS && status == SAB_OK; i++) {
        if (outputs[i].picture >= 0 && path_of(o, i)[0])
            status = sab_cairo_check(version, err); /* before anything is computed */
        if (status != SAB_OK)
            break;
        status = sab_cli_output(cli, outputs[i].option, &is_piped, err);
        if (status == SAB_OK && is_piped) {
            piped++;
            last = outputs[i].option;
        }
    }
    if (status != SAB_OK)
        return status;
    o->is_piped = piped > 0;
    if (piped > 1 || (piped && cli->json))
        return sab_fail(err, SAB_INVALID, "--%s -: standard output takes one of --csv, --png, --svg, --pdf and --json", last);
    return SAB_OK;
}

/* ---- collecting ---- */

/* The model, and its options for the data to be looked at. */
static int take_model(struct sab_recall_run *w, const char *where, struct sab_error *err)
{
    int status = sab_run_model(&w->model, where, err);
    return status == SAB_OK ? sab_options_clone(&w->options, sab_model_options(w->model), err) : status;
}

static int load(struct sab_cli *cli, struct sab_recall_run *w, struct sab_error *err)
{
    const struct own *o = cli->own;
    double seconds;
    char less[40], fewer[80];
    w->split = SAB_TEST;
    w->sequences = o->sequences;
    w->layer = o->layer;
    w->shows_all = o->rows;
    w->value = o->value;
    w->is_by_lag = o->columns;
    int status = take_model(w, cli->words[0], err);
    if (status == SAB_OK)
        status = sab_cli_take_data(cli, 1, o->recorded_data, w->options, err);
    if (status == SAB_OK)
        status = sab_recall_run_take(w, cli->words[0], err);
    if (status == SAB_OK)
        status = sab_recall_run_forecast(w, o->csv[0] != 0, &seconds, err);
    if (status != SAB_OK)
        return status;
    sab_options_less(w->options, "T", less, sizeof less);
    snprintf(fewer, sizeof fewer, "fewer --sequences%s%s take less", less[0] ? " or " : "", less);
    if (!cli->quiet)
        sab_say_slow(seconds, fewer, "%d sequences of %d steps", w->batch.B, w->batch.T);
    struct sab_progress *progress = sab_progress_begin("recall", seconds, cli->quiet);
    status = sab_recall_run_collect(w, o->csv[0] != 0, err);
    sab_progress_finish(progress);
    return status;
}

/* ---- showing ---- */

static int print_map(const struct sab_recall_run *w, struct sab_error *err)
{
    char *text = NULL;
    int status = sab_recall_run_text(w, strcmp(nl_langinfo(CODESET), "UTF-8") == 0, &text, err);
    if (text)
        fputs(text, stdout);
    sab_free(text);
    return status;
}

static void print_reading(const struct sab_recall_run *w)
{
    const struct sab_recall_reading *r = &w->reading;
    char what[48];
    if (r->from < r->when)
        snprintf(what, sizeof what, "steps %d to %d", r->from, r->when);
    else
        snprintf(what, sizeof what, "step %d", r->when);
    if (r->t == 0)
        printf("nothing was recalled\n");
    else if (w->view.value == SAB_RECALL_FLOW)
        printf("most gradient flows from %s %d to %s: %.3g,\nthe mean over %d sequences\n", w->row_name, r->t, what, r->weight,
               r->sequences);
    else
        printf("%s %d looks at %s with weight %.2f, the mean over %d sequences;\n"
               "the strongest memory of a read has weight %.2f on average\n", w->row_name, r->t, what, r->weight,
                   r->sequences, r->mean_largest);
}

static void print_json(const struct own *o, const struct sab_recall_run *w, const char *where)
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
        if (r->from < r->when)
            sab_json_int(&json, "strongest_from", r->from);
        sab_json_real(&json, "strongest_mean", r->weight);
        sab_json_real(&json, "mean_largest", r->mean_largest);
    }
    for (int i = 0; i < OUTPUTS; i++)
        if (path_of(o, i)[0])
            sab_json_text(&json, outputs[i].option, path_of(o, i));
    sab_json_text(&json, "weights_digest", digest);
    sab_json_text(&json, "out", where);
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

static int show(const struct sab_cli *cli, struct sab_recall_run *w, struct sab_error *err)
{
    const struct own *o = cli->own;
    int status = SAB_OK, written = count_outputs(o);
    for (int i = 0; i < OUTPUTS && status == SAB_OK; i++)
        if (path_of(o, i)[0])
            status = outputs[i].picture < 0 ? sab_recall_run_csv(w, path_of(o, i), err)
                                            : sab_recall_run_draw(w, outputs[i].picture, path_of(o, i), err);
    if (status != SAB_OK)
        return status;
    if (cli->json) {
        print_json(o, w, cli->words[0]);
    } else if (!o->is_piped && (!cli->quiet || written == 0)) {
        status = print_map(w, err);
        if (status == SAB_OK)
            print_reading(w);
    }
    for (int i = 0; i < OUTPUTS && !cli->quiet && !o->is_piped; i++)
        if (path_of(o, i)[0])
            fprintf(stderr, "wrote %s\n", sab_shown(path_of(o, i)));
    return status;
}

int sab_recall_picture(const char *where, int sequences, const char *png, struct sab_error *err)
{
    struct sab_recall_run w = {.split = SAB_TEST, .sequences = sequences};
    int status = take_model(&w, where, err);
    if (status == SAB_OK)
        status = sab_cli_find_data(w.options, err);
    if (status == SAB_OK)
        status = sab_recall_run_take(&w, where, err);
    if (status == SAB_OK)
        status = sab_recall_run_collect(&w, 0, err);
    if (status == SAB_OK)
        status = sab_recall_run_draw(&w, SAB_PICTURE_PNG, png, err);
    sab_recall_run_clear(&w);
    return status;
}

/* What the page shows: test sequences, of the command line's data where it names some. */
static int settle(void *user, const char *where, struct sab_options *options, struct sab_error *err)
{
    const struct sab_cli *cli = user;
    (void)where;
    return sab_cli_take_data(cli, 1, ((const struct own *)cli->own)->recorded_data, options, err);
}

static int run(struct sab_cli *cli)
{
    struct own *o = cli->own;
    if (o->open) {
        enum { SHOWN_MOST = 64 };
        const struct sab_document document = {.split = SAB_TEST, .sequences = o->sequences < SHOWN_MOST ? o->sequences : SHOWN_MOST,
                                              .settle = settle, .user = cli};
        return sab_cli_watch(cli, &document, 0, 1);
    }
    struct sab_recall_run w = {0};
    struct sab_error err = {0};
    int status = sab_look_take(&w.look, &o->look, &err);
    if (status == SAB_OK)
        status = take_outputs(cli, o, &err);
    if (status == SAB_OK)
        status = load(cli, &w, &err);
    if (status == SAB_OK)
        status = show(cli, &w, &err);
    sab_recall_run_clear(&w);
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
        "  sab recall runs/load --data new.csv --open\n"
        "  sab recall runs/copy-sab-s1 --T 200 --sequences 1 --csv recall.csv\n"
        "  sab recall runs/load --columns lag --pdf lags.pdf --size 84x60\n",
    .groups = "",
    .names = "T seed data test-data split separator skip-lines decimal-comma thousands duplicates gaps",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};

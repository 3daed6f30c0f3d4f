/* sab report: runs as one page, to be looked at in a browser. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_out.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/output.h"
#include "cli/say.h"
#include "cli/watch.h"
#include "io/file.h"
#include "report/cairo.h"
#include "report/colours.h"
#include "report/document.h"
#include "report/figures.h"
#include "report/json_process.h"
#include "report/page.h"
#include "report/progress.h"

struct own {
    const char *out, *figures;
    int sequences, split, kind, watch, port, open, recorded_data;
    struct sab_look_options look;
};

static const char *const splits[] = {[SAB_TRAIN] = "train", [SAB_VALID] = "valid", [SAB_TEST] = "test", NULL};

static const struct sab_option own[] = {
    {"out", SAB_OPTION_TEXT, offsetof(struct own, out), 0, 0, 0, NULL, "report.html", "", "the file to write, - is standard output"},
    {"sequences", SAB_OPTION_INT, offsetof(struct own, sequences), 0, 1, 64, NULL, "4", "", "sequences that can be looked at"},
    {"split", SAB_OPTION_CHOICE, offsetof(struct own, split), 0, 0, 0, splits, "valid", "",
     "the part of the data that is measured and shown; the test part is best looked at once"},
    {"figures", SAB_OPTION_TEXT, offsetof(struct own, figures), 0, 0, 0, NULL, "", "",
     "draw curves and recall maps into this folder instead, a file each, for papers"},
    {"format", SAB_OPTION_CHOICE, offsetof(struct own, kind), 0, 0, 0, sab_picture_names, "svg", "", "of figures"},
    SAB_LOOK_ROWS(struct own, look),
    {"watch", SAB_CLI_FLAG, offsetof(struct own, watch), 0, 0, 1, NULL, "off", "",
     "serve the page to this machine's browsers instead, and draw it anew while the runs go on; Ctrl-C ends it"},
    {"port", SAB_OPTION_INT, offsetof(struct own, port), 0, 0, 65535, NULL, "0", "", "with --watch: of 127.0.0.1; 0 is any that is free"},
    {"open", SAB_CLI_FLAG, offsetof(struct own, open), 0, 0, 1, NULL, "off", "", "with --watch: show the page in the browser"},
    SAB_CLI_RECORDED_DATA(struct own, recorded_data),
};

/* Who watches the runs being measured. */
struct watcher {
    struct sab_cli *cli;
    struct sab_progress *progress; /* of the run at hand */
};

/* What was given on the command line, and where the data are, for the run in `where`. */
static int settle(void *user, const char *where, struct sab_options *options, struct sab_error *err)
{
    const struct sab_cli *cli = ((const struct watcher *)user)->cli;
    const struct own *o = cli->own;
    int status = sab_cli_apply(cli, options, err);
    if (status == SAB_OK)
        status = sab_options_set(options, "curriculum", "0", err);
    if (status == SAB_OK)
        status = sab_cli_confirm_data(cli, where, o->recorded_data, options, err);
    return status == SAB_OK ? sab_cli_find_data(options, err) : status;
}

static void measures(void *user, const struct sab_options *options, struct sab_task *task, enum sab_split split)
{
    struct watcher *watcher = user;
    sab_progress_drop(&watcher->progress);
    watcher->progress = sab_progress_begin("report", sab_say_slow_evaluation(options, task, split), 0);
}

static struct sab_document describe(struct watcher *watcher)
{
    const struct own *o = watcher->cli->own;
    return (struct sab_document){.split = (enum sab_split)o->split, .sequences = o->sequences, .settle = settle,
                                  .measures = watcher->cli->quiet ? NULL : measures, .user = watcher};
}

static void say_json(const struct sab_cli *cli, const char *what, int count, const char *out)
{
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_int(&json, "runs", cli->n_words);
    if (what)
        sab_json_int(&json, what, count);
    sab_json_text(&json, "out", out);
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

static int draw_figures(struct sab_cli *cli)
{
    const struct own *o = cli->own;
    struct sab_error err = {0};
    struct sab_figures figures = {.folder = o->figures, .kind = (enum sab_picture)o->kind};
    struct watcher watcher = {.cli = cli, .progress = sab_progress_begin("report", 0, cli->quiet)};
    const struct sab_document document = describe(&watcher);
    char version[32];
    int status = sab_cairo_check(version, &err);
    if (status == SAB_OK)
        status = sab_look_take(&figures.look, &o->look, &err);
    if (status == SAB_OK)
        status = sab_figures_write(&figures, cli->words, cli->n_words, &document, &err);
    sab_progress_finish(watcher.progress);
    if (status != SAB_OK)
        return sab_say_error("report", status, &err);
    if (cli->json)
        say_json(cli, "figures", figures.written, o->figures);
    else if (!cli->quiet)
        printf("drew %d figures into %s\n", figures.written, sab_shown(o->figures));
    return SAB_EXIT_DONE;
}

static int run(struct sab_cli *cli)
{
    const struct own *o = cli->own;
    struct watcher watcher = {.cli = cli};
    struct sab_document document = describe(&watcher);
    struct sab_error err = {0};
    if (o->figures[0])
        return draw_figures(cli);
    if (o->watch) {
        document.measures = NULL; /* it is measured again and again */
        return sab_cli_watch(cli, &document, o->port, o->open);
    }
    if (o->port || o->open)
        return sab_say_error("report", sab_fail(&err, SAB_INVALID, "--%s goes with --watch", o->port ? "port" : "open"), &err);
    struct sab_json json = {.is_compact = 1};
    int is_piped = 0;
    size_t nbytes = 0;
    int status = sab_cli_output(cli, "out", &is_piped, &err);
    if (status == SAB_OK && !is_piped)
        status = sab_file_check_writable(o->out, &err);
    if (status == SAB_OK)
        status = sab_document_write(&json, cli->words, cli->n_words, &document, NULL, &err);
    sab_progress_finish(watcher.progress);
    char *text = sab_json_take(&json, &nbytes);
    if (status == SAB_OK && !text)
        status = sab_fail(&err, SAB_NOMEM, "no memory for the report");
    if (status == SAB_OK)
        status = sab_page_write(o->out, text, nbytes, &err);
    sab_free(text);
    if (status != SAB_OK)
        return sab_say_error("report", status, &err);
    if (cli->json)
        say_json(cli, NULL, 0, o->out);
    else if (!cli->quiet && !is_piped)
        printf("wrote %s: open it in a browser\n", sab_shown(o->out));
    return SAB_EXIT_DONE;
}

const struct sab_command sab_command_report = {
    .name = "report",
    .words = "RUN...",
    .words_least = 1,
    .words_most = SAB_CLI_WORDS_CAP,
    .summary = "draw runs as one page for a browser: curves, results, what was recalled",
    .purpose =
        "Writes one file of HTML that needs nothing from outside: what was learned from\n"
        "what, curves, results beside their baselines, mistakes or forecasts, the options\n"
        "with a command to repeat the run, and a map of what each step recalled, which\n"
        "can be pointed at, zoomed and saved. Several runs are drawn over each other, in\n"
        "a table of where they differ. With --watch the page is served to this machine\n"
        "alone, follows the runs while they go, and runs models on what you type.\n",
    .examples =
        "  sab report runs/first\n"
        "  sab report runs/copy-sab-s1 runs/copy-tbptt-s1 --out compared.html\n"
        "  sab report runs/first --split test --sequences 16\n"
        "  sab report runs/first --watch --open\n"
        "  sab report runs/first runs/second --figures figures --format pdf --size 84x60\n",
    .groups = "",
    .names = "seed T eval-size data valid-data test-data split separator skip-lines decimal-comma thousands duplicates gaps threads",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};

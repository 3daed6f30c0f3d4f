/* sab reproduce: the paper's tables, run and printed. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/team.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "forecast/plan.h"
#include "lab/jobs.h"
#include "lab/reproduce_document.h"
#include "lab/reproduce_figure.h"
#include "lab/reproduce_print.h"
#include "lab/reproduce_run.h"
#include "report/json_process.h"
#include "report/words.h"

struct own {
    const char *cell, *out, *document, *results;
    uint64_t seed;
    int seeds, is_quick, threads, jobs;
};

#define AT(field) offsetof(struct own, field)

static const struct sab_option own[] = {
    {"cell", SAB_OPTION_TEXT, AT(cell), 0, 0, 0, NULL, "", "",
     "only this cell of the table, such as \"T=100 sab 5 5\", or a whole row or column"},
    {"seed", SAB_OPTION_UINT64, AT(seed), 0, 0, 9007199254740991.0, NULL, "0", "",
     "only this seed; 0: those of --seeds"},
    {"seeds", SAB_OPTION_INT, AT(seeds), 0, 0, 1000, NULL, "0", "",
     "seeds 1 to N; 0: as many as the table wants, two or three"},
    {"quick", SAB_CLI_FLAG, AT(is_quick), 0, 0, 1, NULL, "off", "",
     "a fiftieth of the updates, one seed, in a folder of its own: does it run?"},
    {"threads", SAB_OPTION_INT, AT(threads), 0, 0, 4096, NULL, "0", "",
     "threads of each cell; 0 is one per processor, shared by --jobs; the result is the same for any"},
    {"jobs", SAB_OPTION_INT, AT(jobs), 0, 1, 4096, NULL, "1", "",
     "cells side by side, each in a process of its own; Ctrl-C saves them all"},
    {"out", SAB_OPTION_TEXT, AT(out), 0, 0, 0, NULL, "runs/reproduce", "",
     "folder of results/TABLE/CELL-sSEED.json and of the run folders, runs/TABLE/CELL-sSEED"},
    {"document", SAB_OPTION_TEXT, AT(document), 0, 0, 0, NULL, "", "",
     "run nothing: write tables and figures into this Markdown file, where it has lines <!-- table NAME --> and "
     "<!-- end NAME -->"},
    {"results", SAB_OPTION_TEXT, AT(results), 0, 0, 0, NULL, "", "",
     "the folder of result files that --document reads; by default that of --out"},
};

/* ---- which ---- */

/* The folder: quick runs have their own. */
static int find_folder(const struct own *o, char dir[SAB_DIR_CAP], struct sab_error *err)
{
    int n = snprintf(dir, SAB_DIR_CAP, "%s%s", o->out, o->is_quick ? "/quick" : "");
    if (n >= SAB_DIR_CAP)
        return sab_fail(err, SAB_INVALID, "--out: the folder's name is longer than %d bytes", SAB_DIR_CAP - 1);
    return SAB_OK;
}

static int is_wanted(const struct own *o, const struct sab_table *table, const struct sab_table_cell *cell)
{
    return strcmp(cell->table, table->name) == 0 && (!o->cell[0] || sab_cell_is(cell, o->cell));
}

/* The seeds of a cell. */
static void find_seeds(const struct own *o, const struct sab_table_cell *cell, uint64_t *first, uint64_t *last)
{
    *first = o->seed > 0 ? o->seed : 1;
    *last = o->seed > 0 ? o->seed : (uint64_t)(o->is_quick ? 1 : o->seeds > 0 ? o->seeds : sab_cell_seeds(cell));
}

/* ---- the list ---- */

/* Runs wanted and done, those whose data are not here, and the seconds that the others missing take at most. */
struct outlook {
    int cells, runs, done, without_data;
    double seconds;
};

static int look_at_cell(const struct own *o, const char *results, const struct sab_table_cell *cell,
                        struct sab_plan *plan, struct outlook *outlook, struct sab_error *err)
{
    char path[SAB_FILE_CAP];
    struct sab_options config = {0};
    uint64_t first, last;
    int missing = 0, status = SAB_OK;
    find_seeds(o, cell, &first, &last);
    for (uint64_t seed = first; seed <= last && status == SAB_OK; seed++) {
        status = sab_cell_result_path(cell, results, seed, path, err);
        missing += status == SAB_OK && !sab_cell_result_exists(path);
    }
    outlook->cells++;
    outlook->runs += (int)(last - first + 1);
    outlook->done += (int)(last - first + 1) - missing;
    if (status != SAB_OK || missing == 0)
        return status;
    status = sab_cell_config(cell, first, o->is_quick, &config, err);
    config.shared.threads = o->threads;
    if (status == SAB_OK)
        status = sab_cli_cpu(&config, err);
    if (status == SAB_OK && sab_cli_find_data(&config, err) != SAB_OK) {
        outlook->without_data += missing;
        sab_options_clear(&config);
        return SAB_OK;
    }
    if (status == SAB_OK)
        status = sab_plan_make(&config, NULL, NULL, NULL, plan, err);
    outlook->seconds += missing * plan->run_s;
    sab_options_clear(&config);
    return status;
}

static void print_outlook(struct sab_json *json, int as_json, const struct sab_table *table,
                          const struct outlook *outlook)
{
    char time[SAB_SAY_CAP], text[200 + SAB_SAY_CAP];
    if (as_json) {
        sab_json_open(json, NULL, '{');
        sab_json_text(json, "table", table->name);
        sab_json_text(json, "title", table->title);
        if (table->figure != SAB_FIGURE_NONE)
            sab_json_text(json, "figure", sab_table_figure_title(table));
        sab_json_int(json, "cells", outlook->cells);
        sab_json_int(json, "runs", outlook->runs);
        sab_json_int(json, "done", outlook->done);
        sab_json_int(json, "without_data", outlook->without_data);
        sab_json_real(json, "seconds_left", outlook->seconds);
        sab_json_close(json, '}');
        return;
    }
    sab_say_duration(outlook->seconds, time);
    printf("%-9s %s\n", table->name, table->title);
    if (table->figure != SAB_FIGURE_NONE)
        printf("          figure: %s\n", sab_table_figure_title(table));
    int n = snprintf(text, sizeof text, "%d cells, %d of %d runs done", outlook->cells, outlook->done, outlook->runs);
    if (outlook->without_data > 0)
        n += snprintf(text + n, sizeof text - (size_t)n, "; %d lack their data (sab data lists them)", outlook->without_data);
    if (outlook->done + outlook->without_data < outlook->runs)
        snprintf(text + n, sizeof text - (size_t)n, "; the rest takes %s at most here", time);
    sab_say_wrapped(text, 0, 10);
    fflush(stdout);
}

static int list(const struct sab_cli *cli, const char *dir, struct sab_error *err)
{
    const struct own *o = cli->own;
    struct sab_json json = {.to = stdout};
    struct sab_plan plan = {0};
    char results[SAB_FILE_CAP];
    int status = SAB_OK;
    snprintf(results, sizeof results, "%s/results", dir);
    if (cli->json) {
        sab_json_open(&json, NULL, '{');
        sab_json_open(&json, "tables", '[');
    }
    for (int t = 0; sab_table_at(t) && status == SAB_OK; t++) {
        struct outlook outlook = {0};
        for (int i = 0; sab_table_cell_at(i) && status == SAB_OK; i++)
            if (strcmp(sab_table_cell_at(i)->table, sab_table_at(t)->name) == 0)
                status = look_at_cell(o, results, sab_table_cell_at(i), &plan, &outlook, err);
        if (status == SAB_OK)
            print_outlook(&json, cli->json, sab_table_at(t), &outlook);
    }
    if (status != SAB_OK)
        return status;
    if (cli->json) {
        sab_json_close(&json, ']');
        sab_json_text(&json, "out", dir);
        sab_json_close(&json, '}');
    } else {
        printf("\nTimes are forecasts, as if no run stopped early; runs that tables share are made\nonce.\n");
    }
    return SAB_OK;
}

/* ---- a table ---- */

/* A cell with a seed. */
struct piece {
    const struct sab_table_cell *cell;
    uint64_t seed;
};

struct pieces {
    const struct sab_reproduction *how;
    struct piece *all; /* [n] */
    int n;
};

static void name_piece(void *user, int i, char name[SAB_JOB_NAME_CAP])
{
    const struct pieces *pieces = user;
    const struct piece *p = &pieces->all[i];
    char cell[SAB_CELL_NAME_CAP];
    sab_cell_name(p->cell, cell);
    snprintf(name, SAB_JOB_NAME_CAP, "%d/%d  %s, %s, seed %llu", i + 1, pieces->n, p->cell->table, cell,
             (unsigned long long)p->seed);
}

static int run_piece(void *user, int i, int *is_taken, struct sab_error *err)
{
    const struct pieces *pieces = user;
    const struct piece *p = &pieces->all[i];
    char name[SAB_CELL_NAME_CAP];
    struct sab_error why = {0};
    enum sab_reproduced how_made;
    sab_cell_name(p->cell, name);
    int status = sab_reproduce_cell(pieces->how, p->cell, p->seed, &how_made, &why);
    if (status == SAB_INTERRUPTED)
        return sab_fail(err, status, "interrupted at %s, %s, seed %llu; the same command goes on", p->cell->table, name,
                        (unsigned long long)p->seed);
    if (status != SAB_OK)
        return sab_fail(err, status, "%s, %s, seed %llu: %.380s", p->cell->table, name, (unsigned long long)p->seed,
                        why.message);
    *is_taken = how_made == SAB_MADE_ELSEWHERE;
    if (how_made == SAB_MADE_BEFORE && !pieces->how->quiet)
        fprintf(stderr, "done before\n");
    return SAB_OK;
}

/* All cells of a seed before the next seed: half a table is one of fewer seeds, not of fewer cells. With all = NULL counts only. */
static int find_pieces(const struct own *o, const struct sab_table *table, struct piece *all)
{
    uint64_t first, last, begin = UINT64_MAX, end = 0;
    int n = 0;
    for (int i = 0; sab_table_cell_at(i); i++) {
        if (!is_wanted(o, table, sab_table_cell_at(i)))
            continue;
        find_seeds(o, sab_table_cell_at(i), &first, &last);
        begin = first < begin ? first : begin;
        end = last > end ? last : end;
    }
    for (uint64_t seed = begin; seed <= end; seed++)
        for (int i = 0; sab_table_cell_at(i); i++) {
            if (!is_wanted(o, table, sab_table_cell_at(i)))
                continue;
            find_seeds(o, sab_table_cell_at(i), &first, &last);
            if (seed < first || seed > last)
                continue;
            if (all)
                all[n] = (struct piece){sab_table_cell_at(i), seed};
            n++;
        }
    return n;
}

static int run_all(const struct own *o, const struct sab_table *table, const struct sab_reproduction *how,
                   struct sab_error *err)
{
    struct pieces pieces = {.how = how, .n = find_pieces(o, table, NULL)};
    if (pieces.n == 0)
        return sab_cell_fail_unknown(table, o->cell, err);
    pieces.all = sab_alloc((size_t)pieces.n, sizeof *pieces.all);
    if (!pieces.all)
        return sab_fail(err, SAB_NOMEM, "no memory for a list of %d runs", pieces.n);
    find_pieces(o, table, pieces.all);
    struct sab_jobs jobs = {.count = pieces.n, .at_once = o->jobs < pieces.n ? o->jobs : pieces.n, .quiet = how->quiet, .user = &pieces,
                            .name = name_piece, .run = run_piece, .stop = how->stop};
    int status = sab_jobs_run(&jobs, err);
    sab_free(pieces.all);
    return status;
}

/* Threads of a cell. */
static int share_threads(const struct own *o)
{
    int share = sab_processors() / o->jobs;
    return o->threads > 0 || o->jobs == 1 ? o->threads : share > 1 ? share : 1;
}

static int print(const struct sab_cli *cli, const struct sab_table *table, const char *dir, struct sab_error *err)
{
    const struct own *o = cli->own;
    struct sab_table_results loaded;
    char results[SAB_FILE_CAP];
    snprintf(results, sizeof results, "%s/results", dir);
    int status = sab_table_results_load(table, results, o->is_quick, &loaded, err);
    if (status == SAB_OK && cli->json) {
        sab_table_print_json(stdout, &loaded, o->cell);
    } else if (status == SAB_OK) {
        printf("%s: %s\n\n", table->name, table->title);
        sab_table_print(stdout, &loaded);
        if (o->cell[0]) {
            putchar('\n');
            sab_table_print_runs(stdout, &loaded, o->cell);
        }
    }
    sab_table_results_clear(&loaded);
    return status;
}

static int fill_document(const struct sab_cli *cli, const char *dir, struct sab_error *err)
{
    const struct own *o = cli->own;
    char results[SAB_FILE_CAP];
    int tables;
    if (cli->n_words > 0 || o->is_quick)
        return sab_fail(err, SAB_INVALID, "--document takes all tables that the document names, and no quick ones");
    snprintf(results, sizeof results, o->results[0] ? "%s" : "%s/results", o->results[0] ? o->results : dir);
    int status = sab_reproduce_document(o->document, results, &tables, err);
    if (status == SAB_OK && !cli->quiet)
        fprintf(stderr, "%s: %d table%s\n", sab_shown(o->document), tables, tables == 1 ? "" : "s");
    return status;
}

static int run(struct sab_cli *cli)
{
    const struct own *o = cli->own;
    const struct sab_table *table = NULL;
    struct sab_error err = {0};
    char dir[SAB_DIR_CAP];
    struct sab_options config;
    sab_options_init(&config);
    int status = find_folder(o, dir, &err);
    if (status == SAB_OK && o->seed > 0 && (o->seeds > 0))
        status = sab_fail(&err, SAB_INVALID, "--seed and --seeds cannot both be given");
    if (status == SAB_OK && cli->n_words == 0 && o->cell[0])
        status = sab_fail(&err, SAB_INVALID, "--cell %.60s: of which table? sab reproduce NAME --cell ...", o->cell);
    if (status == SAB_OK && o->results[0] && !o->document[0])
        status = sab_fail(&err, SAB_INVALID, "--results is for --document");
    if (status == SAB_OK)
        status = sab_cli_cpu(&config, &err);
    if (status == SAB_OK && o->document[0])
        status = fill_document(cli, dir, &err);
    else if (status == SAB_OK && cli->n_words == 0)
        status = list(cli, dir, &err);
    else if (status == SAB_OK)
        status = sab_table_find(cli->words[0], &table, &err);
    if (status == SAB_OK && table && !o->document[0]) {
        struct sab_reproduction how = {dir, o->is_quick, cli->quiet, share_threads(o), config.shared.cpu,
                                       sab_stop_listen(cli->quiet)};
        status = run_all(o, table, &how, &err);
        if (status == SAB_OK)
            status = print(cli, table, dir, &err);
    }
    sab_options_clear(&config);
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("reproduce", status, &err);
}

static void print_tables(void)
{
    printf("\nTables:\n");
    for (int i = 0; sab_table_at(i); i++)
        printf("  %-9s %s\n", sab_table_at(i)->name, sab_table_at(i)->title);
}

const struct sab_command sab_command_reproduce = {
    .name = "reproduce",
    .words = "[TABLE]",
    .words_least = 0,
    .words_most = 1,
    .summary = "run the paper's tables and print them beside its figures",
    .purpose =
        "Runs what is missing of a table, trains and then tests each cell with each seed,\n"
        "and prints the table as Markdown. Without a name it lists the tables, what of\n"
        "them is done in --out, and how long the rest takes on this machine. Each run\n"
        "leaves a result file with its command, seed, digest, metrics and curve. Ctrl-C\n"
        "saves; the same command goes on. Several processes may work in one folder: what\n"
        "another one is at is left to it.\n"
        "\n"
        "The paper's figures are marked: seen, read in a source; recalled, from memory of\n"
        "the paper; derived, computed. The same cell and seed give the same digest on the\n"
        "same instruction set.\n",
    .examples =
        "  sab reproduce\n"
        "  sab reproduce copy --cell \"T=100 sab 5 5\" --seed 1\n"
        "  sab reproduce transfer --seeds 3 --out runs/paper\n"
        "  sab reproduce keys --jobs 8 --threads 1\n"
        "  sab reproduce cells --quick\n"
        "  sab reproduce --document docs/results.md --results docs/results\n",
    .groups = "",
    .names = "",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .more_help = print_tables,
    .run = run,
};

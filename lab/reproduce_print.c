/* See reproduce_print.h. */
#include "lab/reproduce_print.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/say.h"
#include "report/json_process.h"

enum { LABELS_CAP = 64, TEXT_CAP = 512 };

/* ---- results ---- */

int sab_table_results_load(const struct sab_table *table, const char *results, int is_quick,
                           struct sab_table_results *loaded, struct sab_error *err)
{
    int first = 0, n = 0, status = SAB_OK;
    while (sab_cell_table(sab_table_cell_at(first)) != table)
        first++;
    while (sab_table_cell_at(first + n) && sab_cell_table(sab_table_cell_at(first + n)) == table)
        n++;
    *loaded = (struct sab_table_results){.table = table, .is_quick = is_quick};
    loaded->cells = sab_alloc((size_t)n, sizeof *loaded->cells);
    if (!loaded->cells)
        return sab_fail(err, SAB_NOMEM, "no memory for %d cells", n);
    loaded->n_cells = n;
    for (int i = 0; i < n && status == SAB_OK; i++) {
        struct sab_results_of_cell *of = &loaded->cells[i];
        of->cell = sab_table_cell_at(first + i);
        status = sab_cell_results_load(of->cell, results, is_quick, &of->list, &of->n, err);
    }
    return status;
}

void sab_table_results_clear(struct sab_table_results *loaded)
{
    for (int i = 0; i < loaded->n_cells; i++)
        sab_cell_results_free(loaded->cells[i].list, loaded->cells[i].n);
    sab_free(loaded->cells);
    *loaded = (struct sab_table_results){0};
}

double sab_measure_value(int measure, const struct sab_measured *measured)
{
    return measure == SAB_MEASURE_ACCURACY ? measured->accuracy
         : measure == SAB_MEASURE_MSE      ? measured->mse
                                           : measured->bits_per_char;
}

/* ---- over seeds ---- */

struct range {
    int64_t least, most;
};

struct summary {
    int seeds, values, solved, failed;
    double mean, least, most;
    struct range solved_after, failed_after;
};

/* Takes in the n-th value, from 0. */
static void widen(struct range *range, int n, int64_t value)
{
    range->least = n == 0 || value < range->least ? value : range->least;
    range->most = n == 0 || value > range->most ? value : range->most;
}

/* Of the test number i. */
static struct summary summarise(const struct sab_results_of_cell *of, int measure, int i)
{
    struct summary s = {.seeds = of->n, .least = INFINITY, .most = -INFINITY};
    for (int k = 0; k < of->n; k++) {
        const struct sab_cell_result *result = &of->list[k];
        if (result->stopped_early)
            widen(&s.solved_after, s.solved++, result->steps);
        if (result->failed[0])
            widen(&s.failed_after, s.failed++, result->steps);
        double value = i < result->n_tests ? sab_measure_value(measure, &result->tests[i]) : NAN;
        if (!isfinite(value))
            continue;
        s.mean += value;
        s.least = fmin(s.least, value);
        s.most = fmax(s.most, value);
        s.values++;
    }
    s.mean /= s.values;
    return s;
}

static void say_number(int measure, double value, char buf[SAB_SAY_CAP])
{
    if (measure == SAB_MEASURE_ACCURACY)
        snprintf(buf, SAB_SAY_CAP, value >= 0.9995 ? "%.0f" : "%.1f", 100 * value);
    else
        snprintf(buf, SAB_SAY_CAP, measure == SAB_MEASURE_MSE ? "%.3g" : "%.3f", value);
}

/* "99.6 %" or, of several seeds, "99.6 % (99.1..100)" */
static void say_value(int measure, const struct summary *s, char *text, size_t cap)
{
    static const char *const units[] = {" %", "", ""};
    char mean[SAB_SAY_CAP], low[SAB_SAY_CAP], high[SAB_SAY_CAP];
    say_number(measure, s->mean, mean);
    say_number(measure, s->least, low);
    say_number(measure, s->most, high);
    if (s->values == 0)
        snprintf(text, cap, "no figure");
    else if (s->values == 1)
        snprintf(text, cap, "%s%s", mean, units[measure]);
    else
        snprintf(text, cap, "%s%s (%s..%s)", mean, units[measure], low, high);
}

static size_t say_range(struct range range, char *text, size_t cap)
{
    char a[SAB_SAY_CAP], b[SAB_SAY_CAP];
    sab_say_count(range.least, a);
    sab_say_count(range.most, b);
    return (size_t)(range.least == range.most ? snprintf(text, cap, "%s", a) : snprintf(text, cap, "%s..%s", a, b));
}

/* "3 seeds, solved after 550..900 updates" */
static void say_runs(const struct summary *s, char text[TEXT_CAP])
{
    size_t n = (size_t)snprintf(text, TEXT_CAP, "%d seed%s", s->seeds, s->seeds == 1 ? "" : "s");
    if (s->solved > 0) {
        n += (size_t)snprintf(text + n, TEXT_CAP - n, ", ");
        if (s->solved < s->seeds)
            n += (size_t)snprintf(text + n, TEXT_CAP - n, "%d ", s->solved);
        n += (size_t)snprintf(text + n, TEXT_CAP - n, "solved after ");
        n += say_range(s->solved_after, text + n, TEXT_CAP - n);
        n += (size_t)snprintf(text + n, TEXT_CAP - n, " updates");
    }
    if (s->failed > 0) {
        n += (size_t)snprintf(text + n, TEXT_CAP - n, ", %d ended in bad numbers (after ", s->failed);
        n += say_range(s->failed_after, text + n, TEXT_CAP - n);
        snprintf(text + n, TEXT_CAP - n, " updates)");
    }
}

/* ", 240 s, 178 MB": processor seconds in the mean, peak memory at the most. */
static void say_cost(const struct sab_results_of_cell *of, char text[TEXT_CAP])
{
    double seconds = 0, nbytes = 0;
    for (int k = 0; k < of->n; k++) {
        seconds += of->list[k].cpu_s / of->n;
        nbytes = fmax(nbytes, of->list[k].peak_nbytes);
    }
    snprintf(text, TEXT_CAP, ", %.0f s, %.0f MB", seconds, nbytes / 1e6);
}

/* The i-th part of the paper's figure, "<br>the paper: 31 % (seen)"; "" where it has none. */
static void say_paper(const struct sab_table_cell *cell, int i, char text[TEXT_CAP])
{
    const char *at = cell->paper.text;
    for (; i > 0 && *at; i--)
        at += strcspn(at, ";") + (at[strcspn(at, ";")] == ';');
    at += strspn(at, " ");
    int n = i > 0 ? 0 : (int)strcspn(at, ";");
    if (n > 0)
        snprintf(text, TEXT_CAP, "<br>the paper: %.*s (%s)", n, at, cell->paper.standing);
    else
        text[0] = 0;
}

static void print_not_run(FILE *to, const struct sab_table_cell *cell)
{
    fprintf(to, cell->reason ? "not run: %s" : "not run", cell->reason);
}

/* ---- Markdown ---- */

/* Different labels in the order of the cells. */
static int list_labels(const struct sab_table_results *loaded, int is_row, const char *labels[LABELS_CAP])
{
    int n = 0;
    for (int i = 0; i < loaded->n_cells; i++) {
        const char *label = is_row ? loaded->cells[i].cell->row : loaded->cells[i].cell->column;
        int k = 0;
        while (k < n && strcmp(labels[k], label) != 0)
            k++;
        if (k == n && n < LABELS_CAP)
            labels[n++] = label;
    }
    return n;
}

static const struct sab_results_of_cell *find(const struct sab_table_results *loaded, const char *row,
                                              const char *column)
{
    for (int i = 0; i < loaded->n_cells; i++)
        if (strcmp(loaded->cells[i].cell->row, row) == 0 && strcmp(loaded->cells[i].cell->column, column) == 0)
            return &loaded->cells[i];
    return NULL;
}

static void print_head(FILE *to, const char *const *columns, int n)
{
    fputs("| |", to);
    for (int i = 0; i < n; i++)
        fprintf(to, " %s |", columns[i]);
    fputs("\n|---|", to);
    for (int i = 0; i < n; i++)
        fputs("---|", to);
    fputc('\n', to);
}

static void print_cell(FILE *to, const struct sab_table *table, const struct sab_results_of_cell *of)
{
    char text[TEXT_CAP], runs[TEXT_CAP], cost[TEXT_CAP] = "", paper[TEXT_CAP];
    if (!of) {
        fputs("  |", to);
        return;
    }
    struct summary s = summarise(of, table->measure, 0);
    say_paper(of->cell, 0, paper);
    fputc(' ', to);
    if (of->n == 0) {
        print_not_run(to, of->cell);
    } else {
        say_value(table->measure, &s, text, sizeof text);
        say_runs(&s, runs);
        if (table->shows_cost)
            say_cost(of, cost);
        fprintf(to, "%s; %s%s", text, runs, cost);
    }
    fprintf(to, "%s |", paper);
}

static void print_columns(FILE *to, const struct sab_table_results *loaded)
{
    const char *rows[LABELS_CAP], *columns[LABELS_CAP];
    int n_rows = list_labels(loaded, 1, rows), n_columns = list_labels(loaded, 0, columns);
    print_head(to, columns, n_columns);
    for (int r = 0; r < n_rows; r++) {
        fprintf(to, "| %s |", rows[r]);
        for (int c = 0; c < n_columns; c++)
            print_cell(to, loaded->table, find(loaded, rows[r], columns[c]));
        fputc('\n', to);
    }
}

static void print_lengths(FILE *to, const struct sab_table_results *loaded, const struct sab_cell_test *tests, int n)
{
    char names[SAB_TEST_CAP + 1][SAB_SAY_CAP], text[TEXT_CAP], paper[TEXT_CAP];
    const char *columns[SAB_TEST_CAP + 1];
    for (int i = 0; i <= n; i++) {
        if (i < n)
            sab_say_count(tests[i].T, names[i]);
        columns[i] = i < n ? names[i] : "runs";
    }
    print_head(to, columns, n + 1);
    for (int r = 0; r < loaded->n_cells; r++) {
        const struct sab_results_of_cell *of = &loaded->cells[r];
        fprintf(to, "| %s |", of->cell->row);
        for (int i = 0; i < n; i++) {
            struct summary s = summarise(of, loaded->table->measure, i);
            say_value(loaded->table->measure, &s, text, sizeof text);
            say_paper(of->cell, i, paper);
            fprintf(to, " %s%s |", of->n > 0 ? text : "", paper);
        }
        struct summary s = summarise(of, loaded->table->measure, 0);
        say_runs(&s, text);
        fputc(' ', to);
        if (of->n > 0)
            fputs(text, to);
        else
            print_not_run(to, of->cell);
        fputs(" |\n", to);
    }
}

/* What all cells of the table are given: updates and the sequences of each. */
static void print_effort(FILE *to, const struct sab_table_results *loaded)
{
    struct range steps = {0, 0}, batch = {0, 0};
    char text[TEXT_CAP];
    for (int i = 0; i < loaded->n_cells; i++) {
        struct sab_options config = {0};
        if (sab_cell_config(loaded->cells[i].cell, 1, loaded->is_quick, &config, NULL) == SAB_OK) {
            widen(&steps, i, config.optim.steps);
            widen(&batch, i, config.shared.batch);
        }
        sab_options_clear(&config);
    }
    say_range(steps, text, sizeof text);
    fprintf(to, "\nMeans over seeds (least..most), on test data; at most %s updates", text);
    say_range(batch, text, sizeof text);
    fprintf(to, " of %s sequences each.%s%s\n", text, loaded->table->note[0] ? " " : "", loaded->table->note);
}

void sab_table_print(FILE *to, const struct sab_table_results *loaded)
{
    struct sab_cell_test tests[SAB_TEST_CAP];
    struct sab_options config = {0};
    const struct sab_table *table = loaded->table;
    if (sab_cell_config(loaded->cells[0].cell, 1, loaded->is_quick, &config, NULL) != SAB_OK)
        return;
    int n = sab_cell_tests(loaded->cells[0].cell, &config, tests);
    sab_options_clear(&config);
    if (table->lengths[0])
        print_lengths(to, loaded, tests, n);
    else
        print_columns(to, loaded);
    print_effort(to, loaded);
    if (loaded->is_quick)
        fprintf(to, "\nQuick: a fiftieth of the updates, one seed. This shows that it runs, not what it reaches.\n");
}

/* ---- runs ---- */

static int is_wanted(const struct sab_table_cell *cell, const char *only)
{
    return !only[0] || sab_cell_is(cell, only);
}

void sab_table_print_runs(FILE *to, const struct sab_table_results *loaded, const char *only)
{
    for (int i = 0; i < loaded->n_cells; i++) {
        const struct sab_results_of_cell *of = &loaded->cells[i];
        char name[SAB_CELL_NAME_CAP], steps[SAB_SAY_CAP];
        sab_cell_name(of->cell, name);
        for (int k = 0; k < of->n && is_wanted(of->cell, only); k++) {
            sab_say_count(of->list[k].steps, steps);
            fprintf(to, "- %s, seed %llu: %s updates, digest `%s` (%s)\n", name,
                    (unsigned long long)of->list[k].seed, steps, of->list[k].digest, of->list[k].cpu);
        }
    }
}

static void print_json_runs(struct sab_json *json, const struct sab_results_of_cell *of)
{
    sab_json_open(json, "runs", '[');
    for (int k = 0; k < of->n; k++) {
        const struct sab_cell_result *result = &of->list[k];
        sab_json_open(json, NULL, '{');
        sab_json_int(json, "seed", (int64_t)result->seed);
        sab_json_text(json, "command", result->command);
        sab_json_int(json, "steps", result->steps);
        sab_json_bool(json, "stopped_early", result->stopped_early);
        if (result->failed[0])
            sab_json_text(json, "failed", result->failed);
        sab_json_real(json, "seconds", result->seconds);
        sab_json_real(json, "cpu_seconds", result->cpu_s);
        if (isfinite(result->peak_nbytes))
            sab_json_int(json, "peak_rss_bytes", llround(result->peak_nbytes));
        sab_json_text(json, "weights_digest", result->digest);
        sab_json_text(json, "cpu", result->cpu);
        sab_json_text(json, "version", result->version);
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
}

static void print_json_tests(struct sab_json *json, const struct sab_results_of_cell *of, int measure,
                             const struct sab_cell_test *tests, int n)
{
    sab_json_open(json, "test", '[');
    for (int i = 0; i < n && of->n > 0; i++) {
        struct summary s = summarise(of, measure, i);
        sab_json_open(json, NULL, '{');
        sab_json_int(json, "T", tests[i].T);
        sab_json_real(json, "mean", s.mean);
        sab_json_real(json, "least", s.least);
        sab_json_real(json, "most", s.most);
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
}

void sab_table_print_json(FILE *to, const struct sab_table_results *loaded, const char *only)
{
    static const char *const measures[] = {"accuracy", "mse", "bits_per_char"};
    struct sab_json json = {.to = to};
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "table", loaded->table->name);
    sab_json_text(&json, "title", loaded->table->title);
    sab_json_text(&json, "measure", measures[loaded->table->measure]);
    sab_json_bool(&json, "quick", loaded->is_quick);
    sab_json_open(&json, "cells", '[');
    for (int i = 0; i < loaded->n_cells; i++) {
        const struct sab_results_of_cell *of = &loaded->cells[i];
        struct sab_cell_test tests[SAB_TEST_CAP];
        struct sab_options config = {0};
        char name[SAB_CELL_NAME_CAP];
        if (!is_wanted(of->cell, only) || sab_cell_config(of->cell, 1, loaded->is_quick, &config, NULL) != SAB_OK)
            continue;
        sab_cell_name(of->cell, name);
        sab_json_open(&json, NULL, '{');
        sab_json_text(&json, "cell", name);
        sab_json_text(&json, "row", of->cell->row);
        sab_json_text(&json, "column", of->cell->column);
        sab_json_text(&json, "paper", of->cell->paper.text);
        sab_json_text(&json, "paper_standing", of->cell->paper.standing);
        print_json_tests(&json, of, loaded->table->measure, tests, sab_cell_tests(of->cell, &config, tests));
        print_json_runs(&json, of);
        sab_json_close(&json, '}');
        sab_options_clear(&config);
    }
    sab_json_close(&json, ']');
    sab_json_text(&json, "version", SAB_VERSION);
    sab_json_close(&json, '}');
}

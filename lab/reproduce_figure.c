/* See reproduce_figure.h. */
#include "lab/reproduce_figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "report/cairo.h"
#include "report/plot.h"

enum { SERIES_CAP = 256, POINTS_CAP = 1 << 16 };

/* Series under construction; the points of all stand in two blocks. */
struct figure {
    struct sab_plot_series *series;
    double *x, *y;
    int n_series, n_points;
};

const char *sab_table_figure_title(const struct sab_table *table)
{
    static const char *const titles[] = {
        [SAB_FIGURE_NONE] = "",
        [SAB_FIGURE_CURVES] = "validation accuracy while learning, one line a seed",
        [SAB_FIGURE_LENGTHS] = "test accuracy by length of the test, mean over seeds",
        [SAB_FIGURE_COST] = "accuracy by processor time; colours are rows, marks columns",
        [SAB_FIGURE_MAPS] = "what is recalled at three times",
        [SAB_FIGURE_SECONDS] = "bits per character by processor seconds",
    };
    return titles[table->figure];
}

static void begin_series(struct figure *figure, const char *label, int colour, int has_points)
{
    if (figure->n_series < SERIES_CAP)
        figure->series[figure->n_series++] = (struct sab_plot_series){
            label, colour, has_points, 0, figure->x + figure->n_points, figure->y + figure->n_points, NULL};
}

static void add_point(struct figure *figure, double x, double y)
{
    if (figure->n_points == POINTS_CAP)
        return;
    figure->x[figure->n_points] = x;
    figure->y[figure->n_points++] = y;
    figure->series[figure->n_series - 1].n++;
}

/* Of an evaluation: its update, or the processor seconds until then, if the run had the same share of processors all the time. */
static double find_x(int kind, const struct sab_cell_result *result, const struct sab_measured *at)
{
    return kind == SAB_FIGURE_SECONDS ? at->seconds * result->cpu_s / result->seconds : (double)at->step;
}

/* A line for each seed of each cell in the table's column. */
static void add_curves(struct figure *figure, const struct sab_table_results *loaded)
{
    int colour = 0, kind = loaded->table->figure;
    for (int i = 0; i < loaded->n_cells; i++) {
        const struct sab_results_of_cell *of = &loaded->cells[i];
        if (strcmp(of->cell->column, loaded->table->column) != 0)
            continue;
        for (int k = 0; k < of->n; k++) {
            begin_series(figure, k == 0 ? of->cell->row : NULL, colour, 0);
            for (int p = 0; p < of->list[k].n_curve; p++)
                add_point(figure, find_x(kind, &of->list[k], &of->list[k].curve[p]),
                          sab_measure_value(loaded->table->measure, &of->list[k].curve[p]));
        }
        colour += of->n > 0;
    }
}

/* Mean over seeds of test i; NaN where there is none. */
static double mean_test(const struct sab_results_of_cell *of, int measure, int i)
{
    double sum = 0;
    int n = 0;
    for (int k = 0; k < of->n; k++)
        if (i < of->list[k].n_tests) {
            sum += sab_measure_value(measure, &of->list[k].tests[i]);
            n++;
        }
    return sum / n;
}

static void add_lengths(struct figure *figure, const struct sab_table_results *loaded)
{
    int colour = 0;
    for (int i = 0; i < loaded->n_cells; i++) {
        const struct sab_results_of_cell *of = &loaded->cells[i];
        if (of->n == 0)
            continue;
        begin_series(figure, of->cell->row, colour++, 1);
        for (int k = 0; k < of->list[0].n_tests; k++)
            add_point(figure, of->list[0].tests[k].T, mean_test(of, loaded->table->measure, k));
    }
}

/* A point for each cell. Columns that are all called KEY=... are marked by what follows. */
static void add_costs(struct figure *figure, const struct sab_table_results *loaded)
{
    int colour = -1;
    const char *row = NULL, *first = loaded->n_cells > 0 ? loaded->cells[0].cell->column : "";
    size_t key = strchr(first, '=') ? (size_t)(strchr(first, '=') - first) + 1 : 0;
    for (int i = 0; i < loaded->n_cells; i++)
        key = strncmp(loaded->cells[i].cell->column, first, key) == 0 ? key : 0;
    for (int i = 0; i < loaded->n_cells; i++) {
        const struct sab_results_of_cell *of = &loaded->cells[i];
        double seconds = 0;
        if (of->n == 0)
            continue;
        int is_new = !row || strcmp(row, of->cell->row) != 0;
        row = of->cell->row;
        colour += is_new;
        begin_series(figure, is_new ? row : NULL, colour, 1);
        for (int k = 0; k < of->n; k++)
            seconds += of->list[k].cpu_s / of->n;
        add_point(figure, seconds, mean_test(of, loaded->table->measure, 0));
        figure->series[figure->n_series - 1].mark = of->cell->column + key;
    }
}

int sab_table_draw(const struct sab_table_results *loaded, const char *path, int *drawn, struct sab_error *err)
{
    struct figure figure = {sab_alloc(SERIES_CAP, sizeof *figure.series), sab_alloc(POINTS_CAP, sizeof(double)),
                            sab_alloc(POINTS_CAP, sizeof(double)), 0, 0};
    static const char *const x_names[] = {"", "updates", "T of the test", "processor seconds of training", "", "processor seconds"};
    int status = SAB_OK, kind = loaded->table->figure, is_curve = kind == SAB_FIGURE_CURVES || kind == SAB_FIGURE_SECONDS;
    struct sab_error why = {0};
    char version[32];
    *drawn = 0;
    if (kind != SAB_FIGURE_NONE && kind != SAB_FIGURE_MAPS && sab_cairo_check(version, &why) != SAB_OK) {
        fprintf(stderr, "sab reproduce: the figure of %s is not drawn: %s\n", loaded->table->name, why.message);
        *drawn = access(path, F_OK) == 0; /* the one that is there stays */
        kind = SAB_FIGURE_NONE;
    }
    if (!figure.series || !figure.x || !figure.y)
        status = sab_fail(err, SAB_NOMEM, "no memory for a figure");
    else if (is_curve)
        add_curves(&figure, loaded);
    else if (kind == SAB_FIGURE_LENGTHS)
        add_lengths(&figure, loaded);
    else if (kind == SAB_FIGURE_COST)
        add_costs(&figure, loaded);
    if (status == SAB_OK && figure.n_points > 0) {
        char title[160];
        snprintf(title, sizeof title, "%s%s%s: %s", loaded->table->name, is_curve ? ", " : "",
                 is_curve ? loaded->table->column : "", sab_table_figure_title(loaded->table));
        struct sab_plot plot = {
            .title = title,
            .x_name = x_names[kind],
            .y_name = kind == SAB_FIGURE_SECONDS ? "bits per character" : "accuracy",
            .is_x_log = !is_curve,
            .y_least = 0,
            .y_most = kind == SAB_FIGURE_SECONDS ? 0 : 1, /* 0: as the points need */
            .series = figure.series,
            .n_series = figure.n_series,
        };
        *drawn = 1;
        status = sab_plot_draw(&plot, NULL, SAB_PICTURE_SVG, path, err);
    }
    sab_free(figure.series);
    sab_free(figure.x);
    sab_free(figure.y);
    return status;
}

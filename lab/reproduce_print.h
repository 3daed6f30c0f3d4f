/* A table of results as Markdown or JSON: means over seeds beside the paper's figures. Everything is read from result
 * files. */
#ifndef SAB_LAB_REPRODUCE_PRINT_H
#define SAB_LAB_REPRODUCE_PRINT_H

#include <stdio.h>

#include "lab/reproduce_result.h"

/* Results of one table. */
struct sab_table_results {
    const struct sab_table *table;
    int is_quick;
    int n_cells;
    struct sab_results_of_cell {
        const struct sab_table_cell *cell;
        struct sab_cell_result *list; /* by seed */
        int n;
    } *cells;
};

/* From DIR/results or docs/results: what lies there of the table, checked against its rows. Clear in every case. */
int sab_table_results_load(const struct sab_table *table, const char *results, int is_quick,
                           struct sab_table_results *loaded, struct sab_error *err);
void sab_table_results_clear(struct sab_table_results *loaded);

/* What a table shows of a test. NaN where nothing was measured. */
double sab_measure_value(int measure, const struct sab_measured *measured);

/* The table and what stands below it. */
void sab_table_print(FILE *to, const struct sab_table_results *loaded);
/* Cells by name, with each of their runs; only those that are `only` (a name, row or column), unless that is "". */
void sab_table_print_json(FILE *to, const struct sab_table_results *loaded, const char *only);
/* A line for each run, with its digest. */
void sab_table_print_runs(FILE *to, const struct sab_table_results *loaded, const char *only);

#endif

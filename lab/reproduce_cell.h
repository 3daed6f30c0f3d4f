/* A cell of a table and a seed, made into what can be run: a configuration, a command that anyone can type, names of
 * files. Must not know how it is run, nor what came of it. */
#ifndef SAB_LAB_REPRODUCE_CELL_H
#define SAB_LAB_REPRODUCE_CELL_H

#include "lab/reproduce_tables.h"
#include "train/options.h"

enum {
    SAB_CELL_NAME_CAP = 64,
    SAB_COMMAND_CAP = 2048,
    SAB_TEST_CAP = 16,       /* lengths of test sequences */
    SAB_FILE_CAP = SAB_DIR_CAP + 64
};

/* "COLUMN ROW" */
void sab_cell_name(const struct sab_table_cell *cell, char name[SAB_CELL_NAME_CAP]);

/* Finds them by name; unknown ones suggest the nearest. */
int sab_table_find(const char *name, const struct sab_table **table, struct sab_error *err);
/* 1 if text is the name, the row or the column of the cell. */
int sab_cell_is(const struct sab_table_cell *cell, const char *text);
int sab_cell_fail_unknown(const struct sab_table *table, const char *name, struct sab_error *err);

const struct sab_table *sab_cell_table(const struct sab_table_cell *cell);
/* Seeds 1 and on that the cell wants unless told otherwise. */
int sab_cell_seeds(const struct sab_table_cell *cell);

/* The options of table and cell on top of the defaults. quick: a fiftieth of the updates, small batches, little to
 * measure. *config is new, and all zero on failure. */
int sab_cell_config(const struct sab_table_cell *cell, uint64_t seed, int is_quick, struct sab_options *config,
                    struct sab_error *err);

/* The lengths T that it is tested at, and on how many sequences each. */
struct sab_cell_test {
    int T, sequences;
};
int sab_cell_tests(const struct sab_table_cell *cell, const struct sab_options *config,
                   struct sab_cell_test tests[SAB_TEST_CAP]);

/* "sab train TASK --name value ...", with what the rows name and what differs from the defaults, but not where, on how
 * many threads and with which instructions: these do not decide what is learned. */
void sab_cell_command(const struct sab_table_cell *cell, const struct sab_options *config,
                      char command[SAB_COMMAND_CAP]);
/* 1 if the table or the cell names the option (k-top), or a preset; all of a table that does not leave the others to be chosen. */
int sab_cell_gives(const struct sab_table_cell *cell, const char *name);
/* Of the options that do, the first in which the two differ; NULL if there is none. The seed counts. */
const char *sab_cell_difference(const struct sab_options *a, const struct sab_options *b);

/* DIR/results/TABLE/CELL-sSEED.json, and the run folder DIR/runs/TABLE/CELL-sSEED of the first cell with these options.
 * SAB_INVALID when a path is too long. */
int sab_cell_result_path(const struct sab_table_cell *cell, const char *results, uint64_t seed, char path[SAB_FILE_CAP],
                         struct sab_error *err);
int sab_cell_run_path(const struct sab_table_cell *cell, const char *dir, uint64_t seed, char path[SAB_DIR_CAP],
                      struct sab_error *err);

/* The name as a part of a file's name: letters, digits, dots and dashes. */
void sab_cell_slug(const struct sab_table_cell *cell, char slug[SAB_CELL_NAME_CAP]);

#endif

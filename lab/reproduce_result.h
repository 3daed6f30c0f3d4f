/* What one cell and seed came to, as a file of JSON: all that tables, figures and readers need to know of a run. */
#ifndef SAB_LAB_REPRODUCE_RESULT_H
#define SAB_LAB_REPRODUCE_RESULT_H

#include "lab/reproduce_cell.h"
#include "train/run.h"

/* One evaluation: of the test sequences of length T, or on the way at update `step`. What does not apply is NaN. */
struct sab_measured {
    int64_t step;
    int T, sequences;
    double loss, accuracy, mse, bits_per_char, seconds;
};

/* A picture of what is recalled at some update, beside the result file. */
struct sab_cell_map {
    int64_t step;
    double accuracy;
    char png[128];
};

enum { SAB_MAP_CAP = 3 };

struct sab_cell_result {
    uint64_t seed;
    char command[SAB_COMMAND_CAP];
    char version[32], cpu[16], digest[33];
    char failed[512];           /* why it ended before its time, bad numbers; "" if it did not */
    int64_t steps, best_step;   /* best_step -1: nothing was evaluated */
    int stopped_early;
    double seconds, cpu_s;      /* of training: on the clock, and of all processors together */
    double peak_nbytes;
    struct sab_measured best, last; /* of the validation data */
    int n_tests, n_curve;
    struct sab_measured tests[SAB_TEST_CAP];
    struct sab_measured *curve; /* [n_curve] */
    int n_maps;
    struct sab_cell_map maps[SAB_MAP_CAP];
};

/* What the run and its tests gave; metrics.jsonl in the run's folder is its curve. Replaced atomically. */
int sab_cell_result_write(const char *path, const struct sab_table_cell *cell, const struct sab_cell_result *result,
                          struct sab_error *err);
/* Fills result->curve from the run's folder. */
int sab_cell_result_take_curve(struct sab_cell_result *result, const char *run, struct sab_error *err);

/* SAB_IO, SAB_FORMAT name the file. Clear what was read. */
int sab_cell_result_read(const char *path, struct sab_cell_result *result, struct sab_error *err);
void sab_cell_result_clear(struct sab_cell_result *result);

/* SAB_INVALID, naming `what` and the first setting that differs, when the command is not the one expected. */
int sab_cell_result_agrees(const char *what, const char *command, const char *expected, struct sab_error *err);

/* All results of a cell in the folder of results, by rising seed, checked against the cell. Free with the second. */
int sab_cell_results_load(const struct sab_table_cell *cell, const char *results, int is_quick,
                          struct sab_cell_result **list, int *n, struct sab_error *err);
void sab_cell_results_free(struct sab_cell_result *list, int n);

/* 1 if there is a file. */
int sab_cell_result_exists(const char *path);

#endif

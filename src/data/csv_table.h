/* A CSV file as series of numbers: which columns are read and what they are called, then the values of those, row after
 * row of one series after the other. Must not know batches or splits.
 *
 * Read in two passes over the bytes: the first checks the form and counts rows, series and classes, the second puts each
 * number where it belongs. So rows of different series may be mixed, and nothing but the result takes memory. */
#ifndef SAB_DATA_CSV_TABLE_H
#define SAB_DATA_CSV_TABLE_H

#include "data/options.h"
#include "source/text_set.h"
#include "source/times.h"

enum { SAB_CSV_CYCLES = SAB_CYCLE_MONTH + 1, SAB_CSV_HORIZONS_MOST = 1000, SAB_CSV_HORIZON_LONGEST = 1000000 };
enum { SAB_CSV_SERIES_MOST = 1000000, SAB_CSV_CLASSES_MOST = 10000, SAB_CSV_NUMBERS_AS_CLASSES_MOST = 100 };

/* A column of the file. */
struct sab_csv_column {
    char *name; /* NULL where the file has no header */
    int number; /* from 1 */
    double origin; /* values are kept as their differences from this: 0, or one of them where the level may be large */
    int is_category; /* its cells are texts, kept as their numbers among these: csv_categories.h */
    struct sab_text_set categories;
};

/* What is read of a file, and what for: asked for in words (csv_choose.h), or kept from training (csv_facts.h). Any file
 * read with it has the columns at places of its own. */
struct sab_csv_schema {
    int goal, loss;                 /* enum sab_goal, sab_loss */
    int *horizons, H;               /* how many rows ahead is forecast, ascending; H is 1 where nothing is */
    int is_named;                   /* columns are found by their names; else by their numbers */
    int n_columns;                  /* columns of a file without header */
    struct sab_csv_column *columns; /* [n] with numbers in them, each once */
    int n;
    int *inputs, I;                 /* indices into columns; categories are the last */
    int *targets, O;                /* the same; NULL where the answers are classes. Outputs are each target's H horizons, and of
                                       each of these Q quantiles */
    int Q;                          /* 1 but for the loss quantile; no fact of data: sab_csv_schema_set_quantiles */
    int *present;                   /* [O] places among the inputs of the targets' present values, where forecasts are
                                       changes from these; NULL: forecasts are values */
    struct sab_csv_column label, series, time; /* number 0: there is none */
    struct sab_time_format time_format;
    struct sab_time_step step;      /* between rows of the training data; none where they have no common one */
    int missing;                    /* enum sab_missing */
    int calendar[SAB_CSV_CYCLES];   /* enum sab_time_cycle */
    int n_calendar;
    struct sab_text_set classes;    /* of cross entropy */
    int are_numbers;                /* 1: they were taken for classes because all are whole numbers, few of them */
};

void sab_csv_schema_clear(struct sab_csv_schema *schema);

/* The farthest row ahead that is forecast; 0 where the goal is another. */
int sab_csv_schema_ahead(const struct sab_csv_schema *schema);

/* Reads "6", "1-24" or "1,6,24" into the schema. SAB_INVALID, SAB_NOMEM. */
int sab_csv_schema_set_horizons(struct sab_csv_schema *schema, const char *list, struct sab_error *err);

/* How many outputs the option quantiles makes of each value that is forecast, where the loss is of these. SAB_INVALID. */
int sab_csv_schema_set_quantiles(struct sab_csv_schema *schema, const char *quantiles, struct sab_error *err);

/* Outputs of a step: classes, or the Q quantiles of the H horizons of each target. */
int sab_csv_schema_outputs(const struct sab_csv_schema *schema);

/* Inputs of a step: those of columns, of categories one for each text, for each column whether it is made up (--missing mask), and
 * two for each cycle of the calendar. */
int sab_csv_schema_inputs(const struct sab_csv_schema *schema);

/* "column OT" or "column 3" for messages. */
enum { SAB_CSV_COLUMN_CAP = 64 };
void sab_csv_column_show(const struct sab_csv_column *column, char text[SAB_CSV_COLUMN_CAP]);

struct sab_csv_series {
    int64_t begin, rows;
};

struct sab_csv_table {
    int64_t rows;
    double *values;     /* [rows, schema.n], less their columns' origins; NaN where there is none */
    double *filled;     /* the same, with the last value before in place of NaN, where there was one; may be values itself */
    int64_t *times;     /* [rows], or NULL */
    int64_t *numbers;   /* [rows] of the rows in their series of the file, from 1; 0: of none. NULL: they are as in the file */
    int32_t *labels;    /* [rows], or [series] where the goal is one answer a series, -1: no answer; NULL: the file has none */
    int has_targets;    /* 0: the file lacks the columns of the answers, which only predicting can do without */
    struct sab_csv_series *series;
    int S;
    struct sab_text_set names; /* of the series; empty where there is one without a name */
};

struct sab_csv_dialect;
struct sab_account;

/* Reads a file, by as many threads (0: one per processor), which make no difference to what comes of it. Unless it is_known, the schema is
 * made from the options of config and the file; else the file must fit it.
 * The account may be NULL. SAB_IO,
 * SAB_FORMAT, SAB_INVALID (an option names a column that is not there), SAB_NOMEM. On failure *table is left alone, and
 * *schema is for clearing only. */
int sab_csv_table_read(struct sab_csv_table *table, const char *path, struct sab_csv_schema *schema,
                       const struct sab_csv_dialect *dialect, const struct sab_task_options *config, int is_known,
                       int threads, struct sab_account *account, struct sab_error *err);

void sab_csv_table_clear(struct sab_csv_table *table);

#endif

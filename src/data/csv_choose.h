/* Which columns of a CSV file are read: chosen by the options --inputs, --targets, --series and --goal, or found again by
 * the names that a model kept. Must not know values below the first row. */
#ifndef SAB_DATA_CSV_CHOOSE_H
#define SAB_DATA_CSV_CHOOSE_H

#include "data/csv_table.h"
#include "data/options.h"
#include "source/csv.h"
#include "source/csv_survey.h"

/* loss of a schema while it is open whether the answers are classes or values. */
enum { SAB_CSV_LOSS_OPEN = -1 };

/* The first lines of a file. */
struct sab_csv_head {
    const char *path;
    int has_header;
    int is_guess;                      /* that was told from the first lines */
    int n;                             /* columns */
    const struct sab_csv_field *names; /* [n] the header; of no meaning without one */
    const struct sab_csv_field *row;   /* [n] the first row of values; NULL where there is none */
    const struct sab_csv_dialect *dialect;
    const struct sab_csv_survey *survey; /* of the columns; where a schema is made */
    struct sab_text_set index;         /* of the names, see sab_csv_head_index; empty: names are looked for one by one */
    int *places;                       /* [index.n] of each name: its place, -2 where several columns have it */
};

/* Makes finding many names fast. SAB_NOMEM; clear in every case. */
int sab_csv_head_index(struct sab_csv_head *head, struct sab_error *err);
void sab_csv_head_clear(struct sab_csv_head *head);

/* The place of a name: -1 if no column has it, -2 if several have. */
int sab_csv_find_name(const struct sab_csv_head *head, const char *name, size_t nbytes);

/* The places that one item of the list of an option stands for: a name, a number from 1, or "3-5". */
int sab_csv_find_item(const struct sab_csv_head *head, const char *option, const char *item, size_t nbytes, int *first,
                      int *last, struct sab_error *err);

/* Marks the columns of a list in is_chosen[n]. */
int sab_csv_find_list(const struct sab_csv_head *head, const char *option, const char *list, unsigned char *is_chosen,
                      struct sab_error *err);

/* Whether the first of two rows (the second may be NULL) names columns: it holds no number, or a text (not NaN or such)
 * where the row below has a number, or years one after the other where the row below has other numbers. */
int sab_csv_looks_named(const struct sab_csv_dialect *dialect, const struct sab_csv_field *first,
                        const struct sab_csv_field *second, int n);

/* Fills an empty schema. Answers that may be classes or values are left in `label`, with SAB_CSV_LOSS_OPEN. */
int sab_csv_choose(struct sab_csv_schema *schema, const struct sab_task_options *config, const struct sab_csv_head *head,
                   struct sab_error *err);

/* How the times of a column are written: as a pattern says, or, with "auto", as its first cell tells. SAB_INVALID. */
int sab_csv_choose_format(struct sab_time_format *format, const char *pattern, const struct sab_csv_head *head, int place,
                          struct sab_error *err);

/* Decides that the label is a value: it becomes a column and the one target. */
void sab_csv_choose_value(struct sab_csv_schema *schema);

/* Makes the schema's forecasts changes from the present values, each of which must be an input: SAB_INVALID if not. */
int sab_csv_choose_relative(struct sab_csv_schema *schema, struct sab_error *err);

/* Where a file has the schema's column: its place from 0, or -1. */
int sab_csv_place(const struct sab_csv_schema *schema, const struct sab_csv_column *column,
                  const struct sab_csv_head *head);

#endif

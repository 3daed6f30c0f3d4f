/* What the first rows of a CSV file hold, column by column: what guesses about a file rest on, and what is told of columns that
 * are left out. Must not know what columns are for. */
#ifndef SAB_SOURCE_CSV_SURVEY_H
#define SAB_SOURCE_CSV_SURVEY_H

#include "source/csv.h"
#include "source/times.h"

enum { SAB_CSV_SURVEY_ROWS = 10000 }; /* fewer of wide files */

/* Told by the first cell that holds something. */
enum sab_csv_kind { SAB_CSV_EMPTY, SAB_CSV_NUMBERS, SAB_CSV_BOOLEANS, SAB_CSV_TEXTS };

/* Where times do not follow each other by one step: a line of the file, 0 for nowhere. */
struct sab_csv_irregular {
    int64_t double_line, gap_line, back_line; /* the first of each */
    int64_t doubles, gaps, backs, forwards;   /* how many rows */
    struct sab_time_step step;                /* the most common one */
    int64_t gap_from, gap_to;                 /* times around the first gap */
};

struct sab_csv_finding {
    int kind;                      /* enum sab_csv_kind */
    struct sab_csv_field example;  /* that first cell; with EMPTY, nothing */
    double count_step;             /* numbers that only count up: by how much; 0: they do not */
    int is_time;                   /* texts or numbers that are times */
    int is_ambiguous;              /* times: days and months cannot be told apart */
    struct sab_time_format format; /* of times */
    struct sab_csv_irregular irregular;
};

struct sab_csv_survey {
    int n;    /* columns */
    int rows; /* that were looked at */
    struct sab_csv_finding *columns;
};

/* Looks at the rows from `begin` on, which must have n columns; looking ends before one that has not. series: the place of the
 * column that tells series apart, or -1. What it points to lies in the file. SAB_NOMEM. Clear in every case. */
int sab_csv_survey_make(struct sab_csv_survey *survey, const struct sab_csv *begin, int n, int series,
                        struct sab_error *err);
void sab_csv_survey_clear(struct sab_csv_survey *survey);

#endif

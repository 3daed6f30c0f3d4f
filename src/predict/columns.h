/* Which fields of the lines that sab predict --stream reads are what. */
#ifndef SAB_PREDICT_COLUMNS_H
#define SAB_PREDICT_COLUMNS_H

#include "predict/answers.h"
#include "source/csv.h"

struct sab_line_columns {
    int width;        /* fields of every line; 0: not known yet */
    int *places;      /* [I] fields of the inputs that are columns */
    int I;
    int series_place, time_place; /* or -1 */
};

/* From the first line, where it names all columns that are needed: *is_named is set, and answers begin with the next line. Else
 * from its number of fields: the inputs alone in their order, or all columns of training. SAB_FORMAT, SAB_NOMEM. */
int sab_line_columns_find(struct sab_line_columns *columns, const struct sab_answers *answers, const struct sab_csv *line,
                          int *is_named, struct sab_error *err);

/* The name of input i for messages. */
void sab_line_columns_show(const struct sab_line_columns *columns, const struct sab_answers *answers, int i,
                           char text[SAB_CSV_COLUMN_CAP]);

#endif

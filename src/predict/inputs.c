/* What the inputs of a table are called, in the order in which data/csv_inputs.c makes them. */
#include <stdio.h>
#include <string.h>

#include "data/csv_table.h"
#include "predict/answers.h"
#include "source/times.h"

static void name_column(const struct sab_csv_column *column, const char *more, char name[SAB_PLACE_CAP])
{
    if (column->name)
        snprintf(name, SAB_PLACE_CAP, "%.90s%.36s", column->name, more);
    else
        snprintf(name, SAB_PLACE_CAP, "column%d%.36s", column->number, more);
}

int sab_answers_input(const struct sab_answers *a, int i, char name[SAB_PLACE_CAP], double *mean, double *deviation)
{
    const struct sab_csv_schema *s = &a->schema;
    *mean = name[0] = 0;
    *deviation = 1;
    if (s->n == 0 && a->input.n > i) { /* arrays: no names, but units */
        *mean = a->input.mean[i];
        *deviation = a->input.deviation[i];
        return 1;
    }
    for (int k = 0; k < s->I && s->n > 0; k++) {
        const struct sab_csv_column *column = &s->columns[s->inputs[k]];
        int width = column->is_category ? column->categories.n : 1;
        char more[40];
        if (i < width) {
            snprintf(more, sizeof more, column->is_category ? " = %.30s" : "%s", column->is_category
                     ? sab_text_set_at(&column->categories, i) : "");
            name_column(column, more, name);
            if (!column->is_category) {
                *mean = a->columns.mean[s->inputs[k]] + column->origin;
                *deviation = a->columns.deviation[s->inputs[k]];
            }
            return 1;
        }
        i -= width;
    }
    if (s->n > 0 && s->missing == SAB_MISSING_MASK) {
        if (i < s->I) {
            name_column(&s->columns[s->inputs[i]], " is missing", name);
            return 1;
        }
        i -= s->I;
    }
    if (s->n == 0 || i / 2 >= s->n_calendar)
        return 0;
    snprintf(name, SAB_PLACE_CAP, "%s of %s", i % 2 ? "cosine" : "sine", sab_cycle_names[s->calendar[i / 2]]);
    return 1;
}

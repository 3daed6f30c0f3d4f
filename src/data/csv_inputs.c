/* See csv_inputs.h.
 *
 *     | columns of values, standardised | of each column of categories, 1 at the text's place | with --missing mask, 1 where that
 *     column's value is made up | sine, cosine of each cycle |
 */
#include "data/csv_inputs.h"

#include <math.h>

int sab_csv_schema_inputs(const struct sab_csv_schema *schema)
{
    int n = schema->missing == SAB_MISSING_MASK ? schema->I : 0;
    for (int i = 0; i < schema->I; i++) {
        const struct sab_csv_column *column = &schema->columns[schema->inputs[i]];
        n += column->is_category ? column->categories.n : 1;
    }
    return n + 2 * schema->n_calendar;
}

void sab_csv_inputs(const struct sab_csv_schema *schema, const struct sab_scaling *columns, const double *values,
                    const double *filled, int64_t time, sab_real *inputs)
{
    int at = 0;
    for (int i = 0; i < schema->I; i++) {
        int k = schema->inputs[i];
        const struct sab_csv_column *column = &schema->columns[k];
        if (!column->is_category) {
            inputs[at++] = isnan(filled[k]) ? 0 : (sab_real)((filled[k] - columns->mean[k]) / columns->deviation[k]);
            continue;
        }
        for (int c = 0; c < column->categories.n; c++)
            inputs[at++] = filled[k] == c;
    }
    for (int i = 0; i < schema->I && schema->missing == SAB_MISSING_MASK; i++)
        inputs[at++] = isnan(values[schema->inputs[i]]);
    for (int c = 0; c < schema->n_calendar; c++) {
        double angle = 2 * M_PI * sab_time_phase(time, (enum sab_time_cycle)schema->calendar[c]);
        inputs[at++] = (sab_real)sin(angle);
        inputs[at++] = (sab_real)cos(angle);
    }
}

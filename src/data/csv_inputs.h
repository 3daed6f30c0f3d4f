/* The inputs of one step of a CSV task, from the values of a row: of files, of lines as they come, of rows that are forecast. */
#ifndef SAB_DATA_CSV_INPUTS_H
#define SAB_DATA_CSV_INPUTS_H

#include "data/csv_table.h"
#include "data/scaling.h"

/* values and filled: [schema.n] as in a struct sab_csv_table; time: of the row, where the schema has a calendar. inputs:
 * [sab_csv_schema_inputs]. What was never known is the mean. */
void sab_csv_inputs(const struct sab_csv_schema *schema, const struct sab_scaling *columns, const double *values,
                    const double *filled, int64_t time, sab_real *inputs);

#endif

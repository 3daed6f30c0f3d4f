/* The schema of a CSV task and its means, as the facts that a model keeps. */
#ifndef SAB_DATA_CSV_FACTS_H
#define SAB_DATA_CSV_FACTS_H

#include "data/csv_table.h"
#include "data/scaling.h"

/* As struct sab_task_kind's facts(). columns: one mean and deviation for each of schema->columns. */
int sab_csv_facts_print(const struct sab_csv_schema *schema, const struct sab_scaling *columns, char **json,
                        struct sab_error *err);

/* Reads them back; they may be hostile. SAB_FORMAT, SAB_NOMEM; then schema and columns are for clearing only. Both start
 * from zeroed structs. */
int sab_csv_facts_read(struct sab_csv_schema *schema, struct sab_scaling *columns, const char *json,
                       struct sab_error *err);

#endif

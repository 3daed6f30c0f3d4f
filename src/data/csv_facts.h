/* The schema of a CSV task and its means, as the facts that a model keeps. */
#ifndef SAB_DATA_CSV_FACTS_H
#define SAB_DATA_CSV_FACTS_H

#include "data/account.h"
#include "data/class_weights.h"
#include "data/csv_table.h"
#include "data/scaling.h"

/* As struct sab_task_kind's facts(). columns: one mean and deviation for each of schema->columns. */
int sab_csv_facts_print(const struct sab_csv_schema *schema, const struct sab_scaling *columns,
                        const struct sab_account *account, const struct sab_class_weights *weights, char **json,
                        struct sab_error *err);

/* Reads them back; they may be hostile. SAB_FORMAT, SAB_NOMEM; then all four are for clearing only. They start from zeroed
 * structs; account and weights may be NULL. */
int sab_csv_facts_read(struct sab_csv_schema *schema, struct sab_scaling *columns, struct sab_account *account,
                       struct sab_class_weights *weights, const char *json, struct sab_error *err);

#endif

/* Columns whose texts are inputs (--categories): a text becomes one input of each that training saw, 1 where it is that one and 0
 * elsewhere, so that its row of weight_ih is its embedding. A text that training never saw has none of them: the network goes by
 * the rest. A cell holds the number of its text, or the number of texts where that was never seen. */
#ifndef SAB_DATA_CSV_CATEGORIES_H
#define SAB_DATA_CSV_CATEGORIES_H

#include "base/json.h"
#include "base/json_out.h"
#include "data/account.h"
#include "data/csv_table.h"
#include "source/csv.h"

/* The number of the text in the field, among those of the column; with `is_open` a new one is added. SAB_FORMAT where the text cannot
 * be one (too long, no UTF-8) and is_open, or where there are more than SAB_CSV_CLASSES_MOST; SAB_NOMEM. */
int sab_csv_category(struct sab_csv_column *column, const struct sab_csv *csv, const struct sab_csv_field *field, int is_open,
                     double *number, struct sab_error *err);

/* Forgets the texts that no training row has; the cells of all tables are numbered anew. is_seen(user, table row) of the first
 * table. The account tells of texts that were forgotten. SAB_FORMAT where no text is left; SAB_NOMEM. */
int sab_csv_categories_settle(struct sab_csv_schema *schema, struct sab_csv_table *tables, int n_tables,
                              int (*is_seen)(const void *user, int64_t row), const void *user, struct sab_account *account,
                              struct sab_error *err);

/* Puts them into facts as "categories": of each such column its place in the list of columns, and its texts. Reads them back, which
 * may be hostile: SAB_FORMAT, SAB_NOMEM. */
void sab_csv_categories_put(const struct sab_csv_schema *schema, struct sab_json *facts);
int sab_csv_categories_get(struct sab_csv_schema *schema, const struct sab_value *facts, struct sab_error *err);

#endif

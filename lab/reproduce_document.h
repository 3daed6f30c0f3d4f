/* A document whose tables and figures come from result files: nothing in it is typed. */
#ifndef SAB_LAB_REPRODUCE_DOCUMENT_H
#define SAB_LAB_REPRODUCE_DOCUMENT_H

#include "sab.h"

/* Puts each table between its lines "<!-- table NAME -->" and "<!-- end NAME -->" of the Markdown file, and draws its
 * figure into the folder of results, as NAME.svg. *tables is how many there were. Nothing is written where nothing
 * changes. SAB_FORMAT names the line, SAB_INVALID a result of other settings. */
int sab_reproduce_document(const char *document, const char *results, int *tables, struct sab_error *err);

#endif

/* The page of a report: one file of HTML that needs nothing from outside, around a document in JSON (document.h). Must not know
 * what the document says. */
#ifndef SAB_REPORT_PAGE_H
#define SAB_REPORT_PAGE_H

#include <stddef.h>

#include "sab.h"

/* Writes the page around the JSON of nbytes bytes into a file, atomically. SAB_IO, SAB_NOMEM. */
int sab_page_write(const char *path, const char *json, size_t nbytes, struct sab_error *err);

#endif

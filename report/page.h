/* The page of a report: one file of HTML that needs nothing from outside, around a document in JSON (document.h). Must not know
 * what the document says. */
#ifndef SAB_REPORT_PAGE_H
#define SAB_REPORT_PAGE_H

#include <stddef.h>

#include "sab.h"

/* The page around the JSON of nbytes bytes, in a new block (sab_free). is_served 1: it asks where it came from for news. SAB_NOMEM. */
int sab_page_make(const char *json, size_t nbytes, int is_served, char **page, size_t *page_nbytes, struct sab_error *err);

/* Writes the page around the JSON of nbytes bytes into a file, atomically. SAB_IO, SAB_NOMEM. */
int sab_page_write(const char *path, const char *json, size_t nbytes, struct sab_error *err);

#endif

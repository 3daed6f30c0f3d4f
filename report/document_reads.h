/* Sequences of a report, and what each of their steps recalled. */
#ifndef SAB_REPORT_DOCUMENT_READS_H
#define SAB_REPORT_DOCUMENT_READS_H

#include "report/document.h"

/* What a report calls the parts of data. */
extern const char *const sab_document_splits[];

/* Writes the keys sequences and recall (or recallNote, a sentence, where there is nothing to recall). */
int sab_document_reads(struct sab_json *json, struct sab_model *model, struct sab_task *task, const struct sab_document *document,
                       struct sab_error *err);

/* The same of a sequence that somebody wrote (own_sequence.h). */
int sab_document_reads_own(struct sab_json *json, struct sab_model *model, const char *text, struct sab_error *err);

#endif

/* What a report says, as JSON: of each run what it is, what it measured as it went, how good its model is, and sequences with what
 * each of their steps recalled. report/page/ draws it. Knows the public headers only. */
#ifndef SAB_REPORT_DOCUMENT_H
#define SAB_REPORT_DOCUMENT_H

#include "base/json_out.h"
#include "sab_run.h"

struct sab_document {
    enum sab_split split; /* the part that is measured and shown */
    int sequences;        /* that are shown, at most */
    /* sets in the options of a run what is asked for in their place, and finds the data; a failure is told in the report */
    int (*settle)(void *user, const char *where, struct sab_options *options, struct sab_error *err);
    /* told before it is measured, if not NULL */
    void (*measures)(void *user, const struct sab_options *options, struct sab_task *task, enum sab_split split);
    void *user;
};

/* Writes the whole document: of the runs in these n folders or model files. stamp: of a page that is served, what is
 * asked about news; NULL: none. Errors of sab_document_run. */
int sab_document_write(struct sab_json *json, const char *const *runs, int n, const struct sab_document *document, const char *stamp,
                       struct sab_error *err);

/* Writes what the model of a run makes of a sequence that somebody wrote, as an object with "sequences" and "recall" as
 * in a run's entry: the characters of a text, or the numbers of symbols, or of values with the steps apart by line ends
 * or semicolons. SAB_INVALID names what is none of these. */
int sab_document_own(struct sab_json *json, const char *where, const char *text, struct sab_error *err);

/* Writes the entry of the run in folder (or model file) where. SAB_IO, SAB_FORMAT, SAB_NOMEM; where only the data cannot be opened, or a
 * model has no memory, the entry says so and is whole. */
int sab_document_run(struct sab_json *json, const char *where, const struct sab_document *document, struct sab_error *err);

#endif

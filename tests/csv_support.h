/* What the tests of the task csv share: tasks out of texts and options. */
#ifndef SAB_TESTS_CSV_SUPPORT_H
#define SAB_TESTS_CSV_SUPPORT_H

#include "train/options.h"

/* options: "goal=step targets=b"; values without spaces. T is 4 and nothing is standardised, unless they say so. */
void csv_configure(struct sab_options *config, const char *options);

/* The text as the file a.csv of the test's folder; the error names it. */
int csv_make(struct sab_task **task, const char *text, const char *options, struct sab_error *err);

/* The same; a failure ends the test. */
struct sab_task *csv_must(const char *text, const char *options);
struct sab_batch csv_batch(struct sab_task *task, enum sab_split split, int64_t index, int B);

/* Rows "t,100+t" for t = first..first+n-1, under "t,u". */
char *csv_counting(char *text, int first, int n);

#endif

/* Where the answers of sab predict go: CSV or JSON lines as they come, or one NumPy array at the end; to standard output, or to
 * a file that is whole or not there. */
#ifndef SAB_REPORT_ANSWERS_H
#define SAB_REPORT_ANSWERS_H

#include <stdio.h>

#include "base/memory_file.h"
#include "sab_run.h"

enum sab_answers_format { SAB_ANSWERS_CSV, SAB_ANSWERS_NPY, SAB_ANSWERS_JSONL };

struct sab_answers_file {
    int format;              /* enum sab_answers_format */
    int has_probabilities;   /* of all classes, beside the most probable one */
    const char *path;        /* "": standard output */
    FILE *to;
    struct sab_memory_file file; /* of to, where it is memory */
    double *numbers;         /* npy: [count, width] */
    int width;
    int64_t count, cap;
};

/* Starts from a zeroed struct. SAB_NOMEM. */
int sab_answers_file_open(struct sab_answers_file *output, int format, int has_probabilities, const char *path,
                            struct sab_error *err);

/* As sab_predict wants it; user is the output. The first answer is preceded by a line of names. */
int sab_answers_file_put(void *user, const struct sab_answer *answer, struct sab_error *err);

/* A line of it alone: that of names, or of an answer. */
void sab_answers_file_print(struct sab_answers_file *output, const struct sab_answer *answer, int is_head);

/* Writes what is not written yet, unless status says that all has failed; returns the first failure. Takes a zeroed struct
 * too. */
int sab_answers_file_close(struct sab_answers_file *output, int status, struct sab_error *err);

#endif

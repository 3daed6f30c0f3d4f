/* A sequence that somebody wrote, as a batch for a model. */
#ifndef SAB_REPORT_OWN_SEQUENCE_H
#define SAB_REPORT_OWN_SEQUENCE_H

#include "sab_run.h"

enum { SAB_OWN_STEPS = 10000 }; /* at most */

struct sab_own_sequence {
    struct sab_batch batch; /* of one sequence, of which nothing counts */
    int32_t *ids;
    sab_real *values, *weight;
};

/* Reads the characters of a text, where the model knows these (answers may be NULL: it knows nothing of data); else the numbers of symbols,
 * or rows of I values, apart by ';' or line ends. SAB_INVALID names what is none of these, and models whose data are files of other kinds.
 * Clear in every case. */
int sab_own_sequence_read(struct sab_own_sequence *own, const struct sab_model *model, const struct sab_answers *answers, const char *text,
                          struct sab_error *err);
void sab_own_sequence_clear(struct sab_own_sequence *own);

#endif

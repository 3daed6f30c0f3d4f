/* A passage: a stretch of text cut into chunks, each of which asks for the next symbol at each of its steps.
 *
 *     text      a b c d e f g h          position p predicts unit p+1 from unit p, p in 0..n_units-2
 *     T = 3     |abc->bcd|
 *                     |def->efg|
 *                           |g->h|       the last chunk is shorter
 *
 * Where a separator is set, a document ends wherever the text so far ends with it: the chunk that predicts the
 * separator's last unit ends there, and the next chunk starts a document, with that last unit as its first input. So
 * every unit but the first is predicted exactly once, separator or not.
 *
 * An offset for every 16th chunk is kept, 8 bytes; what lies between is found by reading on.
 * Must not know files, configurations, or how chunks become batches. */
#ifndef SAB_SOURCE_PASSAGE_H
#define SAB_SOURCE_PASSAGE_H

#include "source/vocabulary.h"

struct sab_passage {
    const unsigned char *data;  /* of the whole file; borrowed */
    size_t begin, end;          /* the passage is data[begin..end-1] */
    int units, T;
    const char *separator;      /* borrowed; NULL where documents do not end */
    size_t separator_nbytes;
    int64_t n_units, n_chunks;
    int64_t n_documents;
    uint32_t top;               /* the largest code */
    size_t bad_at;              /* where opening found what is no UTF-8 */
    size_t *starts;             /* of chunks 0, 16, 32, ... */
    size_t starts_count, starts_cap;
};

/* Reads data[begin..end-1] once: fills the passage, whose units, T and separator the caller has set, and adds to
 * counts[code] (sab_units_limit of them). SAB_FORMAT: data[bad_at] begins no UTF-8 character (no message is left);
 * SAB_NOMEM. Clear it in every case. */
int sab_passage_open(struct sab_passage *p, const unsigned char *data, size_t begin, size_t end, uint64_t *counts,
                     struct sab_error *err);
void sab_passage_clear(struct sab_passage *p);

/* Chunk j in 0..n_chunks-1: step t's input symbol into ids[t * stride], its label into labels[t * stride]. The rest of
 * the T steps is left alone; both NULL: only how many there are is wanted. Returns the number of steps, 1..T. *fresh: 1
 * where a document begins. Every code of the passage must have a symbol in v. */
int sab_passage_read(const struct sab_passage *p, const struct sab_vocabulary *v, int64_t j, int32_t *ids,
                     int32_t *labels, size_t stride, int *fresh);

/* Where the first unit without a symbol in v stands, line and column from 1, the column in units; 0 where all have
 * one. Lines are counted from the beginning of data. */
int sab_passage_find_unknown(const struct sab_passage *p, const struct sab_vocabulary *v, uint32_t *code,
                             int64_t *line, int64_t *column);

#endif

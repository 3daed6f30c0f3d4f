/* Segments: memories in groups of L, in the order in which they were written. A step scores what the segments amount to, opens the K
 * best of them and the newest, which may not be full, and only the memories of these can be recalled.
 *
 *     U_j   the mean over the memories of segment j of key rows: what it amounts to
 *     A_j = score(U_j, v)
 *     a_i = score(u_i, v) + A_j            of a memory i of an opened segment j
 *
 * Of the mlp score key rows are exp(2u), so that U_j = log(mean of exp(2u)) / 2: what stands out in one of its memories stands out in
 * the segment. Which segments are opened is a constant to the gradient, like which memories are among the K largest; A_j is not.
 * A sequence's segments begin with its first memory. */
#ifndef SAB_REMIND_SEGMENT_H
#define SAB_REMIND_SEGMENT_H

#include <stdint.h>

#include "sab.h"

struct sab_remind;
struct sab_remind_grads;
struct sab_memory;
struct sab_ledger;
struct sab_read;
struct sab_standing;

struct sab_segments {
    int cap;         /* that each sequence has room for */
    sab_real *rows;  /* [S,cap,Ap] of each segment its U, as key rows are kept; the newest may not be full */
    int32_t *opened; /* [K+1] */
    sab_real *A;     /* [K+1] */
    sab_real *back;  /* [2,Ap] room for the way back; NULL where no gradient is wanted */
};

/* Segments that so many memories come to at most. */
int sab_segments_most(const struct sab_remind *r, int memories);
/* Memory i of sequence b has its key: it joins its segment. Memories in order. */
void sab_segments_add(const struct sab_remind *r, struct sab_memory *memory, int b, int i);
/* The newest segment of each sequence from the memories that there are, after the newest of them was taken back. */
void sab_segments_restore(const struct sab_remind *r, struct sab_memory *memory);

/* As sab_candidates, of the n memories from `begin` on: those of the opened segments, rising, and their scores. Standing, of
 * segments, may be NULL. a and index have room for n. */
int sab_segments_candidates(const struct sab_remind *r, const struct sab_memory *memory, int b, int begin, int n, const sab_real *query,
                            struct sab_standing *standing, sab_real *a, int32_t *index);
/* The segment of memory i of sequence b when step t begins: memories *first .. *end - 1. */
void sab_segments_find(const struct sab_remind *r, const struct sab_ledger *ledger, int t, int b, int i, int *first, int *end);
/* The way back of A: da of a read's entries reaches the segments they are of, and there all keys. memory->dkey, dquery and grads ADD. */
void sab_segments_backward(const struct sab_remind *r, const struct sab_memory *memory, int t, int b, const sab_real *query,
                           const struct sab_read *read, const int32_t *index, const sab_real *da, sab_real *dquery,
                           const struct sab_remind_grads *grads);

#endif

/* What stream_carry.c, stream_batch.c, stream_step.c and stream.c share, and nobody else includes. */
#ifndef SAB_MODEL_STREAM_PARTS_H
#define SAB_MODEL_STREAM_PARTS_H

#include "model/stream.h"

enum { SAB_STREAM_FIRST_CAP = 64 }; /* memories that there is room for at first */

/* Fills a carry of zeros: the state and an empty memory of B sequences, its ledger that of one step at a time. 0 without memory; free
 * in every case. */
int sab_carry_create(const struct sab_model *model, int layer, struct sab_carry *carry, int B);
void sab_carry_free(struct sab_carry *carry);
/* Room for `cap` memories, if there is less; on failure everything is as it was. */
int sab_carry_grow(const struct sab_model *model, struct sab_memory *memory, int cap, struct sab_error *err);
/* Memories of all sequences, rows from .. from+n-1 of `in` to rows 0 .. n-1 of `out`, which may be the same. */
void sab_carry_copy(const struct sab_model *model, struct sab_memory *out, const struct sab_memory *in, int from, int n);
/* The alive of sequence b, the newest last, to rows .. n - 1 of sequence `to` of `out`; rows of 0 come before them. Both may be the
 * same memory: no row moves up. */
void sab_carry_put_alive(const struct sab_model *model, struct sab_memory *out, int to, const struct sab_memory *in, int b, int n);

/* Room in the scratch and records that reads of so many memories need. */
int sab_stream_grow_room(struct sab_stream *stream, int cap, struct sab_error *err);
/* SAB_INVALID where sequence b is not at a step from which memories can be carried on. */
int sab_stream_check_since(const struct sab_stream *stream, int b, struct sab_error *err);
/* SAB_NUMERIC where h [B,Hp], a state of that layer, is not finite. */
int sab_stream_check_finite(const struct sab_stream *stream, int layer, const real *h, struct sab_error *err);

#endif

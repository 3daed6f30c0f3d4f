/* What a stream is made of, for those who take whole batches through it (credit) or write it to a file (train). */
#ifndef SAB_MODEL_STREAM_H
#define SAB_MODEL_STREAM_H

#include "model/model.h"

/* One layer between two steps: what the past leaves. */
struct sab_carry {
    real *h, *c;              /* [B,Hp]; c where the cell has one */
    struct sab_memory memory; /* without gradients */
};

struct sab_stream_layer {
    struct sab_span span;     /* of one step */
    struct sab_carry now;
    struct sab_carry next;    /* where a batch leaves what it makes of `now`; empty until the first batch */
};

struct sab_stream {
    struct sab_model *model;
    int B, room;              /* room: memories that scratch and records can read */
    int64_t t;                /* steps taken */
    struct sab_stream_layer *layers;
    struct sab_records records; /* of one step and layer */
    struct sab_scratch scratch;
    real *y;
};

/* Makes room for what a batch of B sequences and T steps leaves; SAB_INVALID when this stream cannot go on with one. */
int sab_stream_ready(struct sab_stream *stream, const struct sab_model *model, int B, int T, struct sab_error *err);
/* Room for `cap` memories, none of which is there yet. */
int sab_stream_make_room(struct sab_stream *stream, int cap, struct sab_error *err);
/* Bytes of a stream of B sequences that batches carry on, `memories` of them at most. */
double sab_stream_nbytes(const struct sab_model *model, int B, int memories);
/* And of the state in it, as it is saved. */
double sab_stream_state_nbytes(const struct sab_model *model, int B, int memories);
/* Memories that a batch takes over. */
int sab_stream_carried(const struct sab_stream *stream);
/* Sequences b0 .. b0+memory->S-1 of `now` into h, c [S,Hp] and memory, keys made anew; nothing for those that are fresh. */
void sab_stream_take(const struct sab_stream *stream, int layer, int b0, const uint8_t *fresh, real *h, real *c,
                     struct sab_memory *memory);
/* And what the batch made of them into `next`. */
void sab_stream_put(struct sab_stream *stream, int layer, int b0, const real *h, const real *c,
                    const struct sab_memory *memory);
/* Exchanges now and next, T steps later; once more, with -T, undoes it. */
void sab_stream_turn(struct sab_stream *stream, int T);

#endif

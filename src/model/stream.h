/* What a stream is made of, for those who take whole batches through it (credit) or write it to a file (train). */
#ifndef SAB_MODEL_STREAM_H
#define SAB_MODEL_STREAM_H

#include "model/model.h"

/* One layer between two steps: what the past leaves. */
struct sab_carry {
    real *h, *c;              /* [B,Hp]; c where the cell has one */
    struct sab_memory memory; /* without gradients */
    struct sab_stretch before; /* what its stretch was before the step at hand, which may fail */
};

struct sab_stream_layer {
    struct sab_span span;     /* of one step */
    struct sab_carry now;
    struct sab_carry next;    /* where a batch leaves what it makes of `now`; empty until the first batch */
};

struct sab_stream {
    struct sab_model *model;  /* may be gone when the stream is freed */
    int layer_count, has_memory; /* of the model */
    int B, room;              /* room: memories that scratch and records can read */
    int64_t t;                /* steps taken */
    int *since, *since_next;  /* [B] steps since the sequence's latest memory, or its begin; 0 where there is no memory */
    uint64_t *draw, *draw_next; /* [B] sab_draws of all inputs of the sequence; 0 where no rule asks */
    struct sab_stream_layer *layers;
    struct sab_records records; /* of one step and layer */
    struct sab_scratch scratch;
    real *y;
};

/* Makes room in `next` for what the batch will leave; SAB_INVALID where the batch cannot go on from this stream. */
int sab_stream_ready(struct sab_stream *stream, const struct sab_model *model, const struct sab_batch *batch,
                     struct sab_error *err);
/* Room for `cap` memories, none of which is there yet. */
int sab_stream_make_room(struct sab_stream *stream, int cap, struct sab_error *err);
/* Bytes of a stream of B sequences that batches carry on, `memories` of them at most. */
double sab_stream_nbytes(const struct sab_model *model, int B, int memories);
/* And of the state alone, as it is saved. */
double sab_stream_state_nbytes(const struct sab_model *model, int B, int memories);
/* Memories that a batch takes over. */
int sab_stream_carried(const struct sab_stream *stream);
/* Copies what sequences b0 .. b0+memory->S-1 begin with from `now`: h and c [S,Hp], memories and ledger.first, but neither keys nor
 * the rest of the ledger. Those that are fresh get zeros, and no memories. */
void sab_stream_copy(const struct sab_stream *stream, int layer, int b0, const uint8_t *fresh, real *h, real *c,
                     struct sab_memory *memory);
/* The same; it also begins the ledger and computes the keys. */
void sab_stream_take(const struct sab_stream *stream, int layer, int b0, const uint8_t *fresh, real *h, real *c,
                     struct sab_memory *memory);
/* The draw of `now`, 0 of one that is fresh; and that of `next`. */
uint64_t sab_stream_take_draw(const struct sab_stream *stream, int b, const uint8_t *fresh);
void sab_stream_put_draw(struct sab_stream *stream, int b, uint64_t draw);
/* And into `next` what the batch made of them: sequence b's state at its end, h and c [Hp] (NULL where there is none) ... */
void sab_stream_put_state(struct sab_stream *stream, int layer, int b, const real *h, const real *c);
/* ... and the memories of sequences b0 .. b0+memory->S-1; of b those before `ends[b]`. */
void sab_stream_put_memory(struct sab_stream *stream, int layer, int b0, const struct sab_memory *memory, const int *ends);
/* ... and of those sequences the stretch at hand, where a memory is made of several states. */
void sab_stream_put_stretch(struct sab_stream *stream, int layer, int b0, const struct sab_memory *memory);
/* S rows with nothing in them. */
void sab_stream_clear_stretch(const struct sab_model *model, const struct sab_stretch *stretch, int S);
/* Copies S rows, from row b on. */
void sab_stream_copy_stretch(const struct sab_model *model, const struct sab_stretch *to, int b, const struct sab_stretch *from, int S);
/* SAB_NUMERIC, naming layer and sequence, where h in `next` is not finite: sab_stream_turn must then not be called. */
int sab_stream_check(const struct sab_stream *stream, struct sab_error *err);
/* Exchanges now and next, T steps later; once more, with -T, undoes it. */
void sab_stream_turn(struct sab_stream *stream, int T);

#endif

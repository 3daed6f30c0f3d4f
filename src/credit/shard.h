/* A shard of the recurrent network: a few sequences of a batch, taken through the network and back alone on one thread.
 *
 *     windows   of k_trunc steps, the unit of credit
 *     spans     of one or more windows, the unit of storage and of products over time
 *     forward   oldest first; a span's activations are stored
 *     backward  newest first; gradient enters a window from its own losses, from the layer above, and through reads of
 *               the memories written in it; never from the window after through h or c
 *
 * Stored: those of every span. Recomputed: those of one at a time; the state at each span's start, the memories and the reads are kept,
 * and a span is run again before its backward pass. Same bits. */
#ifndef SAB_CREDIT_SHARD_H
#define SAB_CREDIT_SHARD_H

#include "model/network.h"
#include "model/stream.h"

enum { SAB_SPAN = 32 }; /* steps per span, about: whole windows, at least one. Changing it changes
                           the order of the gradient's sum, hence bits */

struct sab_layer_run {
    struct sab_memory memory;
    struct sab_records records;
    real *h_start, *c_start;     /* [starts,S,Hp] state entering each span */
    struct sab_span *stored;     /* [n_stored] activations: of every span, or of the one at hand */
    real *output_mask, *state_mask; /* [S,Hp] of the batch, or NULL */
    unsigned char *touched;      /* [n_windows] 1: gradient waits in memories of this window; way back */
};

struct sab_shard {
    const struct sab_model *model;
    int S, T, backward, flow, apart, dvalues, masks; /* room; T steps at most; backward: SAB_STORED, ... */
    int window_len, n_windows, span_windows, span_len, n_spans, n_stored; /* span_windows: windows per span */
    int reads_again;              /* 1: reads are recorded of one span at a time, and selected again by a replay */
    int carried_cap;              /* most memories taken over from the batch before */
    struct sab_layer_run *layers; /* [L] */
    int *first, *ends;            /* [S] of every layer's ledger */
    uint64_t *draw, *draws;       /* [S] sab_draws so far; [span_len,S] of the current span; NULL where no rule asks */
    int32_t *ids;                 /* [span_len,S] of the current span, or NULL */
    real *values;                 /* [span_len,S,I] or NULL */
    real *y;                      /* [n_stored,span_len,S,Op] outputs, then their gradient; apart [span_len,S,Op] */
    real *dh[2], *ds;             /* [span_len,S,Hp] */
    real *dx;                     /* [span_len,S,pad(I)] gradient of input values, or NULL */
    char *kept;                   /* the block that stays */
    unsigned char *active;        /* [span_windows] 1: gradient enters that window of the span */
    unsigned char *asked;         /* [span_len] 1: what the layer at hand reads at that step of the span reaches something */
    struct sab_scratch scratch;

    struct sab_work work;
    real *grads;                  /* way back: [n_padded] ADD */
    int steps, used_spans;        /* as many as the longest of its sequences needs */
    struct sab_loss_sums sums;
};

/* As sab_network.shard_create and shard_attach. Kept are the states at the starts of spans, memories, what was read and,
 * where they are stored, activations; all else is scratch. */
int sab_shard_create(struct sab_shard **out, const struct sab_model *model, const struct sab_room *room,
                     struct sab_blocks *blocks, struct sab_error *err);
void sab_shard_attach(struct sab_shard *shard, const struct sab_room *room, void *scratch);
void sab_shard_free(struct sab_shard *shard);

/* Takes what it is to do, and of a carried state what its sequences go on from; forgets what was. In a batch that carries
 * state every sequence takes part to the last step. */
void sab_shard_load(struct sab_shard *shard, const struct sab_work *work);

/* Several shards of one batch are taken step by step together, n of 1..SAB_TOGETHER: the weights of a step are then
 * read once for all, which counts where they are larger than the caches. Each gets the bits it gets alone. */

/* All spans forward; sums, outputs and (forward only) recall are filled. */
void sab_shard_forward(struct sab_shard *const *shards, int n);
/* Leaves the memories for the next batch; each sequence's state is left when it ends. */
void sab_shard_leave(const struct sab_shard *shard);
/* All spans backward, of the work and into the grads that the shards were told. */
void sab_shard_backward(struct sab_shard *const *shards, int n);

/* Brings in the span's input, which all spans share the room for, and points layer 0 at it. */
void sab_shard_input(struct sab_shard *shard, int span);
/* Outputs of the span's active windows become the gradient that the way back begins with; apart. */
void sab_shard_doutputs(struct sab_shard *shard, int span);
/* Where the span's outputs are. */
real *sab_shard_y(const struct sab_shard *shard, int span);
/* One span forward, its activations stored; replay runs it a second time for the backward pass. */
void sab_shard_span(struct sab_shard *const *shards, int n, int span, int replay);
/* What the last layer's h and s are multiplied by before the readout, [S,Hp]; NULL: nothing. */
const real *sab_shard_readout_mask(const struct sab_shard *shard);
/* *h and *read (may be NULL) of len steps as they enter the readout: with a mask, in the scratch. */
void sab_shard_read_out(const struct sab_shard *shard, int len, const real **h, const real **read);
/* Steps and windows of a span, and steps of a window: the last of each may be shorter. */
int sab_shard_span_len(const struct sab_shard *shard, int span);
int sab_shard_span_windows(const struct sab_shard *shard, int span);
int sab_shard_window_len(const struct sab_shard *shard, int window);
/* Whether gradient comes from the window's outputs. */
int sab_shard_has_gradient(const struct sab_shard *shard, int window);
/* The next longest run of 1s at or after *end among active[0..n-1], from .. end-1; 0 when there is none. */
int sab_shard_next_run(const unsigned char *active, int n, int *from, int *end);
/* Tells recall of the reads of a window, newest first if reverse. */
void sab_shard_report(struct sab_shard *shard, int layer, int window, int reverse);

#endif

/* A shard: a few sequences of a batch, taken through the network and back alone on one thread.
 *
 *     windows   0 .. n_windows-1 of k_trunc steps, the unit of everything:
 *     forward   oldest first; a window's activations fill a slot
 *     backward  newest first; gradient enters a window from its own losses, from the layer above, and through reads of
 *               the memories written in it; never from the window after through h or c
 *
 * Stored: one slot per window. Recomputed: one slot; the state at each window's start, the memories and the reads are
 * kept, and a window is run again before its backward pass. Same bits. */
#ifndef SAB_CREDIT_SHARD_H
#define SAB_CREDIT_SHARD_H

#include "model/stream.h"

enum { SAB_SHARD = 8 }; /* sequences per shard: what fills the registers of the step's product; changing it changes the
                           order of the gradient's sum, hence bits */

enum { SAB_EVALUATE_WINDOW = 32 }; /* steps at once where nothing goes back; any number gives the same bits */

/* A sequence of the batch and its number of steps. */
struct sab_column {
    int b, length;
};

struct sab_layer_run {
    struct sab_memory memory;
    struct sab_records records;
    real *h_start, *c_start;     /* [starts,S,Hp] state entering each window */
    struct sab_window *slots;    /* [n_slots] */
    unsigned char *touched;      /* [n_windows] 1: gradient waits in memories of this window */
};

struct sab_shard {
    const struct sab_model *model;
    int S, T, backward, flow, n_windows, n_slots, window_len; /* room; T steps at most */
    int carried_cap;              /* most memories taken over from the batch before */
    struct sab_layer_run *layers; /* [L] */
    int *first;                   /* [S] of every layer's memory */
    int32_t *ids;                 /* [window_len,S] of the current window, or NULL */
    real *values;                 /* [window_len,S,I] or NULL */
    real *y;                      /* [n_slots,window_len,S,Op] outputs, then their gradient */
    real *dh[2], *ds;             /* [window_len,S,Hp] */
    struct sab_scratch scratch;

    const struct sab_batch *batch;
    const struct sab_column *columns; /* [S] what of the batch this shard has */
    int b0;                       /* of a batch that carries state: its first sequence */
    int steps, used_windows;      /* as many as the longest of its sequences needs */
    double scale;                 /* 1 / sum of weights */
    sab_real *outputs;            /* [T,B,O] or NULL */
    const struct sab_recall *recall;
    struct sab_loss_sums sums;

    void *block;                  /* everything above lives here */
    size_t nbytes;
};

/* A shard for S sequences of T steps that take over at most carried_cap memories. backward 0: forward only. SAB_NOMEM.
 * With out NULL only *nbytes is set. */
int sab_shard_create(struct sab_shard **out, const struct sab_model *model, int S, int T, int carried_cap, int backward,
                     int flow, size_t *nbytes, struct sab_error *err);
void sab_shard_free(struct sab_shard *shard);

/* Takes the sequences columns[b0 .. b0+S-1] of the batch, and of its carried state; forgets what was. In a batch that
 * carries state every sequence takes part to the last step, and columns[b].b is b. */
void sab_shard_load(struct sab_shard *shard, const struct sab_batch *batch, const struct sab_column *columns, int b0,
                    double scale, sab_real *outputs, const struct sab_recall *recall);

/* The weight of (t, b of the batch) in the loss, lengths considered; whether it is scored. */
real sab_batch_weight(const struct sab_batch *batch, int t, int b);
int sab_batch_scored(const struct sab_batch *batch, int t, int b);

/* All windows forward; sums, outputs and (forward only) recall are filled. */
void sab_shard_forward(struct sab_shard *shard);
/* Leaves the state and memories for the next batch. */
void sab_shard_leave(const struct sab_shard *shard);
/* All windows backward; grads [n_padded] ADD. */
void sab_shard_backward(struct sab_shard *shard, real *grads);

/* Brings in the window's input, which all windows share the room for. */
void sab_shard_input(struct sab_shard *shard, int window);
/* One window forward into its slot; replay runs it a second time for the backward pass. */
void sab_shard_window(struct sab_shard *shard, int window, int replay);
int sab_shard_window_len(const struct sab_shard *shard, int window);
/* Tells recall of a window's reads, newest first if reverse. */
void sab_shard_report(struct sab_shard *shard, int layer, int window, int reverse);

#endif

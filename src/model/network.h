/* A kind of network (--model): one table of functions, from its sizes to how it takes a few sequences through and back.
 * The engine (credit/engine.c) is the same for all: it checks batches, cuts them into shards, gives shards to threads,
 * adds gradients up in a fixed tree, takes the memory and keeps the budget.
 *
 * What every network promises: the outputs and gradient of a sequence do not depend on which others are in its shard,
 * and the order of every sum is fixed by the shard. Then threads, and how a batch is cut, change no bit. */
#ifndef SAB_MODEL_NETWORK_H
#define SAB_MODEL_NETWORK_H

#include <signal.h>

#include "base/layout.h"
#include "model/model.h"
#include "sab_run.h"

enum { SAB_SHARD = 8 }; /* sequences per shard: what fills the registers of the step's product; changing it changes the
                           order of the gradient's sum, hence bits */

/* What a shard is for: outputs only; a gradient, with all that it needs stored; or with it made again on the way back,
 * for networks that can (others store). */
enum { SAB_FORWARD_ONLY, SAB_STORED, SAB_RECOMPUTED };

/* What a shard has room for. */
struct sab_room {
    int S, T;        /* sequences, and steps at most */
    int carried_cap; /* most memories taken over from the batch before; 0 where the network has no state */
    int backward;    /* SAB_FORWARD_ONLY, ... */
    int flow;        /* 1: the way back is to tell recall of gradients */
    int apart;       /* 1: between the way there and the way back other shards use its `scratch` */
    int dvalues;     /* 1: the gradient of input values is wanted */
    int masks;       /* 1: the batch has masks of dropout */
};

/* Where a shard's arrays lie: what must stay from the way there to the way back, and what is of use on one way only. */
struct sab_blocks {
    char *kept, *scratch;
    size_t kept_nbytes, scratch_nbytes; /* each above SIZE_MAX/4 when no machine has so much */
};

/* A sequence of the batch and its number of steps. */
struct sab_column {
    int b, length;
};

/* Sees outputs and losses of an evaluation where they arise. */
struct sab_watcher {
    struct sab_loss_sums *sums; /* [B] ADD: of each sequence alone, in the order of its steps */
    /* Outputs y [O] of step t, from 0, of sequence b of the batch: of one sequence in the order of its steps up to its length, of
     * different ones from different threads at once. */
    void (*row)(void *user, int t, int b, const sab_real *y);
    void *user;
};

/* What a shard is to do: sequences columns[0..S-1] of a batch. */
struct sab_work {
    const struct sab_batch *batch;
    const struct sab_column *columns;
    int b0;                     /* of a batch that carries state: its first sequence; there columns[i].b is b0 + i */
    double scale;               /* 1 / sum of the batch's weights; 0 forward only */
    sab_real *outputs;          /* [T,B,O] of the batch, 0 at first, or NULL */
    const sab_real *doutputs;   /* way back: their gradient, or NULL: that of the model's loss */
    sab_real *dvalues;          /* way back: [T,B,I], 0 at first, or NULL */
    sab_real *dh0, *dc0;        /* way back: [layers,B,H], 0 at first, or NULL */
    const struct sab_recall *recall;
    const struct sab_watcher *watcher; /* or NULL; forward only */
    struct sab_profile *profile; /* of the worker, or NULL */
    struct sab_lockstep *lockstep; /* threads that take the steps of a shard together; NULL: the worker's alone */
    const volatile sig_atomic_t *stop; /* NULL, or not 0: what is being computed ends soon */
};

/* Whether somebody has asked to stop; polled between shards and spans. Once asked, it stays so until the call has returned. */
static inline int sab_work_is_stopped(const struct sab_work *work)
{
    return work->stop && *work->stop;
}

/* Where the packed copies of one tensor live: forward panels, then panels of the transpose; each may be NULL. */
struct sab_copies {
    struct sab_matrix *forward, *backward;
    struct sab_matrix *input; /* the transpose again, but of a tensor whose inputs are the batch's values: made on demand */
};

struct sab_cost {
    double flops[SAB_PHASE_COUNT];    /* of products and weighted sums: two per multiply-add */
    double elements[SAB_PHASE_COUNT]; /* score: reciprocals; select: scores; cell: sigmoids, tanhs and exponentials */
    double nbytes[SAB_PHASE_COUNT];   /* read and written once each, in cache or not; 0 for products */
};

struct sab_network {
    const char *name; /* by which rows of options say that it reads them */
    int has_state; /* 1: past a batch a state goes on: streams, carried batches. 0: each batch is alone */
    int can_recall; /* 1: it has memories that sab_recall can be told of */

    /* ---- sizes and weights ---- */

    /* Fills the sizes that config and shape decide and that are this network's own; L, H, Hp, O, Op are set, K is 0.
     * NULL: there are no others. */
    void (*resolve)(struct sab_model *model);
    /* Adds its tensors (sab_tensors_add), but for those of the readout, V1 and b, which all have. */
    void (*add_tensors)(struct sab_model *model);
    /* Fills tensor i of theta with what it starts from (sab_tensors_draw). */
    void (*start)(struct sab_model *model, int i);
    /* Makes model->own or model->layers, where its packed weights are, which sab_model_free frees; SAB_NOMEM. padded is
     * there, all zero. */
    int (*create)(struct sab_model *model, struct sab_error *err);
    /* Where the packed copies of its tensor are, in what create made. */
    struct sab_copies (*copies)(struct sab_model *model, const struct sab_tensor_spec *spec);
    /* When padded and packed are up to date: what else must be. NULL: nothing. */
    void (*prepare)(struct sab_model *model);

    /* ---- computing ---- */

    /* SAB_INVALID where it cannot take batches of T steps. NULL: any. */
    int (*check_steps)(const struct sab_model *model, int T, struct sab_error *err);
    /* A shard laid out in zeroed blocks, which are borrowed; SAB_NOMEM. With out NULL only their sizes are set, with the
     * same code. blocks->scratch may be NULL where shard_attach comes before each way. */
    int (*shard_create)(void **out, const struct sab_model *model, const struct sab_room *room, struct sab_blocks *blocks,
                        struct sab_error *err);
    /* Moves what is of use on one way to `scratch`, laid out for room's flow and dvalues. NULL: nothing is. */
    void (*shard_attach)(void *shard, const struct sab_room *room, void *scratch);
    void (*shard_free)(void *shard);
    /* Weights that a step of such a network with H units reads, in numbers, where several shards are taken step by step together. NULL:
     * they are not, but one after the other. */
    double (*step_numbers)(const struct sab_model *model, int H);
    /* The way there of n shards together, n of 1..SAB_TOGETHER; outputs, recall and watcher are served, sums [n] set. What was before is
     * forgotten; a batch's state is left for the next one. Steps past a sequence's end are neither read nor count. */
    void (*shards_forward)(void *const *shards, int n, const struct sab_work *works, struct sab_loss_sums *sums);
    /* The way back of their latest forward, where shards have one; of the same batch and columns. Gradients ADD to grads
     * [n,n_padded] and are put into what works name. Where room was apart, it can be gone again and again; else it is that
     * of the loss with the scale that forward was told. */
    void (*shards_backward)(void *const *shards, int n, const struct sab_work *works, real *grads);
    /* Adds what an update, or (reached 0) an evaluation, of B sequences of T steps has to do; see credit/cost.h. The
     * making of packed weights, loading and adding gradients are counted for all. */
    void (*count)(const struct sab_model *model, int T, int B, double reached, int recomputed, struct sab_cost *cost);
};

extern const struct sab_network sab_network_recurrent, sab_network_transformer, sab_network_seq2seq;

/* The network of enum sab_kind. */
const struct sab_network *sab_network_find(int kind);

/* ---- batch.c: what all do with a batch ----------------------------------------------------------------------------- */

/* The weight of (t, b of the batch) in the loss, lengths considered; whether it is scored tells sab_batch_scored of sab_run.h. */
real sab_batch_weight(const struct sab_batch *batch, int t, int b);

/* Steps up to the end of the longest of the S sequences. */
int sab_work_steps(const struct sab_work *work, int S);
/* Inputs of steps t0 .. t0+len-1 into ids [len,S] or values [len,S,I]; 0 past the end of a sequence. */
void sab_work_input(const struct sab_work *work, const struct sab_model *model, int S, int t0, int len, int32_t *ids,
                    real *values);
/* Whether the batch has masks of dropout. */
int sab_batch_has_masks(const struct sab_batch *batch);
/* The gradient of those steps' outputs that the caller of the way back gave, as dy [len,S,Op]; 0 past the ends. */
void sab_work_doutputs(const struct sab_work *work, const struct sab_model *model, int S, int t0, int len, real *dy);
/* Puts dx [len,S,stride], the gradient of those steps' input values, in its place. */
void sab_work_dvalues(const struct sab_work *work, const struct sab_model *model, int S, int t0, int len, const real *dx,
                      int stride);
/* Whether the way back begins anywhere in those steps: weights that are not 0, or gradient of outputs that is not. */
int sab_work_has_gradient(const struct sab_work *work, const struct sab_model *model, int S, int t0, int len);
/* Serves outputs and losses of those steps from y [len,S,Op]; with backward y becomes the gradient of scale * loss. */
void sab_work_losses(const struct sab_work *work, const struct sab_model *model, int S, int t0, int len, int backward,
                     real *y, struct sab_loss_sums *sums);

#endif

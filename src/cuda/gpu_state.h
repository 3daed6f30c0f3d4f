/* What a model's side on a machine consists of, and what its parts offer each other; nobody else includes this.
 *
 *     gpu.c            the model's weights, there and back        gpu_pass.c       a stretch through the network and back
 *     gpu_room.c       memory: how a batch is cut and laid out    gpu_gradient.c   an evaluation, a gradient
 *     gpu_batch.c      what is sent of a batch, what comes back   gpu_optim.c      the optimiser's step
 *     gpu_memory.c     rows of memories, from stretch to stretch  gpu_count.c      bytes that are asked of memory
 *     gpu_carry.c      state from before a batch, and after it    public.c         layers in others' networks (sab_cuda.h) */
#ifndef SAB_CUDA_GPU_STATE_H
#define SAB_CUDA_GPU_STATE_H

#include "cuda/gpu.h"

/* One layer's arrays. */
struct sab_gpu_layer {
    real *pre, *extra, *c, *h, *hh, *s, *query, *dpre, *dpre_h, *dquery; /* of a stretch */
    real *h_start, *c_start;        /* [stretches,B,Hp] */
    real *M, *keys, *dM, *dkeys, *dw;
    real *M_start, *keys_start, *dM_end, *dkeys_end; /* where rows are used again: gpu_memory.c */
    int32_t *read_n, *read_kind, *index, *looked;
    real *read_Z, *alpha, *scores;
    int32_t *alive, *n_alive; /* where the rule chooses, as the pass has them; NULL elsewhere: */
    real *alive_worth, *worth, *dworth;
    real *sum, *begin, *top, *Z_sum, *scale, *dpool; /* and of states that are pooled */
    unsigned char *touched, *active;
    real *state[2], *query_panel[2], *key_panel[2]; /* forward, backward */
};

/* What the arrays were laid out for. */
struct sab_gpu_extent {
    int T, B, backward, has_state, carried, masks;
    int inputs; /* 1: gradients of input values and of the state that sequences begin with are asked for */
};

struct sab_gpu {
    struct sab_machine *machine;
    struct sab_model *model;
    struct sab_gpu_plan wish, plan;
    struct sab_gpu_counts counts;
    struct sab_gpu_pass sizes;     /* of the network */
    /* weights */
    real *theta, *padded, *grad, *grad_padded; /* theta and grad as the model's flat arrays */
    struct sab_gpu_tensor *table;  /* on the machine */
    size_t count, most_count;
    int packed;                    /* 1: padded and panels are those of theta */
    double *sums;                  /* [8]: losses; spare [8]; the norm */
    real *moments, *undo, *average; /* the optimiser's: m and v [2,count]; theta, m, v and average before the step; NULL until one
                                    * is made */
    int32_t *bad;
    /* a batch's */
    struct sab_gpu_extent extent;
    const int32_t *in_ids;         /* of layers in others' networks: the caller's inputs and what it wants to know; NULL elsewhere */
    const real *in_values;
    real *dvalues, *dh0, *dc0;     /* [R,I], [L,B,Hp] */
    const volatile sig_atomic_t *stop;
    size_t block_nbytes;           /* of block: kept where it is large enough */
    int steps, stretches, window_len, n_windows, groups;
    int memories, slides;          /* of a sequence in all; 1: rows of memories that have left are used again (gpu_memory.c) */
    void *block;
    struct sab_gpu_layer *layers;
    int32_t *ids, *labels, *order, *from, *id, *first, *when;
    const int32_t *ends;           /* [B] steps of each sequence: sent, or the caller's; NULL: all */
    int32_t *end_room;             /* [B] room for those that are sent */
    real *drawn;                   /* [steps,B] what a memory is worth that is written then, where that is drawn; else NULL */
    struct sab_ledger_step *ledger_steps;
    real *values, *targets, *weight, *y, *dh[2], *ds, *scratch;
    unsigned char *scored, *has_loss;
    real *output_mask, *state_mask; /* [L,B,Hp] of dropout, NULL where the batch has none; and */
    real *mask_room[2], *masked;    /* [L,B,Hp] room for each; [R,Hp] what is multiplied by one */
    real *bent;                     /* states or memories as the score of the 2019 release sees them; NULL with others */
    int most_segments;
    /* the host's side of what is sent: a stretch */
    void *host;
    int32_t *host_ids, *host_labels, *host_order, *host_from, *host_id;
    real *host_weight, *host_values;
    unsigned char *host_scored, *host_has_loss;
    size_t *count_ids;
    real *host_mask;                            /* [L,B,Hp] */
    real *host_h, *host_c, *host_M, *host_keys; /* of one layer: [B,Hp]; [B,cap,Hp], [B,cap,Ap] of batches with state */
    struct sab_ledger ledger;                   /* of all layers: what is written when does not depend on what is computed */
    int *host_ends;                             /* [B] the end of a sequence's memories */
    int32_t *host_first;
    uint64_t *host_draw;                        /* [B] sab_draws so far; with drawn: */
    real *host_drawn;
    int32_t *host_alive, *host_n_alive;         /* [B,alive_cap], [B] of one layer, where the rule chooses; */
    real *host_alive_worth, *host_worth;        /* [B,alive_cap]; [B,cap] */
    real *host_gate;                            /* [Hp] */
    struct sab_stretch host_stretch;            /* of one layer, of batches with state */
};

static inline int sab_gpu_stretch_len(const struct sab_gpu *g, int stretch)
{
    int left = g->extent.T - stretch * g->steps;
    return left < g->steps ? left : g->steps;
}

/* ---- gpu.c ---- */

/* Without weights, gradient and optimiser: for layers in others' networks. */
int sab_gpu_create_bare(struct sab_gpu **out, struct sab_machine *machine, struct sab_model *model, struct sab_error *err);
/* Zeroed memory of the machine, or NULL and *status. */
void *sab_gpu_take_zeroed(struct sab_gpu *g, size_t nbytes, int *status, struct sab_error *err);

/* ---- gpu_room.c ---- */

/* Lays the arrays out for the batch, unless they are; with backward 1 for its gradient too, with inputs 1 that of what comes in.
 * SAB_NOMEM; SAB_INVALID where no plan fits. */
int sab_gpu_make_room(struct sab_gpu *g, const struct sab_batch *batch, int backward, int inputs, struct sab_error *err);
/* Sizes, groups and windows for batches of T steps of B sequences that take over so many memories; with masks, of dropout. */
int sab_gpu_cut(struct sab_gpu *g, int T, int B, int carried, int masks, struct sab_error *err);
/* Layers in others' networks, in one stretch: their arrays and weights in what is kept, and unless back is NULL what the way back
 * needs besides. */
struct sab_layout;
void sab_gpu_lay_out_bare(struct sab_layout *kept, struct sab_layout *back, struct sab_gpu *g, int T, int B);

/* ---- gpu_batch.c ---- */

/* Sends inputs, labels and weights of a stretch. */
void sab_gpu_send(struct sab_gpu *g, const struct sab_batch *batch, int stretch, int replay);
/* Sends the batch's masks of dropout, if it has some. */
void sab_gpu_send_masks(struct sab_gpu *g, const struct sab_batch *batch);
/* Which windows have a loss, group by group; returns the sum of the weights. */
double sab_gpu_send_windows(struct sab_gpu *g, const struct sab_batch *batch);
/* Sends the order of the R rows of the stretch by their ids, in segments of at most 128 that have one id each; returns how many. */
int sab_gpu_sort_ids(struct sab_gpu *g, int R);
/* Outputs of a stretch, [len,B,Op], to be freed. */
int sab_gpu_fetch_rows(struct sab_gpu *g, int stretch, real **out, struct sab_error *err);
/* Into the batch's [T,B,O], 0 past the ends. */
void sab_gpu_put_outputs(const struct sab_gpu *g, const struct sab_batch *batch, int stretch, const real *rows, real *outputs);
/* To the watcher, each sequence in the order of its steps, and its losses. */
void sab_gpu_show(const struct sab_gpu *g, const struct sab_batch *batch, int stretch, const real *rows,
                  const struct sab_watcher *watcher);

/* ---- gpu_carry.c ---- */

/* What a batch begins with: state and memories taken over, the ledger, gradients of 0, weights packed. */
int sab_gpu_begin(struct sab_gpu *g, const struct sab_batch *batch, int backward, struct sab_error *err);
/* A layer's gradients of 0. */
void sab_gpu_begin_back(struct sab_gpu *g, int l, int B);
/* After a stretch forward: what it leaves for the next batch. */
int sab_gpu_leave(struct sab_gpu *g, const struct sab_batch *batch, int stretch, struct sab_error *err);

/* ---- gpu_memory.c ---- */

/* Keys of all rows of layer l anew, from the memories there. */
void sab_gpu_make_keys(struct sab_gpu *g, int l);
/* Rows of memories that each sequence has, with stretches of so many steps: all, or in g->slides those that a stretch can read or
 * write. */
int sab_gpu_memory_rows(struct sab_gpu *g, int T, int steps);
/* The memory in the first row. */
int sab_gpu_memory_base(const struct sab_gpu *g, int stretch);
/* Memories of layer l that a stretch begins with, into its rows; and those that the next begins with, out of them. */
void sab_gpu_memory_open(struct sab_gpu *g, int l, int stretch);
void sab_gpu_memory_close(struct sab_gpu *g, int l, int stretch);
/* After the way back of a stretch: weight gradients of keys whose gradient is complete; others' go on to the stretch before. */
void sab_gpu_memory_back(struct sab_gpu *g, int B, int stretch);

/* ---- gpu_count.c ---- */

/* Adds what a pass asks of memory. */
void sab_gpu_count(struct sab_gpu *g, const struct sab_gpu_pass *p, int backward);

/* ---- gpu_pass.c ---- */

/* The tensor in `padded`, and its gradient's place; NULL where there is none. */
const real *sab_gpu_weights(const struct sab_gpu *g, int role, int layer);
real *sab_gpu_gradient_of(const struct sab_gpu *g, int role, int layer);
/* padded and the panels from theta, unless they are. */
void sab_gpu_pack_weights(struct sab_gpu *g);
/* The layers of a stretch forward, from inputs that are there: ids (or NULL) or values. */
void sab_gpu_layers_forward(struct sab_gpu *g, int B, int stretch, int replay, const int32_t *ids, const real *values);
/* And back, from dh[0] and, unless is NULL, ds; has_loss says which windows those enter. */
void sab_gpu_layers_backward(struct sab_gpu *g, int B, int stretch, const int32_t *ids, const real *values, const real *ds);
/* A stretch forward; losses into sums, or with backward y becomes their gradient. */
void sab_gpu_stretch_forward(struct sab_gpu *g, const struct sab_batch *batch, int stretch, int replay, double scale, int backward,
                             double *sums);
void sab_gpu_stretch_backward(struct sab_gpu *g, const struct sab_batch *batch, int stretch);
/* Weight gradients of the score, of the gate and of pooling, once all stretches are done. */
void sab_gpu_score_products(struct sab_gpu *g);

#endif

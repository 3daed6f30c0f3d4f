/* A model: its ONE table of tensors, the weights, and one layer over a window of steps.
 *
 * Weights exist three times: `theta`, as the user and files see them (PyTorch's layouts); `padded`, in the layout of
 * the mathematics, rows are inputs and columns are padded outputs, y = x W; and `packed`, panels for the products of
 * the forward pass and, transposed, of the backward pass. sab_model_prepare makes the latter two from the first. */
#ifndef SAB_MODEL_MODEL_H
#define SAB_MODEL_MODEL_H

#include <pthread.h>

#include "base/lockstep.h"
#include "base/profile.h"
#include "base/shared.h"
#include "base/team.h"
#include "cells/cell.h"
#include "model/options.h"
#include "remind/remind.h"

/* Parts that a layer takes at once, at most. */
enum { SAB_TOGETHER = 4 };

enum sab_role {
    SAB_ROLE_WEIGHT_IH, SAB_ROLE_WEIGHT_HH, SAB_ROLE_BIAS_IH, SAB_ROLE_BIAS_HH,
    SAB_ROLE_W1, SAB_ROLE_W2, SAB_ROLE_W3, SAB_ROLE_W, SAB_ROLE_GATE, SAB_ROLE_POOL,
    SAB_ROLE_V1, SAB_ROLE_V2, SAB_ROLE_B,
    SAB_ROLE_COUNT /* roles of other networks begin here */
};

/* A row of the table. Padded: [rows, G * sab_pad(cols)]. In theta: [G*cols, rows] if transposed, else [rows, cols]. */
struct sab_tensor_spec {
    char name[48];
    int role, layer;
    int rows, G, cols;
    int transposed;
    int ndim, shape[2];
    size_t count;         /* numbers in theta */
    size_t offset;        /* in theta */
    size_t padded_offset; /* in padded */
};

/* A recurrent cell's weights as the products want them. */
struct sab_cell_weights {
    int I;                          /* width of its input */
    real *bias;                     /* [GHp] bias_ih, + bias_hh where the cell is fused */
    const real *bias_h;             /* [GHp] bias_hh where it is not */
    const real *rows_ih;            /* [I,GHp] weight_ih, one row per symbol */
    struct sab_matrix ih, hh;       /* [I,GHp], [H,GHp] */
    struct sab_matrix ih_t, hh_t;   /* [GHp,Ip], [GHp,Hp] */
};

/* One recurrent layer's. */
struct sab_layer_weights {
    struct sab_cell_weights cell;
    struct sab_remind remind;
};

struct sab_network; /* network.h */

/* Which weights: a hash of all of theta. */
struct sab_version {
    uint64_t high, low;
};

struct sab_model {
    struct sab_model_options config;
    uint64_t seed;
    struct sab_shape shape;
    char *facts;            /* about data; NULL: none */
    struct XXH3_state_s *hash; /* room for a digest, so that making one cannot fail; under the lock */
    const struct sab_kernels *kernels;
    const struct sab_network *network;

    int L, H, Hp, O, Op;
    struct sab_quantiles quantiles; /* of the loss of these: n outputs for each target */
    int has_readout;        /* 0: outputs are its inputs, y = [h] or [h s] */
    int has_V2;             /* the readout has a second input */

    /* of the recurrent network; 0 in others, where K 0 is no memory */
    const struct sab_cell_ops *cell;
    int GHp, A, Ap, K;
    int k_trunc;            /* steps per window; 0: one window */
    int write;              /* enum sab_write */
    real gain;
    int zero_memories;      /* that a sequence begins with: 0 or 1 */

    int n_tensors;
    struct sab_tensor_spec *tensors;
    struct sab_tensor *shown;           /* [n_tensors] the same for callers */
    struct sab_flat flat;
    size_t n_theta, n_padded, n_packed;
    real *theta, *grad, *padded, *packed;
    real *packed_input;                 /* NULL until the gradient of input values is wanted */
    pthread_mutex_t lock;               /* of padded, packed and what follows */
    int is_packed;
    struct sab_version packed_version;
    real *bias_sums;                    /* recurrent */
    struct sab_layer_weights *layers;   /* recurrent */
    void *own;                          /* what another network has: one allocation */
    struct sab_matrix V1, V2, V1t, V2t; /* [H,Op], transposed [O,Hp] */
    const real *b;                      /* [Op] */

    void *ahead;                      /* who has newer weights than theta; NULL: nobody. And what brings them, with the lock held */
    int (*catch_up)(void *ahead, struct sab_error *err);
    struct sab_options *origin;       /* all options, kept for who made it; nothing here knows what is in them */
    void (*origin_free)(struct sab_options *origin);
};

/* Brings theta up to date where somebody else has newer weights (a device that trains them): to be called before theta is
 * read or written. On failure theta is as it was. */
int sab_model_fetch(struct sab_model *model, struct sab_error *err);
/* Says who has newer weights from now on, until fetch has brought them; NULL: nobody. */
void sab_model_set_ahead(struct sab_model *model, void *ahead, int (*catch_up)(void *ahead, struct sab_error *err));

/* SAB_INVALID where the network cannot take batches of T steps. */
int sab_model_check_steps(const struct sab_model *model, int T, struct sab_error *err);

/* A model with weights drawn from the seed, on the cpu. */
int sab_model_build(struct sab_model **out, const struct sab_model_options *config,
                    const struct sab_shared_options *shared, const struct sab_shape *shape, struct sab_error *err);

/* The same, but with its table of tensors only: no memory for weights, nothing to compute with. */
int sab_model_outline(struct sab_model **out, const struct sab_model_options *config,
                      const struct sab_shared_options *shared, const struct sab_shape *shape, struct sab_error *err);

/* ---- tensors.c --------------------------------------------------------------------------------------------------- */

/* Fills model->tensors and its sizes; SAB_NOMEM. */
int sab_tensors_build(struct sab_model *model, struct sab_error *err);
/* For networks, while that goes on: adds a row; ndim 1 or 2 dimensions in theta. Names of a layer's tensors end in _lN;
 * layer is 0 for others. */
void sab_tensors_add(struct sab_model *model, const char *name, int role, int layer, int rows, int G, int cols,
                     int transposed, int ndim);
/* Tensor i of theta = numbers uniform in +-bound, a function of (seed, i). */
void sab_tensors_draw(struct sab_model *model, int i, double bound);
/* The tensor of that role and layer (0 for the readout), or NULL where the model has none. */
const struct sab_tensor_spec *sab_tensors_find(const struct sab_model *model, int role, int layer);
/* Where that tensor is in model->padded, or NULL. */
const real *sab_tensors_padded(const struct sab_model *model, int role, int layer);
/* The same in gradients [n_padded] laid out as padded is. */
real *sab_tensors_grad(const struct sab_model *model, int role, int layer, real *grads);
/* padded = theta in the layout of the mathematics. */
void sab_tensors_pad(const struct sab_model *model, const real *theta, real *padded);
/* Rows first .. end-1 of one tensor of it. */
void sab_tensors_pad_rows(const struct sab_tensor_spec *spec, const real *theta, int first, int end, real *padded);
/* And back, for gradients; theta is overwritten or added to, gaps are left as they are. */
void sab_tensors_unpad(const struct sab_model *model, const real *padded, int add, real *theta, struct sab_team *team, int members);
/* work(user, spec, first, end) for all rows of all tensors, in pieces of some, by members of a team; where there is 1, team may be NULL. */
typedef void sab_rows_work(void *user, const struct sab_tensor_spec *spec, int first, int end);
void sab_tensors_by_rows(const struct sab_model *model, struct sab_team *team, int members, sab_rows_work *work, void *user);
/* Draws theta from the seed. */
void sab_tensors_init(struct sab_model *model);

/* ---- pack.c ------------------------------------------------------------------------------------------------------ */

/* Allocates padded and packed and points the network's weights and the readout into them; SAB_NOMEM. */
int sab_pack_create(struct sab_model *model, struct sab_error *err);
/* Of theta as it is. */
struct sab_version sab_model_version(const struct sab_model *model);
/* Brings padded and packed up to date with theta. To be called before computing. Where theta is as it was at the call
 * before nothing is written, so threads that share a model may call it while others compute. */
void sab_model_prepare(struct sab_model *model, struct sab_version *version, struct sab_team *team, int members);
/* From now on also what the gradient of input values needs. Call after sab_model_prepare; SAB_NOMEM. */
int sab_model_prepare_input(struct sab_model *model, struct sab_error *err);

/* ---- layer.c, layer_backward.c ------------------------------------------------------------------------------------ */

/* One layer over a span: steps t0 .. t0+len-1 (0-based) of S sequences, whose arrays lie together. [len,S,..] arrays are
 * time-major. */
struct sab_span {
    int S, t0, len;
    const int32_t *ids;   /* [len,S] layer 0 with symbols */
    const real *x;        /* [len*S rows] of width I, stride x_stride, otherwise */
    ptrdiff_t x_stride;
    const real *x_mask, *h_mask; /* [S,Hp] dropout: factors of x, of layers above the first, and of h before W_hh; NULL: 1 */
    const uint64_t *draws; /* [len,S] sab_draws of the sequences' inputs; NULL where no rule asks */
    real *h, *c;          /* [1+len,S,Hp] the state entering, then that of each step; c where the cell has one */
    real *pre;            /* [len,S,GHp] becomes the gates */
    real *extra;          /* [len,S,n_extra*Hp] */
    real *hh;             /* [len,S,Hp]; where there is no memory, h of each step */
    real *s;              /* [len,S,Hp] with memory */
    real *query;          /* [len,S,Ap] with memory */
};

/* Room that a layer's passes need, S rows. */
struct sab_scratch {
    real *pre_h;     /* [S,GHp] */
    real *key;       /* [S,Ap] */
    struct sab_read_room read;
    real *dh, *ds, *dm, *dc, *dcarry, *dhh; /* [S,Hp] each */
    real *dpre;      /* [len,S,GHp] of a span */
    real *dpre_h;    /* [len,S,GHp] where the cell is not fused, else the same as dpre */
    real *dquery;    /* [len,S,Ap] */
    real *masked[2]; /* [len,S,Hp] each, where the batch has masks */
    real *together;  /* sab_outer_room(len*S, the most that enters a layer) */
    struct sab_profile *profile; /* of the worker, or NULL */
    struct sab_lockstep *lockstep; /* threads that take the steps of one part together, each some of its units; NULL: alone */
};

/* Whether what a step reads goes on to later ones: by the state, or by what memories are worth. If not, it reaches the step's own outputs,
 * from the top layer, or nothing. */
int sab_reads_go_on(const struct sab_model *model);
/* Whether the model's rule of what to keep asks for a hash of the inputs. */
int sab_draws_are_used(const struct sab_model *model);
/* A hash of one sequence's inputs: of those of the steps before, 0 at first, and those of the next, an id or x [I]. The same whatever
 * the build's numbers are, as long as they are those given. */
uint64_t sab_draws(const struct sab_model *model, uint64_t before, const int32_t *id, const real *x);

/* What a layer works on: a span of some sequences. Several are taken step by step together, so that the weights of a step are read
 * once for all; each as if it were alone. */
struct sab_layer_part {
    const struct sab_span *span;
    struct sab_memory *memory;
    struct sab_records *records;
    const struct sab_scratch *scratch;
    const unsigned char *asked; /* [span->len] 0: what this step would read reaches nothing, and nothing is read; NULL: 1 for all */

    /* The way back, of a window. */
    int from, len;       /* its steps within the span */
    const real *dh_out;  /* [span->len,S,Hp] from above, to h */
    const real *ds_out;  /* as large, or NULL: from the readout, to s */
    int to_start;        /* 1: scratch->dcarry and dc end as the gradient of the state entering the window */
    real *grads;         /* padded layout of the whole model */
};

/* Fills the spans' arrays from their inputs and the state entering; appends to memory (unless replay: then reads what
 * records hold and writes nothing). */
void sab_layer_forward(const struct sab_model *model, int layer, int n, const struct sab_layer_part *parts, int replay);

/* Gradient of the windows of filled spans: nothing enters from the step after one, or leaves to the step before. Fills those
 * steps of scratch->dpre and dquery; grads (attention's last weights), memory->dM and dkey ADD. */
void sab_layer_backward(const struct sab_model *model, int layer, int n, const struct sab_layer_part *parts);

/* Weight gradients of all keys of a layer, once the gradients of all its memories are complete: ADD to grads. */
void sab_layer_memory_weights(const struct sab_model *model, int layer, const struct sab_memory *memory, real *grads,
                              const struct sab_scratch *scratch);

/* The products of such steps, one or more windows at once: weight gradients ADD to grads, and those steps of
 * dx [span->len,S,pad(I)], the gradient of the input, unless it is NULL. */
void sab_layer_products(const struct sab_model *model, int layer, const struct sab_span *span, int from, int len,
                        real *grads, real *dx, const struct sab_scratch *scratch);

/* What a lane does of a layer's rows: these units, and these columns of keys and queries. */
struct sab_share_of_rows {
    struct sab_part units, keys;
    struct sab_profile *profile; /* the first lane's counts */
};
struct sab_share_of_rows sab_layer_share(const struct sab_model *model, const struct sab_lane *lane, const struct sab_scratch *scratch);
/* The columns of rows [GHp] that are these units' gates: returns how many parts they are. */
enum { SAB_GATES_MOST = 4 };
int sab_layer_gates(const struct sab_model *model, struct sab_part units, struct sab_part gates[SAB_GATES_MOST]);
/* C [M,GHp] of these units' gates, of A [M,K] in rows rs apart. As sab_part_product. */
void sab_layer_gates_product(const struct sab_model *model, int M, struct sab_part units, int K, const real *A, ptrdiff_t rs,
                             struct sab_matrix B, real *C, int add);
/* The lockstep of parts taken together, NULL where they can only be taken alone. */
struct sab_lockstep *sab_layer_lockstep(const struct sab_model *model, int n, const struct sab_layer_part *parts);

/* Pointers to one layer's attention weights in an array of the padded layout. */
struct sab_remind_grads sab_layer_remind_grads(const struct sab_model *model, int layer, real *grads);

/* out [len,n] = x * mask [n], which is the same at all steps; out may be x. */
void sab_mask_rows(int len, size_t n, const real *mask, const real *x, real *out);

/* ---- readout.c --------------------------------------------------------------------------------------------------- */

/* y [R,Op] = h V1 + s V2 + b, without a readout h or, where O is 2H, h and s; s NULL where there is no second input
 * (recurrent: no memory). */
void sab_readout_forward(const struct sab_model *model, int R, const real *h, const real *s, real *y);
/* Turns dy [R,Op] into dh, ds [R,Hp] (overwritten; ds NULL where s is), grads ADD. */
void sab_readout_backward(const struct sab_model *model, int R, const real *h, const real *s, const real *dy, real *dh,
                          real *ds, real *grads);

/* Sums over scored or weighted rows, in the order of rows. */
struct sab_loss_sums {
    double loss, weight, squares;
    int64_t scored, correct, values; /* values: outputs of scored rows that have targets */
};
/* One row: y [O] against label or target [O]; adds to sums, and if dy is not NULL overwrites dy [Op] with the gradient
 * of scale * weight * loss. y may be dy. */
void sab_loss_row(const struct sab_model *model, const real *y, int32_t label, const real *target, real weight,
                  int scored, double scale, real *dy, struct sab_loss_sums *sums);

#endif

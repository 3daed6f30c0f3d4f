/* What the driver (gpu_state.h) needs of a machine: memory, copies, products, and the kernels. Two implementations: the GPU
 * (machine_cuda.cu) and the host (machine_host.c), which runs the same kernels as plain loops, so that all but launches is
 * proven on any machine. Work is done in the order asked for; only get and wait wait for it.
 *
 * Arrays named here are the machine's. A function that fails says why in err, once: what follows does nothing and fails too,
 * until wait has told. */
#ifndef SAB_CUDA_MACHINE_H
#define SAB_CUDA_MACHINE_H

#include "cuda/pass.h"

/* Copies a panel out of a padded matrix: element (k, c) of rank r, c = g width + w with g < gates and w < width, is
 * from[k * step_k + g * step_g + (r * width + w) * step_w] for k < K and r * width + w < most, else 0. */
struct sab_gpu_pack {
    const real *from;
    real *to; /* [ranks, gates*width, rows] */
    int ranks, rows, K, gates, width, most;
    size_t step_k, step_g, step_w;
};

/* A tensor in theta (PyTorch's layout) and padded (rows of inputs): sab_tensor_spec. */
struct sab_gpu_tensor {
    int rows, G, cols, cols_padded, transposed;
    size_t offset, padded_offset, count;
};

/* Losses of R rows, as sab_loss_row (model/readout.c) has them. */
struct sab_gpu_losses {
    int R, O, Op, loss;         /* enum sab_loss */
    real *y;                    /* [R,Op] outputs; backward 1: becomes the gradient of scale * loss, pad columns 0 */
    const int32_t *labels;      /* [R] or NULL */
    const real *targets;        /* [R,O] or NULL */
    const real *weight;         /* [R], 0 past the ends */
    const unsigned char *scored; /* [R], 0 past the ends */
    double scale;
    int backward;
    double *sums;               /* [6] ADD: loss, weight, squares, scored, correct, values (struct sab_loss_sums) */
};

struct sab_gpu_update {
    size_t count;
    int optimizer;              /* enum sab_optimizer */
    double rate, scale, beta1, beta2, eps, momentum, weight_decay;
    int64_t t;                  /* from 1 */
    real *theta, *m, *v;        /* v NULL for sgd */
    const real *grad;
    double average_share;       /* average += share * (theta - average) */
    real *average;              /* or NULL */
    int32_t *bad;               /* set to 1 where a result is not finite */
};

/* ---- of layers in other people's networks: the caller's arrays, in the caller's layouts ---- */

/* n copies at once: tensors that lie apart into one array, or out of it. */
enum { SAB_GPU_PIECES = 16 };
struct sab_gpu_pieces {
    int n;
    const real *from[SAB_GPU_PIECES];
    real *to[SAB_GPU_PIECES];
    size_t count[SAB_GPU_PIECES];
};

/* to[i,j,c] = from[i,j,c] for i < n, j < m, c < width, and i < ends[j] unless ends is NULL; else 0, up to c = to_width. */
struct sab_gpu_rows {
    int n, m, width, to_width;
    real *to;
    size_t to_i, to_j; /* numbers from one i and j to the next */
    const real *from;
    size_t from_i, from_j;
    const int32_t *ends;
};

/* out [groups,n] = whether x or y (NULL: none), [T,B,ld], has a number other than 0 in the n windows of len steps of a group of S. */
struct sab_gpu_windows {
    int T, B, S, ld, len, n;
    const real *x, *y;
    unsigned char *out;
};

/* memories [B,N,H] = the newest N when each sequence ended, or where a rule chooses those that are alive, 0 where they are not its own; and
 * first and since, as in sab.h. */
struct sab_gpu_leave {
    int T, B, N, H, ld, cap, k_att, alive_cap;
    const struct sab_ledger_step *steps;
    const int32_t *ends, *first; /* may be NULL */
    const int32_t *alive, *n_alive; /* [B,alive_cap], [B]; NULL: the newest */
    const real *M;               /* [B,cap,ld] */
    real *memories;
    int32_t *left_first, *left_since; /* NULL: they are known already */
};

/* What gemm multiplies in: numbers as they are; rounded to 11 bits of significand (TF32), or to 8 (bfloat16). It adds in float. */
enum sab_products { SAB_PRODUCTS_FLOAT, SAB_PRODUCTS_TF32, SAB_PRODUCTS_BF16 };

struct sab_machine {
    const char *name;           /* "NVIDIA H100 ...", or "host" */
    int multiprocessors;        /* of the host: 4 */
    size_t shared_nbytes;       /* most shared memory of a block */
    double free_nbytes;         /* of device memory, when opened */
    int products;               /* enum sab_products: may be set at any time */
    long launches, copies;      /* kernels and products started so far, and copies and memory set to 0: for bench */

    void (*close)(struct sab_machine *);
    int (*take)(struct sab_machine *, void **out, size_t nbytes, struct sab_error *err); /* SAB_NOMEM */
    void (*give)(struct sab_machine *, void *block);
    int (*put)(struct sab_machine *, void *to, const void *host, size_t nbytes);
    int (*get)(struct sab_machine *, void *host, const void *from, size_t nbytes); /* waits */
    int (*copy)(struct sab_machine *, void *to, const void *from, size_t nbytes);
    int (*zero)(struct sab_machine *, void *to, size_t nbytes);
    int (*wait)(struct sab_machine *, struct sab_error *err);

    /* C [M,N] = add C + op(A) op(B), all row-major; ta: A is [K,M]; tb: B is [N,K]. By products above. */
    int (*gemm)(struct sab_machine *, int ta, int tb, int M, int N, int K, const real *A, int lda, const real *B, int ldb,
                int add, real *C, int ldc);
    /* Whether a cluster of so many ranks with so many threads and so much shared memory can run, and how many at once; 0: none. */
    int (*clusters)(struct sab_machine *, int backward, const struct sab_gpu_pass *, int threads, size_t shared_nbytes);
    int (*forward)(struct sab_machine *, const struct sab_gpu_pass *, int threads, size_t shared_nbytes);
    int (*backward)(struct sab_machine *, const struct sab_gpu_pass *, int threads, size_t shared_nbytes);

    int (*pack)(struct sab_machine *, const struct sab_gpu_pack *);
    /* padded from theta (pad columns are left alone), or theta from padded, by the table of n tensors, itself on the machine. */
    int (*pad)(struct sab_machine *, const struct sab_gpu_tensor *table, int n, size_t most_count, const real *theta, real *padded);
    int (*unpad)(struct sab_machine *, const struct sab_gpu_tensor *table, int n, size_t most_count, const real *padded, real *theta);
    /* pre [R,N] = bias [N] + (ids ? rows [.,N] of ids[r] : 0). bias2 may be NULL. */
    int (*input)(struct sab_machine *, int R, int N, const real *bias, const real *bias2, const int32_t *ids, const real *rows,
                 real *pre);
    /* out [N] += column sums of x [R,ldx], in one fixed order. scratch: [(R+255)/256, N]. */
    int (*columns)(struct sab_machine *, int R, int N, const real *x, int ldx, real *scratch, real *out);
    /* out [id,N] += rows x[order[i]] of segment j = from[j] .. from[j+1]-1, which belongs to id[j]; segments of one id are
     * neighbours, added in order. scratch [segments,N]. */
    int (*scatter)(struct sab_machine *, int segments, int N, const real *x, const int32_t *order, const int32_t *from,
                   const int32_t *id, real *scratch, real *out);
    /* out [R,n] = x [R,n], each row times mask [n]. out may be x. */
    int (*mask)(struct sab_machine *, int R, size_t n, const real *x, const real *mask, real *out);
    int (*losses)(struct sab_machine *, const struct sab_gpu_losses *);
    /* x = exp(2x), clipped as keys of the mlp score are (kernels.h: exp2x). */
    int (*exp2x)(struct sab_machine *, size_t count, real *x);
    /* y [count] = tanh x. */
    int (*bend)(struct sab_machine *, size_t count, const real *x, real *y);
    /* dworth [count], of a memory's worth log sigmoid x, becomes the gradient of x. */
    int (*gates)(struct sab_machine *, size_t count, const real *worth, real *dworth);
    /* *out = sum of squares, in one fixed order; out is on the machine. */
    int (*norm)(struct sab_machine *, size_t count, const real *x, double *out);
    int (*update)(struct sab_machine *, const struct sab_gpu_update *);

    int (*pieces)(struct sab_machine *, const struct sab_gpu_pieces *);
    int (*rows)(struct sab_machine *, const struct sab_gpu_rows *);
    /* to [B,width] = row ends[b] (NULL: T) of column b of from [.,B,ld]. */
    int (*last)(struct sab_machine *, int T, int B, int width, const real *from, int ld, const int32_t *ends, real *to);
    int (*windows)(struct sab_machine *, const struct sab_gpu_windows *);
    int (*leave)(struct sab_machine *, const struct sab_gpu_leave *);
    /* out [T,B] = what a memory is worth that step t writes, where that is drawn of the inputs (remind/draw.h): ids [T,B], or NULL and
     * values [T,B,I]. What is past a sequence's end is left alone. */
    int (*drawn)(struct sab_machine *, int T, int B, int I, const int32_t *ids, const real *values, const int32_t *ends, real *out);
    /* out [ids[r],N] += x [r,N], in the order of rows; ids are 0..I-1. */
    int (*by_id)(struct sab_machine *, int R, int N, int I, const int32_t *ids, const real *x, real *out);
    /* From now on all is done on that stream (a cudaStream_t), and products use that workspace of workspace_nbytes; of a guest only.
     * SAB_INVALID, while the stream is being captured, from put and take. */
    int (*use)(struct sab_machine *, void *stream, void *workspace);
    size_t workspace_nbytes;
};

/* SAB_INVALID where there is no such device or it is too old; SAB_NOMEM. The host has one device, 0. */
int sab_machine_open_host(struct sab_machine **out, struct sab_error *err);
int sab_machine_open_cuda(struct sab_machine **out, int device, struct sab_error *err);
/* One that works on its callers' streams and keeps nothing but what it is asked to take. */
int sab_machine_open_guest(struct sab_machine **out, int device, struct sab_error *err);

#endif

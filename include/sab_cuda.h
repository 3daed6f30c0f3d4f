/* sab_cuda: recurrent layers with Sparse Attentive Backtracking in other people's networks, on their GPU.
 *
 * Inputs, weights, outputs and gradients are arrays of the device's memory that the caller owns, and work is queued on the caller's
 * stream: no function here waits for the GPU, copies through the host or takes memory of its own but small tables, the first time
 * that a shape is met. Python's sab_rnn.torch is one caller.
 *
 *     sab_cuda_create(...)           from a model that says which network it is; readout is off
 *     sab_cuda_need(...)             how much memory a batch wants
 *     sab_cuda_forward(...)          outputs; leaves in `kept` what the way back needs
 *     sab_cuda_backward(...)         gradients, from `kept`
 *
 * The rules of sab.h hold; dimensions are named as there, and every pointer to the device is 256 bytes aligned or better. What the
 * GPU finds wrong later is told by whoever waits for the stream. What is not checked, since that would be to wait: ids are
 * 0..I-1, lengths 1..T, first 0..N; NaN goes through.
 *
 * A CUDA graph may capture forward and backward, once a batch of the same T, B and N was computed before. */
#ifndef SAB_CUDA_H
#define SAB_CUDA_H

#include "sab.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sab_cuda;

/* The layers of a recurrent model on "cuda", "cuda:N", or "host", the GPU's code in its form for the processor, for tests: its
 * pointers are then the processor's. Borrows the model, whose options and sizes count, not its weights. SAB_INVALID where the build
 * or machine has no such device, or the model has a readout or needs what a device cannot do. */
SAB_API int sab_cuda_create(struct sab_cuda **out, struct sab_model *model, const char *device, struct sab_error *err);
SAB_API void sab_cuda_free(struct sab_cuda *cuda);

/* A batch. All arrays but `weights` itself are the device's. */
struct sab_cuda_batch {
    size_t size;               /* sizeof (struct sab_cuda_batch) */
    int T, B, N;               /* N: memories that sequences begin with, of which those from first on are their own; 0 with keep other
                                * than recent, whose worth of each is not here, and with zero_memory */
    const int32_t *ids;        /* [T,B], or NULL and */
    const sab_real *values;    /* [T,B,I] */
    const int32_t *lengths;    /* [B]; NULL: T */
    const sab_real *h0, *c0;   /* [layers,B,H]; NULL: 0 */
    const sab_real *memories;  /* [layers,B,N,H], the oldest first; since the latest no step was taken (since is 0) */
    const int32_t *first;      /* [B] */
    const sab_real *const *weights; /* one array for each tensor, in the order of sab_model_tensor, in theta's layout */
    void *stream;              /* cudaStream_t */
    void *kept, *scratch;      /* as large as sab_cuda_need says; kept goes from forward to backward, scratch is free after each */
    const sab_real *output_mask, *state_mask; /* [layers,B,H] dropout's factors, as those of sab_batch; NULL: 1 */
};

struct sab_cuda_need {
    size_t size;
    size_t kept_nbytes, forward_nbytes, backward_nbytes; /* the latter two: of scratch */
    int N;                     /* memories that the batch leaves */
};
/* Of a batch's T, B and N, and of whether it has masks. SAB_INVALID where they do not fit the device's kernels. */
SAB_API int sab_cuda_need(struct sab_cuda *cuda, const struct sab_cuda_batch *batch, struct sab_cuda_need *need, struct sab_error *err);

/* What a forward leaves: outputs [T,B,O], 0 past a sequence's end; the others may be NULL. */
struct sab_cuda_left {
    size_t size;
    sab_real *outputs;
    sab_real *hn, *cn;         /* [layers,B,H] */
    sab_real *memories;        /* [layers,B,N,H], N as sab_cuda_need says; and */
    int32_t *first, *since;    /* [B] */
};
SAB_API int sab_cuda_forward(struct sab_cuda *cuda, const struct sab_cuda_batch *batch, const struct sab_cuda_left *left,
                             struct sab_error *err);

/* The batch of the forward that filled `kept`, which can be gone back from again. */
struct sab_cuda_gradient {
    size_t size;
    const sab_real *doutputs;  /* [T,B,O]; what stands past a sequence's end counts for nothing */
    sab_real *const *dweights; /* an array here of arrays there, as weights */
    sab_real *dvalues;         /* [T,B,I] or NULL */
    sab_real *dh0, *dc0;       /* [layers,B,H] or NULL */
};
SAB_API int sab_cuda_backward(struct sab_cuda *cuda, const struct sab_cuda_batch *batch, const struct sab_cuda_gradient *gradient,
                              struct sab_error *err);

#ifdef __cplusplus
}
#endif
#endif

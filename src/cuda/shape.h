/* Shapes of batches that layers on the caller's memory have met (public.c): how each is cut, and tables that do not change, on the
 * machine. Nothing of one goes before the whole, since a CUDA graph may hold it. */
#ifndef SAB_CUDA_SHAPE_H
#define SAB_CUDA_SHAPE_H

#include "cuda/gpu_state.h"

struct sab_gpu_shape {
    struct sab_gpu_shape *next;
    int T, B, N, masks;
    struct sab_gpu_plan plan;
    struct sab_gpu_pass sizes;
    int groups, window_len, n_windows;
    int left;         /* memories that a batch leaves */
    void *block;      /* the machine's: of */
    struct sab_ledger_step *steps;
    int32_t *when;
    int32_t *n_alive; /* [B] memories that sequences begin with, where a rule chooses; else NULL, and */
    real *worth;      /* [1] what they are worth */
};

/* Of a batch of T steps of B sequences that takes over N memories: what it is cut into, into the gpu. Made, and added to the list, where it
 * is new. SAB_NOMEM; SAB_INVALID where no plan fits, or it is new while a stream is captured. */
int sab_gpu_shape_take(struct sab_gpu_shape **out, struct sab_gpu_shape **list, struct sab_gpu *gpu, int T, int B, int N, int masks,
                       struct sab_error *err);
void sab_gpu_shapes_free(struct sab_gpu_shape *list, struct sab_machine *machine);

#endif

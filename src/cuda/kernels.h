/* The kernels of a layer, in their two forms: a launch on the GPU (kernels_cuda.cu), and plain C (kernels_host.c). */
#ifndef SAB_CUDA_KERNELS_H
#define SAB_CUDA_KERNELS_H

#include "cuda/pass.h"

#ifdef __cplusplus
extern "C" {
#endif

/* SAB_NOMEM. */
int sab_gpu_forward_host(const struct sab_gpu_pass *p, struct sab_error *err);
int sab_gpu_backward_host(const struct sab_gpu_pass *p, struct sab_error *err);

/* A cudaError_t. */
int sab_gpu_launch(int backward, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes, void *stream);
/* How many groups such a launch has at work at once; 0: it cannot run. */
int sab_gpu_clusters(int backward, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes);

#ifdef __cplusplus
}
#endif

#endif

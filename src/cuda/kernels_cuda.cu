/* The kernels on the GPU: a block per rank, a cluster per group. Each size of group is an instance of its own, so that sums
 * of a thread are in registers. */
#include <cuda_runtime.h>

#include "cuda/kernels.h"
#include "cuda/phases.h"

#include "cuda/read.inc"

#include "cuda/product.inc"

#include "cuda/forward.inc"

#include "cuda/backward.inc"

#define SAB_KERNEL __global__ void __launch_bounds__(512, 1)
#define SAB_GIVEN const __grid_constant__ struct sab_gpu_pass

#include "cuda/layer.inc"

static cudaError_t configure(int backward, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes, cudaStream_t stream,
                             cudaLaunchConfig_t *config, cudaLaunchAttribute *attribute, kernel *chosen)
{
    *chosen = choose(backward, p);
    if (!*chosen)
        return cudaErrorInvalidValue;
    cudaError_t error = cudaFuncSetAttribute(*chosen, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared_nbytes);
    if (error != cudaSuccess)
        return error;
    *config = {};
    config->gridDim = dim3((unsigned)(sab_gpu_groups(p) * p->C));
    config->blockDim = dim3((unsigned)threads);
    config->dynamicSmemBytes = shared_nbytes;
    config->stream = stream;
    if (p->C > 1) {
        attribute->id = cudaLaunchAttributeClusterDimension;
        attribute->val.clusterDim.x = (unsigned)p->C;
        attribute->val.clusterDim.y = attribute->val.clusterDim.z = 1;
        config->attrs = attribute;
        config->numAttrs = 1;
    }
    return cudaSuccess;
}

int sab_gpu_launch(int backward, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes, void *stream)
{
    cudaLaunchConfig_t config;
    cudaLaunchAttribute attribute;
    kernel chosen;
    cudaError_t error = configure(backward, p, threads, shared_nbytes, (cudaStream_t)stream, &config, &attribute, &chosen);
    struct sab_gpu_pass pass = *p;
    pass.at = sab_gpu_lay_out(p, backward);
    return (int)(error == cudaSuccess ? cudaLaunchKernelEx(&config, chosen, pass) : error);
}

int sab_gpu_clusters(int backward, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes)
{
    cudaLaunchConfig_t config;
    cudaLaunchAttribute attribute;
    kernel chosen;
    int n = 0;
    cudaError_t error = configure(backward, p, threads, shared_nbytes, 0, &config, &attribute, &chosen);
    if (error == cudaSuccess && p->C > 1)
        error = cudaOccupancyMaxActiveClusters(&n, chosen, &config);
    else if (error == cudaSuccess) {
        int device = 0, processors = 0, blocks = 0;
        cudaGetDevice(&device);
        cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
        error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, chosen, threads, shared_nbytes);
        n = blocks * processors;
    }
    if (error != cudaSuccess)
        cudaGetLastError(); /* it was a question, not a failure */
    return error == cudaSuccess ? n : 0;
}

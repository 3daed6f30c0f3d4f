/* The kernels on the GPU: a block per rank, a cluster per group. Each size of group is an instance of its own, so that sums
 * of a thread are in registers. */
#include <cuda_runtime.h>

#include "cuda/kernels.h"
#include "cuda/phases.h"

#include "cuda/read.inc"

#include "cuda/product.inc"

#include "cuda/forward.inc"

#include "cuda/backward.inc"

/* What a kernel knows when it is compiled. The most usual sizes have kernels of their own, in which addresses, loops and branches
 * over sizes are folded: a step is bound by how many instructions follow each other. */
enum fixed { ANY, SAB_OF_128, LSTM_OF_128 };

/* The sizes that such a kernel is for; the same numbers as the pass has. */
SAB_GPU_BOTH void fix(struct sab_gpu_pass *p, int S, int backward, int fixed)
{
    if (fixed == ANY)
        return;
    p->S = S, p->C = 2, p->cell = SAB_CELL_LSTM, p->G = 4, p->fused = p->has_c = 1, p->threads = 512, p->held = 1;
    p->H = p->Hp = 128, p->U = 64, p->shift_U = 6;
    p->state.rows = backward ? 512 : 128, p->state.cols = backward ? 64 : 256;
    if (fixed == LSTM_OF_128) {
        p->K = 0;
        return;
    }
    p->A = p->Ap = 128, p->W = 64, p->shift_W = 6, p->score = SAB_SCORE_MLP, p->in_shared = 1, p->scores = NULL;
    p->query.rows = p->key.rows = 128, p->query.cols = p->key.cols = 64;
}

template <int S, int backward, int fixed>
__global__ void __launch_bounds__(512, 1) layer(const __grid_constant__ struct sab_gpu_pass given)
{
    struct sab_gpu_pass p = given;
    fix(&p, S, backward, fixed);
    if (fixed == SAB_OF_128) {
        __builtin_assume(p.K > 0);
        __builtin_assume(p.K < 31);
    }
    extern __shared__ float4 shared[];
    __shared__ unsigned long long arrivals[2];
    struct sab_ctx ctx;
    ctx.mem = (real *)shared;
#ifdef SAB_GPU_CLOCKS
    for (int i = 0; i < SAB_GPU_MARKS; i++)
        ctx.clocks[i] = 0;
#endif
    ctx.ranks = p.C;
    ctx.group = (int)blockIdx.x / p.C;
    ctx.rank = (int)blockIdx.x - ctx.group * p.C; /* a cluster is p.C blocks that follow each other */
    sab_exchange_open(&ctx, arrivals);
    if (backward)
        sab_backward_body(&ctx, &p, S);
    else
        sab_forward_body(&ctx, &p, S);
}

typedef void (*kernel)(const struct sab_gpu_pass);

/* Whether the pass has the sizes that fix() would give it. */
static int is_of(const struct sab_gpu_pass *p, int backward, int fixed)
{
    struct sab_gpu_pass q = *p;
    fix(&q, p->S, backward, fixed);
    return p->C == q.C && p->cell == q.cell && p->threads == q.threads && p->held == q.held && p->H == q.H && p->Hp == q.Hp && p->U == q.U &&
           p->state.rows == q.state.rows && p->state.cols == q.state.cols && (p->K > 0) == (fixed == SAB_OF_128) && p->K < 31 &&
           (p->K == 0 || (p->A == q.A && p->Ap == q.Ap && p->W == q.W && p->score == q.score && p->in_shared == q.in_shared && !p->scores &&
                          p->query.rows == q.query.rows && p->query.cols == q.query.cols));
}

static kernel choose(int backward, const struct sab_gpu_pass *p)
{
    const int is_sab = is_of(p, backward, SAB_OF_128), is_lstm = is_of(p, backward, LSTM_OF_128);
    switch (p->S) {
    case 1:
        if (is_sab)
            return backward ? layer<1, 1, SAB_OF_128> : layer<1, 0, SAB_OF_128>;
        if (is_lstm)
            return backward ? layer<1, 1, LSTM_OF_128> : layer<1, 0, LSTM_OF_128>;
        return backward ? layer<1, 1, ANY> : layer<1, 0, ANY>;
    case 2:
        return backward ? layer<2, 1, ANY> : layer<2, 0, ANY>;
    case 4:
        return backward ? layer<4, 1, ANY> : layer<4, 0, ANY>;
    case 8:
        return backward ? layer<8, 1, ANY> : layer<8, 0, ANY>;
    case 16:
        if (is_sab)
            return backward ? layer<16, 1, SAB_OF_128> : layer<16, 0, SAB_OF_128>;
        return backward ? layer<16, 1, ANY> : layer<16, 0, ANY>;
    }
    return NULL;
}

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

/* How the kernels are written, so that one source is both a GPU's kernel and plain C.
 *
 * A kernel is a sequence of phases. Within a phase, work is a loop over elements that do not need each other; between two
 * phases stands a barrier. On the GPU the threads of a block stride through a phase's loop, and the ranks of a cluster run
 * it at the same time; on the host one thread runs the loop of rank after rank. So the host form proves all but what this
 * file does itself: barriers, shuffles, asynchronous copies. */
#ifndef SAB_CUDA_PHASES_H
#define SAB_CUDA_PHASES_H

#include "cuda/pass.h"

#ifdef __CUDACC__

#include <cooperative_groups.h>
#include <cuda_pipeline.h>
#include <math.h>

#define SAB_FN static __device__ __forceinline__
#define SAB_UNROLL _Pragma("unroll")

/* A group as its threads see it. */
struct sab_ctx {
    real *mem; /* this rank's shared memory */
    int group, rank, ranks;
};

/* The ranks of the group: on the GPU each runs at once. */
#define FOR_RANKS(ctx, r) for (int r = (ctx)->rank, once_##r = 1; once_##r; once_##r = 0)
#define MEM(ctx, r) ((ctx)->mem)
SAB_FN real *sab_peer(const struct sab_ctx *ctx, int r)
{
#if __CUDA_ARCH__ >= 900
    if (ctx->ranks > 1)
        return cooperative_groups::this_cluster().map_shared_rank(ctx->mem, r);
#endif
    (void)r;
    return ctx->mem; /* before sm_90 there are no clusters */
}

SAB_FN void sab_sync_block(const struct sab_ctx *ctx)
{
    (void)ctx;
    __syncthreads();
}

/* Of all ranks: what they wrote, to each other's shared memory and to global memory, is seen by all. */
SAB_FN void sab_sync_group(const struct sab_ctx *ctx)
{
#if __CUDA_ARCH__ >= 900
    if (ctx->ranks > 1) {
        cooperative_groups::this_cluster().sync();
        return;
    }
#endif
    __syncthreads();
}

#define EACH(i, n) for (int i = (int)threadIdx.x; i < (n); i += (int)blockDim.x)
/* A team of lanes works on one element: a warp, or 8 lanes of it. */
#define EACH_WARP(i, n) for (int i = (int)threadIdx.x >> 5; i < (n); i += (int)blockDim.x >> 5)
#define EACH_OCTET(i, n) for (int i = (int)threadIdx.x >> 3; i < (n); i += (int)blockDim.x >> 3)
enum { SAB_OCTET = 8, SAB_WARP = 32 };
#define SAB_LANE ((int)threadIdx.x & 31)
#define SAB_OCTET_LANE ((int)threadIdx.x & 7)

/* Sums of a team; each lane gets it. All lanes of the team take part. */
SAB_FN real sab_octet_sum(real x)
{
    unsigned mask = 0xffu << (threadIdx.x & 24);
    for (int half = 4; half > 0; half >>= 1)
        x += __shfl_xor_sync(mask, x, half);
    return x;
}

SAB_FN real sab_warp_sum(real x)
{
    for (int half = 16; half > 0; half >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, half);
    return x;
}

SAB_FN void sab_sync_warp(void)
{
    __syncwarp();
}

/* Four numbers at once. */
struct sab_four {
    real x, y, z, w;
};

SAB_FN struct sab_four sab_load_four(const real *from)
{
    float4 v = *(const float4 *)from;
    struct sab_four four = {v.x, v.y, v.z, v.w};
    return four;
}

SAB_FN real sab_fma(real a, real b, real c)
{
    return fmaf(a, b, c);
}

SAB_FN real sab_reciprocal(real x)
{
    real y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); /* within an ulp; x is 1 or more here */
    return y;
}

SAB_FN real sab_exp(real x)
{
    return expf(x);
}

SAB_FN real sab_tanh(real x)
{
    return tanhf(x);
}

SAB_FN real sab_sigmoid(real x)
{
    return 1 / (1 + expf(-x));
}

/* A copy of four numbers, both places multiples of 16 bytes, into shared memory, that goes on beside what follows; there after
 * sab_arrive and a barrier. */
SAB_FN void sab_bring(real *to, const real *from)
{
    __pipeline_memcpy_async(to, from, 16);
}

SAB_FN void sab_bring_end(void)
{
    __pipeline_commit();
}

SAB_FN void sab_arrive(void)
{
    __pipeline_wait_prior(0);
}

/* The largest of the warp's candidates, the older of equals: key orders scores, index ages. Returns which lane has it. */
SAB_FN int sab_warp_best(unsigned key, int index)
{
    unsigned top = __reduce_max_sync(0xffffffffu, key);
    unsigned oldest = __reduce_min_sync(0xffffffffu, key == top ? (unsigned)index : 0xffffffffu);
    return __ffs((int)__ballot_sync(0xffffffffu, key == top && (unsigned)index == oldest)) - 1;
}

SAB_FN int sab_from_lane(int x, int lane)
{
    return __shfl_sync(0xffffffffu, x, lane);
}

SAB_FN real sab_real_from_lane(real x, int lane)
{
    return __shfl_sync(0xffffffffu, x, lane);
}

#else /* the host */

#include <math.h>
#include <string.h>

#define SAB_FN static inline
#define SAB_UNROLL

struct sab_ctx {
    real *mem[SAB_GPU_MOST_RANKS];
    int group, ranks;
};

#define FOR_RANKS(ctx, r) for (int r = 0; r < (ctx)->ranks; r++)
#define MEM(ctx, r) ((ctx)->mem[r])

SAB_FN real *sab_peer(const struct sab_ctx *ctx, int r)
{
    return ctx->mem[r];
}

SAB_FN void sab_sync_block(const struct sab_ctx *ctx)
{
    (void)ctx;
}

SAB_FN void sab_sync_group(const struct sab_ctx *ctx)
{
    (void)ctx;
}

#define EACH(i, n) for (int i = 0; i < (n); i++)
#define EACH_WARP(i, n) EACH (i, n)
#define EACH_OCTET(i, n) EACH (i, n)
enum { SAB_OCTET = 1, SAB_WARP = 1 };
#define SAB_LANE 0
#define SAB_OCTET_LANE 0

SAB_FN real sab_octet_sum(real x)
{
    return x;
}

SAB_FN real sab_warp_sum(real x)
{
    return x;
}

SAB_FN void sab_sync_warp(void)
{
}

struct sab_four {
    real x, y, z, w;
};

SAB_FN struct sab_four sab_load_four(const real *from)
{
    struct sab_four four = {from[0], from[1], from[2], from[3]};
    return four;
}

SAB_FN real sab_fma(real a, real b, real c)
{
    return a * b + c;
}

SAB_FN real sab_reciprocal(real x)
{
    return 1 / x;
}

SAB_FN real sab_exp(real x)
{
    return (real)exp((double)x);
}

SAB_FN real sab_tanh(real x)
{
    return (real)tanh((double)x);
}

SAB_FN real sab_sigmoid(real x)
{
    return (real)(1 / (1 + exp(-(double)x)));
}

SAB_FN void sab_bring(real *to, const real *from)
{
    memcpy(to, from, 4 * sizeof *to);
}

SAB_FN void sab_bring_end(void)
{
}

SAB_FN void sab_arrive(void)
{
}

SAB_FN int sab_warp_best(unsigned key, int index)
{
    (void)key, (void)index;
    return 0;
}

SAB_FN int sab_from_lane(int x, int lane)
{
    (void)lane;
    return x;
}

SAB_FN real sab_real_from_lane(real x, int lane)
{
    (void)lane;
    return x;
}

#endif

#endif

/* The GPU's form of what phases are made of (phases.h): under nvcc, and by fibers (emulated.h). */
#ifndef SAB_CUDA_PHASES_GPU_H
#define SAB_CUDA_PHASES_GPU_H

#define SAB_GPU_FORM

#define SAB_FN static __device__ __forceinline__
#define SAB_UNROLL _Pragma("unroll")
#define SAB_UNROLL_BY_4 _Pragma("unroll 4")
/* Loops that seldom go round twice, or that do not matter: unrolled, they cost divisions, registers and the cache of instructions,
 * which a step of these kernels fills. */
#define SAB_ROLLED _Pragma("unroll 1")

enum { SAB_GPU_MARKS = 12 };

/* A group as its threads see it. */
struct sab_ctx {
    real *mem;         /* this rank's shared memory */
    unsigned arrivals; /* where the two barriers are at which what other ranks send arrives */
    int group, rank, ranks;
    int exchanges;     /* done so far */
#ifdef SAB_GPU_CLOCKS
    long long clocks[SAB_GPU_MARKS], last;
#endif
};

/* In builds to measure (-DSAB_GPU_CLOCKS): clocks of the first thread since the mark before, added up by number, and told at the end. */
SAB_FN void sab_mark(struct sab_ctx *ctx, int number)
{
    (void)ctx, (void)number;
#ifdef SAB_GPU_CLOCKS
    if (threadIdx.x == 0) {
        long long now = clock64();
        if (number >= 0)
            ctx->clocks[number] += now - ctx->last;
        ctx->last = now;
    }
#endif
}

SAB_FN void sab_mark_end(const struct sab_ctx *ctx, const char *what, int steps)
{
    (void)ctx, (void)what, (void)steps;
#ifdef SAB_GPU_CLOCKS
    if (threadIdx.x == 0 && blockIdx.x == 0) {
        printf("clocks %s, %d steps:", what, steps);
        for (int i = 0; i < SAB_GPU_MARKS; i++)
            printf(" %lld", ctx->clocks[i] / (steps > 0 ? steps : 1));
        printf("\n");
    }
#endif
}

/* The ranks of the group: on the GPU each runs at once. */
#define FOR_RANKS(ctx, r) for (int r = (ctx)->rank, once_##r = 1; once_##r; once_##r = 0)
#define MEM(ctx, r) ((ctx)->mem)
#define ANY_MEM(ctx) ((ctx)->mem) /* of what is the same in all ranks */
SAB_FN void sab_sync_block(const struct sab_ctx *ctx)
{
    (void)ctx;
    __syncthreads();
}

#ifdef SAB_EMULATED

SAB_FN real *sab_shared(void)
{
    return sab_emulated::own_block()->mem;
}

SAB_FN void sab_sync_group(const struct sab_ctx *ctx)
{
    (void)ctx;
    sab_emulated::wait_for(&sab_emulated::here->waiting, sab_emulated::here->blocks.size() * (size_t)sab_emulated::here->n_threads);
}

SAB_FN void sab_exchange_open(struct sab_ctx *ctx)
{
    ctx->exchanges = 0;
    sab_sync_group(ctx);
}

SAB_FN void sab_send(const struct sab_ctx *ctx, int at, real x)
{
    ctx->mem[at] = x;
    for (int to = 0; to < ctx->ranks; to++)
        if (to != ctx->rank) {
            sab_emulated::block *other = &sab_emulated::here->blocks[(size_t)to];
            other->mem[at] = x;
            other->exchange[ctx->exchanges & 1].missing--;
            sab_emulated::complete(&other->exchange[ctx->exchanges & 1]);
        }
}

SAB_FN void sab_exchange(struct sab_ctx *ctx, int count)
{
    if (ctx->ranks > 1) {
        sab_emulated::arrivals *own = &sab_emulated::own_block()->exchange[ctx->exchanges & 1];
        const unsigned parity = ctx->exchanges >> 1 & 1;
        if (threadIdx.x == 0) {
            own->missing += (long)count * (ctx->ranks - 1);
            own->is_told = 1;
            sab_emulated::complete(own);
        }
        while (threadIdx.x < 32 && (own->complete & 1) == parity) {
            sab_emulated::here->ready.push_back(sab_emulated::here->now);
            sab_emulated::pause();
        }
        ctx->exchanges++;
    }
    __syncthreads();
}

#else

SAB_FN real *sab_shared(void)
{
    extern __shared__ float4 shared[];
    return (real *)shared;
}

/* Of all ranks: what they wrote to global memory is seen by all. It waits for all that is under way and forgets the cache: some
 * thousand clocks, so steps use exchanges. */
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

/* An exchange: every rank sends to every rank, then all wait until what is theirs has arrived. What is sent may overwrite only what
 * its receiver read before it sent its own part of the exchange before. */
SAB_FN void sab_exchange_open(struct sab_ctx *ctx)
{
    __shared__ unsigned long long barriers[2];
    ctx->exchanges = 0;
    ctx->arrivals = (unsigned)__cvta_generic_to_shared(barriers);
#if __CUDA_ARCH__ >= 900
    if (ctx->ranks > 1 && threadIdx.x == 0) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(ctx->arrivals) : "memory");
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(ctx->arrivals + 8) : "memory");
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
#endif
    sab_sync_group(ctx);
}

/* Number `at` of every rank's shared memory becomes x. */
SAB_FN void sab_send(const struct sab_ctx *ctx, int at, real x)
{
    ctx->mem[at] = x;
#if __CUDA_ARCH__ >= 900
    if (ctx->ranks == 1)
        return;
    unsigned here = (unsigned)__cvta_generic_to_shared(ctx->mem + at), barrier = ctx->arrivals + 8 * (ctx->exchanges & 1);
    for (int to = 0; to < ctx->ranks; to++) {
        if (to == ctx->rank)
            continue;
        unsigned there, signal;
        asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(here), "r"(to));
        asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(signal) : "r"(barrier), "r"(to));
        asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.b32 [%0], %1, [%2];" ::"r"(there),
                     "r"(__float_as_uint(x)), "r"(signal) : "memory");
    }
#endif
}

/* count: numbers that each rank has sent. */
SAB_FN void sab_exchange(struct sab_ctx *ctx, int count)
{
#if __CUDA_ARCH__ >= 900
    if (ctx->ranks > 1) {
        unsigned barrier = ctx->arrivals + 8 * (ctx->exchanges & 1), parity = ctx->exchanges >> 1 & 1, arrived = 0;
        if (threadIdx.x == 0)
            asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
                         "r"((unsigned)(count * (ctx->ranks - 1) * (int)sizeof(real))) : "memory");
        while (threadIdx.x < 32 && !arrived) /* one warp: sixteen that ask are slower, and the others wait at the barrier */
            asm volatile("{\n.reg .pred p;\n"
                         "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                         "selp.u32 %0, 1, 0, p;\n}" : "=r"(arrived) : "r"(barrier), "r"(parity) : "memory");
        ctx->exchanges++;
    }
#endif
    (void)count;
    __syncthreads();
}

#endif

#define EACH(i, n) SAB_ROLLED for (int i = (int)threadIdx.x; i < (n); i += (int)blockDim.x)
/* The same from thread `skip` on, going round: loops of one phase that follow each other are then done by different warps. */
#define EACH_FROM(i, skip, n) \
    SAB_ROLLED for (int i = ((int)threadIdx.x - (skip)) & ((int)blockDim.x - 1); i < (n); i += (int)blockDim.x)
/* A team of lanes works on one element: a warp, or 4 lanes of it. */
#define EACH_WARP(i, n) SAB_ROLLED for (int i = (int)threadIdx.x >> 5; i < (n); i += (int)blockDim.x >> 5)
/* Teams dealt to S sequences (a power of two, known to the compiler), as many to each: sequence s, element x. Without a division:
 * that takes some forty instructions of every warp. */
#define EACH_OF_TEAMS(s, nb, e, n, teams, team)                                                                          \
    SAB_ROLLED for (int each_##e = (teams) >= S ? (teams) / S : 1, log_##e = 31 - __clz(each_##e), s = (team) >> log_##e; s < (nb); \
         s += (teams) >> log_##e)                                                                                        \
        SAB_ROLLED for (int e = (team) & (each_##e - 1); e < (n); e += each_##e)
#define EACH_WARP_OF(s, nb, e, n) EACH_OF_TEAMS (s, nb, e, n, (int)blockDim.x >> 5, (int)threadIdx.x >> 5)
#define EACH_QUAD_OF(s, nb, e, n) EACH_OF_TEAMS (s, nb, e, n, (int)blockDim.x >> 2, (int)threadIdx.x >> 2)
#define EACH_QUAD(i, n) SAB_ROLLED for (int i = (int)threadIdx.x >> 2; i < (n); i += (int)blockDim.x >> 2)
/* The same from quad `skip` on, going round. */
#define EACH_QUAD_FROM(i, skip, n)                                                                                       \
    SAB_ROLLED for (int i = (((int)threadIdx.x >> 2) - (skip)) & (((int)blockDim.x >> 2) - 1); i < (n); i += (int)blockDim.x >> 2)
enum { SAB_QUAD = 4, SAB_WARP = 32 };
#define SAB_LANE ((int)threadIdx.x & 31)
#define SAB_WARP_NUMBER ((int)threadIdx.x >> 5)
#define SAB_QUAD_LANE ((int)threadIdx.x & 3)

/* Sums of a team; each lane gets it. All lanes of the team take part. */
SAB_FN real sab_quad_sum(real x)
{
    unsigned mask = 0xfu << (threadIdx.x & 28);
    x += __shfl_xor_sync(mask, x, 2);
    return x + __shfl_xor_sync(mask, x, 1);
}

SAB_FN real sab_warp_sum(real x)
{
    for (int half = 16; half > 0; half >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, half);
    return x;
}

SAB_FN real sab_warp_most(real x)
{
    for (int half = 16; half > 0; half >>= 1)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, half));
    return x;
}

/* The least x of a warp, and its place: of equals the first. Each lane gets both. */
SAB_FN real sab_warp_least(real x, int at, int *place)
{
    SAB_ROLLED
    for (int half = 16; half > 0; half >>= 1) {
        const real other = __shfl_xor_sync(0xffffffffu, x, half);
        const int other_at = __shfl_xor_sync(0xffffffffu, at, half);
        if (other < x || (other == x && other_at < at))
            x = other, at = other_at;
    }
    *place = __shfl_sync(0xffffffffu, at, 0); /* one place, also where some x is no number */
    return x;
}

/* Which lanes of a warp say yes; how many those are, and how many of them stand before this lane. */
SAB_FN unsigned sab_votes(int is_yes)
{
    return __ballot_sync(0xffffffffu, is_yes);
}

SAB_FN int sab_count_votes(unsigned votes)
{
    return __popc(votes);
}

SAB_FN int sab_votes_before(unsigned votes)
{
    return __popc(votes & ((1u << (threadIdx.x & 31)) - 1));
}

SAB_FN void sab_sync_warp(void)
{
    __syncwarp();
}

SAB_FN void sab_sync_quad(void)
{
    __syncwarp(0xfu << (threadIdx.x & 28));
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

SAB_FN real sab_least(real x, real y)
{
    return fminf(x, y);
}

SAB_FN real sab_reciprocal(real x)
{
#ifdef SAB_EMULATED
    return 1 / x;
#else
    real y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); /* within an ulp; x is 1 or more here */
    return y;
#endif
}

SAB_FN real sab_exp(real x)
{
    return expf(x);
}

SAB_FN real sab_log(real x)
{
    return logf(x);
}

/* Absolute errors as those of the processor's kernels, some 2e-7 (kernels/kernels.h). */
SAB_FN real sab_tanh(real x)
{
    return 1 - __fdividef(2, 1 + __expf(2 * x));
}

SAB_FN real sab_sigmoid(real x)
{
    return __fdividef(1, 1 + __expf(-x));
}

/* Sums over the first n lanes and more, n at most `lanes`, a power of two: all of them have it. */
SAB_FN real sab_few_sum(real x, int lanes)
{
    for (int half = lanes >> 1; half > 0; half >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, half);
    return x;
}

/* A copy of four numbers, both places multiples of 16 bytes, into shared memory, that goes on beside what follows; there after
 * sab_arrive and a barrier. */
SAB_FN void sab_bring(real *to, const real *from)
{
    __pipeline_memcpy_async(to, from, 16);
}

/* The same of one number. */
SAB_FN void sab_bring_one(real *to, const real *from)
{
    __pipeline_memcpy_async(to, from, 4);
}

SAB_FN void sab_bring_int(int32_t *to, const int32_t *from)
{
    __pipeline_memcpy_async(to, from, 4);
}

SAB_FN void sab_bring_end(void)
{
    __pipeline_commit();
}

SAB_FN void sab_arrive(void)
{
    __pipeline_wait_prior(0);
}

#endif

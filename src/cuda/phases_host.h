/* The host's form of what phases are made of (phases.h): a block is one thread. */
#ifndef SAB_CUDA_PHASES_HOST_H
#define SAB_CUDA_PHASES_HOST_H

#include <math.h>
#include <string.h>

#define SAB_FN static inline
#define SAB_UNROLL
#define SAB_UNROLL_BY_4
#define SAB_ROLLED

struct sab_ctx {
    real *mem[SAB_GPU_MOST_RANKS];
    int group, ranks;
};

#define FOR_RANKS(ctx, r) for (int r = 0; r < (ctx)->ranks; r++)
#define MEM(ctx, r) ((ctx)->mem[r])
#define ANY_MEM(ctx) ((ctx)->mem[0])

SAB_FN void sab_mark(struct sab_ctx *ctx, int number)
{
    (void)ctx, (void)number;
}

SAB_FN void sab_mark_end(const struct sab_ctx *ctx, const char *what, int steps)
{
    (void)ctx, (void)what, (void)steps;
}

SAB_FN void sab_sync_block(const struct sab_ctx *ctx)
{
    (void)ctx;
}

SAB_FN void sab_sync_group(const struct sab_ctx *ctx)
{
    (void)ctx;
}

SAB_FN void sab_send(const struct sab_ctx *ctx, int at, real x)
{
    for (int r = 0; r < ctx->ranks; r++)
        ctx->mem[r][at] = x;
}

SAB_FN void sab_exchange(struct sab_ctx *ctx, int count)
{
    (void)ctx, (void)count;
}

#define EACH(i, n) for (int i = 0; i < (n); i++)
#define EACH_FROM(i, skip, n) EACH (i, n)
#define EACH_WARP(i, n) EACH (i, n)
#define EACH_WARP_OF(s, nb, e, n) EACH (s, nb) EACH (e, n)
#define EACH_QUAD_OF(s, nb, e, n) EACH (s, nb) EACH (e, n)
#define EACH_QUAD(i, n) EACH (i, n)
#define EACH_QUAD_FROM(i, skip, n) EACH (i, n)
enum { SAB_QUAD = 1, SAB_WARP = 1 };
#define SAB_LANE 0
#define SAB_WARP_NUMBER 0
#define SAB_QUAD_LANE 0

SAB_FN real sab_quad_sum(real x)
{
    return x;
}

SAB_FN real sab_warp_sum(real x)
{
    return x;
}

SAB_FN real sab_warp_most(real x)
{
    return x;
}

SAB_FN real sab_warp_least(real x, int at, int *place)
{
    *place = at;
    return x;
}

SAB_FN unsigned sab_votes(int is_yes)
{
    return is_yes != 0;
}

SAB_FN int sab_count_votes(unsigned votes)
{
    return (int)votes;
}

SAB_FN int sab_votes_before(unsigned votes)
{
    (void)votes;
    return 0;
}

SAB_FN void sab_sync_warp(void)
{
}

SAB_FN void sab_sync_quad(void)
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

SAB_FN real sab_least(real x, real y)
{
    return x > y ? y : x;
}

SAB_FN real sab_reciprocal(real x)
{
    return 1 / x;
}

SAB_FN real sab_exp(real x)
{
    return (real)exp((double)x);
}

SAB_FN real sab_log(real x)
{
    return (real)log((double)x);
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

SAB_FN void sab_bring_one(real *to, const real *from)
{
    *to = *from;
}

SAB_FN void sab_bring_int(int32_t *to, const int32_t *from)
{
    *to = *from;
}

SAB_FN void sab_bring_end(void)
{
}

SAB_FN void sab_arrive(void)
{
}

#endif

/* The kernels as plain C: a block is one thread that runs each phase's loop, a cluster's ranks take turns at each phase. */
#include "cuda/kernels.h"

#include "base/alloc.h"
#include "base/error.h"
#include "cuda/phases.h"

#include "cuda/read.inc"

#include "cuda/product.inc"

#include "cuda/forward.inc"

#include "cuda/backward.inc"

static int run(const struct sab_gpu_pass *asked, int backward, struct sab_error *err)
{
    struct sab_gpu_pass pass = *asked, *p = &pass;
    struct sab_ctx ctx = {.ranks = p->C};
    p->at = sab_gpu_lay_out(p, backward);
    size_t room = (size_t)p->at.end;
    real *mem = sab_alloc(room * (size_t)p->C, sizeof *mem);
    if (!mem)
        return sab_fail(err, SAB_NOMEM, "no memory for the shared memory of %d ranks", p->C);
    for (ctx.group = 0; ctx.group < sab_gpu_groups(p); ctx.group++) {
        for (int r = 0; r < p->C; r++)
            ctx.mem[r] = mem + (size_t)r * room;
        for (size_t i = 0; i < room * (size_t)p->C; i++) /* what a kernel does not set it must not use */
            mem[i] = NAN;
        if (backward)
            sab_backward_body(&ctx, p, p->S);
        else
            sab_forward_body(&ctx, p, p->S);
    }
    sab_free(mem);
    return SAB_OK;
}

int sab_gpu_forward_host(const struct sab_gpu_pass *p, struct sab_error *err)
{
    return run(p, 0, err);
}

int sab_gpu_backward_host(const struct sab_gpu_pass *p, struct sab_error *err)
{
    return run(p, 1, err);
}

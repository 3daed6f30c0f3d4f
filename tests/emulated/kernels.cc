/* The kernels in the GPU's form, run by fibers (cuda/emulated.h), as a machine's two passes. */
#include <math.h>

#include "cuda/phases.h"

#include "cuda/read.inc"

#include "cuda/product.inc"

#include "cuda/forward.inc"

#include "cuda/backward.inc"

#define SAB_KERNEL static void
#define SAB_GIVEN const struct sab_gpu_pass

#include "cuda/layer.inc"

struct launch {
    kernel chosen;
    struct sab_gpu_pass pass;
};

static void run(const void *given)
{
    const struct launch *l = (const struct launch *)given;
    l->chosen(l->pass);
}

/* 0, or -1 where threads wait for ever. */
extern "C" int sab_emulated_launch(int backward, const struct sab_gpu_pass *p, size_t shared_nbytes, unsigned long long seed)
{
    struct launch l = {choose(backward, p), *p};
    l.pass.at = sab_gpu_lay_out(p, backward);
    for (int group = 0; group < sab_gpu_groups(p); group++)
        if (sab_emulated::run_cluster(group * p->C, p->C, p->threads, shared_nbytes, seed + (unsigned)group, run, &l))
            return -1;
    return 0;
}

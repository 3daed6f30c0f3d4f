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
#include <stdio.h>
#elif defined(SAB_EMULATED)
#include "cuda/emulated.h"
#endif

#if defined(__CUDACC__) || defined(SAB_EMULATED)
#include "cuda/phases_gpu.h"
#else
#include "cuda/phases_host.h"
#endif

/* j / n; n is 1 << shift, or shift is negative: a division takes some hundred clocks. */
SAB_FN int sab_over(int j, int n, int shift)
{
    return shift >= 0 ? j >> shift : j / n;
}

/* Element j of rows of n: row s (of S, which the compiler knows), column x. */
#define SPLIT(j, n, shift, s, x) const int s = S == 1 ? 0 : sab_over(j, n, shift), x = (j) - s * (n)

#endif

/* Which table of kernels runs here. Fastest last. */
#include "kernels/tables.h"

#include <string.h>

const struct sab_kernels *sab_kernels_at(int i)
{
    const struct sab_kernels *have[4] = {&sab_kernels_ref};
    int n = 1;
#ifdef SAB_HAS_X86
    have[n++] = &sab_kernels_sse2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        have[n++] = &sab_kernels_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        have[n++] = &sab_kernels_avx512;
#endif
#ifdef SAB_HAS_NEON
    have[n++] = &sab_kernels_neon;
#endif
    return i >= 0 && i < n ? have[i] : NULL;
}

const struct sab_kernels *sab_kernels_choose(int cpu)
{
    static const char *const names[] = {
        [SAB_CPU_REF] = "ref",       [SAB_CPU_SSE2] = "sse2", [SAB_CPU_AVX2] = "avx2",
        [SAB_CPU_AVX512] = "avx512", [SAB_CPU_NEON] = "neon",
    };
    const struct sab_kernels *chosen = NULL;
    for (int i = 0; sab_kernels_at(i); i++)
        if (cpu == SAB_CPU_AUTO || !strcmp(names[cpu], sab_kernels_at(i)->name))
            chosen = sab_kernels_at(i);
    return chosen;
}

/* The tables that a build may have; only dispatch.c and the files that define them need this. */
#ifndef SAB_KERNELS_TABLES_H
#define SAB_KERNELS_TABLES_H

#include "kernels/kernels.h"

#if !defined(SAB_DOUBLE) && (defined(__x86_64__) || defined(__i386__))
#define SAB_HAS_X86 1
extern const struct sab_kernels sab_kernels_sse2, sab_kernels_avx2, sab_kernels_avx512;
#endif

#if !defined(SAB_DOUBLE) && defined(__aarch64__)
#define SAB_HAS_NEON 1
extern const struct sab_kernels sab_kernels_neon;
#endif

#endif

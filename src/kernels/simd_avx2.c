/* Kernels for AVX2 with FMA: 8 floats, 16 registers. */
#include "kernels/tables.h"

#ifdef SAB_HAS_X86
#include <immintrin.h>

#define VL 8
#define MR 4
#define STRIP_VECTORS 3
typedef float vf __attribute__((vector_size(32)));
typedef int vi __attribute__((vector_size(32)));
typedef float v4 __attribute__((vector_size(16)));

static inline vf vf_load(const float *p) { return (vf)_mm256_loadu_ps(p); }
static inline void vf_store(float *p, vf v) { _mm256_storeu_ps(p, (__m256)v); }
static inline vf vf_set(float x) { return (vf)_mm256_set1_ps(x); }
static inline vf vf_fma(vf a, vf b, vf c) { return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
static inline vf vf_min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }

/* r improved by a Newton step. */
static inline vf vf_newton(vf x, vf r)
{
    return vf_fma(r, (vf)_mm256_fnmadd_ps((__m256)x, (__m256)r, _mm256_set1_ps(1.0f)), r);
}

#define ESTIMATE_ERROR (1.5 * 0x1p-12)
static inline vf vf_estimate(vf x) { return (vf)_mm256_rcp_ps((__m256)x); }

/* After one step from the estimate 2.25 * 2^-24 and its rounding, after two a rounding. */
static inline vf vf_rcp(vf x) { return vf_newton(x, vf_estimate(x)); }
static inline vf vf_inverse(vf x) { return vf_newton(x, vf_rcp(x)); }

static inline unsigned vf_reaches(vf a, vf b)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_NLT_UQ));
}
static inline v4 vf_fold4(const vf l[2])
{
    __m256 sum = (__m256)(l[0] + l[1]);
    return (v4)_mm256_castps256_ps128(sum) + (v4)_mm256_extractf128_ps(sum, 1);
}

#define TABLE sab_kernels_avx2
#define TABLE_NAME "avx2"
#include "kernels/simd.inc"
#else
typedef int sab_not_built_here;
#endif

/* Kernels for AVX-512 F/VL/DQ/BW: 16 floats, 32 registers. */
#include "kernels/tables.h"

#ifdef SAB_HAS_X86
#include <immintrin.h>

#define VL 16
#define MR 8
#define STRIP_VECTORS 3
typedef float vf __attribute__((vector_size(64)));
typedef int vi __attribute__((vector_size(64)));
typedef float v4 __attribute__((vector_size(16)));

static inline vf vf_load(const float *p) { return (vf)_mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf v) { _mm512_storeu_ps(p, (__m512)v); }
static inline vf vf_set(float x) { return (vf)_mm512_set1_ps(x); }
static inline vf vf_fma(vf a, vf b, vf c) { return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
static inline vf vf_min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }

#define ESTIMATE_ERROR 0x1p-14
static inline vf vf_estimate(vf x) { return (vf)_mm512_rcp14_ps((__m512)x); }

/* Estimate and one Newton step. */
static inline vf vf_rcp(vf x)
{
    vf r = vf_estimate(x);
    vf e = (vf)_mm512_fnmadd_ps((__m512)x, (__m512)r, _mm512_set1_ps(1.0f));
    return vf_fma(r, e, r);
}

static inline unsigned vf_reaches(vf a, vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_NLT_UQ); }
static inline v4 vf_fold4(const vf l[1])
{
    __m512 all = (__m512)l[0];
    __m256 sum = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    return (v4)_mm256_castps256_ps128(sum) + (v4)_mm256_extractf128_ps(sum, 1);
}

#define vf_inverse vf_rcp
#define TABLE sab_kernels_avx512
#define TABLE_NAME "avx512"
#include "kernels/simd.inc"
#else
typedef int sab_not_built_here;
#endif

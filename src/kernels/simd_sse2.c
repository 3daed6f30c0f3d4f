/* Kernels for SSE2, which every 64-bit x86 has: 4 floats, 16 registers, no fused multiply-add. */
#include "kernels/tables.h"

#ifdef SAB_HAS_X86
#include <emmintrin.h>

#define VL 4
#define MR 4
#define STRIP_VECTORS 2
typedef float vf __attribute__((vector_size(16)));
typedef int vi __attribute__((vector_size(16)));
typedef float v4 __attribute__((vector_size(16)));

static inline vf vf_load(const float *p) { return (vf)_mm_loadu_ps(p); }
static inline void vf_store(float *p, vf v) { _mm_storeu_ps(p, (__m128)v); }
static inline vf vf_set(float x) { return (vf)_mm_set1_ps(x); }
static inline vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
static inline vf vf_min(vf a, vf b) { return (vf)_mm_min_ps((__m128)a, (__m128)b); }
static inline vf vf_max(vf a, vf b) { return (vf)_mm_max_ps((__m128)a, (__m128)b); }
static inline vf vf_rcp(vf x) { return vf_set(1.0f) / x; } /* exact: an estimate without FMA loses an ulp for no gain */
#define ESTIMATE_ERROR (1.5 * 0x1p-12)
static inline vf vf_estimate(vf x) { return (vf)_mm_rcp_ps((__m128)x); }

static inline unsigned vf_reaches(vf a, vf b) { return (unsigned)_mm_movemask_ps(_mm_cmpnlt_ps((__m128)a, (__m128)b)); }
static inline v4 vf_fold4(const vf l[4]) { return (l[0] + l[2]) + (l[1] + l[3]); }

#define vf_inverse vf_rcp
#define TABLE sab_kernels_sse2
#define TABLE_NAME "sse2"
#include "kernels/simd.inc"
#else
typedef int sab_not_built_here;
#endif

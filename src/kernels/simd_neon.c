/* Kernels for 64-bit Arm: 4 floats, 32 registers. */
#include "kernels/tables.h"

#ifdef SAB_HAS_NEON
#include <arm_neon.h>

#define VL 4
#define MR 8
#define STRIP_VECTORS 3
typedef float vf __attribute__((vector_size(16)));
typedef int vi __attribute__((vector_size(16)));
typedef float v4 __attribute__((vector_size(16)));

static inline vf vf_load(const float *p) { return (vf)vld1q_f32(p); }
static inline void vf_store(float *p, vf v) { vst1q_f32(p, (float32x4_t)v); }
static inline vf vf_set(float x) { return (vf)vdupq_n_f32(x); }
static inline vf vf_fma(vf a, vf b, vf c) { return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
static inline vf vf_min(vf a, vf b) { return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b); }
static inline vf vf_max(vf a, vf b) { return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b); }
static inline vf vf_rcp(vf x) { return vf_set(1.0f) / x; }

static inline unsigned vf_reaches(vf a, vf b)
{
    const uint32x4_t bits = {1, 2, 4, 8};
    return vaddvq_u32(vbicq_u32(bits, vcltq_f32((float32x4_t)a, (float32x4_t)b)));
}
static inline v4 vf_fold4(const vf l[4]) { return (l[0] + l[2]) + (l[1] + l[3]); }

#define vf_inverse vf_rcp
#define TABLE sab_kernels_neon
#define TABLE_NAME "neon"
#include "kernels/simd.inc"
#else
typedef int sab_not_built_here;
#endif

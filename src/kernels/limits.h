/* The range of keys and queries of the mlp score: part of its definition, hence the same for all kernels and devices. */
#ifndef SAB_KERNELS_LIMITS_H
#define SAB_KERNELS_LIMITS_H

/* Largest |2u| of exp2x: its exponential squared is finite. What exp2x clipped lies above SAB_EXP_MOST or below SAB_EXP_LEAST,
 * which are as close to exp(+-SAB_EXPONENT_MAX) as its error allows. */
#ifdef SAB_DOUBLE
#define SAB_EXPONENT_MAX 350.0
#define SAB_EXP_MOST 1.0070908870280756e+152
#define SAB_EXP_LEAST 9.9295903962650199e-153
#else
#define SAB_EXPONENT_MAX 43.0
#define SAB_EXP_MOST 4.72783805e+18f
#define SAB_EXP_LEAST 2.11513167e-19f
#endif

#endif

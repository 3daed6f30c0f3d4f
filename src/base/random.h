/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011) from Random123.
 *
 * A number is a pure function of (seed, purpose, index, lane): nothing to save, the same on any thread. What is drawn for
 * one purpose says nothing of another; a new one is an enumerator at the end. */
#ifndef SAB_BASE_RANDOM_H
#define SAB_BASE_RANDOM_H

#include <stdint.h>

enum sab_purpose {
    SAB_FOR_WEIGHTS,  /* index: tensor, lane: element */
    SAB_FOR_TRAIN,    /* index: sequence, lane: draw within it */
    SAB_FOR_TEST,
    SAB_FOR_CHECK,    /* check-grad's problems */
    SAB_FOR_VALID,
    SAB_FOR_SHUFFLE,  /* see data/shuffle.c */
    SAB_FOR_PIXELS,   /* lane: pixel of a permuted image */
    SAB_FOR_GENERATE, /* index: symbols a stream has seen, lane 0 */
    SAB_FOR_TUNE,     /* index: draw; lane 0: step, 1: first */
    SAB_FOR_DROPOUT,  /* index: update * B + sequence, lane: input */
    SAB_FOR_DROPOUT_OUTPUT, /* the same, lane: layer * H + unit */
    SAB_FOR_DROPOUT_STATE
};

/* 32 random bits. */
uint32_t sab_random_bits(uint64_t seed, enum sab_purpose purpose, uint64_t index, uint32_t lane);

/* Uniform in [0, 1), 32 bits of resolution. */
double sab_random_uniform(uint64_t seed, enum sab_purpose purpose, uint64_t index, uint32_t lane);

/* A hash of a sequence of words: of those before, 0 at first, and one more. The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA
 * 2014). Here, and as SAB_RANDOM_FN, since a GPU's kernels take it too. */
#ifdef __CUDACC__
#define SAB_RANDOM_FN static __host__ __device__ inline
#else
#define SAB_RANDOM_FN static inline
#endif
SAB_RANDOM_FN uint64_t sab_random_mix(uint64_t before, uint64_t word)
{
    uint64_t z = (before ^ word) + 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Uniform integer in 0..n-1, n >= 1 (multiply-shift; the bias is below n / 2^32). */
uint32_t sab_random_below(uint64_t seed, enum sab_purpose purpose, uint64_t index, uint32_t lane, uint32_t n);

#endif

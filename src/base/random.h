/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011) from Random123.
 *
 * A number is a pure function of (seed, stream, index, lane): nothing to save, the same on any thread. Streams keep the
 * uses apart; adding a use means adding an enumerator at the end. */
#ifndef SAB_BASE_RANDOM_H
#define SAB_BASE_RANDOM_H

#include <stdint.h>

enum sab_random_stream {
    SAB_STREAM_WEIGHTS,  /* index: tensor, lane: element */
    SAB_STREAM_TRAIN,    /* index: sequence, lane: draw within it */
    SAB_STREAM_TEST,
    SAB_STREAM_CHECK,    /* check-grad's problems */
    SAB_STREAM_VALID,
    SAB_STREAM_SHUFFLE,  /* see data/shuffle.c */
    SAB_STREAM_PIXELS,   /* lane: pixel of a permuted image */
    SAB_STREAM_GENERATE, /* index: symbols a stream has seen, lane 0 */
    SAB_STREAM_TUNE      /* index: draw; lane 0: step, 1: first */
};

/* 32 random bits. */
uint32_t sab_random_bits(uint64_t seed, enum sab_random_stream stream, uint64_t index, uint32_t lane);

/* Uniform in [0, 1), 32 bits of resolution. */
double sab_random_uniform(uint64_t seed, enum sab_random_stream stream, uint64_t index, uint32_t lane);

/* Uniform integer in 0..n-1, n >= 1 (multiply-shift; the bias is below n / 2^32). */
uint32_t sab_random_below(uint64_t seed, enum sab_random_stream stream, uint64_t index, uint32_t lane, uint32_t n);

#endif

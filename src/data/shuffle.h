/* The order in which a pass over the training data takes them: element i of a permutation of 0..n-1, computed alone,
 * without memory of size n. */
#ifndef SAB_DATA_SHUFFLE_H
#define SAB_DATA_SHUFFLE_H

#include <stdint.h>

/* Where i goes, 0 <= i < n: i -> sab_shuffle(seed, pass, i, n) is a permutation of 0..n-1, a different one for each
 * (seed, pass), pass below 2^32. n >= 1. */
uint64_t sab_shuffle(uint64_t seed, uint64_t pass, uint64_t i, uint64_t n);

#endif

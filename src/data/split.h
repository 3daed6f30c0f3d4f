/* Cutting one file into training, validation and test part by the option --split. */
#ifndef SAB_DATA_SPLIT_H
#define SAB_DATA_SPLIT_H

#include "sab.h"

/* Reads "0.9,0.05,0.05": three numbers from 0 to 1 that add up to at most 1, and cuts 0..n-1 into three neighbouring
 * parts: split s is bounds[s] <= i < bounds[s+1]. What the fractions leave over at the end is in none, but that a sum
 * of 1 reaches to n. SAB_INVALID names the text. */
int sab_split_bounds(const char *split, uint64_t n, uint64_t bounds[4], struct sab_error *err);

#endif

/* What the fuzz targets share. A target is tests/fuzz_NAME.c: libFuzzer drives it in the preset fuzz, fuzz_main.c in the preset asan. */
#ifndef SAB_TESTS_FUZZING_H
#define SAB_TESTS_FUZZING_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes);
size_t LLVMFuzzerMutate(uint8_t *data, size_t nbytes, size_t cap);
/* Targets that know the structure of their input define it. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t nbytes, size_t cap, unsigned seed);

/* Ends the process with `what` unless it is true. */
void fuzz_require(int is_true, const char *what);

enum { FUZZ_FILES = 2 };

/* A file of these bytes, in memory: its path, good until the next call with the same `which`, 0..FUZZ_FILES-1. */
const char *fuzz_put(int which, const uint8_t *data, size_t nbytes);

#endif

/* Arrays of numbers as base64 in JSON: the bytes of each number with the least significant first. */
#ifndef SAB_REPORT_ARRAYS_H
#define SAB_REPORT_ARRAYS_H

#include "base/json_out.h"
#include "sab.h"

/* Each writes null where memory ran out, and returns SAB_NOMEM. */
int sab_arrays_bytes(struct sab_json *json, const char *key, const uint8_t *numbers, size_t n, struct sab_error *err);
int sab_arrays_int32(struct sab_json *json, const char *key, const int32_t *numbers, size_t n, struct sab_error *err);
int sab_arrays_float(struct sab_json *json, const char *key, const float *numbers, size_t n, struct sab_error *err);

#endif

/* fmaf() in line, where the machine has none: WebAssembly. The product of two floats is exact in double; rounding the sum twice, to
 * double and to float, can only err where the double lies halfway between two floats, and there the C library's slow one answers. */
#ifndef SAB_WEB_MATH_H
#define SAB_WEB_MATH_H

#include_next <math.h>

#include <stdint.h>
#include <string.h>

static inline float sab_web_fmaf(float a, float b, float c)
{
    double sum = (double)a * b + c;
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return (bits & 0x1fffffff) != 0x10000000 ? (float)sum : (fmaf)(a, b, c);
}
#define fmaf sab_web_fmaf

#endif

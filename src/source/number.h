/* Numbers out of data files: decimal text by its length, and the number types of NumPy. The same in every locale. */
#ifndef SAB_SOURCE_NUMBER_H
#define SAB_SOURCE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* A number with its digits: mantissa / 10^decimals exactly, where decimals is not -1; value is the nearest double. */
struct sab_decimal {
    int64_t mantissa; /* at most 2^53 in size */
    int decimals;     /* 0..18, or -1: value alone is known */
    double value;
};

/* Reads a finite decimal number that is the whole of text[0..n-1]: digits, one point, an exponent. 0 when done; 1, with
 * the result untouched, if it is anything else. */
int sab_decimal_read(const char *text, size_t n, struct sab_decimal *decimal);
int sab_number_read(const char *text, size_t n, double *value);

/* The decimal with the fewest digits whose nearest double is the value. */
struct sab_decimal sab_decimal_of(double value);

/* The double nearest to a - b: of the decimals themselves where both are known, so that it does not depend on how large
 * they are (48211904.93 - 48211904.41 is 0.52, and their doubles' difference is not); else of their doubles. */
double sab_decimal_minus(const struct sab_decimal *a, const struct sab_decimal *b);

/* IEEE 754 binary16 as a double. */
double sab_number_from_half(uint16_t bits);

#endif

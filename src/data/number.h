/* Numbers out of data files: decimal text by its length, and the number types of NumPy. The same in every locale. */
#ifndef SAB_DATA_NUMBER_H
#define SAB_DATA_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* Reads a finite decimal number that is the whole of text[0..n-1]: digits, one point, an exponent. 0 when done; 1, with
 * *value untouched, if it is anything else. */
int sab_number_read(const char *text, size_t n, double *value);

/* IEEE 754 binary16 as a double. */
double sab_number_from_half(uint16_t bits);

#endif

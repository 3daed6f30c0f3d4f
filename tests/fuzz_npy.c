/* Any bytes as a .npy file, for libFuzzer: no crash, no overrun, and every element of what is taken can be read.
 *
 *     ctest: tier hours
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzzing.h"
#include "source/npy.h"


/* Keeps the first 8 bytes a magic and a version, and the header's length plausible, seven times in eight. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t nbytes, size_t cap, unsigned seed)
{
    nbytes = LLVMFuzzerMutate(data, nbytes, cap);
    if (seed % 8 == 0 || nbytes < 10)
        return nbytes;
    memcpy(data, "\x93NUMPY\x01\x00", 8);
    const uint8_t *brace = memchr(data + 10, '}', nbytes - 10);
    size_t length = (brace ? (size_t)(brace - data) + 1 : nbytes) - 10;
    data[8] = (uint8_t)length;
    data[9] = (uint8_t)(length >> 8);
    return nbytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    struct sab_npy array;
    struct sab_error err = {0};
    char text[64];
    int status = sab_npy_parse(&array, data, nbytes, "input", &err);
    if (status != SAB_OK) {
        if (status != SAB_FORMAT || !err.message[0])
            abort();
        return 0;
    }
    double sum = 0;
    for (int64_t i = 0; i < array.count; i++)
        sum += sab_npy_is_whole(&array) ? (double)sab_npy_int(&array, i) : sab_npy_real(&array, i);
    sab_npy_shape_text(&array, text, sizeof text);
    return isnan(sum) && text[0] != '[';
}

/* See split.h. */
#include "data/split.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static int read_fractions(const char *split, double fraction[3])
{
    for (int k = 0; k < 3; k++) {
        char number[SAB_REAL_TEXT_CAP];
        size_t length = strcspn(split, ",");
        if (length >= sizeof number || (split[length] == ',') != (k < 2))
            return 1;
        memcpy(number, split, length);
        number[length] = 0;
        if (sab_text_to_real(number, &fraction[k]) || fraction[k] < 0 || fraction[k] > 1)
            return 1;
        split += length + (k < 2);
    }
    return 0;
}

int sab_split_bounds(const char *split, uint64_t n, uint64_t bounds[4], struct sab_error *err)
{
    double fraction[3], sum = 0;
    const double rounding = 1e-9; /* 0.7 + 0.2 + 0.1 is not 1 */
    if (read_fractions(split, fraction) || fraction[0] + fraction[1] + fraction[2] > 1 + rounding)
        return sab_fail(err, SAB_INVALID, "--split: \"%.60s\" is not three fractions that add up to at most 1, such as "
                                          "0.9,0.05,0.05", split);
    bounds[0] = 0;
    for (int k = 0; k < 3; k++) {
        sum += fraction[k];
        double at = (double)n * sum + 0.5;
        bounds[k + 1] = sum > 1 - rounding || at >= (double)n ? n : (uint64_t)at;
    }
    return SAB_OK;
}

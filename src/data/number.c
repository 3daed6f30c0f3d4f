/* See number.h. */
#include "data/number.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

enum {
    LONGEST = 511,       /* no honest number has more characters */
    EXACT_POWER = 22,    /* 10^22 is the last power of ten that a double holds exactly */
    DIGITS_MOST = 18     /* of a mantissa that cannot overflow 64 bits */
};

static int read_slowly(const char *text, size_t n, double *value)
{
    char copy[LONGEST + 1];
    if (n > LONGEST || memchr(text, 0, n))
        return 1;
    memcpy(copy, text, n);
    copy[n] = 0;
    return sab_text_to_real(copy, value);
}

/* A mantissa below 2^53 times or over an exact power of ten is one correctly rounded operation: the same bits as strtod
 * gives, at a tenth of its time. Whatever else there is goes the slow way. */
int sab_number_read(const char *text, size_t n, double *value)
{
    if (n == 1 && text[0] >= '0' && text[0] <= '9') {
        *value = text[0] - '0';
        return 0;
    }
    static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    size_t i = n > 0 && (text[0] == '-' || text[0] == '+');
    uint64_t mantissa = 0;
    int digits = 0, decimals = 0, has_point = 0;
    for (; i < n; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit <= 9) {
            if (++digits > DIGITS_MOST)
                return read_slowly(text, n, value);
            mantissa = 10 * mantissa + digit;
            decimals += has_point;
        } else if (text[i] == '.' && !has_point) {
            has_point = 1;
        } else {
            return read_slowly(text, n, value);
        }
    }
    if (digits == 0)
        return 1;
    if (mantissa > (uint64_t)1 << 53)
        return read_slowly(text, n, value);
    double magnitude = decimals ? (double)mantissa / powers[decimals] : (double)mantissa;
    *value = text[0] == '-' ? -magnitude : magnitude;
    return 0;
}

double sab_number_from_half(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                     : exponent == 0 ? ldexp(fraction, -24)
                                     : ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -magnitude : magnitude;
}

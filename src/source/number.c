/* See number.h. */
#include "source/number.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

enum {
    LONGEST = 511,       /* no honest number has more characters */
    EXACT_POWER = 22,    /* 10^22 is the last power of ten that a double holds exactly */
    DIGITS_MOST = 18     /* of a mantissa that cannot overflow 64 bits */
};

static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static int read_slowly(const char *text, size_t n, struct sab_decimal *decimal)
{
    char copy[LONGEST + 1];
    if (n > LONGEST || memchr(text, 0, n))
        return 1;
    memcpy(copy, text, n);
    copy[n] = 0;
    if (sab_text_to_real(copy, &decimal->value))
        return 1;
    decimal->decimals = -1;
    return 0;
}

/* A mantissa below 2^53 times or over an exact power of ten is one correctly rounded operation: the same bits as strtod
 * gives, at a tenth of its time. Whatever else there is goes the slow way. */
int sab_decimal_read(const char *text, size_t n, struct sab_decimal *decimal)
{
    if (n == 1 && text[0] >= '0' && text[0] <= '9') {
        *decimal = (struct sab_decimal){text[0] - '0', 0, text[0] - '0'};
        return 0;
    }
    size_t i = n > 0 && (text[0] == '-' || text[0] == '+');
    uint64_t mantissa = 0;
    int digits = 0, decimals = 0, has_point = 0;
    for (; i < n; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit <= 9) {
            if (++digits > DIGITS_MOST)
                return read_slowly(text, n, decimal);
            mantissa = 10 * mantissa + digit;
            decimals += has_point;
        } else if (text[i] == '.' && !has_point) {
            has_point = 1;
        } else {
            return read_slowly(text, n, decimal);
        }
    }
    if (digits == 0)
        return 1;
    if (mantissa > (uint64_t)1 << 53)
        return read_slowly(text, n, decimal);
    double magnitude = decimals ? (double)mantissa / powers[decimals] : (double)mantissa;
    decimal->mantissa = text[0] == '-' ? -(int64_t)mantissa : (int64_t)mantissa;
    decimal->decimals = decimals;
    decimal->value = text[0] == '-' ? -magnitude : magnitude;
    return 0;
}

int sab_number_read(const char *text, size_t n, double *value)
{
    struct sab_decimal decimal;
    if (sab_decimal_read(text, n, &decimal))
        return 1;
    *value = decimal.value;
    return 0;
}

/* The fewest decimals with which mantissa / 10^decimals is the number again, to the bit. */
struct sab_decimal sab_decimal_of(double value)
{
    struct sab_decimal decimal = {.decimals = -1, .value = value};
    for (int decimals = 0; decimals < DIGITS_MOST && fabs(value) < 1e15; decimals++) {
        double scaled = nearbyint(value * powers[decimals]);
        if (!(fabs(scaled) <= (double)((int64_t)1 << 53)))
            break;
        if (scaled / powers[decimals] == value)
            return (struct sab_decimal){(int64_t)scaled, decimals, value};
    }
    return decimal;
}

/* Gets the mantissa with so many decimals. Returns 0 if it is larger than half of what fits, since the difference of two must fit too. */
static int align(const struct sab_decimal *a, int decimals, int64_t *mantissa)
{
    int64_t m = a->mantissa;
    if (a->decimals < 0)
        return 0;
    for (int k = a->decimals; k < decimals; k++) {
        if (m > INT64_MAX / 20 || m < -(INT64_MAX / 20))
            return 0;
        m *= 10;
    }
    *mantissa = m;
    return 1;
}

double sab_decimal_minus(const struct sab_decimal *a, const struct sab_decimal *b)
{
    int decimals = a->decimals > b->decimals ? a->decimals : b->decimals;
    int64_t x, y, most = (int64_t)1 << 53;
    if (!align(a, decimals, &x) || !align(b, decimals, &y) || x - y > most || y - x > most)
        return a->value - b->value;
    return (double)(x - y) / powers[decimals];
}

double sab_number_from_half(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                     : exponent == 0 ? ldexp(fraction, -24)
                                     : ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -magnitude : magnitude;
}

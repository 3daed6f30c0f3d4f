/* Sums over a whole gradient, in one fixed order. See optim.h. */
#include <math.h>

#include "optim/optim.h"

/* Eight running sums let the compiler use vectors without changing the order; a block's sums are joined before they
 * grow far beyond what is added to them. */
enum { BLOCK = 4096, LANES = 8 };

static double sum_block(const sab_real *x, size_t count)
{
    double sum[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            sum[k] += (double)x[i + k] * (double)x[i + k];
    for (size_t k = 0; i + k < count; k++)
        sum[k] += (double)x[i + k] * (double)x[i + k];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

double sab_optim_norm(const sab_real *x, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i += BLOCK)
        total += sum_block(x + i, count - i < BLOCK ? count - i : BLOCK);
    return sqrt(total);
}

double sab_optim_clip(double norm, double clip)
{
    return clip > 0 && norm > clip ? clip / norm : 1;
}

int sab_optim_is_finite(const sab_real *x, size_t count)
{
    unsigned bad = 0; /* without a way out of the loop the compiler uses vectors */
    for (size_t i = 0; i < count; i++)
        bad |= !isfinite(x[i]);
    return !bad;
}

/* See dropout.h. */
#include "train/dropout.h"

#include "base/error.h"
#include "base/random.h"

int sab_dropout_check(const struct sab_optim_options *options, const struct sab_shape *shape, struct sab_error *err)
{
    if (options->dropout_input == 0 || shape->input != SAB_INPUT_IDS)
        return SAB_OK;
    return sab_fail(err, SAB_INVALID, "--dropout-input %g leaves out input values; this task's inputs are symbols: it must be 0",
                    options->dropout_input);
}

void sab_dropout_apply(double p, uint64_t seed, int64_t step, int T, int B, int I, const sab_real *values, sab_real *to)
{
    const sab_real kept = (sab_real)(1 / (1 - p));
    for (int b = 0; b < B; b++)
        for (int i = 0; i < I; i++) {
            int is_left_out = sab_random_uniform(seed, SAB_FOR_DROPOUT, (uint64_t)step * (uint64_t)B + (uint64_t)b, (uint32_t)i) < p;
            for (int t = 0; t < T; t++) {
                size_t at = ((size_t)t * (size_t)B + (size_t)b) * (size_t)I + (size_t)i;
                to[at] = is_left_out ? 0 : kept * values[at];
            }
        }
}

/* What the tests of equalities share: random configurations, with every table of kernels that this machine has. */
#ifndef SAB_TESTS_EQUALITIES_SUPPORT_H
#define SAB_TESTS_EQUALITIES_SUPPORT_H

#include "problem.h"

enum { EQUALITY_CASES = 60 };

/* Runs `check` on so many random problems with every table of kernels. */
void equality_for_each(void (*check)(struct sab_options *config, struct sab_shape shape, int T, int B, uint64_t seed));

/* [T,B,O] of a batch of the problem's; the caller frees it. */
sab_real *equality_outputs(struct problem *p, const struct sab_batch *batch);

#define EQUALITY(name)                \
    static void test_##name(void **s) \
    {                                 \
        (void)s;                      \
        equality_for_each(name);      \
    }

#endif

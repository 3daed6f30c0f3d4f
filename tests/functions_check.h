/* The elementary functions of the kernels, as the kernels use them, against the C library in double precision. */
#ifndef SAB_TESTS_FUNCTIONS_CHECK_H
#define SAB_TESTS_FUNCTIONS_CHECK_H

#include "kernels/kernels.h"

enum functions_kind {
    FUNCTIONS_TANH,    /* rnn_forward; absolute error */
    FUNCTIONS_SIGMOID, /* the input gate of lstm_forward; absolute error */
    FUNCTIONS_EXP,     /* exp2x; relative error */
    FUNCTIONS_RCP,     /* one element of score_mlp, 1 / (1 + x) for x in 0..2^86; error in units in the last place */
    FUNCTIONS_COUNT
};

extern const char *const functions_names[FUNCTIONS_COUNT];
/* What the contract in kernels.h promises; every table is held to it. */
extern const double functions_bounds[FUNCTIONS_COUNT];

struct functions_worst {
    double error;
    float x;
    int64_t checked;
};

/* Looks at every stride-th of the 2^32 floats, from the first on, NaN and Inf among them: a NaN must stay one. Fills
 * the worst of each table (those of sab_kernels_at). Uses all processors. */
void functions_check(enum functions_kind kind, uint32_t first, uint32_t stride, struct functions_worst worst[8]);

/* Fails the test where a table is beyond its bound; prints the worst of each. */
void functions_judge(enum functions_kind kind, uint32_t first, uint32_t stride);

#endif

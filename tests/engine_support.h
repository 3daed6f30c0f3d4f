/* What the tests of engines and tapes share: random configurations, and the way there and back in pieces. */
#ifndef SAB_TESTS_ENGINE_SUPPORT_H
#define SAB_TESTS_ENGINE_SUPPORT_H

#include "problem.h"

/* Random configurations of everything that changes the computation, one a seed. */
void for_each_case(void (*check)(struct sab_options *config, struct sab_shape shape, int T, int B, uint64_t seed));

/* Without a readout the outputs are h, or where there is a memory h and s. */
struct sab_shape fitted(const struct sab_options *c, struct sab_shape shape);

/* A test of a check over all of them. */
#define EQUALITY(name)                \
    static void test_##name(void **s) \
    {                                 \
        (void)s;                      \
        for_each_case(name);          \
    }

/* The test fails with the error's message unless status is SAB_OK. */
void engine_must(int status, const struct sab_error *err);
struct sab_engine *engine_of(struct problem *p, int threads);
/* n numbers, NaN: what is not written is seen. */
sab_real *engine_room(size_t n);

/* All that a way back leaves. */
struct back {
    struct sab_request request;
    size_t n_grads, n_values, n_state;
    sab_real *grads, *dvalues, *dh0, *dc0;
};

struct back back_make(const struct problem *p, int with_grads);
void back_free(struct back *b);

void same_bits(const char *what, uint64_t seed, const sab_real *a, const sab_real *b, size_t n);
void same_back(uint64_t seed, const struct back *a, const struct back *b);

struct sab_tape *engine_record(struct sab_engine *engine, const struct sab_batch *batch, sab_real *outputs);
void engine_play(struct sab_tape *tape, const struct back *b);

/* The same work of a problem by several engines: its gradient, its outputs, a tape there and back. */
struct same_work {
    struct problem *p;
    uint64_t seed;
    int n; /* engines so far */
    struct sab_metrics first;
    struct back expected, got;
    sab_real *y[2];
};

struct same_work same_work_begin(struct problem *p, uint64_t seed);
/* Fails unless the engine leaves the bits that the first one left; `how` says what is special of it. Frees it. */
void same_work_of(struct same_work *w, struct sab_engine *engine, const char *how);
void same_work_end(struct same_work *w);

/* The gradient of the model's loss to its outputs: what the built-in way back begins with, from closed forms. */
sab_real *gradient_of_outputs(const struct problem *p, const sab_real *y);

#endif

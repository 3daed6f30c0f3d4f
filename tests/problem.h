/* Random problems for tests: a model and a batch that fits it, a pure function of the seed. */
#ifndef SAB_TESTS_PROBLEM_H
#define SAB_TESTS_PROBLEM_H

#include "train/options.h"

struct problem {
    struct sab_options config;
    struct sab_shape shape;
    struct sab_model *model;
    struct sab_batch batch;
    int32_t *ids, *labels, *lengths;
    sab_real *values, *targets, *weight;
};

/* A number in lo..hi, and one in [0,1), from a test's own sequence. */
int problem_int(uint64_t *state, int lo, int hi);
double problem_uniform(uint64_t *state);

/* config as sab_options_init leaves it but small: hidden 12, k_top 3, k_att 2, k_trunc 4. */
void problem_config(struct sab_options *config);

/* What enters and leaves: input, I, loss, O. */
#define SHAPE(...) ((struct sab_shape){sizeof(struct sab_shape), __VA_ARGS__})

/* The model of config and a batch of T x B with random masks and lengths; weights drawn wider than training starts
 * them, so that attention is far from uniform, and none left at 0. Fails the test on error. */
void problem_make(struct problem *p, const struct sab_options *config, struct sab_shape shape, int T, int B,
                  uint64_t seed);
void problem_free(struct problem *p);

/* Gives the batch random masks of dropout, one in four of them 0: of outputs, of states, or both, as the seed says; problem_free
 * frees them. */
void problem_mask(struct problem *p, uint64_t seed);

/* XXH3 digest of all gradients after sab_model_gradient with that many threads. */
uint64_t problem_gradient_digest(struct problem *p, int threads);

#endif

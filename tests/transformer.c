/* The Transformer: the equalities that every network must keep, what it refuses, and that it never looks ahead. Its numbers
 * are held to the oracle in oracle_cases.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/kernels.h"
#include "options_helper.h"
#include "problem.h"

enum { CASES = 12 };

static struct sab_shape random_case(struct sab_options *c, uint64_t *state)
{
    problem_config(c);
    c->model.model = SAB_KIND_TRANSFORMER;
    c->model.heads = problem_int(state, 1, 4);
    c->model.hidden = c->model.heads * problem_int(state, 1, 9);
    c->model.layers = problem_int(state, 1, 3);
    c->model.positions = problem_int(state, 0, 1);
    c->model.context = 128;
    return SHAPE(problem_int(state, 0, 1), problem_int(state, 1, 9), problem_int(state, 0, 2),
                              problem_int(state, 1, 7));
}

/* Runs `check` on random problems with every table of kernels; some are longer than a block of rows of attention. */
static void for_each_case(void (*check)(struct problem *p))
{
    for (int k = 0; sab_kernels_at(k); k++)
        for (uint64_t seed = 1; seed <= CASES; seed++) {
            uint64_t state = seed;
            OPTIONS config = {0};
            struct problem p;
            struct sab_shape shape = random_case(&config, &state);
            assert_int_equal(sab_options_set(&config, "cpu", sab_kernels_at(k)->name, NULL), SAB_OK);
            problem_make(&p, &config, shape, problem_int(&state, 1, seed % 3 ? 20 : 100), problem_int(&state, 1, 19), seed);
            check(&p);
            problem_free(&p);
        }
}

static sab_real *outputs_of(struct problem *p)
{
    struct sab_error err;
    sab_real *outputs = calloc((size_t)p->batch.T * p->batch.B * p->shape.O, sizeof *outputs);
    assert_non_null(outputs);
    if (sab_model_evaluate(p->model, &p->batch, 2, outputs, NULL, NULL, &err))
        fail_msg("%s", err.message);
    return outputs;
}

static void any_number_of_threads(struct problem *p)
{
    uint64_t one = problem_gradient_digest(p, 1);
    assert_true(problem_gradient_digest(p, 2) == one);
    assert_true(problem_gradient_digest(p, 5) == one);
}

static void alone_is_in_a_batch(struct problem *p)
{
    int T = p->batch.T, B = p->batch.B, b = B / 2, I = p->shape.I, O = p->shape.O;
    sab_real *all = outputs_of(p);
    for (int t = 0; t < T; t++) { /* its column to the front; what others hold there is not needed any more */
        p->ids[t] = p->ids[t * B + b];
        memmove(p->values + (size_t)t * I, p->values + ((size_t)t * B + b) * I, (size_t)I * sizeof *p->values);
    }
    p->lengths[0] = p->lengths[b];
    p->batch.B = 1;
    p->batch.labels = NULL;
    p->batch.targets = p->batch.weight = NULL;
    sab_real *alone = outputs_of(p);
    for (int t = 0; t < T; t++)
        assert_memory_equal(alone + (size_t)t * O, all + ((size_t)t * B + b) * O, (size_t)O * sizeof *all);
    free(all);
    free(alone);
}

/* Other inputs from a step on change no output before it, and do change that step's. */
static void future_is_unseen(struct problem *p)
{
    int T = p->batch.T, B = p->batch.B, O = p->shape.O, from = T / 2;
    p->batch.lengths = NULL;
    sab_real *before = outputs_of(p);
    for (size_t i = (size_t)from * B; i < (size_t)T * B; i++) {
        p->ids[i] = (p->ids[i] + 1) % p->shape.I;
        for (int k = 0; k < p->shape.I; k++)
            p->values[i * p->shape.I + k] += (sab_real)0.5 + k;
    }
    sab_real *after = outputs_of(p);
    assert_memory_equal(before, after, (size_t)from * B * O * sizeof *before);
    if (p->config.model.hidden > 1 && (p->batch.values || p->shape.I > 1))
        assert_memory_not_equal(before + (size_t)from * B * O, after + (size_t)from * B * O, (size_t)B * O * sizeof *after);
    free(before);
    free(after);
}

/* Gradients through the engine's loss are those of the same batch whose tail past each length holds other numbers. */
static void past_the_end_is_not_read(struct problem *p)
{
    uint64_t before = problem_gradient_digest(p, 1);
    for (int t = 0; t < p->batch.T; t++)
        for (int b = 0; b < p->batch.B; b++)
            if (t >= p->lengths[b]) {
                p->ids[t * p->batch.B + b] = -7;
                p->labels[t * p->batch.B + b] = -7;
                for (int k = 0; k < p->shape.I; k++)
                    p->values[((size_t)t * p->batch.B + b) * p->shape.I + k] = 1e30f;
            }
    assert_true(problem_gradient_digest(p, 1) == before);
}

static void test_threads(void **unused)
{
    (void)unused;
    for_each_case(any_number_of_threads);
}

static void test_alone(void **unused)
{
    (void)unused;
    for_each_case(alone_is_in_a_batch);
}

static void test_future(void **unused)
{
    (void)unused;
    for_each_case(future_is_unseen);
}

static void test_past_the_end(void **unused)
{
    (void)unused;
    for_each_case(past_the_end_is_not_read);
}

static void test_refusals(void **unused)
{
    (void)unused;
    struct sab_shape shape = {sizeof shape, SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 3};
    OPTIONS config = {0};
    struct sab_model *model;
    struct sab_stream *stream;
    struct sab_error err;
    struct problem p;
    problem_config(&config);
    config.model.model = SAB_KIND_TRANSFORMER;
    config.model.heads = 5;
    assert_int_equal(sab_model_create(&model, &config, &shape, &err), SAB_INVALID);
    assert_string_equal(err.message, "--heads 5: --hidden 12 is not a multiple of it");
    config.model.heads = 3;
    config.model.positions = SAB_POSITIONS_LEARNED;
    config.model.context = 9;
    problem_make(&p, &config, shape, 10, 2, 1);
    assert_int_equal(sab_model_gradient(p.model, &p.batch, 1, NULL, NULL, &err), SAB_INVALID);
    assert_string_equal(err.message, "sequences of 10 steps are longer than the 9 learned positions of --context");
    p.batch.T = 9;
    for (int b = 0; b < 2; b++)
        p.lengths[b] = 9;
    assert_int_equal(sab_model_gradient(p.model, &p.batch, 1, NULL, NULL, &err), SAB_OK);
    assert_int_equal(sab_stream_create(&stream, p.model, 1, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "--model transformer has no running state"));
    problem_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),      cmocka_unit_test(test_alone),    cmocka_unit_test(test_future),
        cmocka_unit_test(test_past_the_end), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Past the number of memories from which scores that cannot win are passed over (remind/prune.c), a whole sequence gives
 * the same bits as a stream of steps, which computes every score, and as batches that carry their state: for every cell,
 * score, sparsifier, write rule and density, with and without slots and zero memory.
 *
 * Inputs stay the same for long stretches, so that queries move little and nearly all scores are passed over.
 *
 * ctest: timeout 600
 * ctest: cost 15 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/kernels.h"
#include "options_helper.h"
#include "problem.h"

enum { T = 240, B = 2, O = 2, STRETCH = 20 };

/* Every combination is a number: its digits in the bases below. */
static const int bases[] = {3, 3, 3, 2, 3, 2, 3};

static int combinations(void)
{
    int n = 1;
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        n *= bases[i];
    return n;
}

static void set_combination(struct sab_options *c, int number)
{
    int digit[sizeof bases / sizeof *bases];
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        digit[i] = number % bases[i];
        number /= bases[i];
    }
    c->model.cell = digit[0];
    c->model.score = digit[1];
    c->model.sparsifier = digit[2];
    c->model.write = digit[3];
    c->model.memory_slots = (int[]){0, 60, 7}[digit[4]];
    c->model.zero_memory = digit[5];
    c->model.forward = digit[6] > 0 ? SAB_DENSE : SAB_SPARSE;
    c->model.backward = digit[6] > 1 ? SAB_DENSE : SAB_SPARSE;
}

static void hold_inputs(struct problem *p)
{
    for (int t = 0; t < T; t++)
        for (int b = 0; b < B; b++)
            memcpy(p->values + ((size_t)t * B + b) * p->shape.I,
                   p->values + ((size_t)(t / STRETCH * STRETCH) * B + b) * p->shape.I, (size_t)p->shape.I * sizeof *p->values);
    p->batch.lengths = NULL;
}

/* Outputs from step t0 on, of n steps. */
static void compare(const struct sab_options *c, const char *what, int t0, int n, const sab_real *got, const sab_real *whole)
{
    whole += (size_t)t0 * B * O;
    for (int i = 0; i < n * B * O; i++)
        if (memcmp(got + i, whole + i, sizeof *got) != 0)
            fail_msg("--cpu %d --cell %d --score %d --sparsifier %d --write %d --memory-slots %d --zero-memory %d --forward "
                     "%d --backward %d --k-top %d: an output of step %d is %.9g by %s, %.9g in the whole sequence",
                     c->shared.cpu, c->model.cell, c->model.score, c->model.sparsifier, c->model.write,
                         c->model.memory_slots, c->model.zero_memory, c->model.forward,
                     c->model.backward, c->model.k_top, t0 + i / (B * O) + 1, (double)got[i], what, (double)whole[i]);
}

/* A few of the networks explode: their streams must say so, and only theirs. */
static int has_exploded(int status, int t0, int n, const sab_real *whole, const struct sab_error *err)
{
    int is_finite = 1;
    for (int i = t0 * B * O; i < (t0 + n) * B * O; i++)
        is_finite &= isfinite(whole[i]);
    if (status != SAB_OK && (status != SAB_NUMERIC || is_finite))
        fail_msg("steps %d to %d, whose outputs are %s numbers: %s", t0 + 1, t0 + n, is_finite ? "all" : "not all", err->message);
    return status == SAB_NUMERIC;
}

static void check(const struct sab_options *config, int number)
{
    struct sab_shape shape = {sizeof shape, SAB_INPUT_VALUES, 3, SAB_LOSS_MSE, O};
    struct sab_error err;
    struct sab_stream *steps, *carried;
    struct problem p;
    problem_make(&p, config, shape, T, B, (uint64_t)number + 1);
    hold_inputs(&p);
    sab_real *whole = calloc((size_t)T * B * O, sizeof *whole), *y = calloc((size_t)T * B * O, sizeof *y);
    if (sab_model_evaluate(p.model, &p.batch, 1, whole, NULL, NULL, &err) ||
        sab_stream_create(&steps, p.model, B, &err) || sab_stream_create(&carried, p.model, B, &err))
        fail_msg("%s", err.message);
    for (int t = 0; t < T; t++) {
        if (has_exploded(sab_stream_step(steps, NULL, p.values + (size_t)t * B * shape.I, y, &err), t, 1, whole, &err))
            break;
        compare(config, "a stream", t, 1, y, whole);
    }
    for (int t = 0; t < T && config->model.memory_slots > 0 && !config->model.zero_memory; t += T / 2) {
        struct sab_batch half = p.batch;
        half.T = T / 2;
        half.values += (size_t)t * B * shape.I;
        half.targets += (size_t)t * B * O;
        half.weight += (size_t)t * B;
        half.state = carried;
        if (has_exploded(sab_model_evaluate(p.model, &half, 1, y, NULL, NULL, &err), t, T / 2, whole, &err))
            break;
        compare(config, "batches", t, T / 2, y, whole);
    }
    sab_stream_free(steps), sab_stream_free(carried);
    free(whole), free(y);
    problem_free(&p);
}

/* All on the instruction set that is fastest, every fifth on the others: 5 divides no base. */
static void test_whole_is_in_parts(void **unused)
{
    (void)unused;
    for (int k = 0; sab_kernels_at(k); k++)
        for (int number = 0; number < combinations(); number += sab_kernels_at(k + 1) ? 5 : 1) {
            OPTIONS config = {0};
            problem_config(&config);
            config.model.hidden = 5;
            config.model.k_att = 2;
            config.model.k_top = number % 4 + 1;
            config.model.read_gain = 0.5;
            set_combination(&config, number);
            assert_int_equal(sab_options_set(&config, "cpu", sab_kernels_at(k)->name, NULL), SAB_OK);
            check(&config, number);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole_is_in_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

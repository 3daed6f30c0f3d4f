/* Every gradient against central differences of the loss, in directions drawn at random, where nothing is cut: one
 * window, and forward and backward equally dense. Truncated gradients are the oracle's to judge.
 *
 * ctest: only double
 *
 * Step 1e-6: the error of a central difference is then about 1e-10 from rounding and 1e-12 from curvature, relative to
 * values near 1, so 1e-5 of the slope and 1e-8 absolute leave a wide margin, and no wrong term hides below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "options_helper.h"
#include "problem.h"

static double loss_of(struct problem *p)
{
    struct sab_error err;
    struct sab_metrics metrics = {.size = sizeof metrics};
    struct sab_batch batch = p->batch;
    if (batch.state) /* the state is a value: every evaluation starts from the same */
        assert_int_equal(sab_stream_clone(&batch.state, p->batch.state, &err), SAB_OK);
    if (sab_model_evaluate(p->model, &batch, 1, NULL, &metrics, NULL, &err))
        fail_msg("%s", err.message);
    sab_stream_free(batch.state);
    return metrics.loss;
}

/* The state that a batch leaves, for the same batch to start from. */
static struct sab_stream *past_of(struct problem *p)
{
    struct sab_error err;
    struct sab_batch batch = p->batch;
    assert_int_equal(sab_stream_create(&batch.state, p->model, batch.B, &err), SAB_OK);
    if (sab_model_evaluate(p->model, &batch, 1, NULL, NULL, NULL, &err))
        fail_msg("%s", err.message);
    return batch.state;
}

static double quotient(struct problem *p, struct sab_tensor t, const double *direction, double step)
{
    for (size_t j = 0; j < t.count; j++)
        t.data[j] += (sab_real)(step * direction[j]);
    double up = loss_of(p);
    for (size_t j = 0; j < t.count; j++)
        t.data[j] -= (sab_real)(2 * step * direction[j]);
    double down = loss_of(p);
    for (size_t j = 0; j < t.count; j++)
        t.data[j] += (sab_real)(step * direction[j]);
    return (up - down) / (2 * step);
}

/* Returns 1 if the check says nothing: quotients of two steps disagree, so a selection changes or nearly ties here. */
static int check_tensor(struct problem *p, int i, uint64_t seed, uint64_t *state)
{
    struct sab_tensor t = *sab_model_tensor(p->model, i);
    double *direction = calloc(t.count, sizeof *direction), slope = 0;
    for (size_t j = 0; j < t.count; j++) {
        direction[j] = 2 * problem_uniform(state) - 1;
        slope += direction[j] * (double)t.grad[j];
    }
    double coarse = quotient(p, t, direction, 2e-6), fine = quotient(p, t, direction, 1e-6);
    double tolerance = 1e-5 * fabs(fine) + 1e-8;
    free(direction);
    if (fabs(coarse - fine) > tolerance)
        return 1;
    if (fabs(fine - slope) > tolerance)
        fail_msg("seed %llu, %s: gradient %.12g, difference quotient %.12g", (unsigned long long)seed, t.name, slope,
                 fine);
    return 0;
}

static void test_gradients(void **unused)
{
    (void)unused;
    int checks = 0, silent = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t state = seed;
        OPTIONS c = {0};
        struct problem p;
        struct sab_error err;
        int T = problem_int(&state, 1, 20), B = problem_int(&state, 1, 10);
        problem_config(&c);
        c.model.hidden = problem_int(&state, 1, 20);
        c.model.layers = problem_int(&state, 1, 3);
        c.model.cell = problem_int(&state, 0, 2);
        c.model.score = problem_int(&state, 0, 2);
        c.model.sparsifier = problem_int(&state, 0, 1);
        c.model.read_floor = problem_int(&state, 0, 1);
        /* a GRU passes h on, so that reads with a gain near 1 double it again and again, out of the scores' domain */
        c.model.read_gain = c.model.cell == SAB_CELL_GRU ? 0.1 : problem_int(&state, 0, 1) ? 1 : 0.5;
        c.model.write = problem_int(&state, 0, 1);
        c.model.credit = problem_int(&state, 0, 3);
        c.model.k_top = problem_int(&state, 0, 6);
        c.model.k_att = problem_int(&state, 1, 3);
        c.model.k_trunc = T;
        c.model.forward = c.model.backward = problem_int(&state, 0, 1);
        c.model.recompute = problem_int(&state, 0, 1);
        c.model.pool = problem_int(&state, 0, SAB_POOL_ATTENTION);
        struct sab_shape shape = {sizeof shape, problem_int(&state, 0, 1), problem_int(&state, 1, 7), problem_int(&state, 0, 2),
                                  problem_int(&state, 1, 5)};
        int has_past = problem_int(&state, 0, 2) == 0;
        c.model.memory_slots = has_past || problem_int(&state, 0, 2) == 0 ? problem_int(&state, 1, 8) : 0;
        c.model.keep = c.model.memory_slots > 0 ? problem_int(&state, 0, SAB_KEEP_RESERVOIR) : SAB_KEEP_RECENT;
        int reads_all = c.model.forward == SAB_DENSE || c.model.credit == SAB_CREDIT_ATTENTION;
        c.model.segments = c.model.memory_slots > 0 || reads_all ? 0 : problem_int(&state, 0, 5);
        if (has_past) /* longer ones amplify a rounding error to anything: some of these networks are chaotic */
            T = (T + 2) / 3 * c.model.k_att;
        c.model.k_trunc = T;
        problem_make(&p, &c, shape, T, B, seed);
        int k_att = c.model.k_att;
        for (int b = 0; b < B && has_past; b++) /* what goes on must have ended where a memory was written */
            p.lengths[b] = (p.lengths[b] + k_att - 1) / k_att * k_att;
        struct sab_stream *past = has_past ? past_of(&p) : NULL, *start = NULL;
        if (has_past)
            assert_int_equal(sab_stream_clone(&start, past, &err), SAB_OK);
        p.batch.state = past;
        if (sab_model_gradient(p.model, &p.batch, 1, NULL, NULL, &err))
            fail_msg("%s", err.message);
        p.batch.state = start;
        for (int i = 0; i < sab_model_tensor_count(p.model); i++, checks++)
            silent += check_tensor(&p, i, seed, &state);
        sab_stream_free(past), sab_stream_free(start);
        problem_free(&p);
    }
    print_message("%d directions, %d of them at a switch\n", checks, silent);
    assert_true(silent * 50 < checks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

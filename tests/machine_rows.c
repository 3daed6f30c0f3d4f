/* What a machine (machine_support.h) does with rows, inputs, columns, scattered sums, losses and their figures, against what its
 * comments say, computed one element at a time, and against the library's own losses. On a GPU, losses may differ by a few units in
 * the last place of exp and log. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cuda/machine.h"
#include "machine_support.h"
#include "model/model.h"
#include "problem.h"

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void input_once(uint64_t *state, int R, int N, int has_bias2, int has_ids)
{
    enum { I = 11 };
    real *bias = machine_drawn(state, (size_t)N), *bias2 = machine_drawn(state, (size_t)N), *rows = machine_drawn(state, (size_t)I * N);
    size_t count = (size_t)R * N;
    real *got = machine_numbers(count), *want = machine_numbers(count);
    int32_t *ids = malloc((size_t)R * sizeof *ids);
    assert_non_null(ids);
    for (int r = 0; r < R; r++)
        ids[r] = problem_int(state, 0, I - 1);
    for (size_t i = 0; i < count; i++) {
        size_t n = i % N;
        want[i] = has_bias2 ? bias[n] + bias2[n] : bias[n];
        if (has_ids)
            want[i] += rows[ids[i / N] * N + n];
    }
    real *b = machine_put(bias, N * sizeof *b), *b2 = machine_put(bias2, N * sizeof *b), *w = machine_put(rows, (size_t)I * N * sizeof *w);
    real *pre = machine_room(count * sizeof *pre);
    int32_t *at = machine_put(ids, R * sizeof *ids);
    int status = machine->input(machine, R, N, b, has_bias2 ? b2 : NULL, has_ids ? at : NULL, has_ids ? w : NULL, pre);
    assert_int_equal(status, SAB_OK);
    machine_get(got, pre, count * sizeof *got);
    machine_same("input", got, want, count);
    machine->give(machine, b), machine->give(machine, b2), machine->give(machine, w), machine->give(machine, at);
    free(bias), free(bias2), free(rows), free(got), free(want), free(ids);
}

static void test_input(void **unused)
{
    (void)unused;
    uint64_t state = 8;
    for (int i = 0; i < 4; i++) {
        input_once(&state, 1, 16, i & 1, i >> 1);
        input_once(&state, 37, 300, i & 1, i >> 1);
        input_once(&state, 5000, 16, i & 1, i >> 1);
    }
}

/* Rows times a mask, into another place and into their own. */
static void test_mask(void **unused)
{
    (void)unused;
    enum { R = 37, N = 48 };
    uint64_t state = 12;
    real *x = machine_drawn(&state, R * N), *mask = machine_drawn(&state, N), *got = machine_numbers(R * N), *want = machine_numbers(R * N);
    for (int i = 0; i < R * N; i++)
        want[i] = x[i] * mask[i % N];
    real *xs = machine_put(x, R * N * sizeof *x), *masks = machine_put(mask, N * sizeof *x), *out = machine_room(R * N * sizeof *x);
    assert_int_equal(machine->mask(machine, R, N, xs, masks, out), SAB_OK);
    assert_int_equal(machine->mask(machine, R, N, xs, masks, xs), SAB_OK);
    machine_get(got, out, R * N * sizeof *got);
    machine_same("mask", got, want, R * N);
    machine_get(got, xs, R * N * sizeof *got);
    machine_same("mask in place", got, want, R * N);
    machine->give(machine, masks);
    free(x), free(mask), free(got), free(want);
}

static void columns_once(uint64_t *state, int R, int N, int ldx)
{
    size_t count = (size_t)R * ldx, chunks = ((size_t)R + 255) / 256;
    real *x = machine_drawn(state, count), *before = machine_drawn(state, (size_t)N), *got = machine_numbers((size_t)N);
    real *xs = machine_put(x, count * sizeof *x), *out = machine_put(before, N * sizeof *out),
        *scratch = machine_room(chunks * N * sizeof *x);
    assert_int_equal(machine->columns(machine, R, N, xs, ldx, scratch, out), SAB_OK);
    machine_get(got, out, N * sizeof *got);
    for (int n = 0; n < N; n++) {
        double sum = before[n], size = fabs((double)before[n]);
        for (int r = 0; r < R; r++) {
            sum += x[(size_t)r * ldx + n];
            size += fabs((double)x[(size_t)r * ldx + n]);
        }
        machine_near("columns", (size_t)n, got[n], sum, (256 + (double)chunks) * MACHINE_EPSILON * size);
    }
    machine->give(machine, xs), machine->give(machine, scratch);
    free(x), free(before), free(got);
}

static void test_columns(void **unused)
{
    (void)unused;
    uint64_t state = 9;
    static const int rows[] = {1, 2, 255, 256, 257, 1000};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        columns_once(&state, rows[k], 10, 16);
        columns_once(&state, rows[k], 300, 300);
    }
}

/* Rows in any order, ids with one segment, with many, and with none. */
static void test_scatter(void **unused)
{
    (void)unused;
    enum { R = 200, N = 33, IDS = 6, SEGMENTS = 6 };
    static const int32_t id[SEGMENTS] = {4, 0, 0, 0, 5, 2}, from[SEGMENTS + 1] = {0, 1, 65, 129, 140, 140, 200};
    uint64_t state = 10;
    real *x = machine_drawn(&state, R * N), *before = machine_drawn(&state, IDS * N), *got = machine_numbers(IDS * N);
    int32_t order[R];
    for (int i = 0; i < R; i++)
        order[i] = i;
    for (int i = R - 1; i > 0; i--) {
        int other = problem_int(&state, 0, i);
        int32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    real *xs = machine_put(x, R * N * sizeof *x), *out = machine_put(before, IDS * N * sizeof *x);
    real *scratch = machine_room(SEGMENTS * N * sizeof *x);
    int32_t *o = machine_put(order, sizeof order), *f = machine_put(from, sizeof from), *d = machine_put(id, sizeof id);
    assert_int_equal(machine->scatter(machine, SEGMENTS, N, xs, o, f, d, scratch, out), SAB_OK);
    assert_int_equal(machine->scatter(machine, 0, N, xs, o, f, d, scratch, out), SAB_OK);
    machine_get(got, out, IDS * N * sizeof *got);
    for (int i = 0; i < IDS * N; i++) {
        double sum = before[i];
        for (int j = 0; j < SEGMENTS; j++)
            for (int at = from[j]; at < from[j + 1] && id[j] == i / N; at++)
                sum += x[order[at] * N + i % N];
        machine_near("scatter", (size_t)i, got[i], sum, 140 * 70 * MACHINE_EPSILON);
    }
    machine->give(machine, xs), machine->give(machine, scratch), machine->give(machine, o);
    machine->give(machine, f), machine->give(machine, d);
    free(x), free(before), free(got);
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

struct rows {
    int R, O, Op;
    real *y, *targets, *weight;
    int32_t *labels;
    unsigned char *scored;
};

/* Few distinct outputs, so that there are ties; what does not count is not to be read. */
static struct rows rows_make(uint64_t *state, int loss, int R, int O)
{
    struct rows a = {.R = R, .O = O, .Op = sab_pad(O)};
    a.y = machine_drawn(state, (size_t)R * a.Op);
    a.targets = machine_drawn(state, (size_t)R * O);
    a.weight = machine_drawn(state, (size_t)R);
    a.labels = malloc((size_t)R * sizeof *a.labels);
    a.scored = malloc((size_t)R);
    assert_true(a.labels && a.scored);
    for (size_t i = 0; i < (size_t)R * a.Op; i++)
        a.y[i] = (real)(problem_int(state, 0, 2) ? rint(4 * a.y[i]) : 30 * a.y[i]);
    for (int r = 0; r < R; r++) {
        a.weight[r] = problem_int(state, 0, 2) ? (real)fabs((double)a.weight[r]) : 0;
        a.scored[r] = problem_int(state, 0, 2) != 0;
        int counts = a.weight[r] > 0 || a.scored[r];
        a.labels[r] = counts ? problem_int(state, 0, O - 1) : -1000000;
        for (int o = 0; o < O; o++) {
            real *target = &a.targets[(size_t)r * O + o];
            *target = !counts ? (real)NAN : loss == SAB_LOSS_BCE ? (real)fabs((double)*target) : *target;
        }
    }
    return a;
}

static void rows_free(struct rows *a)
{
    free(a->y), free(a->targets), free(a->weight), free(a->labels), free(a->scored);
}

/* What the machine makes of them: y in place, six sums. */
static void rows_run(struct rows *a, int loss, int backward, double scale, double *sums)
{
    size_t count = (size_t)a->R * a->Op;
    struct sab_gpu_losses p = {.R = a->R, .O = a->O, .Op = a->Op, .loss = loss, .scale = scale, .backward = backward};
    p.y = machine_put(a->y, count * sizeof *p.y);
    int32_t *labels = machine_put(a->labels, a->R * sizeof *labels);
    real *targets = machine_put(a->targets, (size_t)a->R * a->O * sizeof *targets);
    real *weight = machine_put(a->weight, a->R * sizeof *weight);
    unsigned char *scored = machine_put(a->scored, (size_t)a->R);
    p.labels = loss == SAB_LOSS_CROSS_ENTROPY ? labels : NULL;
    p.targets = loss == SAB_LOSS_CROSS_ENTROPY ? NULL : targets;
    p.weight = weight;
    p.scored = scored;
    p.sums = machine_put(sums, 6 * sizeof *sums);
    assert_int_equal(machine->losses(machine, &p), SAB_OK);
    machine->give(machine, labels), machine->give(machine, targets);
    machine_get(a->y, p.y, count * sizeof *p.y);
    machine_get(sums, p.sums, 6 * sizeof *sums);
    machine->give(machine, weight), machine->give(machine, scored);
}

static void losses_once(uint64_t *state, int loss, int R, int O, int backward)
{
    const double scale = 0.37, before[6] = {1, 2, 3, 4, 5, 6};
    struct rows a = rows_make(state, loss, R, O);
    struct sab_model model = {.shape.loss = loss, .O = O, .Op = a.Op};
    struct sab_loss_sums want = {0};
    size_t count = (size_t)R * a.Op;
    real *dy = machine_numbers(count);
    memcpy(dy, a.y, count * sizeof *dy);
    for (int r = 0; r < R; r++) {
        real *row = dy + (size_t)r * a.Op;
        sab_loss_row(&model, a.y + (size_t)r * a.Op, a.labels[r], a.targets + (size_t)r * O, a.weight[r], a.scored[r],
                     scale, backward ? row : NULL, &want);
    }
    double sums[6];
    memcpy(sums, before, sizeof sums);
    rows_run(&a, loss, backward, scale, sums);
    const double expected[6] = {want.loss, want.weight, want.squares, (double)want.scored, (double)want.correct,
                                (double)want.values};
    for (size_t k = 0; k < 6; k++)
        machine_near("sums of losses", k, sums[k], before[k] + expected[k], k < 3 ? 1e-12 * (before[k] + expected[k]) : 0);
    if (machine_on_host || !backward)
        machine_same("gradient of a loss", a.y, dy, count);
    for (size_t i = 0; i < count; i++)
        machine_near("gradient of a loss", i, a.y[i], dy[i], 2 * MACHINE_EPSILON * fabs((double)dy[i]) + scale * MACHINE_EPSILON);
    rows_free(&a);
    free(dy);
}

static void test_losses(void **unused)
{
    (void)unused;
    static const int outputs[] = {1, 2, 10, 16, 31, 32, 33, 1000};
    uint64_t state = 11;
    for (int loss = SAB_LOSS_CROSS_ENTROPY; loss <= SAB_LOSS_BCE; loss++)
        for (int backward = 0; backward < 2; backward++) {
            for (size_t k = 0; k < sizeof outputs / sizeof outputs[0]; k++)
                losses_once(&state, loss, 1 + 7 * (int)k, outputs[k], backward);
            losses_once(&state, loss, 9000, 10, backward); /* more rows than partial sums */
            losses_once(&state, loss, 3, 10000, backward);
        }
}

/* A NaN is never the largest, unless it is the first: as sab_loss_row has it. */
static void test_accuracy_of_nan(void **unused)
{
    (void)unused;
    enum { R = 3, O = 70 };
    uint64_t state = 12;
    struct rows a = rows_make(&state, SAB_LOSS_CROSS_ENTROPY, R, O);
    for (int r = 0; r < R; r++) {
        for (int o = 0; o < O; o++)
            a.y[r * a.Op + o] = (real)(o == 40 || o == 66 ? 2 : 1);
        a.weight[r] = 0;
        a.scored[r] = 1;
        a.labels[r] = r == 1 ? 0 : 40;
    }
    a.y[a.Op] = (real)NAN;          /* row 1 takes the first */
    a.y[2 * a.Op + 35] = (real)NAN; /* row 2 passes it by */
    double sums[6] = {0};
    rows_run(&a, SAB_LOSS_CROSS_ENTROPY, 0, 1, sums);
    assert_true(sums[3] == R); /* scored */
    assert_true(sums[4] == R); /* correct */
    rows_free(&a);
}

static void test_norm(void **unused)
{
    (void)unused;
    static const size_t counts[] = {0, 1, 255, 257, 1023, 1025, 5000, 1500001};
    uint64_t state = 13;
    real *x = machine_drawn(&state, 1500001);
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        long double sum = 0;
        for (size_t i = 0; i < counts[k]; i++)
            sum += (long double)x[i] * (long double)x[i];
        double got[2] = {-1, -1};
        real *xs = machine_put(x, counts[k] * sizeof *x);
        double *out = machine_room(sizeof got);
        assert_int_equal(machine->norm(machine, counts[k], xs, out), SAB_OK);
        assert_int_equal(machine->norm(machine, counts[k], xs, out + 1), SAB_OK);
        machine_get(got, out, sizeof got);
        machine->give(machine, xs);
        machine_near("norm", k, got[0], (double)sum, 1e-14 * (double)sum);
        assert_memory_equal(&got[0], &got[1], sizeof got[0]);
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_scatter),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_accuracy_of_nan),
        cmocka_unit_test(test_norm),
    };
    return machine_open() ? machine_close(cmocka_run_group_tests(tests, NULL, NULL)) : 1;
}

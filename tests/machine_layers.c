/* What a machine (machine_support.h) does for layers in other people's networks: arrays in the caller's layouts to the kernels' and back,
 * against what its comments say, computed one element at a time. Equal to the bit. */
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
#include "problem.h"
#include "remind/draw.h"

static void same_whole(const char *what, const int32_t *got, const int32_t *want, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (got[i] != want[i])
            fail_msg("%s: [%zu] is %d and not %d", what, i, got[i], want[i]);
}

/* [n] of lo..hi. */
static int32_t *whole(uint64_t *state, int n, int lo, int hi)
{
    int32_t *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < n; i++)
        x[i] = problem_int(state, lo, hi);
    return x;
}

static void test_pieces(void **unused)
{
    (void)unused;
    enum { LONG = 70000 };
    uint64_t state = 1;
    real *x = machine_drawn(&state, LONG), *got = machine_numbers(LONG);
    real *from = machine_put(x, LONG * sizeof *x), *to = machine_room(LONG * sizeof *x);
    const struct sab_gpu_pieces pieces = {3, {from, from + 5, from + 6}, {to + LONG - 5, to, to + 1}, {5, 1, LONG - 6}};
    assert_int_equal(machine->pieces(machine, &pieces), SAB_OK);
    machine_get(got, to, LONG * sizeof *got);
    machine->give(machine, from);
    machine_same("pieces", got, x + 5, LONG - 5);
    machine_same("the first piece", got + LONG - 5, x, 5);
    free(x), free(got);
}

/* to[j,i,c] = from[i,j,c], up to the ends, and zeros from there on and past the width; without `from` all are 0. */
static void rows_once(uint64_t *state, int n, int m, int width, int to_width, int has_ends, int has_from)
{
    const size_t count = (size_t)n * m * to_width;
    real *x = machine_drawn(state, (size_t)n * m * width), *want = machine_numbers(count), *got = machine_numbers(count);
    int32_t *ends = whole(state, m, 0, n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++)
            for (int c = 0; c < to_width; c++)
                want[((size_t)j * n + i) * to_width + c] =
                    has_from && c < width && (!has_ends || i < ends[j]) ? x[((size_t)i * m + j) * width + c] : 0;
    real *from = machine_put(x, (size_t)n * m * width * sizeof *x), *to = machine_room(count * sizeof *to);
    int32_t *e = machine_put(ends, (size_t)m * sizeof *e);
    const struct sab_gpu_rows rows = {n, m, has_from ? width : 0, to_width, to, (size_t)to_width, (size_t)n * to_width,
                                      has_from ? from : NULL, (size_t)m * width, (size_t)width, has_ends ? e : NULL};
    assert_int_equal(machine->rows(machine, &rows), SAB_OK);
    machine_get(got, to, count * sizeof *got);
    machine->give(machine, from), machine->give(machine, e);
    machine_same("rows", got, want, count);
    free(x), free(want), free(got), free(ends);
}

static void test_rows(void **unused)
{
    (void)unused;
    uint64_t state = 2;
    for (int i = 0; i < 4; i++) {
        rows_once(&state, 1, 1, 1, 1, i & 1, 1);
        rows_once(&state, 7, 5, 3, 16, i & 1, i >> 1);
        rows_once(&state, 300, 9, 40, 48, i & 1, 1);
    }
}

static void test_last(void **unused)
{
    (void)unused;
    enum { T = 9, B = 70, WIDTH = 5, LD = 16 };
    uint64_t state = 3;
    real *x = machine_drawn(&state, (size_t)(T + 1) * B * LD), want[B * WIDTH], *got = machine_numbers(B * WIDTH);
    int32_t *ends = whole(&state, B, 1, T);
    for (int has_ends = 0; has_ends < 2; has_ends++) {
        for (int i = 0; i < B * WIDTH; i++)
            want[i] = x[((size_t)(has_ends ? ends[i / WIDTH] : T) * B + i / WIDTH) * LD + i % WIDTH];
        real *from = machine_put(x, (size_t)(T + 1) * B * LD * sizeof *x), *to = machine_room(sizeof want);
        int32_t *e = machine_put(ends, B * sizeof *e);
        assert_int_equal(machine->last(machine, T, B, WIDTH, from, LD, has_ends ? e : NULL, to), SAB_OK);
        machine_get(got, to, sizeof want);
        machine->give(machine, from), machine->give(machine, e);
        machine_same("last", got, want, B * WIDTH);
    }
    free(x), free(got), free(ends);
}

/* One number that is not 0, in x or y, in one group and window. */
static void test_windows(void **unused)
{
    (void)unused;
    enum { T = 23, B = 7, S = 2, LD = 16, LEN = 5, N = 5, GROUPS = 4 };
    const size_t count = (size_t)T * B * LD;
    for (int k = 0; k < 40; k++) {
        uint64_t state = (uint64_t)k;
        const int t = problem_int(&state, 0, T - 1), b = problem_int(&state, 0, B - 1), in_y = problem_int(&state, 0, 1), has_y = k & 1;
        real *zeros = machine_numbers(count), *x = machine_numbers(count);
        for (size_t i = 0; i < count; i++)
            zeros[i] = x[i] = 0;
        x[((size_t)t * B + b) * LD + problem_int(&state, 0, LD - 1)] = (real)-0x1p-60;
        unsigned char got[GROUPS * N];
        real *one = machine_put(x, count * sizeof *x), *other = machine_put(zeros, count * sizeof *x);
        unsigned char *out = machine_room(sizeof got);
        const struct sab_gpu_windows windows = {T, B, S, LD, LEN, N, in_y ? other : one, has_y ? (in_y ? one : other) : NULL, out};
        assert_int_equal(machine->windows(machine, &windows), SAB_OK);
        machine_get(got, out, sizeof got);
        machine->give(machine, one), machine->give(machine, other);
        for (int g = 0; g < GROUPS; g++)
            for (int w = 0; w < N; w++)
                if (got[g * N + w] != (g == b / S && w == t / LEN && (has_y || !in_y)))
                    fail_msg("windows %d: group %d window %d is %d; the number is at t %d, b %d", k, g, w, got[g * N + w], t, b);
        free(zeros), free(x);
    }
}

/* Memories left: the newest, or those of a list; sequences that end early, and own fewer than are left. */
static void leave_once(uint64_t *state, int is_list, int has_ends, int has_first)
{
    enum { T = 12, B = 5, N = 4, H = 3, LD = 16, K_ATT = 2, CARRIED = 3, CAP = CARRIED + T / K_ATT, ALIVE = N + 1 };
    real *M = machine_drawn(state, (size_t)B * CAP * LD), want[B * N * H], *got = machine_numbers(B * N * H);
    struct sab_ledger_step steps[T + 1];
    for (int t = 0; t <= T; t++)
        steps[t] = (struct sab_ledger_step){0, CARRIED + t / K_ATT};
    int32_t *ends = whole(state, B, 1, T), *first = whole(state, B, 0, CARRIED), *n_alive = whole(state, B, 0, N), alive[B * ALIVE];
    int32_t left_first[B], left_since[B];
    for (int b = 0; b < B; b++) {
        for (int i = 0; i < ALIVE; i++)
            alive[b * ALIVE + i] = i + problem_int(state, 0, CAP - ALIVE);
        const int t = has_ends ? ends[b] : T, before = steps[t].count - N, own = (has_first ? first[b] : 0) - before;
        left_first[b] = is_list ? N - n_alive[b] : own < 0 ? 0 : own > N ? N : own;
        left_since[b] = t % K_ATT;
        for (int i = 0; i < N; i++) {
            const int row = !is_list ? before + i : i < left_first[b] ? 0 : alive[b * ALIVE + i - left_first[b]];
            for (int c = 0; c < H; c++)
                want[(b * N + i) * H + c] = i < left_first[b] || row < 0 ? 0 : M[((size_t)b * CAP + row) * LD + c];
        }
    }
    real *m = machine_put(M, (size_t)B * CAP * LD * sizeof *M), *memories = machine_room(sizeof want);
    struct sab_ledger_step *s = machine_put(steps, sizeof steps);
    int32_t *e = machine_put(ends, B * sizeof *e), *f = machine_put(first, B * sizeof *f), *a = machine_put(alive, sizeof alive);
    int32_t *n = machine_put(n_alive, B * sizeof *n), *to_first = machine_room(B * sizeof *e), *to_since = machine_room(B * sizeof *e);
    const struct sab_gpu_leave leave = {T, B, N, H, LD, CAP, K_ATT, ALIVE, s, has_ends ? e : NULL, has_first ? f : NULL,
                                        is_list ? a : NULL, is_list ? n : NULL, m, memories, to_first, to_since};
    assert_int_equal(machine->leave(machine, &leave), SAB_OK);
    int32_t got_first[B], got_since[B];
    machine_get(got, memories, sizeof want), machine_get(got_first, to_first, sizeof got_first);
    machine_get(got_since, to_since, sizeof got_since);
    machine->give(machine, m), machine->give(machine, s), machine->give(machine, e), machine->give(machine, f), machine->give(machine, a);
    machine->give(machine, n);
    machine_same("leave", got, want, B * N * H);
    same_whole("first", got_first, left_first, B);
    same_whole("since", got_since, left_since, B);
    free(M), free(got), free(ends), free(first), free(n_alive);
}

static void test_leave(void **unused)
{
    (void)unused;
    uint64_t state = 5;
    for (int i = 0; i < 40; i++)
        leave_once(&state, 0, i & 1, i >> 1 & 1);
    for (int i = 0; i < 40; i++)
        leave_once(&state, 1, i & 1, 0); /* a list begins with none that are taken over */
}

/* A reservoir's numbers, of ids or values, up to the ends; what is past them is left alone. */
static void drawn_once(uint64_t *state, int T, int B, int I, int has_ids, int has_ends)
{
    real *x = machine_drawn(state, (size_t)T * B * I), *want = machine_drawn(state, (size_t)T * B), *got = machine_numbers((size_t)T * B);
    int32_t *ids = whole(state, T * B, 0, I - 1), *ends = whole(state, B, 1, T);
    x[0] = (real)-0.0; /* is 0 */
    real *out = machine_put(want, (size_t)T * B * sizeof *want), *values = machine_put(x, (size_t)T * B * I * sizeof *x);
    int32_t *i = machine_put(ids, (size_t)T * B * sizeof *i), *e = machine_put(ends, (size_t)B * sizeof *e);
    for (int b = 0; b < B; b++) {
        uint64_t draw = 0;
        for (int t = 0; t < (has_ends ? ends[b] : T); t++) {
            const size_t at = (size_t)t * B + b;
            draw = sab_draw_next(draw, has_ids ? ids + at : NULL, has_ids ? NULL : x + at * I, I);
            want[at] = sab_draw_worth(draw);
        }
    }
    assert_int_equal(machine->drawn(machine, T, B, I, has_ids ? i : NULL, has_ids ? NULL : values, has_ends ? e : NULL, out), SAB_OK);
    machine_get(got, out, (size_t)T * B * sizeof *got);
    machine->give(machine, values), machine->give(machine, i), machine->give(machine, e);
    machine_same("drawn", got, want, (size_t)T * B);
    free(x), free(want), free(got), free(ids), free(ends);
}

static void test_drawn(void **unused)
{
    (void)unused;
    uint64_t state = 6;
    for (int i = 0; i < 4; i++) {
        drawn_once(&state, 1, 1, 1, i & 1, i >> 1);
        drawn_once(&state, 50, 300, 3, i & 1, i >> 1);
    }
}

static void test_by_id(void **unused)
{
    (void)unused;
    enum { R = 500, N = 45, I = 7 };
    uint64_t state = 7;
    real *x = machine_drawn(&state, (size_t)R * N), *want = machine_drawn(&state, I * N), *got = machine_numbers(I * N);
    int32_t *ids = whole(&state, R, 0, I - 1);
    real *from = machine_put(x, (size_t)R * N * sizeof *x), *out = machine_put(want, I * N * sizeof *want);
    int32_t *i = machine_put(ids, R * sizeof *i);
    for (int id = 0; id < I; id++)
        for (int n = 0; n < N; n++) {
            real sum = 0;
            for (int r = 0; r < R; r++)
                sum += ids[r] == id ? x[(size_t)r * N + n] : 0;
            want[id * N + n] += sum;
        }
    assert_int_equal(machine->by_id(machine, R, N, I, i, from, out), SAB_OK);
    machine_get(got, out, I * N * sizeof *got);
    machine->give(machine, from), machine->give(machine, i);
    machine_same("by_id", got, want, I * N);
    free(x), free(want), free(got), free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_leave),
        cmocka_unit_test(test_drawn),
        cmocka_unit_test(test_by_id),
    };
    return machine_open() ? machine_close(cmocka_run_group_tests(tests, NULL, NULL)) : 1;
}

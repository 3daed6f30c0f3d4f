/* Products cut into blocks of rows, parts of columns or rows brought together: to the bit what one gemm gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/row_blocks.h"
#include "problem.h"

enum { MOST_ROWS = 1060, MOST_COLUMNS = 160, MOST_DEPTH = 2100 };
static real A[MOST_ROWS * MOST_DEPTH], B[MOST_DEPTH * MOST_COLUMNS], C[MOST_ROWS * MOST_COLUMNS], want[MOST_ROWS * MOST_COLUMNS];
static real room[MOST_ROWS * MOST_DEPTH];

static void draw(uint64_t *state, real *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (real)(2 * problem_uniform(state) - 1);
}

static void same(const char *what, const struct sab_kernels *k, int rows, int columns, int from, int end)
{
    for (int i = 0; i < rows; i++)
        for (int j = from; j < end; j++)
            if (memcmp(&C[i * columns + j], &want[i * columns + j], sizeof *C) != 0)
                fail_msg("%s of %s: row %d, column %d of %d x %d is %.9g, one gemm gives %.9g", what, k->name, i, j, rows, columns,
                         (double)C[i * columns + j], (double)want[i * columns + j]);
}

/* A^T B of some columns; the others stay as they were. */
static void test_outer_product(void **unused)
{
    (void)unused;
    for (int t = 0; sab_kernels_at(t); t++)
        for (uint64_t seed = 1; seed <= 12; seed++) {
            const struct sab_kernels *k = sab_kernels_at(t);
            uint64_t state = seed;
            int M = problem_int(&state, seed % 3 ? SAB_OUTER_LEAST : 1, MOST_ROWS), K = problem_int(&state, 1, 600);
            int N = SAB_LANES * problem_int(&state, 1, MOST_COLUMNS / SAB_LANES);
            struct sab_part part = {SAB_LANES * problem_int(&state, 0, N / SAB_LANES - 1), N};
            assert_true(sab_outer_room((size_t)K, M) <= sizeof room / sizeof *room);
            draw(&state, A, (size_t)K * M);
            draw(&state, B, (size_t)K * N);
            draw(&state, C, (size_t)M * N);
            memcpy(want, C, sizeof want);
            k->gemm(M, N, K, A, 1, M, sab_matrix_rows(B, N), want, N, 1);
            for (int i = 0; i < M; i++) /* before the part nothing is added */
                memcpy(want + i * N, C + i * N, (size_t)part.from * sizeof *C);
            sab_outer_product(k, M, part, K, A, M, B, N, C, N, seed % 4 ? room : NULL);
            same("an outer product", k, M, N, 0, N);
        }
}

static void test_blocks_of_rows(void **unused)
{
    (void)unused;
    for (int t = 0; sab_kernels_at(t); t++)
        for (uint64_t seed = 1; seed <= 12; seed++) {
            const struct sab_kernels *k = sab_kernels_at(t);
            uint64_t state = seed;
            int n = problem_int(&state, 1, 4), K = problem_int(&state, 1, MOST_DEPTH);
            int N = SAB_LANES * problem_int(&state, 1, MOST_COLUMNS / SAB_LANES);
            int add = problem_int(&state, 0, 1), all = 0;
            struct sab_row_block rows[4];
            for (int i = 0; i < n; i++) {
                rows[i] = (struct sab_row_block){problem_int(&state, 1, 9), A + (ptrdiff_t)all * K, C + (ptrdiff_t)all * N};
                all += rows[i].R;
            }
            draw(&state, A, (size_t)all * K);
            draw(&state, B, (size_t)K * N);
            draw(&state, C, (size_t)all * N);
            memcpy(want, C, sizeof want);
            k->gemm(all, N, K, A, K, 1, sab_matrix_rows(B, N), want, N, add);
            sab_row_blocks_product(k, n, rows, N, K, K, sab_matrix_rows(B, N), N, add);
            same("a product of blocks of rows", k, all, N, 0, N);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_outer_product), cmocka_unit_test(test_blocks_of_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* See row_blocks.h. */
#include "kernels/row_blocks.h"

#include <string.h>

/* Of B, a panel of so many rows is taken through all blocks before the next: 192 KiB, beside which their rows stay in the second cache. */
enum { DEPTH = 1024 };
/* Of an outer product, so many rows are brought together, and so many columns of A, a line of the cache. */
enum { OUTER_ROWS = 256, OUTER_COLUMNS = SAB_LANES };

void sab_row_blocks_product(const struct sab_kernels *kernels, int n, const struct sab_row_block *rows, int N, int K, ptrdiff_t rs,
                      struct sab_matrix B, ptrdiff_t ldc, int add)
{
    if (n == 1) {
        kernels->gemm(rows->R, N, K, rows->A, rs, 1, B, rows->C, ldc, add);
        return;
    }
    for (int j = 0; j < N; j += SAB_PANEL)
        for (int k = 0; k < K; k += DEPTH) {
            int width = N - j < SAB_PANEL ? N - j : SAB_PANEL, depth = K - k < DEPTH ? K - k : DEPTH;
            struct sab_matrix panel = {B.data + j / SAB_PANEL * B.panel + k * B.ld, B.ld, B.panel};
            for (int i = 0; i < n; i++)
                kernels->gemm(rows[i].R, width, depth, rows[i].A + k, rs, 1, panel, rows[i].C + j, ldc, add || k > 0);
        }
}

void sab_part_product(const struct sab_kernels *kernels, int M, struct sab_part part, int K, const real *A, ptrdiff_t rs, ptrdiff_t cs,
                      struct sab_matrix B, real *C, ptrdiff_t ldc, int add)
{
    for (int j = part.from, next; j < part.end; j = next) { /* up to the end of a panel, then all that is left */
        next = j % SAB_PANEL == 0 ? part.end : (j / SAB_PANEL + 1) * SAB_PANEL;
        next = next < part.end ? next : part.end;
        struct sab_matrix columns = {B.data + j / SAB_PANEL * B.panel + j % SAB_PANEL, B.ld, B.panel};
        kernels->gemm(M, next - j, K, A, rs, cs, columns, C + j, ldc, add);
    }
}

/* Rows of `columns` numbers, ld apart, to rows ld_to apart. */
static void bring_together(int rows, int columns, const real *from, ptrdiff_t ld, real *to, ptrdiff_t ld_to)
{
    for (int k = 0; k < rows; k++)
        memcpy(to + k * ld_to, from + k * ld, (size_t)columns * sizeof(real));
}

void sab_outer_product(const struct sab_kernels *kernels, int M, struct sab_part part, int K, const real *A, ptrdiff_t lda, const real *B,
                       ptrdiff_t ldb, real *C, ptrdiff_t ldc, real *room)
{
    if (!room || M < SAB_OUTER_LEAST || K < SAB_LANES) {
        sab_part_product(kernels, M, part, K, A, 1, lda, sab_matrix_rows(B, ldb), C, ldc, 1);
        return;
    }
    real panel[OUTER_ROWS * SAB_PANEL];
    for (int k = 0; k < K; k += OUTER_ROWS) {
        int rows = K - k < OUTER_ROWS ? K - k : OUTER_ROWS;
        for (int i = 0; i < M; i += OUTER_COLUMNS)
            bring_together(rows, M - i < OUTER_COLUMNS ? M - i : OUTER_COLUMNS, A + k * lda + i, lda, room + (ptrdiff_t)i * rows,
                           OUTER_COLUMNS);
        for (int j = part.from; j < part.end; j += SAB_PANEL) {
            int width = part.end - j < SAB_PANEL ? part.end - j : SAB_PANEL;
            bring_together(rows, width, B + k * ldb + j, ldb, panel, SAB_PANEL);
            for (int i = 0; i < M; i += OUTER_COLUMNS)
                kernels->gemm(M - i < OUTER_COLUMNS ? M - i : OUTER_COLUMNS, width, rows, room + (ptrdiff_t)i * rows, 1, OUTER_COLUMNS,
                              (struct sab_matrix){panel, SAB_PANEL, 0}, C + i * ldc + j, ldc, 1);
        }
    }
}

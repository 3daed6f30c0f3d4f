/* See row_blocks.h. */
#include "kernels/row_blocks.h"

/* Of B, a panel of so many rows is taken through all blocks before the next: 192 KiB, beside which their rows stay in the second cache. */
enum { DEPTH = 1024 };

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

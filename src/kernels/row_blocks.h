/* Products of several blocks of rows with one matrix, and of some of its columns. */
#ifndef SAB_KERNELS_ROW_BLOCKS_H
#define SAB_KERNELS_ROW_BLOCKS_H

#include "kernels/kernels.h"

/* R rows at A and of the result at C. */
struct sab_row_block {
    int R;
    const real *A;
    real *C;
};

/* For each of n blocks: C [R,N] = (add ? C : 0) + A [R,K] B, with distances rs and ldc between rows. B is read once for all blocks, as
 * far as the second cache allows; the bits are those of a gemm for each. */
void sab_row_blocks_product(const struct sab_kernels *kernels, int n, const struct sab_row_block *rows, int N, int K, ptrdiff_t rs,
                      struct sab_matrix B, ptrdiff_t ldc, int add);

/* Columns from .. end-1, multiples of SAB_LANES: what one of several threads does of a row. */
struct sab_part {
    int from, end;
};

/* Such columns of what a gemm with these arguments gives, with its bits. */
void sab_part_product(const struct sab_kernels *kernels, int M, struct sab_part part, int K, const real *A, ptrdiff_t rs, ptrdiff_t cs,
                      struct sab_matrix B, real *C, ptrdiff_t ldc, int add);

#endif

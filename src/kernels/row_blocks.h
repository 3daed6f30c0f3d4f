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

/* Such columns of C [M,N] += A^T B, A [K,M] and B [K,N] in rows lda and ldb apart, with the bits of a gemm. Wide rows, a power of 2 apart,
 * evict each other from the caches: A's are first brought together in `room`, which has sab_outer_room(K, M) numbers. Where it is NULL
 * they stay where they are. */
void sab_outer_product(const struct sab_kernels *kernels, int M, struct sab_part part, int K, const real *A, ptrdiff_t lda, const real *B,
                       ptrdiff_t ldb, real *C, ptrdiff_t ldc, real *room);
enum { SAB_OUTER_LEAST = 1024 }; /* columns of A: with fewer nothing is gained, and nothing brought together */
static inline size_t sab_outer_room(size_t K, int M)
{
    return M < SAB_OUTER_LEAST ? 0 : K * (size_t)sab_pad(M);
}

#endif

/* The fixed binary tree in which the shards' gradients are added up, and how ranks cut it.
 *
 *     shard     0   1   2   3   4   5          n = 6, two ranks
 *               +---+   +---+   +---+          stride 1
 *               +-------+       |              stride 2
 *               +---------------+              stride 4
 *     rank 0:   [---------]
 *     rank 1:               [---------]        its nodes begin at 3 and at 4
 *
 * A sum of two nodes is *inside* a rank where all shards beneath it are that rank's; it is made there. What is left of a rank's
 * shards then are its nodes, and the sums above them are made *across* ranks, of the same numbers in the same pairs. */
#ifndef SAB_CREDIT_TREE_H
#define SAB_CREDIT_TREE_H

#include "kernels/kernels.h"

/* at[i], elements from .. to-1, becomes the sum of the node that begins at shard i, as far as that is inside (or, with across 1, was
 * left over); at[i] is NULL where shard i is not here. */
void sab_tree_add(real *const *at, int n_shards, int ranks, int across, size_t from, size_t to);

/* The next node of a rank's shards at or past shard `from`; -1: there is none. The first is the rank's first shard. */
int sab_tree_next_node(int n_shards, int ranks, int rank, int from);

#endif

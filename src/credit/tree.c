/* See tree.h. */
#include "credit/tree.h"

#include <assert.h>

#include "comm/comm.h"

/* Whether the shards i .. i + width - 1, as far as there are, belong to one rank. */
static int is_inside(int n_shards, int ranks, int i, int width)
{
    int end = width < n_shards - i ? i + width : n_shards;
    return end <= sab_comm_first(n_shards, ranks, sab_comm_owner(n_shards, ranks, i) + 1);
}

void sab_tree_add(real *const *at, int n_shards, int ranks, int across, size_t from, size_t to)
{
    assert(n_shards > 0 && ranks > 0 && from <= to);
    for (int stride = 1; stride < n_shards; stride *= 2)
        for (int i = 0; i + stride < n_shards; i += 2 * stride) {
            real *x = at[i];
            const real *y = at[i + stride];
            if (!x || !y || is_inside(n_shards, ranks, i, 2 * stride) == across)
                continue;
            for (size_t j = from; j < to; j++)
                x[j] += y[j];
        }
}

int sab_tree_next_node(int n_shards, int ranks, int rank, int from)
{
    int first = sab_comm_first(n_shards, ranks, rank), end = sab_comm_first(n_shards, ranks, rank + 1);
    for (int i = first, width; i < end; i += width) {
        if (i >= from)
            return i;
        for (width = 1; i % (2 * width) == 0 && width < n_shards && is_inside(n_shards, ranks, i, 2 * width);)
            width *= 2;
    }
    return -1;
}

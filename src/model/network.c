/* The table of networks. */
#include "model/network.h"

#include <assert.h>

const struct sab_network *sab_network_find(int kind)
{
    static const struct sab_network *const networks[] = {
        [SAB_KIND_RECURRENT] = &sab_network_recurrent,
        [SAB_KIND_TRANSFORMER] = &sab_network_transformer,
        [SAB_KIND_SEQ2SEQ] = &sab_network_seq2seq,
    };
    assert(0 <= kind && (size_t)kind < sizeof networks / sizeof *networks);
    return networks[kind];
}

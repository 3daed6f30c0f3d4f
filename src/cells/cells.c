/* The table of cells. */
#include "cells/cell.h"

#include <assert.h>

const struct sab_cell_ops *sab_cell_find(int cell)
{
    static const struct sab_cell_ops *const cells[] = {
        [SAB_CELL_LSTM] = &sab_cell_lstm,
        [SAB_CELL_GRU] = &sab_cell_gru,
        [SAB_CELL_RNN] = &sab_cell_rnn,
    };
    assert(0 <= cell && (size_t)cell < sizeof cells / sizeof *cells);
    return cells[cell];
}

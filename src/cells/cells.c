/* The table of cells. */
#include "cells/cell.h"

const struct sab_cell_ops *sab_cell_find(int cell)
{
    static const struct sab_cell_ops *const cells[] = {
        [SAB_CELL_LSTM] = &sab_cell_lstm,
        [SAB_CELL_GRU] = &sab_cell_gru,
        [SAB_CELL_RNN] = &sab_cell_rnn,
    };
    return cells[cell];
}

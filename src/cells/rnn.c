/* Plain RNN: hh = tanh(pre). */
#include "cells/cell.h"

static void forward(const struct sab_kernels *k, int R, int units, int Hp, const struct sab_cell_step *step)
{
    for (int r = 0; r < R; r++)
        k->rnn_forward(units, step->pre + r * Hp, step->hh + r * Hp);
}

static void backward(const struct sab_kernels *k, int R, int units, int Hp, const struct sab_cell_step *step,
                     const struct sab_cell_back *back)
{
    for (int r = 0; r < R; r++)
        k->rnn_backward(units, step->hh + r * Hp, back->dhh + r * Hp, back->dpre + r * Hp);
}

const struct sab_cell_ops sab_cell_rnn = {.name = "rnn", .G = 1, .fused = 1, .forward = forward, .backward = backward};

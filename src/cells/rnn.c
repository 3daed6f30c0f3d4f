/* Plain RNN: hh = tanh(pre). */
#include "cells/cell.h"

static void forward(const struct sab_kernels *k, int R, int Hp, const struct sab_cell_step *step)
{
    k->rnn_forward(R * Hp, step->pre, step->hh);
}

static void backward(const struct sab_kernels *k, int R, int Hp, const struct sab_cell_step *step,
                     const struct sab_cell_back *back)
{
    k->rnn_backward(R * Hp, step->hh, back->dhh, back->dpre);
}

const struct sab_cell_ops sab_cell_rnn = {.name = "rnn", .G = 1, .fused = 1, .forward = forward, .backward = backward};

/* GRU: r, z = sigmoid(pre + pre_h), n = tanh(pre_n + r pre_h_n); hh = (1 - z) n + z h_prev. */
#include "cells/cell.h"

#include <string.h>

static void forward(const struct sab_kernels *k, int R, int units, int Hp, const struct sab_cell_step *step)
{
    k->gru_forward(R, units, Hp, step->pre, step->pre_h, step->h_prev, step->hh);
    for (int r = 0; r < R; r++)
        memcpy(step->extra + r * Hp, step->pre_h + (r * 3 + 2) * Hp, (size_t)units * sizeof(real));
}

static void backward(const struct sab_kernels *k, int R, int units, int Hp, const struct sab_cell_step *step,
                     const struct sab_cell_back *back)
{
    k->gru_backward(R, units, Hp, step->pre, step->extra, step->h_prev, back->dhh, back->dpre, back->dpre_h, back->dh_prev);
}

const struct sab_cell_ops sab_cell_gru = {
    .name = "gru", .G = 3, .n_extra = 1, .forward = forward, .backward = backward};

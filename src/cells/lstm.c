/* LSTM: i, f, o = sigmoid(pre), g = tanh(pre); c = f c_prev + i g; hh = o tanh(c). */
#include "cells/cell.h"

static void forward(const struct sab_kernels *k, int R, int units, int Hp, const struct sab_cell_step *step)
{
    k->lstm_forward(R, units, Hp, step->pre, step->c_prev, step->c, step->hh);
}

static void backward(const struct sab_kernels *k, int R, int units, int Hp, const struct sab_cell_step *step,
                     const struct sab_cell_back *back)
{
    k->lstm_backward(R, units, Hp, step->pre, step->c_prev, step->c, back->dhh, back->dc, back->dpre);
}

const struct sab_cell_ops sab_cell_lstm = {
    .name = "lstm", .G = 4, .has_c = 1, .fused = 1, .forward = forward, .backward = backward};

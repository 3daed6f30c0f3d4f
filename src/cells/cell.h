/* The recurrent cells: one step forward, one step backward, a small table each.
 *
 * A step turns pre-activations into the provisional state hh. Equations, gate order and names are PyTorch's
 * (nn.LSTM: i f g o; nn.GRU: r z n; nn.RNN with tanh). The matrix products around a step are the layer's. */
#ifndef SAB_CELLS_CELL_H
#define SAB_CELLS_CELL_H

#include "kernels/kernels.h"

/* One step of R rows. What a cell does not use may be NULL. */
struct sab_cell_step {
    real *pre;          /* [R,G*Hp] pre-activations from input and biases (fused: and from h_prev); then the gates */
    real *pre_h;        /* [R,G*Hp] pre-activations from h_prev with bias_hh, where not fused */
    real *extra;        /* [R,n_extra*Hp] what else backward needs */
    const real *h_prev; /* [R,Hp] */
    const real *c_prev; /* [R,Hp], cells with c */
    real *c, *hh;       /* [R,Hp] */
};

struct sab_cell_back {
    const real *dhh;    /* [R,Hp] */
    real *dc;           /* [R,Hp] gradient of c from the step after; overwritten with that of c_prev */
    real *dpre;         /* [R,G*Hp] gradient of pre */
    real *dpre_h;       /* [R,G*Hp] gradient of pre_h; where fused, the caller uses dpre for both */
    real *dh_prev;      /* [R,Hp] where not fused: the part of dh_prev that passes no product, overwritten */
};

struct sab_cell_ops {
    const char *name;
    int G;       /* gates */
    int has_c;   /* keeps a second state */
    int fused;   /* h_prev's product may be added into pre */
    int n_extra;
    /* Units of each row: `units` of Hp, from where all pointers stand. */
    void (*forward)(const struct sab_kernels *k, int R, int units, int Hp, const struct sab_cell_step *step);
    void (*backward)(const struct sab_kernels *k, int R, int units, int Hp, const struct sab_cell_step *step,
                     const struct sab_cell_back *back);
};

extern const struct sab_cell_ops sab_cell_lstm, sab_cell_gru, sab_cell_rnn;

/* The cell of enum sab_cell. */
const struct sab_cell_ops *sab_cell_find(int cell);

#endif

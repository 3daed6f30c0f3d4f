/* Weights that several networks have alike: a recurrent cell's, whether it is a layer or one side of an encoder-decoder, and a
 * score's. Tensors of a set have one `layer` in the table, and names prefix + base + suffix. */
#ifndef SAB_MODEL_WEIGHTS_H
#define SAB_MODEL_WEIGHTS_H

#include "model/network.h"

/* ---- of a cell: weight_ih, weight_hh, bias_ih, bias_hh ---- */

void sab_cell_weights_add(struct sab_model *model, const char *prefix, const char *suffix, int layer, int I);
/* The forget gate's bias, where the tensor has it, on top of what was drawn. */
void sab_cell_weights_start(struct sab_model *model, const struct sab_tensor_spec *spec);
/* Into padded; bias [GHp] becomes the cell's own, which sab_cell_weights_prepare fills. */
void sab_cell_weights_point(const struct sab_model *model, int layer, int I, real *bias, struct sab_cell_weights *weights);
/* Where the packed copies of a tensor of the set are; {NULL} for other tensors. is_inner 1: the input is the layer
 * below, whose gradient is always wanted; 0: input values, whose transpose is packed when it is asked for. */
struct sab_copies sab_cell_weights_copies(struct sab_cell_weights *weights, int role, int is_inner);
void sab_cell_weights_prepare(const struct sab_model *model, int layer, struct sab_cell_weights *weights);

/* ---- of a score: W1, W2, w3 or w ---- */

void sab_score_weights_add(struct sab_model *model, const char *prefix, const char *suffix, int layer);
/* Fills the sizes, kernels and weights of a struct sab_remind; how it selects and keeps memories is set by the
 * caller. */
void sab_score_weights_point(const struct sab_model *model, int layer, struct sab_remind *remind);
struct sab_copies sab_score_weights_copies(struct sab_remind *remind, int role);
void sab_score_weights_prepare(const struct sab_model *model, struct sab_remind *remind);

#endif

/* The state dict of a PyTorch nn.LSTM, nn.GRU or nn.RNN, with what stands around it, in a safetensors file. Finds out what network
 * it is of, and fills a model of sab. Names and layouts of the cells are the same on both sides (sab.h); a linear layer becomes
 * the readout, an embedding is multiplied into the input's weights. Must not know: the command line. */
#ifndef SAB_CLI_FOREIGN_H
#define SAB_CLI_FOREIGN_H

#include "io/safetensors.h"

enum { SAB_FOREIGN_CAP = 256 }; /* of a name that is put together */

/* What a file is found to hold. Texts belong to the file or to the caller. */
struct sab_foreign {
    struct sab_safetensors *file;
    const char *path;
    char prefix[SAB_FOREIGN_CAP]; /* before the names of the cell's tensors: "lstm." */
    int cell, layers, H, I;    /* enum sab_cell */
    /* chosen by sab_foreign_match; NULL: none */
    const struct sab_safetensors_view *readout, *readout_bias, *embedding;
};

/* Where a tensor of the model came from. */
enum sab_foreign_origin { SAB_FOREIGN_TAKEN, SAB_FOREIGN_ZERO, SAB_FOREIGN_DRAWN };

/* Opens the file and finds the cell. prefix: that of its names, or "" where only one fits. SAB_FORMAT where there is no such
 * network in it, or one that sab does not have; SAB_INVALID where several fit. */
int sab_foreign_open(struct sab_foreign *f, const char *path, const char *prefix, struct sab_error *err);
void sab_foreign_close(struct sab_foreign *f);

/* Finds the readout and the embedding that a network of this shape needs. Their names without ".weight", or "" where the sizes
 * leave no choice. SAB_INVALID where they leave one, or where nothing fits the inputs. */
int sab_foreign_match(struct sab_foreign *f, const struct sab_shape *shape, const char *readout, const char *embedding,
                      struct sab_error *err);

/* The tensor of the file that the model's i-th is made from, the name in buf with what was done to it; *origin says how. */
const char *sab_foreign_source(const struct sab_foreign *f, const struct sab_model *model, int i, int *origin,
                               char buf[SAB_FOREIGN_CAP]);

/* Fills the model, whose config and shape agree with what was found. */
int sab_foreign_fill(const struct sab_foreign *f, struct sab_model *model, struct sab_error *err);

/* 1 if a tensor of the file has a place in the model. */
int sab_foreign_is_used(const struct sab_foreign *f, const struct sab_model *model,
                        const struct sab_safetensors_view *view);

#endif

/* The picture of what a trained network recalls, for other commands than `sab recall`. */
#ifndef SAB_CLI_RECALL_H
#define SAB_CLI_RECALL_H

#include "sab.h"

/* Draws into png what the run, or model.safetensors, recalls at the steps that count, of its top layer: the mean over the first
 * test sequences. Errors as sab recall has them. */
int sab_recall_picture(const char *where, int sequences, const char *png, struct sab_error *err);

#endif

/* The weights of the recurrent network: functions of its struct sab_network. */
#ifndef SAB_MODEL_RECURRENT_H
#define SAB_MODEL_RECURRENT_H

#include "model/network.h"

/* How the options keep memories. */
struct sab_keep sab_recurrent_keep(const struct sab_model_options *options);

void sab_recurrent_resolve(struct sab_model *model);
void sab_recurrent_add_tensors(struct sab_model *model);
void sab_recurrent_start(struct sab_model *model, int i);
int sab_recurrent_create(struct sab_model *model, struct sab_error *err);
struct sab_copies sab_recurrent_copies(struct sab_model *model, const struct sab_tensor_spec *spec);
void sab_recurrent_prepare(struct sab_model *model);

#endif

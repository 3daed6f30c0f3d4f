/* The metadata that weights and states carry: config and shape (JSON), task, version, and under "data" the model's facts
 * about data, where it has any. */
#ifndef SAB_TRAIN_METADATA_H
#define SAB_TRAIN_METADATA_H

#include "train/options.h"

struct sab_safetensors;
struct sab_safetensors_writer;

/* Adds the metadata of a model, trained by config, to a file being written. Where and on how many threads a run happened
 * is left out: it changes no number, so it shall not change the file's bytes. */
int sab_metadata_add(struct sab_safetensors_writer *writer, const struct sab_options *config,
                     const struct sab_model *model, struct sab_error *err);

/* The facts about data in a file, or NULL. */
const char *sab_metadata_facts(struct sab_safetensors *file);

/* Reads config (options the file does not name have their defaults), which is new and left alone on failure, and shape;
 * path is for messages. */
int sab_metadata_read(struct sab_safetensors *file, const char *path, struct sab_options *config,
                      struct sab_shape *shape, struct sab_error *err);

#endif

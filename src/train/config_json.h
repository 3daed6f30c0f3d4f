/* Configurations and shapes as JSON: config.json of a run, and the metadata of weights. Must not know files. */
#ifndef SAB_TRAIN_CONFIG_JSON_H
#define SAB_TRAIN_CONFIG_JSON_H

#include <stddef.h>

#include "sab_run.h"
#include "train/options.h"

/* Bytes that any configuration fits, with every text at its longest. */
enum { SAB_CONFIG_JSON_CAP = 1 << 23 };

/* One object, a key a line: "version", then each option under the name of its field; numbers as numbers (reals read
 * back to the same bits), choices by name, switches as true or false. Ends with a newline. NULL on failure; free with
 * sab_free. */
char *sab_config_to_json(const struct sab_options *config, struct sab_error *err);

/* Sets the fields that the object names and leaves the others. Strict: an unknown or repeated key, a wrong type or a
 * value out of range is SAB_FORMAT, names the key and leaves config as it was. "version" may be any text. */
int sab_config_from_json(struct sab_options *config, const char *json, size_t nbytes, struct sab_error *err);

/* {"input":"ids|values","I":n,"loss":"cross_entropy|mse|bce","O":n}; reading needs all four keys and no other. */
char *sab_shape_to_json(const struct sab_shape *shape, struct sab_error *err);
int sab_shape_from_json(struct sab_shape *shape, const char *json, size_t nbytes, struct sab_error *err);

#endif

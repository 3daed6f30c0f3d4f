/* Finding the files of --data and its fellows. */
#ifndef SAB_CLI_DATA_FILES_H
#define SAB_CLI_DATA_FILES_H

#include "sab.h"

/* A relative name that does not exist here and does in the folder $SAB_DATA becomes that path. SAB_INVALID when the path
 * is too long for the configuration. Names that exist nowhere stay: opening them says so. */
int sab_cli_find_data(struct sab_config *config, struct sab_error *err);

#endif

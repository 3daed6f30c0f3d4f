/* Finding the files of --data and its fellows. A relative name is looked for here, then in the folder $SAB_DATA, then
 * in /usr/share/datasets, where Debian's packages put data sets; in each place also with .gz behind it. */
#ifndef SAB_CLI_DATA_FILES_H
#define SAB_CLI_DATA_FILES_H

#include "sab.h"

enum { SAB_CLI_DATA_PATH_CAP = 4096 };

/* Where the name was found. 1 if it was, else 0. */
int sab_cli_data_path(const char *name, char path[SAB_CLI_DATA_PATH_CAP]);

/* Puts what was found in place of the names in the configuration. SAB_IO for a name that exists nowhere, SAB_INVALID
 * when the path is too long. */
int sab_cli_find_data(struct sab_config *config, struct sab_error *err);

struct sab_cli;

/* For a trained network, whose configuration this is: sets the options of the command line and finds the data. Where
 * only_test and the command line names a test file but no other, the others are not needed and may be gone. */
int sab_cli_take_data(const struct sab_cli *cli, int only_test, struct sab_config *config, struct sab_error *err);

#endif

/* Finding the files of --data and its fellows. A relative name is looked for here, then in the folder $SAB_DATA, then
 * in /usr/share/datasets, where Debian's packages put data sets; in each place also with .gz behind it. */
#ifndef SAB_CLI_DATA_FILES_H
#define SAB_CLI_DATA_FILES_H

#include "sab.h"

enum { SAB_CLI_DATA_PATH_CAP = 4096 };

/* Where the name was found. 1 if it was, else 0. */
int sab_cli_data_path(const char *name, char path[SAB_CLI_DATA_PATH_CAP]);

/* Puts what was found in place of the names in the configuration. SAB_IO for a name that exists nowhere. */
int sab_cli_find_data(struct sab_options *options, struct sab_error *err);

struct sab_cli;

/* For a trained network, whose configuration this is: sets the options of the command line and finds the data. Where
 * only_test and the command line names a test file but no other, the others are not needed and may be gone. Files that the
 * command line does not name are checked by sab_cli_confirm_data. */
int sab_cli_take_data(const struct sab_cli *cli, int only_test, int is_confirmed, struct sab_options *options,
                      struct sab_error *err);

/* A file of weights may come from anywhere, and its header names files of its choice: those are opened only where the command
 * line names them, `where` is the folder of a run, or is_confirmed. Tells which are opened unnamed; SAB_INVALID where one must
 * not be. */
int sab_cli_confirm_data(const struct sab_cli *cli, const char *where, int is_confirmed, const struct sab_options *options,
                         struct sab_error *err);

/* A row of a command's own options: the flag that confirms. */
#define SAB_CLI_RECORDED_DATA(own, field) \
    {"recorded-data", SAB_CLI_FLAG, offsetof(own, field), 0, 0, 1, NULL, "off", "", \
     "open the files that a model's header names as its data; without it, of a file of weights alone, only files given here"}

#endif

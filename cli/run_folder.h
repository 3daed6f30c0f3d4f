/* Finding the files of a run, given its folder or the model's file. */
#ifndef SAB_CLI_RUN_FOLDER_H
#define SAB_CLI_RUN_FOLDER_H

#include "sab.h"

enum { SAB_CLI_PATH_CAP = 4096 };

/* path = where itself if it is a file, or where/name if it is a folder. SAB_IO when there is neither, SAB_INVALID when
 * it is too long. */
int sab_cli_run_file(const char *where, const char *name, char path[SAB_CLI_PATH_CAP], struct sab_error *err);

/* 1 if there is a folder of that name. */
int sab_cli_is_folder(const char *where);

#endif

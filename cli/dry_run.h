/* sab train --dry-run. */
#ifndef SAB_CLI_DRY_RUN_H
#define SAB_CLI_DRY_RUN_H

#include "sab.h"

/* Foretells the training of a task that was made with the options and prints it to stdout: lines, or one JSON object. */
int sab_cli_dry_run(const struct sab_options *options, struct sab_task *task, int as_json, int is_quiet, int is_resumed,
                    struct sab_error *err);

#endif

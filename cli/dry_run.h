/* sab train --dry-run. */
#ifndef SAB_CLI_DRY_RUN_H
#define SAB_CLI_DRY_RUN_H

#include "sab.h"

/* Foretells the training and prints it to stdout: lines, or one JSON object. */
int sab_cli_dry_run(const struct sab_options *options, int as_json, int is_quiet, int is_resumed, struct sab_error *err);

#endif

/* A page of runs, served to this machine's browser until Ctrl-C: sab report --watch and sab recall --open. */
#ifndef SAB_CLI_WATCH_H
#define SAB_CLI_WATCH_H

#include "cli/arguments.h"
#include "report/document.h"

/* Serves the runs that the command's words name. port 0: any. Returns the exit code. */
int sab_cli_watch(const struct sab_cli *cli, const struct sab_document *document, int port, int opens);

#endif

/* See output.h. */
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

int sab_cli_output(const struct sab_cli *cli, const char *option, int *is_piped, struct sab_error *err)
{
    *is_piped = strcmp(sab_cli_own(cli, option), "-") == 0;
    if (!*is_piped)
        return SAB_OK;
    fflush(stdout);
    return sab_cli_set_own(cli, option, "/dev/stdout", err); /* into which sab_file_write_atomic writes */
}

int sab_cli_no_output(const char *option, const char *path, const char *what, struct sab_error *err)
{
    return strcmp(path, "-") != 0 ? SAB_OK
                                  : sab_fail(err, SAB_INVALID, "--%s -: standard output takes %s; name a file", option, what);
}

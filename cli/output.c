/* See output.h. */
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

int sab_cli_output(char path[SAB_TEXT_CAP])
{
    if (strcmp(path, "-") != 0)
        return 0;
    fflush(stdout);
    strcpy(path, "/dev/stdout"); /* into which sab_file_write_atomic writes */
    return 1;
}

int sab_cli_no_output(const char *option, const char *path, const char *what, struct sab_error *err)
{
    return strcmp(path, "-") != 0 ? SAB_OK
                                  : sab_fail(err, SAB_INVALID, "--%s -: standard output takes %s; name a file", option, what);
}

/* See run_folder.h. */
#include "cli/run_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

int sab_cli_is_folder(const char *where)
{
    struct stat info;
    return stat(where, &info) == 0 && S_ISDIR(info.st_mode); /* what cannot be looked at is told by who opens it */
}

int sab_cli_run_file(const char *where, const char *name, char path[SAB_CLI_PATH_CAP], struct sab_error *err)
{
    struct stat info;
    if (stat(where, &info) != 0)
        return sab_fail(err, SAB_IO, "cannot open %.200s: %s", where, strerror(errno));
    int is_folder = S_ISDIR(info.st_mode);
    int length = snprintf(path, SAB_CLI_PATH_CAP, is_folder ? "%s/%s" : "%s", where, name);
    if (length >= SAB_CLI_PATH_CAP)
        return sab_fail(err, SAB_INVALID, "the path %.60s... has more than %d bytes", where, SAB_CLI_PATH_CAP - 1);
    if (is_folder && stat(path, &info) != 0)
        return sab_fail(err, SAB_IO, "%.200s is not the folder of a run with a model: it has no %s (%s)", where, name,
                        strerror(errno));
    return SAB_OK;
}

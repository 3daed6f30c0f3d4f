/* See data_files.h. */
#include "cli/data_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static int find(char name[SAB_TEXT_CAP], const char *option, struct sab_error *err)
{
    const char *folder = getenv("SAB_DATA");
    char path[SAB_TEXT_CAP + 4096];
    if (!folder || !*folder || !*name || *name == '/' || access(name, F_OK) == 0)
        return SAB_OK;
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if ((size_t)length >= sizeof path || access(path, F_OK) != 0)
        return SAB_OK;
    if (length >= SAB_TEXT_CAP)
        return sab_fail(err, SAB_INVALID, "--%s: found in $SAB_DATA, but the path %.100s... has %d bytes; at most %d are "
                                          "legal", option, path, length, SAB_TEXT_CAP - 1);
    memset(name, 0, SAB_TEXT_CAP);
    memcpy(name, path, (size_t)length);
    return SAB_OK;
}

int sab_cli_find_data(struct sab_config *config, struct sab_error *err)
{
    int status = find(config->data, "data", err);
    if (status == SAB_OK)
        status = find(config->valid_data, "valid-data", err);
    return status == SAB_OK ? find(config->test_data, "test-data", err) : status;
}

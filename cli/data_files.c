/* See data_files.h. */
#include "cli/data_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/options.h"
#include "cli/say.h"

#define DEBIAN_FOLDER "/usr/share/datasets"

int sab_cli_data_path(const char *name, char path[SAB_CLI_DATA_PATH_CAP])
{
    const char *const folders[] = {"", getenv("SAB_DATA"), DEBIAN_FOLDER};
    for (size_t i = 0; i < 2 * (sizeof folders / sizeof folders[0]); i++) {
        const char *folder = folders[i / 2];
        if (!folder || (i > 1 && (!*folder || *name == '/')))
            continue;
        int length = snprintf(path, SAB_CLI_DATA_PATH_CAP, "%s%s%s%s", folder, *folder ? "/" : "", name,
                              i % 2 ? ".gz" : "");
        if (length >= SAB_CLI_DATA_PATH_CAP)
            continue;
        /* What cannot be looked at is not absent: opening it says what is wrong. */
        if (access(path, F_OK) == 0 || (i == 0 && errno != ENOENT && errno != ENOTDIR))
            return 1;
    }
    return 0;
}

static int find(struct sab_options *options, const char *option, const char *name, struct sab_error *err)
{
    char path[SAB_CLI_DATA_PATH_CAP];
    const char *folder = getenv("SAB_DATA");
    if (!*name)
        return SAB_OK;
    if (!sab_cli_data_path(name, path))
        return sab_fail(err, SAB_IO, "--%s: there is no %.100s, neither here nor below %s%.100s%s" DEBIAN_FOLDER
                                     "; sab data lists public sets", option, name,
                        folder && *folder ? "$SAB_DATA (" : "", folder ? folder : "", folder && *folder ? ") or " : "");
    return sab_options_set(options, option, path, err);
}

int sab_cli_find_data(struct sab_options *options, struct sab_error *err)
{
    int status = find(options, "data", sab_cli_text(options, "data"), err);
    if (status == SAB_OK)
        status = find(options, "valid-data", sab_cli_text(options, "valid-data"), err);
    return status == SAB_OK ? find(options, "test-data", sab_cli_text(options, "test-data"), err) : status;
}

int sab_cli_confirm_data(const struct sab_cli *cli, const char *where, int is_confirmed, const struct sab_options *options,
                         struct sab_error *err)
{
    static const char *const files[] = {"data", "valid-data", "test-data"};
    for (int i = 0; i < 3; i++) {
        struct stat info;
        const char *name = sab_cli_text(options, files[i]);
        if (!name[0] || sab_cli_given(cli, files[i]))
            continue;
        if (stat(where, &info) != 0)
            return sab_fail(err, SAB_IO, "cannot open %.200s: %s", where, strerror(errno));
        if (!is_confirmed && !S_ISDIR(info.st_mode))
            return sab_fail(err, SAB_INVALID, "%.120s names data of its own, \"%.120s\", which are not opened unasked: give "
                            "--%s FILE, or --recorded-data to open what it names", where, name,
                            files[i]);
        if (!cli->quiet)
            fprintf(stderr, "%-12s %s, as the run has it\n", files[i], sab_shown(name));
    }
    return SAB_OK;
}

int sab_cli_take_data(const struct sab_cli *cli, int only_test, int is_confirmed, struct sab_options *options,
                      struct sab_error *err)
{
    int status = sab_cli_apply(cli, options, err);
    if (status == SAB_OK && only_test && sab_cli_given(cli, "test-data") && !sab_cli_given(cli, "data"))
        status = sab_options_parse(options, "data= valid-data=", err);
    if (status == SAB_OK)
        status = sab_cli_confirm_data(cli, cli->words[0], is_confirmed, options, err);
    return status == SAB_OK ? sab_cli_find_data(options, err) : status;
}

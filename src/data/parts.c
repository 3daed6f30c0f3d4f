/* See parts.h. */
#include "data/parts.h"

#include "base/error.h"
#include "data/split.h"

int sab_parts_bounds(const struct sab_task_options *config, uint64_t n, uint64_t bounds[4], struct sab_error *err)
{
    int status = sab_split_bounds(config->files.split, n, bounds, err);
    if (status != SAB_OK)
        return status;
    uint64_t valid = config->files.valid_data[0] ? 0 : bounds[2] - bounds[1];
    uint64_t test = config->files.test_data[0] ? 0 : bounds[3] - bounds[2];
    bounds[1] = bounds[3] - valid - test;
    bounds[2] = bounds[1] + valid;
    bounds[3] = bounds[2] + test;
    return SAB_OK;
}

const char *sab_parts_path(const struct sab_task_options *config, enum sab_split split)
{
    const char *own = split == SAB_VALID ? config->files.valid_data : split == SAB_TEST ? config->files.test_data : "";
    return own[0] ? own : config->files.data;
}

int sab_parts_fail_empty(const struct sab_task_options *config, enum sab_split split, struct sab_error *err)
{
    static const char *const names[] = {"training", "validation", "test"};
    static const char *const options[] = {"--data", "--valid-data", "--test-data"};
    const char *path = sab_parts_path(config, split);
    if (!path[0])
        return sab_fail(err, SAB_INVALID, "no %s data: give %s", names[split], options[split]);
    if (path != config->files.data)
        return sab_fail(err, SAB_INVALID, "%.200s (%s) has nothing that counts: it is too short", path, options[split]);
    return sab_fail(err, SAB_INVALID, "%.200s has no %s data: --split %.60s leaves none of it; %s%sanother --split may",
                    path, names[split], config->files.split, split == SAB_TRAIN ? "" : options[split],
                    split == SAB_TRAIN ? "" : " or ");
}

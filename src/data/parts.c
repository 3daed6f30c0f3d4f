/* See parts.h. */
#include "data/parts.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

const char *const sab_parts_names[SAB_PARTS] = {[SAB_TRAIN] = "training", [SAB_VALID] = "validation", [SAB_TEST] = "test"};
const char *const sab_parts_options[SAB_PARTS] = {[SAB_TRAIN] = "--data", [SAB_VALID] = "--valid-data", [SAB_TEST] = "--test-data"};

static int read_fractions(const char *split, double fraction[3])
{
    for (int k = 0; k < 3; k++) {
        char number[SAB_REAL_TEXT_CAP];
        size_t length = strcspn(split, ",");
        if (length >= sizeof number || (split[length] == ',') != (k < 2))
            return 1;
        memcpy(number, split, length);
        number[length] = 0;
        if (sab_text_to_real(number, &fraction[k]) || fraction[k] < 0 || fraction[k] > 1)
            return 1;
        split += length + (k < 2);
    }
    return 0;
}

int sab_parts_cut(const char *split, const int has_own[SAB_PARTS], uint64_t n, uint64_t bounds[SAB_PARTS + 1], struct sab_error *err)
{
    double fraction[SAB_PARTS], sum = 0;
    const double rounding = 1e-9; /* 0.7 + 0.2 + 0.1 is not 1 */
    if (read_fractions(split, fraction) || fraction[0] + fraction[1] + fraction[2] > 1 + rounding)
        return sab_fail(err, SAB_INVALID, "--split: \"%.60s\" is not three fractions that add up to at most 1, such as "
                                          "0.9,0.05,0.05", split);
    bounds[0] = 0;
    for (int k = 0; k < SAB_PARTS; k++) {
        sum += fraction[k];
        double at = (double)n * sum + 0.5;
        bounds[k + 1] = sum > 1 - rounding || at >= (double)n ? n : (uint64_t)at;
    }
    for (int k = SAB_TEST; k > SAB_TRAIN; k--)
        if (has_own[k])
            bounds[k] = bounds[k + 1];
    return SAB_OK;
}

const char *sab_parts_own(const struct sab_task_options *config, int split)
{
    return split == SAB_VALID ? config->files.valid_data : split == SAB_TEST ? config->files.test_data : config->files.data;
}

int sab_parts_bounds(const struct sab_task_options *config, uint64_t n, uint64_t bounds[SAB_PARTS + 1], struct sab_error *err)
{
    const int has_own[SAB_PARTS] = {[SAB_VALID] = config->files.valid_data[0] != 0, [SAB_TEST] = config->files.test_data[0] != 0};
    return sab_parts_cut(config->files.split, has_own, n, bounds, err);
}

int sab_parts_fail_empty(const struct sab_task_options *config, enum sab_split split, struct sab_error *err)
{
    const char *own = sab_parts_own(config, split), *option = sab_parts_options[split];
    if (split != SAB_TRAIN && own[0])
        return sab_fail(err, SAB_INVALID, "%.200s (%s) has nothing that counts: it is too short", own, option);
    if (!config->files.data[0])
        return sab_fail(err, SAB_INVALID, "no %s data: give %s", sab_parts_names[split], option);
    return sab_fail(err, SAB_INVALID, "%.200s has no %s data: --split %.60s leaves none of it; %s%sanother --split may",
                    config->files.data, sab_parts_names[split], config->files.split, split == SAB_TRAIN ? "" : option,
                    split == SAB_TRAIN ? "" : " or ");
}

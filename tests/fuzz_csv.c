/* Any bytes as a CSV file, for libFuzzer: no crash, no overrun; where a task is made of it, its batches are whole and its
 * facts make the same task again; and read in pieces, as long files are by several threads, it is the same task, or the same error.
 * The first two bytes choose the options.
 *
 *     ctest: tier hours
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/facts.h"
#include "fuzzing.h"
#include "options_helper.h"
#include "sab.h"


/* Unless it is the default, which the options have already: finding one by its name takes as long as reading a line. */
static void change_option(struct sab_options *config, const char *name, const char *value, const char *fallback)
{
    if (strcmp(value, fallback) != 0)
        set_option(config, name, value);
}

/* How the file is written, and what becomes of times and gaps; 0: the defaults. */
static void choose_more(struct sab_options *config, unsigned choice)
{
    static const char *const separators[] = {"auto", "space", ";", "auto"};
    static const char *const times[] = {"", "", "t", "1"};
    static const char *const formats[] = {"auto", "%d.%m.%Y", "%b %e, %y %I:%M %p", "%Y%j%%%a%z"};
    change_option(config, "separator", separators[choice & 3], "auto");
    config->task.csv.decimal_comma = choice >> 2 & 1;
    config->task.csv.thousands = choice >> 3 & 1;
    config->task.csv.missing = (int)(choice >> 4 & 3);
    change_option(config, "time", times[choice >> 6 & 3], "");
    change_option(config, "time-format", formats[choice % 5 % 4], "auto");
    config->task.csv.duplicates = (int)(choice % 3);
    config->task.csv.gaps = (int)(choice / 3 % 3);
    change_option(config, "calendar", config->task.csv.time[0] && choice % 7 == 3 ? "hour,month" : "", "");
    config->task.csv.skip_lines = choice % 11 == 10;
    config->task.values.standardise = choice % 2 == 0;
}

static void choose(struct sab_options *config, unsigned choice, const char *path)
{
    static const char *const targets[] = {"", "2", "b", "1-2"};
    sab_options_init(config);
    set_option(config, "task", "csv");
    set_option(config, "data", path);
    set_option(config, "split", "0.6,0.2,0.2");
    config->shared.threads = 1;
    config->task.T = 3;
    config->task.csv.goal = (int)(choice % 3);
    change_option(config, "targets", targets[choice / 3 % 4], "");
    if (config->task.csv.goal == SAB_GOAL_SERIES || choice & 64)
        set_option(config, "series", choice & 128 ? "1" : "s");
    config->task.values.loss = choice % 7 < 4 ? (int)(choice % 7) : 0;
    config->task.csv.relative = choice % 5 == 0;
    change_option(config, "horizon", choice % 2 ? choice % 3 ? "2" : "1-2" : "1", "1");
}

static void read_batches(struct sab_task *task)
{
    const struct sab_shape *shape = sab_task_shape(task);
    for (int split = SAB_TRAIN; split <= SAB_TEST; split++) {
        int64_t batches = sab_task_batches(task, split, 2);
        for (int64_t i = 0; i < batches && i < 50; i++) {
            struct sab_batch batch = {.size = sizeof batch};
            struct sab_error err = {0};
            int status = sab_task_batch(task, split, i, 2, &batch, &err);
            fuzz_require(status == SAB_OK, err.message);
            for (int p = 0; p < batch.T * batch.B; p++) {
                for (int k = 0; k < shape->I; k++)
                    fuzz_require(isfinite(batch.values[p * shape->I + k]), "a value that is not finite");
                if (batch.labels)
                    fuzz_require(batch.labels[p] >= 0 && batch.labels[p] < shape->O, "a label out of range");
                for (int k = 0; batch.targets && k < shape->O; k++)
                    fuzz_require(isfinite(batch.targets[p * shape->O + k]), "a target that is not finite");
            }
        }
    }
}

static void read_in_pieces(struct sab_options *config, const struct sab_task *whole, int status, const struct sab_error *said)
{
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    config->shared.threads = 2;
    int got = sab_task_create(&task, config, NULL, &err);
    fuzz_require(got == status && (status == SAB_OK || strcmp(err.message, said->message) == 0), err.message);
    fuzz_require(!whole || strcmp(sab_task_facts(whole), sab_task_facts(task)) == 0, "facts of pieces");
    sab_task_free(task);
    config->shared.threads = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    if (nbytes < 3)
        return 0;
    const char *path = fuzz_put(0, data + 2, nbytes - 2);
    OPTIONS config = {0};
    struct sab_task *task = NULL, *again = NULL;
    struct sab_error err = {0};
    choose(&config, data[0], path);
    choose_more(&config, data[1]);
    int status = sab_task_create(&task, &config, NULL, &err);
    fuzz_require(status == SAB_OK ? task != NULL : err.message[0] != 0, "status");
    read_in_pieces(&config, task, status, &err);
    if (!task)
        return 0;
    read_batches(task);
    status = sab_task_create(&again, &config, sab_task_facts(task), &err);
    fuzz_require(status == SAB_OK, err.message);
    fuzz_require(sab_facts_equal(sab_task_facts(task), sab_task_facts(again)), "the facts changed"); /* all but the account */
    sab_task_free(again);
    sab_task_free(task);
    return 0;
}

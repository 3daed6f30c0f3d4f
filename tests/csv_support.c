/* See csv_support.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "csv_support.h"
#include "io_support.h"
#include "options_helper.h"

void csv_configure(struct sab_options *config, const char *options)
{
    char word[128];
    int n;
    sab_options_init(config);
    set_option(config, "task", "csv");
    config->task.T = 4;
    config->task.values.standardise = 0;
    for (; sscanf(options, " %127s%n", word, &n) == 1; options += n) {
        char *equals = strchr(word, '=');
        struct sab_error err = {0};
        *equals = 0;
        if (sab_options_set(config, word, equals + 1, &err) != SAB_OK)
            fail_msg("%s", err.message);
    }
}

int csv_make(struct sab_task **task, const char *text, const char *options, struct sab_error *err)
{
    OPTIONS config = {0};
    const char *path = io_path("a.csv");
    io_put(path, text, strlen(text));
    csv_configure(&config, options);
    set_option(&config, "data", path);
    return sab_task_create(task, &config, NULL, err);
}

struct sab_task *csv_must(const char *text, const char *options)
{
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    if (csv_make(&task, text, options, &err) != SAB_OK)
        fail_msg("%s: %s", options, err.message);
    return task;
}

struct sab_batch csv_batch(struct sab_task *task, enum sab_split split, int64_t index, int B)
{
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_error err = {0};
    if (sab_task_batch(task, split, index, B, &batch, &err) != SAB_OK)
        fail_msg("%s", err.message);
    return batch;
}

char *csv_counting(char *text, int first, int n)
{
    char *at = text + sprintf(text, "t,u\n");
    for (int t = first; t < first + n; t++)
        at += sprintf(at, "%d,%d\n", t, 100 + t);
    return text;
}

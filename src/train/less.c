/* sab_options_less of sab_run.h. */
#include <stdio.h>
#include <string.h>

#include "data/options.h"
#include "model/network.h"
#include "sab_run.h"
#include "train/options.h"

/* Whether the option is looked at, and can be made smaller. */
static int can_be_less(const struct sab_options *options, const struct sab_option *option)
{
    const char *network = sab_network_find(options->model.model)->name, *task = options->task.task;
    if (option->readers && !sab_option_is_read_by(option, task) && !sab_option_is_read_by(option, network))
        return 0;
    if (strcmp(option->name, "hidden") == 0 && options->run.from[0]) /* weights have their width */
        return 0;
    if (strcmp(option->name, "T") == 0 && strcmp(task, "csv") == 0 && options->task.csv.goal == SAB_GOAL_SERIES)
        return 0;
    return sab_options_number(options, option->name) > option->min;
}

const char *sab_options_less(const struct sab_options *options, const char *names, char *text, size_t cap)
{
    char found[8][32];
    int n = 0;
    size_t used = 0;
    for (const char *at = names; *at && n < 8; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        snprintf(found[n], sizeof found[n], "%.*s", (int)length, at);
        n += can_be_less(options, sab_option_find(found[n]));
        at += length;
    }
    text[0] = 0;
    for (int i = 0; i < n && used < cap; i++)
        used += (size_t)snprintf(text + used, cap - used, "%s--%s", i == 0 ? "a smaller " : i < n - 1 ? ", " : " or ", found[i]);
    return text;
}

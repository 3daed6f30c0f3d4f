/* See tune_space.h. */
#include "lab/tune_space.h"

#include <stdio.h>
#include <string.h>

#include "base/option.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/options.h"
#include "sab_run.h"

static const struct sab_tune_axis axes[] = {
    {"lr", NULL, 1, {"", "0.4", "2"}},
    {"input-scale", NULL, 1, {"", "0.3", "3"}},
    {"read-gain", "credit=sab", 0, {"", "0.3", NULL}},
    {"k-trunc", "credit=sab", 1, {"", "0.5", "2"}},
    {"weight-decay", "optimizer=adamw", 0, {"", "0.01", "0.3"}},
};

const struct sab_tune_axis *sab_tune_axis_at(int i)
{
    return i >= 0 && i < (int)(sizeof axes / sizeof axes[0]) ? &axes[i] : NULL;
}

static int count_choices(const struct sab_tune_axis *axis)
{
    int n = 0;
    while (n < SAB_TUNE_CHOICES && axis->choices[n])
        n++;
    return n;
}

void sab_tune_space_make(struct sab_tune_space *space, const struct sab_options *options, const unsigned char *given, uint64_t seed)
{
    *space = (struct sab_tune_space){.seed = seed};
    for (int i = 0; sab_tune_axis_at(i); i++) {
        const struct sab_tune_axis *axis = sab_tune_axis_at(i);
        int place = 0;
        while (strcmp(sab_option_at(place)->name, axis->name) != 0)
            place++;
        if (!given[place] && (!sab_option_at(place)->readers ||
                              sab_option_is_read_by(sab_option_at(place), sab_cli_text(options, "model"))))
            space->axes[space->n++] = axis;
    }
}

int sab_tune_space_size(const struct sab_tune_space *space)
{
    int n = 1;
    for (int a = 0; a < space->n; a++)
        n *= count_choices(space->axes[a]);
    return n;
}

/* The i-th setting of a drawn order that begins with 0: a step coprime to the others' number goes through all of them. */
static int find_setting(const struct sab_tune_space *space, int i)
{
    int rest = sab_tune_space_size(space) - 1, step, a, b;
    if (i == 0 || rest < 2)
        return i;
    for (int draw = 0;; draw++) {
        step = 1 + (int)sab_random_below(space->seed, SAB_FOR_TUNE, (uint64_t)draw, 0, (uint32_t)rest);
        for (a = rest, b = step; b != 0;) {
            int left = a % b;
            a = b;
            b = left;
        }
        if (a == 1)
            break;
    }
    int first = (int)sab_random_below(space->seed, SAB_FOR_TUNE, 0, 1, (uint32_t)rest);
    return 1 + (int)((first + (long long)i * step) % rest);
}

/* Whether what an axis needs holds. */
static int is_met(const struct sab_tune_axis *axis, const struct sab_options *options)
{
    char number[SAB_NUMBER_CAP], name[32];
    if (!axis->needs)
        return 1;
    int length = (int)strcspn(axis->needs, "=");
    snprintf(name, sizeof name, "%.*s", length, axis->needs);
    return strcmp(sab_options_value(options, name, number), axis->needs + length + 1) == 0;
}

int sab_tune_space_apply(const struct sab_tune_space *space, int i, struct sab_options *options, struct sab_error *err)
{
    int setting = find_setting(space, i), status = SAB_OK;
    for (int a = 0; a < space->n && status == SAB_OK; a++) {
        const struct sab_tune_axis *axis = space->axes[a];
        const char *choice = axis->choices[setting % count_choices(axis)];
        char text[32];
        double factor = 0;
        setting /= count_choices(axis);
        if (!choice[0] || !is_met(axis, options))
            continue;
        if (axis->is_factor && !sab_text_to_real(choice, &factor)) {
            double value = factor * sab_options_number(options, axis->name);
            int is_whole = sab_option_find(axis->name)->kind == SAB_OPTION_INT;
            snprintf(text, sizeof text, is_whole ? "%.0f" : "%.3g", is_whole && value < 1 ? 1 : value);
        }
        status = sab_options_set(options, axis->name, axis->is_factor ? text : choice, err);
    }
    return status;
}

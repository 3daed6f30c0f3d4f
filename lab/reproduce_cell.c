/* See reproduce_cell.h. */
#include "lab/reproduce_cell.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/presets.h"
#include "train/options.h"

/* Of long sequences few are tested. */
enum { LONG_T = 1000, LONG_SEQUENCES = 16 };

/* What --quick makes of a cell. */
enum { QUICK_DIVISOR = 50, QUICK_BATCH = 8, QUICK_EVALUATED = 16 };

/* ---- names ---- */

void sab_cell_name(const struct sab_table_cell *cell, char name[SAB_CELL_NAME_CAP])
{
    snprintf(name, SAB_CELL_NAME_CAP, "%s%s%s", cell->column, cell->column[0] ? " " : "", cell->row);
}

void sab_cell_slug(const struct sab_table_cell *cell, char slug[SAB_CELL_NAME_CAP])
{
    char name[SAB_CELL_NAME_CAP];
    size_t n = 0;
    sab_cell_name(cell, name);
    for (const char *at = name; *at; at++) {
        if (isalnum((unsigned char)*at) || *at == '.' || *at == '-')
            slug[n++] = *at;
        else if (*at != '=')
            slug[n++] = '-';
    }
    slug[n] = 0;
}

int sab_table_find(const char *name, const struct sab_table **table, struct sab_error *err)
{
    const char *names[64];
    int n = 0;
    for (; sab_table_at(n) && n < 64; n++) {
        names[n] = sab_table_at(n)->name;
        if (strcmp(names[n], name) == 0) {
            *table = sab_table_at(n);
            return SAB_OK;
        }
    }
    const char *nearest = sab_text_nearest(name, names, n);
    if (nearest)
        return sab_fail(err, SAB_INVALID, "no table is called \"%.60s\"; did you mean \"%s\"?", name, nearest);
    return sab_fail(err, SAB_INVALID, "no table is called \"%.60s\"; sab reproduce lists them", name);
}

int sab_cell_is(const struct sab_table_cell *cell, const char *text)
{
    char name[SAB_CELL_NAME_CAP];
    sab_cell_name(cell, name);
    return strcmp(text, name) == 0 || strcmp(text, cell->row) == 0 || (*text && strcmp(text, cell->column) == 0);
}

int sab_cell_fail_unknown(const struct sab_table *table, const char *name, struct sab_error *err)
{
    enum { CAP = 128 };
    char text[CAP][SAB_CELL_NAME_CAP];
    const char *names[CAP];
    int n = 0;
    for (int i = 0; sab_table_cell_at(i) && n < CAP; i++)
        if (strcmp(sab_table_cell_at(i)->table, table->name) == 0) {
            sab_cell_name(sab_table_cell_at(i), text[n]);
            names[n] = text[n];
            n++;
        }
    const char *nearest = sab_text_nearest(name, names, n);
    return sab_fail(err, SAB_INVALID, "the table %s has no cell, row or column \"%.60s\"; %s \"%s\"%s", table->name,
                    name, nearest ? "did you mean" : "the first of its cells is", nearest ? nearest : names[0],
                    nearest ? "?" : "");
}

const struct sab_table *sab_cell_table(const struct sab_table_cell *cell)
{
    const struct sab_table *table = NULL;
    sab_table_find(cell->table, &table, NULL);
    return table;
}

int sab_cell_seeds(const struct sab_table_cell *cell)
{
    return cell->seeds > 0 ? cell->seeds : sab_cell_table(cell)->seeds;
}

/* ---- configuration ---- */

static int64_t part(int64_t n)
{
    return n > 0 && n < QUICK_DIVISOR ? 1 : n / QUICK_DIVISOR;
}

int sab_cell_config(const struct sab_table_cell *cell, uint64_t seed, int is_quick, struct sab_options *config,
                    struct sab_error *err)
{
    sab_options_init(config);
    int status = sab_preset_options(sab_cell_table(cell)->options, config, err);
    if (status == SAB_OK)
        status = sab_preset_options(cell->options, config, err);
    config->shared.seed = seed;
    if (is_quick) {
        config->optim.steps = part(config->optim.steps);
        config->task.drawn.curriculum = part(config->task.drawn.curriculum);
        config->optim.warmup = part(config->optim.warmup);
        config->run.eval_every = config->optim.steps > 1 ? config->optim.steps / 2 : 1;
        if (config->shared.batch > QUICK_BATCH)
            config->shared.batch = QUICK_BATCH;
        if (config->run.eval_size == 0 || config->run.eval_size > QUICK_EVALUATED)
            config->run.eval_size = QUICK_EVALUATED;
    }
    if (status == SAB_OK)
        status = sab_options_check(config, err);
    if (status != SAB_OK)
        sab_options_clear(config);
    return status;
}

int sab_cell_tests(const struct sab_table_cell *cell, const struct sab_options *config,
                   struct sab_cell_test tests[SAB_TEST_CAP])
{
    const char *at = sab_cell_table(cell)->lengths;
    int n = 0;
    while (*at && n < SAB_TEST_CAP) {
        char *end;
        tests[n++].T = (int)strtol(at, &end, 10);
        at = end + (*end == ',');
    }
    if (n == 0)
        tests[n++].T = config->task.T;
    for (int i = 0; i < n; i++)
        tests[i].sequences = tests[i].T > LONG_T && (config->run.eval_size == 0 || config->run.eval_size > LONG_SEQUENCES)
                                 ? LONG_SEQUENCES
                                 : config->run.eval_size;
    return n;
}

/* 1 if the option decides what is learned; task and seed are told apart by hand. */
static int decides(const struct sab_option *option)
{
    return option->effect <= SAB_RESUMES && strcmp(option->name, "task") != 0 && strcmp(option->name, "seed") != 0;
}

const char *sab_cell_difference(const struct sab_options *a, const struct sab_options *b)
{
    const struct sab_option *differs = sab_options_difference(a, b, SAB_RESUMES);
    return differs ? differs->name : NULL;
}

/* 1 if "name=" is in a row's options. */
static int is_named(const char *options, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = options; (at = strstr(at, name)); at += n)
        if ((at == options || at[-1] == ' ') && at[n] == '=')
            return 1;
    return 0;
}

int sab_cell_gives(const struct sab_table_cell *cell, const char *name)
{
    const struct sab_table *table = sab_cell_table(cell);
    return !table->is_chosen || is_named(table->options, name) || is_named(cell->options, name);
}

void sab_cell_command(const struct sab_table_cell *cell, const struct sab_options *config,
                      char command[SAB_COMMAND_CAP])
{
    struct sab_options plain;
    sab_options_init(&plain);
    /* for which sab train chooses unless told not to */
    int reads_files = sab_option_is_read_by(sab_option_find("data"), config->task.task);
    size_t used = (size_t)snprintf(command, SAB_COMMAND_CAP, "sab train %s%s", config->task.task, reads_files &&
                                   !sab_cell_table(cell)->is_chosen ? " --settings fixed" : "");
    for (int i = 0; i < sab_option_count() && used < SAB_COMMAND_CAP; i++) {
        char number[SAB_REAL_TEXT_CAP], by_default[SAB_REAL_TEXT_CAP];
        const char *name = sab_option_at(i)->name, *value = sab_options_value_at(config, i, number);
        int is_said = is_named(sab_cell_table(cell)->options, name) || is_named(cell->options, name) ||
                      strcmp(value, sab_options_value_at(&plain, i, by_default)) != 0;
        if (decides(sab_option_at(i)) && is_said)
            used += (size_t)snprintf(command + used, SAB_COMMAND_CAP - used, " --%s %s", name, value);
    }
    if (used < SAB_COMMAND_CAP)
        snprintf(command + used, SAB_COMMAND_CAP - used, " --seed %llu", (unsigned long long)config->shared.seed);
    sab_options_clear(&plain);
}

/* ---- places ---- */

int sab_cell_result_path(const struct sab_table_cell *cell, const char *results, uint64_t seed, char path[SAB_FILE_CAP],
                         struct sab_error *err)
{
    char slug[SAB_CELL_NAME_CAP];
    sab_cell_slug(cell, slug);
    int n = snprintf(path, SAB_FILE_CAP, "%s/%s/%s-s%llu.json", results, cell->table, slug, (unsigned long long)seed);
    return n < SAB_FILE_CAP ? SAB_OK
                            : sab_fail(err, SAB_INVALID, "the folder's name \"%.60s...\" is too long", results);
}

/* The first cell that trains the same network: the run is made once and belongs to it. Where maps are drawn on the way,
 * only to the cell itself. */
static const struct sab_table_cell *find_home(const struct sab_table_cell *cell)
{
    struct sab_options config = {0};
    const struct sab_table_cell *home = NULL;
    int can_share = sab_cell_table(cell)->figure != SAB_FIGURE_MAPS &&
                    sab_cell_config(cell, 1, 0, &config, NULL) == SAB_OK;
    for (int i = 0; can_share && !home && sab_table_cell_at(i) && sab_table_cell_at(i) != cell; i++) {
        struct sab_options other = {0};
        if (sab_cell_config(sab_table_cell_at(i), 1, 0, &other, NULL) == SAB_OK && !sab_cell_difference(&config, &other))
            home = sab_table_cell_at(i);
        sab_options_clear(&other);
    }
    sab_options_clear(&config);
    return home ? home : cell;
}

int sab_cell_run_path(const struct sab_table_cell *cell, const char *dir, uint64_t seed, char path[SAB_DIR_CAP],
                      struct sab_error *err)
{
    char slug[SAB_CELL_NAME_CAP];
    const struct sab_table_cell *home = find_home(cell);
    sab_cell_slug(home, slug);
    int n = snprintf(path, SAB_DIR_CAP, "%s/runs/%s/%s-s%llu", dir, home->table, slug, (unsigned long long)seed);
    return n < SAB_DIR_CAP ? SAB_OK : sab_fail(err, SAB_INVALID, "the folder's name \"%.60s...\" is too long", dir);
}

/* See reproduce_cell.h. */
#include "cli/reproduce_cell.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/presets.h"

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

int sab_cell_config(const struct sab_table_cell *cell, uint64_t seed, int is_quick, struct sab_config *config,
                    struct sab_error *err)
{
    sab_config_init(config);
    int status = sab_preset_options(sab_cell_table(cell)->options, config, err);
    if (status == SAB_OK)
        status = sab_preset_options(cell->options, config, err);
    config->seed = seed;
    if (is_quick) {
        config->steps = part(config->steps);
        config->curriculum = part(config->curriculum);
        config->warmup = part(config->warmup);
        config->eval_every = config->steps > 1 ? config->steps / 2 : 1;
        if (config->batch > QUICK_BATCH)
            config->batch = QUICK_BATCH;
        if (config->eval_size == 0 || config->eval_size > QUICK_EVALUATED)
            config->eval_size = QUICK_EVALUATED;
    }
    return status == SAB_OK ? sab_config_check(config, err) : status;
}

int sab_cell_tests(const struct sab_table_cell *cell, const struct sab_config *config,
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
        tests[n++].T = config->T;
    for (int i = 0; i < n; i++)
        tests[i].sequences = tests[i].T > LONG_T && (config->eval_size == 0 || config->eval_size > LONG_SEQUENCES)
                                 ? LONG_SEQUENCES
                                 : config->eval_size;
    return n;
}

/* 1 if the option is of those that decide what is learned. */
static int decides(const char *name)
{
    static const char *const others[] = {"task", "seed", "threads", "memory", "recompute", "cpu", "out"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(name, others[i]) == 0)
            return 0;
    return 1;
}

static int is_same(const struct sab_config *a, const struct sab_config *b, const char *name)
{
    char x[SAB_TEXT_CAP], y[SAB_TEXT_CAP];
    sab_config_get(a, name, x, sizeof x, NULL);
    sab_config_get(b, name, y, sizeof y, NULL);
    return strcmp(x, y) == 0;
}

const char *sab_cell_difference(const struct sab_config *a, const struct sab_config *b)
{
    if (strcmp(a->task, b->task) != 0)
        return "task";
    if (a->seed != b->seed)
        return "seed";
    for (int i = 0; i < sab_option_count; i++)
        if (decides(sab_options[i].name) && !is_same(a, b, sab_options[i].name))
            return sab_options[i].name;
    return NULL;
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

void sab_cell_command(const struct sab_table_cell *cell, const struct sab_config *config,
                      char command[SAB_COMMAND_CAP])
{
    struct sab_config plain;
    sab_config_init(&plain);
    size_t used = (size_t)snprintf(command, SAB_COMMAND_CAP, "sab train %s", config->task);
    for (int i = 0; i < sab_option_count && used < SAB_COMMAND_CAP; i++) {
        char value[SAB_TEXT_CAP];
        const char *name = sab_options[i].name;
        int is_said = is_named(sab_cell_table(cell)->options, name) || is_named(cell->options, name) ||
                      !is_same(config, &plain, name);
        sab_config_get(config, name, value, sizeof value, NULL);
        if (decides(name) && is_said)
            used += (size_t)snprintf(command + used, SAB_COMMAND_CAP - used, " --%s %s", name, value);
    }
    if (used < SAB_COMMAND_CAP)
        snprintf(command + used, SAB_COMMAND_CAP - used, " --seed %llu", (unsigned long long)config->seed);
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
    struct sab_config config, other;
    int can_share = sab_cell_table(cell)->figure != SAB_FIGURE_MAPS &&
                    sab_cell_config(cell, 1, 0, &config, NULL) == SAB_OK;
    for (int i = 0; can_share && sab_table_cell_at(i) && sab_table_cell_at(i) != cell; i++)
        if (sab_cell_config(sab_table_cell_at(i), 1, 0, &other, NULL) == SAB_OK &&
            !sab_cell_difference(&config, &other))
            return sab_table_cell_at(i);
    return cell;
}

int sab_cell_run_path(const struct sab_table_cell *cell, const char *dir, uint64_t seed, char path[SAB_TEXT_CAP],
                      struct sab_error *err)
{
    char slug[SAB_CELL_NAME_CAP];
    const struct sab_table_cell *home = find_home(cell);
    sab_cell_slug(home, slug);
    int n = snprintf(path, SAB_TEXT_CAP, "%s/runs/%s/%s-s%llu", dir, home->table, slug, (unsigned long long)seed);
    return n < SAB_TEXT_CAP ? SAB_OK : sab_fail(err, SAB_INVALID, "the folder's name \"%.60s...\" is too long", dir);
}

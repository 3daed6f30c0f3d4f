/* See reproduce_result.h. */
#include "lab/reproduce_result.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory_file.h"
#include "io/file.h"
#include "report/json_process.h"

/* A file's values take many times its bytes in memory. */
enum { RESULT_CAP = 1 << 20, METRICS_CAP = 8 << 20, CURVE_CAP = 100000, RESULTS_CAP = 1000 };

int sab_cell_result_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

void sab_cell_result_clear(struct sab_cell_result *result)
{
    sab_free(result->curve);
    result->curve = NULL;
    result->n_curve = 0;
}

/* ---- reading ---- */

static double get_real(const struct sab_value *object, const char *key)
{
    double value;
    return sab_value_real(sab_value_get(object, key), &value) == 0 ? value : NAN;
}

static int64_t get_int(const struct sab_value *object, const char *key)
{
    int64_t value;
    return sab_value_int(sab_value_get(object, key), INT64_MIN, INT64_MAX, &value) == 0 ? value : 0;
}

static void get_text(const struct sab_value *object, const char *key, char *text, size_t cap)
{
    const char *value = sab_value_string(sab_value_get(object, key));
    snprintf(text, cap, "%s", value ? value : "");
}

static int to_int(int64_t value)
{
    return value > 0 && value < INT32_MAX ? (int)value : 0;
}

static struct sab_measured get_measured(const struct sab_value *object)
{
    return (struct sab_measured){
        .step = get_int(object, "step"),
        .T = to_int(get_int(object, "T")),
        .sequences = to_int(get_int(object, "sequences")),
        .loss = get_real(object, "loss"),
        .accuracy = get_real(object, "accuracy"),
        .mse = get_real(object, "mse"),
        .bits_per_char = get_real(object, "bits_per_char"),
        .seconds = get_real(object, "seconds"),
    };
}

/* Room for a curve of n evaluations. */
static int make_curve(struct sab_cell_result *result, size_t n, struct sab_error *err)
{
    if (n > CURVE_CAP)
        return sab_fail(err, SAB_FORMAT, "a curve of %zu evaluations is longer than %d", n, CURVE_CAP);
    result->curve = sab_alloc(n, sizeof *result->curve);
    return result->curve ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for a curve of %zu evaluations", n);
}

static int read_curve(struct sab_cell_result *result, const struct sab_value *list, struct sab_error *err)
{
    int status = make_curve(result, sab_value_size(list), err);
    for (const struct sab_value *v = sab_value_first(list); v && status == SAB_OK; v = v->next)
        result->curve[result->n_curve++] = get_measured(v);
    return status;
}

static int read_maps(struct sab_cell_result *result, const struct sab_value *list, struct sab_error *err)
{
    if (sab_value_size(list) > SAB_MAP_CAP)
        return sab_fail(err, SAB_FORMAT, "it has %zu maps, more than %d", sab_value_size(list), SAB_MAP_CAP);
    for (const struct sab_value *v = sab_value_first(list); v; v = v->next) {
        int i = result->n_maps++;
        result->maps[i].step = get_int(v, "step");
        result->maps[i].accuracy = get_real(v, "accuracy");
        get_text(v, "png", result->maps[i].png, sizeof result->maps[i].png);
    }
    return SAB_OK;
}

static int take_object(struct sab_cell_result *result, const struct sab_value *root, struct sab_error *err)
{
    const struct sab_value *tests = sab_value_get(root, "test");
    get_text(root, "command", result->command, sizeof result->command);
    get_text(root, "version", result->version, sizeof result->version);
    get_text(root, "cpu", result->cpu, sizeof result->cpu);
    get_text(root, "weights_digest", result->digest, sizeof result->digest);
    get_text(root, "failed", result->failed, sizeof result->failed);
    if (!result->command[0] || !result->digest[0] || !sab_value_is(tests, SAB_VALUE_ARRAY))
        return sab_fail(err, SAB_FORMAT, "it is not the result of a cell: command, weights_digest or test is missing");
    if (sab_value_size(tests) > SAB_TEST_CAP)
        return sab_fail(err, SAB_FORMAT, "it has %zu tests, more than %d", sab_value_size(tests), SAB_TEST_CAP);
    result->seed = (uint64_t)get_int(root, "seed");
    result->steps = get_int(root, "steps");
    result->best_step = sab_value_get(root, "best_step") ? get_int(root, "best_step") : -1;
    result->stopped_early = sab_value_is(sab_value_get(root, "stopped_early"), SAB_VALUE_TRUE);
    result->seconds = get_real(root, "seconds");
    result->cpu_s = get_real(root, "cpu_seconds");
    result->peak_nbytes = get_real(root, "peak_rss_bytes");
    result->best = get_measured(sab_value_get(root, "best"));
    result->last = get_measured(sab_value_get(root, "last"));
    for (const struct sab_value *v = sab_value_first(tests); v; v = v->next)
        result->tests[result->n_tests++] = get_measured(v);
    int status = read_maps(result, sab_value_get(root, "maps"), err);
    return status == SAB_OK ? read_curve(result, sab_value_get(root, "curve"), err) : status;
}

int sab_cell_result_read(const char *path, struct sab_cell_result *result, struct sab_error *err)
{
    void *text;
    size_t nbytes;
    const struct sab_value *root;
    struct sab_json_problem where;
    struct sab_error why = {0};
    *result = (struct sab_cell_result){0};
    int status = sab_file_read(path, RESULT_CAP, &text, &nbytes, err);
    if (status != SAB_OK)
        return status;
    status = sab_json_parse(&root, text, nbytes, &where);
    sab_free(text);
    if (status == SAB_NOMEM)
        return sab_fail(err, SAB_NOMEM, "no memory for %.250s", path);
    if (status != SAB_OK)
        return sab_fail(err, SAB_FORMAT, "%.250s, line %d: %.150s", path, where.line, where.what);
    status = take_object(result, root, &why);
    sab_json_free(root);
    if (status != SAB_OK) {
        sab_cell_result_clear(result);
        return sab_fail(err, status, "%.250s: %.200s", path, why.message);
    }
    return SAB_OK;
}

int sab_cell_result_take_curve(struct sab_cell_result *result, const char *run, struct sab_error *err)
{
    char path[SAB_FILE_CAP];
    void *text;
    size_t nbytes;
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    if (!sab_cell_result_exists(path)) /* it failed before it was evaluated */
        return SAB_OK;
    int status = sab_file_read(path, METRICS_CAP, &text, &nbytes, err);
    if (status != SAB_OK)
        return status;
    size_t n = 0;
    for (size_t i = 0; i < nbytes; i++)
        n += ((const char *)text)[i] == '\n';
    status = make_curve(result, n, err);
    char *rest;
    for (char *line = strtok_r(text, "\n", &rest); line && status == SAB_OK; line = strtok_r(NULL, "\n", &rest)) {
        const struct sab_value *evaluation;
        status = sab_json_parse(&evaluation, line, strlen(line), NULL);
        if (status == SAB_OK && result->n_curve < (int)n)
            result->curve[result->n_curve++] = get_measured(evaluation);
        if (status == SAB_OK)
            sab_json_free(evaluation);
        else
            sab_fail(err, status, "%.300s: line %d cannot be read", path, result->n_curve + 1);
    }
    sab_free(text);
    return status;
}

/* Of "--name value" at the start of a text. */
static int option_length(const char *text)
{
    size_t n = strcspn(text, " ");
    return (int)(text[n] ? n + 1 + strcspn(text + n + 1, " ") : n);
}

int sab_cell_result_agrees(const char *what, const char *command, const char *expected, struct sab_error *err)
{
    size_t at = 0;
    if (strcmp(command, expected) == 0)
        return SAB_OK;
    while (command[at] == expected[at])
        at++;
    while (at > 0 && strncmp(command + at, " --", 3) != 0)
        at--;
    const char *was = command + at + (command[at] == ' '), *is = expected + at + (expected[at] == ' ');
    int n_was = option_length(was), n_is = option_length(is);
    return sab_fail(err, SAB_INVALID, "%.200s was made with other settings (%.*s, where this has %.*s); move it "
                                      "away or give another --out",
                    what, n_was < 80 ? n_was : 80, was, n_is < 80 ? n_is : 80, is);
}

/* ---- all results of a cell ---- */

static int by_seed(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Seeds of the files SLUG-sSEED.json in a folder, which may be missing. */
static int list_seeds(const struct sab_table_cell *cell, const char *results, uint64_t seeds[RESULTS_CAP])
{
    char path[SAB_FILE_CAP], prefix[SAB_CELL_NAME_CAP + 3];
    const struct dirent *entry;
    int n = 0;
    sab_cell_slug(cell, prefix);
    strcat(prefix, "-s");
    snprintf(path, sizeof path, "%s/%s", results, cell->table);
    DIR *folder = opendir(path);
    while (folder && n < RESULTS_CAP && (entry = readdir(folder))) {
        size_t length = strlen(prefix);
        if (strncmp(entry->d_name, prefix, length) != 0 || !isdigit((unsigned char)entry->d_name[length]))
            continue;
        char *end;
        seeds[n] = strtoull(entry->d_name + length, &end, 10);
        n += strcmp(end, ".json") == 0;
    }
    if (folder)
        closedir(folder);
    qsort(seeds, (size_t)n, sizeof *seeds, by_seed);
    return n;
}

static int load_one(const struct sab_table_cell *cell, const char *results, uint64_t seed, int is_quick,
                    struct sab_cell_result *result, struct sab_error *err)
{
    char path[SAB_FILE_CAP], command[SAB_COMMAND_CAP];
    struct sab_options config = {0};
    int status = sab_cell_config(cell, seed, is_quick, &config, err);
    if (status == SAB_OK)
        sab_cell_command(cell, &config, command);
    sab_options_clear(&config);
    if (status == SAB_OK)
        status = sab_cell_result_path(cell, results, seed, path, err);
    if (status == SAB_OK)
        status = sab_cell_result_read(path, result, err);
    if (status != SAB_OK)
        return status;
    status = sab_cell_result_agrees(path, result->command, command, err);
    if (status != SAB_OK)
        sab_cell_result_clear(result);
    return status;
}

int sab_cell_results_load(const struct sab_table_cell *cell, const char *results, int is_quick,
                          struct sab_cell_result **list, int *n, struct sab_error *err)
{
    uint64_t seeds[RESULTS_CAP];
    int status = SAB_OK, count = list_seeds(cell, results, seeds);
    struct sab_cell_result *read = sab_alloc((size_t)count, sizeof *read);
    if (!read)
        return sab_fail(err, SAB_NOMEM, "no memory for %d results", count);
    for (int i = 0; i < count && status == SAB_OK; i++)
        status = load_one(cell, results, seeds[i], is_quick, &read[i], err);
    if (status != SAB_OK) {
        sab_cell_results_free(read, count);
        return status;
    }
    *list = read;
    *n = count;
    return SAB_OK;
}

void sab_cell_results_free(struct sab_cell_result *list, int n)
{
    for (int i = 0; list && i < n; i++)
        sab_cell_result_clear(&list[i]);
    sab_free(list);
}

/* ---- writing ---- */

static void put_measured(struct sab_json *json, const struct sab_measured *m)
{
    sab_json_real(json, "loss", m->loss);
    sab_json_real(json, "bits_per_char", m->bits_per_char);
    sab_json_real(json, "accuracy", m->accuracy);
    sab_json_real(json, "mse", m->mse);
}

static void put_lists(struct sab_json *json, const struct sab_cell_result *result)
{
    sab_json_open(json, "test", '[');
    for (int i = 0; i < result->n_tests; i++) {
        sab_json_open(json, NULL, '{');
        sab_json_int(json, "T", result->tests[i].T);
        sab_json_int(json, "sequences", result->tests[i].sequences);
        put_measured(json, &result->tests[i]);
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
    if (result->n_maps > 0)
        sab_json_open(json, "maps", '[');
    for (int i = 0; i < result->n_maps; i++) {
        sab_json_open(json, NULL, '{');
        sab_json_int(json, "step", result->maps[i].step);
        sab_json_real(json, "accuracy", result->maps[i].accuracy);
        sab_json_text(json, "png", result->maps[i].png);
        sab_json_close(json, '}');
    }
    if (result->n_maps > 0)
        sab_json_close(json, ']');
    sab_json_open(json, "curve", '[');
    for (int i = 0; i < result->n_curve; i++) {
        sab_json_open(json, NULL, '{');
        sab_json_int(json, "step", result->curve[i].step);
        put_measured(json, &result->curve[i]);
        sab_json_real(json, "seconds", result->curve[i].seconds);
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
}

static void put_object(FILE *to, const struct sab_table_cell *cell, const struct sab_cell_result *result)
{
    struct sab_json json = {.to = to, .lines = 2};
    char name[SAB_CELL_NAME_CAP];
    sab_cell_name(cell, name);
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "table", cell->table);
    sab_json_text(&json, "cell", name);
    sab_json_int(&json, "seed", (int64_t)result->seed);
    sab_json_text(&json, "command", result->command);
    sab_json_text(&json, "version", result->version);
    sab_json_text(&json, "cpu", result->cpu);
    sab_json_text(&json, "weights_digest", result->digest);
    sab_json_int(&json, "steps", result->steps);
    sab_json_bool(&json, "stopped_early", result->stopped_early);
    if (result->failed[0])
        sab_json_text(&json, "failed", result->failed);
    sab_json_real(&json, "seconds", result->seconds);
    sab_json_real(&json, "cpu_seconds", result->cpu_s);
    if (isfinite(result->peak_nbytes))
        sab_json_int(&json, "peak_rss_bytes", llround(result->peak_nbytes));
    if (result->best_step >= 0) {
        sab_json_int(&json, "best_step", result->best_step);
        sab_json_open(&json, "best", '{');
        put_measured(&json, &result->best);
        sab_json_close(&json, '}');
        sab_json_open(&json, "last", '{');
        put_measured(&json, &result->last);
        sab_json_close(&json, '}');
    }
    put_lists(&json, result);
    sab_json_close(&json, '}');
}

int sab_cell_result_write(const char *path, const struct sab_table_cell *cell, const struct sab_cell_result *result,
                          struct sab_error *err)
{
    struct sab_memory_file file;
    FILE *to = sab_memory_open(&file);
    if (to)
        put_object(to, cell, result);
    if (sab_memory_close(&file, to) != 0)
        return sab_fail(err, SAB_NOMEM, "no memory for a result");
    int status = sab_file_write_atomic(path, file.bytes, file.nbytes, err);
    sab_free(file.bytes);
    return status;
}

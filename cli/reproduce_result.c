/* See reproduce_result.h. */
#include "cli/reproduce_result.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/json_out.h"
#include "io/file.h"

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

static double get_real(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int64_t get_int(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void get_text(const json_t *object, const char *key, char *text, size_t cap)
{
    const char *value = json_string_value(json_object_get(object, key));
    snprintf(text, cap, "%s", value ? value : "");
}

static int to_int(int64_t value)
{
    return value > 0 && value < INT32_MAX ? (int)value : 0;
}

static struct sab_measured get_measured(const json_t *object)
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

static int read_curve(struct sab_cell_result *result, const json_t *list, struct sab_error *err)
{
    size_t n = json_array_size(list);
    if (n > CURVE_CAP)
        return sab_fail(err, SAB_FORMAT, "a curve of %zu evaluations is longer than %d", n, CURVE_CAP);
    result->curve = sab_alloc(n, sizeof *result->curve);
    if (!result->curve)
        return sab_fail(err, SAB_NOMEM, "no memory for a curve of %zu evaluations", n);
    result->n_curve = (int)n;
    for (size_t i = 0; i < n; i++)
        result->curve[i] = get_measured(json_array_get(list, i));
    return SAB_OK;
}

static int read_maps(struct sab_cell_result *result, const json_t *list, struct sab_error *err)
{
    if (json_array_size(list) > SAB_MAP_CAP)
        return sab_fail(err, SAB_FORMAT, "it has %zu maps, more than %d", json_array_size(list), SAB_MAP_CAP);
    result->n_maps = (int)json_array_size(list);
    for (int i = 0; i < result->n_maps; i++) {
        const json_t *object = json_array_get(list, (size_t)i);
        result->maps[i].step = get_int(object, "step");
        result->maps[i].accuracy = get_real(object, "accuracy");
        get_text(object, "png", result->maps[i].png, sizeof result->maps[i].png);
    }
    return SAB_OK;
}

static int take_object(struct sab_cell_result *result, const json_t *root, struct sab_error *err)
{
    const json_t *tests = json_object_get(root, "test");
    get_text(root, "command", result->command, sizeof result->command);
    get_text(root, "version", result->version, sizeof result->version);
    get_text(root, "cpu", result->cpu, sizeof result->cpu);
    get_text(root, "weights_digest", result->digest, sizeof result->digest);
    get_text(root, "failed", result->failed, sizeof result->failed);
    if (!result->command[0] || !result->digest[0] || !json_is_array(tests))
        return sab_fail(err, SAB_FORMAT, "it is not the result of a cell: command, weights_digest or test is missing");
    if (json_array_size(tests) > SAB_TEST_CAP)
        return sab_fail(err, SAB_FORMAT, "it has %zu tests, more than %d", json_array_size(tests), SAB_TEST_CAP);
    result->seed = (uint64_t)get_int(root, "seed");
    result->steps = get_int(root, "steps");
    result->best_step = json_object_get(root, "best_step") ? get_int(root, "best_step") : -1;
    result->stopped_early = json_is_true(json_object_get(root, "stopped_early"));
    result->seconds = get_real(root, "seconds");
    result->cpu_s = get_real(root, "cpu_seconds");
    result->peak_nbytes = get_real(root, "peak_rss_bytes");
    result->best = get_measured(json_object_get(root, "best"));
    result->last = get_measured(json_object_get(root, "last"));
    result->n_tests = (int)json_array_size(tests);
    for (int i = 0; i < result->n_tests; i++)
        result->tests[i] = get_measured(json_array_get(tests, (size_t)i));
    int status = read_maps(result, json_object_get(root, "maps"), err);
    return status == SAB_OK ? read_curve(result, json_object_get(root, "curve"), err) : status;
}

int sab_cell_result_read(const char *path, struct sab_cell_result *result, struct sab_error *err)
{
    void *text;
    size_t nbytes;
    json_error_t where;
    struct sab_error why = {0};
    *result = (struct sab_cell_result){0};
    int status = sab_file_read(path, RESULT_CAP, &text, &nbytes, err);
    if (status != SAB_OK)
        return status;
    json_t *root = json_loadb(text, nbytes, JSON_REJECT_DUPLICATES, &where);
    sab_free(text);
    if (!root)
        return sab_fail(err, SAB_FORMAT, "%.250s, line %d: %.150s", path, where.line, where.text);
    status = take_object(result, root, &why);
    json_decref(root);
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
    json_t *list = json_array();
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        json_array_append_new(list, json_loads(line, 0, NULL));
    sab_free(text);
    status = read_curve(result, list, err);
    json_decref(list);
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
    struct sab_config config;
    int status = sab_cell_config(cell, seed, is_quick, &config, err);
    if (status == SAB_OK)
        status = sab_cell_result_path(cell, results, seed, path, err);
    if (status == SAB_OK)
        status = sab_cell_result_read(path, result, err);
    if (status != SAB_OK)
        return status;
    sab_cell_command(cell, &config, command);
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
    char *text = NULL;
    size_t nbytes;
    int status = SAB_OK;
    FILE *to = open_memstream(&text, &nbytes);
    if (to)
        put_object(to, cell, result);
    if (!to || fclose(to) != 0)
        status = sab_fail(err, SAB_NOMEM, "no memory for a result");
    if (status == SAB_OK)
        status = sab_file_write_atomic(path, text, nbytes, err);
    free(text);
    return status;
}

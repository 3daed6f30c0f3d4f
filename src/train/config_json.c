/* See config_json.h. The option table drives both directions. */
#include "train/config_json.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_out.h"
#include "base/text.h"
#include "train/options.h"

/* The key of an option: its name with underscores. Names are far shorter than this. */
enum { KEY_CAP = 64 };

static void make_key(const struct sab_option *option, char key[KEY_CAP])
{
    snprintf(key, KEY_CAP, "%s", option->name);
    for (char *c = key; *c; c++)
        if (*c == '-')
            *c = '_';
}

/* ---- writing ---- */

static char *take(struct sab_json *json, const char *what, struct sab_error *err)
{
    char *text = sab_json_take(json, NULL);
    if (!text)
        sab_fail(err, SAB_NOMEM, "no memory for the %s's text", what);
    return text;
}

char *sab_config_to_json(const struct sab_options *config, struct sab_error *err)
{
    char key[KEY_CAP], number[SAB_REAL_TEXT_CAP];
    struct sab_json json = {.lines = 1, .indent = 2};
    if (sab_options_check_ranges(config, err) != SAB_OK)
        return NULL;
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "version", SAB_VERSION);
    for (int i = 0; sab_option_at(i); i++) {
        const struct sab_option *option = sab_option_at(i);
        const char *value = sab_options_value_at(config, i, number);
        make_key(option, key);
        if (option->kind == SAB_OPTION_TEXT || option->kind == SAB_OPTION_CHOICE)
            sab_json_text(&json, key, value);
        else if (option->kind == SAB_OPTION_SWITCH)
            sab_json_bool(&json, key, strcmp(value, "on") == 0);
        else
            sab_json_number(&json, key, value);
    }
    sab_json_close(&json, '}');
    return take(&json, "configuration", err);
}

static const char *const inputs[] = {[SAB_INPUT_IDS] = "ids", [SAB_INPUT_VALUES] = "values"};
static const char *const losses[] = {[SAB_LOSS_CROSS_ENTROPY] = "cross_entropy", [SAB_LOSS_MSE] = "mse", [SAB_LOSS_BCE] = "bce",
                                     [SAB_LOSS_NONE] = "none", [SAB_LOSS_QUANTILE] = "quantile"};

char *sab_shape_to_json(const struct sab_shape *shape, struct sab_error *err)
{
    struct sab_json json = {.is_compact = 1};
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "input", inputs[shape->input]);
    sab_json_int(&json, "I", shape->I);
    sab_json_text(&json, "loss", losses[shape->loss]);
    sab_json_int(&json, "O", shape->O);
    sab_json_close(&json, '}');
    return take(&json, "shape", err);
}

/* ---- reading ---- */

static int parse_object(const struct sab_value **root, const char *json, size_t nbytes, const char *what,
                        struct sab_error *err)
{
    struct sab_json_problem problem;
    int status = sab_json_parse(root, json, nbytes, &problem);
    if (status == SAB_NOMEM)
        return sab_fail(err, SAB_NOMEM, "no memory for the %s", what);
    if (status != SAB_OK)
        return sab_fail(err, SAB_FORMAT, "the %s is not legal JSON: line %d, column %d: %s", what, problem.line,
                        problem.column, problem.what);
    if (sab_value_is(*root, SAB_VALUE_OBJECT))
        return SAB_OK;
    sab_json_free(*root);
    return sab_fail(err, SAB_FORMAT, "the %s must be a JSON object", what);
}

/* The value as sab_options_set wants it, or NULL if its type does not suit the option. */
static const char *value_text(const struct sab_option *option, const struct sab_value *value,
                              char number[SAB_REAL_TEXT_CAP])
{
    int is_true = sab_value_is(value, SAB_VALUE_TRUE), is_false = sab_value_is(value, SAB_VALUE_FALSE);
    switch ((enum sab_option_kind)option->kind) {
    case SAB_OPTION_CHOICE:
        if ((is_true || is_false) && strcmp(option->name, "recompute") == 0) /* as 0.1.0 wrote it */
            return is_true ? "on" : "off";
        return sab_value_string(value);
    case SAB_OPTION_TEXT:
        if (strcmp(option->name, "horizon") == 0 && sab_value_is(value, SAB_VALUE_INT))
            break; /* as 0.1.0 wrote it */
        return sab_value_string(value);
    case SAB_OPTION_SWITCH:
        return is_true ? "on" : is_false ? "off" : NULL;
    case SAB_OPTION_REAL:
        if (sab_value_is(value, SAB_VALUE_REAL)) {
            sab_text_from_real(value->as.real, number);
            return number;
        }
        break;
    default:
        break;
    }
    if (!sab_value_is(value, SAB_VALUE_INT))
        return NULL;
    snprintf(number, SAB_REAL_TEXT_CAP, "%lld", (long long)value->as.integer);
    return number;
}

static int fail_unknown_key(const char *key, struct sab_error *err)
{
    const char *nearest = sab_option_nearest(key);
    if (!nearest)
        return sab_fail(err, SAB_FORMAT, "the configuration has the unknown key \"%.60s\"", key);
    char near_key[KEY_CAP];
    make_key(sab_option_find(nearest), near_key);
    return sab_fail(err, SAB_FORMAT, "the configuration has the unknown key \"%.60s\"; did you mean \"%s\"?", key,
                    near_key);
}

/* A value in a sentence; at most 60 bytes of a text. */
static void show_value(const struct sab_value *value, char *buf, size_t cap)
{
    char number[SAB_REAL_TEXT_CAP];
    switch (value->kind) {
    case SAB_VALUE_INT:
        snprintf(buf, cap, "%lld", (long long)value->as.integer);
        break;
    case SAB_VALUE_REAL:
        sab_text_from_real(value->as.real, number);
        snprintf(buf, cap, "%s", number);
        break;
    case SAB_VALUE_STRING:
        snprintf(buf, cap, sab_value_string(value) ? "\"%.60s\"" : "a text with a 0 byte", value->as.string);
        break;
    default:
        snprintf(buf, cap, "%s", value->kind == SAB_VALUE_NULL    ? "null"
                                 : value->kind == SAB_VALUE_TRUE  ? "true"
                                 : value->kind == SAB_VALUE_FALSE ? "false"
                                 : value->kind == SAB_VALUE_ARRAY ? "a list"
                                                                  : "an object");
    }
}

static int fail_type(const struct sab_option *option, const struct sab_value *value, struct sab_error *err)
{
    static const char *const types[] = {"a whole number in ", "a whole number in ", "a whole number in ", "a number in ",
                                        "text of ",           "true or false",      "text"};
    char range[256] = "", shown[128];
    if (option->kind != SAB_OPTION_TEXT && option->kind != SAB_OPTION_SWITCH)
        sab_option_range(option, range, sizeof range);
    show_value(value, shown, sizeof shown);
    return sab_fail(err, SAB_FORMAT, "the configuration's key \"%s\" must be %s%s, not %s", value->key, types[option->kind],
                    range, shown);
}

static int set_key(struct sab_options *config, const struct sab_value *value, struct sab_error *err)
{
    const char *key = value->key;
    const struct sab_option *option = sab_option_find(key);
    char own_key[KEY_CAP] = "", number[SAB_REAL_TEXT_CAP];
    if (option)
        make_key(option, own_key);
    if (!option || strcmp(key, own_key) != 0)
        return fail_unknown_key(key, err);
    const char *text = value_text(option, value, number);
    if (!text)
        return fail_type(option, value, err);
    struct sab_error why;
    int status = sab_options_set(config, option->name, text, &why);
    if (status != SAB_OK)
        return sab_fail(err, status == SAB_NOMEM ? SAB_NOMEM : SAB_FORMAT, "the configuration's key \"%s\": %.400s", key, why.message);
    return SAB_OK;
}

int sab_options_from_json(struct sab_options *options, const char *json, size_t nbytes, struct sab_error *err)
{
    return sab_config_from_json(options, json, nbytes, err);
}

int sab_config_from_json(struct sab_options *config, const char *json, size_t nbytes, struct sab_error *err)
{
    const struct sab_value *root;
    struct sab_options read;
    int status = parse_object(&root, json, nbytes, "configuration", err);
    if (status != SAB_OK)
        return status;
    status = sab_options_copy(&read, config, err);
    for (const struct sab_value *value = sab_value_first(root); value && status == SAB_OK; value = value->next)
        if (strcmp(value->key, "version") != 0)
            status = set_key(&read, value, err);
        else if (!sab_value_string(value))
            status = sab_fail(err, SAB_FORMAT, "the configuration's key \"version\" must be text");
    sab_json_free(root);
    if (status == SAB_OK)
        sab_options_move(config, &read);
    sab_options_clear(&read);
    return status;
}

/* Index of a text value among names, or -1. */
static int find_name(const struct sab_value *value, const char *const *names, int count)
{
    const char *text = sab_value_string(value);
    for (int i = 0; text && i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

int sab_shape_from_json(struct sab_shape *shape, const char *json, size_t nbytes, struct sab_error *err)
{
    enum { MOST = 1 << 24 };
    const struct sab_value *root;
    int status = parse_object(&root, json, nbytes, "shape", err);
    if (status != SAB_OK)
        return status;
    int input = find_name(sab_value_get(root, "input"), inputs, 2);
    int loss = find_name(sab_value_get(root, "loss"), losses, SAB_LOSS_QUANTILE + 1);
    int64_t I, O;
    int is_bad = input < 0 || loss < 0 || sab_value_size(root) != 4 ||
                 sab_value_int(sab_value_get(root, "I"), 1, MOST, &I) || sab_value_int(sab_value_get(root, "O"), 1, MOST, &O);
    sab_json_free(root);
    if (is_bad)
        return sab_fail(err, SAB_FORMAT,
                        "the shape must be {\"input\":\"ids|values\",\"I\":n,\"loss\":\"cross_entropy|mse|bce|none|quantile\",\"O\":n} "
                        "with n in 1..%d",
                        MOST);
    *shape = (struct sab_shape){.size = sizeof(struct sab_shape), .input = input, .I = (int)I, .loss = loss, .O = (int)O};
    return SAB_OK;
}

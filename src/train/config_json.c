/* See config_json.h. The option table drives both directions. */
#include "train/config_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/error.h"
#include "base/text.h"

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

static size_t put_text(char *to, const char *text)
{
    size_t used = 0;
    to[used++] = '"';
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            to[used++] = '\\';
            to[used++] = (char)c;
        } else if (c < 0x20) {
            used += (size_t)sprintf(to + used, "\\u%04x", c);
        } else {
            to[used++] = (char)c;
        }
    }
    to[used++] = '"';
    return used;
}

char *sab_config_to_json(const struct sab_config *config, struct sab_error *err)
{
    /* The longest line: a key and a full text field of which every byte is escaped. */
    enum { LINE_CAP = KEY_CAP + 6 * SAB_TEXT_CAP + 16 };
    int status = sab_config_check(config, err);
    if (status != SAB_OK)
        return NULL;
    char *json = sab_alloc((size_t)sab_option_count + 2, LINE_CAP);
    if (!json) {
        sab_fail(err, SAB_NOMEM, "no memory for the configuration's text");
        return NULL;
    }
    size_t used = (size_t)sprintf(json, "{\n  \"version\": \"%s\"", SAB_VERSION);
    for (int i = 0; i < sab_option_count; i++) {
        const struct sab_option *option = &sab_options[i];
        char key[KEY_CAP], value[SAB_TEXT_CAP];
        make_key(option, key);
        sab_config_get(config, option->name, value, sizeof value, NULL);
        used += (size_t)sprintf(json + used, ",\n  \"%s\": ", key);
        if (option->kind == SAB_OPTION_TEXT || option->kind == SAB_OPTION_CHOICE)
            used += put_text(json + used, value);
        else if (option->kind == SAB_OPTION_SWITCH)
            used += (size_t)sprintf(json + used, "%s", strcmp(value, "on") == 0 ? "true" : "false");
        else
            used += (size_t)sprintf(json + used, "%s", value);
    }
    memcpy(json + used, "\n}\n", 4);
    return json;
}

/* In the order of enum sab_input and enum sab_loss. */
static const char *const inputs[] = {"ids", "values"};
static const char *const losses[] = {"cross_entropy", "mse", "bce"};

char *sab_shape_to_json(const struct sab_shape *shape, struct sab_error *err)
{
    enum { CAP = 128 };
    char *json = sab_alloc(CAP, 1);
    if (!json) {
        sab_fail(err, SAB_NOMEM, "no memory for the shape's text");
        return NULL;
    }
    snprintf(json, CAP, "{\"input\":\"%s\",\"I\":%d,\"loss\":\"%s\",\"O\":%d}",
             inputs[shape->input], shape->I, losses[shape->loss], shape->O);
    return json;
}

/* ---- reading ---- */

static json_t *parse_object(const char *json, size_t nbytes, const char *what, struct sab_error *err)
{
    json_error_t where;
    json_t *root = json_loadb(json, nbytes, JSON_REJECT_DUPLICATES, &where);
    if (!root) {
        sab_fail(err, SAB_FORMAT, "the %s is not legal JSON: line %d, column %d: %s", what, where.line, where.column,
                 where.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        sab_fail(err, SAB_FORMAT, "the %s must be a JSON object", what);
        return NULL;
    }
    return root;
}

/* The value as sab_config_set wants it, or NULL if its type does not suit the option. */
static const char *value_text(const struct sab_option *option, const json_t *value, char number[SAB_REAL_TEXT_CAP])
{
    switch ((enum sab_option_kind)option->kind) {
    case SAB_OPTION_CHOICE:
        if (json_is_boolean(value) && option->offset == offsetof(struct sab_config, recompute)) /* as 0.1.0 wrote it */
            return json_is_true(value) ? "on" : "off";
        return json_string_value(value);
    case SAB_OPTION_TEXT:
        return json_string_value(value);
    case SAB_OPTION_SWITCH:
        return json_is_true(value) ? "on" : json_is_false(value) ? "off" : NULL;
    case SAB_OPTION_REAL:
        if (json_is_real(value)) {
            sab_text_from_real(json_real_value(value), number);
            return number;
        }
        break;
    default:
        break;
    }
    if (!json_is_integer(value))
        return NULL;
    snprintf(number, SAB_REAL_TEXT_CAP, "%lld", (long long)json_integer_value(value));
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

static int set_key(struct sab_config *config, const char *key, const json_t *value, struct sab_error *err)
{
    static const char *const types[] = {"a whole number", "a whole number", "a whole number", "a number",
                                        "text",           "true or false",  "text"};
    const struct sab_option *option = sab_option_find(key);
    char own_key[KEY_CAP] = "", number[SAB_REAL_TEXT_CAP];
    if (option)
        make_key(option, own_key);
    if (!option || strcmp(key, own_key) != 0)
        return fail_unknown_key(key, err);
    const char *text = value_text(option, value, number);
    if (!text)
        return sab_fail(err, SAB_FORMAT, "the configuration's key \"%s\" must be %s", key, types[option->kind]);
    struct sab_error why;
    if (sab_config_set(config, option->name, text, &why) != SAB_OK)
        return sab_fail(err, SAB_FORMAT, "the configuration's key \"%s\": %.400s", key, why.message);
    return SAB_OK;
}

int sab_config_from_json(struct sab_config *config, const char *json, size_t nbytes, struct sab_error *err)
{
    json_t *root = parse_object(json, nbytes, "configuration", err);
    if (!root)
        return SAB_FORMAT;
    struct sab_config read = *config;
    int status = SAB_OK;
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        if (strcmp(key, "version") != 0)
            status = set_key(&read, key, value, err);
        else if (!json_is_string(value))
            status = sab_fail(err, SAB_FORMAT, "the configuration's key \"version\" must be text");
        if (status != SAB_OK)
            break;
    }
    json_decref(root);
    if (status == SAB_OK)
        *config = read;
    return status;
}

/* Index of a text value among names, or -1. */
static int find_name(const json_t *value, const char *const *names, int count)
{
    const char *text = json_string_value(value);
    for (int i = 0; text && i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

int sab_shape_from_json(struct sab_shape *shape, const char *json, size_t nbytes, struct sab_error *err)
{
    enum { MOST = 1 << 24 };
    json_t *root = parse_object(json, nbytes, "shape", err);
    if (!root)
        return SAB_FORMAT;
    int input = find_name(json_object_get(root, "input"), inputs, 2);
    int loss = find_name(json_object_get(root, "loss"), losses, 3);
    json_int_t I = json_integer_value(json_object_get(root, "I")), O = json_integer_value(json_object_get(root, "O"));
    size_t keys = json_object_size(root);
    json_decref(root);
    if (input < 0 || loss < 0 || I < 1 || I > MOST || O < 1 || O > MOST || keys != 4)
        return sab_fail(err, SAB_FORMAT,
                        "the shape must be {\"input\":\"ids|values\",\"I\":n,\"loss\":\"cross_entropy|mse|bce\",\"O\":n} "
                        "with n in 1..%d",
                        MOST);
    *shape = (struct sab_shape){input, (int)I, loss, (int)O};
    return SAB_OK;
}

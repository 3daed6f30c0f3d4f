/* Every option of the table x every bad value, as an option, in a configuration file and in a model file's header: each is refused
 * by one sentence that names the option, the value and what is legal, and changes nothing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io_support.h"
#include "options_helper.h"
#include "train/config_json.h"

enum { VALUES_CAP = 40, VALUE_CAP = 400 };

/* Bad values of one option; quoted: as JSON they are texts. */
struct bad {
    char value[VALUES_CAP][VALUE_CAP];
    int count;
};

static int is_number(const struct sab_option *option)
{
    return option->kind == SAB_OPTION_INT || option->kind == SAB_OPTION_INT64 || option->kind == SAB_OPTION_UINT64 ||
           option->kind == SAB_OPTION_REAL;
}

static void add(struct bad *bad, const char *format, ...)
{
    va_list arguments;
    assert_true(bad->count < VALUES_CAP);
    va_start(arguments, format);
    vsnprintf(bad->value[bad->count++], VALUE_CAP, format, arguments);
    va_end(arguments);
}

/* Numbers of the right type that are out of range. */
static void add_out_of_range(struct bad *bad, const struct sab_option *option)
{
    char text[SAB_REAL_TEXT_CAP];
    if (option->kind == SAB_OPTION_REAL) {
        double outside[] = {nextafter(option->min, -INFINITY), nextafter(option->max, INFINITY), -1e300, 1.7e308};
        for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
            if (isfinite(outside[i]) && (outside[i] < option->min || outside[i] > option->max)) {
                sab_text_from_real(outside[i], text);
                add(bad, "%s", text);
            }
        return;
    }
    add(bad, "%.0f", option->min - 1);
    add(bad, "%.0f", option->max + 1);
    add(bad, "2147483648000000");
    if (option->max >= 2147483648000000.0)
        bad->count--;
    add(bad, "-9223372036854775808");
    add(bad, "9223372036854775807");
    if (option->kind == SAB_OPTION_INT) { /* what becomes legal where only 32 bits are kept */
        add(bad, "%.0f", option->max + 4294967296.0);
        add(bad, "%.0f", option->min + 4294967296.0);
    }
}

static void make_bad(struct bad *bad, const struct sab_option *option)
{
    bad->count = 0;
    if (is_number(option)) {
        add_out_of_range(bad, option);
        static const char *const wrong[] = {"", " ", "x", "1x", "0x10", "nan", "NaN", "inf", "-inf", "1e999", "-1e999", "1,5", "+",
                                            "--1", "1 ", "1\n", "on", "\xff", "\x1b[31m1"};
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
            add(bad, "%s", wrong[i]);
        if (option->kind != SAB_OPTION_REAL) {
            add(bad, "18446744073709551617");
            add(bad, "%.0f.5", option->min);
        }
        add(bad, "%0300dx", 0); /* long */
    } else if (option->kind == SAB_OPTION_TEXT) {
        add(bad, "\xff");
        add(bad, "a\xc3");
        add(bad, "\xed\xa0\x80"); /* a surrogate */
    } else {
        static const char *const wrong[] = {"", " ", "x", "0", "1", "-1", "true", "ON", "nan", "2147483648", "\xff", "\x1b[2J"};
        const char *first = option->kind == SAB_OPTION_CHOICE ? option->choices[0] : "off";
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
            add(bad, "%s", wrong[i]);
        add(bad, "%sx", first);
        add(bad, "%s ", first);
        add(bad, "%.*s", (int)strlen(first) - 1, first);
        add(bad, "%0300d", 0);
    }
}

/* One sentence, nothing in it that would act on a terminal. */
static void check_sentence(const char *message, const char *what)
{
    char shown[1024];
    if (strlen(message) < 10 || strcmp(sab_text_shown(message, shown, sizeof shown), message) != 0)
        fail_msg("%s: no sentence, or raw bytes in it: \"%s\"", what, shown);
}

static void expect(const char *message, const char *piece, const char *what)
{
    if (!strstr(message, piece))
        fail_msg("%s: expected \"%s\" in \"%s\"", what, piece, message);
}

/* What a message has of a value, at least. */
static void expect_shown(const char *message, const char *value, const char *what)
{
    char start[61], shown[300];
    snprintf(start, sizeof start, "%s", value);
    sab_text_shown(start, shown, 55); /* where a value is cut, an escape may be */
    expect(message, shown, what);
}

static void expect_range(const char *message, const struct sab_option *option, const char *what)
{
    char range[256];
    if (option->kind == SAB_OPTION_TEXT)
        return;
    sab_option_range(option, range, sizeof range);
    for (char *word = strtok(range, is_number(option) ? "" : "|"); word; word = strtok(NULL, "|"))
        expect(message, word, what);
}

static void test_as_options(void **unused)
{
    (void)unused;
    static struct bad bad;
    OPTIONS config = {0}, before = {0};
    int count = 0;
    sab_options_init(&config);
    before = copy_of(&config);
    for (int i = 0; i < sab_option_count(); i++) {
        const struct sab_option *option = sab_option_at(i);
        make_bad(&bad, option);
        for (int k = 0; k < bad.count; k++, count++) {
            struct sab_error err = {0};
            char what[512];
            snprintf(what, sizeof what, "--%s %.100s", option->name, bad.value[k]);
            if (sab_options_set(&config, option->name, bad.value[k], &err) != SAB_INVALID)
                fail_msg("%s: taken", what);
            check_sentence(err.message, what);
            expect(err.message, option->name, what);
            if (option->kind != SAB_OPTION_TEXT)
                expect_shown(err.message, bad.value[k], what);
            expect_range(err.message, option, what);
        }
        assert_same_options(&config, &before);
    }
    print_message("%d values\n", count);
    assert_true(count > 1500);
}

/* ---- as JSON ---- */

static void make_key(const struct sab_option *option, char key[64])
{
    snprintf(key, 64, "%s", option->name);
    for (char *c = key; *c; c++)
        if (*c == '-')
            *c = '_';
}

/* Values of each type that JSON has, but for the option's own; then those of its own that are not legal. */
static void make_bad_json(struct bad *bad, const struct sab_option *option)
{
    bad->count = 0;
    add(bad, "null");
    add(bad, "[]");
    add(bad, "{}");
    add(bad, "[1]");
    add(bad, "{\"a\":1}");
    if (option->kind != SAB_OPTION_SWITCH && strcmp(option->name, "recompute") != 0)
        add(bad, "true");
    if (is_number(option)) {
        add_out_of_range(bad, option);
        add(bad, "\"1\"");
        add(bad, "\"\"");
        if (option->kind != SAB_OPTION_REAL)
            add(bad, "%.0f.5", option->min + 1);
    } else {
        if (strcmp(option->name, "horizon") != 0) /* as 0.1.0 wrote it */
            add(bad, "1");
        add(bad, "-1.5");
        if (option->kind != SAB_OPTION_TEXT)
            add(bad, "\"\"");
        add(bad, "\"\\u0000\"");
        if (option->kind == SAB_OPTION_CHOICE) {
            add(bad, "\"x\\u001b[2J\"");
            add(bad, "\"%s\\u0000\"", option->choices[0]);
        }
    }
}

static void check_json_message(const struct sab_option *option, const char *message, const char *value, const char *key)
{
    char what[512];
    snprintf(what, sizeof what, "\"%s\": %.100s", key, value);
    check_sentence(message, what);
    expect(message, key, what);
    if (value[0] == '-' || (value[0] >= '0' && value[0] <= '9') || strcmp(value, "true") == 0 || strcmp(value, "null") == 0)
        expect(message, value, what);
    if (option->kind != SAB_OPTION_SWITCH)
        expect_range(message, option, what);
}

static void test_in_configurations(void **unused)
{
    (void)unused;
    static struct bad bad;
    OPTIONS config = {0}, before = {0};
    int count = 0;
    sab_options_init(&config);
    before = copy_of(&config);
    for (int i = 0; i < sab_option_count(); i++) {
        const struct sab_option *option = sab_option_at(i);
        char key[64], json[VALUE_CAP + 80];
        make_key(option, key);
        make_bad_json(&bad, option);
        for (int k = 0; k < bad.count; k++, count++) {
            struct sab_error err = {0};
            snprintf(json, sizeof json, "{\"%s\": %s}", key, bad.value[k]);
            if (sab_config_from_json(&config, json, strlen(json), &err) != SAB_FORMAT)
                fail_msg("%s: taken", json);
            check_json_message(option, err.message, bad.value[k], key);
        }
        assert_same_options(&config, &before);
    }
    print_message("%d values\n", count);
    assert_true(count > 800);
}

/* The value under `key` in a configuration's text, one key a line: its first byte, and in *nbytes how many it has. */
static char *find_value(char *json, const char *key, size_t *nbytes)
{
    char line[80];
    snprintf(line, sizeof line, "\n  \"%s\": ", key);
    char *value = strstr(json, line);
    if (!value)
        fail_msg("no key %s in %s", key, json);
    value += strlen(line);
    *nbytes = strcspn(value, "\n");
    *nbytes -= value[*nbytes - 1] == ',';
    return value;
}

/* Text as a JSON string without its quotes. */
static size_t escape(const char *text, char *to)
{
    size_t n = 0;
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || *text == '\n')
            to[n++] = '\\';
        to[n++] = *text == '\n' ? 'n' : *text;
    }
    to[n] = 0;
    return n;
}

static void test_in_models(void **unused)
{
    (void)unused;
    static struct bad bad;
    static char header[1 << 17], changed[1 << 15], escaped[1 << 16];
    OPTIONS config = {0};
    struct sab_model *model;
    struct sab_error err = {0};
    const struct sab_shape shape = {sizeof shape, SAB_INPUT_IDS, 10, SAB_LOSS_CROSS_ENTROPY, 9};
    int count = 0;
    sab_options_init(&config);
    config.model.hidden = config.model.attention_width = 2;
    const char *path = io_path("model.safetensors");
    if (sab_model_create(&model, &config, &shape, &err) || sab_model_save(model, path, &err))
        fail_msg("%s", err.message);
    char *json = sab_config_to_json(sab_model_options(model), &err);
    assert_non_null(json);
    sab_model_free(model);
    for (int i = 0; i < sab_option_count(); i++) {
        const struct sab_option *option = sab_option_at(i);
        char key[64];
        size_t nbytes;
        make_key(option, key);
        make_bad_json(&bad, option);
        const char *value = find_value(json, key, &nbytes);
        for (int k = 0; k < bad.count; k++, count++) {
            snprintf(changed, sizeof changed, "%.*s%s%s", (int)(value - json), json, bad.value[k], value + nbytes);
            escape(changed, escaped);
            snprintf(header, sizeof header,
                     "{\"__metadata__\":{\"config\":\"%s\",\"shape\":\"{\\\"input\\\":\\\"ids\\\",\\\"I\\\":10,"
                     "\\\"loss\\\":\\\"cross_entropy\\\",\\\"O\\\":9}\",\"version\":\"0.1.0\"}}", escaped);
            io_put_safetensors(path, header, strlen(header), "", 0);
            err.message[0] = 0;
            if (sab_model_load(&model, path, &err) != SAB_FORMAT)
                fail_msg("%s: %s: not SAB_FORMAT: %s", key, bad.value[k], err.message);
            check_json_message(option, err.message, bad.value[k], key);
            expect(err.message, path, key);
        }
    }
    sab_free(json);
    print_message("%d values\n", count);
    assert_true(count > 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_options),
        cmocka_unit_test(test_in_configurations),
        cmocka_unit_test(test_in_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

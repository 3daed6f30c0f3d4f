/* What a model knows of its data, and how a file is cut into parts: kept, saved, read back; refused when hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "data/facts.h"
#include "data/split.h"
#include "sab.h"

static struct sab_model *make_model(void)
{
    struct sab_config config;
    struct sab_shape shape = {SAB_INPUT_IDS, 3, SAB_LOSS_CROSS_ENTROPY, 3};
    struct sab_model *model;
    sab_config_init(&config);
    config.hidden = 2;
    assert_int_equal(sab_model_create(&model, &config, &shape, NULL), SAB_OK);
    return model;
}

static char *filled(size_t nbytes, char c)
{
    char *text = malloc(nbytes + 1);
    assert_non_null(text);
    memset(text, c, nbytes);
    text[nbytes] = 0;
    return text;
}

static void test_model_keeps_facts(void **unused)
{
    (void)unused;
    struct sab_model *model = make_model();
    char here[] = "{\"task\":\"text\",\"symbols\":\"a\\n\\\"\xc3\xa4\"}", copy[sizeof here];
    memcpy(copy, here, sizeof here);
    assert_null(sab_model_facts(model));
    assert_int_equal(sab_model_set_facts(model, here, NULL), SAB_OK);
    here[3] = 'x'; /* the caller's text is not kept */
    assert_string_equal(sab_model_facts(model), copy);

    struct sab_error err = {0};
    assert_int_equal(sab_model_set_facts(model, "\xff", &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "UTF-8"));
    char *long_text = filled(SAB_FACTS_CAP + 1, 'x');
    assert_int_equal(sab_model_set_facts(model, long_text, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "3145729 bytes"));
    free(long_text);
    assert_string_equal(sab_model_facts(model), copy);
    assert_int_equal(sab_model_set_facts(model, NULL, NULL), SAB_OK);
    assert_null(sab_model_facts(model));
    sab_model_free(model);
}

/* The largest legal facts, of bytes that are escaped in the file, too. */
static void test_file_keeps_facts(void **unused)
{
    (void)unused;
    char path[] = "/tmp/sab-facts-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    char *large = filled(SAB_FACTS_CAP, '"');
    const char *const texts[] = {NULL, "{}", "{\"task\":\"text\",\"symbols\":\"a\\n\\\"\xc3\xa4\"}", large};
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        struct sab_model *model = make_model(), *read = NULL;
        struct sab_error err = {0};
        assert_int_equal(sab_model_set_facts(model, texts[k], NULL), SAB_OK);
        if (sab_model_save(model, path, &err) != SAB_OK || sab_model_load(&read, path, &err) != SAB_OK)
            fail_msg("facts %zu: %s", k, err.message);
        if (texts[k])
            assert_string_equal(sab_model_facts(read), texts[k]);
        else
            assert_null(sab_model_facts(read));
        sab_model_free(model);
        sab_model_free(read);
    }
    free(large);
    unlink(path);
}

static void expect_refused(const char *facts, const char *message)
{
    struct sab_error err = {0};
    assert_null(sab_facts_parse(facts, "text", &err));
    assert_int_equal(err.status, SAB_FORMAT);
    if (!strstr(err.message, message))
        fail_msg("expected \"%s\" in \"%s\"", message, err.message);
}

static void test_parsing(void **unused)
{
    (void)unused;
    json_t *facts = sab_facts_parse("{\"task\":\"text\",\"n\":3}", "text", NULL);
    assert_int_equal(json_integer_value(json_object_get(facts, "n")), 3);
    char *text = NULL;
    assert_int_equal(sab_facts_print(facts, &text, NULL), SAB_OK);
    assert_string_equal(text, "{\"task\":\"text\",\"n\":3}");
    sab_free(text);
    json_decref(facts);

    expect_refused("", "not a JSON object");
    expect_refused("[]", "not a JSON object");
    expect_refused("{\"task\":\"text\"", "not a JSON object (byte");
    expect_refused("{\"task\":\"text\",\"task\":\"text\"}", "not a JSON object");
    expect_refused("{}", "for the task \"\", not text");
    expect_refused("{\"task\":\"idx\"}", "for the task \"idx\", not text");
    char *many = filled(300000, '[');
    expect_refused(many, "300000 parts");
    free(many);
    char *long_text = filled(SAB_FACTS_CAP + 1, ' ');
    expect_refused(long_text, "3145729 bytes");
    free(long_text);

    json_t *large = json_object();
    char *value = filled(SAB_FACTS_CAP, 'x');
    json_object_set_new(large, "x", json_string(value));
    free(value);
    struct sab_error err = {0};
    assert_int_equal(sab_facts_print(large, &text, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "keeps at most"));
    json_decref(large);
}

static void test_split(void **unused)
{
    (void)unused;
    static const struct {
        const char *split;
        uint64_t n, bounds[4];
    } good[] = {
        {"0.9,0.05,0.05", 1000, {0, 900, 950, 1000}}, {"0.7,0.2,0.1", 17420, {0, 12194, 15678, 17420}},
        {"0.5,0.25,0", 100, {0, 50, 75, 75}},         {"1,0,0", 7, {0, 7, 7, 7}},
        {"0,0,1", 7, {0, 0, 0, 7}},                   {"0.34,0.33,0.33", 2, {0, 1, 1, 2}},
        {"0.9,0.05,0.05", 0, {0, 0, 0, 0}},
    };
    for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
        uint64_t bounds[4];
        assert_int_equal(sab_split_bounds(good[k].split, good[k].n, bounds, NULL), SAB_OK);
        for (int i = 0; i < 4; i++)
            if (bounds[i] != good[k].bounds[i])
                fail_msg("%s of %llu: bound %d is %llu, not %llu", good[k].split, (unsigned long long)good[k].n, i,
                         (unsigned long long)bounds[i], (unsigned long long)good[k].bounds[i]);
    }
    static const char *const bad[] = {"",          "0.9",       "0.9,0.1",      "0.9,0.05,0.05,0", "0.9,0.1,0.1",
                                      "-0.1,1,0",  "1.1,0,0",   "a,b,c",        "0.9, 0.05,0.05",  "0.9,0.05,0.05 ",
                                      "0.9,,0.05", "nan,0.1,0", "0.9,0.05,inf", ",,",
                                      "0.900000000000000000000000000000000000,0,0"};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        uint64_t bounds[4] = {9, 9, 9, 9};
        struct sab_error err = {0};
        assert_int_equal(sab_split_bounds(bad[k], 100, bounds, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, "--split: \""));
        assert_int_equal(bounds[0] + bounds[3], 18);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_keeps_facts),
        cmocka_unit_test(test_file_keeps_facts),
        cmocka_unit_test(test_parsing),
        cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

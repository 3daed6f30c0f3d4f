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
#include "data/parts.h"
#include "options_helper.h"
#include "sab.h"

static struct sab_model *make_model(void)
{
    OPTIONS config = {0};
    struct sab_shape shape = {sizeof shape, SAB_INPUT_IDS, 3, SAB_LOSS_CROSS_ENTROPY, 3};
    struct sab_model *model;
    sab_options_init(&config);
    config.model.hidden = 2;
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
    static const char *const others[] = {"", "hello", "[]", "{\"task\":1", "{} {}", "3"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (sab_model_set_facts(model, others[i], &err) != SAB_INVALID || !strstr(err.message, "no JSON object"))
            fail_msg("facts %s: status %d, \"%s\"", others[i], err.status, err.message);
    }
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
    for (size_t i = 6; i < SAB_FACTS_CAP - 2; i += 2)
        large[i] = '\\';
    memcpy(large, "{\"a\":\"", 6);
    memcpy(large + SAB_FACTS_CAP - 2, "\"}", 2);
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
    const struct sab_value *root;
    struct sab_error err = {0};
    assert_int_equal(sab_facts_parse(&root, facts, "text", &err), SAB_FORMAT);
    if (!strstr(err.message, message))
        fail_msg("expected \"%s\" in \"%s\"", message, err.message);
}

static void test_parsing(void **unused)
{
    (void)unused;
    const struct sab_value *facts;
    struct sab_json json;
    char *text = NULL;
    int n = 0;
    sab_facts_begin(&json, "text");
    sab_json_int(&json, "n", 3);
    assert_int_equal(sab_facts_end(&json, &text, NULL), SAB_OK);
    assert_string_equal(text, "{\"task\":\"text\",\"n\":3}");
    assert_int_equal(sab_facts_parse(&facts, text, "text", NULL), SAB_OK);
    assert_int_equal(sab_facts_int(facts, "n", 0, 3, &n, NULL), SAB_OK);
    assert_int_equal(n, 3);
    assert_int_equal(sab_facts_int(facts, "n", 0, 2, &n, NULL), SAB_FORMAT);
    sab_free(text);
    sab_json_free(facts);

    expect_refused("", "not legal JSON: byte 0");
    expect_refused("[]", "not a JSON object");
    expect_refused("{\"task\":\"text\"", "not legal JSON: byte 14");
    expect_refused("{\"task\":\"text\",\"task\":\"text\"}", "\"task\" stands twice");
    expect_refused("{}", "for the task \"\", not text");
    expect_refused("{\"task\":\"idx\"}", "for the task \"idx\", not text");
    char *many = filled(300000, '[');
    expect_refused(many, "too many arrays and objects");
    free(many);
    char *long_text = filled(SAB_FACTS_CAP + 1, ' ');
    expect_refused(long_text, "3145729 bytes");
    free(long_text);

    char *value = filled(SAB_FACTS_CAP, 'x');
    struct sab_error err = {0};
    sab_facts_begin(&json, "text");
    sab_json_text(&json, "x", value);
    free(value);
    assert_int_equal(sab_facts_end(&json, &text, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "at most"));
    sab_facts_begin(&json, "text");
    sab_json_text(&json, "x", "caf\xe9");
    assert_int_equal(sab_facts_end(&json, &text, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "not UTF-8"));
}

/* Facts that 0.1.0 wrote have other digits, the same numbers: runs go on. */
static void test_equality(void **unused)
{
    (void)unused;
    static const struct {
        const char *a, *b;
        int is_equal;
    } pairs[] = {
        {NULL, NULL, 1},
        {NULL, "{}", 0},
        {"{\"m\":[0.10000000000000001,2.0,-0.0],\"n\":7}", "{\"n\":7,\"m\":[0.1,2,0]}", 1},
        {"{\"m\":[0.1]}", "{\"m\":[0.10000000000000002]}", 0},
        {"{\"m\":[1]}", "{\"m\":[1,2]}", 0},
        {"{\"m\":[1,2]}", "{\"m\":[2,1]}", 0},
        {"{\"m\":\"a\"}", "{\"m\":\"\\u0061\"}", 1},
        {"{\"m\":\"a\"}", "{\"m\":\"b\"}", 0},
        {"{\"m\":\"a\\u0000b\"}", "{\"m\":\"a\\u0000c\"}", 0},
        {"{\"m\":1}", "{\"k\":1}", 0},
        {"{\"m\":true}", "{\"m\":1}", 0},
        {"{\"m\":null}", "{\"m\":null}", 1},
        {"{\"m\":9007199254740993}", "{\"m\":9007199254740992}", 0},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (sab_facts_equal(pairs[i].a, pairs[i].b) != pairs[i].is_equal ||
            sab_facts_equal(pairs[i].b, pairs[i].a) != pairs[i].is_equal)
            fail_msg("%s and %s: expected %d", pairs[i].a, pairs[i].b, pairs[i].is_equal);
}

static const int none[SAB_PARTS]; /* has data of its own */

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
        assert_int_equal(sab_parts_cut(good[k].split, none, good[k].n, bounds, NULL), SAB_OK);
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
        assert_int_equal(sab_parts_cut(bad[k], none, 100, bounds, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, "--split: \""));
        assert_int_equal(bounds[0] + bounds[3], 18);
    }
}

/* What --split gives to a part that has data of its own goes to the part before it. */
static void test_parts_with_data_of_their_own(void **unused)
{
    (void)unused;
    static const struct {
        int has_own[SAB_PARTS];
        uint64_t bounds[SAB_PARTS + 1];
    } cases[] = {
        {{0, 0, 0}, {0, 60, 80, 100}}, {{0, 1, 0}, {0, 80, 80, 100}}, {{0, 0, 1}, {0, 60, 100, 100}}, {{0, 1, 1}, {0, 100, 100, 100}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        uint64_t bounds[SAB_PARTS + 1];
        assert_int_equal(sab_parts_cut("0.6,0.2,0.2", cases[k].has_own, 100, bounds, NULL), SAB_OK);
        for (int i = 0; i <= SAB_PARTS; i++)
            if (bounds[i] != cases[k].bounds[i])
                fail_msg("case %zu: bound %d is %llu, expected %llu", k, i, (unsigned long long)bounds[i],
                         (unsigned long long)cases[k].bounds[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_keeps_facts),
        cmocka_unit_test(test_file_keeps_facts),
        cmocka_unit_test(test_parsing),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_parts_with_data_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Configurations and shapes as JSON: exact round trips, and each malformed text its own error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "train/options.h"
#include "options_helper.h"
#include "train/config_json.h"

static void test_round_trip(void **unused)
{
    (void)unused;
    OPTIONS config = {0}, back = {0};
    struct sab_error err = {0};
    sab_options_init(&config);
    config.optim.lr = 0.1 + 0.2;
    config.optim.explode = 1.2345678901234567e299;
    config.optim.eps = 1e-30;
    config.shared.seed = 9007199254740991u;
    config.optim.steps = 9007199254740991;
    config.model.cell = SAB_CELL_RNN;
    config.model.mental_updates = 0;
    assert_int_equal(sab_options_set(&config, "out", "a \"quoted\" \\ path\n\twith \xc3\xa9 and \x01", &err), SAB_OK);
    char *json = sab_config_to_json(&config, &err);
    assert_non_null(json);
    assert_non_null(strstr(json, "\"version\": \"" SAB_VERSION "\""));
    assert_non_null(strstr(json, "\"k_top\": 5,"));
    assert_non_null(strstr(json, "\"cell\": \"rnn\""));
    assert_non_null(strstr(json, "\"mental_updates\": false"));
    assert_non_null(strstr(json, "\"lr\": 0.30000000000000004"));
    sab_options_init(&back);
    assert_int_equal(sab_config_from_json(&back, json, strlen(json), &err), SAB_OK);
    assert_same_options(&config, &back);

    /* No beginning of the text is a configuration. */
    for (size_t n = 0; n + 2 < strlen(json); n++) {
        OPTIONS other = {0}, before = {0};
        sab_options_init(&other);
        sab_options_init(&before);
        if (sab_config_from_json(&other, json, n, &err) == SAB_OK)
            fail_msg("the first %zu bytes were accepted", n);
        assert_same_options(&before, &other);
    }
    sab_free(json);
}

static void test_illegal_config_is_not_written(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct sab_error err = {0};
    sab_options_init(&config);
    config.model.hidden = -1;
    assert_null(sab_config_to_json(&config, &err));
    assert_int_equal(err.status, SAB_INVALID);
}

static void expect_refused(const char *json, const char *message)
{
    OPTIONS config = {0}, before = {0};
    struct sab_error err = {0};
    sab_options_init(&config);
    before = copy_of(&config);
    assert_int_equal(sab_config_from_json(&config, json, strlen(json), &err), SAB_FORMAT);
    if (!strstr(err.message, message))
        fail_msg("%s: expected \"%s\" in \"%s\"", json, message, err.message);
    assert_same_options(&config, &before);
}

static void test_malformed(void **unused)
{
    (void)unused;
    expect_refused("", "not legal JSON");
    expect_refused("[]", "must be a JSON object");
    expect_refused("{\"hidden\":1} x", "not legal JSON");
    expect_refused("{\"hiden\":1}", "unknown key \"hiden\"; did you mean \"hidden\"?");
    expect_refused("{\"k-top\":1}", "unknown key \"k-top\"; did you mean \"k_top\"?");
    expect_refused("{\"\":1}", "unknown key \"\"");
    expect_refused("{\"zzzzzzzz\":1}", "unknown key \"zzzzzzzz\"");
    expect_refused("{\"hidden\":1,\"hidden\":2}", "the key \"hidden\" stands twice");
    expect_refused("{\"hidden\":\"1\"}", "key \"hidden\" must be a whole number");
    expect_refused("{\"hidden\":1.5}", "key \"hidden\" must be a whole number");
    expect_refused("{\"hidden\":true}", "key \"hidden\" must be a whole number");
    expect_refused("{\"hidden\":null}", "key \"hidden\" must be a whole number");
    expect_refused("{\"hidden\":0}", "--hidden: \"0\" is not a whole number in 1..16384");
    expect_refused("{\"hidden\":4294967297}", "is not a whole number in 1..16384");
    expect_refused("{\"seed\":99999999999999999999}", "a whole number beyond 64 bits");
    expect_refused("{\"lr\":\"0.1\"}", "key \"lr\" must be a number");
    expect_refused("{\"lr\":1e999}", "not legal JSON");
    expect_refused("{\"lr\":NaN}", "not legal JSON");
    expect_refused("{\"mental_updates\":1}", "key \"mental_updates\" must be true or false");
    expect_refused("{\"mental_updates\":\"on\"}", "key \"mental_updates\" must be true or false");
    expect_refused("{\"recompute\":1}", "key \"recompute\" must be text");
    expect_refused("{\"cell\":0}", "key \"cell\" must be text");
    expect_refused("{\"cell\":\"LSTM\"}", "is not one of lstm, gru, rnn");
    expect_refused("{\"out\":\"\\u0000\"}", "must be text");
    expect_refused("{\"out\":\"\xff\"}", "not legal JSON");
    expect_refused("{\"version\":1}", "key \"version\" must be text");
    expect_refused("{\"hidden\":7,\"layers\":0}", "\"layers\""); /* and hidden stays as it was */
}

static void test_partial_object_keeps_the_rest(void **unused)
{
    (void)unused;
    OPTIONS config = {0}, expected = {0};
    struct sab_error err = {0};
    sab_options_init(&config);
    config.model.hidden = 77;
    expected = copy_of(&config);
    expected.optim.lr = 1;
    expected.model.recompute = 1;
    set_option(&expected, "horizon", "24");
    const char *json = "{\"lr\":1,\"recompute\":true,\"horizon\":24}"; /* the last two as 0.1.0 wrote them */
    assert_int_equal(sab_config_from_json(&config, json, strlen(json), &err), SAB_OK);
    assert_same_options(&config, &expected);
}

/* A file that 0.1.0 wrote, with as much as can be unlike the defaults: what is read is what it says, since writing it again
 * gives each of its lines, in its order. */
static void test_file_of_old(void **unused)
{
    (void)unused;
    char file[1 << 14];
    FILE *from = fopen("tests/data/config-0.1.0.json", "r");
    OPTIONS config = {0};
    struct sab_error err = {0};
    assert_non_null(from);
    size_t n = fread(file, 1, sizeof file - 1, from);
    fclose(from);
    file[n] = 0;
    sab_options_init(&config);
    if (sab_config_from_json(&config, file, n, &err) != SAB_OK || sab_options_check(&config, &err) != SAB_OK)
        fail_msg("%s", err.message);
    assert_string_equal(config.run.out, "a \"quoted\" \\ \xc3\xa9");
    char *again = sab_config_to_json(&config, &err), *at = again;
    int lines = 0;
    for (char *line = strtok(file, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        char *found = strstr(line, "\"version\"") ? at : strstr(at, line);
        if (!found)
            fail_msg("written again, the line is missing or out of order: %s", line);
        at = found;
    }
    assert_true(lines > 93);
    sab_free(again);
}

static void test_shape(void **unused)
{
    (void)unused;
    static const struct sab_shape shapes[] = {{sizeof *shapes, SAB_INPUT_IDS, 10, SAB_LOSS_CROSS_ENTROPY, 9},
                                              {sizeof *shapes, SAB_INPUT_VALUES, 2, SAB_LOSS_MSE, 1},
                                              {sizeof *shapes, SAB_INPUT_VALUES, 1, SAB_LOSS_BCE, 3}};
    struct sab_error err = {0};
    for (int i = 0; i < 3; i++) {
        struct sab_shape back = {0};
        char *json = sab_shape_to_json(&shapes[i], &err);
        assert_non_null(json);
        assert_int_equal(sab_shape_from_json(&back, json, strlen(json), &err), SAB_OK);
        assert_memory_equal(&shapes[i], &back, sizeof back);
        sab_free(json);
    }
    static const char *const bad[] = {
        "",
        "{}",
        "{\"input\":\"ids\",\"I\":10,\"loss\":\"mse\"}",
        "{\"input\":\"ids\",\"I\":0,\"loss\":\"mse\",\"O\":1}",
        "{\"input\":\"ids\",\"I\":\"3\",\"loss\":\"mse\",\"O\":1}",
        "{\"input\":\"id\",\"I\":3,\"loss\":\"mse\",\"O\":1}",
        "{\"input\":\"ids\",\"I\":3,\"loss\":0,\"O\":1}",
        "{\"input\":\"ids\",\"I\":3,\"loss\":\"mse\",\"O\":1,\"x\":1}",
        "{\"input\":\"ids\",\"I\":99999999999,\"loss\":\"mse\",\"O\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sab_shape shape = {sizeof shape, 7, 7, 7, 7};
        assert_int_equal(sab_shape_from_json(&shape, bad[i], strlen(bad[i]), &err), SAB_FORMAT);
        assert_int_equal(shape.I, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_file_of_old), cmocka_unit_test(test_illegal_config_is_not_written),
        cmocka_unit_test(test_malformed),  cmocka_unit_test(test_partial_object_keeps_the_rest),
        cmocka_unit_test(test_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

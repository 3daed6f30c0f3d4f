/* The option table, text of numbers, checks of whole configurations. */
#include <float.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/config.h"
#include "base/random.h"
#include "base/text.h"

/* Each field of struct sab_config has exactly one row, in order, and no byte but padding is left over. */
static void test_table_covers_struct(void **unused)
{
    (void)unused;
    size_t end = 0;
    for (int i = 0; i < sab_option_count; i++) {
        const struct sab_option *option = &sab_options[i];
        size_t size = option->kind == SAB_OPTION_TEXT   ? option->cap
                    : option->kind == SAB_OPTION_REAL   ? sizeof(double)
                    : option->kind == SAB_OPTION_INT64  ? sizeof(int64_t)
                    : option->kind == SAB_OPTION_UINT64 ? sizeof(uint64_t)
                                                        : sizeof(int);
        assert_true(option->offset >= end);
        if (option->offset - end >= sizeof(int) && option->offset % 8 != 0)
            fail_msg("no row for the field before --%s", option->name);
        assert_true(option->offset - end < 8);
        end = option->offset + size;
        assert_non_null(option->help);
        assert_true(strlen(option->help) > 3 && option->help[strlen(option->help) - 1] != '.');
        assert_ptr_equal(sab_option_find(option->name), option);
    }
    assert_true(sizeof(struct sab_config) - end < 8);
    assert_null(sab_config_name(sab_option_count));
    assert_null(sab_config_name(-1));
    assert_string_equal(sab_config_name(0), "model");
}

/* A table of one's own: the command line has some. */
static void test_options_of_another_struct(void **unused)
{
    (void)unused;
    struct own {
        double before;
        int count;
        char name[4];
    } own = {1.5, 7, "abc"};
    const struct sab_option count = {"count", SAB_OPTION_INT, offsetof(struct own, count), 0, 1, 9, NULL, "1", "", "x"};
    const struct sab_option name = {"name", SAB_OPTION_TEXT, offsetof(struct own, name), 4, 0, 0, NULL, "", "", "x"};
    struct sab_error err;
    assert_int_equal(sab_option_set(&count, &own, "9", &err), SAB_OK);
    assert_int_equal(sab_option_set(&count, &own, "10", &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "--count"));
    assert_non_null(strstr(err.message, "1..9"));
    assert_int_equal(own.count, 9);
    assert_int_equal(sab_option_set(&name, &own, "x", &err), SAB_OK);
    assert_int_equal(sab_option_set(&name, &own, "four", &err), SAB_INVALID);
    assert_int_equal(sab_option_set(&name, &own, "\xff", &err), SAB_INVALID);
    assert_memory_equal(own.name, "x\0\0", 4);
    assert_true(own.before == 1.5);
}

static void test_defaults_are_legal(void **unused)
{
    (void)unused;
    struct sab_config config;
    struct sab_error err;
    sab_config_init(&config);
    assert_int_equal(sab_config_check(&config, &err), SAB_OK);
    assert_int_equal(config.hidden, 128);
    assert_int_equal(config.k_top, 5);
    assert_true(config.lr == 3e-3);
    assert_true(config.beta2 == 0.99);
    assert_int_equal(config.seed, 1);
    assert_string_equal(config.task, "copy");
    /* A fallback that does not parse would leave its field 0 without a word. */
    for (int i = 0; i < sab_option_count; i++)
        assert_int_equal(sab_config_set(&config, sab_options[i].name, sab_options[i].fallback, &err), SAB_OK);
}

static void expect_error(const char *name, const char *value, const char *message)
{
    struct sab_config config, before;
    struct sab_error err = {0};
    sab_config_init(&config);
    before = config;
    assert_int_equal(sab_config_set(&config, name, value, &err), SAB_INVALID);
    assert_string_equal(err.message, message);
    assert_memory_equal(&config, &before, sizeof config);
    assert_int_equal(sab_config_set(&config, name, value, NULL), SAB_INVALID);
}

static void test_errors_teach(void **unused)
{
    (void)unused;
    expect_error("k-top", "abc", "--k-top: \"abc\" is not a whole number in 0..4096");
    expect_error("k_top", "4097", "--k-top: \"4097\" is not a whole number in 0..4096");
    expect_error("k-top", "-1", "--k-top: \"-1\" is not a whole number in 0..4096");
    expect_error("k-top", "", "--k-top: \"\" is not a whole number in 0..4096");
    expect_error("k-top", " 5", "--k-top: \" 5\" is not a whole number in 0..4096");
    expect_error("k-top", "5.0", "--k-top: \"5.0\" is not a whole number in 0..4096");
    expect_error("k-top", "99999999999999999999", "--k-top: \"99999999999999999999\" is not a whole number in 0..4096");
    expect_error("cell", "lstn", "--cell: \"lstn\" is not one of lstm, gru, rnn");
    expect_error("recompute", "yes", "--recompute: \"yes\" is not one of off, on, auto");
    expect_error("average", "1", "--average: \"1\" is not a number in 0..0.999999999");
    expect_error("lr", "nan", "--lr: \"nan\" is not a number in 0..1000000");
    expect_error("lr", "inf", "--lr: \"inf\" is not a number in 0..1000000");
    expect_error("lr", "0x1p-3", "--lr: \"0x1p-3\" is not a number in 0..1000000");
    expect_error("lr", "0,5", "--lr: \"0,5\" is not a number in 0..1000000");
    expect_error("lr", "1e999", "--lr: \"1e999\" is not a number in 0..1000000");
    expect_error("seed", "9007199254740992",
                 "--seed: \"9007199254740992\" is not a whole number in 0..9007199254740991");
    expect_error("k-tpo", "5", "unknown option \"k-tpo\"; did you mean \"k-top\"?");
    expect_error("k_trnc", "5", "unknown option \"k_trnc\"; did you mean \"k-trunc\"?");
    expect_error("hidden-size", "5", "unknown option \"hidden-size\"; did you mean \"hidden\"?");
    expect_error("mental", "on", "unknown option \"mental\"; did you mean \"mental-updates\"?");
    expect_error("xyzzyplugh", "5", "unknown option \"xyzzyplugh\"; sab train --help lists them all");
    expect_error("out", "bad \xff bytes", "--out: the value is not UTF-8 text");
}

static void test_text_too_long(void **unused)
{
    (void)unused;
    struct sab_config config;
    struct sab_error err;
    char text[SAB_TEXT_CAP + 1];
    memset(text, 'x', sizeof text);
    text[SAB_TEXT_CAP - 1] = 0;
    sab_config_init(&config);
    assert_int_equal(sab_config_set(&config, "out", text, &err), SAB_OK);
    char back[SAB_TEXT_CAP];
    assert_int_equal(sab_config_get(&config, "out", back, sizeof back, &err), SAB_OK);
    assert_string_equal(back, text);
    assert_int_equal(sab_config_get(&config, "out", back, sizeof back - 1, &err), SAB_INVALID);
    text[SAB_TEXT_CAP - 1] = 'x';
    text[SAB_TEXT_CAP] = 0;
    assert_int_equal(sab_config_set(&config, "out", text, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "has 256 bytes; at most 255 are legal"));
}

static double random_double(uint64_t i)
{
    uint64_t high = sab_random_bits(7, SAB_STREAM_CHECK, i, 0), low = sab_random_bits(7, SAB_STREAM_CHECK, i, 1);
    uint64_t bits = high << 32 | low;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* What sab_config_get writes, sab_config_set reads back to the same bits. */
static void test_reals_round_trip(void **unused)
{
    (void)unused;
    int tried = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        double value = random_double(i), back;
        char text[SAB_REAL_TEXT_CAP];
        if (!isfinite(value))
            continue;
        sab_text_from_real(value, text);
        assert_int_equal(sab_text_to_real(text, &back), 0);
        assert_memory_equal(&value, &back, sizeof value);
        tried++;
    }
    assert_true(tried > 15000);
    struct sab_config config, back;
    struct sab_error err;
    sab_config_init(&config);
    sab_config_init(&back);
    config.lr = 0.1 + 0.2;
    config.explode = DBL_MAX / 1e10;
    config.seed = 9007199254740991u;
    char text[SAB_TEXT_CAP];
    for (int i = 0; i < sab_option_count; i++) {
        assert_int_equal(sab_config_get(&config, sab_options[i].name, text, sizeof text, &err), SAB_OK);
        assert_int_equal(sab_config_set(&back, sab_options[i].name, text, &err), SAB_OK);
    }
    assert_memory_equal(&config, &back, sizeof config);
    sab_text_from_real(0.1, text);
    assert_string_equal(text, "0.1");
    sab_text_from_real(0.001, text);
    assert_string_equal(text, "0.001");
}

/* A program that embeds the library may run in a locale that writes 0,5. */
static void test_reals_ignore_locale(void **unused)
{
    (void)unused;
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "fr_FR.utf8"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof locales / sizeof locales[0] && !found; i++)
        found = setlocale(LC_NUMERIC, locales[i]);
    if (!found)
        skip();
    double value = 0;
    char text[SAB_REAL_TEXT_CAP];
    sab_text_from_real(0.5, text);
    int status = sab_text_to_real("0.25", &value);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(text, "0.5");
    assert_int_equal(status, 0);
    assert_true(value == 0.25);
}

static void test_check_ranges_of_structs(void **unused)
{
    (void)unused;
    struct sab_config config;
    struct sab_error err;
    sab_config_init(&config);
    config.hidden = 0;
    assert_int_equal(sab_config_check(&config, &err), SAB_INVALID);
    assert_string_equal(err.message, "--hidden: \"0\" is not a whole number in 1..16384");
    sab_config_init(&config);
    config.cell = 3;
    assert_int_equal(sab_config_check(&config, &err), SAB_INVALID);
    sab_config_init(&config);
    config.lr = NAN;
    assert_int_equal(sab_config_check(&config, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "--lr: \"nan\""));
    sab_config_init(&config);
    config.recompute = 3;
    assert_int_equal(sab_config_check(&config, &err), SAB_INVALID);
    sab_config_init(&config);
    memset(config.task, 'x', sizeof config.task);
    assert_int_equal(sab_config_check(&config, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "--task: the text does not end"));
}

static void test_memory(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        double nbytes;
    } good[] = {{"512M", 512.0 * (1 << 20)}, {"1.5K", 1536}, {"2G", 2.0 * (1 << 30)}, {"1T", 1099511627776.0},
                {"77", 77}, {"auto", -1}, {"", -1}, {"none", INFINITY}};
    static const char *const bad[] = {"M", "0", "-1G", "12X", "1 G", "0.1", "nan", "infG", "autoM", "1e999"};
    struct sab_error err;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double nbytes = 0;
        assert_int_equal(sab_memory_parse(good[i].text, &nbytes, &err), SAB_OK);
        assert_true(nbytes == good[i].nbytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sab_config config;
        double nbytes = 5;
        assert_int_equal(sab_memory_parse(bad[i], &nbytes, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, "--memory: "));
        assert_true(nbytes == 5);
        sab_config_init(&config);
        snprintf(config.memory, sizeof config.memory, "%s", bad[i]);
        assert_int_equal(sab_config_check(&config, &err), SAB_INVALID);
    }
}

static void expect_combination(const char *const *pairs, const char *message)
{
    struct sab_config config;
    struct sab_error err = {0};
    sab_config_init(&config);
    for (int i = 0; pairs[i]; i += 2)
        assert_int_equal(sab_config_set(&config, pairs[i], pairs[i + 1], &err), SAB_OK);
    int status = sab_config_check(&config, &err);
    assert_int_equal(status, message ? SAB_INVALID : SAB_OK);
    if (message && !strstr(err.message, message))
        fail_msg("expected \"%s\" in \"%s\"", message, err.message);
}

static void test_combinations(void **unused)
{
    (void)unused;
#define PAIRS(...) (const char *const[]){__VA_ARGS__, NULL}
    expect_combination(PAIRS("backward", "dense"), "--backward dense needs --forward dense");
    expect_combination(PAIRS("backward", "dense", "forward", "dense"), NULL);
    expect_combination(PAIRS("backward", "dense", "credit", "attention"), NULL);
    expect_combination(PAIRS("momentum", "0.9"), "--momentum 0.9 needs --optimizer sgd");
    expect_combination(PAIRS("momentum", "0.9", "optimizer", "sgd"), NULL);
    expect_combination(PAIRS("stop-at", "accuracy=0.99"), NULL);
    expect_combination(PAIRS("stop-at", "loss=0.01"), NULL);
    expect_combination(PAIRS("stop-at", "accuracy=1.5"), "is not accuracy=X with X in 0..1");
    expect_combination(PAIRS("stop-at", "accuracy"), "is not accuracy=X, loss=X or mse=X");
    expect_combination(PAIRS("stop-at", "acc=0.9"), "is not accuracy=X, loss=X or mse=X");
    expect_combination(PAIRS("stop-at", "loss="), "is not loss=X");
    expect_combination(PAIRS("stop-at", "loss=0.1", "eval-every", "0"), "--eval-every is 0");
    expect_combination(PAIRS("patience", "3", "eval-every", "0"), "--eval-every is 0");
}

static void test_stop_parse(void **unused)
{
    (void)unused;
    struct sab_stop stop;
    assert_int_equal(sab_stop_parse("accuracy=0.99", &stop, NULL), SAB_OK);
    assert_string_equal(stop.metric, "accuracy");
    assert_int_equal(stop.better, 1);
    assert_true(stop.value == 0.99);
    assert_int_equal(sab_stop_parse("mse=1e-3", &stop, NULL), SAB_OK);
    assert_int_equal(stop.better, -1);
    assert_int_equal(sab_stop_parse("", &stop, NULL), SAB_OK);
    assert_string_equal(stop.metric, "");
}

static void test_distance(void **unused)
{
    (void)unused;
    assert_int_equal(sab_text_distance("kitten", "sitting"), 3);
    assert_int_equal(sab_text_distance("", "abc"), 3);
    assert_int_equal(sab_text_distance("abc", ""), 3);
    assert_int_equal(sab_text_distance("cpoy", "copy"), 1);
    assert_int_equal(sab_text_distance("k_top", "k-top"), 0);
    assert_int_equal(sab_text_distance("a", "b"), 1);
    char huge[100];
    memset(huge, 'a', sizeof huge);
    huge[99] = 0;
    assert_int_equal(sab_text_distance(huge, "a"), INT_MAX);
}

static void test_ranges_for_help(void **unused)
{
    (void)unused;
    char text[128];
    sab_option_range(sab_option_find("k-top"), text, sizeof text);
    assert_string_equal(text, "0..4096");
    sab_option_range(sab_option_find("cell"), text, sizeof text);
    assert_string_equal(text, "lstm|gru|rnn");
    sab_option_range(sab_option_find("mental-updates"), text, sizeof text);
    assert_string_equal(text, "on|off");
    sab_option_range(sab_option_find("steps"), text, sizeof text);
    assert_string_equal(text, "0..9007199254740991");
    char tiny[4];
    sab_option_range(sab_option_find("cell"), tiny, sizeof tiny);
    assert_string_equal(tiny, "lst");
}

static void test_utf8(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int is_legal;
    } cases[] = {{"plain", 1},      {"\xc3\xa9", 1},     {"\xe2\x82\xac", 1},     {"\xf0\x9f\x98\x80", 1},
                 {"\xc3", 0},       {"\xa9", 0},         {"\xc0\xaf", 0},         {"\xe0\x80\x80", 0},
                 {"\xed\xa0\x80", 0}, {"\xf4\x90\x80\x80", 0}, {"\xf4\x8f\xbf\xbf", 1}, {"\xff", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(sab_text_is_utf8(cases[i].text, strlen(cases[i].text)), cases[i].is_legal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_table_covers_struct), cmocka_unit_test(test_defaults_are_legal),
        cmocka_unit_test(test_options_of_another_struct),
        cmocka_unit_test(test_errors_teach),        cmocka_unit_test(test_text_too_long),
        cmocka_unit_test(test_reals_round_trip),    cmocka_unit_test(test_reals_ignore_locale),
        cmocka_unit_test(test_check_ranges_of_structs), cmocka_unit_test(test_combinations),
        cmocka_unit_test(test_stop_parse),          cmocka_unit_test(test_distance),
        cmocka_unit_test(test_ranges_for_help),     cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

#include "base/random.h"
#include "base/text.h"
#include "options_helper.h"

/* The bytes of each layer's struct that rows account for; what is left over is padding at most. */
static void check_struct(const char *name, const struct sab_rows *const *rows, size_t nbytes)
{
    unsigned char taken[sizeof(struct sab_options)] = {0};
    for (; *rows; rows++)
        for (int i = 0; i < (*rows)->count; i++) {
            const struct sab_option *option = &(*rows)->rows[i];
            size_t size = option->kind == SAB_OPTION_TEXT   ? sizeof(char *)
                        : option->kind == SAB_OPTION_REAL   ? sizeof(double)
                        : option->kind == SAB_OPTION_INT64  ? sizeof(int64_t)
                        : option->kind == SAB_OPTION_UINT64 ? sizeof(uint64_t)
                                                            : sizeof(int);
            for (size_t k = 0; k < size; k++) {
                if (option->offset + k >= nbytes || taken[option->offset + k])
                    fail_msg("%s: --%s has bytes of another field", name, option->name);
                taken[option->offset + k] = 1;
            }
        }
    for (size_t at = 0, gap = 0; at < nbytes; at++) {
        gap = taken[at] ? 0 : gap + 1;
        if (gap >= sizeof(int) && (at + 1) % 8 != 0)
            fail_msg("%s: no row for the field at byte %zu", name, at + 1 - gap);
        if (gap >= 8)
            fail_msg("%s: no row for the field at byte %zu", name, at + 1 - gap);
    }
}

/* Each field of each layer's struct has exactly one row. */
static void test_rows_cover_structs(void **unused)
{
    (void)unused;
    check_struct("model", (const struct sab_rows *[]){&sab_model_rows, NULL}, sizeof(struct sab_model_options));
    check_struct("shared", (const struct sab_rows *[]){&sab_batch_rows, &sab_seed_rows, &sab_cpu_rows, &sab_quantiles_rows, NULL},
                 sizeof(struct sab_shared_options));
    check_struct("optim", (const struct sab_rows *[]){&sab_optim_rows, &sab_guard_rows, NULL},
                 sizeof(struct sab_optim_options));
    check_struct("task", (const struct sab_rows *[]){&sab_task_rows, NULL}, sizeof(struct sab_task_options));
}

/* Enumeration reaches every row, under a name of its own, with all that a manual needs. */
static void test_enumeration(void **unused)
{
    (void)unused;
    int layers = sab_model_rows.count + sab_batch_rows.count + sab_seed_rows.count + sab_cpu_rows.count + sab_quantiles_rows.count +
                 sab_optim_rows.count + sab_guard_rows.count + sab_task_rows.count;
    assert_int_equal(sab_option_count(), layers + 10); /* and struct sab_run_options, train's own */
    assert_null(sab_option_at(sab_option_count()));
    assert_null(sab_option_at(-1));
    assert_string_equal(sab_option_at(0)->name, "model");
    for (int i = 0; i < sab_option_count(); i++) {
        const struct sab_option *option = sab_option_at(i);
        assert_ptr_equal(sab_option_find(option->name), option);
        assert_true(sab_text_lists("model credit training task data run", option->group));
        assert_true(strlen(option->help) > 3 && option->help[strlen(option->help) - 1] != '.');
        assert_true((option->kind == SAB_OPTION_CHOICE) == (option->choices != NULL));
        assert_true(option->min <= option->max);
        assert_true(option->effect >= SAB_DECIDES && option->effect <= SAB_LOCAL);
    }
}

/* A table of one's own: the command line has some. */
static void test_options_of_another_struct(void **unused)
{
    (void)unused;
    struct own {
        double before;
        int count;
        const char *name;
    } own = {1.5, 7, NULL};
    const struct sab_option count = {"count", SAB_OPTION_INT, offsetof(struct own, count), 0, 1, 9, NULL, "1", "", "x"};
    const struct sab_option name = {"name", SAB_OPTION_TEXT, offsetof(struct own, name), 0, 0, 0, NULL, "", "", "x"};
    struct sab_error err;
    assert_int_equal(sab_option_set(&count, &own, "9", &err), SAB_OK);
    assert_int_equal(sab_option_set(&count, &own, "10", &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "--count"));
    assert_non_null(strstr(err.message, "1..9"));
    assert_int_equal(own.count, 9);
    assert_int_equal(sab_option_set(&name, &own, "x", &err), SAB_OK);
    assert_int_equal(sab_option_set(&name, &own, own.name, &err), SAB_OK); /* its own text */
    assert_int_equal(sab_option_set(&name, &own, "\xff", &err), SAB_INVALID);
    assert_string_equal(own.name, "x");
    sab_rows_clear(&(struct sab_rows){&name, 1}, &own);
    assert_true(own.before == 1.5);
}

static void test_defaults_are_legal(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct sab_error err;
    sab_options_init(&config);
    assert_int_equal(sab_options_check(&config, &err), SAB_OK);
    assert_int_equal(config.model.hidden, 128);
    assert_int_equal(config.model.k_top, 5);
    assert_true(config.optim.lr == 3e-3);
    assert_true(config.optim.beta2 == 0.99);
    assert_int_equal(config.shared.seed, 1);
    assert_string_equal(config.task.task, "copy");
    /* A fallback that does not parse would leave its field 0 without a word. */
    for (int i = 0; i < sab_option_count(); i++)
        assert_int_equal(sab_options_set(&config, sab_option_at(i)->name, sab_option_at(i)->fallback, &err), SAB_OK);
}

static void expect_error(const char *name, const char *value, const char *message)
{
    OPTIONS config = {0}, before = {0};
    struct sab_error err = {0};
    sab_options_init(&config);
    before = copy_of(&config);
    assert_int_equal(sab_options_set(&config, name, value, &err), SAB_INVALID);
    assert_string_equal(err.message, message);
    assert_same_options(&config, &before);
    assert_int_equal(sab_options_set(&config, name, value, NULL), SAB_INVALID);
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

/* What is divided by, or counted in, is at least 1. */
static void test_what_cannot_be_0(void **unused)
{
    (void)unused;
    static const char *const names[] = {"hidden", "layers", "heads", "k-att", "k-trunc", "batch", "lr-every", "T"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        OPTIONS options = {0};
        struct sab_error err;
        sab_options_init(&options);
        if (sab_options_set(&options, names[k], "0", &err) != SAB_INVALID || !strstr(err.message, names[k]))
            fail_msg("%s 0: expected a refusal that names it", names[k]);
        if (sab_options_set(&options, names[k], "1", &err) != SAB_OK)
            fail_msg("%s 1: %s", names[k], err.message);
    }
}

static void test_long_texts(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct sab_error err;
    static char text[SAB_OPTION_CAP + 1], back[SAB_OPTION_CAP];
    static const int lengths[] = {255, 256, 10000, SAB_OPTION_CAP - 1};
    memset(text, 'x', sizeof text);
    sab_options_init(&config);
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        text[lengths[k]] = 0;
        assert_int_equal(sab_options_set(&config, "out", text, &err), SAB_OK);
        assert_int_equal(sab_options_get(&config, "out", back, sizeof back, &err), SAB_OK);
        assert_string_equal(back, text);
        assert_int_equal(sab_options_get(&config, "out", back, (size_t)lengths[k], &err), SAB_INVALID);
        assert_int_equal(sab_options_check(&config, &err), SAB_OK);
        text[lengths[k]] = 'x';
    }
    text[SAB_OPTION_CAP] = 0;
    assert_int_equal(sab_options_set(&config, "out", text, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "has 65536 bytes; at most 65535 are legal"));
    assert_int_equal(strlen(config.run.out), SAB_OPTION_CAP - 1);
}

/* The public object: opaque, copied whole, all or nothing. */
static void test_object(void **unused)
{
    (void)unused;
    struct sab_options *a = NULL, *b = NULL;
    struct sab_error err;
    char value[64];
    assert_int_equal(sab_options_create(&a, &err), SAB_OK);
    assert_int_equal(sab_options_parse(a, " task=adding  T=5\tk_top=7 lr=8e-3\nout='my runs/a \"b\"' from=\"it's\" ", &err), SAB_OK);
    assert_int_equal(sab_options_clone(&b, a, &err), SAB_OK);
    assert_same_options(a, b);
    sab_options_free(a);
    static const char *const pairs[][2] = {{"task", "adding"}, {"T", "5"}, {"k-top", "7"}, {"lr", "0.008"},
                                           {"out", "my runs/a \"b\""}, {"from", "it's"}, {"batch", "64"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_int_equal(sab_options_get(b, pairs[i][0], value, sizeof value, &err), SAB_OK);
        assert_string_equal(value, pairs[i][1]);
    }
    static const char *const bad[][2] = {{"T=6 hidden=0", "--hidden: \"0\""}, {"T=6 batch", "\"batch\" is not name=value"},
                                         {"T=6 =3", "\"\" is not name=value"}, {"T=6 out='x", "no closing '"},
                                         {"T=6 bacth=3", "did you mean \"batch\"?"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sab_options_parse(b, bad[i][0], &err), SAB_INVALID);
        if (!strstr(err.message, bad[i][1]))
            fail_msg("%s: expected \"%s\" in \"%s\"", bad[i][0], bad[i][1], err.message);
        assert_int_equal(b->task.T, 5);
    }
    assert_int_equal(sab_options_parse(b, "out= task=", &err), SAB_OK);
    assert_string_equal(b->run.out, "");
    sab_options_free(b);
    sab_options_free(NULL);
}

static double random_double(uint64_t i)
{
    uint64_t high = sab_random_bits(7, SAB_FOR_CHECK, i, 0), low = sab_random_bits(7, SAB_FOR_CHECK, i, 1);
    uint64_t bits = high << 32 | low;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* What sab_options_get writes, sab_options_set reads back to the same bits. */
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
    OPTIONS config = {0}, back = {0};
    struct sab_error err;
    sab_options_init(&config);
    sab_options_init(&back);
    config.optim.lr = 0.1 + 0.2;
    config.optim.explode = DBL_MAX / 1e10;
    config.shared.seed = 9007199254740991u;
    char text[SAB_DIR_CAP];
    for (int i = 0; i < sab_option_count(); i++) {
        assert_int_equal(sab_options_get(&config, sab_option_at(i)->name, text, sizeof text, &err), SAB_OK);
        assert_int_equal(sab_options_set(&back, sab_option_at(i)->name, text, &err), SAB_OK);
    }
    assert_same_options(&config, &back);
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
    OPTIONS config = {0};
    struct sab_error err;
    sab_options_init(&config);
    config.model.hidden = 0;
    assert_int_equal(sab_options_check(&config, &err), SAB_INVALID);
    assert_string_equal(err.message, "--hidden: \"0\" is not a whole number in 1..16384");
    sab_options_init(&config);
    config.model.cell = 3;
    assert_int_equal(sab_options_check(&config, &err), SAB_INVALID);
    sab_options_init(&config);
    config.optim.lr = NAN;
    assert_int_equal(sab_options_check(&config, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "--lr: \"nan\""));
    sab_options_init(&config);
    config.model.recompute = 3;
    assert_int_equal(sab_options_check(&config, &err), SAB_INVALID);
    sab_options_init(&config);
    config.task.task = "not \xff UTF-8";
    assert_int_equal(sab_options_check(&config, &err), SAB_INVALID);
    assert_string_equal(err.message, "--task: the value is not UTF-8 text");
    sab_options_init(&config);
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
        OPTIONS config = {0};
        double nbytes = 5;
        assert_int_equal(sab_memory_parse(bad[i], &nbytes, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, "--memory: "));
        assert_true(nbytes == 5);
        sab_options_init(&config);
        set_option(&config, "memory", bad[i]);
        assert_int_equal(sab_options_check(&config, &err), SAB_INVALID);
    }
}

static void expect_combination(const char *const *pairs, const char *message)
{
    OPTIONS config = {0};
    struct sab_error err = {0};
    sab_options_init(&config);
    for (int i = 0; pairs[i]; i += 2)
        assert_int_equal(sab_options_set(&config, pairs[i], pairs[i + 1], &err), SAB_OK);
    int status = sab_options_check(&config, &err);
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
    expect_combination(PAIRS("stop-at", "accuracy"), "is not the name of a metric, = and a number");
    expect_combination(PAIRS("stop-at", "=0.9"), "is not the name of a metric, = and a number");
    expect_combination(PAIRS("stop-at", "loss="), "is not the name of a metric, = and a number");
    expect_combination(PAIRS("stop-at", "loss=0.1", "eval-every", "0"), "--eval-every is 0");
    expect_combination(PAIRS("patience", "3", "eval-every", "0"), "--eval-every is 0");
}

static void test_stop_parse(void **unused)
{
    (void)unused;
    struct sab_stop stop;
    assert_int_equal(sab_stop_parse("accuracy=0.99", &stop, NULL), SAB_OK);
    assert_string_equal(stop.metric, "accuracy");
    assert_true(stop.value == 0.99);
    assert_int_equal(sab_stop_parse("mse=1e-3", &stop, NULL), SAB_OK);
    assert_string_equal(stop.metric, "mse");
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
        cmocka_unit_test(test_rows_cover_structs), cmocka_unit_test(test_defaults_are_legal),
        cmocka_unit_test(test_options_of_another_struct),
        cmocka_unit_test(test_errors_teach),        cmocka_unit_test(test_what_cannot_be_0),
        cmocka_unit_test(test_long_texts), cmocka_unit_test(test_object),
            cmocka_unit_test(test_enumeration),
        cmocka_unit_test(test_reals_round_trip),    cmocka_unit_test(test_reals_ignore_locale),
        cmocka_unit_test(test_check_ranges_of_structs), cmocka_unit_test(test_combinations),
        cmocka_unit_test(test_stop_parse),          cmocka_unit_test(test_distance),
        cmocka_unit_test(test_ranges_for_help),     cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

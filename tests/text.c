/* Text as batches: every symbol is predicted once, columns go on where they ended, documents end where they should; and
 * what the vocabulary keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "data/facts.h"
#include "data/text_facts.h"
#include "data_support.h"
#include "io_support.h"
#include "options_helper.h"

enum { TEXT_CAP = 4096 };

/* ---- a text, and what is expected of it ---- */

struct expected {
    char text[TEXT_CAP];
    int nbytes;
    uint32_t code[TEXT_CAP]; /* of each unit */
    int end[TEXT_CAP];       /* the byte after it */
    int n;
};

static uint32_t pick(uint64_t seed, uint32_t lane, uint32_t n)
{
    return sab_random_below(seed, SAB_FOR_CHECK, 0, lane, n);
}

/* n units of a small alphabet with characters of one to four bytes. */
static void draw_text(struct expected *e, uint64_t seed, int n, int units)
{
    static const uint32_t codes[] = {'a', 'b', '\n', 0xe9, 0x20ac, 0x1f600, 'c', 0};
    *e = (struct expected){.n = 0};
    for (int i = 0; i < n; i++) {
        uint32_t code = codes[pick(seed, (uint32_t)i, 8)];
        char bytes[4];
        int length = sab_text_encode(code, bytes);
        memcpy(e->text + e->nbytes, bytes, (size_t)length);
        for (int k = 0; k < (units == SAB_UNITS_BYTES ? length : 1); k++) {
            e->code[e->n] = units == SAB_UNITS_BYTES ? (unsigned char)bytes[k] : code;
            e->end[e->n++] = e->nbytes + (units == SAB_UNITS_BYTES ? k + 1 : length);
        }
        e->nbytes += length;
    }
}

static int ends_document(const struct expected *e, int unit, const char *separator)
{
    int n = (int)strlen(separator), end = e->end[unit];
    return n > 0 && end >= n && memcmp(e->text + end - n, separator, (size_t)n) == 0;
}

static struct sab_options text_config(const char *path, int units, int T)
{
    struct sab_options config;
    sab_options_init(&config);
    assert_int_equal(sab_options_set(&config, "task", "text", NULL), SAB_OK);
    assert_int_equal(sab_options_set(&config, "data", path, NULL), SAB_OK);
    config.task.text.units = units;
    config.task.T = T;
    config.shared.batch = 1;
    return config;
}

static struct sab_vocabulary vocabulary_of(const struct sab_task *task)
{
    struct sab_vocabulary v;
    struct sab_error err = {0};
    if (sab_text_facts_read(&v, sab_task_facts(task), &err) != SAB_OK)
        fail_msg("%s", err.message);
    return v;
}

/* ---- one pass ---- */

/* Goes through all batches of the validation part, which is the whole text. Columns hold neighbouring stretches, so
 * column b's first unit is where column b - 1 ends: read column by column, the text must come out whole. */
static void check_pass(const struct expected *e, struct sab_task *task, int T, int B, const char *separator)
{
    struct sab_vocabulary v = vocabulary_of(task);
    int64_t batches = sab_task_batches(task, SAB_VALID, B);
    int unit = 0; /* the input expected next; all columns' batches, column after column */
    assert_true(batches > 0);
    for (int b = 0; b < B; b++) {
        for (int64_t i = 0; i < batches; i++) {
            struct sab_batch batch = data_batch(task, SAB_VALID, i, B);
            assert_int_equal(batch.T, T);
            int steps = 0;
            for (int t = 0; t < T; t++) {
                size_t at = (size_t)(t * B + b);
                assert_in_range(batch.ids[at], 0, sab_vocabulary_size(&v) - 1);
                assert_true(batch.weight[at] == 0 || batch.weight[at] == 1);
                if (batch.weight[at] == 0)
                    continue;
                assert_int_equal(t, steps); /* without gaps */
                steps++;
                assert_in_range(unit, 0, e->n - 2);
                assert_int_equal(batch.ids[at], sab_vocabulary_symbol(&v, e->code[unit]));
                assert_int_equal(batch.labels[at], sab_vocabulary_symbol(&v, e->code[unit + 1]));
                if (t == 0) /* new at a column's beginning and a document's, and nowhere else */
                    assert_int_equal(batch.fresh[b], i == 0 || ends_document(e, unit, separator));
                unit++;
                if (ends_document(e, unit, separator) && t + 1 < T)
                    assert_true(batch.weight[(size_t)((t + 1) * B + b)] == 0);
            }
            assert_int_equal(batch.lengths[b], steps ? steps : 1);
            if (steps > 0 && steps < T)
                assert_true(unit == e->n - 1 || ends_document(e, unit, separator));
        }
    }
    assert_int_equal(unit, e->n - 1);
    sab_vocabulary_clear(&v);
}

static void test_every_symbol_is_predicted_once(void **unused)
{
    (void)unused;
    static const char *const separators[] = {"", "\n", "ab", "\xe2\x82\xac\n", "aa"};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        static struct expected e;
        int units = (int)(seed % 2), T = 1 + (int)pick(seed, 10000, 9), B = 1 + (int)pick(seed, 10001, 7);
        const char *separator = separators[pick(seed, 10002, 5)];
        draw_text(&e, seed, 300 + (int)pick(seed, 10003, 300), units);
        const char *path = io_path("text.txt");
        io_put(path, e.text, (size_t)e.nbytes);
        OPTIONS config = text_config(path, units, T);
        config.shared.batch = B;
        assert_int_equal(sab_options_set(&config, "valid-data", path, NULL), SAB_OK);
        assert_int_equal(sab_options_set(&config, "reset-at", separator, NULL), SAB_OK);
        struct sab_task *task = data_task(&config, NULL);
        check_pass(&e, task, T, B, separator);
        if (seed < 5)
            check_pass(&e, task, T, 1000, separator); /* more columns than chunks */
        sab_task_free(task);
    }
}

/* In training each column goes on where it ended, until the pass ends; passes are complete but for fewer than B chunks,
 * and what a batch holds does not depend on what was asked before. */
static void test_training_columns_go_on(void **unused)
{
    (void)unused;
    static struct expected e;
    enum { T = 7, B = 5, PASSES = 8 };
    draw_text(&e, 3, 500, SAB_UNITS_CHARS);
    const char *path = io_path("text.txt");
    io_put(path, e.text, (size_t)e.nbytes);
    OPTIONS config = text_config(path, SAB_UNITS_CHARS, T);
    config.shared.batch = B;
    assert_int_equal(sab_options_set(&config, "split", "1,0,0", NULL), SAB_OK);
    struct sab_task *task = data_task(&config, NULL);
    int64_t batches = sab_task_batches(task, SAB_TRAIN, B);
    assert_int_equal(batches, (499 + T - 1) / T / B);
    int32_t last[B] = {0}, inputs[PASSES][B];
    int starts_differ = 0;
    for (int64_t i = 0; i < PASSES * batches; i++) {
        data_batch(task, SAB_TRAIN, (i * 31) % 97, B);
        struct sab_batch batch = data_batch(task, SAB_TRAIN, i, B);
        for (int b = 0; b < B; b++) {
            assert_int_equal(batch.fresh[b], i % batches == 0);
            if (!batch.fresh[b])
                assert_int_equal(batch.ids[b], last[b]);
            last[b] = batch.labels[(batch.lengths[b] - 1) * B + b];
            for (int t = 1; t < batch.lengths[b]; t++)
                assert_int_equal(batch.ids[t * B + b], batch.labels[(t - 1) * B + b]);
        }
        if (i % batches == 0)
            memcpy(inputs[i / batches], batch.ids, sizeof inputs[0]);
    }
    for (int k = 1; k < PASSES; k++)
        starts_differ |= memcmp(inputs[0], inputs[k], sizeof inputs[0]) != 0;
    assert_true(starts_differ);
    sab_task_free(task);
}

/* ---- files ---- */

static void test_a_split_cuts_between_characters(void **unused)
{
    (void)unused;
    char text[302] = "";
    for (int i = 0; i < 100; i++)
        memcpy(text + 3 * i, i % 2 ? "\xe2\x82\xac" : "\xe2\x82\xad", 3);
    for (int cut = 0; cut < 6; cut++) {
        const char *path = io_path("text.txt");
        char split[32];
        snprintf(split, sizeof split, "0.5%d,0.3,0.1", cut);
        io_put(path, text, 300);
        OPTIONS config = text_config(path, SAB_UNITS_CHARS, 2);
        assert_int_equal(sab_options_set(&config, "split", split, NULL), SAB_OK);
        struct sab_task *task = data_task(&config, NULL);
        /* 50 + cut/3 characters, rounded up to whole ones, make so many chunks of two predictions. */
        int n = (150 + 3 * cut + 2) / 3;
        assert_int_equal(sab_task_batches(task, SAB_TRAIN, 1), (n - 1 + 1) / 2);
        assert_true(sab_task_batches(task, SAB_VALID, 1) > 0 && sab_task_batches(task, SAB_TEST, 1) > 0);
        sab_task_free(task);
    }
}

static void test_a_part_with_its_own_file_leaves_its_share_to_training(void **unused)
{
    (void)unused;
    const char *path = io_path("story.txt"), *other = io_path("other.txt");
    char text[80];
    for (int i = 0; i < 80; i++)
        text[i] = i % 2 ? 'a' : 'b';
    io_put(path, text, 80);
    io_put(other, text, 16);
    OPTIONS config = text_config(path, SAB_UNITS_BYTES, 1);
    static const struct { const char *split; int valid, test; int64_t chunks[3]; } cases[] = {
        {"0.5,0.25,0.25", 0, 0, {39, 19, 19}},
        {"0.5,0.25,0.25", 1, 0, {59, 15, 19}},
        {"0.5,0.25,0.25", 0, 1, {39, 39, 15}},
        {"0.5,0.25,0.25", 1, 1, {79, 15, 15}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        sab_options_set(&config, "split", cases[k].split, NULL);
        sab_options_set(&config, "valid-data", cases[k].valid ? other : "", NULL);
        sab_options_set(&config, "test-data", cases[k].test ? other : "", NULL);
        struct sab_task *task = data_task(&config, NULL);
        for (int s = SAB_TRAIN; s <= SAB_TEST; s++)
            assert_int_equal(sab_task_batches(task, (enum sab_split)s, 1), cases[k].chunks[s]);
        sab_task_free(task);
    }
}

static const char story[] = "once upon a time there was a text, there once was a time, and there was an end.\n";

static void test_gzip_reads_as_plain(void **unused)
{
    (void)unused;
    size_t nbytes;
    const char *plain = io_path("story.txt"), *packed = io_path("story.gz");
    unsigned char *bytes = data_gzip(story, sizeof story - 1, 9, &nbytes);
    io_put(plain, story, sizeof story - 1);
    io_put(packed, bytes, nbytes);
    free(bytes);
    OPTIONS a = text_config(plain, SAB_UNITS_CHARS, 4), b = text_config(packed, SAB_UNITS_CHARS, 4);
    sab_options_set(&a, "split", "1,0,0", NULL);
    sab_options_set(&b, "split", "1,0,0", NULL);
    struct sab_task *one = data_task(&a, NULL), *two = data_task(&b, NULL);
    assert_true(sab_facts_equal(sab_task_facts(one), sab_task_facts(two)));
    for (int i = 0; i < 10; i++) {
        struct sab_batch x = data_batch(one, SAB_TRAIN, i, 2), y = data_batch(two, SAB_TRAIN, i, 2);
        assert_memory_equal(x.ids, y.ids, 8 * sizeof *x.ids);
    }
    sab_task_free(one);
    sab_task_free(two);
}

/* ---- vocabularies ---- */

static void test_vocabulary_is_sorted_and_does_not_depend_on_order(void **unused)
{
    (void)unused;
    const char *path = io_path("text.txt");
    static const char one[] = "cab\xc3\xa9\n\0cab", two[] = "\0\xc3\xa9\nbac\nbac";
    static const char facts[] =
        "{\"task\":\"text\",\"units\":\"chars\",\"unknown\":0,\"symbols\":\"\\u0000\\nabc\xc3\xa9\"}";
    for (int k = 0; k < 2; k++) {
        io_put(path, k ? two : one, k ? sizeof two - 1 : sizeof one - 1);
        OPTIONS config = text_config(path, SAB_UNITS_CHARS, 1);
        sab_options_set(&config, "split", "1,0,0", NULL);
        struct sab_task *task = data_task(&config, NULL);
        if (!sab_facts_equal(sab_task_facts(task), facts))
            fail_msg("%s", sab_task_facts(task));
        assert_non_null(strstr(sab_task_facts(task), "[\"symbols\",\"6 different characters: U+0000, U+000A, a, b, c, \xc3\xa9\"]"));
        assert_int_equal(sab_task_shape(task)->I, 6);
        assert_int_equal(sab_task_shape(task)->O, 6);
        sab_task_free(task);
    }
}

static void test_facts_keep_every_byte(void **unused)
{
    (void)unused;
    uint64_t counts[256];
    struct sab_vocabulary v, back;
    struct sab_error err = {0};
    char *json;
    for (int code = 0; code < 256; code++)
        counts[code] = 1;
    assert_int_equal(sab_vocabulary_learn(&v, SAB_UNITS_BYTES, counts, 255, 1, &err), SAB_OK);
    assert_int_equal(sab_vocabulary_size(&v), 257);
    assert_int_equal(sab_text_facts_print(&v, NULL, &json, &err), SAB_OK);
    if (sab_text_facts_read(&back, json, &err) != SAB_OK)
        fail_msg("%s in %s", err.message, json);
    assert_int_equal(back.n, 256);
    assert_int_equal(back.unknown, 1);
    for (uint32_t code = 0; code < 256; code++)
        assert_int_equal(sab_vocabulary_symbol(&back, code), code);
    sab_free(json);
    sab_vocabulary_clear(&v);
    sab_vocabulary_clear(&back);
}

/* "a" 3 times, "b" twice, "c" once: with --unknown 2, c and all unseen characters are symbol 2, the one after the
 * last. */
static void test_unknown_symbols(void **unused)
{
    (void)unused;
    const char *path = io_path("text.txt"), *other = io_path("other.txt");
    io_put(path, "abacab", 6);
    io_put(other, "xaby", 4);
    OPTIONS config = text_config(path, SAB_UNITS_CHARS, 3);
    sab_options_set(&config, "valid-data", other, NULL);
    sab_options_set(&config, "split", "1,0,0", NULL);
    config.task.text.unknown = 2;
    struct sab_task *task = data_task(&config, NULL);
    assert_int_equal(sab_task_shape(task)->I, 3);
    static const int32_t ids[] = {2, 0, 1}, labels[] = {0, 1, 2}, train[] = {0, 1, 0};
    struct sab_batch batch = data_batch(task, SAB_VALID, 0, 1);
    assert_memory_equal(batch.ids, ids, sizeof ids);
    assert_memory_equal(batch.labels, labels, sizeof labels);
    batch = data_batch(task, SAB_TRAIN, 0, 1);
    assert_memory_equal(batch.ids, train, sizeof train);
    assert_int_equal(batch.labels[2], 2);
    sab_task_free(task);
}

/* With the facts of a model, what --data holds does not change the numbers of symbols. */
static void test_facts_of_a_model_hold(void **unused)
{
    (void)unused;
    const char *path = io_path("text.txt"), *other = io_path("other.txt");
    io_put(path, "abcabc", 6);
    io_put(other, "cbcb", 4);
    OPTIONS config = text_config(path, SAB_UNITS_CHARS, 2);
    sab_options_set(&config, "split", "1,0,0", NULL);
    struct sab_task *task = data_task(&config, NULL);
    char *facts = strdup(sab_task_facts(task));
    sab_task_free(task);
    set_option(&config, "data", ""); /* only a test file, as for sab eval --test-data */
    sab_options_set(&config, "test-data", other, NULL);
    task = data_task(&config, facts);
    assert_string_equal(sab_task_facts(task), facts);
    static const int32_t ids[] = {2, 1};
    assert_memory_equal(data_batch(task, SAB_TEST, 0, 1).ids, ids, sizeof ids);
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_error err = {0};
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, 0, 1, &batch, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "no training part"));
    sab_task_free(task);
    free(facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_symbol_is_predicted_once),
        cmocka_unit_test(test_training_columns_go_on),
        cmocka_unit_test(test_a_split_cuts_between_characters),
        cmocka_unit_test(test_a_part_with_its_own_file_leaves_its_share_to_training),
        cmocka_unit_test(test_gzip_reads_as_plain),
        cmocka_unit_test(test_vocabulary_is_sorted_and_does_not_depend_on_order),
        cmocka_unit_test(test_facts_keep_every_byte),
        cmocka_unit_test(test_unknown_symbols),
        cmocka_unit_test(test_facts_of_a_model_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

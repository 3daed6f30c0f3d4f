/* Texts and vocabularies that cannot be used: each is refused with its own message, which names what is wrong and
 * where, and leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/text_facts.h"
#include "data_support.h"
#include "io_support.h"
#include "options_helper.h"

/* ---- files and options ---- */

#define BYTES(text) text, sizeof text - 1

struct text_case {
    const char *name;
    const char *data;      /* of the training file; NULL: there is none */
    size_t nbytes;
    const char *valid;     /* of the validation file; NULL: not given */
    const char *options[3]; /* "name=value" */
    int status;
    const char *says[3];
};

#define MANY "abcdefgh\nabcdefgh\nabcdefgh\nabcdefgh\n"

static const struct text_case text_cases[] = {
    {"missing file", NULL, 0, NULL, {0}, SAB_IO, {"text.txt", "No such file"}},
    {"no file named", BYTES(MANY), NULL, {"data="}, SAB_INVALID, {"--data FILE"}},
    {"folder", BYTES(MANY), NULL, {"data=/"}, SAB_IO, {"'/'"}},
    {"empty file", BYTES(""), NULL, {0}, SAB_FORMAT, {"text.txt", "empty"}},
    {"missing validation file", BYTES(MANY), NULL, {"valid-data=/nowhere/x"}, SAB_IO, {"/nowhere/x"}},
    {"stray continuation byte", BYTES(MANY "\x80" MANY), NULL, {0}, SAB_FORMAT, {"byte offset 36", "0x80", "UTF-8"}},
    {"overlong form", BYTES("\xc0\xaf" MANY), NULL, {0}, SAB_FORMAT, {"byte offset 0", "0xc0"}},
    {"overlong form of three bytes", BYTES(MANY "\xe0\x80\xaf" MANY), NULL, {0}, SAB_FORMAT,
     {"byte offset 36", "0xe0"}},
    {"surrogate", BYTES(MANY "\xed\xa0\x80" MANY), NULL, {0}, SAB_FORMAT, {"byte offset 36", "0xed"}},
    {"beyond U+10FFFF", BYTES(MANY "\xf4\x90\x80\x80" MANY), NULL, {0}, SAB_FORMAT, {"byte offset 36", "0xf4"}},
    {"five-byte form", BYTES(MANY "\xf8\x88\x80\x80\x80" MANY), NULL, {0}, SAB_FORMAT, {"byte offset 36", "0xf8"}},
    {"character cut off", BYTES(MANY "\xe2\x82"), NULL, {0}, SAB_FORMAT, {"byte offset 36", "0xe2"}},
    {"Latin-1", BYTES("caf\xe9 au lait" MANY), NULL, {0}, SAB_FORMAT, {"byte offset 3", "0xe9", "--units bytes"}},
    {"UTF-16, low byte first", BYTES("\xff\xfe" "a\0b\0c\0d\0"), NULL, {0}, SAB_FORMAT, {"UTF-16"}},
    {"UTF-16, high byte first", BYTES("\xfe\xff" "\0a\0b\0c\0d"), NULL, {0}, SAB_FORMAT, {"UTF-16"}},
    {"invalid validation text", BYTES(MANY), "abc\xff" "defgh", {0}, SAB_FORMAT, {"valid.txt", "byte offset 3"}},
    {"shorter than a chunk", BYTES("abcd"), NULL, {0}, SAB_FORMAT, {"training part has 4", "--T 4 needs 5"}},
    {"too short for the batch", BYTES(MANY), NULL, {"batch=10"}, SAB_FORMAT, {"36 symbols", "9 chunks", "--batch 10"}},
    {"validation part too short", BYTES(MANY), NULL, {"split=0.9,0.05,0.05"}, SAB_FORMAT,
     {"validation part", "needs 5"}},
    {"validation file too short", BYTES(MANY), "abc", {0}, SAB_FORMAT, {"valid.txt", "validation part has 3"}},
    {"unseen character", BYTES(MANY), "abc\nab\xc3\xa9" "def", {0}, SAB_FORMAT,
     {"valid.txt", "line 2, column 3: \"\xc3\xa9\" (U+00E9)", "9 symbols"}},
    {"unseen control character", BYTES(MANY), "abc\nab\tdef", {0}, SAB_FORMAT, {"line 2, column 3: U+0009"}},
    {"unseen byte", BYTES(MANY), "abc\nab\xc3\xa9" "def", {"units=bytes"}, SAB_FORMAT, {"line 2, column 3: byte 0xc3"}},
    {"unseen in the part behind", BYTES(MANY "abc\nxyz\n"), NULL, {"split=0.8,0.2,0"}, SAB_FORMAT,
     {"text.txt", "line 6, column 1: \"x\""}},
    {"no training part", BYTES(MANY), NULL, {"split=0,0.5,0.5"}, SAB_INVALID, {"--split", "no training part"}},
    {"split of two", BYTES(MANY), NULL, {"split=0.9,0.1"}, SAB_INVALID, {"--split", "\"0.9,0.1\""}},
    {"split beyond the whole", BYTES(MANY), NULL, {"split=0.9,0.1,0.1"}, SAB_INVALID, {"--split"}},
    {"escape that is none", BYTES(MANY), NULL, {"reset-at=\\q"}, SAB_INVALID, {"--reset-at", "\\q"}},
    {"separator that occurs nowhere", BYTES(MANY), NULL, {"reset-at=\\n\\n"}, SAB_INVALID, {"--reset-at", "nowhere"}},
    {"all too rare", BYTES("abcdefghi"), NULL, {"unknown=2"}, SAB_FORMAT, {"text.txt", "2 times"}},
};

static void set(struct sab_options *config, const char *name, const char *value)
{
    struct sab_error err = {0};
    if (sab_options_set(config, name, value, &err) != SAB_OK)
        fail_msg("%s", err.message);
}

static struct sab_options config_of(const struct text_case *c, const char *path)
{
    struct sab_options config;
    sab_options_init(&config);
    set(&config, "task", "text");
    set(&config, "T", "4");
    set(&config, "batch", "1");
    set(&config, "split", "1,0,0");
    set(&config, "data", path);
    if (c->valid)
        set(&config, "valid-data", io_path("valid.txt"));
    for (int i = 0; i < 3 && c->options[i]; i++) {
        char name[64];
        const char *equals = strchr(c->options[i], '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals - c->options[i]), c->options[i]);
        set(&config, name, equals + 1);
    }
    return config;
}

static void assert_says(const char *name, const struct sab_error *err, int status, const char *const says[3])
{
    if ((int)err->status != status)
        fail_msg("%s: status %d, expected %d: %s", name, (int)err->status, status, err->message);
    for (int i = 0; i < 3 && says[i]; i++)
        if (!strstr(err->message, says[i]))
            fail_msg("%s: \"%s\" is missing in: %s", name, says[i], err->message);
}

static void test_texts_that_cannot_be_used(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof text_cases / sizeof text_cases[0]; i++) {
        const struct text_case *c = &text_cases[i];
        struct sab_task *task = NULL;
        struct sab_error err = {0};
        const char *path = io_path("text.txt");
        remove(path);
        if (c->data)
            io_put(path, c->data, c->nbytes);
        if (c->valid)
            io_put(io_path("valid.txt"), c->valid, strlen(c->valid));
        OPTIONS config = config_of(c, path);
        if (sab_task_create(&task, &config, NULL, &err) == SAB_OK)
            fail_msg("%s: was taken", c->name);
        assert_null(task);
        assert_says(c->name, &err, c->status, c->says);
    }
}

static void test_truncated_and_damaged_gzip(void **unused)
{
    (void)unused;
    const char *path = io_path("text.gz");
    size_t nbytes;
    unsigned char *packed = data_gzip(MANY, sizeof MANY - 1, 9, &nbytes);
    const struct text_case c = {.name = "gzip"};
    OPTIONS config = config_of(&c, path);
    struct sab_error err = {0};
    struct sab_task *task = NULL;
    io_put(path, packed, nbytes - 9);
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "truncated gzip"));
    packed[nbytes - 6] ^= 1;
    io_put(path, packed, nbytes);
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "checksum"));
    free(packed);
}

/* A file that changes under a running training is noticed, not read. */
static void test_a_file_that_changes(void **unused)
{
    (void)unused;
    const char *path = io_path("text.txt");
    const struct text_case c = {.name = "changes"};
    OPTIONS config = config_of(&c, path);
    struct sab_error err = {0};
    struct sab_task *task = NULL;
    struct sab_batch batch = {.size = sizeof batch};
    io_put(path, MANY, sizeof MANY - 1);
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_OK);
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, 0, 1, &batch, &err), SAB_OK);
    io_put(path, MANY, 10);
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, 1, 1, &batch, &err), SAB_IO);
    assert_non_null(strstr(err.message, "text.txt"));
    sab_task_free(task);
}

/* ---- vocabularies ---- */

struct facts_case {
    const char *name, *facts, *says;
};

#define FACTS(rest) "{\"task\":\"text\"," rest "}"

static const struct facts_case facts_cases[] = {
    {"no JSON", "{\"task\":", "not legal JSON"},
    {"a list", "[1]", "not a JSON object"},
    {"another task's", "{\"task\":\"csv\"}", "not text"},
    {"keys missing", FACTS("\"units\":\"chars\",\"unknown\":0"), "keys"},
    {"a key too many", FACTS("\"units\":\"chars\",\"unknown\":0,\"symbols\":\"a\",\"x\":1"), "keys"},
    {"a key twice", FACTS("\"units\":\"chars\",\"unknown\":0,\"symbols\":\"a\",\"symbols\":\"b\""),
     "\"symbols\" stands twice"},
    {"units of another kind", FACTS("\"units\":\"words\",\"unknown\":0,\"symbols\":\"a\""), "units"},
    {"units no text", FACTS("\"units\":1,\"unknown\":0,\"symbols\":\"a\""), "units"},
    {"unknown below 0", FACTS("\"units\":\"chars\",\"unknown\":-1,\"symbols\":\"a\""), "unknown"},
    {"unknown too large", FACTS("\"units\":\"chars\",\"unknown\":1000000001,\"symbols\":\"a\""), "unknown"},
    {"unknown a fraction", FACTS("\"units\":\"chars\",\"unknown\":0.5,\"symbols\":\"a\""), "unknown"},
    {"symbols no text", FACTS("\"units\":\"chars\",\"unknown\":0,\"symbols\":[97]"), "symbols"},
    {"no symbols", FACTS("\"units\":\"chars\",\"unknown\":0,\"symbols\":\"\""), "1..1114112"},
    {"not ascending", FACTS("\"units\":\"chars\",\"unknown\":0,\"symbols\":\"ba\""), "0x61, after 0x62"},
    {"a symbol twice", FACTS("\"units\":\"chars\",\"unknown\":0,\"symbols\":\"aa\""), "ascend"},
    {"a byte beyond 255", FACTS("\"units\":\"bytes\",\"unknown\":0,\"symbols\":\"a\xc4\x80\""), "0x100"},
    {"a lone surrogate", FACTS("\"units\":\"chars\",\"unknown\":0,\"symbols\":\"\\ud800\""), "not legal JSON"},
    {"invalid UTF-8", FACTS("\"units\":\"chars\",\"unknown\":0,\"symbols\":\"\xff\""), "not legal JSON"},
};

static void test_vocabularies_that_cannot_be_used(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof facts_cases / sizeof facts_cases[0]; i++) {
        const struct facts_case *c = &facts_cases[i];
        struct sab_vocabulary v;
        struct sab_error err = {0};
        const char *const says[3] = {c->says};
        if (sab_text_facts_read(&v, c->facts, &err) == SAB_OK)
            fail_msg("%s: was taken", c->name);
        assert_null(v.ids);
        assert_says(c->name, &err, SAB_FORMAT, says);
    }
}

/* A model trained on characters is not asked about bytes. */
static void test_units_must_agree_with_the_model(void **unused)
{
    (void)unused;
    const struct text_case c = {.name = "units", .options = {"units=bytes"}};
    OPTIONS config = config_of(&c, "");
    struct sab_error err = {0};
    struct sab_task *task = NULL;
    const char *facts = FACTS("\"units\":\"chars\",\"unknown\":0,\"symbols\":\"ab\"");
    assert_int_equal(sab_task_create(&task, &config, facts, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "--units bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_that_cannot_be_used),
        cmocka_unit_test(test_truncated_and_damaged_gzip),
        cmocka_unit_test(test_a_file_that_changes),
        cmocka_unit_test(test_vocabularies_that_cannot_be_used),
        cmocka_unit_test(test_units_must_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

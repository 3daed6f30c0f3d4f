/* The reader of JSON: what is legal, each kind of illegal text with its place, one allocation or none, and back from what
 * the writer writes.
 *
 *     ctest: wrap aligned_alloc
 */
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
#include "base/json.h"
#include "base/json_out.h"
#include "sab.h"

static int allocations, fail_at;

void *__real_aligned_alloc(size_t alignment, size_t nbytes);
void *__wrap_aligned_alloc(size_t alignment, size_t nbytes);
void *__wrap_aligned_alloc(size_t alignment, size_t nbytes)
{
    return ++allocations == fail_at ? NULL : __real_aligned_alloc(alignment, nbytes);
}

static const struct sab_value *parse(const char *text)
{
    const struct sab_value *root = NULL;
    struct sab_json_problem problem;
    if (sab_json_parse(&root, text, strlen(text), &problem) != SAB_OK)
        fail_msg("%s: byte %zu: %s", text, problem.at, problem.what);
    return root;
}

static void what_is_legal_is_read(void **state)
{
    (void)state;
    int64_t n = 0;
    double x = 0;
    const struct sab_value *root = parse(" \t\r\n{\"a\" : [ 1 , -0, 2.5e-3,[],{} , null,true,false ],\"\":\"\\u00e9\\ud83d\\ude00\\n\\/\","
                                         "\"big\":-9223372036854775808} ");
    assert_int_equal(sab_value_size(root), 3);
    const struct sab_value *v = sab_value_first(sab_value_get(root, "a"));
    assert_true(sab_value_int(v, 1, 1, &n) == 0 && n == 1 && v->key == NULL);
    assert_int_equal(sab_value_int(v, 2, 3, &n), 1);
    assert_true(sab_value_int(v = v->next, 0, 0, &n) == 0 && n == 0);
    assert_true(sab_value_real(v = v->next, &x) == 0 && x == 2.5e-3);
    assert_int_equal(sab_value_int(v, INT64_MIN, INT64_MAX, &n), 1); /* not whole, as it is written */
    assert_true(sab_value_is(v = v->next, SAB_VALUE_ARRAY) && sab_value_first(v) == NULL);
    assert_true(sab_value_is(v = v->next, SAB_VALUE_OBJECT) && sab_value_get(v, "a") == NULL);
    assert_true(sab_value_is(v = v->next, SAB_VALUE_NULL));
    assert_true(sab_value_is(v = v->next, SAB_VALUE_TRUE));
    assert_true(sab_value_is(v = v->next, SAB_VALUE_FALSE) && v->next == NULL);
    assert_string_equal(sab_value_string(sab_value_get(root, "")), "\xc3\xa9\xf0\x9f\x98\x80\n/");
    assert_true(sab_value_int(sab_value_get(root, "big"), INT64_MIN, 0, &n) == 0 && n == INT64_MIN);
    sab_json_free(root);

    root = parse("\"a\\u0000b\"");
    assert_null(sab_value_string(root)); /* not a text for C */
    assert_int_equal(root->size, 3);
    assert_memory_equal(root->as.string, "a\0b", 4);
    sab_json_free(root);

    assert_null(sab_value_get(NULL, "a"));
    assert_null(sab_value_first(NULL));
    assert_null(sab_value_string(NULL));
    assert_int_equal(sab_value_size(NULL), 0);
    assert_int_equal(sab_value_real(NULL, &x), 1);
}

/* The bytes may be anything: each text is in a block of its own, so that a sanitizer sees a read beyond it. */
static void expect_refused(const char *text, size_t nbytes, size_t at, const char *what)
{
    const struct sab_value *root = NULL;
    struct sab_json_problem problem;
    char *own = malloc(nbytes ? nbytes : 1);
    memcpy(own, text, nbytes);
    int status = sab_json_parse(&root, own, nbytes, &problem);
    if (status != SAB_FORMAT || root || problem.at != at || !strstr(problem.what, what))
        fail_msg("%.*s: expected byte %zu: %s; got status %d, byte %zu: %s", (int)nbytes, text, at, what, status, problem.at,
                 problem.what);
    assert_int_equal(sab_json_parse(&root, own, nbytes, NULL), SAB_FORMAT);
    free(own);
}

static void each_illegal_text_has_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
        const char *what;
    } bad[] = {
        {"", 0, "ends where a value"},       {"  ", 2, "ends where a value"},
        {"nul", 0, "not a value"},           {"nullx", 4, "follows after"},
        {"True", 0, "not a value"},          {"NaN", 0, "not a value"},
        {"-", 1, "not a value"},             {"+1", 0, "not a value"},
        {"01", 2, "needless 0"},             {"-00", 3, "needless 0"},
        {"1.", 2, "its point"},              {".5", 0, "not a value"},
        {"1e", 2, "exponent"},               {"1e+", 3, "exponent"},
        {"0x10", 1, "follows after"},        {"1e999", 5, "beyond the largest"},
        {"9223372036854775808", 19, "64 bits"}, {"-9223372036854775809", 20, "64 bits"},
        {"\"", 1, "inside of a string"},     {"\"a", 2, "inside of a string"},
        {"\"\\", 2, "escape"},               {"\"\\x\"", 2, "escape"},
        {"\"\\u12", 5, "hexadecimal"},       {"\"\\u12g4\"", 5, "hexadecimal"},
        {"\"\\ud800\"", 7, "surrogate"},     {"\"\\ud800\\n\"", 7, "surrogate"},
        {"\"\\ud800\\u0041\"", 13, "surrogate"}, {"\"\\udc00\"", 7, "surrogate"},
        {"\"\t\"", 1, "control"},            {"\"\xff\"", 1, "UTF-8"},
        {"\"\xed\xa0\x80\"", 1, "UTF-8"},    {"\"\xc3", 1, "UTF-8"},
        {"[", 1, "ends where a value"},      {"[1", 2, "',' or ']'"},
        {"[1,", 3, "ends where a value"},    {"[1,]", 3, "not a value"},
        {"[,1]", 1, "not a value"},          {"[1 2]", 3, "',' or ']'"},
        {"[1}", 2, "',' or ']'"},            {"[1]]", 3, "follows after"},
        {"{", 1, "key in quotes"},           {"{1:1}", 1, "key in quotes"},
        {"{\"a\"}", 4, "':' is missing"},    {"{\"a\":}", 5, "not a value"},
        {"{\"a\":1,}", 7, "key in quotes"},  {"{\"a\":1 \"b\":2}", 7, "',' or '}'"},
        {"{\"\\u0000\":1}", 1, "a key with a 0 byte"},
        {"{\"k\":{\"a\":1,\"b\":2,\"a\":3}}", 24, "\"a\" stands twice"},
        {"\xef\xbb\xbf{}", 0, "not a value"}, {"{} // x", 3, "follows after"},
        {"{'a':1}", 1, "key in quotes"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_refused(bad[i].text, strlen(bad[i].text), bad[i].at, bad[i].what);
    expect_refused("{}\0", 3, 2, "follows after");
    expect_refused("\0", 1, 0, "not a value");
    expect_refused("[\"a\0\"]", 6, 3, "control");

    const struct sab_value *root;
    struct sab_json_problem problem;
    static const char lines[] = "{\n \"a\": 1,\n \"b\": ?\n}";
    assert_int_equal(sab_json_parse(&root, lines, sizeof lines - 1, &problem), SAB_FORMAT);
    assert_int_equal(problem.line, 3);
    assert_int_equal(problem.column, 7);
}

static void depth_and_length_have_an_end(void **state)
{
    (void)state;
    char text[2 * 100 + 1], number[SAB_JSON_NUMBER_CAP + 2];
    for (int depth = SAB_JSON_DEPTH_CAP; depth <= SAB_JSON_DEPTH_CAP + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        if (depth > SAB_JSON_DEPTH_CAP)
            expect_refused(text, (size_t)(2 * depth), SAB_JSON_DEPTH_CAP, "in each other");
        else
            sab_json_free(parse(text));
    }
    memset(number, '1', sizeof number);
    number[1] = '.';
    number[SAB_JSON_NUMBER_CAP] = '\0';
    sab_json_free(parse(number));
    number[SAB_JSON_NUMBER_CAP] = '1';
    expect_refused(number, sizeof number - 1, sizeof number - 1, "too many digits");
}

/* Each beginning of a legal text is an error, each changed byte gives an error or a value, and nothing is read beyond. */
static void every_cut_and_every_changed_byte_is_answered(void **state)
{
    (void)state;
    static const char text[] = "{\"task\":\"csv\",\"n\":[1,-2.5e3,\"\\u00e9\\\"\"],\"o\":{\"k\":null,\"t\":true},\"s\":\"\xc3\xa9\"}";
    size_t n = sizeof text - 1;
    for (size_t cut = 0; cut < n; cut++) {
        char *own = malloc(cut + 1);
        const struct sab_value *root;
        memcpy(own, text, cut);
        if (sab_json_parse(&root, own, cut, NULL) != SAB_FORMAT)
            fail_msg("the first %zu bytes were accepted", cut);
        free(own);
    }
    int accepted = 0;
    for (size_t i = 0; i < n; i++)
        for (int byte = 0; byte < 256; byte++) {
            char *own = malloc(n);
            const struct sab_value *root;
            memcpy(own, text, n);
            own[i] = (char)byte;
            if (sab_json_parse(&root, own, n, NULL) == SAB_OK) {
                accepted++;
                sab_json_free(root);
            }
            free(own);
        }
    assert_true(accepted > 1000 && accepted < 100 * 256);
}

static void memory_is_had_in_one_piece_or_not_at_all(void **state)
{
    (void)state;
    static const char legal[] = "{\"a\":[1,2,{\"b\":\"text\"}],\"c\":[[],{}]}";
    const struct sab_value *root = NULL;
    allocations = fail_at = 0;
    sab_json_free(parse(legal));
    assert_int_equal(allocations, 1);
    allocations = 0;
    fail_at = 1;
    assert_int_equal(sab_json_parse(&root, legal, sizeof legal - 1, NULL), SAB_NOMEM);
    assert_null(root);
    allocations = fail_at = 0;
    expect_refused("{\"a\":[1,2,", 10, 10, "ends where a value");
    assert_int_equal(allocations, 0); /* nothing for what is illegal */
}

static void many_keys_take_no_long_time(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct sab_json json = {.is_compact = 1};
    char key[32];
    sab_json_open(&json, NULL, '{');
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof key, "a.common.beginning.%d", i);
        sab_json_int(&json, key, i);
    }
    sab_json_close(&json, '}');
    size_t nbytes;
    char *text = sab_json_take(&json, &nbytes);
    const struct sab_value *root;
    assert_int_equal(sab_json_parse(&root, text, nbytes, NULL), SAB_OK);
    assert_int_equal(sab_value_size(root), N);
    sab_json_free(root);
    memcpy(strstr(text, "beginning.77777\""), "beginning.77778", 15);
    struct sab_json_problem problem;
    assert_int_equal(sab_json_parse(&root, text, nbytes, &problem), SAB_FORMAT);
    assert_non_null(strstr(problem.what, "beginning.77778"));
    sab_free(text);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    static const double reals[] = {0, -0.0, 1, 0.1, 1e-308, 5e-324, 1.7976931348623157e308, 1e22, 123456789.125, -2.5};
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)(i < 0x80 ? i : '.');
    struct sab_json json = {.is_compact = 1};
    sab_json_open(&json, NULL, '[');
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        sab_json_real(&json, NULL, reals[i]);
    sab_json_int(&json, NULL, INT64_MIN);
    sab_json_bytes(&json, NULL, bytes, sizeof bytes);
    sab_json_text(&json, NULL, "caf\xe9");
    sab_json_close(&json, ']');
    assert_true(json.is_altered);
    size_t nbytes;
    char *text = sab_json_take(&json, &nbytes);
    const struct sab_value *root, *v;
    assert_int_equal(sab_json_parse(&root, text, nbytes, NULL), SAB_OK);
    v = sab_value_first(root);
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++, v = v->next) {
        double x;
        assert_int_equal(sab_value_real(v, &x), 0);
        if (x != reals[i])
            fail_msg("%.17g came back as %.17g", reals[i], x);
    }
    assert_true(v->as.integer == INT64_MIN);
    v = v->next;
    assert_int_equal(v->size, sizeof bytes);
    assert_memory_equal(v->as.string, bytes, sizeof bytes);
    assert_string_equal(sab_value_string(v->next), "caf?");
    sab_json_free(root);
    sab_free(text);

    /* Memory that runs out while writing is told at the end. */
    for (int n = 1; n <= 4; n++) {
        allocations = 0;
        fail_at = n;
        json = (struct sab_json){.is_compact = 1};
        sab_json_open(&json, NULL, '[');
        for (int i = 0; i < 2000; i++)
            sab_json_int(&json, NULL, i);
        sab_json_close(&json, ']');
        assert_null(sab_json_take(&json, &nbytes));
    }
    fail_at = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_legal_is_read),
        cmocka_unit_test(each_illegal_text_has_its_place),
        cmocka_unit_test(depth_and_length_have_an_end),
        cmocka_unit_test(every_cut_and_every_changed_byte_is_answered),
        cmocka_unit_test(memory_is_had_in_one_piece_or_not_at_all),
        cmocka_unit_test(many_keys_take_no_long_time),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

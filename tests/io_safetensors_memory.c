/* Opening never allocates more than 64 MiB and twice the file: measured with the headers that cost the parser most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"
#include "io/safetensors_format.h"
#include "io_support.h"

static int try_open(const char *path, struct sab_error *err)
{
    struct sab_safetensors *file = NULL;
    int status = sab_safetensors_open(&file, path, err);
    sab_safetensors_close(file);
    return status;
}

static size_t json_now, json_peak;

/* glibc's own header and rounding: what an allocation of n bytes takes. */
static void *count_malloc(size_t n)
{
    size_t *block = malloc(n + 16);
    if (!block)
        return NULL;
    *block = n < 24 ? 32 : (n + 8 + 15) / 16 * 16;
    json_now += *block;
    if (json_now > json_peak)
        json_peak = json_now;
    return block + 2;
}

static void count_free(void *pointer)
{
    size_t *block = pointer;
    if (!block)
        return;
    json_now -= block[-2];
    free(block - 2);
}

/* Fills a header of at most `cap` bytes and of as many delimiters as are read with one piece, over and over; %d in it
 * is a running number. Returns its length. */
static size_t fill(char *text, size_t cap, const char *before, const char *piece, const char *after)
{
    size_t n = (size_t)sprintf(text, "%s", before), delimiters = 2, per_piece = 0;
    for (const char *c = piece; *c; c++)
        per_piece += *c == '{' || *c == '[' || *c == ':' || *c == ',';
    for (int i = 0; n + 100 < cap && (delimiters += per_piece) < SAB_STRUCTURE_CAP - 40; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        n += (size_t)sprintf(text + n, piece, i, i);
#pragma GCC diagnostic pop
    }
    text[n - 1] = ' '; /* the last comma */
    return n + (size_t)sprintf(text + n, "%s", after);
}

static void the_worst_headers_parse_in_64_MiB(void **state)
{
    (void)state;
    static const char *const worst[][3] = {
        {"{\"a\":[", "{},", "]}"},
        {"{\"a\":[", "[],", "]}"},
        {"{\"a\":[", "[[]],", "]}"},
        {"{\"a\":[", "1,", "]}"},
        {"{\"a\":[", "\"\",", "]}"},
        {"{\"a\":[", "1.5,", "]}"},
        {"{", "\"%d\":1,", "}"},
        {"{", "\"%d\":{},", "}"},
        {"{", "\"%d\":[],", "}"},
        {"{", "\"%d\":{\"%d\":{}},", "}"},
        {"{", "\"%d\":\"01234567890123456789\",", "}"},
        {"{", "\"tensor.%d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},", "}"},
        {"{\"a\":[", "{\"a\":{\"b\":{\"c\":{\"d\":{}}}}},", "]}"},
        {"{\"a\":[", "\"0123456789012345678901234567890123456789012345678901234567890\",", "]}"},
    };
    const char *path = io_path("worst");
    size_t cap = SAB_HEADER_CAP;
    char *text = malloc(cap + 200);
    json_set_alloc_funcs(count_malloc, count_free);
    for (size_t i = 0; i < sizeof worst / sizeof *worst; i++) {
        size_t n = fill(text, cap, worst[i][0], worst[i][1], worst[i][2]);
        struct sab_error err = {0};
        io_put_safetensors(path, text, n, NULL, 0);
        json_peak = 0;
        int status = try_open(path, &err);
        if (strstr(err.message, "damaged header") || strstr(err.message, "delimiters"))
            fail_msg("'%s' was to be parsed: '%s'", worst[i][1], err.message);
        print_message("%-66s %8zu bytes, parser's peak %5.1f MiB, status %d\n", worst[i][1], n,
                      (double)json_peak / 1048576, status);
        assert_true(json_peak > 0);
        assert_true(json_peak < 40 << 20); /* the rest is for a long token, below, or for the views */
        assert_int_equal(json_now, 0);
    }
    /* The deepest of them, and one token as long as the header may still be: a key, a text, an unfinished one. */
    static const char *const ends[][2] = {{",{\"", "\":1}]}"}, {",\"", "\"]}"}, {",\"", "xx"}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *begin = ends[i][0], *end = ends[i][1];
        size_t n = fill(text, cap, worst[12][0], worst[12][1], "");
        memset(text + n, 'x', cap - n);
        memcpy(text + n, begin, strlen(begin));
        memcpy(text + cap - strlen(end), end, strlen(end));
        io_put_safetensors(path, text, cap, NULL, 0);
        json_peak = 0;
        assert_int_equal(try_open(path, NULL), SAB_FORMAT);
        print_message("and a token as long as may be, %s...%s: parser's peak %.1f MiB\n", begin, end,
                      (double)json_peak / 1048576);
        assert_true(json_peak > 40 << 20);
        assert_true(json_peak < 62 << 20);
        assert_int_equal(json_now, 0);
    }
    json_set_alloc_funcs(malloc, free);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_headers_parse_in_64_MiB),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

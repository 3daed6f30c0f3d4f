/* Opening never allocates more than 64 MiB and twice the file: measured with the headers that cost the parser most.
 *
 *     ctest: wrap aligned_alloc free
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
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

static long now, peak; /* blocks of malloc, freed, count below 0 */

void *__real_aligned_alloc(size_t alignment, size_t nbytes);
void *__wrap_aligned_alloc(size_t alignment, size_t nbytes);
void *__wrap_aligned_alloc(size_t alignment, size_t nbytes)
{
    void *block = __real_aligned_alloc(alignment, nbytes);
    now += block ? (long)malloc_usable_size(block) : 0;
    peak = now > peak ? now : peak;
    return block;
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
    now -= block ? (long)malloc_usable_size(block) : 0;
    __real_free(block);
}

/* Fills a header of at most `cap` bytes and of as many values as are read with one piece, over and over; %d in it is a
 * running number. Returns its length. */
static size_t fill(char *text, size_t cap, const char *before, const char *piece, int values, const char *after)
{
    size_t n = (size_t)sprintf(text, "%s", before);
    for (int i = 0; n + 100 < cap && (i + 1) * values + 16 < SAB_JSON_VALUES_CAP; i++) {
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
    static const struct {
        const char *before, *piece;
        int values; /* of a piece */
        const char *after;
    } worst[] = {
        {"{\"a\":[", "{},", 1, "]}"},
        {"{\"a\":[", "[[]],", 2, "]}"},
        {"{\"a\":[", "1,", 1, "]}"},
        {"{\"a\":[", "\"\",", 1, "]}"},
        {"{\"a\":[", "1.5,", 1, "]}"},
        {"{", "\"%d\":1,", 1, "}"},
        {"{", "\"%d\":{\"%d\":{}},", 2, "}"},
        {"{", "\"tensor.%d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},", 7, "}"},
        {"{", "\"%d\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,0]},", 6, "}"},
        {"{\"a\":\"", "0123456789012345678901234567890123456789", 0, "\"}"},
        {"{\"", "0123456789012345678901234567890123456789", 0, "\":1}"},
        {"{\"a\":\"", "\\u0800\\u0800\\u0800\\u0800x", 0, "\"}"},
    };
    const char *path = io_path("worst");
    size_t cap = SAB_HEADER_CAP;
    char *text = malloc(cap + 200);
    for (size_t i = 0; i < sizeof worst / sizeof *worst; i++) {
        size_t n = fill(text, cap, worst[i].before, worst[i].piece, worst[i].values, worst[i].after);
        struct sab_error err = {0};
        io_put_safetensors(path, text, n, NULL, 0);
        long before = peak = now;
        int status = try_open(path, &err);
        if (strstr(err.message, "damaged header"))
            fail_msg("'%s' was to be parsed: '%s'", worst[i].piece, err.message);
        print_message("%-66s %8zu bytes, peak %5.1f MiB, status %d\n", worst[i].piece, n,
                      (double)(peak - before) / 1048576, status);
        assert_true(peak - before > (long)n);
        assert_true(peak - before < (64 << 20) + 2 * (long)n);
        assert_int_equal(now, before);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_headers_parse_in_64_MiB),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

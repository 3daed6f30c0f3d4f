/* Files as bytes: plain and gzip, each damage its own message, and no more memory than is promised.
 *
 *     ctest: wrap realloc
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data_support.h"
#include "io_support.h"
#include "source/input.h"

static size_t largest;
static int reallocs_left = -1; /* -1: all succeed */

void *__real_realloc(void *block, size_t nbytes);
void *__wrap_realloc(void *block, size_t nbytes);
void *__wrap_realloc(void *block, size_t nbytes)
{
    if (reallocs_left == 0)
        return NULL;
    if (reallocs_left > 0)
        reallocs_left--;
    if (nbytes > largest)
        largest = nbytes;
    return __real_realloc(block, nbytes);
}

static void assert_opens(const char *path, const void *expected, size_t nbytes)
{
    struct sab_input_file in = {0};
    struct sab_error err = {0};
    if (sab_input_open(&in, path, SIZE_MAX, &err) != SAB_OK)
        fail_msg("%s", err.message);
    assert_int_equal(in.nbytes, nbytes);
    assert_memory_equal(in.data, expected, nbytes);
    assert_string_equal(in.path, path);
    assert_int_equal(sab_input_check(&in, &err), SAB_OK);
    sab_input_close(&in);
    assert_null(in.data);
    sab_input_close(&in);
}

/* A failure leaves *in alone, names the file and says what is expected of it. */
static void assert_refused(const char *path, size_t most, int status, const char *message)
{
    struct sab_input_file in, before;
    struct sab_error err = {0};
    memset(&in, 0x5a, sizeof in);
    before = in;
    int got = sab_input_open(&in, path, most, &err);
    if (got != status || !strstr(err.message, message) || !strstr(err.message, path))
        fail_msg("expected status %d and '%s' and the path, got status %d: '%s'", status, message, got, err.message);
    assert_int_equal(err.status, status);
    assert_memory_equal(&in, &before, sizeof in);
}

static void fill(unsigned char *bytes, size_t nbytes)
{
    uint32_t x = 12345;
    for (size_t i = 0; i < nbytes; i++)
        bytes[i] = (unsigned char)((x = x * 1664525u + 1013904223u) >> (i % 3 ? 24 : 30));
}

static void plain_and_gzip_give_the_same_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 1000, 65535, 65536, 65537, 400000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *bytes = malloc(sizes[i]);
        fill(bytes, sizes[i]);
        const char *path = io_path("same");
        io_put(path, bytes, sizes[i]);
        assert_opens(path, bytes, sizes[i]);
        for (int level = 0; level <= 9; level += 3) {
            size_t packed;
            unsigned char *gzip = data_gzip(bytes, sizes[i], level, &packed);
            io_put(path, gzip, packed);
            assert_opens(path, bytes, sizes[i]);
            free(gzip);
        }
        free(bytes);
    }
}

static void several_members_are_one_content(void **state)
{
    (void)state;
    size_t first, second;
    unsigned char *a = data_gzip("spare ", 6, 6, &first), *b = data_gzip("memory", 6, 6, &second);
    unsigned char *both = malloc(first + second);
    memcpy(both, a, first);
    memcpy(both + first, b, second);
    const char *path = io_path("members.gz");
    io_put(path, both, first + second);
    assert_opens(path, "spare memory", 12);
    char expected[64];
    snprintf(expected, sizeof expected, "the file ends at byte %zu, with 12 bytes", first + second - 1);
    io_put(path, both, first + second - 1);
    assert_refused(path, SIZE_MAX, SAB_FORMAT, expected);
    free(a);
    free(b);
    free(both);
}

static void what_is_no_data_file_is_refused(void **state)
{
    (void)state;
    assert_refused(io_path("absent"), SIZE_MAX, SAB_IO, "No such file");
    const char *folder = io_path("folder");
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_refused(folder, SIZE_MAX, SAB_IO, "it is a folder");
    const char *pipe = io_path("pipe");
    assert_int_equal(mkfifo(pipe, 0666), 0);
    assert_refused(pipe, SIZE_MAX, SAB_IO, "it is a pipe or device");
    assert_refused("/dev/zero", SIZE_MAX, SAB_IO, "it is a pipe or device");
    const char *empty = io_path("empty");
    io_put(empty, "", 0);
    assert_refused(empty, SIZE_MAX, SAB_FORMAT, "is empty: it has 0 bytes");
    const char *plain = io_path("plain");
    io_put(plain, "123456", 6);
    assert_refused(plain, 5, SAB_FORMAT, "has 6 bytes, more than the 5");
    size_t packed;
    unsigned char *nothing = data_gzip("", 0, 6, &packed);
    const char *path = io_path("nothing.gz");
    io_put(path, nothing, packed);
    assert_refused(path, SIZE_MAX, SAB_FORMAT, "unpacks to 0 bytes");
    free(nothing);
}

static void a_gzip_cut_anywhere_is_truncated(void **state)
{
    (void)state;
    unsigned char bytes[3000];
    fill(bytes, sizeof bytes);
    size_t packed;
    unsigned char *gzip = data_gzip(bytes, sizeof bytes, 6, &packed);
    const char *path = io_path("cut.gz");
    for (size_t n = 2; n < packed; n++) {
        char expected[64];
        snprintf(expected, sizeof expected, "truncated gzip: the file ends at byte %zu", n);
        io_put(path, gzip, n);
        assert_refused(path, SIZE_MAX, SAB_FORMAT, expected);
    }
    free(gzip);
}

/* Every bit of a gzip but those of its magic: the damage is found, or stood where nothing of the content depends on it
 * (the header's time, system and hint that it is a text; the padding before bytes that were stored unpacked). */
static void a_flipped_bit_is_found(void **state)
{
    (void)state;
    unsigned char bytes[300];
    fill(bytes, sizeof bytes);
    size_t packed, harmless = 0;
    unsigned char *gzip = data_gzip(bytes, sizeof bytes, 6, &packed);
    const char *path = io_path("flipped.gz");
    for (size_t bit = 16; bit < 8 * packed; bit++) {
        struct sab_input_file in = {0};
        struct sab_error err = {0};
        gzip[bit / 8] ^= (unsigned char)(1 << bit % 8);
        io_put(path, gzip, packed);
        int status = sab_input_open(&in, path, SIZE_MAX, &err);
        gzip[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (status == SAB_OK) {
            harmless++;
            if (bit / 8 > 10 || in.nbytes != sizeof bytes || memcmp(in.data, bytes, sizeof bytes) != 0)
                fail_msg("bit %zu went unnoticed", bit);
            sab_input_close(&in);
        } else {
            assert_int_equal(status, SAB_FORMAT);
            assert_non_null(strstr(err.message, "gzip"));
        }
    }
    assert_true(harmless >= 48 && harmless <= 49 + 5);
    char expected[128];
    snprintf(expected, sizeof expected, "the checksum at byte %zu does not fit the 300 bytes", packed - 8);
    gzip[packed - 8] ^= 1;
    io_put(path, gzip, packed);
    assert_refused(path, SIZE_MAX, SAB_FORMAT, expected);
    gzip[packed - 8] ^= 1;
    snprintf(expected, sizeof expected, "the length at byte %zu does not fit the 300 bytes", packed - 4);
    gzip[packed - 1] ^= 1;
    io_put(path, gzip, packed);
    assert_refused(path, SIZE_MAX, SAB_FORMAT, expected);
    gzip[packed - 1] ^= 1;
    gzip[2] = 7;
    io_put(path, gzip, packed);
    assert_refused(path, SIZE_MAX, SAB_FORMAT, "unknown compression method");
    free(gzip);
}

static void what_follows_a_gzip_is_refused(void **state)
{
    (void)state;
    size_t packed;
    unsigned char *gzip = data_gzip("content", 7, 6, &packed), more[200];
    assert_true(packed + 2 <= sizeof more);
    const char *path = io_path("more.gz");
    memcpy(more, gzip, packed);
    memcpy(more + packed, "xy", 2);
    char expected[128];
    snprintf(expected, sizeof expected, "begins at byte 0 ends at byte %zu, but something else follows", packed);
    io_put(path, more, packed + 2);
    assert_refused(path, SIZE_MAX, SAB_FORMAT, expected);
    memcpy(more + packed, "\x1f\x00", 2);
    io_put(path, more, packed + 2);
    assert_refused(path, SIZE_MAX, SAB_FORMAT, "damaged gzip");
    free(gzip);
}

static void a_gzip_is_unpacked_no_further_than_allowed(void **state)
{
    (void)state;
    size_t nbytes = 200 << 20, packed;
    void *zeros = calloc(nbytes, 1);
    assert_non_null(zeros);
    unsigned char *bomb = data_gzip(zeros, nbytes, 9, &packed);
    const char *path = io_path("bomb.gz");
    io_put(path, bomb, packed);
    size_t limit = (64 << 20) + 32 * packed;
    assert_true(limit < nbytes);
    char expected[64];
    snprintf(expected, sizeof expected, "unpacks to more than %zu bytes, which is suspicious", limit);
    largest = 0;
    assert_refused(path, SIZE_MAX, SAB_FORMAT, expected);
    assert_true(largest > limit / 2 && largest <= limit + 1);
    largest = 0;
    assert_refused(path, 70000, SAB_FORMAT, "unpacks to more than the 70000 bytes");
    assert_int_equal(largest, 70001);
    free(bomb);

    bomb = data_gzip(zeros, 70000, 9, &packed);
    io_put(path, bomb, packed);
    struct sab_input_file in;
    assert_int_equal(sab_input_open(&in, path, 70000, NULL), SAB_OK);
    assert_int_equal(in.nbytes, 70000);
    sab_input_close(&in);
    assert_refused(path, 69999, SAB_FORMAT, "unpacks to more than the 69999 bytes");
    for (reallocs_left = 0; reallocs_left < 2; reallocs_left++) {
        int n = reallocs_left;
        assert_refused(path, SIZE_MAX, SAB_NOMEM, "no memory to unpack");
        reallocs_left = n;
    }
    reallocs_left = -1;
    free(bomb);
    free(zeros);
}

static void a_file_that_changes_is_noticed(void **state)
{
    (void)state;
    const char *path = io_path("changes");
    struct sab_input_file in;
    struct sab_error err;
    io_put(path, "0123456789", 10);
    assert_int_equal(sab_input_open(&in, path, SIZE_MAX, &err), SAB_OK);
    assert_int_equal(truncate(path, 4), 0);
    assert_int_equal(sab_input_check(&in, &err), SAB_IO);
    assert_non_null(strstr(err.message, "had 10 bytes when it was opened and has 4 now"));
    sab_input_close(&in);

    io_put(path, "0123456789", 10);
    struct timespec past[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, past, 0), 0);
    assert_int_equal(sab_input_open(&in, path, SIZE_MAX, &err), SAB_OK);
    assert_int_equal(sab_input_check(&in, &err), SAB_OK);
    io_put(path, "987", 3);
    io_put(path, "9876543210", 10);
    assert_int_equal(sab_input_check(&in, &err), SAB_IO);
    assert_non_null(strstr(err.message, "was written to since"));
    sab_input_close(&in);

    const char *other = io_path("other");
    io_put(path, "0123456789", 10);
    assert_int_equal(sab_input_open(&in, path, SIZE_MAX, &err), SAB_OK);
    io_put(other, "new", 3);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(sab_input_check(&in, &err), SAB_OK);
    assert_memory_equal(in.data, "0123456789", 10);
    sab_input_close(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_gzip_give_the_same_bytes),
        cmocka_unit_test(several_members_are_one_content),
        cmocka_unit_test(what_is_no_data_file_is_refused),
        cmocka_unit_test(a_gzip_cut_anywhere_is_truncated),
        cmocka_unit_test(a_flipped_bit_is_found),
        cmocka_unit_test(what_follows_a_gzip_is_refused),
        cmocka_unit_test(a_gzip_is_unpacked_no_further_than_allowed),
        cmocka_unit_test(a_file_that_changes_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

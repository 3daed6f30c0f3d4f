/* Malformed IDX and CIFAR-10 files, plain and packed: each has its own message, with the file and the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data_support.h"
#include "io_support.h"
#include "source/image_set.h"

/* Three images of 2 x 2 pixels and their labels, well formed. */
#define IMAGES "\0\0\x08\x03" "\0\0\0\x03" "\0\0\0\x02" "\0\0\0\x02" "abcd" "efgh" "ijkl"
#define LABELS "\0\0\x08\x01" "\0\0\0\x03" "\x05\x00\x09"
#define MAGIC3 "\0\0\x08\x03"
#define DIM(n) "\0\0\0" n

struct bytes {
    const char *data;
    size_t nbytes;
};
#define B(text) {text, sizeof(text) - 1}

static const struct {
    const char *name;
    struct bytes images, labels; /* data NULL: well formed */
    const char *file;            /* the one that the message names */
    const char *message;
} idx_cases[] = {
    {"empty", B(""), {0}, "i", "is empty: it has 0 bytes"},
    {"one byte", B("\0"), {0}, "i", "ends at byte 1, within the 4 bytes"},
    {"three bytes", B("\0\0\x08"), {0}, "i", "ends at byte 3, within the 4 bytes"},
    {"first byte", B("\1\0\x08\x03" "\0\0\0\x03"), {0}, "i", "byte 0: not an IDX file: its first two bytes are 0x01"},
    {"second byte", B("\0P\x08\x03" "\0\0\0\x03"), {0}, "i",
     "byte 1: not an IDX file: its first two bytes are 0x00 0x50"},
    {"a text", B("P5 2 2 255 abcd"), {0}, "i", "byte 0: not an IDX file"},
    {"little endian", B("\x03\x08\0\0" "\x03\0\0\0"), {0}, "i",
     "byte 0: not an IDX file: its first two bytes are 0x03"},
    {"signed bytes", B("\0\0\x09\x03"), {0}, "i", "byte 2: the type of its values is 0x09 (signed bytes); only 0x08"},
    {"shorts", B("\0\0\x0b\x03"), {0}, "i", "0x0b (16-bit numbers)"},
    {"ints", B("\0\0\x0c\x03"), {0}, "i", "0x0c (32-bit numbers)"},
    {"floats", B("\0\0\x0d\x03"), {0}, "i", "0x0d (floats)"},
    {"doubles", B("\0\0\x0e\x03"), {0}, "i", "0x0e (doubles)"},
    {"no type", B("\0\0\xff\x03"), {0}, "i", "0xff (no known type)"},
    {"no dimensions", B("\0\0\x08\0"), {0}, "i", "byte 3: it has 0 dimensions; images have 3"},
    {"labels as images", B(LABELS), {0}, "i", "byte 3: it has 1 dimensions; images have 3"},
    {"two dimensions", B("\0\0\x08\x02" DIM("\3") DIM("\4") "abcdefghijkl"), {0}, "i", "it has 2 dimensions"},
    {"four dimensions", B("\0\0\x08\x04" DIM("\1") DIM("\1") DIM("\1") DIM("\1") "a"), {0}, "i", "it has 4 dimensions"},
    {"255 dimensions", B("\0\0\x08\xff"), {0}, "i", "it has 255 dimensions"},
    {"cut before the sizes", B(MAGIC3), {0}, "i", "ends at byte 4, within its header of 16 bytes"},
    {"cut within the sizes", B(MAGIC3 DIM("\3") "\0\0"), {0}, "i", "ends at byte 10, within its header of 16 bytes"},
    {"cut at the last size", B(MAGIC3 DIM("\3") DIM("\2") "\0\0\0"), {0}, "i", "ends at byte 15, within its header"},
    {"no images", B(MAGIC3 DIM("\0") DIM("\2") DIM("\2")), {0}, "i", "byte 4: dimension 1 is 0"},
    {"no rows", B(MAGIC3 DIM("\3") DIM("\0") DIM("\2")), {0}, "i", "byte 8: dimension 2 is 0"},
    {"no columns", B(MAGIC3 DIM("\3") DIM("\2") DIM("\0")), {0}, "i", "byte 12: dimension 3 is 0"},
    {"overflow", B(MAGIC3 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), {0}, "i",
     "byte 12: dimension 3 is 4294967295, which makes more bytes than can be addressed"},
    {"overflow to little", B(MAGIC3 "\x80\0\0\0\x80\0\0\0\0\0\0\x04" "abcd"), {0}, "i",
     "byte 12: dimension 3 is 4, which makes more bytes than can be addressed"},
    {"promises 2^62", B(MAGIC3 "\x80\0\0\0\x80\0\0\0\0\0\0\x01" "a"), {0}, "i",
     "its header promises 4611686018427387904 bytes of data from byte 16 on, but it ends at byte 17"},
    {"no data", B(MAGIC3 DIM("\3") DIM("\2") DIM("\2")), {0}, "i",
     "promises 12 bytes of data from byte 16 on, but it ends at byte 16"},
    {"one byte short", B(MAGIC3 DIM("\3") DIM("\2") DIM("\2") "abcdefghijk"), {0}, "i", "but it ends at byte 27"},
    {"one image short", B(MAGIC3 DIM("\3") DIM("\2") DIM("\2") "abcdefgh"), {0}, "i", "but it ends at byte 24"},
    {"one byte more", B(IMAGES "x"), {0}, "i", "byte 28: its data end here by its header, but 1 more bytes follow"},
    {"twice", B(IMAGES IMAGES), {0}, "i", "byte 28: its data end here by its header, but 28 more bytes follow"},
    {"an image too large", B("\0\0\x08\x03" DIM("\1") "\0\0\x10\x01" "\0\0\x10\0"), {0}, "i",
     "is truncated: its header promises 16781312 bytes"},
    {"empty labels", {0}, B(""), "l", "is empty"},
    {"cut labels", {0}, B("\0\0"), "l", "ends at byte 2, within the 4 bytes"},
    {"labels with a bad magic", {0}, B("\0\2\x08\x01"), "l", "byte 1: not an IDX file"},
    {"labels of ints", {0}, B("\0\0\x0c\x01"), "l", "byte 2: the type of its values is 0x0c"},
    {"images as labels", {0}, B(IMAGES), "l", "byte 3: it has 3 dimensions; labels have 1"},
    {"labels cut in the size", {0}, B("\0\0\x08\x01\0\0"), "l", "ends at byte 6, within its header of 8 bytes"},
    {"no labels", {0}, B("\0\0\x08\x01" DIM("\0")), "l", "byte 4: dimension 1 is 0"},
    {"labels short", {0}, B("\0\0\x08\x01" DIM("\3") "\1\2"), "l",
     "promises 3 bytes of data from byte 8 on, but it ends at byte 10"},
    {"labels long", {0}, B(LABELS "\1"), "l", "byte 11: its data end here by its header, but 1 more bytes follow"},
    {"fewer labels", {0}, B("\0\0\x08\x01" DIM("\2") "\1\2"), "l", "byte 4: 2 labels, but '"},
    {"more labels", {0}, B("\0\0\x08\x01" DIM("\4") "\1\2\3\4"), "l", "has 3 images"},
};

/* The file as it is, or as a gzip; cut_nbytes of that are left away. */
static void put(const char *path, const void *data, size_t nbytes, int is_gzip, size_t cut_nbytes)
{
    size_t packed = nbytes;
    unsigned char *gzip = is_gzip ? data_gzip(data, nbytes, 6, &packed) : NULL;
    io_put(path, gzip ? gzip : data, packed - cut_nbytes);
    free(gzip);
}

static void assert_refused(const char *name, int status, const struct sab_error *err, const char *path,
                           const char *message)
{
    if (status != SAB_FORMAT || err->status != SAB_FORMAT || !strstr(err->message, message) ||
        !strstr(err->message, path))
        fail_msg("%s: expected '%s' about '%s', got status %d: '%s'", name, message, path, status, err->message);
}

static void put_pair(struct bytes images, struct bytes labels, int is_gzip)
{
    static const struct bytes good_images = B(IMAGES), good_labels = B(LABELS);
    images = images.data ? images : good_images;
    labels = labels.data ? labels : good_labels;
    put(io_path("i"), images.data, images.nbytes, is_gzip, 0);
    put(io_path("l"), labels.data, labels.nbytes, is_gzip, 0);
}

static void malformed_idx_files_are_refused(void **state)
{
    (void)state;
    enum { CASES = sizeof idx_cases / sizeof *idx_cases };
    for (int i = 0; i < CASES; i++) {
        struct sab_image_set set = {0};
        struct sab_error err = {0};
        put_pair(idx_cases[i].images, idx_cases[i].labels, 0);
        int status = sab_image_set_add_idx(&set, io_path("i"), io_path("l"), &err);
        sab_image_set_close(&set);
        assert_refused(idx_cases[i].name, status, &err, io_path(idx_cases[i].file), idx_cases[i].message);
    }
    print_message("%d malformed IDX files\n", CASES);
    assert_true(CASES >= 40);
}

/* Packed, offsets are of what was packed, and the message says so. */
static void malformed_idx_files_in_gzip_name_the_unpacked_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof idx_cases / sizeof *idx_cases; i++) {
        struct sab_image_set set = {0};
        struct sab_error err = {0};
        put_pair(idx_cases[i].images, idx_cases[i].labels, 1);
        int status = sab_image_set_add_idx(&set, io_path("i"), io_path("l"), &err);
        sab_image_set_close(&set);
        const char *at = strstr(idx_cases[i].message, "byte ");
        char expected[64] = "unpacks to 0 bytes";
        if (at && strncmp(at, "bytes", 5) != 0)
            snprintf(expected, sizeof expected, "unpacked %.10s", at);
        else if (!strstr(idx_cases[i].message, "empty"))
            expected[0] = 0;
        if (strstr(idx_cases[i].message, "but it ends at byte"))
            snprintf(expected, sizeof expected, "unpacked byte ");
        assert_refused(idx_cases[i].name, status, &err, io_path(idx_cases[i].file), expected);
    }
}

static void a_good_pair_is_read(void **state)
{
    (void)state;
    for (int is_gzip = 0; is_gzip < 2; is_gzip++) {
        struct sab_image_set set = {0};
        struct sab_error err = {0};
        put_pair((struct bytes){0}, (struct bytes){0}, is_gzip);
        if (sab_image_set_add_idx(&set, io_path("i"), io_path("l"), &err) != SAB_OK)
            fail_msg("%s", err.message);
        assert_int_equal(set.n, 3);
        assert_int_equal(set.rows, 2);
        assert_int_equal(set.cols, 2);
        assert_int_equal(set.channels, 1);
        for (size_t i = 0; i < 3; i++) {
            assert_memory_equal(sab_image_pixels(&set, i), "abcdefghijkl" + 4 * i, 4);
            assert_int_equal(sab_image_label(&set, i), "\5\0\11"[i]);
        }
        assert_int_equal(sab_image_set_most_label(&set, 0, 2), 5);
        assert_int_equal(sab_image_set_most_label(&set, 0, 3), 9);
        assert_int_equal(sab_image_set_check_labels(&set, 0, 3, 10, &err), SAB_OK);
        assert_int_equal(sab_image_set_check_labels(&set, 1, 1, 1, &err), SAB_OK);
        assert_refused("label", sab_image_set_check_labels(&set, 1, 2, 9, &err), &err, io_path("l"),
                       is_gzip ? "unpacked byte 10: the label is 9; the classes known are 0..8"
                               : "', byte 10: the label is 9; the classes known are 0..8");
        sab_image_set_close(&set);
    }
}

static void an_image_of_more_pixels_than_are_read_is_refused(void **state)
{
    (void)state;
    size_t rows = 2049, cols = 2048, nbytes = 16 + rows * cols;
    unsigned char *bytes = calloc(nbytes, 1);
    struct sab_image_set set = {0};
    struct sab_error err = {0};
    memcpy(bytes, "\0\0\x08\x03" DIM("\1") "\0\0\x08\x01" "\0\0\x08\0", 16);
    io_put(io_path("i"), bytes, nbytes);
    free(bytes);
    int status = sab_image_set_add_idx(&set, io_path("i"), io_path("l"), &err);
    sab_image_set_close(&set);
    assert_refused("large", status, &err, io_path("i"), "byte 8: images of 2049 x 2048 pixels; at most 4194304");
}

static void malformed_cifar10_files_are_refused(void **state)
{
    (void)state;
    enum { RECORD = 3073 };
    unsigned char bytes[3 * RECORD] = {0};
    static const struct {
        const char *name;
        size_t nbytes, label_at;
        int label;
        const char *message;
    } cases[] = {
        {"one byte", 1, 0, 0, "after 0 records of 3073 bytes, the one at byte 0 has only 1"},
        {"one byte short", RECORD - 1, 0, 0, "after 0 records of 3073 bytes, the one at byte 0 has only 3072"},
        {"one byte more", RECORD + 1, 0, 0, "after 1 records of 3073 bytes, the one at byte 3073 has only 1"},
        {"the last record cut", 3 * RECORD - 1, 0, 0,
         "after 2 records of 3073 bytes, the one at byte 6146 has only 3072"},
        {"a label of 10", RECORD, 0, 10, "byte 0: the label is 10; the classes known are 0..9"},
        {"a label of 255", 2 * RECORD, RECORD, 255, "byte 3073: the label is 255"},
        {"the last label", 3 * RECORD, 2 * RECORD, 77, "byte 6146: the label is 77"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int is_gzip = 0; is_gzip < 2; is_gzip++) {
            struct sab_image_set set = {0};
            struct sab_error err = {0};
            bytes[cases[i].label_at] = (unsigned char)cases[i].label;
            put(io_path("c"), bytes, cases[i].nbytes, is_gzip, 0);
            bytes[cases[i].label_at] = 0;
            int status = sab_image_set_add_cifar10(&set, io_path("c"), &err);
            sab_image_set_close(&set);
            if (is_gzip) {
                char expected[64], *at = strstr(cases[i].message, "byte ");
                snprintf(expected, sizeof expected, "unpacked %.7s", at);
                assert_refused(cases[i].name, status, &err, io_path("c"), expected);
            } else {
                assert_refused(cases[i].name, status, &err, io_path("c"), cases[i].message);
            }
        }
    struct sab_image_set set = {0};
    struct sab_error err = {0};
    io_put(io_path("c"), bytes, 0);
    assert_refused("empty", sab_image_set_add_cifar10(&set, io_path("c"), &err), &err, io_path("c"), "is empty");
    put(io_path("c"), bytes, sizeof bytes, 1, 4);
    assert_refused("cut gzip", sab_image_set_add_cifar10(&set, io_path("c"), &err), &err, io_path("c"),
                   "truncated gzip: the file ends at byte");
    sab_image_set_close(&set);
}

static void parts_of_cifar10_are_one_set(void **state)
{
    (void)state;
    enum { RECORD = 3073 };
    unsigned char bytes[3 * RECORD];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i % RECORD ? i % 251 : i / RECORD);
    struct sab_image_set set = {0};
    struct sab_error err = {0};
    put(io_path("c"), bytes, 2 * RECORD, 0, 0);
    put(io_path("d"), bytes + 2 * RECORD, RECORD, 1, 0);
    assert_int_equal(sab_image_set_add_cifar10(&set, io_path("c"), &err), SAB_OK);
    assert_int_equal(sab_image_set_add_cifar10(&set, io_path("d"), &err), SAB_OK);
    assert_int_equal(set.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sab_image_label(&set, i), (int)i);
        assert_memory_equal(sab_image_pixels(&set, i), bytes + i * RECORD + 1, RECORD - 1);
    }
    assert_int_equal(sab_image_set_check(&set, &err), SAB_OK);
    io_put(io_path("c"), bytes, 100);
    assert_int_equal(sab_image_set_check(&set, &err), SAB_IO);
    assert_non_null(strstr(err.message, "has 100 now"));
    sab_image_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_idx_files_are_refused),
        cmocka_unit_test(malformed_idx_files_in_gzip_name_the_unpacked_byte),
        cmocka_unit_test(a_good_pair_is_read),
        cmocka_unit_test(an_image_of_more_pixels_than_are_read_is_refused),
        cmocka_unit_test(malformed_cifar10_files_are_refused),
        cmocka_unit_test(parts_of_cifar10_are_one_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

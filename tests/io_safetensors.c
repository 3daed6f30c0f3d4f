/* safetensors files: what is written comes back; every truncation, extension and flipped bit is found; files of other
 * programs open; what cannot be read back is not written. Malformed files are in
 * io_safetensors_malformed.c, what parsing costs in io_safetensors_memory.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "io/safetensors.h"
#include "io_support.h"

static const double f64[] = {1.5, -2.25, 1e300};
static const float f32[] = {0.5f, -1.0f, 3.0f, 4.0f, 5.0f, 6.0f};
static const int64_t i64[] = {INT64_MIN, INT64_MAX};
static const int32_t i32[] = {INT32_MIN, 0, INT32_MAX, 7};
static const uint16_t halves[] = {0x3c00, 0xc000, 0x0001, 0x8000, 0x7bff, 0x7c00, 0x3555};
static const uint8_t u8[] = {0, 127, 255};
static const char config[] = "{\"cell\":\"lstm\",\"note\":\"line\\nbreak \xc3\xbc \\\\ / \\u0001\"}";

static const struct sample {
    const char *name;
    int dtype, ndim;
    uint64_t shape[8];
    const void *data;
    size_t nbytes;
} samples[] = {
    {"bytes", SAB_DTYPE_U8, 1, {3}, u8, 3},
    {"weight_ih_l0", SAB_DTYPE_F32, 2, {2, 3}, f32, 24},
    {"empty", SAB_DTYPE_F64, 3, {4, 0, 2}, NULL, 0},
    {"half", SAB_DTYPE_F16, 1, {7}, halves, 14},
    {"brain", SAB_DTYPE_BF16, 2, {1, 3}, halves, 6},
    {"steps", SAB_DTYPE_I64, 1, {2}, i64, 16},
    {"deep", SAB_DTYPE_F64, 8, {1, 1, 3, 1, 1, 1, 1, 1}, f64, 24},
    {"scalar", SAB_DTYPE_F32, 0, {0}, f32 + 4, 4},
    {"labels \"quoted\" \\ \xce\xb1\xf0\x9f\x98\x80\n", SAB_DTYPE_I32, 2, {2, 2}, i32, 16},
    {"", SAB_DTYPE_U8, 1, {1}, u8 + 2, 1},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static int add_sample(struct sab_safetensors_writer *w, const struct sample *s, struct sab_error *err)
{
    return sab_safetensors_writer_add(w, s->name, s->dtype, s->ndim, s->shape, s->data, err);
}

static void save_samples(const char *path)
{
    struct sab_error err = {0};
    struct sab_safetensors_writer *w;
    assert_int_equal(sab_safetensors_writer_create(&w, &err), SAB_OK);
    for (int i = 0; i < SAMPLES; i++)
        assert_int_equal(add_sample(w, &samples[i], &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_metadata(w, "config", config, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_metadata(w, "", "nothing", &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_save(w, path, &err), SAB_OK);
    sab_safetensors_writer_free(w);
}

static int try_open(const char *path, struct sab_error *err)
{
    struct sab_safetensors *file = NULL;
    int status = sab_safetensors_open(&file, path, err);
    assert_int_equal(file != NULL, status == SAB_OK);
    sab_safetensors_close(file);
    return status;
}

static size_t header_nbytes(const char *bytes)
{
    return (size_t)(unsigned char)bytes[0] | (size_t)(unsigned char)bytes[1] << 8;
}

/* ---- what is written comes back --------------------------------------------------------------------------------- */

static void what_is_written_comes_back(void **state)
{
    (void)state;
    struct sab_error err = {0};
    struct sab_safetensors *file;
    const char *path = io_path("samples");
    save_samples(path);
    assert_int_equal(sab_safetensors_open(&file, path, &err), SAB_OK);
    assert_int_equal(sab_safetensors_count(file), SAMPLES);
    assert_true(sab_safetensors_has_digest(file));
    for (int i = 0; i < SAMPLES; i++) {
        const struct sab_safetensors_view *view = sab_safetensors_find(file, samples[i].name);
        assert_non_null(view);
        assert_string_equal(view->name, samples[i].name);
        assert_int_equal(view->dtype, samples[i].dtype);
        assert_int_equal(view->ndim, samples[i].ndim);
        for (int d = 0; d < view->ndim; d++)
            assert_true(view->shape[d] == samples[i].shape[d]);
        assert_int_equal(view->nbytes, samples[i].nbytes);
        assert_memory_equal(view->data, samples[i].nbytes ? samples[i].data : "", view->nbytes);
        assert_int_equal((uintptr_t)view->data % sab_dtype_nbytes(view->dtype), 0);
    }
    const char *before = sab_safetensors_at(file, 0)->data;
    for (int i = 1; i < SAMPLES; i++) {
        const char *data = sab_safetensors_at(file, i)->data;
        assert_true(data >= before);
        /* wider first, so that each lies aligned in the file */
        assert_true(sab_dtype_nbytes(sab_safetensors_at(file, i)->dtype) <=
                    sab_dtype_nbytes(sab_safetensors_at(file, i - 1)->dtype));
        before = data;
    }
    assert_string_equal(sab_safetensors_metadata(file, "config"), config);
    assert_string_equal(sab_safetensors_metadata(file, ""), "nothing");
    assert_null(sab_safetensors_metadata(file, "shape"));
    assert_null(sab_safetensors_find(file, "weight_ih_l1"));
    assert_null(sab_safetensors_find(file, "__metadata__"));
    sab_safetensors_close(file);
}

/* Every type of real numbers, against values worked out from the formats' definitions. */
static void real_numbers_are_read_exactly(void **state)
{
    (void)state;
    static const uint16_t brains[] = {0x3f80, 0xc000, 0x0001, 0x8000, 0x7f7f, 0x7f80, 0x3eab};
    const double as_half[] = {1, -2, 0x1p-24, -0.0, 65504, INFINITY, 0x1.554p-2};
    const double as_brain[] = {1, -2, 0x1p-133, -0.0, 0x1.fep127, INFINITY, 0x1.56p-2};
    const uint16_t no_numbers[] = {0x7e00, 0x7fc0};
    struct sab_safetensors_view view = {.dtype = SAB_DTYPE_F16, .data = halves, .nbytes = sizeof halves};
    for (size_t j = 0; j < 7; j++) {
        double number = sab_safetensors_number(&view, j);
        assert_true(number == as_half[j] && signbit(number) == signbit(as_half[j]));
    }
    view = (struct sab_safetensors_view){.dtype = SAB_DTYPE_BF16, .data = brains, .nbytes = sizeof brains};
    for (size_t j = 0; j < 7; j++) {
        double number = sab_safetensors_number(&view, j);
        assert_true(number == as_brain[j] && signbit(number) == signbit(as_brain[j]));
    }
    view = (struct sab_safetensors_view){.dtype = SAB_DTYPE_F16, .data = no_numbers, .nbytes = 2};
    assert_true(isnan(sab_safetensors_number(&view, 0)));
    view = (struct sab_safetensors_view){.dtype = SAB_DTYPE_BF16, .data = no_numbers + 1, .nbytes = 2};
    assert_true(isnan(sab_safetensors_number(&view, 0)));
    view = (struct sab_safetensors_view){.dtype = SAB_DTYPE_F32, .data = f32, .nbytes = sizeof f32};
    assert_true(sab_safetensors_number(&view, 1) == -1);
    view = (struct sab_safetensors_view){.dtype = SAB_DTYPE_F64, .data = f64, .nbytes = sizeof f64};
    assert_true(sab_safetensors_number(&view, 2) == 1e300);
}

static void the_same_content_gives_the_same_bytes(void **state)
{
    (void)state;
    save_samples(io_path("first"));
    save_samples(io_path("second"));
    size_t nbytes;
    char *bytes = io_get(io_path("first"), &nbytes);
    assert_true(io_holds(io_path("second"), bytes, nbytes));
    assert_int_equal((8 + header_nbytes(bytes)) % 64, 0);
    free(bytes);
}

static void no_tensors_and_one_big_one(void **state)
{
    (void)state;
    struct sab_error err = {0};
    struct sab_safetensors_writer *w;
    struct sab_safetensors *file;
    const char *path = io_path("few");
    assert_int_equal(sab_safetensors_writer_create(&w, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_save(w, path, &err), SAB_OK);
    assert_int_equal(sab_safetensors_open(&file, path, &err), SAB_OK);
    assert_int_equal(sab_safetensors_count(file), 0);
    assert_true(sab_safetensors_has_digest(file));
    sab_safetensors_close(file);

    const uint64_t shape[] = {1000, 1001};
    float *big = malloc(sizeof *big * 1000 * 1001);
    for (int i = 0; i < 1000 * 1001; i++)
        big[i] = (float)i;
    assert_int_equal(sab_safetensors_writer_add(w, "big", SAB_DTYPE_F32, 2, shape, big, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_save(w, path, &err), SAB_OK); /* the same writer again */
    assert_int_equal(sab_safetensors_open(&file, path, &err), SAB_OK);
    assert_memory_equal(sab_safetensors_at(file, 0)->data, big, sizeof *big * 1000 * 1001);
    sab_safetensors_close(file);
    sab_safetensors_writer_free(w);
    free(big);
}

/* Anybody can check the digest: blank the 32 digits after the first "sab_digest":" and hash the file. */
static void the_digest_is_what_the_header_says(void **state)
{
    (void)state;
    size_t nbytes;
    save_samples(io_path("digest"));
    char *bytes = io_get(io_path("digest"), &nbytes), recorded[33] = {0}, expected[33];
    char *digits = bytes + 8 + strlen("{\"__metadata__\":{\"sab_digest\":\"");
    assert_memory_equal(digits - 13, "sab_digest\":\"", 13);
    memcpy(recorded, digits, 32);
    memset(digits, '0', 32);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, nbytes));
    for (int i = 0; i < 16; i++)
        snprintf(expected + 2 * i, 3, "%02x", canonical.digest[i]);
    assert_string_equal(recorded, expected);
    free(bytes);
}

/* ---- damage ----------------------------------------------------------------------------------------------------- */

static void assert_found_damaged(const char *path, const char *what, size_t where)
{
    struct sab_error err = {0};
    int status = try_open(path, &err);
    if (status != SAB_FORMAT || !strstr(err.message, path))
        fail_msg("%s %zu: expected status %d and the file's name, got %d '%s'", what, where, SAB_FORMAT, status,
                 err.message);
}

static void truncation_and_extension_at_every_byte_are_found(void **state)
{
    (void)state;
    size_t nbytes;
    save_samples(io_path("whole"));
    char *bytes = io_get(io_path("whole"), &nbytes);
    const char *path = io_path("cut");
    for (size_t n = 0; n < nbytes; n++) {
        io_put(path, bytes, n);
        assert_found_damaged(path, "cut to", n);
    }
    char *longer = calloc(nbytes + 64, 1);
    memcpy(longer, bytes, nbytes);
    for (size_t n = 1; n <= 64; n++) {
        io_put(path, longer, nbytes + n);
        assert_found_damaged(path, "lengthened by", n);
    }
    free(longer);
    free(bytes);
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    size_t nbytes;
    save_samples(io_path("whole"));
    char *bytes = io_get(io_path("whole"), &nbytes);
    const char *path = io_path("flipped");
    for (size_t bit = 0; bit < 8 * nbytes; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        io_put(path, bytes, nbytes);
        assert_found_damaged(path, "flipped bit", bit);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    io_put(path, bytes, nbytes);
    assert_int_equal(try_open(path, NULL), SAB_OK);
    free(bytes);
}

static void thousands_of_payload_flips_are_found(void **state)
{
    (void)state;
    struct sab_error err = {0};
    struct sab_safetensors_writer *w;
    static float weights[2000];
    const uint64_t shape[] = {2000};
    const char *path = io_path("payload");
    for (int i = 0; i < 2000; i++)
        weights[i] = (float)i * 0.001f;
    assert_int_equal(sab_safetensors_writer_create(&w, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_add(w, "w", SAB_DTYPE_F32, 1, shape, weights, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_save(w, path, &err), SAB_OK);
    sab_safetensors_writer_free(w);
    size_t nbytes;
    char *bytes = io_get(path, &nbytes);
    size_t payload = nbytes - sizeof weights;
    unsigned seed = 1;
    for (int i = 0; i < 10000; i++) {
        size_t bit = (size_t)rand_r(&seed) % (8 * sizeof weights);
        int n = 1 + i % 3; /* one, two or three neighbouring bits */
        for (int k = 0; k < n; k++)
            bytes[payload + (bit + (size_t)k) / 8 % sizeof weights] ^= (char)(1 << (bit + (size_t)k) % 8);
        io_put(path, bytes, nbytes);
        assert_found_damaged(path, "payload bit", bit);
        for (int k = 0; k < n; k++)
            bytes[payload + (bit + (size_t)k) / 8 % sizeof weights] ^= (char)(1 << (bit + (size_t)k) % 8);
    }
    free(bytes);
}

/* ---- other programs' files -------------------------------------------------------------------------------------- */

static void foreign_files_open_whatever_their_order_and_alignment(void **state)
{
    (void)state;
    struct sab_error err = {0};
    struct sab_safetensors *file;
    const char *path = io_path("foreign");
    static const char good[] =
        "{ \"second\" : {\"data_offsets\":[3, 11], \"shape\":[ 2 ], \"dtype\":\"F32\"},\n"
        "\"__metadata__\" : {\"format\":\"pt\", \"n\\u00fc\" : \"\\ud83d\\ude00\"},"
        "\"zero\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[3,3]},"
        "\"f\\u0069rst\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]} }   ";
    char payload[11] = {1, 2, 3};
    memcpy(payload + 3, f32, 8);
    for (size_t cut = 0; cut < 3; cut++) { /* trailing spaces shift the payload through odd addresses */
        io_put_safetensors(path, good, sizeof good - 1 - cut, payload, sizeof payload);
        if (sab_safetensors_open(&file, path, &err) != SAB_OK)
            fail_msg("%s", err.message);
        assert_false(sab_safetensors_has_digest(file));
        assert_int_equal(sab_safetensors_count(file), 3);
        assert_string_equal(sab_safetensors_at(file, 0)->name, "first");
        assert_string_equal(sab_safetensors_at(file, 1)->name, "zero");
        assert_string_equal(sab_safetensors_at(file, 2)->name, "second");
        assert_memory_equal(sab_safetensors_at(file, 0)->data, payload, 3);
        const struct sab_safetensors_view *second = sab_safetensors_find(file, "second");
        assert_memory_equal(second->data, f32, 8);
        assert_int_equal((uintptr_t)second->data % 4, 0);
        assert_string_equal(sab_safetensors_metadata(file, "format"), "pt");
        assert_string_equal(sab_safetensors_metadata(file, "n\xc3\xbc"), "\xf0\x9f\x98\x80");
        sab_safetensors_close(file);
    }
    io_put_safetensors(path, "{}", 2, NULL, 0);
    assert_int_equal(try_open(path, &err), SAB_OK);
}

static void many_crooked_tensors_are_copied_apart(void **state)
{
    (void)state;
    struct sab_error err = {0};
    struct sab_safetensors *file;
    const char *path = io_path("crooked");
    enum { PAIRS = 100 };
    static char header[PAIRS * 160], payload[PAIRS * 9];
    size_t n = 0;
    for (int i = 0; i < PAIRS; i++) { /* a byte, eight bytes, a byte, ... */
        double value = i + 0.5;
        payload[9 * i] = (char)i;
        memcpy(payload + 9 * i + 1, &value, 8);
        n += (size_t)sprintf(header + n,
                             "%c\"u%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]},"
                             "\"d%d\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                             i == 0 ? '{' : ',', i, 9 * i, 9 * i + 1, i, 9 * i + 1, 9 * i + 9);
    }
    header[n++] = '}';
    io_put_safetensors(path, header, n, payload, sizeof payload);
    if (sab_safetensors_open(&file, path, &err) != SAB_OK)
        fail_msg("%s", err.message);
    assert_int_equal(sab_safetensors_count(file), 2 * PAIRS);
    for (int i = 0; i < PAIRS; i++) {
        assert_int_equal(*(const char *)sab_safetensors_at(file, 2 * i)->data, i);
        const double *value = sab_safetensors_at(file, 2 * i + 1)->data;
        assert_int_equal((uintptr_t)value % 8, 0);
        assert_true(*value == i + 0.5);
    }
    sab_safetensors_close(file);
}

static void a_copied_digest_is_explained(void **state)
{
    (void)state;
    struct sab_error err = {0};
    const char *path = io_path("copied");
    static const char header[] = "{\"__metadata__\":{\"config\":\"{}\","
                                 "\"sab_digest\":\"00112233445566778899aabbccddeeff\"}}";
    io_put_safetensors(path, header, sizeof header - 1, NULL, 0);
    assert_int_equal(try_open(path, &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "write it without that key"));
    static const char first[] = "{\"__metadata__\":{\"sab_digest\":\"00112233445566778899aabbccddeeff\"}}";
    io_put_safetensors(path, first, sizeof first - 1, NULL, 0);
    assert_int_equal(try_open(path, &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "records 00112233445566778899aabbccddeeff"));
}

static void missing_files_and_folders_are_named(void **state)
{
    (void)state;
    struct sab_error err = {0};
    assert_int_equal(try_open(io_path("absent"), &err), SAB_IO);
    assert_non_null(strstr(err.message, "absent"));
    assert_int_equal(try_open(io_path(""), &err), SAB_IO);
    assert_non_null(strstr(err.message, "a folder"));
    io_put(io_path("nothing"), "", 0);
    assert_int_equal(try_open(io_path("nothing"), &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "has 0 bytes"));
    assert_int_equal(try_open(io_path("nothing"), NULL), SAB_FORMAT);
}

/* ---- what cannot be written ------------------------------------------------------------------------------------- */

static void bad_tensors_and_texts_are_refused(void **state)
{
    (void)state;
    struct sab_error err = {0};
    struct sab_safetensors_writer *w;
    const uint64_t one[] = {1}, huge[] = {UINT64_C(1) << 40, UINT64_C(1) << 40}, negative[] = {UINT64_MAX, 0};
    static const char *const not_utf8[] = {"\xff", "a\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
                                           "\xf4\x90\x80\x80", "\xf0\x80\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"};
    assert_int_equal(sab_safetensors_writer_create(&w, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_add(w, "a", SAB_DTYPE_U8, 1, one, u8, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_add(w, "a", SAB_DTYPE_U8, 1, one, u8, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "'a' already"));
    assert_int_equal(sab_safetensors_writer_add(w, "__metadata__", SAB_DTYPE_U8, 1, one, u8, &err), SAB_INVALID);
    assert_int_equal(sab_safetensors_writer_add(w, "b", SAB_DTYPE_COUNT, 1, one, u8, &err), SAB_INVALID);
    assert_int_equal(sab_safetensors_writer_add(w, "b", -1, 1, one, u8, &err), SAB_INVALID);
    assert_int_equal(sab_safetensors_writer_add(w, "b", SAB_DTYPE_U8, 9, one, u8, &err), SAB_INVALID);
    assert_int_equal(sab_safetensors_writer_add(w, "b", SAB_DTYPE_U8, -1, one, u8, &err), SAB_INVALID);
    assert_int_equal(sab_safetensors_writer_add(w, "b", SAB_DTYPE_U8, 2, huge, u8, &err), SAB_INVALID);
    assert_int_equal(sab_safetensors_writer_add(w, "b", SAB_DTYPE_U8, 2, negative, u8, &err), SAB_INVALID);
    for (size_t i = 0; i < sizeof not_utf8 / sizeof *not_utf8; i++) {
        assert_int_equal(sab_safetensors_writer_add(w, not_utf8[i], SAB_DTYPE_U8, 1, one, u8, &err), SAB_INVALID);
        assert_int_equal(sab_safetensors_writer_metadata(w, not_utf8[i], "text", &err), SAB_INVALID);
        assert_int_equal(sab_safetensors_writer_metadata(w, "key", not_utf8[i], &err), SAB_INVALID);
    }
    assert_int_equal(sab_safetensors_writer_metadata(w, "sab_digest", "x", &err), SAB_INVALID);
    assert_int_equal(sab_safetensors_writer_metadata(w, "key", "x", &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_metadata(w, "key", "y", &err), SAB_INVALID);
    assert_int_equal(sab_safetensors_writer_save(w, io_path("good"), &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_save(w, io_path("absent/good"), &err), SAB_IO);
    sab_safetensors_writer_free(w);
    struct sab_safetensors *file;
    assert_int_equal(sab_safetensors_open(&file, io_path("good"), &err), SAB_OK);
    assert_int_equal(sab_safetensors_count(file), 1);
    assert_string_equal(sab_safetensors_metadata(file, "key"), "x");
    sab_safetensors_close(file);
}

static void headers_too_large_to_read_are_not_written(void **state)
{
    (void)state;
    struct sab_error err = {0};
    struct sab_safetensors_writer *w;
    const char *path = io_path("kept");
    size_t nbytes = 9 << 20;
    char *text = malloc(nbytes + 1);
    memset(text, 'x', nbytes);
    text[nbytes] = '\0';
    save_samples(path);
    size_t old_nbytes;
    char *old = io_get(path, &old_nbytes);

    assert_int_equal(sab_safetensors_writer_create(&w, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_metadata(w, "long", text, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_save(w, path, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "8388608"));
    sab_safetensors_writer_free(w);
    assert_true(io_holds(path, old, old_nbytes));

    text[(8 << 20) - 200] = '\0';
    assert_int_equal(sab_safetensors_writer_create(&w, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_metadata(w, "long", text, &err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_save(w, path, &err), SAB_OK);
    sab_safetensors_writer_free(w);
    assert_int_equal(try_open(path, &err), SAB_OK);

    const uint64_t shape[] = {0, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(sab_safetensors_writer_create(&w, &err), SAB_OK);
    for (int i = 0; i < 37600; i++) {
        char name[32];
        snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(sab_safetensors_writer_add(w, name, SAB_DTYPE_F32, 8, shape, NULL, &err), SAB_OK);
        if (i == 37000) {
            assert_int_equal(sab_safetensors_writer_save(w, path, &err), SAB_OK);
            assert_int_equal(try_open(path, &err), SAB_OK);
        }
    }
    assert_int_equal(sab_safetensors_writer_save(w, path, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "too many values"));
    sab_safetensors_writer_free(w);
    free(text);
    free(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(real_numbers_are_read_exactly),
        cmocka_unit_test(the_same_content_gives_the_same_bytes),
        cmocka_unit_test(no_tensors_and_one_big_one),
        cmocka_unit_test(the_digest_is_what_the_header_says),
        cmocka_unit_test(truncation_and_extension_at_every_byte_are_found),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(thousands_of_payload_flips_are_found),
        cmocka_unit_test(foreign_files_open_whatever_their_order_and_alignment),
        cmocka_unit_test(many_crooked_tensors_are_copied_apart),
        cmocka_unit_test(a_copied_digest_is_explained),
        cmocka_unit_test(missing_files_and_folders_are_named),
        cmocka_unit_test(bad_tensors_and_texts_are_refused),
        cmocka_unit_test(headers_too_large_to_read_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

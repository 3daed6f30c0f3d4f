/* Arrays from .npy and .npz: what is read, and named malformed files, each refused with its own sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "io/npy_header.h"
#include "source/npy.h"
#include "source/npz.h"
#include "source/number.h"

/* ---- building files ---- */

struct bytes {
    unsigned char at[8192];
    size_t n;
};

static void add(struct bytes *b, const void *data, size_t n)
{
    assert_true(b->n + n <= sizeof b->at);
    memcpy(b->at + b->n, data, n);
    b->n += n;
}

static void add_number(struct bytes *b, uint64_t v, int nbytes)
{
    for (int k = 0; k < nbytes; k++) {
        unsigned char c = k < 8 ? (unsigned char)(v >> 8 * k) : 0;
        add(b, &c, 1);
    }
}

static struct bytes npy(const char *header, const void *data, size_t nbytes)
{
    struct bytes b = {.n = 0};
    add(&b, "\x93NUMPY\x01\x00", 8);
    add_number(&b, strlen(header), 2);
    add(&b, header, strlen(header));
    add(&b, data, nbytes);
    return b;
}

#define HEADER(type, order, shape) "{'descr': '" type "', 'fortran_order': " order ", 'shape': " shape ", }\n"

/* ---- what is read ---- */

static void reads_every_type(void **state)
{
    static const struct {
        const char *type;
        size_t nbytes;
        const char *bytes; /* of 1 and -2, or of 1 and 200 where there is no sign */
        double second;
    } types[] = {
        {"|i1", 2, "\1\xfe", -2},
        {"<i2", 4, "\1\0\xfe\xff", -2},
        {">i2", 4, "\0\1\xff\xfe", -2},
        {"<i4", 8, "\1\0\0\0\xfe\xff\xff\xff", -2},
        {"<i8", 16, "\1\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff", -2},
        {">i8", 16, "\0\0\0\0\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xfe", -2},
        {"|u1", 2, "\1\xc8", 200},
        {">u2", 4, "\0\1\0\xc8", 200},
        {"<u4", 8, "\1\0\0\0\xc8\0\0\0", 200},
        {"<u8", 16, "\1\0\0\0\0\0\0\0\xc8\0\0\0\0\0\0\0", 200},
        {"|b1", 2, "\1\0", 0},
        {"<f2", 4, "\0\x3c\0\xc0", -2},
        {">f2", 4, "\x3c\0\xc0\0", -2},
        {"<f4", 8, "\0\0\x80\x3f\0\0\0\xc0", -2},
        {">f4", 8, "\x3f\x80\0\0\xc0\0\0\0", -2},
        {"<f8", 16, "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0", -2},
        {">f8", 16, "\x3f\xf0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0", -2},
    };
    (void)state;
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        char header[128];
        struct sab_npy a;
        struct sab_error err = {0};
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }", types[k].type);
        struct bytes b = npy(header, types[k].bytes, types[k].nbytes);
        if (sab_npy_parse(&a, b.at, b.n, "x", &err) != SAB_OK)
            fail_msg("%s: %s", types[k].type, err.message);
        if (sab_npy_real(&a, 0) != 1 || sab_npy_real(&a, 1) != types[k].second)
            fail_msg("%s: read %g %g", types[k].type, sab_npy_real(&a, 0), sab_npy_real(&a, 1));
    }
}

static void reads_other_headers(void **state)
{
    static const char *const headers[] = {
        "{\"shape\": (1, 2,), \"fortran_order\": False, \"descr\": \"|u1\"}",
        "{'descr':'|u1','fortran_order':False,'shape':(1,2)}",
        "{'descr': '|u1', 'fortran_order': True, 'shape': (2,), }            \n",
    };
    (void)state;
    for (size_t k = 0; k < sizeof headers / sizeof *headers; k++) {
        struct sab_npy a;
        struct sab_error err = {0};
        struct bytes b = npy(headers[k], "\1\2", 2);
        if (sab_npy_parse(&a, b.at, b.n, "x", &err) != SAB_OK)
            fail_msg("%s: %s", headers[k], err.message);
        assert_int_equal(sab_npy_int(&a, 1), 2);
    }
}

static void writes_what_it_reads(void **state)
{
    const int64_t shape[2] = {2, 3};
    const float data[6] = {1, 2, 3, 4, 5, 6};
    char header[SAB_NPY_HEADER_CAP];
    struct bytes b = {.n = 0};
    struct sab_npy a;
    struct sab_error err = {0};
    (void)state;
    size_t n = sab_npy_header(header, "f4", 2, shape);
    assert_int_equal(n % 64, 0);
    add(&b, header, n);
    add(&b, data, sizeof data);
    assert_int_equal(sab_npy_parse(&a, b.at, b.n, "x", &err), SAB_OK);
    assert_int_equal(a.ndim, 2);
    assert_int_equal(a.shape[1], 3);
    assert_true(sab_npy_real(&a, 5) == 6);
}

static void half_precision(void **state)
{
    (void)state;
    assert_true(sab_number_from_half(0x0001) == ldexp(1, -24));
    assert_true(sab_number_from_half(0x0400) == ldexp(1, -14));
    assert_true(sab_number_from_half(0x7bff) == 65504);
    assert_true(sab_number_from_half(0xfc00) == -INFINITY);
    assert_true(isnan(sab_number_from_half(0x7e00)));
}

/* The fast way gives the bits of the slow one. */
static void numbers_as_strtod(void **state)
{
    static const char *const texts[] = {"0",      "-0",        "1",    "+1.5",     "0.1",   "123456.789",
                                        "1e3",    "1E-3",      ".5",   "5.",       "-1e-5", "9007199254740993",
                                        "0.30000000000000004", "1.7976931348623157e308",    "123456789012345678901234567890",
                                        "0.000000000000000000000000123", "3.4028235e38",   "2.2250738585072014e-308"};
    static const char *const not_numbers[] = {"", "-", "+", ".", "e5", "1e", "1.2.3", "0x10", "nan", "inf", "1 ", " 1", "1,5",
                                              "--1", "1e999", "one"};
    double value;
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        if (sab_number_read(texts[k], strlen(texts[k]), &value) != 0 || value != strtod(texts[k], NULL))
            fail_msg("%s is read as %.17g", texts[k], value);
    }
    for (size_t k = 0; k < sizeof not_numbers / sizeof *not_numbers; k++)
        if (sab_number_read(not_numbers[k], strlen(not_numbers[k]), &value) == 0)
            fail_msg("\"%s\" is read as %g", not_numbers[k], value);
}

/* Differences of the digits that stand there, not of their nearest doubles. */
static void differences_of_decimals(void **state)
{
    static const struct {
        const char *a, *b;
        double expected;
    } cases[] = {
        {"48211904.93", "48211904.41", 0.52}, {"0.3", "0.1", 0.2},      {"-1.5", "2.25", -3.75}, {"7", "0", 7},
        {"1e3", "1", 999},                    {"3", "1e-3", 2.999},     {"1e300", "-1e300", 2e300},
        {"9007199254740992", "0.125", 9007199254740991.875},          {"1700000000.001", "1700000000", 0.001},
    };
    static const double values[] = {0, 1, -0.1, 48211904.41, 1700000000, 1e15, 1e-5, 0.1 + 0.2, 1e300, -2.5};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_decimal a, b;
        assert_int_equal(sab_decimal_read(cases[k].a, strlen(cases[k].a), &a), 0);
        assert_int_equal(sab_decimal_read(cases[k].b, strlen(cases[k].b), &b), 0);
        if (sab_decimal_minus(&a, &b) != cases[k].expected)
            fail_msg("%s - %s: expected %.17g, got %.17g", cases[k].a, cases[k].b, cases[k].expected,
                     sab_decimal_minus(&a, &b));
    }
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
        struct sab_decimal d = sab_decimal_of(values[k]);
        assert_true(d.value == values[k]);
        if (d.decimals >= 0 && (double)d.mantissa / pow(10, d.decimals) != values[k])
            fail_msg("%.17g is not %lld / 10^%d", values[k], (long long)d.mantissa, d.decimals);
    }
    assert_int_equal(sab_decimal_of(48211904.41).decimals, 2);
}

/* ---- malformed .npy ---- */

static void malformed_npy(void **state)
{
    static const struct {
        const char *name, *header;
        size_t payload;
        const char *message;
    } files[] = {
        {"objects", HEADER("|O", "False", "(2,)"), 10, "runs code"},
        {"unicode", HEADER("<U3", "False", "(2,)"), 24, "holds texts"},
        {"byte strings", HEADER("|S3", "False", "(2,)"), 6, "holds texts"},
        {"complex", HEADER("<c8", "False", "(1,)"), 8, "complex numbers"},
        {"dates", HEADER("<M8[ns]", "False", "(1,)"), 8, "dates or times"},
        {"records", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4, "several fields"},
        {"float of 16 bytes", HEADER("<f16", "False", "(1,)"), 16, "elements of the type \"<f16\""},
        {"float of 1 byte", HEADER("|f1", "False", "(1,)"), 1, "elements of the type"},
        {"int of 3 bytes", HEADER("<i3", "False", "(1,)"), 3, "elements of the type"},
        {"no byte order", HEADER("|i4", "False", "(1,)"), 4, "elements of the type"},
        {"empty type", HEADER("", "False", "(1,)"), 4, "elements of the type"},
        {"void", HEADER("|V4", "False", "(1,)"), 4, "elements of the type"},
        {"column by column", HEADER("<f4", "True", "(2, 2)"), 16, "np.ascontiguousarray"},
        {"too few bytes", HEADER("<f4", "False", "(3,)"), 8, "needs 12 bytes; 8 follow"},
        {"too many bytes", HEADER("<f4", "False", "(1,)"), 8, "needs 4 bytes; 8 follow"},
        {"endless shape", HEADER("<f4", "False", "(4294967296, 4294967296)"), 4, "more elements than any memory"},
        {"dimension beyond 64 bits", HEADER("<f4", "False", "(99999999999999999999,)"), 4, "below 2^63"},
        {"negative dimension", HEADER("<f4", "False", "(-1,)"), 4, "below 2^63"},
        {"nine dimensions", HEADER("|u1", "False", "(1,1,1,1,1,1,1,1,1)"), 1, "more than 8 dimensions"},
        {"shape without commas", HEADER("|u1", "False", "(1 1)"), 1, "a comma in the shape"},
        {"shape that is a number", HEADER("|u1", "False", "1"), 1, "the shape, such as"},
        {"shape unfinished", "{'descr': '|u1', 'fortran_order': False, 'shape': (1,", 1, "below 2^63"},
        {"order is a number", "{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}", 1, "True or False"},
        {"type is a number", "{'descr': 1, 'fortran_order': False, 'shape': (1,)}", 1, "the type of the elements"},
        {"no type", "{'fortran_order': False, 'shape': (1,)}", 1, "'descr' is missing"},
        {"no order", "{'descr': '|u1', 'shape': (1,)}", 1, "'fortran_order' is missing"},
        {"no shape", "{'descr': '|u1', 'fortran_order': False}", 1, "'shape' is missing"},
        {"shape twice", "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'shape': (1,)}", 1, "is there twice"},
        {"unknown key", "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'a': 1}", 1, "the key 'a'"},
        {"no brace", "'descr': '|u1'", 1, "a brace"},
        {"no colon", "{'descr' '|u1'}", 1, "a colon"},
        {"no comma", "{'descr': '|u1' 'shape': (1,)}", 1, "a comma or the closing brace"},
        {"something behind", "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} x", 1, "the end of the header"},
        {"key without quotes", "{descr: '|u1'}", 1, "one of the keys"},
        {"escape in a text", "{'de\\x73cr': '|u1'}", 1, "one of the keys"},
        {"empty header", "", 1, "a brace"},
    };
    static const unsigned char zeros[64];
    (void)state;
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        struct sab_npy a;
        struct sab_error err = {0};
        struct bytes b = npy(files[k].header, zeros, files[k].payload);
        int status = sab_npy_parse(&a, b.at, b.n, "x.npy", &err);
        if (status != SAB_FORMAT || !strstr(err.message, files[k].message) || !strstr(err.message, "x.npy"))
            fail_msg("%s: expected \"%s\", got %d \"%s\"", files[k].name, files[k].message, status, err.message);
    }
}

static void malformed_beginnings(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t n;
        const char *message;
    } files[] = {
        {"nothing", "", 0, "not a .npy file"},
        {"short", "\x93NUM", 4, "not a .npy file"},
        {"magic alone", "\x93NUMPY\1\0", 8, "ends within its header, after 8 bytes"},
        {"text", "1,2,3\n4,5,6\n", 12, "not a .npy file"},
        {"pickle", "\x80\4\x95" "abcdefgh", 11, "Python pickle"},
        {"a pickle's first byte", "\x80", 1, "not a .npy file"},
        {"version 4", "\x93NUMPY\4\0\0\0\0\0", 12, "version 4.0"},
        {"version 1.1", "\x93NUMPY\1\1\0\0\0\0", 12, "version 1.1"},
        {"cut in the length", "\x93NUMPY\2\0\1\0", 10, "ends within its header, after 10"},
        {"cut in the header", "\x93NUMPY\1\0\x40\0{}", 12, "64 bytes are claimed, 2 are there"},
        {"huge header", "\x93NUMPY\2\0\xff\xff\xff\x7f{}", 14, "claims a header of 2147483647 bytes"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        struct sab_npy a;
        struct sab_error err = {0};
        unsigned char *exact = malloc(files[k].n + 1); /* so that the sanitizer sees a byte too far */
        memcpy(exact + 1, files[k].bytes, files[k].n);
        int status = sab_npy_parse(&a, exact + 1, files[k].n, "x.npy", &err);
        free(exact);
        if (status != SAB_FORMAT || !strstr(err.message, files[k].message))
            fail_msg("%s: expected \"%s\", got %d \"%s\"", files[k].name, files[k].message, status, err.message);
    }
}

/* ---- archives ---- */

/* A zip archive of one member "x.npy" with the given content, damaged as asked. */
struct damage {
    int method, flags, disk, entries_more, zip64;
    int64_t crc_off, packed_off, unpacked_off, local_off, directory_off, cut;
    const char *second; /* another member's name, with the same content */
};

static void add_entry(struct bytes *b, const char *name, uint32_t crc, size_t packed, size_t unpacked, size_t local,
                      const struct damage *d)
{
    add(b, "PK\1\2\x14\0\x14\0", 8);
    add_number(b, (uint64_t)d->flags, 2);
    add_number(b, (uint64_t)d->method, 2);
    add_number(b, 0, 4);
    add_number(b, crc + (uint64_t)d->crc_off, 4);
    add_number(b, d->zip64 ? 0xffffffff : packed + (uint64_t)d->packed_off, 4);
    add_number(b, d->zip64 ? 0xffffffff : unpacked + (uint64_t)d->unpacked_off, 4);
    add_number(b, strlen(name), 2);
    add_number(b, d->zip64 == 1 ? 20 : 0, 2);
    add_number(b, 0, 10);
    add_number(b, local + (uint64_t)d->local_off, 4);
    add(b, name, strlen(name));
    if (d->zip64 == 1) {
        add_number(b, 1, 2);
        add_number(b, 16, 2);
        add_number(b, unpacked, 8);
        add_number(b, packed, 8);
    }
}

static void add_local(struct bytes *b, const char *name, const void *content, size_t n)
{
    add(b, "PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 26);
    add_number(b, strlen(name), 2);
    add_number(b, 0, 2);
    add(b, name, strlen(name));
    add(b, content, n);
}

static struct bytes npz(const void *content, size_t packed, size_t unpacked, uint32_t crc, const struct damage *d)
{
    struct bytes b = {.n = 0};
    add_local(&b, "x.npy", content, packed);
    size_t second = b.n;
    if (d->second)
        add_local(&b, d->second, content, packed);
    size_t directory = b.n;
    add_entry(&b, "x.npy", crc, packed, unpacked, 0, d);
    if (d->second)
        add_entry(&b, d->second, crc, packed, unpacked, second, d);
    size_t length = b.n - directory;
    add(&b, "PK\5\6", 4);
    add_number(&b, (uint64_t)d->disk, 4);
    add_number(&b, 1, 2);
    add_number(&b, 1 + (d->second != NULL) + (uint64_t)d->entries_more, 2);
    add_number(&b, length, 4);
    add_number(&b, directory + (uint64_t)d->directory_off, 4);
    add_number(&b, 0, 2);
    b.n -= (size_t)d->cut;
    return b;
}

static int open_npz(const struct bytes *b, size_t budget, size_t *nbytes, struct sab_error *err)
{
    struct sab_npz_member member = {0};
    int is_there = 0;
    int status = sab_npz_find(b->at, b->n, "a.npz", "x", &budget, &member, &is_there, err);
    *nbytes = member.nbytes;
    assert_true((status == SAB_OK) || (!is_there && !member.owned));
    free(member.owned);
    return status;
}

static size_t deflate_raw(const void *data, size_t n, unsigned char *out, size_t cap)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (void *)(uintptr_t)data;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return cap - z.avail_out;
}

static const char content[] = "some bytes that stand for an array, some bytes that stand for an array";
enum { CONTENT = sizeof content };

static void archives(void **state)
{
    static const struct {
        const char *name;
        struct damage damage;
        size_t budget;
        const char *message; /* NULL: it is read */
    } files[] = {
        {"stored", {.method = 0}, 0, NULL},
        {"deflated", {.method = 8}, 1000, NULL},
        {"stored, zip64 sizes", {.zip64 = 1}, 0, NULL},
        {"another member", {.second = "y.npy"}, 0, NULL},
        {"deflated beyond the budget", {.method = 8}, CONTENT - 1, "np.savez, without compression"},
        {"encrypted", {.flags = 1}, 0, "is encrypted"},
        {"bzip2", {.method = 12}, 0, "by method 12"},
        {"checksum", {.crc_off = 1}, 0, "its checksum differs"},
        {"checksum, deflated", {.method = 8, .crc_off = 1}, 1000, "its checksum differs"},
        {"sizes differ", {.unpacked_off = 1}, 0, "has two sizes"},
        {"deflated to more than it says", {.method = 8, .unpacked_off = -1}, 1000, "x.npy is damaged"},
        {"deflated to less than it says", {.method = 8, .unpacked_off = 1}, 1000, "x.npy is damaged"},
        {"content beyond the archive", {.packed_off = 4000, .unpacked_off = 4000}, 0, "reaches beyond"},
        {"content of one byte more than there is", {.method = 8, .packed_off = 1}, 1000, "reaches beyond"},
        {"content elsewhere", {.local_off = 7}, 0, "does not begin at byte 7"},
        {"content far away", {.local_off = 1000000}, 0, "does not begin at byte 1000000"},
        {"directory elsewhere", {.directory_off = 100000}, 0, "does not fit into"},
        {"directory damaged", {.directory_off = -1}, 0, "entry 1 of its directory"},
        {"an entry too many", {.entries_more = 1}, 0, "entry 2 of its directory"},
        {"one of several disks", {.disk = 1}, 0, "one part of a zip archive in several"},
        {"cut", {.cut = 5}, 0, "its end record is missing"},
        {"same name twice", {.second = "x.npy"}, 0, "two members x.npy"},
        {"same name twice, deflated", {.method = 8, .second = "x.npy"}, 1000, "two members x.npy"},
        {"zip64 without sizes", {.zip64 = 2}, 0, "zip64 sizes of entry 1 are missing"},
    };
    unsigned char packed[256];
    size_t n = deflate_raw(content, CONTENT, packed, sizeof packed);
    uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)content, CONTENT);
    (void)state;
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        struct sab_error err = {0};
        size_t nbytes;
        int is_deflated = files[k].damage.method == 8;
        struct bytes b = npz(is_deflated ? (const void *)packed : content, is_deflated ? n : CONTENT, CONTENT, crc,
                             &files[k].damage);
        int status = open_npz(&b, files[k].budget, &nbytes, &err);
        if (!files[k].message && (status != SAB_OK || nbytes != CONTENT))
            fail_msg("%s: %zu bytes, \"%s\"", files[k].name, nbytes, err.message);
        if (files[k].message && (status != SAB_FORMAT || !strstr(err.message, files[k].message)))
            fail_msg("%s: expected \"%s\", got %d \"%s\"", files[k].name, files[k].message, status, err.message);
    }
}

/* Every byte of an archive cut off, and every bit of its directory turned: an error or the same content, never more. */
static void damaged_archives(void **state)
{
    const struct damage none = {0};
    uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)content, CONTENT);
    struct bytes whole = npz(content, CONTENT, CONTENT, crc, &none);
    (void)state;
    for (size_t n = 0; n < whole.n; n++) {
        struct bytes b = whole;
        size_t nbytes;
        b.n = n;
        assert_int_not_equal(open_npz(&b, 100, &nbytes, NULL), SAB_OK);
    }
    for (size_t bit = 0; bit < 8 * whole.n; bit++) {
        struct bytes b = whole;
        size_t nbytes;
        b.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (open_npz(&b, 100, &nbytes, NULL) == SAB_OK)
            assert_true(nbytes == CONTENT || nbytes == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type), cmocka_unit_test(reads_other_headers),
        cmocka_unit_test(writes_what_it_reads), cmocka_unit_test(half_precision),
        cmocka_unit_test(numbers_as_strtod), cmocka_unit_test(differences_of_decimals),
        cmocka_unit_test(malformed_npy),
        cmocka_unit_test(malformed_beginnings), cmocka_unit_test(archives),
        cmocka_unit_test(damaged_archives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

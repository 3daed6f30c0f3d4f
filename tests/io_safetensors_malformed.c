/* Named malformed files, each refused with its own sentence. A file is a header and a number of payload bytes; what the
 * message must contain stands beside it. Raw files, whose first 8 bytes lie too, are a table of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "io_support.h"

/* A tensor's entry. */
#define T(name, dtype, shape, begin, end) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"
#define DAMAGED "damaged header"
#define UNDESCRIBED "is not described by dtype, shape and data_offsets alone"
#define BAD_SHAPE "dimension 0 of its shape is not a whole number"
#define BAD_OFFSETS "data_offsets are not two whole numbers"
#define TOO_LARGE "too large for any memory"

static const struct malformed {
    const char *name;
    const char *header;
    size_t payload_nbytes;
    const char *message;
} files[] = {
    /* not this kind of file */
    {"no header", "", 0, "does not begin with '{'"},
    {"only payload", "", 16, "does not begin with '{'"},
    {"space before the brace", " {}", 0, "does not begin with '{'"},
    {"newline before the brace", "\n{}", 0, "does not begin with '{'"},
    {"byte order mark", "\xef\xbb\xbf{}", 0, "does not begin with '{'"},
    {"array", "[]", 0, "does not begin with '{'"},
    {"text", "\"abc\"", 0, "does not begin with '{'"},
    {"number", "12", 0, "does not begin with '{'"},
    {"null", "null", 0, "does not begin with '{'"},
    {"PNG", "\x89PNG\r\n\x1a\n", 20, "does not begin with '{'"},

    /* not JSON */
    {"brace alone", "{", 0, DAMAGED},
    {"brace and spaces", "{     ", 0, DAMAGED},
    {"two objects", "{}{}", 0, DAMAGED},
    {"something after the object", "{}x", 0, DAMAGED},
    {"zero byte after the object", "{}\1", 0, DAMAGED},
    {"key without value", "{\"a\"}", 0, DAMAGED},
    {"key without quotes", "{a:1}", 0, DAMAGED},
    {"number as key", "{1:1}", 0, DAMAGED},
    {"single quotes", "{'a':1}", 0, DAMAGED},
    {"unfinished text", "{\"a", 0, DAMAGED},
    {"unfinished escape", "{\"a\\", 0, DAMAGED},
    {"unknown escape", "{\"\\q\":1}", 0, DAMAGED},
    {"short unicode escape", "{\"\\u00\":1}", 0, DAMAGED},
    {"unicode escape that is not hexadecimal", "{\"\\u00zz\":1}", 0, DAMAGED},
    {"escaped zero byte in a key", "{\"a\\u0000b\":1}", 0, DAMAGED},
    {"escaped zero byte in a text", "{\"__metadata__\":{\"a\":\"b\\u0000\"}}", 0, "under 'a' is not a text"},
    {"lone high surrogate", "{\"\\ud800\":1}", 0, DAMAGED},
    {"lone low surrogate", "{\"\\udc00\":1}", 0, DAMAGED},
    {"surrogates in the wrong order", "{\"\\udc00\\ud800\":1}", 0, DAMAGED},
    {"tab inside a text", "{\"a\tb\":1}", 0, DAMAGED},
    {"newline inside a text", "{\"a\nb\":1}", 0, DAMAGED},
    {"terminal escape inside a text", "{\"\x1b[31m\":1}", 0, DAMAGED},
    {"stray continuation byte", "{\"\x80\":1}", 0, DAMAGED},
    {"overlong UTF-8", "{\"\xc0\xaf\":1}", 0, DAMAGED},
    {"surrogate in UTF-8", "{\"\xed\xa0\x80\":1}", 0, DAMAGED},
    {"beyond Unicode", "{\"\xf4\x90\x80\x80\":1}", 0, DAMAGED},
    {"cut UTF-8", "{\"\xe2\x82\":1}", 0, DAMAGED},
    {"byte 255", "{\"\xff\":1}", 0, DAMAGED},
    {"trailing comma", "{\"a\":1,}", 0, DAMAGED},
    {"leading comma", "{,\"a\":1}", 0, DAMAGED},
    {"missing comma", "{\"a\":1 \"b\":1}", 0, DAMAGED},
    {"missing colon", "{\"a\" 1}", 0, DAMAGED},
    {"comment", "{/* none */}", 0, DAMAGED},
    {"NaN", "{\"a\":NaN}", 0, DAMAGED},
    {"Infinity", "{\"a\":Infinity}", 0, DAMAGED},
    {"capital True", "{\"a\":True}", 0, DAMAGED},
    {"leading zero", "{" "\"a\":{\"dtype\":\"U8\",\"shape\":[01],\"data_offsets\":[0,1]}}", 1, DAMAGED},
    {"plus sign", "{" "\"a\":{\"dtype\":\"U8\",\"shape\":[+1],\"data_offsets\":[0,1]}}", 1, DAMAGED},
    {"hexadecimal number", "{" "\"a\":{\"dtype\":\"U8\",\"shape\":[0x1],\"data_offsets\":[0,1]}}", 1, DAMAGED},
    {"integer beyond 64 bits", "{" T("a", "U8", "[99999999999999999999]", 0, 1) "}", 1, DAMAGED},
    {"offset beyond 64 bits", "{" T("a", "U8", "[1]", 0, 18446744073709551616) "}", 1, DAMAGED},
    {"mismatched brackets", "{\"a\":[1}", 0, DAMAGED},
    {"array closed twice", "{\"a\":[]]}", 0, DAMAGED},
    {"same tensor twice", "{" T("a", "U8", "[1]", 0, 1) "," T("a", "U8", "[1]", 1, 2) "}", 2, "stands twice in one object"},
    {"same tensor twice, once escaped", "{" T("a", "U8", "[1]", 0, 1) "," T("\\u0061", "U8", "[1]", 1, 2) "}", 2,
     "stands twice in one object"},
    {"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "stands twice in one object"},
    {"metadata key twice", "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "stands twice in one object"},
    {"dtype twice", "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
     "stands twice in one object"},
    {"shape twice", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
     "stands twice in one object"},

    /* metadata */
    {"metadata is null", "{\"__metadata__\":null}", 0, "__metadata__ is not a JSON object"},
    {"metadata is a text", "{\"__metadata__\":\"a\"}", 0, "__metadata__ is not a JSON object"},
    {"metadata is an array", "{\"__metadata__\":[]}", 0, "__metadata__ is not a JSON object"},
    {"metadata holds a number", "{\"__metadata__\":{\"a\":1}}", 0, "metadata under 'a' is not a text"},
    {"metadata holds null", "{\"__metadata__\":{\"a\":\"x\",\"b\":null}}", 0, "metadata under 'b' is not a text"},
    {"metadata holds an object", "{\"__metadata__\":{\"a\":{}}}", 0, "metadata under 'a' is not a text"},
    {"metadata holds an array", "{\"__metadata__\":{\"a\":[\"x\"]}}", 0, "metadata under 'a' is not a text"},
    {"metadata holds true", "{\"__metadata__\":{\"a\":true}}", 0, "metadata under 'a' is not a text"},
    {"tensor named metadata", "{" T("__metadata__", "U8", "[1]", 0, 1) "}", 1, "metadata under 'shape' is not a text"},
    {"digest without digits", "{\"__metadata__\":{\"sab_digest\":\"\"}}", 0, "write it without that key"},
    {"digest of something else", "{\"__metadata__\":{\"sab_digest\":\"0123456789abcdef0123456789abcdef\"}}", 0,
     "records 0123456789abcdef0123456789abcdef"},
    {"digest not in the first place",
     "{\"__metadata__\":{\"a\":\"\",\"sab_digest\":\"0123456789abcdef0123456789abcdef\"}}", 0,
     "write it without that key"},
    {"digest key damaged", "{\"__metadata__\":{\"sab_digest2\":\"0123456789abcdef0123456789abcdef\"}}", 0,
     "records \"0123456789abcdef0123456789abcde"},

    /* a tensor that is something else */
    {"tensor is null", "{\"a\":null}", 0, "tensor 'a' " UNDESCRIBED},
    {"tensor is a number", "{\"a\":1}", 0, "tensor 'a' " UNDESCRIBED},
    {"tensor is a text", "{\"a\":\"F32\"}", 0, "tensor 'a' " UNDESCRIBED},
    {"tensor is an array", "{\"a\":[]}", 0, "tensor 'a' " UNDESCRIBED},
    {"tensor is empty", "{\"a\":{}}", 0, "tensor 'a' " UNDESCRIBED},
    {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, UNDESCRIBED},
    {"no shape", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, UNDESCRIBED},
    {"no offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, UNDESCRIBED},
    {"one field more", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1, UNDESCRIBED},
    {"misspelt dtype", "{\"a\":{\"dType\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "'a' has no dtype"},
    {"misspelt shape", "{\"a\":{\"dtype\":\"U8\",\"shapes\":[1],\"data_offsets\":[0,1]}}", 1, "'a' has no shape"},
    {"misspelt offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"offsets\":[0,1]}}", 1, BAD_OFFSETS},
    {"control characters in a name", "{\"\\u001b[2Ja\\n\":1}", 0, "tensor '\\x1b[2Ja\\n' " UNDESCRIBED},

    /* dtype */
    {"dtype is a number", "{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "'a' has no dtype"},
    {"dtype is null", "{\"a\":{\"dtype\":null,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "'a' has no dtype"},
    {"dtype is an array", "{\"a\":{\"dtype\":[\"U8\"],\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "'a' has no dtype"},
    {"empty dtype", "{" T("a", "", "[1]", 0, 1) "}", 1, "dtype ''"},
    {"small letters", "{" T("a", "f32", "[1]", 0, 4) "}", 4, "dtype 'f32'"},
    {"space after dtype", "{" T("a", "F32 ", "[1]", 0, 4) "}", 4, "dtype 'F32 '"},
    {"eight bits", "{" T("a", "F8_E4M3", "[1]", 0, 1) "}", 1, "U8, I32, I64, F16, BF16, F32 and F64 are read"},
    {"half precision of four bytes", "{" T("a", "F16", "[1]", 0, 4) "}", 4, "4 bytes where its shape and F16 make 2"},
    {"small bfloat16", "{" T("a", "bf16", "[1]", 0, 2) "}", 2, "dtype 'bf16'"},
    {"boolean", "{" T("a", "BOOL", "[1]", 0, 1) "}", 1, "dtype 'BOOL'"},
    {"unsigned 64", "{" T("a", "U64", "[1]", 0, 8) "}", 8, "dtype 'U64'"},
    {"dtype with a terminal escape", "{" T("a", "\\u001b[31m", "[1]", 0, 1) "}", 1, "dtype '\\x1b[31m'"},

    /* shape */
    {"shape is a number", "{" T("a", "U8", "1", 0, 1) "}", 1, "'a' has no shape"},
    {"shape is null", "{" T("a", "U8", "null", 0, 1) "}", 1, "'a' has no shape"},
    {"shape is an object", "{" T("a", "U8", "{}", 0, 1) "}", 1, "'a' has no shape"},
    {"shape is a text", "{" T("a", "U8", "\"[1]\"", 0, 1) "}", 1, "'a' has no shape"},
    {"negative dimension", "{" T("a", "U8", "[-1]", 0, 1) "}", 1, BAD_SHAPE},
    {"real dimension", "{" T("a", "U8", "[1.0]", 0, 1) "}", 1, BAD_SHAPE},
    {"dimension with exponent", "{" T("a", "U8", "[1e0]", 0, 1) "}", 1, BAD_SHAPE},
    {"dimension is a text", "{" T("a", "U8", "[\"1\"]", 0, 1) "}", 1, BAD_SHAPE},
    {"dimension is null", "{" T("a", "U8", "[null]", 0, 1) "}", 1, BAD_SHAPE},
    {"dimension is true", "{" T("a", "U8", "[true]", 0, 1) "}", 1, BAD_SHAPE},
    {"nested shape", "{" T("a", "U8", "[[1]]", 0, 1) "}", 1, BAD_SHAPE},
    {"second dimension negative", "{" T("a", "U8", "[1,-1]", 0, 1) "}", 1, "dimension 1 of its shape"},
    {"nine dimensions", "{" T("a", "U8", "[1,1,1,1,1,1,1,1,1]", 0, 1) "}", 1, "9 dimensions; at most 8"},
    {"product overflows", "{" T("a", "U8", "[4294967296,4294967296]", 0, 1) "}", 1, TOO_LARGE},
    {"product overflows to the right size", "{" T("a", "U8", "[4294967296,4294967296,1]", 0, 0) "}", 0, TOO_LARGE},
    {"bytes overflow", "{" T("a", "F64", "[2305843009213693952]", 0, 0) "}", 0, TOO_LARGE},
    {"bytes overflow by one element", "{" T("a", "F64", "[2305843009213693953]", 0, 8) "}", 8, TOO_LARGE},
    {"overflow before a zero", "{" T("a", "U8", "[9223372036854775807,9223372036854775807,0]", 0, 0) "}", 0, TOO_LARGE},

    /* shape against bytes */
    {"scalar of no bytes", "{" T("a", "F32", "[]", 0, 0) "}", 0, "0 bytes where its shape and F32 make 4"},
    {"one byte short", "{" T("a", "F32", "[2]", 0, 7) "}", 7, "7 bytes where its shape and F32 make 8"},
    {"one byte long", "{" T("a", "F32", "[2]", 0, 9) "}", 9, "9 bytes where its shape and F32 make 8"},
    {"elements for bytes", "{" T("a", "F64", "[4]", 0, 4) "}", 4, "4 bytes where its shape and F64 make 32"},
    {"zero dimension with bytes", "{" T("a", "U8", "[0]", 0, 1) "}", 1, "1 bytes where its shape and U8 make 0"},
    {"huge shape in a small file", "{" T("a", "F32", "[1000000000000]", 0, 4) "}", 4, "make 4000000000000"},

    /* offsets */
    {"offsets are null", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":null}}", 1, BAD_OFFSETS},
    {"offsets are a number", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":1}}", 1, BAD_OFFSETS},
    {"no offset", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[]}}", 1, BAD_OFFSETS},
    {"one offset", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, BAD_OFFSETS},
    {"three offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1, BAD_OFFSETS},
    {"offsets are texts", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[\"0\",\"1\"]}}", 1, BAD_OFFSETS},
    {"real offset", "{" T("a", "U8", "[1]", 0.0, 1) "}", 1, BAD_OFFSETS},
    {"negative begin", "{" T("a", "U8", "[1]", -1, 0) "}", 1, BAD_OFFSETS},
    {"negative end", "{" T("a", "U8", "[1]", 0, -1) "}", 1, BAD_OFFSETS},
    {"end before begin", "{" T("a", "U8", "[1]", 1, 0) "}", 1,
     "ends at byte 0 of the payload, before its beginning at 1"},
    {"end before begin, far", "{" T("a", "U8", "[1]", 9223372036854775807, 0) "}", 1, "before its beginning"},
    {"end one past the file", "{" T("a", "U8", "[2]", 0, 2) "}", 1, "ends at byte 2 of the payload, which has 1"},
    {"end far past the file", "{" T("a", "U8", "[1]", 0, 9223372036854775807) "}", 1, "cut short or damaged"},
    {"no payload at all", "{" T("a", "F32", "[1]", 0, 4) "}", 0, "ends at byte 4 of the payload, which has 0"},
    {"empty tensor past the file", "{" T("a", "U8", "[0]", 5, 5) "}", 1, "ends at byte 5 of the payload, which has 1"},

    /* all together */
    {"payload without tensors", "{}", 1, "the last 1 bytes, from byte 10 of the file, belong to no tensor"},
    {"payload after the last tensor", "{" T("a", "U8", "[1]", 0, 1) "}", 3, "the last 2 bytes"},
    {"hole at the start", "{" T("a", "U8", "[1]", 1, 2) "}", 2, "bytes 0 to 1 of the payload, before tensor 'a'"},
    {"hole in the middle", "{" T("a", "U8", "[1]", 0, 1) "," T("b", "U8", "[1]", 2, 3) "}", 3,
     "bytes 1 to 2 of the payload, before tensor 'b'"},
    {"hole before an empty tensor", "{" T("a", "U8", "[1]", 0, 1) "," T("b", "U8", "[0]", 2, 2) "}", 2,
     "bytes 1 to 2 of the payload, before tensor 'b'"},
    {"two tensors in one place", "{" T("a", "U8", "[1]", 0, 1) "," T("b", "U8", "[1]", 0, 1) "}", 1,
     "tensor 'b' begins at byte 0 of the payload, inside the one that ends at 1"},
    {"overlap by one byte", "{" T("a", "U8", "[2]", 0, 2) "," T("b", "U8", "[2]", 1, 3) "}", 3,
     "tensor 'b' begins at byte 1 of the payload"},
    {"one tensor inside another", "{" T("a", "U8", "[4]", 0, 4) "," T("b", "U8", "[1]", 1, 2) "}", 4,
     "tensor 'b' begins at byte 1 of the payload"},
    {"empty tensor inside another", "{" T("a", "U8", "[4]", 0, 4) "," T("b", "U8", "[0]", 2, 2) "}", 4,
     "tensor 'b' begins at byte 2 of the payload"},
    {"overlap hides a hole", "{" T("a", "U8", "[2]", 0, 2) "," T("b", "U8", "[2]", 0, 2) "}", 4, "tensor 'b' begins"},
};

static const struct raw {
    const char *name;
    const char *bytes;
    size_t nbytes;
    const char *message;
} raws[] = {
    {"empty file", "", 0, "has 0 bytes"},
    {"one byte", "{", 1, "has 1 bytes"},
    {"seven bytes", "\2\0\0\0\0\0\0", 7, "has 7 bytes"},
    {"length alone", "\2\0\0\0\0\0\0\0", 8, "announces a header of 2 bytes, but only 0 follow"},
    {"length of nothing", "\0\0\0\0\0\0\0\0", 8, "does not begin with '{'"},
    {"length one too large", "\3\0\0\0\0\0\0\0{}", 10, "announces a header of 3 bytes, but only 2 follow"},
    {"length one too small", "\1\0\0\0\0\0\0\0{}", 10, DAMAGED},
    {"largest length", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "announces a header of 18446744073709551615 bytes"},
    {"length that overflows with its own 8 bytes", "\xf8\xff\xff\xff\xff\xff\xff\xff{}", 10, "but only 2 follow"},
    {"negative length", "\0\0\0\0\0\0\0\x80{}", 10, "announces a header of 9223372036854775808 bytes"},
    {"big-endian length", "\0\0\0\0\0\0\0\2{}", 10, "announces a header of 144115188075855872 bytes"},
    {"length in text", "00000002{}", 10, "announces"},
    {"zero byte in the header", "\3\0\0\0\0\0\0\0{\0}", 11, DAMAGED},
    {"header padded with zero bytes", "\4\0\0\0\0\0\0\0{}\0\0", 12, DAMAGED},
    {"zip archive, as PyTorch saves", "PK\3\4\0\0\10\10\0\0\0\0\0\0", 14, "announces"},
    {"pickle", "\x80\2}q\0(X\1\0\0\0aq\1K\1u.", 18, "announces"},
};

static void check(const char *name, const char *path, const char *message)
{
    struct sab_error err = {0};
    struct sab_safetensors *file = NULL;
    int status = sab_safetensors_open(&file, path, &err);
    if (status != SAB_FORMAT || file || !strstr(err.message, message) || !strstr(err.message, path))
        fail_msg("%s: expected status %d and '%s', got %d '%s'", name, SAB_FORMAT, message, status, err.message);
    for (const char *c = err.message; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            fail_msg("%s: byte %d in the message", name, (unsigned char)*c);
}

static void every_malformed_header_has_its_sentence(void **state)
{
    (void)state;
    const char *path = io_path("malformed");
    const char payload[64] = {0};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        io_put_safetensors(path, files[i].header, strlen(files[i].header), payload, files[i].payload_nbytes);
        check(files[i].name, path, files[i].message);
    }
    print_message("%zu malformed headers\n", sizeof files / sizeof *files);
}

static void every_malformed_file_has_its_sentence(void **state)
{
    (void)state;
    const char *path = io_path("malformed");
    for (size_t i = 0; i < sizeof raws / sizeof *raws; i++) {
        io_put(path, raws[i].bytes, raws[i].nbytes);
        check(raws[i].name, path, raws[i].message);
    }
    print_message("%zu malformed files\n", sizeof raws / sizeof *raws);
}

/* A header of n copies of one byte after `begin`. */
static void put_long(const char *path, const char *begin, char filler, size_t n)
{
    char *header = malloc(n);
    memset(header, filler, n);
    memcpy(header, begin, strlen(begin));
    io_put_safetensors(path, header, n, NULL, 0);
    free(header);
}

static void long_headers_have_their_sentence(void **state)
{
    (void)state;
    const char *path = io_path("long");
    put_long(path, "{}", ' ', (8 << 20) + 1);
    check("header over the cap", path, "has a header of 8388609 bytes; at most 8388608 are read");
    put_long(path, "{\"a\":", '[', 100000);
    check("nested too deep", path, "damaged header: byte");
    put_long(path, "{\"a\":", '[', 300000);
    check("nested deeper", path, "too many arrays and objects in each other");
    put_long(path, "{\"a\":[0", ',', 600000);
    check("many commas", path, "not a value");
    char *many = malloc(1200010);
    strcpy(many, "{\"a\":[0");
    for (int i = 0; i < 600000; i++)
        memcpy(many + 7 + 2 * i, ",0", 2);
    strcpy(many + 1200007, "]}");
    io_put_safetensors(path, many, 1200009, NULL, 0);
    check("too many values", path, "too many values");
    free(many);
    put_long(path, "{\"a\":1", '9', 100000);
    check("a number of 100,000 digits", path, DAMAGED);
    put_long(path, "{\"a\":1e", '9', 100000);
    check("an exponent of 100,000 digits", path, DAMAGED);
    put_long(path, "{\"", 'n', 4 << 20);
    check("a name of 4 MiB without end", path, DAMAGED);
}

/* Larger than any memory, and told by its first bytes. */
static void what_is_no_such_file_is_not_read(void **unused)
{
    (void)unused;
    const char *path = io_path("large");
    struct sab_safetensors *file = NULL;
    struct sab_error err = {0};
    static const struct {
        unsigned char begin[9];
        int status;
        const char *message;
    } cases[] = {
        {{0}, SAB_FORMAT, "does not begin with '{'"},
        {{0, 0, 0, 0, 0, 9}, SAB_FORMAT, "announces a header of 9895604649984 bytes"},
        {{0, 0, 0, 1}, SAB_FORMAT, "has a header of 16777216 bytes"},
        {{2, 0, 0, 0, 0, 0, 0, 0, '{'}, SAB_NOMEM, "are free"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        io_put(path, cases[i].begin, sizeof cases[i].begin);
        if (truncate(path, (off_t)1 << 42) != 0)
            skip(); /* a file system without files of 4 TiB */
        int status = sab_safetensors_open(&file, path, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].message))
            fail_msg("expected %d, \"%s\", got %d, \"%s\"", cases[i].status, cases[i].message, status, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_malformed_header_has_its_sentence),
        cmocka_unit_test(every_malformed_file_has_its_sentence),
        cmocka_unit_test(long_headers_have_their_sentence),
        cmocka_unit_test(what_is_no_such_file_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

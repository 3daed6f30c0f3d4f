/* See npy.h. */
#include "source/npy.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "source/number.h"

enum { HEADER_MOST = 1 << 16 }; /* NumPy itself refuses to read longer ones from strangers */

/* The header as it is read. */
struct header {
    const char *at, *end;
    const char *name;
    int has_type, has_order, has_shape;
    struct sab_npy *array;
};

static int fail_at(const struct header *h, const char *expected, struct sab_error *err)
{
    int rest = h->end - h->at < 24 ? (int)(h->end - h->at) : 24;
    while (rest > 0 && (h->at[rest - 1] < ' ' || h->at[rest - 1] > '~'))
        rest--;
    return sab_fail(err, SAB_FORMAT, "%s: damaged header: %s expected at \"%.*s\"", h->name, expected, rest, h->at);
}

static void skip_space(struct header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t'))
        h->at++;
}

/* Takes the character if it comes next. */
static int take(struct header *h, char c)
{
    skip_space(h);
    if (h->at == h->end || *h->at != c)
        return 0;
    h->at++;
    return 1;
}

static int take_word(struct header *h, const char *word)
{
    size_t n = strlen(word);
    skip_space(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n) != 0)
        return 0;
    h->at += n;
    return 1;
}

/* A text between quotes of either kind, without escapes. */
static int take_text(struct header *h, char *text, size_t cap)
{
    skip_space(h);
    if (h->at == h->end || (*h->at != '\'' && *h->at != '"'))
        return 0;
    const char *begin = h->at + 1, *close = memchr(begin, *h->at, (size_t)(h->end - begin));
    if (!close || (size_t)(close - begin) >= cap || memchr(begin, '\\', (size_t)(close - begin)))
        return 0;
    memcpy(text, begin, (size_t)(close - begin));
    text[close - begin] = 0;
    h->at = close + 1;
    return 1;
}

static int take_whole(struct header *h, int64_t *value)
{
    skip_space(h);
    const char *begin = h->at;
    int64_t v = 0;
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
        if (v > (INT64_MAX - 9) / 10)
            return 0;
        v = 10 * v + (*h->at - '0');
    }
    *value = v;
    return h->at > begin;
}

static int is_little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first;
}

/* "<f4": byte order, kind, bytes. */
static int read_type(struct header *h, struct sab_error *err)
{
    char text[64];
    skip_space(h);
    if (h->at < h->end && *h->at == '[')
        return sab_fail(err, SAB_FORMAT, "%s has records of several fields; save each field as an array of its own",
                        h->name);
    if (!take_text(h, text, sizeof text))
        return fail_at(h, "the type of the elements, such as '<f4',", err);
    const char *type = text;
    char order = strchr("<>=|", *type) && *type ? *type++ : '=';
    char kind = *type ? *type++ : 0;
    if (kind == 'O')
        return sab_fail(err, SAB_FORMAT,
                        "%s is an array of Python objects (dtype object), and opening those runs code from the file: "
                        "refused. Save numbers (x.astype(np.float32)); ragged sequences as one array and lengths",
                        h->name);
    if (kind == 'U' || kind == 'S' || kind == 'a')
        return sab_fail(err, SAB_FORMAT, "%s holds texts (dtype %.20s); numbers are needed: classes as whole numbers "
                        "from 0", h->name, text);
    if (kind == 'c')
        return sab_fail(err, SAB_FORMAT, "%s holds complex numbers (dtype %.20s); save real and imaginary part as two "
                        "inputs", h->name, text);
    if (kind == 'M' || kind == 'm')
        return sab_fail(err, SAB_FORMAT, "%s holds dates or times (dtype %.20s); save them as numbers", h->name, text);
    struct sab_npy *a = h->array;
    int n = *type && !type[1] ? *type - '0' : 0;
    int is_known = kind == 'f' ? n == 2 || n == 4 || n == 8
                 : kind == 'i' || kind == 'u' ? n == 1 || n == 2 || n == 4 || n == 8
                                              : kind == 'b' && n == 1;
    if (!is_known || (order == '|' && n > 1))
        return sab_fail(err, SAB_FORMAT, "%s has elements of the type \"%.20s\"; read are f2 f4 f8, i1 i2 i4 i8, u1 u2 "
                        "u4 u8 and b1 (bool)", h->name, text);
    a->kind = kind;
    a->item_nbytes = n;
    a->is_swapped = n > 1 && order != '=' && (order == '<') != is_little_endian();
    return SAB_OK;
}

static int read_order(struct header *h, int *is_fortran, struct sab_error *err)
{
    if (take_word(h, "False"))
        *is_fortran = 0;
    else if (take_word(h, "True"))
        *is_fortran = 1;
    else
        return fail_at(h, "True or False for fortran_order", err);
    return SAB_OK;
}

static int read_shape(struct header *h, struct sab_error *err)
{
    struct sab_npy *a = h->array;
    int may_go_on = 1; /* nothing or a comma came before */
    a->count = 1;
    if (!take(h, '('))
        return fail_at(h, "the shape, such as (3, 4),", err);
    while (!take(h, ')')) {
        int64_t n;
        if (a->ndim == SAB_NPY_DIMENSIONS)
            return sab_fail(err, SAB_FORMAT, "%s has more than %d dimensions", h->name, SAB_NPY_DIMENSIONS);
        if (!may_go_on)
            return fail_at(h, "a comma in the shape", err);
        if (!take_whole(h, &n))
            return fail_at(h, "a whole number below 2^63 in the shape", err);
        if (n > 0 && a->count > INT64_MAX / 8 / n)
            return sab_fail(err, SAB_FORMAT, "%s has a shape of more elements than any memory holds", h->name);
        a->shape[a->ndim++] = n;
        a->count *= n;
        may_go_on = take(h, ',');
    }
    return SAB_OK;
}

static int read_entry(struct header *h, int *is_fortran, struct sab_error *err)
{
    char key[32];
    if (!take_text(h, key, sizeof key))
        return fail_at(h, "one of the keys 'descr', 'fortran_order', 'shape'", err);
    int *has = strcmp(key, "descr") == 0           ? &h->has_type
             : strcmp(key, "fortran_order") == 0 ? &h->has_order
             : strcmp(key, "shape") == 0         ? &h->has_shape
                                                 : NULL;
    if (!has)
        return sab_fail(err, SAB_FORMAT, "%s: damaged header: the key '%s' is not one of descr, fortran_order, shape",
                        h->name, key);
    if (*has)
        return sab_fail(err, SAB_FORMAT, "%s: damaged header: the key '%s' is there twice", h->name, key);
    *has = 1;
    if (!take(h, ':'))
        return fail_at(h, "a colon", err);
    return has == &h->has_type    ? read_type(h, err)
         : has == &h->has_order ? read_order(h, is_fortran, err)
                                : read_shape(h, err);
}

static int read_header(struct header *h, int *is_fortran, struct sab_error *err)
{
    if (!take(h, '{'))
        return fail_at(h, "a brace", err);
    while (!take(h, '}')) {
        int status = read_entry(h, is_fortran, err);
        if (status != SAB_OK)
            return status;
        if (take(h, ','))
            continue;
        if (!take(h, '}'))
            return fail_at(h, "a comma or the closing brace", err);
        break;
    }
    skip_space(h);
    if (h->at != h->end)
        return fail_at(h, "the end of the header", err);
    const char *missing = !h->has_type ? "descr" : !h->has_order ? "fortran_order" : !h->has_shape ? "shape" : NULL;
    if (missing)
        return sab_fail(err, SAB_FORMAT, "%s: damaged header: the key '%s' is missing", h->name, missing);
    return SAB_OK;
}

/* Where the header begins and how long it is. */
static int find_header(const unsigned char *bytes, size_t nbytes, const char *name, size_t *begin, size_t *length,
                       struct sab_error *err)
{
    if (nbytes < 6 || memcmp(bytes, "\x93NUMPY", 6) != 0) {
        int is_pickle = nbytes > 1 && bytes[0] == 0x80 && bytes[1] <= 5;
        return sab_fail(err, SAB_FORMAT, is_pickle ? "%s is a Python pickle, which runs code when opened: refused. Save "
                        "it with np.save" : "%s is not a .npy file: it does not begin with \\x93NUMPY (nor with PK, as "
                                            "an .npz does)", name);
    }
    if (nbytes < 10)
        return sab_fail(err, SAB_FORMAT, "%s ends within its header, after %zu bytes", name, nbytes);
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return sab_fail(err, SAB_FORMAT, "%s is of version %d.%d of the format; 1.0, 2.0 and 3.0 are read", name,
                        bytes[6], bytes[7]);
    *begin = bytes[6] == 1 ? 10 : 12;
    if (nbytes < *begin)
        return sab_fail(err, SAB_FORMAT, "%s ends within its header, after %zu bytes", name, nbytes);
    *length = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1)
        *length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (*length > HEADER_MOST)
        return sab_fail(err, SAB_FORMAT, "%s claims a header of %zu bytes; at most %d are read", name, *length,
                        HEADER_MOST);
    if (*length > nbytes - *begin)
        return sab_fail(err, SAB_FORMAT, "%s ends within its header: %zu bytes are claimed, %zu are there", name,
                        *length, nbytes - *begin);
    return SAB_OK;
}

int sab_npy_parse(struct sab_npy *array, const unsigned char *bytes, size_t nbytes, const char *name,
                  struct sab_error *err)
{
    size_t begin = 0, length = 0;
    struct sab_npy a = {0};
    int is_fortran = 0, status = find_header(bytes, nbytes, name, &begin, &length, err);
    if (status != SAB_OK)
        return status;
    struct header h = {.at = (const char *)bytes + begin, .name = name, .array = &a};
    h.end = h.at + length;
    status = read_header(&h, &is_fortran, err);
    if (status != SAB_OK)
        return status;
    char shape[128];
    sab_npy_shape_text(&a, shape, sizeof shape);
    if (is_fortran && a.ndim > 1)
        return sab_fail(err, SAB_FORMAT, "%s is stored column by column (fortran_order); save "
                        "np.ascontiguousarray(x) instead", name);
    size_t have = nbytes - begin - length, need = (size_t)a.count * (size_t)a.item_nbytes;
    if (have != need)
        return sab_fail(err, SAB_FORMAT, "%s: shape %s of %d-byte elements needs %zu bytes; %zu follow the header", name,
                        shape, a.item_nbytes, need, have);
    a.data = bytes + begin + length;
    *array = a;
    return SAB_OK;
}

/* The bytes of element i, in this machine's order, as the low bytes of a number. */
static uint64_t bits_of(const struct sab_npy *a, int64_t i)
{
    const unsigned char *p = a->data + (size_t)i * (size_t)a->item_nbytes;
    uint8_t b1;
    uint16_t b2;
    uint32_t b4;
    uint64_t b8;
    switch (a->item_nbytes) {
    case 1:
        memcpy(&b1, p, 1);
        return b1;
    case 2:
        memcpy(&b2, p, 2);
        return a->is_swapped ? __builtin_bswap16(b2) : b2;
    case 4:
        memcpy(&b4, p, 4);
        return a->is_swapped ? __builtin_bswap32(b4) : b4;
    default:
        memcpy(&b8, p, 8);
        return a->is_swapped ? __builtin_bswap64(b8) : b8;
    }
}

int sab_npy_is_whole(const struct sab_npy *array)
{
    return array->kind != 'f';
}

int64_t sab_npy_int(const struct sab_npy *array, int64_t i)
{
    uint64_t bits = bits_of(array, i);
    if (array->kind == 'b')
        return bits != 0;
    if (array->kind == 'u')
        return bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
    switch (array->item_nbytes) {
    case 1:
        return (int8_t)bits;
    case 2:
        return (int16_t)bits;
    case 4:
        return (int32_t)bits;
    default:
        return (int64_t)bits;
    }
}

double sab_npy_real(const struct sab_npy *array, int64_t i)
{
    if (array->kind != 'f')
        return (double)sab_npy_int(array, i);
    uint64_t bits = bits_of(array, i);
    uint32_t b4 = (uint32_t)bits;
    float single;
    double full;
    switch (array->item_nbytes) {
    case 2:
        return sab_number_from_half((uint16_t)bits);
    case 4:
        memcpy(&single, &b4, 4);
        return single;
    default:
        memcpy(&full, &bits, 8);
        return full;
    }
}

void sab_npy_shape_text(const struct sab_npy *array, char *buf, size_t cap)
{
    size_t used = (size_t)snprintf(buf, cap, "[");
    for (int d = 0; d < array->ndim && used < cap; d++)
        used += (size_t)snprintf(buf + used, cap - used, "%s%" PRId64, d ? ", " : "", array->shape[d]);
    if (used < cap)
        snprintf(buf + used, cap - used, "]");
}

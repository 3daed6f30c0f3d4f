/* The reading half of safetensors.h. The file is read whole; its header is parsed strictly (base/json.h); then each tensor
 * is checked alone (types, ranges, shape against bytes), all together (no hole, no overlap, nothing left over), and the
 * digest last, so that the message is the most specific one. */
#include "io/safetensors.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "io/digest.h"
#include "io/file.h"
#include "io/safetensors_format.h"

enum { SHOWN_CAP = 96 }; /* of a name or token in a message */

struct sab_safetensors {
    const struct sab_value *root; /* owns names and metadata */
    char *bytes;      /* the file; NULL once the tensors were copied */
    size_t nbytes;
    size_t header;    /* its length */
    char *aligned;    /* copies of the tensors, where they do not lie aligned in the file */
    struct sab_safetensors_view *views;
    int count;
    int has_digest;
};

/* ---- the header ------------------------------------------------------------------------------------------------- */

static int parse_json(struct sab_safetensors *f, const char *path, struct sab_error *err)
{
    struct sab_json_problem problem;
    int status = sab_json_parse(&f->root, f->bytes + SAB_LENGTH_NBYTES, f->header, &problem);
    if (status == SAB_NOMEM)
        return sab_fail(err, SAB_NOMEM, "no memory to parse the header of '%s'", path);
    char shown[SHOWN_CAP];
    return status == SAB_OK ? SAB_OK
                            : sab_fail(err, SAB_FORMAT, "'%s' has a damaged header: byte %zu of the file: %s", path,
                                       SAB_LENGTH_NBYTES + problem.at,
                                       sab_text_shown(problem.what, shown, sizeof shown));
}

enum { BEGINNING = SAB_LENGTH_NBYTES + 1 }; /* the header's length, and its first byte */

/* What a file of nbytes begins with: all of it, or BEGINNING bytes at least. */
static int check_beginning(const char *begin, size_t nbytes, const char *path, size_t *header, struct sab_error *err)
{
    if (nbytes < SAB_LENGTH_NBYTES)
        return sab_fail(err, SAB_FORMAT, "'%s' has %zu bytes: no safetensors file, which begins with 8 bytes that say "
                        "how long its header is", path, nbytes);
    uint64_t length = 0;
    for (int i = SAB_LENGTH_NBYTES - 1; i >= 0; i--)
        length = length << 8 | (unsigned char)begin[i];
    size_t rest = nbytes - SAB_LENGTH_NBYTES;
    if (length > rest)
        return sab_fail(err, SAB_FORMAT, "'%s' is cut short or no safetensors file: it announces a header of %" PRIu64
                        " bytes, but only %zu follow", path, length, rest);
    if (length > SAB_HEADER_CAP)
        return sab_fail(err, SAB_FORMAT, "'%s' has a header of %" PRIu64 " bytes; at most %d are read", path, length,
                        SAB_HEADER_CAP);
    if (length == 0 || begin[SAB_LENGTH_NBYTES] != '{')
        return sab_fail(err, SAB_FORMAT, "'%s' is damaged or no safetensors file: its header, from byte 8, does not "
                        "begin with '{'", path);
    *header = (size_t)length;
    return SAB_OK;
}

/* Before a file is read, however large: whether it is one of these at all. */
static int look_at_beginning(const char *path, struct sab_error *err)
{
    char begin[BEGINNING];
    size_t header, nbytes;
    int status = sab_file_peek(path, begin, sizeof begin, &nbytes, err);
    return status == SAB_OK ? check_beginning(begin, nbytes, path, &header, err) : status;
}

static int parse_header(struct sab_safetensors *f, const char *path, struct sab_error *err)
{
    int status = check_beginning(f->bytes, f->nbytes, path, &f->header, err);
    return status == SAB_OK ? parse_json(f, path, err) : status;
}

static int check_metadata(const struct sab_value *metadata, const char *path, struct sab_error *err)
{
    if (!sab_value_is(metadata, SAB_VALUE_OBJECT))
        return sab_fail(err, SAB_FORMAT, "'%s': " SAB_METADATA_KEY " is not a JSON object", path);
    char shown[SHOWN_CAP];
    for (const struct sab_value *value = sab_value_first(metadata); value; value = value->next)
        if (!sab_value_string(value))
            return sab_fail(err, SAB_FORMAT, "'%s': the metadata under '%s' is not a text", path,
                            sab_text_shown(value->key, shown, sizeof shown));
    return SAB_OK;
}

/* ---- one tensor ------------------------------------------------------------------------------------------------- */

static int find_dtype(const char *name)
{
    for (int dtype = 0; dtype < SAB_DTYPE_COUNT; dtype++)
        if (name && strcmp(name, sab_dtype_name(dtype)) == 0)
            return dtype;
    return -1;
}

/* *out = a whole number >= 0; returns 0 where value is something else. */
static int get_size(const struct sab_value *value, uint64_t *out)
{
    int64_t number;
    if (sab_value_int(value, 0, INT64_MAX, &number))
        return 0;
    *out = (uint64_t)number;
    return 1;
}

static int parse_type(struct sab_safetensors_view *view, const struct sab_value *entry, const char *path, const char *shown,
                      struct sab_error *err)
{
    const struct sab_value *shape = sab_value_get(entry, "shape"), *size = sab_value_first(shape);
    const char *dtype = sab_value_string(sab_value_get(entry, "dtype"));
    char shown_dtype[SHOWN_CAP];
    if (!dtype)
        return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s' has no dtype", path, shown);
    view->dtype = find_dtype(dtype);
    if (view->dtype < 0)
        return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s' has dtype '%s'; U8, I32, I64, F16, BF16, F32 and F64 are read", path,
                        shown, sab_text_shown(dtype, shown_dtype, sizeof shown_dtype));
    if (!sab_value_is(shape, SAB_VALUE_ARRAY))
        return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s' has no shape", path, shown);
    size_t ndim = shape->size;
    if (ndim > SAB_SAFETENSORS_NDIM_CAP)
        return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s' has %zu dimensions; at most %d are read", path, shown, ndim,
                        SAB_SAFETENSORS_NDIM_CAP);
    view->ndim = (int)ndim;
    for (size_t d = 0; d < ndim; d++, size = size->next)
        if (!get_size(size, &view->shape[d]))
            return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s': dimension %zu of its shape is not a whole number >= 0",
                            path, shown, d);
    if (sab_safetensors_nbytes(view->dtype, view->ndim, view->shape, &view->nbytes))
        return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s' has a shape too large for any memory", path, shown);
    return SAB_OK;
}

static int parse_view(struct sab_safetensors *f, const struct sab_value *entry, const char *path, struct sab_error *err)
{
    struct sab_safetensors_view *view = &f->views[f->count];
    char shown[SHOWN_CAP];
    sab_text_shown(entry->key, shown, sizeof shown);
    view->name = entry->key;
    int status = parse_type(view, entry, path, shown, err);
    if (status != SAB_OK)
        return status;

    const struct sab_value *offsets = sab_value_get(entry, "data_offsets"), *first = sab_value_first(offsets);
    uint64_t begin, end;
    if (!sab_value_is(offsets, SAB_VALUE_ARRAY) || offsets->size != 2 || !get_size(first, &begin) ||
        !get_size(first->next, &end))
        return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s': data_offsets are not two whole numbers >= 0", path, shown);
    size_t payload = f->nbytes - SAB_LENGTH_NBYTES - f->header;
    if (begin > end)
        return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s' ends at byte %" PRIu64 " of the payload, before its "
                        "beginning at %" PRIu64, path, shown, end, begin);
    if (end > payload)
        return sab_fail(err, SAB_FORMAT, "'%s' is cut short or damaged: tensor '%s' ends at byte %" PRIu64
                        " of the payload, which has %zu", path, shown, end, payload);
    if (end - begin != view->nbytes)
        return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s' has %" PRIu64 " bytes where its shape and %s make %zu",
                        path, shown, end - begin, sab_dtype_name(view->dtype), view->nbytes);
    view->data = f->bytes + SAB_LENGTH_NBYTES + f->header + begin;
    f->count++;
    return SAB_OK;
}

/* Before there is room for them: so hostile headers have at most as many tensors as values can describe. */
static int check_entries(const struct sab_safetensors *f, const char *path, struct sab_error *err)
{
    char shown[SHOWN_CAP];
    for (const struct sab_value *v = sab_value_first(f->root); v; v = v->next)
        if (strcmp(v->key, SAB_METADATA_KEY) != 0 && (!sab_value_is(v, SAB_VALUE_OBJECT) || v->size != 3))
            return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s' is not described by dtype, shape and data_offsets alone",
                            path, sab_text_shown(v->key, shown, sizeof shown));
    return SAB_OK;
}

static int parse_views(struct sab_safetensors *f, const char *path, struct sab_error *err)
{
    f->views = sab_alloc(sab_value_size(f->root), sizeof *f->views);
    if (!f->views)
        return sab_fail(err, SAB_NOMEM, "no memory for the %zu tensors of '%s'", sab_value_size(f->root), path);
    for (const struct sab_value *entry = sab_value_first(f->root); entry; entry = entry->next) {
        int status = strcmp(entry->key, SAB_METADATA_KEY) == 0 ? check_metadata(entry, path, err)
                                                               : parse_view(f, entry, path, err);
        if (status != SAB_OK)
            return status;
    }
    return SAB_OK;
}

/* ---- all tensors together --------------------------------------------------------------------------------------- */

/* By place in the payload; an empty tensor before the one that begins where it stands; names make the order total. */
static int compare_views(const void *left, const void *right)
{
    const struct sab_safetensors_view *a = left, *b = right;
    if (a->data != b->data)
        return (const char *)a->data < (const char *)b->data ? -1 : 1;
    if ((a->nbytes == 0) != (b->nbytes == 0))
        return a->nbytes == 0 ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Sorts the views and walks the payload: each must begin where the one before it ended. */
static int check_cover(struct sab_safetensors *f, const char *path, struct sab_error *err)
{
    const char *payload = f->bytes + SAB_LENGTH_NBYTES + f->header, *at = payload;
    char shown[SHOWN_CAP];
    qsort(f->views, (size_t)f->count, sizeof *f->views, compare_views);
    for (int i = 0; i < f->count; i++) {
        const struct sab_safetensors_view *view = &f->views[i];
        const char *data = view->data;
        sab_text_shown(view->name, shown, sizeof shown);
        if (data < at)
            return sab_fail(err, SAB_FORMAT, "'%s': tensor '%s' begins at byte %zu of the payload, inside the one that "
                            "ends at %zu", path, shown, (size_t)(data - payload), (size_t)(at - payload));
        if (data > at)
            return sab_fail(err, SAB_FORMAT, "'%s': bytes %zu to %zu of the payload, before tensor '%s', belong to no "
                            "tensor", path, (size_t)(at - payload), (size_t)(data - payload), shown);
        at += view->nbytes;
    }
    size_t left = (size_t)(f->bytes + f->nbytes - at);
    if (left > 0)
        return sab_fail(err, SAB_FORMAT, "'%s': the last %zu bytes, from byte %zu of the file, belong to no tensor",
                        path, left, f->nbytes - left);
    return SAB_OK;
}

/* ---- digest and alignment --------------------------------------------------------------------------------------- */

/* A header that agrees with our prefix in all but a few bytes is ours, damaged there; a foreign one, even if it holds
 * metadata first, agrees in far fewer. */
static int check_digest(struct sab_safetensors *f, const char *path, struct sab_error *err)
{
    enum { PREFIX = sizeof SAB_DIGEST_PREFIX - 1, DAMAGE_CAP = 8 };
    const char *text = f->bytes + SAB_LENGTH_NBYTES;
    int differ = 0;
    for (int i = 0; i < PREFIX; i++)
        differ += f->header < PREFIX + SAB_DIGEST_DIGITS || text[i] != SAB_DIGEST_PREFIX[i];
    if (differ > DAMAGE_CAP) {
        if (sab_safetensors_metadata(f, SAB_DIGEST_KEY))
            return sab_fail(err, SAB_FORMAT, "'%s' was rewritten by a program that copied the metadata "
                            SAB_DIGEST_KEY ": the digest holds no more; write it without that key", path);
        return SAB_OK;
    }
    char hex[SAB_DIGEST_DIGITS + 1];
    if (!sab_safetensors_digest(f->bytes, f->nbytes, SAB_LENGTH_NBYTES + PREFIX, hex))
        return sab_fail(err, SAB_NOMEM, "no memory to verify '%s'", path);
    char shown[SAB_DIGEST_DIGITS + 1];
    memcpy(shown, text + PREFIX, SAB_DIGEST_DIGITS);
    shown[SAB_DIGEST_DIGITS] = '\0';
    if (strcmp(shown, hex) != 0)
        return sab_fail(err, SAB_FORMAT, "'%s' is damaged, or was rewritten without dropping the metadata "
                        SAB_DIGEST_KEY ": its digest is %s where it records %s", path, hex,
                        sab_text_shown(shown, shown, sizeof shown));
    f->has_digest = 1;
    return SAB_OK;
}

/* Files written here lie aligned. Others may not: theirs are copied, each tensor to a multiple of 8 bytes. */
static int align_views(struct sab_safetensors *f, const char *path, struct sab_error *err)
{
    size_t total = 0;
    int crooked = 0;
    for (int i = 0; i < f->count; i++) {
        const struct sab_safetensors_view *view = &f->views[i];
        crooked |= (uintptr_t)view->data % sab_dtype_nbytes(view->dtype) != 0;
        total += (view->nbytes + 7) / 8 * 8; /* cannot overflow: the tensors lie side by side in a file */
    }
    if (!crooked)
        return SAB_OK;
    f->aligned = sab_alloc(total, 1);
    if (!f->aligned)
        return sab_fail(err, SAB_NOMEM, "no memory for the %zu bytes of '%s'", total, path);
    char *to = f->aligned;
    for (int i = 0; i < f->count; i++) {
        struct sab_safetensors_view *view = &f->views[i];
        memcpy(to, view->data, view->nbytes);
        view->data = to;
        to += (view->nbytes + 7) / 8 * 8;
    }
    sab_free(f->bytes);
    f->bytes = NULL;
    return SAB_OK;
}

/* ---- public ----------------------------------------------------------------------------------------------------- */

int sab_safetensors_open(struct sab_safetensors **out, const char *path, struct sab_error *err)
{
    struct sab_safetensors *f = sab_alloc(1, sizeof *f);
    if (!f)
        return sab_fail(err, SAB_NOMEM, "no memory to open '%s'", path);
    void *bytes = NULL;
    int status = look_at_beginning(path, err);
    if (status == SAB_OK)
        status = sab_file_read(path, SIZE_MAX / 4, &bytes, &f->nbytes, err);
    f->bytes = bytes;
    if (status == SAB_OK)
        status = parse_header(f, path, err);
    if (status == SAB_OK)
        status = check_entries(f, path, err);
    if (status == SAB_OK)
        status = parse_views(f, path, err);
    if (status == SAB_OK)
        status = check_cover(f, path, err);
    if (status == SAB_OK)
        status = check_digest(f, path, err);
    if (status == SAB_OK)
        status = align_views(f, path, err);
    if (status == SAB_OK)
        *out = f;
    else
        sab_safetensors_close(f);
    return status;
}

void sab_safetensors_close(struct sab_safetensors *file)
{
    if (!file)
        return;
    sab_json_free(file->root);
    sab_free(file->views);
    sab_free(file->aligned);
    sab_free(file->bytes);
    sab_free(file);
}

int sab_safetensors_count(const struct sab_safetensors *file)
{
    return file->count;
}

const struct sab_safetensors_view *sab_safetensors_at(const struct sab_safetensors *file, int i)
{
    assert(i >= 0 && i < file->count);
    return &file->views[i];
}

const struct sab_safetensors_view *sab_safetensors_find(const struct sab_safetensors *file, const char *name)
{
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->views[i].name, name) == 0)
            return &file->views[i];
    return NULL;
}

const char *sab_safetensors_metadata(const struct sab_safetensors *file, const char *key)
{
    return sab_value_string(sab_value_get(sab_value_get(file->root, SAB_METADATA_KEY), key));
}

int sab_safetensors_has_digest(const struct sab_safetensors *file)
{
    return file->has_digest;
}

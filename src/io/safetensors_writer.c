/* The writing half of safetensors.h: the file is laid out in one block, its digest put in, and written whole. */
#include "io/safetensors.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/digest.h"
#include "io/file.h"
#include "io/safetensors_format.h"

struct entry {
    char *name;
    int dtype, ndim;
    uint64_t shape[SAB_SAFETENSORS_NDIM_CAP];
    const void *data;
    size_t nbytes;
};

struct sab_safetensors_writer {
    json_t *metadata;      /* what the caller added, in that order */
    struct entry *entries; /* as in the payload: wider types first, so that each is aligned without a hole */
    size_t count, cap;
};

int sab_safetensors_writer_create(struct sab_safetensors_writer **out, struct sab_error *err)
{
    struct sab_safetensors_writer *w = sab_alloc(1, sizeof *w);
    if (w)
        w->metadata = json_object();
    if (!w || !w->metadata) {
        sab_free(w);
        return sab_fail(err, SAB_NOMEM, "no memory to write tensors");
    }
    *out = w;
    return SAB_OK;
}

void sab_safetensors_writer_free(struct sab_safetensors_writer *writer)
{
    if (!writer)
        return;
    for (size_t i = 0; i < writer->count; i++)
        sab_free(writer->entries[i].name);
    sab_free(writer->entries);
    json_decref(writer->metadata);
    sab_free(writer);
}

/* ---- collecting ------------------------------------------------------------------------------------------------- */

/* Well-formed as Unicode's table 3-7 has it: nothing overlong, no surrogates, nothing above U+10FFFF. */
static int is_utf8(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    while (*c) {
        unsigned lead = *c++;
        unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        int more = lead < 0x80 ? 0 : lead < 0xC2 ? -1 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : lead < 0xF5 ? 3 : -1;
        if (more < 0)
            return 0;
        for (; more > 0; more--, c++, low = 0x80, high = 0xBF)
            if (*c < low || *c > high)
                return 0;
    }
    return 1;
}

static int check_name(const struct sab_safetensors_writer *w, const char *name, struct sab_error *err)
{
    char shown[96];
    sab_safetensors_shown(shown, sizeof shown, name);
    if (!is_utf8(name))
        return sab_fail(err, SAB_INVALID, "the tensor name '%s' is not UTF-8", shown);
    if (strcmp(name, SAB_METADATA_KEY) == 0)
        return sab_fail(err, SAB_INVALID, "a tensor cannot be named '%s'", shown);
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->entries[i].name, name) == 0)
            return sab_fail(err, SAB_INVALID, "there is a tensor '%s' already", shown);
    return SAB_OK;
}

static int make_room(struct sab_safetensors_writer *w)
{
    if (w->count < w->cap)
        return 1;
    size_t cap = w->cap ? 2 * w->cap : 16;
    struct entry *entries = sab_alloc(cap, sizeof *entries);
    if (!entries)
        return 0;
    if (w->count > 0)
        memcpy(entries, w->entries, w->count * sizeof *entries);
    sab_free(w->entries);
    w->entries = entries;
    w->cap = cap;
    return 1;
}

/* After those of its width or wider; there must be room. */
static void insert(struct sab_safetensors_writer *w, struct entry entry)
{
    size_t i = w->count++;
    for (; i > 0 && sab_dtype_nbytes(w->entries[i - 1].dtype) < sab_dtype_nbytes(entry.dtype); i--)
        w->entries[i] = w->entries[i - 1];
    w->entries[i] = entry;
}

int sab_safetensors_writer_add(struct sab_safetensors_writer *writer, const char *name, int dtype, int ndim,
                               const uint64_t *shape, const void *data, struct sab_error *err)
{
    int status = check_name(writer, name, err);
    if (status != SAB_OK)
        return status;
    if (dtype < SAB_DTYPE_U8 || dtype > SAB_DTYPE_F64)
        return sab_fail(err, SAB_INVALID, "tensor '%s' has dtype %d; it must be %d..%d", name, dtype, SAB_DTYPE_U8,
                        SAB_DTYPE_F64);
    if (ndim < 0 || ndim > SAB_SAFETENSORS_NDIM_CAP)
        return sab_fail(err, SAB_INVALID, "tensor '%s' has %d dimensions; it must be 0..%d", name, ndim,
                        SAB_SAFETENSORS_NDIM_CAP);
    struct entry entry = {.dtype = dtype, .ndim = ndim, .data = data};
    for (int d = 0; d < ndim; d++)
        entry.shape[d] = shape[d];
    if (sab_safetensors_nbytes(dtype, ndim, shape, &entry.nbytes))
        return sab_fail(err, SAB_INVALID, "tensor '%s' has a shape too large for any memory", name);
    assert(data || entry.nbytes == 0);

    size_t length = strlen(name);
    entry.name = sab_alloc(length + 1, 1);
    if (!entry.name || !make_room(writer)) {
        sab_free(entry.name);
        return sab_fail(err, SAB_NOMEM, "no memory for the tensor '%s'", name);
    }
    memcpy(entry.name, name, length);
    insert(writer, entry);
    return SAB_OK;
}

int sab_safetensors_writer_metadata(struct sab_safetensors_writer *writer, const char *key, const char *value,
                                    struct sab_error *err)
{
    char shown[96];
    sab_safetensors_shown(shown, sizeof shown, key);
    if (strcmp(key, SAB_DIGEST_KEY) == 0 || json_object_get(writer->metadata, key))
        return sab_fail(err, SAB_INVALID, "the metadata key '%s' is taken", shown);
    if (!is_utf8(key) || !is_utf8(value))
        return sab_fail(err, SAB_INVALID, "the metadata '%s' is not UTF-8", shown);
    if (json_object_set_new(writer->metadata, key, json_string(value)) != 0)
        return sab_fail(err, SAB_NOMEM, "no memory for the metadata '%s'", shown);
    return SAB_OK;
}

/* ---- saving ----------------------------------------------------------------------------------------------------- */

/* {"dtype":D,"shape":[...],"data_offsets":[begin,end]}, or NULL without memory. */
static json_t *describe(const struct entry *entry, size_t begin)
{
    json_t *shape = json_array();
    int failed = !shape;
    for (int d = 0; d < entry->ndim && !failed; d++)
        failed = json_array_append_new(shape, json_integer((json_int_t)entry->shape[d])) != 0;
    if (failed) {
        json_decref(shape);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", sab_dtype_name(entry->dtype), "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)(begin + entry->nbytes));
}

/* The header with zeros for a digest; *payload = bytes after it. NULL without memory. */
static json_t *describe_all(const struct sab_safetensors_writer *w, size_t *payload)
{
    json_t *root = json_pack("{s:{s:s}}", SAB_METADATA_KEY, SAB_DIGEST_KEY, SAB_DIGEST_ZEROS);
    int failed = !root || json_object_update(json_object_get(root, SAB_METADATA_KEY), w->metadata) != 0;
    size_t at = 0;
    for (size_t i = 0; i < w->count; i++) {
        const struct entry *entry = &w->entries[i];
        failed = failed || json_object_set_new(root, entry->name, describe(entry, at)) != 0;
        at += entry->nbytes;
    }
    if (failed) {
        json_decref(root);
        return NULL;
    }
    *payload = at;
    return root;
}

/* Everything but the digest; returns 0 without memory. */
static int lay_out(const struct sab_safetensors_writer *w, const json_t *root, char *file, size_t length,
                   size_t header)
{
    for (int i = 0; i < SAB_LENGTH_NBYTES; i++)
        file[i] = (char)((uint64_t)header >> 8 * i);
    char *text = file + SAB_LENGTH_NBYTES;
    if (json_dumpb(root, text, length, JSON_COMPACT) != length)
        return 0;
    memset(text + length, ' ', header - length);
    assert(memcmp(text, SAB_DIGEST_PREFIX, sizeof SAB_DIGEST_PREFIX - 1) == 0);
    char *to = text + header;
    for (size_t i = 0; i < w->count; i++) {
        const struct entry *entry = &w->entries[i];
        if (entry->nbytes > 0)
            memcpy(to, entry->data, entry->nbytes);
        to += entry->nbytes;
    }
    return 1;
}

/* After this no sum of sizes overflows. */
static int check_total(const struct sab_safetensors_writer *w, const char *path, struct sab_error *err)
{
    size_t room = SIZE_MAX / 4;
    for (size_t i = 0; i < w->count; i++) {
        if (w->entries[i].nbytes > room)
            return sab_fail(err, SAB_INVALID, "cannot write '%s': the tensors are too large for one file", path);
        room -= w->entries[i].nbytes;
    }
    return SAB_OK;
}

static int save_described(const struct sab_safetensors_writer *w, const json_t *root, size_t payload, const char *path,
                          struct sab_error *err)
{
    enum { DIGITS_AT = SAB_LENGTH_NBYTES + sizeof SAB_DIGEST_PREFIX - 1 };
    size_t length = json_dumpb(root, NULL, 0, JSON_COMPACT);
    size_t before = (SAB_LENGTH_NBYTES + length + SAB_PAYLOAD_ALIGN - 1) / SAB_PAYLOAD_ALIGN * SAB_PAYLOAD_ALIGN;
    size_t header = before - SAB_LENGTH_NBYTES;
    if (header > SAB_HEADER_CAP)
        return sab_fail(err, SAB_INVALID, "cannot write '%s': its header would have %zu bytes; at most %d are legal",
                        path, header, SAB_HEADER_CAP);
    char *file = length > 0 ? sab_alloc(before + payload, 1) : NULL;
    if (!file)
        return sab_fail(err, SAB_NOMEM, "no memory for the %zu bytes of '%s'", before + payload, path);

    int status;
    char hex[SAB_DIGEST_DIGITS + 1];
    int laid_out = lay_out(w, root, file, length, header);
    size_t structure = sab_safetensors_measure(file + SAB_LENGTH_NBYTES, header).structure;
    if (structure > SAB_STRUCTURE_CAP) {
        status = sab_fail(err, SAB_INVALID, "cannot write '%s': its header would have %zu JSON delimiters; at most %d "
                          "are legal", path, structure, SAB_STRUCTURE_CAP);
    } else if (!laid_out || !sab_safetensors_digest(file, before + payload, DIGITS_AT, hex)) {
        status = sab_fail(err, SAB_NOMEM, "no memory to lay out '%s'", path);
    } else {
        memcpy(file + DIGITS_AT, hex, SAB_DIGEST_DIGITS);
        status = sab_file_write_atomic(path, file, before + payload, err);
    }
    sab_free(file);
    return status;
}

int sab_safetensors_writer_save(const struct sab_safetensors_writer *writer, const char *path, struct sab_error *err)
{
    int status = check_total(writer, path, err);
    if (status != SAB_OK)
        return status;
    size_t payload;
    json_t *root = describe_all(writer, &payload);
    if (!root)
        return sab_fail(err, SAB_NOMEM, "no memory to write '%s'", path);
    status = save_described(writer, root, payload, path, err);
    json_decref(root);
    return status;
}

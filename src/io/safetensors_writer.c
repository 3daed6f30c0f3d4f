/* The writing half of safetensors.h: the file is laid out in one block, its digest put in, and written whole. */
#include "io/safetensors.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_out.h"
#include "base/text.h"
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

struct text {
    char *key, *value; /* one block, of key */
    struct text *next;
};

struct sab_safetensors_writer {
    struct text *metadata; /* what the caller added, in that order */
    struct entry *entries; /* as in the payload: wider types first, so that each is aligned without a hole */
    size_t count, cap;
};

int sab_safetensors_writer_create(struct sab_safetensors_writer **out, struct sab_error *err)
{
    struct sab_safetensors_writer *w = sab_alloc(1, sizeof *w);
    if (!w)
        return sab_fail(err, SAB_NOMEM, "no memory to write tensors");
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
    while (writer->metadata) {
        struct text *next = writer->metadata->next;
        sab_free(writer->metadata->key);
        sab_free(writer->metadata);
        writer->metadata = next;
    }
    sab_free(writer);
}

/* ---- collecting ------------------------------------------------------------------------------------------------- */

static int is_utf8(const char *text)
{
    return sab_text_is_utf8(text, strlen(text));
}

static int check_name(const struct sab_safetensors_writer *w, const char *name, struct sab_error *err)
{
    char shown[96];
    sab_text_shown(name, shown, sizeof shown);
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
    if (dtype < 0 || dtype >= SAB_DTYPE_COUNT)
        return sab_fail(err, SAB_INVALID, "tensor '%s' has dtype %d; it must be 0..%d", name, dtype, SAB_DTYPE_COUNT - 1);
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
    struct text **link = &writer->metadata;
    int is_taken = strcmp(key, SAB_DIGEST_KEY) == 0;
    sab_text_shown(key, shown, sizeof shown);
    for (; *link && !is_taken; link = &(*link)->next)
        is_taken = strcmp((*link)->key, key) == 0;
    if (is_taken)
        return sab_fail(err, SAB_INVALID, "the metadata key '%s' is taken", shown);
    if (!is_utf8(key) || !is_utf8(value))
        return sab_fail(err, SAB_INVALID, "the metadata '%s' is not UTF-8", shown);
    size_t key_nbytes = strlen(key) + 1, value_nbytes = strlen(value) + 1;
    struct text *text = sab_alloc(1, sizeof *text);
    if (text)
        text->key = sab_alloc(key_nbytes + value_nbytes, 1);
    if (!text || !text->key) {
        sab_free(text);
        return sab_fail(err, SAB_NOMEM, "no memory for the metadata '%s'", shown);
    }
    memcpy(text->key, key, key_nbytes);
    text->value = memcpy(text->key + key_nbytes, value, value_nbytes);
    *link = text;
    return SAB_OK;
}

/* ---- saving ----------------------------------------------------------------------------------------------------- */

/* "NAME":{"dtype":D,"shape":[...],"data_offsets":[begin,end]} */
static void describe(struct sab_json *json, const struct entry *entry, size_t begin)
{
    sab_json_open(json, entry->name, '{');
    sab_json_text(json, "dtype", sab_dtype_name(entry->dtype));
    sab_json_open(json, "shape", '[');
    for (int d = 0; d < entry->ndim; d++)
        sab_json_int(json, NULL, (int64_t)entry->shape[d]);
    sab_json_close(json, ']');
    sab_json_open(json, "data_offsets", '[');
    sab_json_int(json, NULL, (int64_t)begin);
    sab_json_int(json, NULL, (int64_t)(begin + entry->nbytes));
    sab_json_close(json, ']');
    sab_json_close(json, '}');
}

/* The header's text with zeros for a digest, freed with sab_free; *payload = bytes after it. NULL without memory. */
static char *describe_all(const struct sab_safetensors_writer *w, size_t *length, size_t *payload)
{
    struct sab_json json = {.is_compact = 1};
    size_t at = 0;
    sab_json_open(&json, NULL, '{');
    sab_json_open(&json, SAB_METADATA_KEY, '{');
    sab_json_text(&json, SAB_DIGEST_KEY, SAB_DIGEST_ZEROS);
    for (const struct text *text = w->metadata; text; text = text->next)
        sab_json_text(&json, text->key, text->value);
    sab_json_close(&json, '}');
    for (size_t i = 0; i < w->count; i++) {
        describe(&json, &w->entries[i], at);
        at += w->entries[i].nbytes;
    }
    sab_json_close(&json, '}');
    *payload = at;
    return sab_json_take(&json, length);
}

/* Everything but the digest. header: what the file announces, text and padding. */
static void lay_out(const struct sab_safetensors_writer *w, char *file, const char *text, size_t length, size_t header)
{
    for (int i = 0; i < SAB_LENGTH_NBYTES; i++)
        file[i] = (char)((uint64_t)header >> 8 * i);
    char *to = file + SAB_LENGTH_NBYTES;
    assert(memcmp(text, SAB_DIGEST_PREFIX, sizeof SAB_DIGEST_PREFIX - 1) == 0);
    memcpy(to, text, length);
    memset(to + length, ' ', header - length);
    to += header;
    for (size_t i = 0; i < w->count; i++) {
        const struct entry *entry = &w->entries[i];
        if (entry->nbytes > 0)
            memcpy(to, entry->data, entry->nbytes);
        to += entry->nbytes;
    }
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

/* A header that could not be read back must not be written. */
static int check_header(const char *text, size_t length, size_t header, const char *path, struct sab_error *err)
{
    const struct sab_value *root;
    struct sab_json_problem problem;
    if (header > SAB_HEADER_CAP)
        return sab_fail(err, SAB_INVALID, "cannot write '%s': its header would have %zu bytes; at most %d are legal",
                        path, header, SAB_HEADER_CAP);
    int status = sab_json_parse(&root, text, length, &problem);
    if (status == SAB_NOMEM)
        return sab_fail(err, SAB_NOMEM, "no memory to check the header of '%s'", path);
    if (status != SAB_OK)
        return sab_fail(err, SAB_INVALID, "cannot write '%s': its header could not be read: %s", path, problem.what);
    sab_json_free(root);
    return SAB_OK;
}

static int save_described(const struct sab_safetensors_writer *w, const char *text, size_t length, size_t payload,
                          const char *path, struct sab_error *err)
{
    enum { DIGITS_AT = SAB_LENGTH_NBYTES + sizeof SAB_DIGEST_PREFIX - 1 };
    size_t before = (SAB_LENGTH_NBYTES + length + SAB_PAYLOAD_ALIGN - 1) / SAB_PAYLOAD_ALIGN * SAB_PAYLOAD_ALIGN;
    size_t header = before - SAB_LENGTH_NBYTES;
    int status = check_header(text, length, header, path, err);
    if (status != SAB_OK)
        return status;
    char *file = sab_alloc(before + payload, 1);
    if (!file)
        return sab_fail(err, SAB_NOMEM, "no memory for the %zu bytes of '%s'", before + payload, path);
    char hex[SAB_DIGEST_DIGITS + 1];
    lay_out(w, file, text, length, header);
    if (!sab_safetensors_digest(file, before + payload, DIGITS_AT, hex)) {
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
    size_t length, payload;
    char *text = describe_all(writer, &length, &payload);
    if (!text)
        return sab_fail(err, SAB_NOMEM, "no memory to write '%s'", path);
    status = save_described(writer, text, length, payload, path, err);
    sab_free(text);
    return status;
}

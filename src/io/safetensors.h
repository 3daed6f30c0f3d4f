/* Named arrays in a file, in the safetensors format:
 *
 *     8 bytes      N, the length of the header, little-endian
 *     N bytes      JSON: {"__metadata__":{KEY:TEXT,...},NAME:{"dtype":D,"shape":[...],"data_offsets":[BEGIN,END]},...}
 *     the rest     the payload, little-endian, row-major; offsets count from its start
 *
 * Files are opened with suspicion: no code runs, nothing outside the file is read, at most 64 MiB + 2 x the file's size
 * is allocated, and every byte of the payload belongs to exactly one tensor.
 *
 * Files written here carry the metadata key "sab_digest", always the first thing in the header: XXH3-128, as 32
 * hexadecimal digits, of the whole file with those 32 characters replaced by '0'. It is verified when a file is opened,
 * so no damaged file opens. Files of other programs have no such key and open without; a program that rewrites one of
 * ours and copies its metadata must leave the key out.
 *
 * Must not know: models, configurations, what the tensors mean. */
#ifndef SAB_IO_SAFETENSORS_H
#define SAB_IO_SAFETENSORS_H

#include "sab.h"

enum sab_dtype {
    SAB_DTYPE_U8, SAB_DTYPE_I32, SAB_DTYPE_I64, SAB_DTYPE_F32, SAB_DTYPE_F64,
    SAB_DTYPE_F16, SAB_DTYPE_BF16, /* read as others write them; never written by the program */
    SAB_DTYPE_COUNT
};

/* The type of sab_real. */
#ifdef SAB_DOUBLE
#define SAB_DTYPE_REAL SAB_DTYPE_F64
#else
#define SAB_DTYPE_REAL SAB_DTYPE_F32
#endif

#define SAB_SAFETENSORS_NDIM_CAP 8

/* "F32" and bytes per element; dtype must be one of the enumerators. */
const char *sab_dtype_name(int dtype);
size_t sab_dtype_nbytes(int dtype);
/* 1 for F16, BF16, F32, F64. */
int sab_dtype_is_real(int dtype);

struct sab_safetensors_view {
    const char *name;
    int dtype;         /* enum sab_dtype */
    int ndim;          /* 0 is a single number */
    uint64_t shape[SAB_SAFETENSORS_NDIM_CAP];
    const void *data;  /* aligned for its dtype */
    size_t nbytes;     /* product of shape * bytes per element; 0 where a dimension is 0 */
};

/* ---- reading -------------------------------------------------------------------------------------------------- */

struct sab_safetensors;

/* Reads and checks the whole file. SAB_IO, SAB_NOMEM, or SAB_FORMAT saying what is wrong and where. */
int sab_safetensors_open(struct sab_safetensors **out, const char *path, struct sab_error *err);
void sab_safetensors_close(struct sab_safetensors *file);

/* Views and texts live until the file is closed. Tensors are numbered 0..count-1 in the order of the payload. */
int sab_safetensors_count(const struct sab_safetensors *file);
const struct sab_safetensors_view *sab_safetensors_at(const struct sab_safetensors *file, int i);
/* NULL if there is no tensor of that name. */
const struct sab_safetensors_view *sab_safetensors_find(const struct sab_safetensors *file, const char *name);
/* Element j of a tensor whose type is real, exact: every half and float is a double. */
double sab_safetensors_number(const struct sab_safetensors_view *view, size_t j);
/* The metadata text under key, or NULL. */
const char *sab_safetensors_metadata(const struct sab_safetensors *file, const char *key);
/* 1 if the file carries a digest (it was verified), 0 if another program wrote it. */
int sab_safetensors_has_digest(const struct sab_safetensors *file);

/* ---- writing -------------------------------------------------------------------------------------------------- */

struct sab_safetensors_writer;

int sab_safetensors_writer_create(struct sab_safetensors_writer **out, struct sab_error *err);
void sab_safetensors_writer_free(struct sab_safetensors_writer *writer);

/* Adds a tensor; name and shape are copied, data is borrowed until the last save (NULL is fine where a dimension is 0).
 * In the file tensors stand in the order added, wider types first. SAB_INVALID: a name that is taken, "__metadata__" or
 * not UTF-8, a bad dtype or ndim, a size that overflows. SAB_NOMEM. */
int sab_safetensors_writer_add(struct sab_safetensors_writer *writer, const char *name, int dtype, int ndim,
                               const uint64_t *shape, const void *data, struct sab_error *err);

/* Adds a metadata text. SAB_INVALID: a key that is taken or "sab_digest", text that is not UTF-8. SAB_NOMEM. */
int sab_safetensors_writer_metadata(struct sab_safetensors_writer *writer, const char *key, const char *value,
                                    struct sab_error *err);

/* Writes the file atomically; the same tensors and texts give the same bytes. May be called again. SAB_INVALID where
 * the header would be too large to be opened again; SAB_IO, SAB_NOMEM. */
int sab_safetensors_writer_save(const struct sab_safetensors_writer *writer, const char *path, struct sab_error *err);

#endif

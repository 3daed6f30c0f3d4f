/* Any bytes as a safetensors file, for libFuzzer: no crash, no overrun, and what opens can be read to its last byte and
 * saved again with the same content. Grows from nothing: the grammar's words are in `words`, by a mutator that knows
 * how long the header is, and mends the digest.
 *
 *     ctest: tier hours
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzzing.h"
#include "io/safetensors.h"
#include "io/safetensors_format.h"
#include "io_support.h"


static const char *const words[] = {
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
    "\"b\":{\"dtype\":\"U8\",\"shape\":[2,0],\"data_offsets\":[4,4]}",
    "\"__metadata__\":{\"sab_digest\":\"00000000000000000000000000000000\"}",
    "\"dtype\":", "\"shape\":[", "\"data_offsets\":[", "\"I64\"", "\"F64\"", "\"\\u0061\"", "\\ud83d\\ude00",
    "{", "}", "[", "]", ",", ":", "9223372036854775807", "4294967296", "-1", "0", "1.0", "null", "\"\"", "\\",
};

/* Keeps the first 8 bytes a plausible length seven times in eight: otherwise hardly any input passes them. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t nbytes, size_t cap, unsigned seed)
{
    if (cap < 8)
        return LLVMFuzzerMutate(data, nbytes, cap);
    if (nbytes < 8) {
        memset(data + nbytes, 0, 8 - nbytes);
        nbytes = 8;
    }
    const char *word = words[seed / 16 % (sizeof words / sizeof *words)];
    size_t length = strlen(word);
    if (seed % 2 == 0 && nbytes + length <= cap) {
        size_t at = 8 + seed / 4096 % (nbytes - 7);
        memmove(data + at + length, data + at, nbytes - at);
        memcpy(data + at, word, length);
        nbytes += length;
    } else {
        nbytes = 8 + LLVMFuzzerMutate(data + 8, nbytes - 8, cap - 8);
    }
    size_t prefix = sizeof SAB_DIGEST_PREFIX - 1;
    if (seed / 32 % 4 == 0 && nbytes + prefix + 64 <= cap && nbytes > 9 && memcmp(data + 8, SAB_DIGEST_PREFIX, 8) != 0) {
        /* What the header begins with becomes what follows our metadata. */
        static const char after[] = SAB_DIGEST_ZEROS "\"},";
        memmove(data + 8 + prefix + sizeof after - 1, data + 9, nbytes - 9);
        memcpy(data + 8, SAB_DIGEST_PREFIX, prefix);
        memcpy(data + 8 + prefix, after, sizeof after - 1);
        nbytes += prefix + sizeof after - 2;
    }
    if (seed % 16 / 2 != 0) {
        size_t payload = seed / 65536 % 9;
        uint64_t header = nbytes - 8 > payload ? nbytes - 8 - payload : nbytes - 8;
        memcpy(data, &header, 8);
    }
    if (seed / 128 % 8 != 0)
        io_mend_digest(data, nbytes);
    return nbytes;
}

static void save_again(const struct sab_safetensors *file)
{
    struct sab_safetensors_writer *w;
    struct sab_safetensors *again;
    struct sab_error err = {0};
    fuzz_require(sab_safetensors_writer_create(&w, &err) == SAB_OK, err.message);
    for (int i = 0; i < sab_safetensors_count(file); i++) {
        const struct sab_safetensors_view *v = sab_safetensors_at(file, i);
        fuzz_require(sab_safetensors_writer_add(w, v->name, v->dtype, v->ndim, v->shape, v->data, &err) == SAB_OK,
                err.message);
    }
    const char *path = io_path("again");
    fuzz_require(sab_safetensors_writer_save(w, path, &err) == SAB_OK, err.message);
    sab_safetensors_writer_free(w);
    fuzz_require(sab_safetensors_open(&again, path, &err) == SAB_OK, err.message);
    for (int i = 0; i < sab_safetensors_count(file); i++) {
        const struct sab_safetensors_view *v = sab_safetensors_at(file, i);
        const struct sab_safetensors_view *back = sab_safetensors_find(again, v->name);
        fuzz_require(back && back->nbytes == v->nbytes && memcmp(back->data, v->data, v->nbytes) == 0, "not the same");
    }
    sab_safetensors_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    const char *path = fuzz_put(0, data, nbytes);
    struct sab_safetensors *file = NULL;
    struct sab_error err = {0};
    int status = sab_safetensors_open(&file, path, &err);
    fuzz_require(status == SAB_OK ? file != NULL : status == SAB_FORMAT && !file && err.message[0], "status");
    if (!file)
        return 0;
    unsigned sum = 0;
    for (int i = 0; i < sab_safetensors_count(file); i++) {
        const struct sab_safetensors_view *v = sab_safetensors_at(file, i);
        for (size_t k = 0; k < v->nbytes; k++)
            sum += ((const uint8_t *)v->data)[k];
        fuzz_require((uintptr_t)v->data % sab_dtype_nbytes(v->dtype) == 0, "not aligned");
        fuzz_require(sab_safetensors_find(file, v->name) == v, "not found");
    }
    sab_safetensors_metadata(file, "config");
    if (nbytes % 16 == sum % 16) /* now and then: it syncs a real file */
        save_again(file);
    sab_safetensors_close(file);
    return 0;
}

/* A stream as tensors of a safetensors file:
 *
 *     stream.steps          I64 [1]
 *     stream.first          I32 [B]      the oldest memory that is the sequence's own
 *     stream.since          I32 [B]      steps since its latest memory; above 0, it cannot go on in batches
 *     stream.h_lL, .c_lL    real [B,H]   of layer L; c where the cell has one
 *     stream.m_lL           real [B,N,H] memories, oldest first, where the model has a memory
 *     stream.w_lL           real [B,N]   what each is worth, where --keep chooses among them
 *
 * Keys are made anew from the memories. Must not know: runs, checkpoints. */
#ifndef SAB_TRAIN_STREAM_FILE_H
#define SAB_TRAIN_STREAM_FILE_H

#include "sab.h"

struct sab_safetensors;
struct sab_safetensors_writer;

/* Adds the tensors. They borrow *room, to be freed with sab_free after the last save; NULL on failure. */
int sab_stream_add(struct sab_safetensors_writer *writer, const struct sab_stream *stream, void **room,
                   struct sab_error *err);

/* The stream in a file, of the model; *out is NULL where the file holds none. path is for messages. */
int sab_stream_read(struct sab_stream **out, struct sab_safetensors *file, const char *path, struct sab_model *model,
                    struct sab_error *err);

#endif

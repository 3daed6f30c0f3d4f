/* Sequences of a stream taken out of it and put into another of the same model: where ranks hold some each, and a file holds all.
 * Keys are not among what is taken: a batch makes them anew. Must not know ranks or files. */
#ifndef SAB_MODEL_STREAM_ROWS_H
#define SAB_MODEL_STREAM_ROWS_H

#include "model/stream.h"

/* A new stream of B sequences after as many steps as `stream`, with as many memories; what they are is to be filled in. */
int sab_stream_like(struct sab_stream **out, const struct sab_stream *stream, int B, struct sab_error *err);

/* Bytes of a sequence's state. */
size_t sab_stream_row_nbytes(const struct sab_stream *stream);
/* Sequences b0 .. b0+n-1 to `rows`, one after the other, and back. */
void sab_stream_take_rows(const struct sab_stream *stream, int b0, int n, char *rows);
void sab_stream_put_rows(struct sab_stream *stream, int b0, int n, const char *rows);

#endif

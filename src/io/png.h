/* Pictures as PNG, through libpng. Must not know: what they show. */
#ifndef SAB_IO_PNG_H
#define SAB_IO_PNG_H

#include "sab.h"

/* width x height pixels, rgb [height,width,3] with 8 bits each, as a file's bytes in a new block, freed with sab_free; the same pixels
 * give the same bytes under one version of libpng and zlib. SAB_INVALID unless width and height are 1..65535; SAB_IO, SAB_NOMEM. */
int sab_png_encode(int width, int height, const uint8_t *rgb, unsigned char **bytes, size_t *nbytes, struct sab_error *err);

#endif

/* IDX, the format of MNIST: a pair of files, images [n,rows,cols] and labels [n].
 *
 *     byte   0   1   2      3      4 .. 7    8 ..                 4 + 4 ndim ..
 *            0   0   type   ndim   dim 0     dim 1, big-endian    bytes, the last dimension fastest
 *
 * Type 0x08 is unsigned bytes, the only one that is read. See image_set.h. */
#include "source/image_set.h"

#include "base/alloc.h"
#include "base/error.h"

enum { UNSIGNED_BYTES = 0x08, MOST_DIMS = 3 };

struct idx {
    const struct sab_input_file *file;
    size_t dim[MOST_DIMS];
    const unsigned char *data;
};

static const char *type_name(int type)
{
    switch (type) {
    case 0x09:
        return "signed bytes";
    case 0x0b:
        return "16-bit numbers";
    case 0x0c:
        return "32-bit numbers";
    case 0x0d:
        return "floats";
    case 0x0e:
        return "doubles";
    default:
        return "no known type";
    }
}

/* Everything before the dimensions. */
static int check_magic(const struct sab_input_file *file, int ndim, struct sab_error *err)
{
    const unsigned char *bytes = file->data;
    const char *path = file->path, *byte = sab_input_byte(file), *kind = ndim == 1 ? "labels" : "images";
    if (file->nbytes < 4)
        return sab_fail(err, SAB_FORMAT, "'%s' ends at %s %zu, within the 4 bytes that an IDX file begins with", path,
                        byte, file->nbytes);
    if (bytes[0] != 0 || bytes[1] != 0)
        return sab_fail(err, SAB_FORMAT, "'%s', %s %d: not an IDX file: its first two bytes are 0x%02x 0x%02x, not 0 0",
                        path, byte, bytes[0] == 0, bytes[0], bytes[1]);
    if (bytes[2] != UNSIGNED_BYTES)
        return sab_fail(err, SAB_FORMAT, "'%s', %s 2: the type of its values is 0x%02x (%s); only 0x08, unsigned "
                        "bytes, is read", path, byte, bytes[2], type_name(bytes[2]));
    if (bytes[3] != ndim)
        return sab_fail(err, SAB_FORMAT, "'%s', %s 3: it has %d dimensions; %s have %d", path, byte, bytes[3], kind,
                        ndim);
    return SAB_OK;
}

/* Checks the whole file: header, sizes, that the data is all there and nothing else. */
static int parse(struct idx *idx, const struct sab_input_file *file, int ndim, struct sab_error *err)
{
    const char *path = file->path, *byte = sab_input_byte(file);
    size_t header = 4 + 4 * (size_t)ndim, data_nbytes = 1;
    int status = check_magic(file, ndim, err);
    if (status != SAB_OK)
        return status;
    if (file->nbytes < header)
        return sab_fail(err, SAB_FORMAT, "'%s' ends at %s %zu, within its header of %zu bytes", path, byte,
                        file->nbytes, header);
    for (int d = 0; d < ndim; d++) {
        const unsigned char *at = file->data + 4 + 4 * d;
        idx->dim[d] = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        if (idx->dim[d] == 0)
            return sab_fail(err, SAB_FORMAT, "'%s', %s %d: dimension %d is 0; at least 1 is needed", path, byte,
                            4 + 4 * d, d + 1);
        if (sab_mul_overflows(data_nbytes, idx->dim[d], &data_nbytes))
            return sab_fail(err, SAB_FORMAT, "'%s', %s %d: dimension %d is %zu, which makes more bytes than can be "
                            "addressed", path, byte, 4 + 4 * d, d + 1, idx->dim[d]);
    }
    if (file->nbytes - header < data_nbytes)
        return sab_fail(err, SAB_FORMAT, "'%s' is truncated: its header promises %zu bytes of data from %s %zu on, but "
                        "it ends at byte %zu", path, data_nbytes, byte, header, file->nbytes);
    if (file->nbytes - header > data_nbytes)
        return sab_fail(err, SAB_FORMAT, "'%s', %s %zu: its data end here by its header, but %zu more bytes follow",
                        path, byte, header + data_nbytes, file->nbytes - header - data_nbytes);
    idx->file = file;
    idx->data = file->data + header;
    return SAB_OK;
}

static int check_size(const struct sab_image_set *set, const struct idx *images, struct sab_error *err)
{
    const char *path = images->file->path, *byte = sab_input_byte(images->file);
    size_t rows = images->dim[1], cols = images->dim[2];
    if (rows > SAB_IMAGE_PIXELS / cols)
        return sab_fail(err, SAB_FORMAT, "'%s', %s 8: images of %zu x %zu pixels; at most %d pixels are read", path,
                        byte, rows, cols, SAB_IMAGE_PIXELS);
    if (set->parts > 0 && (set->rows != rows || set->cols != cols || set->channels != 1))
        return sab_fail(err, SAB_FORMAT, "'%s', %s 8: images of %zu x %zu pixels, where '%s' has %zu x %zu", path, byte,
                        rows, cols, set->file[0].path, set->rows, set->cols);
    return SAB_OK;
}

static int open_and_parse(struct sab_image_set *set, struct idx *idx, const char *path, int ndim, struct sab_error *err)
{
    int status = sab_input_open(&set->file[set->files], path, SIZE_MAX, err);
    if (status != SAB_OK)
        return status;
    return parse(idx, &set->file[set->files++], ndim, err);
}

int sab_image_set_add_idx(struct sab_image_set *set, const char *images_path, const char *labels_path,
                          struct sab_error *err)
{
    struct idx images = {0}, labels = {0};
    int status = open_and_parse(set, &images, images_path, 3, err);
    if (status == SAB_OK)
        status = check_size(set, &images, err);
    if (status == SAB_OK)
        status = open_and_parse(set, &labels, labels_path, 1, err);
    if (status != SAB_OK)
        return status;
    if (images.dim[0] != labels.dim[0])
        return sab_fail(err, SAB_FORMAT, "'%s', %s 4: %zu labels, but '%s' has %zu images", labels_path,
                        sab_input_byte(labels.file), labels.dim[0], images_path, images.dim[0]);
    set->rows = images.dim[1];
    set->cols = images.dim[2];
    set->channels = 1;
    set->part[set->parts++] = (struct sab_image_part){
        .pixels = images.data,
        .pixels_stride = set->rows * set->cols,
        .labels = labels.data,
        .labels_stride = 1,
        .n = images.dim[0],
        .labels_file = labels.file,
    };
    set->n += images.dim[0];
    return SAB_OK;
}

/* CIFAR-10's binary version: records of 3,073 bytes, a label 0..9 and then 32 x 32 pixels of red, of green, of blue.
 * See image_set.h. */
#include "source/image_set.h"

#include "base/error.h"

enum { SIDE = 32, CHANNELS = 3, RECORD = 1 + CHANNELS * SIDE * SIDE };

int sab_image_set_add_cifar10(struct sab_image_set *set, const char *path, struct sab_error *err)
{
    struct sab_input_file *file = &set->file[set->files];
    int status = sab_input_open(file, path, SIZE_MAX, err);
    if (status != SAB_OK)
        return status;
    set->files++;
    size_t n = file->nbytes / RECORD, rest = file->nbytes % RECORD;
    if (rest != 0)
        return sab_fail(err, SAB_FORMAT, "'%s' is truncated or not of CIFAR-10: after %zu records of %d bytes, the one "
                        "at %s %zu has only %zu", path, n, RECORD, sab_input_byte(file), n * RECORD, rest);
    set->rows = set->cols = SIDE;
    set->channels = CHANNELS;
    set->part[set->parts++] = (struct sab_image_part){
        .pixels = file->data + 1,
        .pixels_stride = RECORD,
        .labels = file->data,
        .labels_stride = RECORD,
        .n = n,
        .labels_file = file,
    };
    set->n += n;
    return sab_image_set_check_labels(set, set->n - n, n, SAB_CIFAR10_CLASSES, err);
}

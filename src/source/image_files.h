/* Which files --data and its fellows mean, in the formats that hold labelled images. */
#ifndef SAB_SOURCE_IMAGE_FILES_H
#define SAB_SOURCE_IMAGE_FILES_H

#include "source/image_set.h"

struct sab_image_format {
    const char *name;
    int classes; /* 0: as many as the labels say */
    /* Opens the training part, or with is_test the test part, of a folder, or the file `path`. A folder without a test
     * part is fine: the set stays empty. On failure the set is to be closed. */
    int (*open)(struct sab_image_set *set, const char *path, int is_test, struct sab_error *err);
};

/* A folder has train-images-idx3-ubyte, train-labels-idx1-ubyte and, for the test, t10k-images-idx3-ubyte and
 * t10k-labels-idx1-ubyte; also with a dot, train-images.idx3-ubyte; each may end in .gz. A file is one of images; the
 * labels are in the file of the same name with labels for images and idx1 for idx3. */
extern const struct sab_image_format sab_image_format_idx;
/* A folder has data_batch_1.bin to data_batch_5.bin, of which at least one must be there, and test_batch.bin; each may
 * end in .gz. */
extern const struct sab_image_format sab_image_format_cifar10;

int sab_image_is_folder(const char *path);

#endif

/* Labelled images of one size in files that stay as they are: bytes, mapped or unpacked, checked when they are opened.
 * idx.c and cifar.c know the formats. Must not know what is made of the images. */
#ifndef SAB_SOURCE_IMAGE_SET_H
#define SAB_SOURCE_IMAGE_SET_H

#include "source/input.h"

/* Image i of a part: pixels [channels,rows,cols] at pixels + i * pixels_stride, label at labels[i * labels_stride]. */
struct sab_image_part {
    const unsigned char *pixels, *labels;
    size_t pixels_stride, labels_stride;
    size_t n;
    const struct sab_input_file *labels_file;
};

enum { SAB_IMAGE_PARTS = 5, SAB_IMAGE_FILES = 2 * SAB_IMAGE_PARTS, SAB_IMAGE_PIXELS = 1 << 22, SAB_IMAGE_CHANNELS = 3 };
enum { SAB_CIFAR10_CLASSES = 10 };

/* Zeroed, it is an empty set. Holds pointers into itself: do not copy. */
struct sab_image_set {
    size_t rows, cols, channels; /* rows * cols <= SAB_IMAGE_PIXELS, channels <= SAB_IMAGE_CHANNELS */
    size_t n;                    /* images in all parts */
    int parts, files;
    struct sab_image_part part[SAB_IMAGE_PARTS];
    struct sab_input_file file[SAB_IMAGE_FILES];
};

/* Add the images of a file, or of a pair of IDX files; at most SAB_IMAGE_PARTS times. SAB_FORMAT names the file, the
 * byte and what was expected there. After a failure the set can only be closed. */
int sab_image_set_add_idx(struct sab_image_set *set, const char *images_path, const char *labels_path,
                          struct sab_error *err);
int sab_image_set_add_cifar10(struct sab_image_set *set, const char *path, struct sab_error *err);
void sab_image_set_close(struct sab_image_set *set);

/* SAB_IO if a file has changed since it was opened. */
int sab_image_set_check(const struct sab_image_set *set, struct sab_error *err);

/* Image i, 0 <= i < n, and its label. */
const unsigned char *sab_image_pixels(const struct sab_image_set *set, size_t i);
int sab_image_label(const struct sab_image_set *set, size_t i);

/* The largest label of images first .. first + n - 1. */
int sab_image_set_most_label(const struct sab_image_set *set, size_t first, size_t n);
/* SAB_FORMAT, naming file and byte, if one of these labels is not below `classes`. */
int sab_image_set_check_labels(const struct sab_image_set *set, size_t first, size_t n, int classes,
                               struct sab_error *err);

#endif

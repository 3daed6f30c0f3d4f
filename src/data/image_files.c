/* See image_files.h. */
#include "data/image_files.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"

enum { PATH_CAP = SAB_DIR_CAP + 64 };

int sab_image_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Whether there is a FOLDER/NAME or FOLDER/NAME.gz; writes its path. */
static int find(const char *folder, const char *name, char path[PATH_CAP])
{
    struct stat info;
    for (int gz = 0; gz < 2; gz++) {
        int length = snprintf(path, PATH_CAP, "%s/%s%s", folder, name, gz ? ".gz" : "");
        if (length < PATH_CAP && stat(path, &info) == 0)
            return 1;
    }
    return 0;
}

/* ---- idx --------------------------------------------------------------------------------------------------------- */

/* "train", "images", 3: train-images-idx3-ubyte or train-images.idx3-ubyte. */
static int find_idx(const char *folder, const char *part, const char *what, int ndim, char path[PATH_CAP])
{
    char name[64];
    snprintf(name, sizeof name, "%s-%s-idx%d-ubyte", part, what, ndim);
    if (find(folder, name, path))
        return 1;
    snprintf(name, sizeof name, "%s-%s.idx%d-ubyte", part, what, ndim);
    return find(folder, name, path);
}

static int open_idx_folder(struct sab_image_set *set, const char *folder, int is_test, struct sab_error *err)
{
    char images[PATH_CAP], labels[PATH_CAP];
    const char *part = is_test ? "t10k" : "train";
    int has_images = find_idx(folder, part, "images", 3, images);
    int has_labels = find_idx(folder, part, "labels", 1, labels);
    if (is_test && !has_images && !has_labels)
        return SAB_OK;
    if (!has_images || !has_labels)
        return sab_fail(err, SAB_IO, "the folder '%s' has no %s-%s-ubyte, with or without .gz", folder, part,
                        has_images ? "labels-idx1" : "images-idx3");
    return sab_image_set_add_idx(set, images, labels, err);
}

/* Replaces the last `from` of the file name by `to`; 1 if there is none or no room. */
static int replace(char path[PATH_CAP], const char *from, const char *to)
{
    char *slash = strrchr(path, '/'), *found = NULL, rest[PATH_CAP];
    for (char *at = slash ? slash : path; (at = strstr(at, from)); at++)
        found = at;
    if (!found || strlen(path) + strlen(to) >= PATH_CAP)
        return 1;
    strcpy(rest, found + strlen(from));
    strcpy(found, to);
    strcat(found, rest);
    return 0;
}

static int open_idx(struct sab_image_set *set, const char *path, int is_test, struct sab_error *err)
{
    char labels[PATH_CAP];
    if (sab_image_is_folder(path))
        return open_idx_folder(set, path, is_test, err);
    int length = snprintf(labels, PATH_CAP, "%s", path);
    if (length >= PATH_CAP || replace(labels, "images", "labels"))
        return sab_fail(err, SAB_INVALID, "'%s' is neither a folder nor named as a file of images, so that its labels "
                        "could be found: NAME-images-idx3-ubyte", path);
    replace(labels, "idx3", "idx1");
    return sab_image_set_add_idx(set, path, labels, err);
}

const struct sab_image_format sab_image_format_idx = {"idx", 0, open_idx};

/* ---- cifar10 ----------------------------------------------------------------------------------------------------- */

static int open_cifar10(struct sab_image_set *set, const char *path, int is_test, struct sab_error *err)
{
    char file[PATH_CAP];
    int status = SAB_OK;
    if (!sab_image_is_folder(path))
        return sab_image_set_add_cifar10(set, path, err);
    if (is_test)
        return find(path, "test_batch.bin", file) ? sab_image_set_add_cifar10(set, file, err) : SAB_OK;
    for (int i = 1; i <= SAB_IMAGE_PARTS && status == SAB_OK; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        if (find(path, name, file))
            status = sab_image_set_add_cifar10(set, file, err);
    }
    if (status == SAB_OK && set->parts == 0)
        return sab_fail(err, SAB_IO, "the folder '%s' has none of data_batch_1.bin to data_batch_%d.bin, with or "
                        "without .gz", path, SAB_IMAGE_PARTS);
    return status;
}

const struct sab_image_format sab_image_format_cifar10 = {"cifar10", SAB_CIFAR10_CLASSES, open_cifar10};

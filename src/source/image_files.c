/* See image_files.h. */
#include "source/image_files.h"

#include <errno.h>
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

/* Whether there is such a file; one that cannot be looked at counts as being there. */
static int look(const char *path, struct stat *info, int *is_there, struct sab_error *err)
{
    *is_there = stat(path, info) == 0;
    if (*is_there || errno == ENOENT || errno == ENOTDIR)
        return SAB_OK;
    return sab_fail(err, SAB_IO, "'%.400s' cannot be looked at: %s", path, strerror(errno));
}

/* Whether there is a FOLDER/NAME or FOLDER/NAME.gz; writes its path. */
static int find(const char *folder, const char *name, char path[PATH_CAP], int *found, struct sab_error *err)
{
    struct stat info;
    int status = SAB_OK;
    *found = 0;
    for (int gz = 0; gz < 2 && status == SAB_OK && !*found; gz++) {
        int length = snprintf(path, PATH_CAP, "%s/%s%s", folder, name, gz ? ".gz" : "");
        if (length < PATH_CAP)
            status = look(path, &info, found, err);
    }
    return status;
}

/* ---- idx --------------------------------------------------------------------------------------------------------- */

/* "train", "images", 3: train-images-idx3-ubyte or train-images.idx3-ubyte. */
static int find_idx(const char *folder, const char *part, const char *what, int ndim, char path[PATH_CAP], int *found,
                    struct sab_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%s-idx%d-ubyte", part, what, ndim);
    int status = find(folder, name, path, found, err);
    if (status != SAB_OK || *found)
        return status;
    snprintf(name, sizeof name, "%s-%s.idx%d-ubyte", part, what, ndim);
    return find(folder, name, path, found, err);
}

static int open_idx_folder(struct sab_image_set *set, const char *folder, int is_test, struct sab_error *err)
{
    char images[PATH_CAP], labels[PATH_CAP];
    const char *part = is_test ? "t10k" : "train";
    int has_images, has_labels, status = find_idx(folder, part, "images", 3, images, &has_images, err);
    if (status == SAB_OK)
        status = find_idx(folder, part, "labels", 1, labels, &has_labels, err);
    if (status != SAB_OK || (is_test && !has_images && !has_labels))
        return status;
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
    struct stat info;
    int is_there, status = look(path, &info, &is_there, err);
    if (status != SAB_OK)
        return status;
    if (is_there && S_ISDIR(info.st_mode))
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
    int status = SAB_OK, found;
    if (!sab_image_is_folder(path))
        return sab_image_set_add_cifar10(set, path, err);
    if (is_test) {
        status = find(path, "test_batch.bin", file, &found, err);
        return status == SAB_OK && found ? sab_image_set_add_cifar10(set, file, err) : status;
    }
    for (int i = 1; i <= SAB_IMAGE_PARTS && status == SAB_OK; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        status = find(path, name, file, &found, err);
        if (status == SAB_OK && found)
            status = sab_image_set_add_cifar10(set, file, err);
    }
    if (status == SAB_OK && set->parts == 0)
        return sab_fail(err, SAB_IO, "the folder '%s' has none of data_batch_1.bin to data_batch_%d.bin, with or "
                        "without .gz", path, SAB_IMAGE_PARTS);
    return status;
}

const struct sab_image_format sab_image_format_cifar10 = {"cifar10", SAB_CIFAR10_CLASSES, open_cifar10};

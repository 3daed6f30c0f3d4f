/* See image_set.h. */
#include "source/image_set.h"

#include "base/error.h"

void sab_image_set_close(struct sab_image_set *set)
{
    for (int i = 0; i < set->files; i++)
        sab_input_close(&set->file[i]);
    *set = (struct sab_image_set){0};
}

int sab_image_set_check(const struct sab_image_set *set, struct sab_error *err)
{
    int status = SAB_OK;
    for (int i = 0; i < set->files && status == SAB_OK; i++)
        status = sab_input_check(&set->file[i], err);
    return status;
}

/* The part that holds image *i, which becomes its number there. */
static const struct sab_image_part *find(const struct sab_image_set *set, size_t *i)
{
    const struct sab_image_part *part = set->part;
    while (*i >= part->n)
        *i -= part++->n;
    return part;
}

const unsigned char *sab_image_pixels(const struct sab_image_set *set, size_t i)
{
    const struct sab_image_part *part = find(set, &i);
    return part->pixels + i * part->pixels_stride;
}

int sab_image_label(const struct sab_image_set *set, size_t i)
{
    const struct sab_image_part *part = find(set, &i);
    return part->labels[i * part->labels_stride];
}

int sab_image_set_most_label(const struct sab_image_set *set, size_t first, size_t n)
{
    int most = 0;
    for (size_t i = first; i < first + n; i++) {
        int label = sab_image_label(set, i);
        most = label > most ? label : most;
    }
    return most;
}

int sab_image_set_check_labels(const struct sab_image_set *set, size_t first, size_t n, int classes,
                               struct sab_error *err)
{
    for (size_t i = first; i < first + n; i++) {
        size_t at = i;
        const struct sab_image_part *part = find(set, &at);
        const unsigned char *label = part->labels + at * part->labels_stride;
        if (*label >= classes)
            return sab_fail(err, SAB_FORMAT, "'%s', %s %zu: the label is %d; the classes known are 0..%d",
                            part->labels_file->path, sab_input_byte(part->labels_file),
                            (size_t)(label - part->labels_file->data), *label, classes - 1);
    }
    return SAB_OK;
}

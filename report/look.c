/* See look.h. */
#include "report/look.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static int read_size(struct sab_look *look, const char *size, struct sab_error *err)
{
    const double LEAST = 30, MOST = 2000, POINTS_PER_MM = 72 / 25.4;
    char first[16] = "";
    size_t n = strcspn(size, "x");
    if (n < sizeof first)
        memcpy(first, size, n);
    if (size[n] != 'x' || n >= sizeof first || sab_text_to_real(first, &look->width) != 0 ||
        sab_text_to_real(size + n + 1, &look->height) != 0 || !(look->width >= LEAST && look->width <= MOST) ||
        !(look->height >= LEAST && look->height <= MOST))
        return sab_fail(err, SAB_INVALID, "--size: \"%.60s\" is not a width and a height of %g to %g mm, such as 84x60", size, LEAST, MOST);
    look->width *= POINTS_PER_MM;
    look->height *= POINTS_PER_MM;
    return SAB_OK;
}

int sab_look_take(struct sab_look *look, const struct sab_look_options *options, struct sab_error *err)
{
    *look = (struct sab_look){.title = options->title, .font = options->font, .colours = options->colours};
    return options->size && options->size[0] ? read_size(look, options->size, err) : SAB_OK;
}

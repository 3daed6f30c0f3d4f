/* Text of any script on a Cairo surface. Pango, found when something is drawn as Cairo is, joins what is joined, orders
 * what runs the other way, and takes from another font what the chosen one has no letters for; without it Cairo draws
 * one letter after the other, of one font. */
#ifndef SAB_REPORT_LETTERS_H
#define SAB_REPORT_LETTERS_H

#ifdef SAB_CAIRO
#include "report/cairo.h"

#ifdef SAB_PANGO
#include <pango/pangocairo.h>

#define SAB_PANGO_FUNCTIONS(_)                                                                                                     \
    _(pango_version_string) _(pango_cairo_create_layout) _(pango_cairo_show_layout_line) _(pango_layout_set_text)                  \
    _(pango_layout_set_font_description) _(pango_layout_get_extents) _(pango_layout_get_line_readonly) _(pango_layout_get_context) \
    _(pango_context_set_round_glyph_positions) _(pango_font_description_new)                       \
    _(pango_font_description_set_family) _(pango_font_description_set_absolute_size) _(g_object_unref)
#define SAB_PANGO_POINTER(name) __typeof__(name) *name##_;
#else
#define SAB_PANGO_FUNCTIONS(_)
#define SAB_PANGO_POINTER(name)
#endif

struct sab_letters {
    const struct sab_cairo *cairo;
    void *library; /* of Pango; NULL: Cairo alone */
    SAB_PANGO_FUNCTIONS(SAB_PANGO_POINTER)
    void *description, *layout;
};
#undef SAB_PANGO_POINTER

/* at: on what is drawn, NULL: nothing will be. font: a family's name. Nothing is to be closed: the process that draws ends. */
void sab_letters_open(struct sab_letters *letters, const struct sab_cairo *cairo, cairo_t *at, const char *font);

/* The version of Pango, or NULL. */
const char *sab_letters_version(const struct sab_letters *letters);

/* Width of the text, of `size` points; and the text itself with its line's left end at 0, 0. */
double sab_letters_width(struct sab_letters *letters, cairo_t *at, double size, const char *text);
void sab_letters_draw(struct sab_letters *letters, cairo_t *at, double size, const char *text);
#endif

#endif

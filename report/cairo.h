/* Cairo, found when something is to be drawn and not before: who draws nothing loads none of it, and a program that was built with it runs
 * where it is not installed. Types and constants are of Cairo's own headers. */
#ifndef SAB_REPORT_CAIRO_H
#define SAB_REPORT_CAIRO_H

#include "sab.h"

#ifdef SAB_CAIRO
#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>

#define SAB_CAIRO_FUNCTIONS(_)                                                                                                     \
    _(create) _(destroy) _(status) _(status_to_string) _(version_string) _(svg_surface_create_for_stream)                          \
    _(pdf_surface_create_for_stream) _(image_surface_create) _(surface_destroy) _(surface_finish) _(surface_status)                \
    _(surface_write_to_png_stream) _(pdf_surface_set_metadata) _(scale) _(save) _(restore) _(translate) _(rotate) _(set_source_rgb) \
    _(set_line_width) _(set_line_join) _(set_dash) _(set_antialias) _(move_to) _(line_to) _(arc) _(rectangle) _(clip) _(new_path)   \
    _(stroke) _(fill) _(paint) _(select_font_face) _(set_font_size) _(show_text) _(text_extents)

#define SAB_CAIRO_POINTER(name) __typeof__(cairo_##name) *name;
struct sab_cairo {
    void *library;
    SAB_CAIRO_FUNCTIONS(SAB_CAIRO_POINTER)
};
#undef SAB_CAIRO_POINTER

/* SAB_IO, naming what is missing, where Cairo is not installed. It stays loaded, with its fonts and caches, for
 * the next figure. */
int sab_cairo_open(struct sab_cairo *cairo, struct sab_error *err);
#endif

/* The version of the Cairo that would draw, in version, "1.16.0" or "1.16.0 with Pango 1.50.12". SAB_INVALID where the
 * program was built without it, SAB_IO where it is not installed: with the sentence that says what to do. */
int sab_cairo_check(char version[32], struct sab_error *err);

#endif

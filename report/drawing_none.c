/* Instead of drawing.c where the program is built without Cairo: nothing is ever drawn, and sab_drawing_make says so. */
#ifndef SAB_CAIRO

#include "report/cairo.h"
#include "report/drawing.h"


int sab_drawing_make(const char *path, enum sab_picture kind, double width, double height, const struct sab_look *look,
                     void (*draw)(void *user, struct sab_drawing *to), void *user, struct sab_error *err)
{
    char version[32];
    (void)path, (void)kind, (void)width, (void)height, (void)look, (void)draw, (void)user;
    return sab_cairo_check(version, err);
}

void sab_drawing_colour(struct sab_drawing *d, const uint8_t rgb[3]) { (void)d, (void)rgb; }
void sab_drawing_box(struct sab_drawing *d, double x, double y, double w, double h) { (void)d, (void)x, (void)y, (void)w, (void)h; }
void sab_drawing_frame(struct sab_drawing *d, double x, double y, double w, double h) { (void)d, (void)x, (void)y, (void)w, (void)h; }
void sab_drawing_dot(struct sab_drawing *d, double x, double y, double r) { (void)d, (void)x, (void)y, (void)r; }
void sab_drawing_clip(struct sab_drawing *d, double x, double y, double w, double h) { (void)d, (void)x, (void)y, (void)w, (void)h; }
void sab_drawing_unclip(struct sab_drawing *d) { (void)d; }

void sab_drawing_line(struct sab_drawing *d, const double *x, const double *y, int n, double thickness, int is_dashed)
{
    (void)d, (void)x, (void)y, (void)n, (void)thickness, (void)is_dashed;
}

void sab_drawing_text(struct sab_drawing *d, double x, double y, enum sab_anchor anchor, int is_up, double scale, const char *text)
{
    (void)d, (void)x, (void)y, (void)anchor, (void)is_up, (void)scale, (void)text;
}

double sab_drawing_text_width(struct sab_drawing *d, double scale, const char *text)
{
    (void)d, (void)scale, (void)text;
    return 0;
}

#endif

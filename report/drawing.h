/* A picture with lines, areas and text in real fonts, as SVG, PDF or PNG. Lengths are points, 1/72 inch, x to the right and y down. All of
 * Cairo is behind this. Must not know what is drawn. */
#ifndef SAB_REPORT_DRAWING_H
#define SAB_REPORT_DRAWING_H

#include "report/look.h"
#include "sab.h"

struct sab_drawing;

enum sab_picture { SAB_PICTURE_SVG, SAB_PICTURE_PDF, SAB_PICTURE_PNG };

enum sab_anchor { SAB_ANCHOR_START, SAB_ANCHOR_MIDDLE, SAB_ANCHOR_END };

/* Has `draw` make a picture, and writes it to path, atomically. look NULL: nothing is wished. It is drawn in a process
 * of its own: fonts are found and read by libraries that end the process, or never end, where memory runs out, and then
 * the picture alone is missing. SAB_INVALID and SAB_IO where sab_cairo_check has them, SAB_IO, SAB_NOMEM. */
int sab_drawing_make(const char *path, enum sab_picture kind, double width, double height, const struct sab_look *look,
                     void (*draw)(void *user, struct sab_drawing *to), void *user, struct sab_error *err);

/* Colours hold from then on. */
void sab_drawing_colour(struct sab_drawing *drawing, const uint8_t rgb[3]);
void sab_drawing_box(struct sab_drawing *drawing, double x, double y, double width, double height);   /* filled, with hard edges */
void sab_drawing_frame(struct sab_drawing *drawing, double x, double y, double width, double height); /* its edges */
void sab_drawing_dot(struct sab_drawing *drawing, double x, double y, double radius);
/* Points joined by straight lines, thickness wide, dashed or not. */
void sab_drawing_line(struct sab_drawing *drawing, const double *x, const double *y, int n, double thickness, int is_dashed);
/* What is drawn between these two is cut at a box. */
void sab_drawing_clip(struct sab_drawing *drawing, double x, double y, double width, double height);
void sab_drawing_unclip(struct sab_drawing *drawing);

/* Text on a line through y, in the size of the picture's font times scale; is_up: turned to be read from the right. What is hidden in it
 * is shown as sab_text_shown has it. */
void sab_drawing_text(struct sab_drawing *drawing, double x, double y, enum sab_anchor anchor, int is_up, double scale, const char *text);
double sab_drawing_text_width(struct sab_drawing *drawing, double scale, const char *text);
/* The text from x on, where there is so much room: smaller, or with its end left out, if it needs more. */
void sab_drawing_text_within(struct sab_drawing *drawing, double x, double y, double scale, const char *text, double width);

enum { SAB_DRAWING_TEXT = 9 }; /* points of the font at scale 1 */

#endif

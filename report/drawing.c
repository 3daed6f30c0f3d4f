/* See drawing.h; drawing_none.c takes its place where there is no Cairo. */
#ifdef SAB_CAIRO
#include "report/drawing.h"

#include <math.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "io/file.h"
#include "report/apart.h"
#include "report/cairo.h"
#include "report/letters.h"

enum {
    PNG_SCALE = 3,      /* pixels a point: 216 an inch */
    TEXT_CAP = 1024,
    SECONDS_MOST = 120  /* that drawing may take */
};

struct sab_drawing {
    struct sab_cairo cairo;
    struct sab_letters letters;
    cairo_surface_t *surface;
    cairo_t *at;
};

struct work {
    enum sab_picture kind;
    double width, height;
    const struct sab_look *look;
    void (*draw)(void *user, struct sab_drawing *to);
    void *user;
};

static cairo_status_t send_bytes(void *user, const unsigned char *data, unsigned int n)
{
    return sab_apart_send(*(int *)user, data, n) == 0 ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

static void begin(struct sab_drawing *d, int *to, enum sab_picture kind, double width, double height, const struct sab_look *look)
{
    static const uint8_t white[3] = {255, 255, 255};
    char text[TEXT_CAP];
    if (kind == SAB_PICTURE_SVG)
        d->surface = d->cairo.svg_surface_create_for_stream(send_bytes, to, width, height);
    else if (kind == SAB_PICTURE_PDF)
        d->surface = d->cairo.pdf_surface_create_for_stream(send_bytes, to, width, height);
    else
        d->surface = d->cairo.image_surface_create(CAIRO_FORMAT_RGB24, (int)lround(width * PNG_SCALE), (int)lround(height * PNG_SCALE));
    if (kind == SAB_PICTURE_PDF && look && look->title)
        d->cairo.pdf_surface_set_metadata(d->surface, CAIRO_PDF_METADATA_TITLE, sab_text_shown(look->title, text, sizeof text));
    d->at = d->cairo.create(d->surface);
    if (kind == SAB_PICTURE_PNG)
        d->cairo.scale(d->at, PNG_SCALE, PNG_SCALE);
    sab_letters_open(&d->letters, &d->cairo, d->at,
                     look && look->font && look->font[0] ? sab_text_shown(look->font, text, sizeof text) : "sans-serif");
    sab_drawing_colour(d, white);
    d->cairo.paint(d->at);
}

static int end(struct sab_drawing *d, int *to, enum sab_picture kind)
{
    cairo_status_t status = d->cairo.status(d->at);
    if (status == CAIRO_STATUS_SUCCESS && kind == SAB_PICTURE_PNG)
        status = d->cairo.surface_write_to_png_stream(d->surface, send_bytes, to);
    d->cairo.surface_finish(d->surface);
    return status != CAIRO_STATUS_SUCCESS || d->cairo.surface_status(d->surface) != CAIRO_STATUS_SUCCESS;
}

static int work_apart(void *user, int to)
{
    const struct work *w = user;
    struct sab_drawing d = {0};
    if (sab_cairo_open(&d.cairo, NULL) != SAB_OK)
        return 1;
    begin(&d, &to, w->kind, w->width, w->height, w->look);
    w->draw(w->user, &d);
    return end(&d, &to, w->kind);
}

int sab_drawing_make(const char *path, enum sab_picture kind, double width, double height, const struct sab_look *look,
                     void (*draw)(void *user, struct sab_drawing *to), void *user, struct sab_error *err)
{
    char version[32];
    struct work work = {kind, width, height, look, draw, user};
    struct sab_apart apart = {0};
    int status = sab_cairo_check(version, err);
    if (status == SAB_OK)
        status = sab_apart_run(&apart, work_apart, &work, SECONDS_MOST, err);
    if (status == SAB_OK && (apart.ending || apart.nbytes == 0))
        status = sab_fail(err, SAB_IO,
                          "%.200s was not drawn: Cairo, or the fonts beneath it, broke down (%s): is there memory, and "
                          "is a font "
                          "installed (Debian: fonts-dejavu-core)?", path, apart.ending ? apart.ending : "it drew nothing");
    if (status == SAB_OK)
        status = sab_file_write_atomic(path, apart.bytes, apart.nbytes, err);
    sab_free(apart.bytes);
    return status;
}

/* ---- drawing ---- */

void sab_drawing_colour(struct sab_drawing *d, const uint8_t rgb[3])
{
    d->cairo.set_source_rgb(d->at, rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0);
}

void sab_drawing_box(struct sab_drawing *d, double x, double y, double width, double height)
{
    d->cairo.set_antialias(d->at, CAIRO_ANTIALIAS_NONE); /* neighbours meet without a seam */
    d->cairo.rectangle(d->at, x, y, width, height);
    d->cairo.fill(d->at);
    d->cairo.set_antialias(d->at, CAIRO_ANTIALIAS_DEFAULT);
}

void sab_drawing_frame(struct sab_drawing *d, double x, double y, double width, double height)
{
    d->cairo.set_line_width(d->at, 0.6);
    d->cairo.rectangle(d->at, x, y, width, height);
    d->cairo.stroke(d->at);
}

void sab_drawing_dot(struct sab_drawing *d, double x, double y, double radius)
{
    d->cairo.new_path(d->at);
    d->cairo.arc(d->at, x, y, radius, 0, 2 * 3.14159265358979);
    d->cairo.fill(d->at);
}

void sab_drawing_line(struct sab_drawing *d, const double *x, const double *y, int n, double thickness, int is_dashed)
{
    static const double dashes[] = {4, 2.5};
    d->cairo.set_line_width(d->at, thickness);
    d->cairo.set_line_join(d->at, CAIRO_LINE_JOIN_ROUND);
    d->cairo.set_dash(d->at, dashes, is_dashed ? 2 : 0, 0);
    for (int i = 0; i < n; i++)
        if (i == 0)
            d->cairo.move_to(d->at, x[i], y[i]);
        else
            d->cairo.line_to(d->at, x[i], y[i]);
    d->cairo.stroke(d->at);
    d->cairo.set_dash(d->at, dashes, 0, 0);
}

void sab_drawing_clip(struct sab_drawing *d, double x, double y, double width, double height)
{
    d->cairo.save(d->at);
    d->cairo.rectangle(d->at, x, y, width, height);
    d->cairo.clip(d->at);
}

void sab_drawing_unclip(struct sab_drawing *d)
{
    d->cairo.restore(d->at);
}

double sab_drawing_text_width(struct sab_drawing *d, double scale, const char *text)
{
    char buf[TEXT_CAP];
    return sab_letters_width(&d->letters, d->at, SAB_DRAWING_TEXT * scale, sab_text_shown(text, buf, sizeof buf));
}

void sab_drawing_text(struct sab_drawing *d, double x, double y, enum sab_anchor anchor, int is_up, double scale, const char *text)
{
    char buf[TEXT_CAP];
    double back = anchor == SAB_ANCHOR_START ? 0 : sab_drawing_text_width(d, scale, text) * (anchor == SAB_ANCHOR_MIDDLE ? 0.5 : 1);
    d->cairo.save(d->at);
    d->cairo.translate(d->at, x, y);
    if (is_up)
        d->cairo.rotate(d->at, -3.14159265358979 / 2);
    d->cairo.translate(d->at, -back, 0);
    sab_letters_draw(&d->letters, d->at, SAB_DRAWING_TEXT * scale, sab_text_shown(text, buf, sizeof buf));
    d->cairo.restore(d->at);
    d->cairo.new_path(d->at);
}

#endif

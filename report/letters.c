/* See letters.h. */
#ifdef SAB_CAIRO
#include "report/letters.h"

#include <dlfcn.h>
#include <string.h>

#ifdef SAB_PANGO

static void find_pango(struct sab_letters *l)
{
    l->library = dlopen("libpangocairo-1.0.so.0", RTLD_LAZY | RTLD_NODELETE);
#define FIND(name)                                                                                                                 \
    void *at_##name = l->library ? dlsym(l->library, #name) : NULL; /* in what it is linked with too */                            \
    if (!at_##name)                                                                                                                \
        l->library = NULL;                                                                                                         \
    memcpy(&l->name##_, &at_##name, sizeof at_##name);
    SAB_PANGO_FUNCTIONS(FIND)
#undef FIND
}

static void choose_font(struct sab_letters *l, cairo_t *at, const char *font)
{
    l->layout = l->pango_cairo_create_layout_(at);
    l->description = l->pango_font_description_new_();
    l->pango_font_description_set_family_(l->description, font);
    l->pango_context_set_round_glyph_positions_(l->pango_layout_get_context_(l->layout), FALSE); /* the paper has no pixels */
}

/* The line in its font; each font's size is asked for anew, since titles are larger. */
static void lay_out(struct sab_letters *l, double size, const char *text)
{
    l->pango_font_description_set_absolute_size_(l->description, size * PANGO_SCALE);
    l->pango_layout_set_font_description_(l->layout, l->description);
    l->pango_layout_set_text_(l->layout, text, -1);
}

const char *sab_letters_version(const struct sab_letters *l)
{
    return l->library ? l->pango_version_string_() : NULL;
}

static double pango_width(struct sab_letters *l, double size, const char *text)
{
    PangoRectangle box;
    lay_out(l, size, text);
    l->pango_layout_get_extents_(l->layout, NULL, &box);
    return (double)box.width / PANGO_SCALE;
}

static void pango_draw(struct sab_letters *l, cairo_t *at, double size, const char *text)
{
    lay_out(l, size, text);
    l->cairo->move_to(at, 0, 0);
    l->pango_cairo_show_layout_line_(at, l->pango_layout_get_line_readonly_(l->layout, 0));
}

#else

static void find_pango(struct sab_letters *l) { (void)l; }
static void choose_font(struct sab_letters *l, cairo_t *at, const char *font) { (void)l, (void)at, (void)font; }
static void pango_draw(struct sab_letters *l, cairo_t *at, double size, const char *text) { (void)l, (void)at, (void)size, (void)text; }
const char *sab_letters_version(const struct sab_letters *l) { (void)l; return NULL; }

static double pango_width(struct sab_letters *l, double size, const char *text)
{
    (void)l, (void)size, (void)text;
    return 0;
}

#endif

void sab_letters_open(struct sab_letters *l, const struct sab_cairo *cairo, cairo_t *at, const char *font)
{
    *l = (struct sab_letters){.cairo = cairo};
    find_pango(l);
    if (at && l->library)
        choose_font(l, at, font);
    else if (at)
        cairo->select_font_face(at, font, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
}

double sab_letters_width(struct sab_letters *l, cairo_t *at, double size, const char *text)
{
    cairo_text_extents_t extents;
    if (l->library)
        return pango_width(l, size, text);
    l->cairo->set_font_size(at, size);
    l->cairo->text_extents(at, text, &extents);
    return extents.x_advance;
}

void sab_letters_draw(struct sab_letters *l, cairo_t *at, double size, const char *text)
{
    if (l->library) {
        pango_draw(l, at, size, text);
        return;
    }
    l->cairo->set_font_size(at, size);
    l->cairo->move_to(at, 0, 0);
    l->cairo->show_text(at, text);
}

#else
typedef int sab_no_letters_here;
#endif

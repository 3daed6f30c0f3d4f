/* How figures are to look: what people may wish of them, and the options that say so. */
#ifndef SAB_REPORT_LOOK_H
#define SAB_REPORT_LOOK_H

#include "base/option.h"
#include "sab.h"

/* What is 0 or NULL is chosen by the figure. */
struct sab_look {
    const char *title;
    const char *font;      /* a family that is installed, such as "DejaVu Serif" */
    double width, height;  /* of the whole, in points */
    int colours;           /* enum sab_colours */
};

/* The options of a command, in a block of its own. */
struct sab_look_options {
    const char *title, *size, *font;
    int colours;
};

#define SAB_LOOK_TITLE(block, field) \
    {"title", SAB_OPTION_TEXT, offsetof(block, field.title), 0, 0, 0, NULL, "", "", \
     "what stands above the figure, instead of what it shows"}
#define SAB_LOOK_ROWS(block, field) \
    {"size", SAB_OPTION_TEXT, offsetof(block, field.size), 0, 0, 0, NULL, "", "", \
     "width and height of a figure in millimetres, such as 84x60"}, \
    {"font", SAB_OPTION_TEXT, offsetof(block, field.font), 0, 0, 0, NULL, "", "", \
     "a font that is installed, such as \"DejaVu Serif\"; by default the system's sans-serif"}, \
    {"colours", SAB_OPTION_CHOICE, offsetof(block, field.colours), 0, 0, 0, sab_colours_names, "heat", "", \
     "colours of a map, from little to much"}

/* SAB_INVALID for a size that is none. The texts are borrowed. */
int sab_look_take(struct sab_look *look, const struct sab_look_options *options, struct sab_error *err);

#endif

/* sab_drawing_text_within of drawing.h, whatever draws. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/drawing.h"

void sab_drawing_text_within(struct sab_drawing *d, double x, double y, double scale, const char *text, double width)
{
    enum { CAP = 512 };
    const double LEAST = 0.75; /* of the size: smaller is hard to read */
    char cut[CAP + 4];
    double needed = sab_drawing_text_width(d, scale, text), least = scale * LEAST;
    if (needed > width)
        scale = fmax(least, scale * width / needed);
    snprintf(cut, CAP, "%s", text);
    for (size_t n = strlen(cut); n > 0 && sab_drawing_text_width(d, scale, cut) > width;) {
        while (n > 0 && ((unsigned char)cut[--n] & 0xc0) == 0x80)
            ;
        strcpy(cut + n, "\u2026");
    }
    sab_drawing_text(d, x, y, SAB_ANCHOR_START, 0, scale, cut);
}

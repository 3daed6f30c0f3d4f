/* A plot: axes with ticks, lines, points, a legend. */
#ifndef SAB_REPORT_PLOT_H
#define SAB_REPORT_PLOT_H

#include "report/drawing.h"

struct sab_plot_series {
    const char *label;      /* in the legend; NULL: none, as for further series of one colour */
    int colour;             /* 0 and on: eight colours, then the same dashed */
    int has_points;         /* a dot at each point, on its line */
    int n;
    const double *x, *y;    /* [n]; points that are not finite, or not above 0 on a logarithmic axis, are left out */
    const char *mark;       /* beside each point, or NULL */
};

struct sab_plot {
    const char *title, *x_name, *y_name;
    int is_x_log;
    double y_least, y_most; /* of the axis, but for room for marks; equal: as the points need */
    const struct sab_plot_series *series;
    int n_series;
};

/* Draws it into a file. look may be NULL. Errors as sab_drawing_make has them. */
int sab_plot_draw(const struct sab_plot *plot, const struct sab_look *look, enum sab_picture kind, const char *path, struct sab_error *err);

#endif

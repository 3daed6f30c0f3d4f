/* Runs as figures for papers: a file for each curve, over all runs, and one for what each run recalled. */
#ifndef SAB_REPORT_FIGURES_H
#define SAB_REPORT_FIGURES_H

#include "report/document.h"
#include "report/drawing.h"

struct sab_figures {
    const char *folder;       /* made if it is not there */
    enum sab_picture kind;
    struct sab_look look;
    int written;              /* how many files, counted here */
};

extern const char *const sab_picture_names[]; /* "svg", ..., in the order of enum sab_picture, then NULL */

/* Draws curve-FIGURE and, of those with a memory, recall-NUMBER for the runs in these n folders; model files have no curves. document says
 * how data are found and what is shown. Errors as sab_document_run and sab_drawing_make have them. */
int sab_figures_write(struct sab_figures *figures, const char *const *runs, int n, const struct sab_document *document,
                      struct sab_error *err);

#endif

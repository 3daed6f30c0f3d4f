/* What figures write, and where: times stand at the steps that have them, ticks at round numbers, and no text is cut at the edge or covers
 * another. The drawing is replaced by one that takes notes, with letters of one width. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/heat_figure.h"
#include "report/plot.h"
#include "sab_run.h"

/* ---- the drawing ---- */

static const double LETTER = 5.2, ABOVE = 7, BELOW = 2; /* of the default size */

struct note {
    double x0, y0, x1, y1; /* its box */
    double x, y;           /* where it was asked for */
    enum sab_anchor anchor;
    int is_up;
    char text[256];
};

struct sab_drawing {
    double width, height, frame[4]; /* the largest frame: x, y, width, height */
    struct note notes[256];
    int n;
};

static struct sab_drawing drawn;

int sab_drawing_make(const char *path, enum sab_picture kind, double width, double height, const struct sab_look *look,
                     void (*draw)(void *user, struct sab_drawing *to), void *user, struct sab_error *err)
{
    (void)path, (void)kind, (void)look, (void)err;
    drawn = (struct sab_drawing){.width = width, .height = height};
    draw(user, &drawn);
    return SAB_OK;
}

double sab_drawing_text_width(struct sab_drawing *d, double scale, const char *text)
{
    (void)d;
    return LETTER * scale * (double)strlen(text);
}

void sab_drawing_text(struct sab_drawing *d, double x, double y, enum sab_anchor anchor, int is_up, double scale, const char *text)
{
    struct note *note = &d->notes[d->n++];
    double width = sab_drawing_text_width(d, scale, text), from = anchor == SAB_ANCHOR_START ? 0
        : anchor == SAB_ANCHOR_END ? width : width / 2;
    assert_true(d->n <= 256);
    *note = (struct note){.x = x, .y = y, .anchor = anchor, .is_up = is_up};
    snprintf(note->text, sizeof note->text, "%s", text);
    note->x0 = is_up ? x - ABOVE * scale : x - from;
    note->x1 = is_up ? x + BELOW * scale : x - from + width;
    note->y0 = is_up ? y + from - width : y - ABOVE * scale;
    note->y1 = is_up ? y + from : y + BELOW * scale;
}

void sab_drawing_frame(struct sab_drawing *d, double x, double y, double width, double height)
{
    if (width * height > d->frame[2] * d->frame[3])
        memcpy(d->frame, (const double[]){x, y, width, height}, sizeof d->frame);
}

void sab_drawing_colour(struct sab_drawing *d, const uint8_t rgb[3]) { (void)d, (void)rgb; }
void sab_drawing_box(struct sab_drawing *d, double x, double y, double w, double h) { (void)d, (void)x, (void)y, (void)w, (void)h; }
void sab_drawing_dot(struct sab_drawing *d, double x, double y, double r) { (void)d, (void)x, (void)y, (void)r; }
void sab_drawing_clip(struct sab_drawing *d, double x, double y, double w, double h) { (void)d, (void)x, (void)y, (void)w, (void)h; }
void sab_drawing_unclip(struct sab_drawing *d) { (void)d; }

void sab_drawing_line(struct sab_drawing *d, const double *x, const double *y, int n, double thickness, int is_dashed)
{
    (void)d, (void)x, (void)y, (void)n, (void)thickness, (void)is_dashed;
}

/* Every text is on the page, and none covers another. */
static void check_places(void)
{
    for (int i = 0; i < drawn.n; i++) {
        const struct note *a = &drawn.notes[i];
        if (a->x0 < 0 || a->y0 < 0 || a->x1 > drawn.width || a->y1 > drawn.height)
            fail_msg("\"%s\" at %g..%g, %g..%g leaves the page of %g by %g", a->text, a->x0, a->x1, a->y0, a->y1,
                     drawn.width, drawn.height);
        for (int k = 0; k < i; k++) {
            const struct note *b = &drawn.notes[k];
            if (a->x0 < b->x1 && b->x0 < a->x1 && a->y0 < b->y1 && b->y0 < a->y1)
                fail_msg("\"%s\" at %g..%g, %g..%g covers \"%s\" at %g..%g, %g..%g", a->text, a->x0, a->x1, a->y0,
                         a->y1, b->text, b->x0, b->x1,
                         b->y0, b->y1);
        }
    }
}

/* ---- maps ---- */

enum { ROWS = 48, COLUMNS = 120 };

/* Hours from a Friday evening on. */
static const char *hour(void *user, int step, char *text)
{
    (void)user;
    snprintf(text, SAB_PLACE_CAP, "2024-03-%02d %02d:00", 1 + (20 + step) / 24, (20 + step) % 24);
    return text;
}

static void draw_map(int rows, int columns, int per_column, int is_by_lag, const char *(*label)(void *, int, char *),
                     const struct sab_look *look)
{
    int first[ROWS], last[ROWS];
    double *cell = calloc((size_t)rows * (size_t)columns, sizeof *cell);
    for (int r = 0; r < rows; r++)
        first[r] = last[r] = columns * per_column - rows + r + 1;
    struct sab_recall_map map = {.rows = rows, .columns = columns, .is_by_lag = is_by_lag, .first_step = 1, .steps_per_column = per_column,
                                 .first = first, .last = last, .cell = cell, .most = 0.73};
    const struct sab_heat_figure figure = {&map, "what is recalled", "step", "weight", label, NULL};
    assert_int_equal(sab_heat_figure_draw(&figure, look, SAB_PICTURE_SVG, "nowhere", NULL), SAB_OK);
    free(cell);
}

/* Ticks of columns, with the text of their steps in their middle; how many. */
static int check_columns(int columns, int per_column, const char *(*label)(void *, int, char *))
{
    int n = 0, steps = columns * per_column;
    for (int i = 0; i < drawn.n; i++) {
        const struct note *note = &drawn.notes[i];
        if (note->anchor != SAB_ANCHOR_MIDDLE || note->is_up || strcmp(note->text, "past step recalled") == 0 ||
            strstr(note->text, "steps back"))
            continue;
        int step = (int)lround((note->x - drawn.frame[0]) / drawn.frame[2] * steps + 0.5);
        char wanted[SAB_PLACE_CAP];
        snprintf(wanted, sizeof wanted, "%d", step);
        if (label)
            label(NULL, step, wanted);
        if (strcmp(note->text, wanted) != 0)
            fail_msg("at step %d stands \"%s\", expected \"%s\"", step, note->text, wanted);
        n++;
    }
    return n;
}

/* The same of rows. */
static int check_rows(int first_step, int rows, const char *(*label)(void *, int, char *))
{
    int n = 0;
    for (int i = 0; i < drawn.n; i++) {
        const struct note *note = &drawn.notes[i];
        if (note->anchor != SAB_ANCHOR_END)
            continue;
        int step = first_step + (int)floor((note->y - 3 - drawn.frame[1]) / drawn.frame[3] * rows);
        char wanted[SAB_PLACE_CAP];
        snprintf(wanted, sizeof wanted, "%d", step);
        if (label)
            label(NULL, step, wanted);
        if (strcmp(note->text, wanted) != 0)
            fail_msg("in the row of step %d stands \"%s\", expected \"%s\"", step, note->text, wanted);
        n++;
    }
    return n;
}

static void steps_have_their_times_on_both_axes(void **unused)
{
    (void)unused;
    const struct sab_look small = {.width = 238, .height = 170}, wide = {.width = 900, .height = 500};
    const struct sab_look *looks[] = {NULL, &small, &wide};
    for (int i = 0; i < 3; i++) {
        draw_map(ROWS, COLUMNS, 1, 0, hour, looks[i]);
        int columns = check_columns(COLUMNS, 1, hour), rows = check_rows(COLUMNS - ROWS + 1, ROWS, hour);
        if (columns < (i == 1 ? 1 : 2) || rows < 2)
            fail_msg("%d times on the columns, %d on the rows", columns, rows);
        check_places();
    }
}

static void lags_and_steps_have_numbers(void **unused)
{
    (void)unused;
    draw_map(ROWS, COLUMNS, 1, 1, hour, NULL); /* times are of rows only: a column is steps back */
    assert_true(check_columns(COLUMNS, 1, NULL) >= 4 && check_rows(COLUMNS - ROWS + 1, ROWS, hour) >= 4);
    check_places();
    draw_map(ROWS, COLUMNS, 250, 0, NULL, NULL);
    assert_true(check_columns(COLUMNS, 250, NULL) >= 4);
    check_places();
    draw_map(1, 1, 1, 0, NULL, NULL);
    check_places();
}

/* ---- plots ---- */

static void numbers_of_any_length_have_room(void **unused)
{
    (void)unused;
    const double x[] = {0, 250000}, scales[] = {1e-7, 0.0125, 1, 123456, 3.25e9};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        const double y[] = {scales[i], 1.93 * scales[i]};
        const struct sab_plot_series series[] = {{"a run", 0, 0, 2, x, y, NULL}, {"another of a longer name", 1, 0, 2, x, y, NULL}};
        const struct sab_plot plot = {"loss on the validation data", "updates", "loss", 0, 0, 0, series, 2};
        assert_int_equal(sab_plot_draw(&plot, NULL, SAB_PICTURE_SVG, "nowhere", NULL), SAB_OK);
        check_places();
    }
}

static void long_names_stay_on_the_page(void **unused)
{
    (void)unused;
    const struct sab_look small = {.width = 200, .height = 140};
    const double x[] = {0, 100}, y[] = {0, 1};
    char name[200];
    memset(name, 'm', sizeof name - 1);
    name[sizeof name - 1] = 0;
    const struct sab_plot_series series[] = {{name, 0, 0, 2, x, y, NULL}};
    const struct sab_plot plot = {name, "updates", "accuracy", 0, 0, 1, series, 1};
    assert_int_equal(sab_plot_draw(&plot, &small, SAB_PICTURE_SVG, "nowhere", NULL), SAB_OK);
    check_places();
    draw_map(ROWS, COLUMNS, 1, 0, hour, &(struct sab_look){.title = name});
    check_places();
}

static void a_legend_of_many_runs_ends_with_their_number(void **unused)
{
    (void)unused;
    const double x[] = {0, 100}, y[] = {0, 1};
    struct sab_plot_series series[40];
    char names[40][16];
    for (int n = 1; n <= 40; n++) {
        for (int i = 0; i < n; i++) {
            snprintf(names[i], sizeof names[i], "run %d", i);
            series[i] = (struct sab_plot_series){names[i], i, 0, 2, x, y, NULL};
        }
        const struct sab_plot plot = {"accuracy", "updates", "accuracy", 0, 0, 1, series, n};
        assert_int_equal(sab_plot_draw(&plot, NULL, SAB_PICTURE_SVG, "nowhere", NULL), SAB_OK);
        check_places();
        int runs = 0, more = 0;
        for (int i = 0; i < drawn.n; i++) {
            runs += strncmp(drawn.notes[i].text, "run ", 4) == 0;
            sscanf(drawn.notes[i].text, "and %d more", &more);
        }
        if (runs + more != n || more == 1)
            fail_msg("of %d runs %d are named and %d counted", n, runs, more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_have_their_times_on_both_axes),
        cmocka_unit_test(lags_and_steps_have_numbers),
        cmocka_unit_test(numbers_of_any_length_have_room),
        cmocka_unit_test(long_names_stay_on_the_page),
        cmocka_unit_test(a_legend_of_many_runs_ends_with_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

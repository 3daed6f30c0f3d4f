/* See colours.h. */
#include "report/colours.h"

#include <math.h>
#include <stddef.h>

enum { ANCHORS = 9, LINES = 8 };

const char *const sab_colours_names[] = {"heat", "viridis", "grey", NULL};
const uint8_t sab_colours_ink[3] = {40, 40, 40}, sab_colours_grid[3] = {228, 228, 228}, sab_colours_below_0[3] = {150, 185, 230};

static const uint8_t maps[][ANCHORS][3] = {
    [SAB_COLOURS_HEAT] = {{255, 255, 255}, {253, 234, 196}, {251, 194, 122}, {242, 145, 74}, {220, 92, 74}, {180, 52, 94},
                          {125, 29, 102}, {71, 18, 87}, {26, 10, 51}},
    /* of matplotlib's table, which is in the public domain (CC0), every 32nd */
    [SAB_COLOURS_VIRIDIS] = {{68, 1, 84}, {71, 44, 122}, {59, 81, 139}, {44, 113, 142}, {33, 144, 141}, {39, 173, 129}, {92, 200, 99},
                             {170, 220, 50}, {253, 231, 37}},
    [SAB_COLOURS_GREY] = {{255, 255, 255}, {225, 225, 225}, {195, 195, 195}, {166, 166, 166}, {138, 138, 138}, {110, 110, 110},
                          {83, 83, 83}, {58, 58, 58}, {34, 34, 34}},
};

/* Okabe and Ito's. */
static const uint8_t lines[LINES][3] = {{0, 114, 178}, {213, 94, 0}, {0, 158, 115}, {204, 121, 167}, {230, 159, 0},
                                        {86, 180, 233}, {0, 0, 0},
                                        {140, 109, 31}};

void sab_colours_map(enum sab_colours colours, double x, uint8_t rgb[3])
{
    const uint8_t(*anchors)[3] = maps[colours];
    double at = (x > 0 ? x < 1 ? x : 1 : 0) * (ANCHORS - 1);
    int i = at < ANCHORS - 1 ? (int)at : ANCHORS - 2;
    for (int k = 0; k < 3; k++)
        rgb[k] = (uint8_t)lround(anchors[i][k] + (at - i) * (anchors[i + 1][k] - anchors[i][k]));
}

const uint8_t *sab_colours_line(int i)
{
    return lines[i % LINES];
}

int sab_colours_is_dashed(int i)
{
    return i / LINES % 2;
}

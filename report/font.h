/* A 5 x 7 bitmap font, descenders below, for the few letters that pictures need: digits, a-z, "ABST" and .,-=:%()+/ */
#ifndef SAB_REPORT_FONT_H
#define SAB_REPORT_FONT_H

enum { SAB_FONT_WIDTH = 5, SAB_FONT_BASE = 7, SAB_FONT_HEIGHT = 9, SAB_FONT_ADVANCE = 6 };

/* 1 where the letter has ink; y counts down from its top. Unknown letters are an empty frame. */
int sab_font_pixel(char letter, int x, int y);

#endif

/* The files of report/page/ as bytes, made by cmake/page.cmake; a 0 follows each. */
#ifndef SAB_REPORT_PAGE_PARTS_H
#define SAB_REPORT_PAGE_PARTS_H

#include <stddef.h>

extern const unsigned char sab_page_frame[], sab_page_style[], sab_page_script[];
extern const size_t sab_page_frame_nbytes, sab_page_style_nbytes, sab_page_script_nbytes;

#endif

/* One sentence for the caller: fills a struct sab_error. Never prints. */
#ifndef SAB_BASE_ERROR_H
#define SAB_BASE_ERROR_H

#include "sab.h"

/* Formats the message into err (NULL is fine), with what is not to be printed written out (sab_text_shown), and returns
 * status, so that `return sab_fail(err, SAB_IO, ...)` reads. */
int sab_fail(struct sab_error *err, enum sab_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

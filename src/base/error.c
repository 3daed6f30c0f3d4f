/* See error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

int sab_fail(struct sab_error *err, enum sab_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->status = status;
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return status;
}

/* See error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

int sab_fail(struct sab_error *err, enum sab_status status, const char *format, ...)
{
    if (err) {
        char raw[sizeof err->message];
        va_list args;
        va_start(args, format);
        err->status = status;
        vsnprintf(raw, sizeof raw, format, args);
        va_end(args);
        sab_text_shown(raw, err->message, sizeof err->message);
    }
    return status;
}

/* See json_process.h. */
#include "report/json_process.h"

#include <sys/resource.h>

void sab_json_process(struct sab_json *json)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        sab_json_int(json, "peak_rss_bytes", (int64_t)usage.ru_maxrss * 1024);
    sab_json_text(json, "version", SAB_VERSION);
}

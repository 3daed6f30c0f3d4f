/* See json_out.h. */
#include "cli/json_out.h"

#include <sys/resource.h>

#include "data/task.h"

void sab_json_metrics(struct sab_json *json, const char *task, const struct sab_metrics *metrics)
{
    sab_json_real(json, "loss", metrics->loss);
    sab_json_real(json, "bits_per_char", sab_task_bits_per_char(task, metrics->loss));
    sab_json_real(json, "accuracy", metrics->accuracy);
    sab_json_real(json, "mse", metrics->mse);
}

void sab_json_process(struct sab_json *json)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        sab_json_int(json, "peak_rss_bytes", (int64_t)usage.ru_maxrss * 1024);
    sab_json_text(json, "version", SAB_VERSION);
}

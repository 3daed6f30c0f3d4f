/* What several commands print as JSON in the same keys. */
#ifndef SAB_REPORT_JSON_PROCESS_H
#define SAB_REPORT_JSON_PROCESS_H

#include "base/json_out.h"
#include "sab.h"

/* The keys peak_rss_bytes and version. */
void sab_json_process(struct sab_json *json);

#endif

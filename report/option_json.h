/* What is to be known of an option, as JSON. */
#ifndef SAB_REPORT_OPTION_JSON_H
#define SAB_REPORT_OPTION_JSON_H

#include "base/json_out.h"
#include "sab.h"

/* {"name", "values", "default", "group", "readers", "help"}; a switch without a value has no values and no default, an option that all
 * read no readers, one of a command's own no group. */
void sab_option_json(struct sab_json *json, const struct sab_option *option);

#endif

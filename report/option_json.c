/* See option_json.h. */
#include "report/option_json.h"

#include "base/option.h"

void sab_option_json(struct sab_json *json, const struct sab_option *option)
{
    char range[256];
    sab_json_open(json, NULL, '{');
    sab_json_text(json, "name", option->name);
    if (option->kind <= SAB_OPTION_TEXT) {
        sab_option_range(option, range, sizeof range);
        sab_json_text(json, "values", option->kind == SAB_OPTION_TEXT ? "text" : range);
        sab_json_text(json, "default", option->fallback ? option->fallback : "");
    }
    if (option->group && option->group[0])
        sab_json_text(json, "group", option->group);
    if (option->readers)
        sab_json_text(json, "readers", option->readers);
    sab_json_text(json, "help", option->help);
    sab_json_close(json, '}');
}

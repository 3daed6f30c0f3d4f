/* Fuzzes the reader of JSON: whatever is legal must come back the same from what the writer makes of it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/json_out.h"
#include "fuzzing.h"
#include "sab.h"


static void write(struct sab_json *json, const struct sab_value *value)
{
    int is_object = value->kind == SAB_VALUE_OBJECT;
    switch (value->kind) {
    case SAB_VALUE_NULL:
        sab_json_null(json, value->key);
        break;
    case SAB_VALUE_FALSE:
    case SAB_VALUE_TRUE:
        sab_json_bool(json, value->key, value->kind == SAB_VALUE_TRUE);
        break;
    case SAB_VALUE_INT:
        sab_json_int(json, value->key, value->as.integer);
        break;
    case SAB_VALUE_REAL:
        sab_json_real(json, value->key, value->as.real);
        break;
    case SAB_VALUE_STRING:
        sab_json_bytes(json, value->key, value->as.string, value->size);
        break;
    default:
        sab_json_open(json, value->key, is_object ? '{' : '[');
        for (const struct sab_value *v = sab_value_first(value); v; v = v->next)
            write(json, v);
        sab_json_close(json, is_object ? '}' : ']');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    const struct sab_value *root, *back;
    struct sab_json_problem problem;
    if (sab_json_parse(&root, (const char *)data, nbytes, &problem) != SAB_OK)
        return problem.at > nbytes ? abort(), 0 : 0;
    struct sab_json json = {.is_compact = 1};
    size_t written;
    if (root->kind == SAB_VALUE_ARRAY || root->kind == SAB_VALUE_OBJECT) {
        write(&json, root);
        char *text = sab_json_take(&json, &written);
        if (!text || json.is_altered || sab_json_parse(&back, text, written, NULL) != SAB_OK || !sab_value_equal(root, back))
            abort();
        sab_json_free(back);
        sab_free(text);
    }
    sab_json_free(root);
    return 0;
}

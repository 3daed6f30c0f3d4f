/* See json_out.h. */
#include "cli/json_out.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>

#include "base/text.h"
#include "data/task.h"

static void put_text(struct sab_json *json, const char *text)
{
    int is_utf8 = sab_text_is_utf8(text, strlen(text));
    putc('"', json->to);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(json->to, "\\%c", c);
        else if (c < 0x20)
            fprintf(json->to, "\\u%04x", c);
        else
            putc(c >= 0x80 && !is_utf8 ? '?' : c, json->to);
    }
    putc('"', json->to);
}

static void begin(struct sab_json *json, const char *key)
{
    int own_line = json->depth > 0 && json->depth <= json->lines;
    if (json->any[json->depth])
        fputs(own_line ? "," : ", ", json->to);
    if (own_line)
        fprintf(json->to, "\n%*s", json->depth, "");
    json->any[json->depth] = 1;
    if (key) {
        put_text(json, key);
        fputs(": ", json->to);
    }
}

void sab_json_open(struct sab_json *json, const char *key, char bracket)
{
    begin(json, key);
    putc(bracket, json->to);
    json->any[++json->depth] = 0;
}

void sab_json_close(struct sab_json *json, char bracket)
{
    putc(bracket, json->to);
    if (--json->depth == 0)
        putc('\n', json->to);
}

void sab_json_text(struct sab_json *json, const char *key, const char *text)
{
    begin(json, key);
    put_text(json, text);
}

void sab_json_int(struct sab_json *json, const char *key, int64_t value)
{
    begin(json, key);
    fprintf(json->to, "%lld", (long long)value);
}

void sab_json_real(struct sab_json *json, const char *key, double value)
{
    char text[SAB_REAL_TEXT_CAP];
    if (!isfinite(value))
        return;
    begin(json, key);
    sab_text_from_real(value, text);
    fputs(text, json->to);
}

void sab_json_bool(struct sab_json *json, const char *key, int value)
{
    begin(json, key);
    fputs(value ? "true" : "false", json->to);
}

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

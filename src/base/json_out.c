/* See json_out.h. */
#include "base/json_out.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

enum { FIRST_CAP = 1024 };

static void put(struct sab_json *json, const char *bytes, size_t n)
{
    if (json->to) {
        fwrite(bytes, 1, n, json->to);
        return;
    }
    if (!json->is_full && json->cap - json->used <= n) { /* a 0 must follow */
        size_t cap = json->cap ? 2 * json->cap : FIRST_CAP;
        cap = cap - json->used > n ? cap : json->used + n + 1;
        char *grown = sab_alloc(cap, 1);
        json->is_full = !grown;
        if (grown) {
            if (json->used > 0)
                memcpy(grown, json->bytes, json->used);
            sab_free(json->bytes);
            json->bytes = grown;
            json->cap = cap;
        }
    }
    if (json->is_full)
        return;
    memcpy(json->bytes + json->used, bytes, n);
    json->used += n;
}

static void put_line(struct sab_json *json, const char *text)
{
    put(json, text, strlen(text));
}

static void put_text(struct sab_json *json, const char *text, size_t nbytes)
{
    static const char named[] = "\b\f\n\r\t", names[] = "bfnrt";
    int is_utf8 = sab_text_is_utf8(text, nbytes);
    size_t plain = 0; /* where what can be copied begins */
    json->is_altered |= !is_utf8;
    put_line(json, "\"");
    for (size_t i = 0; i < nbytes; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[8] = {'\\', (char)c, 0};
        if (c != '"' && c != '\\' && c >= 0x20 && (c < 0x80 || is_utf8))
            continue;
        const char *name = c && c < 0x20 ? strchr(named, c) : NULL;
        if (name)
            escape[1] = names[name - named];
        else if (c < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", c);
        put(json, text + plain, i - plain);
        put_line(json, c >= 0x80 ? "?" : escape);
        plain = i + 1;
    }
    put(json, text + plain, nbytes - plain);
    put_line(json, "\"");
}

static void begin_line(struct sab_json *json, int depth)
{
    put_line(json, "\n");
    for (int i = 0; i < depth * (json->indent > 0 ? json->indent : 1); i++)
        put_line(json, " ");
}

static void begin(struct sab_json *json, const char *key)
{
    int own_line = json->depth > 0 && json->depth <= json->lines;
    if (json->any[json->depth])
        put_line(json, own_line || json->is_compact ? "," : ", ");
    if (own_line)
        begin_line(json, json->depth);
    json->any[json->depth] = 1;
    if (key) {
        put_text(json, key, strlen(key));
        put_line(json, json->is_compact ? ":" : ": ");
    }
}

void sab_json_open(struct sab_json *json, const char *key, char bracket)
{
    assert(json->depth + 1 < SAB_JSON_OUT_DEPTH && (bracket == '{' || bracket == '['));
    begin(json, key);
    put(json, &bracket, 1);
    json->any[++json->depth] = 0;
}

void sab_json_close(struct sab_json *json, char bracket)
{
    assert(json->depth > 0 && (bracket == '}' || bracket == ']'));
    if (json->indent > 0 && json->depth <= json->lines && json->any[json->depth])
        begin_line(json, json->depth - 1);
    put(json, &bracket, 1);
    if (--json->depth == 0 && !json->is_compact)
        put_line(json, "\n");
}

void sab_json_bytes(struct sab_json *json, const char *key, const char *text, size_t nbytes)
{
    begin(json, key);
    put_text(json, text, nbytes);
}

void sab_json_text(struct sab_json *json, const char *key, const char *text)
{
    sab_json_bytes(json, key, text, strlen(text));
}

void sab_json_int(struct sab_json *json, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    begin(json, key);
    put_line(json, text);
}

void sab_json_real(struct sab_json *json, const char *key, double value)
{
    char text[SAB_REAL_TEXT_CAP];
    if (!isfinite(value))
        return;
    begin(json, key);
    sab_text_from_real(value, text);
    put_line(json, text);
}

void sab_json_bool(struct sab_json *json, const char *key, int value)
{
    begin(json, key);
    put_line(json, value ? "true" : "false");
}

void sab_json_null(struct sab_json *json, const char *key)
{
    begin(json, key);
    put_line(json, "null");
}

void sab_json_number(struct sab_json *json, const char *key, const char *number)
{
    begin(json, key);
    put_line(json, number);
}

char *sab_json_take(struct sab_json *json, size_t *nbytes)
{
    assert(!json->to);
    put(json, "", 0); /* even nothing is a text */
    char *bytes = json->bytes;
    if (json->is_full) {
        sab_free(bytes);
        bytes = NULL;
    }
    if (bytes)
        bytes[json->used] = '\0';
    if (nbytes)
        *nbytes = bytes ? json->used : 0;
    json->bytes = NULL;
    json->used = json->cap = 0;
    return bytes;
}

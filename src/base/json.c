/* See json.h. */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "sab.h"

struct parser {
    const char *text;
    size_t nbytes, at;
    size_t count;             /* values so far */
    size_t used;              /* bytes of strings so far */
    struct sab_value *values; /* NULL: only checking and counting */
    const char **order;       /* as many as values: room to sort the keys of one object */
    char *strings;
    struct sab_json_problem *problem;
};

/* Returns 0, so that `return fail(...)` reads. */
static int fail(struct parser *p, const char *what)
{
    p->problem->at = p->at;
    snprintf(p->problem->what, sizeof p->problem->what, "%s", what);
    return 0;
}

/* The next byte, or -1 at the end. */
static int peek(const struct parser *p)
{
    return p->at < p->nbytes ? (unsigned char)p->text[p->at] : -1;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->nbytes && memchr(" \t\n\r", p->text[p->at], 4))
        p->at++;
}

static void put(struct parser *p, const char *bytes, size_t n)
{
    if (p->values)
        memcpy(p->strings + p->used, bytes, n);
    p->used += n;
}

/* ---- strings ---- */

static int parse_hex(struct parser *p, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++, p->at++) {
        int c = peek(p);
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
        if (c < 0 || digit < 0)
            return fail(p, "\\u needs four hexadecimal digits");
        *code = *code << 4 | (uint32_t)digit;
    }
    return 1;
}

/* After \u. */
static int parse_unicode(struct parser *p)
{
    uint32_t code, low;
    char utf8[4];
    if (!parse_hex(p, &code))
        return 0;
    if (code >= 0xdc00 && code < 0xe000)
        return fail(p, "half of a surrogate pair");
    if (code >= 0xd800 && code < 0xdc00) {
        if (p->nbytes - p->at < 2 || memcmp(p->text + p->at, "\\u", 2) != 0)
            return fail(p, "half of a surrogate pair");
        p->at += 2;
        if (!parse_hex(p, &low))
            return 0;
        if (low < 0xdc00 || low >= 0xe000)
            return fail(p, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    put(p, utf8, (size_t)sab_text_encode(code, utf8));
    return 1;
}

static int parse_escape(struct parser *p)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    p->at++;
    int c = peek(p);
    const char *name = c > 0 ? strchr(names, c) : NULL;
    if (!name && c != 'u')
        return fail(p, "an escape that JSON does not have");
    p->at++;
    if (c == 'u')
        return parse_unicode(p);
    put(p, &values[name - names], 1);
    return 1;
}

static int parse_string(struct parser *p, const char **string, size_t *size)
{
    size_t begin = p->used;
    p->at++;
    for (int c; (c = peek(p)) != '"';) {
        uint32_t code;
        int n = c < 0 ? 0 : sab_text_decode(p->text + p->at, p->nbytes - p->at, &code);
        if (c < 0)
            return fail(p, "the text ends inside of a string");
        if (c < 0x20)
            return fail(p, "a control character in a string");
        if (n == 0)
            return fail(p, "no UTF-8");
        if (c != '\\') {
            put(p, p->text + p->at, (size_t)n);
            p->at += (size_t)n;
        } else if (!parse_escape(p)) {
            return 0;
        }
    }
    p->at++;
    *size = p->used - begin;
    put(p, "", 1);
    *string = p->values ? p->strings + begin : "";
    return 1;
}

/* ---- numbers and names ---- */

static size_t digits(struct parser *p)
{
    size_t begin = p->at;
    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    return p->at - begin;
}

static int parse_number(struct parser *p, struct sab_value *value)
{
    size_t begin = p->at;
    int is_real = 0;
    char text[SAB_JSON_NUMBER_CAP + 1];
    p->at += peek(p) == '-';
    int leads_with_0 = peek(p) == '0';
    size_t n = digits(p);
    if (n == 0)
        return fail(p, "not a value");
    if (leads_with_0 && n > 1)
        return fail(p, "a number with a needless 0 in front");
    if (peek(p) == '.') {
        is_real = 1;
        p->at++;
        if (digits(p) == 0)
            return fail(p, "a number that ends with its point");
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        is_real = 1;
        p->at++;
        p->at += peek(p) == '-' || peek(p) == '+';
        if (digits(p) == 0)
            return fail(p, "a number without its exponent");
    }
    if (p->at - begin > SAB_JSON_NUMBER_CAP)
        return fail(p, "a number of too many digits");
    memcpy(text, p->text + begin, p->at - begin);
    text[p->at - begin] = '\0';
    value->kind = is_real ? SAB_VALUE_REAL : SAB_VALUE_INT;
    int failed = is_real ? sab_text_to_real(text, &value->as.real) : sab_text_to_int(text, &value->as.integer);
    return !failed || fail(p, is_real ? "a number beyond the largest" : "a whole number beyond 64 bits");
}

static int parse_name(struct parser *p, struct sab_value *value)
{
    static const struct {
        const char *name;
        enum sab_value_kind kind;
    } names[] = {{"null", SAB_VALUE_NULL}, {"false", SAB_VALUE_FALSE}, {"true", SAB_VALUE_TRUE}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i].name);
        if (p->nbytes - p->at >= n && memcmp(p->text + p->at, names[i].name, n) == 0) {
            value->kind = names[i].kind;
            p->at += n;
            return 1;
        }
    }
    return fail(p, "not a value");
}

/* ---- arrays and objects ---- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, so that an object of very many keys takes no long time. */
static int check_keys(struct parser *p, const struct sab_value *object)
{
    size_t n = 0;
    for (const struct sab_value *v = object->as.first; v; v = v->next)
        p->order[n++] = v->key;
    qsort(p->order, n, sizeof *p->order, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (strcmp(p->order[i - 1], p->order[i]) == 0) {
            char what[sizeof p->problem->what];
            snprintf(what, sizeof what, "the key \"%.60s\" stands twice in one object", p->order[i]);
            return fail(p, what);
        }
    return 1;
}

static int parse_key(struct parser *p, struct sab_value *member)
{
    size_t size;
    skip_space(p);
    if (peek(p) != '"')
        return fail(p, "a key in quotes is missing");
    size_t begin = p->at;
    if (!parse_string(p, &member->key, &size))
        return 0;
    if (p->values && strlen(member->key) != size) {
        p->at = begin;
        return fail(p, "a key with a 0 byte");
    }
    skip_space(p);
    if (peek(p) != ':')
        return fail(p, "a ':' is missing");
    p->at++;
    return 1;
}

static int parse_value(struct parser *p, struct sab_value *value, int depth);

static int parse_members(struct parser *p, struct sab_value *value, int depth)
{
    const int is_object = peek(p) == '{', end = is_object ? '}' : ']';
    const struct sab_value **link = &value->as.first;
    value->kind = is_object ? SAB_VALUE_OBJECT : SAB_VALUE_ARRAY;
    if (depth == SAB_JSON_DEPTH_CAP)
        return fail(p, "too many arrays and objects in each other");
    p->at++;
    skip_space(p);
    while (value->size > 0 || peek(p) != end) {
        struct sab_value uncounted = {0}, *member = p->values ? &p->values[p->count] : &uncounted;
        if (++p->count > SAB_JSON_VALUES_CAP)
            return fail(p, "too many values");
        if (is_object && !parse_key(p, member))
            return 0;
        if (!parse_value(p, member, depth + 1))
            return 0;
        value->size++;
        if (p->values) {
            *link = member;
            link = &member->next;
        }
        skip_space(p);
        if (peek(p) == end)
            break;
        if (peek(p) != ',')
            return fail(p, is_object ? "a ',' or '}' is missing" : "a ',' or ']' is missing");
        p->at++;
    }
    p->at++;
    return !is_object || !p->values || check_keys(p, value);
}

static int parse_value(struct parser *p, struct sab_value *value, int depth)
{
    skip_space(p);
    int c = peek(p);
    if (c == '{' || c == '[')
        return parse_members(p, value, depth);
    if (c == '"') {
        value->kind = SAB_VALUE_STRING;
        return parse_string(p, &value->as.string, &value->size);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return parse_number(p, value);
    return c < 0 ? fail(p, "the text ends where a value is missing") : parse_name(p, value);
}

/* One walk over the whole text. */
static int walk(struct parser *p)
{
    struct sab_value uncounted = {0};
    p->at = p->used = 0;
    p->count = 1;
    if (!parse_value(p, p->values ? p->values : &uncounted, 0))
        return 0;
    skip_space(p);
    return p->at == p->nbytes || fail(p, "something follows after the value");
}

static void find_line(const char *text, struct sab_json_problem *problem)
{
    problem->line = problem->column = 1;
    for (size_t i = 0; i < problem->at; i++) {
        problem->column = text[i] == '\n' ? 1 : problem->column + 1;
        problem->line += text[i] == '\n';
    }
}

int sab_json_parse(const struct sab_value **root, const char *text, size_t nbytes, struct sab_json_problem *problem)
{
    struct sab_json_problem unasked;
    struct parser p = {.text = text, .nbytes = nbytes, .problem = problem ? problem : &unasked};
    int is_legal = walk(&p);
    if (is_legal) {
        size_t per_value = sizeof *p.values + sizeof *p.order;
        char *block = sab_alloc(p.count * per_value + p.used, 1); /* both factors are bounded */
        if (!block)
            return SAB_NOMEM;
        p.values = (struct sab_value *)(void *)block;
        p.order = (const char **)(void *)(block + p.count * sizeof *p.values);
        p.strings = block + p.count * per_value;
        is_legal = walk(&p);
    }
    if (!is_legal) {
        find_line(text, p.problem);
        sab_free(p.values);
        return SAB_FORMAT;
    }
    *root = p.values;
    return SAB_OK;
}

void sab_json_free(const struct sab_value *root)
{
    sab_free((void *)root);
}

/* ---- asking ---- */

int sab_value_is(const struct sab_value *value, enum sab_value_kind kind)
{
    return value && value->kind == kind;
}

size_t sab_value_size(const struct sab_value *value)
{
    return sab_value_is(value, SAB_VALUE_ARRAY) || sab_value_is(value, SAB_VALUE_OBJECT) ? value->size : 0;
}

const struct sab_value *sab_value_first(const struct sab_value *value)
{
    return sab_value_size(value) > 0 ? value->as.first : NULL;
}

const struct sab_value *sab_value_get(const struct sab_value *object, const char *key)
{
    for (const struct sab_value *v = sab_value_first(object); v; v = v->next)
        if (v->key && strcmp(v->key, key) == 0)
            return v;
    return NULL;
}

const char *sab_value_string(const struct sab_value *value)
{
    int is_string = sab_value_is(value, SAB_VALUE_STRING) && strlen(value->as.string) == value->size;
    return is_string ? value->as.string : NULL;
}

int sab_value_int(const struct sab_value *value, int64_t least, int64_t most, int64_t *number)
{
    if (!sab_value_is(value, SAB_VALUE_INT) || value->as.integer < least || value->as.integer > most)
        return 1;
    *number = value->as.integer;
    return 0;
}

int sab_value_real(const struct sab_value *value, double *number)
{
    if (sab_value_is(value, SAB_VALUE_INT))
        *number = (double)value->as.integer;
    else if (sab_value_is(value, SAB_VALUE_REAL))
        *number = value->as.real;
    else
        return 1;
    return 0;
}

int sab_value_equal(const struct sab_value *a, const struct sab_value *b)
{
    double x, y;
    if (sab_value_is(a, SAB_VALUE_INT) && sab_value_is(b, SAB_VALUE_INT))
        return a->as.integer == b->as.integer;
    if (sab_value_real(a, &x) == 0 && sab_value_real(b, &y) == 0)
        return x == y;
    if (!a || !b || a->kind != b->kind || sab_value_size(a) != sab_value_size(b))
        return a == b;
    if (a->kind == SAB_VALUE_STRING)
        return a->size == b->size && memcmp(a->as.string, b->as.string, a->size) == 0;
    const struct sab_value *other = sab_value_first(b);
    for (const struct sab_value *v = sab_value_first(a); v; v = v->next, other = other->next) {
        int is_same_key = !v->key || strcmp(v->key, other->key) == 0;
        if (!sab_value_equal(v, is_same_key ? other : sab_value_get(b, v->key)))
            return 0;
    }
    return 1;
}

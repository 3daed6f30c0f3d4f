/* See text.h. */
#define _GNU_SOURCE
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Another program's locale may write 0,5 for 0.5. The C locale is switched to for this thread only, for the length of
 * one conversion; where it cannot be had, the locale stays as it is. */
static locale_t enter_c_locale(locale_t *c)
{
    *c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return *c ? uselocale(*c) : (locale_t)0;
}

static void leave_c_locale(locale_t before, locale_t c)
{
    if (!c)
        return;
    uselocale(before);
    freelocale(c);
}

void sab_text_from_real(double value, char buf[SAB_REAL_TEXT_CAP])
{
    if (isnan(value)) {
        strcpy(buf, "nan");
        return;
    }
    if (isinf(value)) {
        strcpy(buf, value > 0 ? "inf" : "-inf");
        return;
    }
    locale_t c, before = enter_c_locale(&c);
    if (value == floor(value) && fabs(value) < 1e7) {
        snprintf(buf, SAB_REAL_TEXT_CAP, "%.0f", value); /* %g would write 100 as 1e+02 */
    } else {
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(buf, SAB_REAL_TEXT_CAP, "%.*g", digits, value);
            if (strtod(buf, NULL) == value)
                break;
        }
    }
    leave_c_locale(before, c);
}

int sab_text_to_real(const char *text, double *value)
{
    /* Leaves out what strtod reads beyond decimal numbers: leading space, hexadecimal, infinity, nan. */
    if (*text == 0 || strspn(text, "0123456789.eE+-") != strlen(text))
        return 1;
    locale_t c, before = enter_c_locale(&c);
    char *end;
    double read = strtod(text, &end);
    leave_c_locale(before, c);
    if (*end != 0 || end == text || !isfinite(read))
        return 1;
    *value = read;
    return 0;
}

int sab_text_to_int(const char *text, int64_t *value)
{
    if (*text == 0 || strspn(text, "0123456789+-") != strlen(text))
        return 1;
    char *end;
    errno = 0;
    long long read = strtoll(text, &end, 10);
    if (errno != 0 || *end != 0 || end == text)
        return 1;
    *value = read;
    return 0;
}

int sab_text_decode(const char *text, size_t nbytes, uint32_t *code)
{
    const unsigned char *s = (const unsigned char *)text;
    if (nbytes == 0)
        return 0;
    unsigned first = s[0];
    if (first < 0x80) {
        *code = first;
        return 1;
    }
    int length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3
               : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
    if (length == 0 || nbytes < (size_t)length)
        return 0;
    /* The second byte's range is narrower after e0, ed, f0, f4: overlong forms, surrogates, beyond U+10FFFF. */
    unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    uint32_t bits = first & (0xffu >> (length + 1));
    for (int k = 1; k < length; k++, low = 0x80, high = 0xbf) {
        if (s[k] < low || s[k] > high)
            return 0;
        bits = bits << 6 | (s[k] & 0x3fu);
    }
    *code = bits;
    return length;
}

int sab_text_encode(uint32_t code, char buf[4])
{
    if (code < 0x80) {
        buf[0] = (char)code;
        return 1;
    }
    int length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int k = length - 1; k > 0; k--, code >>= 6)
        buf[k] = (char)(0x80 | (code & 0x3f));
    buf[0] = (char)((0xf00u >> length & 0xff) | code);
    return length;
}

int sab_text_is_utf8(const char *text, size_t nbytes)
{
    uint32_t code;
    for (size_t i = 0; i < nbytes;) {
        int length = sab_text_decode(text + i, nbytes - i, &code);
        if (length == 0)
            return 0;
        i += (size_t)length;
    }
    return 1;
}

/* Characters that move the cursor, change colours, end a line, turn the direction of writing or are not seen. */
static int is_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c || code == 0x180e ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code < 0xe0080);
}

const char *sab_text_shown(const char *text, char *buf, size_t cap)
{
    static const char named[] = "\n\t\r", names[] = "ntr";
    size_t nbytes = strlen(text), used = 0;
    for (size_t i = 0; i < nbytes;) {
        char piece[16];
        uint32_t code = 0;
        int length = sab_text_decode(text + i, nbytes - i, &code);
        const char *name = code && code < 0x20 ? strchr(named, (int)code) : NULL;
        if (length == 0)
            snprintf(piece, sizeof piece, "\\x%02x", (unsigned char)text[i]);
        else if (!is_hidden(code))
            snprintf(piece, sizeof piece, "%.*s", length, text + i);
        else if (name)
            snprintf(piece, sizeof piece, "\\%c", names[name - named]);
        else
            snprintf(piece, sizeof piece, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
        size_t n = strlen(piece);
        if (used + n >= cap)
            break;
        memcpy(buf + used, piece, n);
        used += n;
        i += length ? (size_t)length : 1;
    }
    buf[used] = '\0';
    return buf;
}

int sab_text_unescape(const char *text, char *buf)
{
    static const char letters[] = "ntr\\", meant[] = "\n\t\r\\";
    for (; *text; text++) {
        if (*text == '\\') {
            const char *letter = text[1] ? strchr(letters, text[1]) : NULL;
            if (!letter)
                return 1;
            *buf++ = meant[letter - letters];
            text++;
        } else {
            *buf++ = *text;
        }
    }
    *buf = 0;
    return 0;
}

static int same_letter(char a, char b)
{
    return a == b || ((a == '-' || a == '_') && (b == '-' || b == '_'));
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

int sab_text_distance(const char *a, const char *b)
{
    enum { CAP = 64 };
    size_t na = strlen(a), nb = strlen(b);
    if (na >= CAP || nb >= CAP)
        return INT_MAX;
    /* rows[i % 3][j]: edits between the first i letters of a and the first j of b. */
    int rows[3][CAP];
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        int *now = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            now[j] = last[j - 1] + !same_letter(a[i - 1], b[j - 1]);
            now[j] = smaller(now[j], smaller(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
                now[j] = smaller(now[j], before[j - 2] + 1);
        }
    }
    return rows[na % 3][nb];
}

const char *sab_text_nearest(const char *word, const char *const *names, int n)
{
    const char *nearest = NULL;
    int least = INT_MAX, length = (int)strlen(word);
    for (int i = 0; i < n; i++) {
        int distance = sab_text_distance(word, names[i]);
        if (distance < least) {
            least = distance;
            nearest = names[i];
        }
    }
    if (nearest && least <= 1 + length / 4 && least < length)
        return nearest;
    for (int i = 0; i < n; i++) {
        size_t a = strlen(names[i]), b = strlen(word), shorter = a < b ? a : b;
        if (shorter >= 3 && strncmp(names[i], word, shorter) == 0)
            return names[i];
    }
    return NULL;
}

int sab_text_lists(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, " ");
        if (n == length && memcmp(at, word, n) == 0)
            return 1;
        at += n;
        at += strspn(at, " ");
    }
    return 0;
}

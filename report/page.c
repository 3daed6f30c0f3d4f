/* See page.h. What the page is made of stands in report/page/, and is put into the program by cmake/page.cmake. */
#include "report/page.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/file.h"
#include "report/page_parts.h"

/* Where a part of the page goes into its frame, page.html. */
static const struct slot {
    const char *mark;
    const unsigned char *text; /* NULL: the document, or whom the page may ask */
    const size_t *nbytes;
} slots[] = {
    {"@CONNECT@", NULL, NULL},
    {"@STYLE@", sab_page_style, &sab_page_style_nbytes},
    {"@REPORT@", NULL, NULL},
    {"@SCRIPT@", sab_page_script, &sab_page_script_nbytes},
};

/* Appends the JSON so that nothing in it can end the element it stands in: no '<' is left. */
static size_t append_json(char *to, const char *json, size_t nbytes)
{
    size_t used = 0;
    for (size_t i = 0; i < nbytes; i++)
        if (json[i] == '<') {
            memcpy(to + used, "\\u003c", 6);
            used += 6;
        } else {
            to[used++] = json[i];
        }
    return used;
}

static size_t count_escaped(const char *json, size_t nbytes)
{
    size_t count = nbytes;
    for (size_t i = 0; i < nbytes; i++)
        count += json[i] == '<' ? 5 : 0;
    return count;
}

int sab_page_make(const char *json, size_t nbytes, int is_served, char **out, size_t *out_nbytes, struct sab_error *err)
{
    const char *connect = is_served ? " connect-src 'self';" : "";
    size_t room = sab_page_frame_nbytes + sab_page_style_nbytes + sab_page_script_nbytes + count_escaped(json, nbytes) + strlen(connect);
    size_t used = 0;
    char *page = sab_alloc(room, 1);
    const char *at = (const char *)sab_page_frame, *end = at + sab_page_frame_nbytes;
    if (!page)
        return sab_fail(err, SAB_NOMEM, "no memory for a report of %zu bytes", room);
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        const char *mark = strstr(at, slots[i].mark); /* a part is followed by a 0 */
        memcpy(page + used, at, (size_t)(mark - at));
        used += (size_t)(mark - at);
        if (slots[i].text) {
            memcpy(page + used, slots[i].text, *slots[i].nbytes);
            used += *slots[i].nbytes;
        } else if (i == 0) {
            memcpy(page + used, connect, strlen(connect));
            used += strlen(connect);
        } else {
            used += append_json(page + used, json, nbytes);
        }
        at = mark + strlen(slots[i].mark);
    }
    memcpy(page + used, at, (size_t)(end - at));
    used += (size_t)(end - at);
    *out = page;
    *out_nbytes = used;
    return SAB_OK;
}

int sab_page_write(const char *path, const char *json, size_t nbytes, struct sab_error *err)
{
    char *page = NULL;
    size_t page_nbytes = 0;
    int status = sab_page_make(json, nbytes, 0, &page, &page_nbytes, err);
    if (status == SAB_OK)
        status = sab_file_write_atomic(path, page, page_nbytes, err);
    sab_free(page);
    return status;
}

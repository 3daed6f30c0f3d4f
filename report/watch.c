/* See watch.h.
 *
 *     /                              the page, with the document as it is
 *     /report.json?seen=STAMP        the document, or 204 where the runs are as they were at that stamp
 *     /sequence.json?run=I&text=S    what the model of run I makes of a sequence that somebody wrote: its entries
 *                                    "sequences" and "recall" */
#include "report/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "report/page.h"
#include "report/progress.h"

enum { SHARE = 10 }; /* no more than a tenth of the time goes into documents */

struct watching {
    const struct sab_watched *of;
    char *json;
    size_t nbytes;
    uint64_t stamp;        /* of the files when json was made */
    double made_s, took_s;
};

static void mix(uint64_t *stamp, uint64_t value)
{
    *stamp = (*stamp ^ value) * 0x100000001b3u;
}

/* Of what a report is made of: other where a file is another, written to or gone. */
static uint64_t stamp_of(const struct sab_watched *w)
{
    static const char *const files[] = {"", "/config.json", "/metrics.jsonl", "/model.safetensors"};
    uint64_t stamp = 0xcbf29ce484222325u;
    for (int i = 0; i < w->n; i++)
        for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
            char path[SAB_DIR_CAP];
            struct stat info = {0};
            snprintf(path, sizeof path, "%s%s", w->runs[i], files[k]);
            if (stat(path, &info) != 0 || S_ISDIR(info.st_mode))
                memset(&info, 0, sizeof info);
            mix(&stamp, (uint64_t)info.st_ino);
            mix(&stamp, (uint64_t)info.st_size);
            mix(&stamp, (uint64_t)info.st_mtim.tv_sec * 1000000000u + (uint64_t)info.st_mtim.tv_nsec);
        }
    return stamp;
}

/* Makes the document anew where the runs went on; what it is made of may change meanwhile, which the next stamp tells. */
static int make(struct watching *w, struct sab_error *err)
{
    double begin = sab_progress_clock();
    uint64_t stamp = stamp_of(w->of);
    if (w->json && (stamp == w->stamp || begin - w->made_s < SHARE * w->took_s))
        return SAB_OK;
    struct sab_json json = {.is_compact = 1};
    char text[24];
    snprintf(text, sizeof text, "%016" PRIx64, stamp);
    int status = sab_document_write(&json, w->of->runs, w->of->n, w->of->document, text, err);
    size_t nbytes = 0;
    char *made = sab_json_take(&json, &nbytes);
    if (status == SAB_OK && !made)
        status = sab_fail(err, SAB_NOMEM, "no memory for the report");
    if (status != SAB_OK) {
        sab_free(made);
        return status;
    }
    sab_free(w->json);
    w->json = made;
    w->nbytes = nbytes;
    w->stamp = stamp;
    w->made_s = sab_progress_clock();
    w->took_s = w->made_s - begin;
    return SAB_OK;
}

static int answer_page(struct watching *w, struct sab_served *served, struct sab_error *err)
{
    served->type = "text/html; charset=utf-8";
    return sab_page_make(w->json, w->nbytes, 1, &served->bytes, &served->nbytes, err);
}

static int answer_document(struct watching *w, const char *query, struct sab_served *served, struct sab_error *err)
{
    char *seen = sab_serve_value(query, "seen");
    served->type = "application/json";
    int is_new = !seen || strtoull(seen, NULL, 16) != w->stamp;
    sab_free(seen);
    if (!is_new)
        return SAB_OK;
    served->bytes = sab_alloc(w->nbytes + 1, 1);
    if (!served->bytes)
        return sab_fail(err, SAB_NOMEM, "no memory for the report");
    memcpy(served->bytes, w->json, w->nbytes);
    served->nbytes = w->nbytes;
    return SAB_OK;
}

static int answer_sequence(struct watching *w, const char *query, struct sab_served *served, struct sab_error *err)
{
    char *run = sab_serve_value(query, "run"), *text = sab_serve_value(query, "text");
    struct sab_json json = {.is_compact = 1};
    int64_t i = -1;
    int status = run && text && sab_text_to_int(run, &i) == 0 && i >= 0 && i < w->of->n
                     ? sab_document_own(&json, w->of->runs[i], text, err)
                     : sab_fail(err, SAB_INVALID, "run=0 and on, and text=..., are needed");
    served->type = "application/json";
    served->bytes = sab_json_take(&json, &served->nbytes);
    if (status == SAB_OK && !served->bytes)
        status = sab_fail(err, SAB_NOMEM, "no memory for the sequence");
    sab_free(run);
    sab_free(text);
    return status;
}

static int answer(void *user, const char *path, const char *query, struct sab_served *served, struct sab_error *err)
{
    struct watching *w = user;
    if (strcmp(path, "/sequence.json") == 0)
        return answer_sequence(w, query, served, err);
    if (strcmp(path, "/") != 0 && strcmp(path, "/report.json") != 0)
        return SAB_OK;
    int status = make(w, err);
    if (status != SAB_OK)
        return status;
    return path[1] ? answer_document(w, query, served, err) : answer_page(w, served, err);
}

static void ready(void *user, const char *url)
{
    const struct watching *w = user;
    w->of->say(w->of->user, url, w->of->opens && sab_serve_open(url) == 0);
}

int sab_watch_runs(const struct sab_watched *watched, struct sab_error *err)
{
    struct watching w = {.of = watched};
    const struct sab_server server = {watched->port, watched->stop, ready, answer, &w};
    int status = make(&w, err);
    if (status == SAB_OK)
        status = sab_serve(&server, err);
    sab_free(w.json);
    return status;
}

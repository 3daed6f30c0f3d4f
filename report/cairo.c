/* See cairo.h. */
#include "report/cairo.h"

#include <stdio.h>

#include "base/error.h"

#ifdef SAB_CAIRO

#include <dlfcn.h>
#include <string.h>

#include "base/alloc.h"
#include "report/apart.h"
#include "report/letters.h"

int sab_cairo_open(struct sab_cairo *cairo, struct sab_error *err)
{
    *cairo = (struct sab_cairo){.library = dlopen("libcairo.so.2", RTLD_LAZY | RTLD_NODELETE)};
    const char *why = cairo->library ? NULL : dlerror();
    if (why && !strstr(why, "No such file"))
        return sab_fail(err, SAB_IO, "Cairo, which draws figures, cannot be loaded, as when memory runs out: %.200s", why);
    if (why)
        return sab_fail(err, SAB_IO,
                        "figures are drawn by Cairo, which is not installed (libcairo.so.2). Debian: apt-get install "
                        "libcairo2 "
                        "fonts-dejavu-core");
#define FIND(name)                                                                                                                 \
    void *at_##name = dlsym(cairo->library, "cairo_" #name);                                                                       \
    if (!at_##name)                                                                                                                \
        return sab_fail(err, SAB_IO, "the Cairo that is installed has no cairo_" #name ": 1.16 or later draws figures");           \
    memcpy(&cairo->name, &at_##name, sizeof at_##name);
    SAB_CAIRO_FUNCTIONS(FIND)
#undef FIND
    return SAB_OK;
}

/* A sentence or a version, with its status before it. */
struct answer {
    int status;
    char text[256];
};

static int look_apart(void *user, int to)
{
    struct sab_cairo cairo;
    struct sab_error why = {0};
    struct answer answer = {.status = sab_cairo_open(&cairo, &why)};
    struct sab_letters letters = {0};
    (void)user;
    if (answer.status == SAB_OK)
        sab_letters_open(&letters, &cairo, NULL, NULL);
    const char *pango = sab_letters_version(&letters);
    snprintf(answer.text, sizeof answer.text, "%.200s%s%.40s", answer.status == SAB_OK ? cairo.version_string() : why.message,
             pango ? " with Pango " : "", pango ? pango : "");
    return sab_apart_send(to, &answer, sizeof answer);
}

int sab_cairo_check(char version[32], struct sab_error *err)
{
    const int SECONDS = 20;
    struct sab_apart apart;
    struct answer answer = {0};
    int status = sab_apart_run(&apart, look_apart, NULL, SECONDS, err);
    if (status == SAB_OK && (apart.ending || apart.nbytes != sizeof answer))
        status = sab_fail(err, SAB_IO, "Cairo, which draws figures, cannot be loaded (%s), as when memory runs out",
                          apart.ending ? apart.ending : "it said nothing");
    if (status == SAB_OK)
        memcpy(&answer, apart.bytes, sizeof answer);
    if (answer.status != SAB_OK)
        status = sab_fail(err, answer.status, "%.250s", answer.text);
    snprintf(version, 32, "%.31s", status == SAB_OK ? answer.text : "");
    sab_free(apart.bytes);
    return status;
}

#else

int sab_cairo_check(char version[32], struct sab_error *err)
{
    version[0] = 0;
    return sab_fail(err, SAB_INVALID, "this sab was built without Cairo and draws no figures (Debian: apt-get install libcairo2-dev, and "
                    "build it again); the terminal's map, CSV and sab report need none");
}

#endif

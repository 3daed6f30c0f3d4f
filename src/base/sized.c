/* See sized.h. */
#include "base/sized.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"

/* The oldest struct that is served ends with this member. Members are added behind the last, and this stays. */
#define ROUND(nbytes) (((nbytes) + sizeof(size_t) - 1) / sizeof(size_t) * sizeof(size_t)) /* as the compiler fills a struct up */
#define KIND(what, name, last) \
    {what, "struct " #name, ROUND(offsetof(struct name, last) + sizeof ((struct name *)0)->last), sizeof(struct name)}

const struct sab_sized sab_batch_sized = KIND("the batch", sab_batch, c0);
const struct sab_sized sab_metrics_sized = KIND("the metrics", sab_metrics, grad_norm);
const struct sab_sized sab_recall_sized = KIND("the recall", sab_recall, user);
const struct sab_sized sab_request_sized = KIND("the request", sab_request, recall);
const struct sab_sized sab_shape_sized = KIND("the shape", sab_shape, O);
const struct sab_sized sab_watch_sized = KIND("the watch", sab_watch, stop);
const struct sab_sized sab_outcome_sized = KIND("the outcome", sab_outcome, weights_digest);
const struct sab_sized sab_forecast_sized = KIND("the forecast", sab_forecast, device_steps);
const struct sab_sized sab_sampling_sized = KIND("the sampling", sab_sampling, seed);

int sab_sized_take(const struct sab_sized *kind, void *whole, const void *given, struct sab_error *err)
{
    size_t size;
    assert(kind->first <= kind->now);
    if (!given)
        return SAB_OK;
    memcpy(&size, given, sizeof size);
    if (size < kind->first || size > kind->now || size % sizeof size != 0)
        return sab_fail(err, SAB_INVALID, "size = %zu of %s: it must be sizeof (%s), %zu here%s", size, kind->what, kind->type,
                        kind->now, size > kind->now ? "; a newer sab.h than this library's has more" : "");
    memset(whole, 0, kind->now);
    memcpy(whole, given, size);
    memcpy(whole, &kind->now, sizeof kind->now);
    return SAB_OK;
}

void sab_sized_give(void *given, const void *whole)
{
    size_t size;
    if (!given)
        return;
    memcpy(&size, given, sizeof size);
    memcpy((char *)given + sizeof size, (const char *)whole + sizeof size, size - sizeof size);
}

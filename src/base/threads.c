/* See threads.h. */
#include "base/threads.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* Waits until all are there. */
static void *wait_for_all(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

int sab_threads_ready(int n, struct sab_error *err)
{
    if (n < 2)
        return SAB_OK;
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t *threads = sab_alloc((size_t)n, sizeof *threads);
    int started = 1, refused = 0; /* the caller's own is there */
    if (!threads)
        return sab_fail(err, SAB_NOMEM, "no memory for %d threads", n);
    pthread_mutex_lock(&gate);
    while (started < n && !refused) {
        refused = pthread_create(&threads[started], NULL, wait_for_all, &gate);
        started += !refused;
    }
    pthread_mutex_unlock(&gate);
    for (int i = 1; i < started; i++)
        pthread_join(threads[i], NULL);
    sab_free(threads);
    if (!refused)
        return SAB_OK;
    return sab_fail(err, SAB_NOMEM, "of %d threads the system gives %d (%s): --threads %d goes with these, or a higher limit of "
                                    "processes or memory", n, started, strerror(refused), started);
}

/* Preloaded by progress.bats: what is said of work after a second, or a minute, is said of any. Whoever waits for a time does not wait the
 * first time, still holding the mutex: the line stands before the work begins, however fast the machine. Later waits are a few
 * milliseconds. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
    static _Thread_local int has_waited;
    const struct timespec soon = {0, 2000000};
    (void)condition, (void)until;
    if (has_waited) {
        pthread_mutex_unlock(mutex);
        nanosleep(&soon, NULL);
        pthread_mutex_lock(mutex);
    }
    has_waited = 1;
    return ETIMEDOUT;
}

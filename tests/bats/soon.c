/* Preloaded by progress.bats: whoever waits for a time waits a few milliseconds, so that what is said of work after a second, or a minute,
 * is said of any. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
    const struct timespec soon = {0, 2000000};
    (void)condition, (void)until;
    pthread_mutex_unlock(mutex);
    nanosleep(&soon, NULL);
    pthread_mutex_lock(mutex);
    return ETIMEDOUT;
}

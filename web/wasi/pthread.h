/* Threads where there is one: locks that are always free, and no other thread to be had. What the engine asks of threads, no more. */
#ifndef SAB_WEB_PTHREAD_H
#define SAB_WEB_PTHREAD_H

#include <errno.h>

typedef int pthread_t, pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER 0

static inline int pthread_mutex_init(pthread_mutex_t *mutex, const void *attributes) { (void)attributes; return *mutex = 0; }
static inline int pthread_mutex_destroy(pthread_mutex_t *mutex) { (void)mutex; return 0; }
static inline int pthread_mutex_lock(pthread_mutex_t *mutex) { (void)mutex; return 0; }
static inline int pthread_mutex_unlock(pthread_mutex_t *mutex) { (void)mutex; return 0; }

static inline int pthread_create(pthread_t *thread, const void *attributes, void *(*run)(void *), void *user)
{
    (void)thread, (void)attributes, (void)run, (void)user;
    return EAGAIN;
}

static inline int pthread_join(pthread_t thread, void **result) { (void)thread, (void)result; return EINVAL; }

#endif

/* Threads where there is one: locks that are always free, and no other thread to be had. What the engine asks of threads, no more. */
#ifndef SAB_WEB_PTHREAD_H
#define SAB_WEB_PTHREAD_H

#include <errno.h>

typedef int pthread_t, pthread_mutex_t, pthread_cond_t, sigset_t;
#define SIG_SETMASK 2
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

/* Nobody waits for another, and no signal comes. */
static inline int pthread_cond_init(pthread_cond_t *condition, const void *attributes) { (void)attributes; return *condition = 0; }
static inline int pthread_cond_destroy(pthread_cond_t *condition) { (void)condition; return 0; }
static inline int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) { (void)condition, (void)mutex; return 0; }
static inline int pthread_cond_signal(pthread_cond_t *condition) { (void)condition; return 0; }
static inline int pthread_cond_broadcast(pthread_cond_t *condition) { (void)condition; return 0; }
static inline int sigdelset(sigset_t *set, int number) { (void)number; return *set; }
static inline int sigfillset(sigset_t *set) { return *set = 0; }

static inline int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    (void)how, (void)set;
    return before ? *before = 0 : 0;
}

#endif

/* Many streams of one model for a long time, on two threads: memory in use stays what it is, and a stream that is cloned, saved,
 * loaded, and taken apart and put together again gives the bits of its twin that is left alone.
 *
 *     trust_streams STREAMS STEPS        steps of all streams together
 *
 * Prints the steps taken and the bytes of resident memory after a tenth of them and at the end; exit code 1 where it failed. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sab.h"

enum { THREADS = 2, H = 8, SLOTS = 6, CHANGE_EVERY = 50, SAVE_EVERY = 40 };
/* A byte lost with each of ten million steps is nine times as much. */
enum { MOST_GROWTH = 1 << 20 };

static struct sab_model *model;
static long n_streams, n_rounds;
static long marks[2]; /* resident bytes after a tenth, and at the end */
static pthread_barrier_t tenth;

static void stop(const char *what, const struct sab_error *err)
{
    fprintf(stderr, "trust_streams: %s: %s\n", what, err ? err->message : "");
    exit(1);
}

static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        stop("/proc/self/statm", NULL);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static float input(long stream, long round)
{
    unsigned long x = (unsigned long)stream * 2654435761u + (unsigned long)round * 40503u;
    return (float)(x >> 7 & 1023) / 512 - 1;
}

static struct sab_stream *make(void)
{
    struct sab_stream *stream;
    struct sab_error err;
    if (sab_stream_create(&stream, model, 1, &err))
        stop("create", &err);
    return stream;
}

/* The same stream by another way. */
static struct sab_stream *changed(struct sab_stream *stream, long turn, const char *path)
{
    struct sab_stream *other;
    struct sab_error err;
    sab_real h[H], c[H], memories[2 * SLOTS * H];
    int32_t first, since;
    if (turn % SAVE_EVERY == 0) {
        if (sab_stream_save(stream, path, &err) || sab_stream_load(&other, model, path, &err))
            stop("save and load", &err);
    } else if (turn % 2) {
        if (sab_stream_clone(&other, stream, &err))
            stop("clone", &err);
    } else {
        other = make();
        int N = sab_stream_get(stream, h, c, memories, &first, &since);
        if (sab_stream_set(other, N, h, c, memories, &first, &since, &err))
            stop("set", &err);
    }
    sab_stream_free(stream);
    return other;
}

static void step(struct sab_stream *stream, float value, sab_real *output)
{
    struct sab_error err;
    const sab_real values[1] = {(sab_real)value};
    if (sab_stream_step(stream, NULL, values, output, &err))
        stop("step", &err);
}

/* A thread's streams: the first two are twins, of which the second is changed again and again; one of the others after the other is
 * freed and begun anew. */
static void *run(void *argument)
{
    long thread = *(long *)argument, n = n_streams / THREADS, changes = 0;
    char path[64];
    snprintf(path, sizeof path, "stream%ld.safetensors", thread);
    struct sab_stream **streams = calloc((size_t)n, sizeof *streams);
    if (!streams)
        stop("memory", NULL);
    for (long i = 0; i < n; i++)
        streams[i] = make();
    for (long round = 0; round < n_rounds; round++) {
        sab_real output[2], twin[2];
        for (long i = 0; i < n; i++) {
            step(streams[i], input(i < 2 ? 0 : i, round), i == 0 ? output : i == 1 ? twin : NULL);
            if (i == 1 && memcmp(output, twin, sizeof output) != 0)
                stop("twins differ", NULL);
            if ((round * n + i) % CHANGE_EVERY == 0) {
                long which = 2 + changes % (n - 2);
                sab_stream_free(streams[which]);
                streams[which] = make();
                streams[1] = changed(streams[1], changes++, path);
            }
        }
        if (round == n_rounds / 10 || round == n_rounds - 1) {
            pthread_barrier_wait(&tenth); /* none is in the middle of a step */
            if (thread == 0)
                marks[round == n_rounds - 1] = resident();
            pthread_barrier_wait(&tenth);
        }
    }
    for (long i = 0; i < n; i++)
        sab_stream_free(streams[i]);
    free(streams);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sab_options *options;
    struct sab_error err;
    const struct sab_shape shape = {sizeof shape, SAB_INPUT_VALUES, 1, SAB_LOSS_MSE, 2};
    if (argc != 3)
        stop("STREAMS STEPS", NULL);
    n_streams = atol(argv[1]);
    n_rounds = atol(argv[2]) / n_streams;
    if (n_streams < 4 * THREADS || n_rounds < 10)
        stop("too few", NULL);
    if (sab_options_create(&options, &err) ||
        sab_options_parse(options, "hidden=8 attention-width=4 memory-slots=6 k-top=3 k-att=2 k-trunc=4", &err) ||
        sab_model_create(&model, options, &shape, &err))
        stop("model", &err);
    pthread_t threads[THREADS];
    long numbers[THREADS];
    pthread_barrier_init(&tenth, NULL, THREADS);
    for (long t = 0; t < THREADS; t++) {
        numbers[t] = t;
        if (pthread_create(&threads[t], NULL, run, &numbers[t]))
            stop("thread", NULL);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    sab_model_free(model);
    sab_options_free(options);
    printf("%ld %ld %ld\n", n_streams / THREADS * THREADS * n_rounds, marks[0], marks[1]);
    if (marks[1] - marks[0] > MOST_GROWTH)
        stop("memory grows", NULL);
    return 0;
}

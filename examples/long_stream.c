/* A stream without an end in constant memory: a network learns, on sequences of 100 steps, to name the one event among noise when it
 * is asked. Then it reads ever longer streams step by step, with 16 memories that it chooses itself, and is asked at their end.
 *
 *     cc long_stream.c $(pkg-config --cflags --libs sab) -o long_stream && ./long_stream [STEPS [STREAMS]]
 *
 * 10,000 steps unless told otherwise, 8 streams; ten million take half a minute each. */
#include <sab.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { UPDATES = 250, BATCH = 16, EVENTS = 8, NOISE = 8, QUERY = EVENTS + NOISE };

static struct sab_error err;

static void must(int status)
{
    if (status != SAB_OK)
        exit((fprintf(stderr, "long_stream: %s\n", err.message), 1));
}

static uint64_t draw(uint64_t below) /* 0..below-1, the same at every run */
{
    static uint64_t x = 88172645463325252u;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return (x >> 11) % below;
}

static void train(struct sab_model **model)
{
    struct sab_options *options = NULL;
    struct sab_task *task = NULL;
    struct sab_trainer *trainer = NULL;
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_metrics metrics = {.size = sizeof metrics};
    must(sab_options_create(&options, &err));
    /* read-gain 0: what is recalled goes to the answer and not into the state, so that length changes nothing. */
    must(sab_options_parse(options, "task=cue T=100 curriculum=100 hidden=48 k-trunc=10 read-gain=0 memory-slots=16 keep=novel batch=16 "
                                    "steps=500", &err));
    must(sab_options_check(options, &err));
    must(sab_task_create(&task, options, NULL, &err));
    must(sab_model_create(model, options, sab_task_shape(task), &err));
    must(sab_trainer_create(&trainer, *model, options, &err));
    for (int step = 0; step < UPDATES; step++) {
        must(sab_task_batch(task, SAB_TRAIN, step, BATCH, &batch, &err));
        must(sab_trainer_update(trainer, &batch, &metrics, &err));
    }
    printf("trained: loss %.4f on the last batch of %d steps\n", metrics.loss, batch.T);
    sab_trainer_free(trainer);
    sab_task_free(task);
    sab_options_free(options);
}

/* One stream with its event in the first tenth; whether it is named at the end. */
static int is_answered(struct sab_model *model, long steps)
{
    struct sab_stream *stream = NULL;
    sab_real y[EVENTS];
    long at = (long)draw((uint64_t)(steps + 9) / 10);
    int event = (int)draw(EVENTS), best = 0;
    must(sab_stream_create(&stream, model, 1, &err));
    for (long t = 0; t < steps; t++) {
        int32_t id = t == steps - 1 ? QUERY : t == at ? event : EVENTS + (int32_t)draw(NOISE);
        must(sab_stream_step(stream, &id, NULL, t == steps - 1 ? y : NULL, &err));
    }
    for (int k = 1; k < EVENTS; k++)
        best = y[k] > y[best] ? k : best;
    printf("event %d at step %ld of %ld: answer %d\n", event, at + 1, steps, best);
    sab_stream_free(stream);
    return best == event;
}

int main(int argc, char **argv)
{
    struct sab_model *model = NULL;
    long steps = argc > 1 ? atol(argv[1]) : 10000, streams = argc > 2 ? atol(argv[2]) : 8, right = 0;
    if (steps < 2 || streams < 1)
        return fprintf(stderr, "long_stream: steps must be 2 or more, streams 1 or more\n"), 2;
    train(&model);
    for (long k = 0; k < streams; k++)
        right += is_answered(model, steps);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%ld of %ld right, a guess %.3f; at most %ld KiB\n", right, streams, 1.0 / EVENTS, usage.ru_maxrss);
    sab_model_free(model);
    return 2 * right > streams ? 0 : 1;
}

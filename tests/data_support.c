/* See data_support.h. */
#include "data_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

#include "options_helper.h"

unsigned char *data_gzip(const void *bytes, size_t nbytes, int level, size_t *packed_nbytes)
{
    z_stream stream = {0};
    uLong cap = 0;
    unsigned char *packed = NULL;
    int ok = deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    if (ok) {
        cap = deflateBound(&stream, (uLong)nbytes);
        packed = malloc(cap);
        stream.next_in = (unsigned char *)(size_t)bytes;
        stream.avail_in = (uInt)nbytes;
        stream.next_out = packed;
        stream.avail_out = (uInt)cap;
        ok = packed && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    }
    if (!ok) {
        fprintf(stderr, "test set-up: packing %zu bytes failed\n", nbytes);
        exit(99);
    }
    *packed_nbytes = stream.total_out;
    deflateEnd(&stream);
    return packed;
}

struct sab_options data_drawn_options(const char *task, int T)
{
    struct sab_options config;
    sab_options_init(&config);
    config.task.drawn.curriculum = 0;
    set_option(&config, "task", task);
    config.task.T = T;
    return config;
}

struct sab_task *data_task(const struct sab_options *options, const char *facts)
{
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    if (sab_task_create(&task, options, facts, &err) != SAB_OK)
        fail_msg("%s", err.message);
    return task;
}

struct sab_batch data_batch(struct sab_task *task, enum sab_split split, int64_t index, int B)
{
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_error err = {0};
    if (sab_task_batch(task, split, index, B, &batch, &err) != SAB_OK)
        fail_msg("%s", err.message);
    assert_int_equal(batch.B, B);
    return batch;
}

/* The state of a stream as arrays and back: what goes on from the arrays goes on to the bit; and h and c where sequences end. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "model/stream.h"
#include "options_helper.h"
#include "problem.h"

enum { T = 12, B = 11, H = 12, L = 2, SLOTS = 5, O = 3, STATES = L * B * H };

static sab_real h[STATES], c[STATES], memories[STATES * SLOTS], outputs[2][T * B * O];
static int32_t first[B], since[B];

static void must(int status, const struct sab_error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

static void make(struct problem *p, int cell, int k_top)
{
    OPTIONS config = {0};
    problem_config(&config);
    config.model.cell = cell;
    config.model.layers = L;
    config.model.k_top = k_top;
    config.model.memory_slots = SLOTS;
    problem_make(p, &config, SHAPE(SAB_INPUT_VALUES, 4, SAB_LOSS_MSE, O), T, B, 3);
    for (int b = 0; b < B; b++)
        p->lengths[b] = b % 3 ? T - 2 * (b % 6) : T; /* multiples of k_att */
}

static struct sab_stream *stream_of(struct problem *p)
{
    struct sab_error err;
    struct sab_stream *stream;
    must(sab_stream_create(&stream, p->model, B, &err), &err);
    return stream;
}

static void forward(struct problem *p, struct sab_stream *stream, sab_real *y)
{
    struct sab_error err;
    p->batch.state = stream;
    must(sab_model_evaluate(p->model, &p->batch, 1, y, NULL, NULL, &err), &err);
    p->batch.state = NULL;
}

/* Into `to` what get has of `from`. */
static int carry_over(const struct sab_stream *from, struct sab_stream *to, int cell)
{
    struct sab_error err;
    int N = sab_stream_get(from, h, cell == SAB_CELL_LSTM ? c : NULL, memories, first, since);
    must(sab_stream_set(to, N, h, cell == SAB_CELL_LSTM ? c : NULL, N > 0 ? memories : NULL, first, since, &err), &err);
    return N;
}

static void test_what_was_set_goes_on(void **unused)
{
    (void)unused;
    for (int cell = 0; cell < 3; cell++)
        for (int k_top = 0; k_top <= 3; k_top += 3) {
            struct problem p;
            make(&p, cell, k_top);
            struct sab_stream *one = stream_of(&p), *two = stream_of(&p);
            for (int i = 0; i < 3; i++) {
                forward(&p, one, outputs[0]);
                int N = carry_over(one, two, cell);
                assert_int_equal(N, k_top ? SLOTS : 0);
                forward(&p, one, outputs[0]);
                forward(&p, two, outputs[1]);
                assert_memory_equal(outputs[0], outputs[1], sizeof outputs[0]);
            }
            sab_stream_free(one), sab_stream_free(two);
            problem_free(&p);
        }
}

/* Step by step too, at each distance from the latest memory. */
static void test_steps_go_on(void **unused)
{
    (void)unused;
    struct problem p;
    struct sab_error err;
    make(&p, SAB_CELL_LSTM, 3);
    struct sab_stream *one = stream_of(&p);
    for (int t = 0; t < 30; t++) {
        struct sab_stream *two = stream_of(&p);
        carry_over(one, two, SAB_CELL_LSTM);
        assert_int_equal(since[0], t % 2);
        must(sab_stream_step(one, NULL, p.values + t % T * B * 4, outputs[0], &err), &err);
        must(sab_stream_step(two, NULL, p.values + t % T * B * 4, outputs[1], &err), &err);
        assert_memory_equal(outputs[0], outputs[1], B * O * sizeof(sab_real));
        sab_stream_free(two);
    }
    sab_stream_free(one);
    problem_free(&p);
}

static void test_where_sequences_end(void **unused)
{
    (void)unused;
    static sab_real hn[STATES], cn[STATES];
    for (int cell = 0; cell < 3; cell++) {
        struct problem p;
        struct sab_error err;
        make(&p, cell, 3);
        struct sab_stream *stream = stream_of(&p);
        forward(&p, stream, NULL);
        sab_stream_get(stream, h, c, NULL, NULL, NULL);
        p.batch.hn = hn;
        p.batch.cn = cell == SAB_CELL_LSTM ? cn : NULL;
        must(sab_model_evaluate(p.model, &p.batch, 2, NULL, NULL, NULL, &err), &err);
        assert_memory_equal(hn, h, sizeof h);
        if (cell == SAB_CELL_LSTM)
            assert_memory_equal(cn, c, sizeof c);
        p.batch.cn = cn;
        if (cell != SAB_CELL_LSTM) {
            assert_int_equal(sab_model_evaluate(p.model, &p.batch, 2, NULL, NULL, NULL, &err), SAB_INVALID);
            assert_non_null(strstr(err.message, "brings cn"));
        }
        sab_stream_free(stream);
        problem_free(&p);
    }
}

/* A state in a file, of networks with memories and of those that have none. */
static void test_files_go_on(void **unused)
{
    (void)unused;
    char path[] = "/tmp/sab-stream-XXXXXX";
    close(mkstemp(path));
    for (int k_top = 0; k_top <= 3; k_top += 3) {
        struct problem p;
        struct sab_error err;
        struct sab_stream *one, *two;
        make(&p, SAB_CELL_LSTM, k_top);
        one = stream_of(&p);
        forward(&p, one, outputs[0]);
        must(sab_stream_save(one, path, &err), &err);
        must(sab_stream_load(&two, p.model, path, &err), &err);
        forward(&p, one, outputs[0]), forward(&p, two, outputs[1]);
        assert_memory_equal(outputs[0], outputs[1], sizeof outputs[0]);
        sab_stream_free(one), sab_stream_free(two);
        problem_free(&p);
    }
    unlink(path);
}

/* What a state takes, by hand: h, c of an LSTM, memories, what they are worth where that chooses, the sum of a stretch and the state it
 * began with, its largest logit and its weights. */
static void test_bytes_of_a_state(void **unused)
{
    (void)unused;
    static const struct {
        int cell, keep, pool, numbers;
    } cases[] = {
        {SAB_CELL_LSTM, SAB_KEEP_RECENT, SAB_POOL_LAST, H + H + SLOTS * H},
        {SAB_CELL_GRU, SAB_KEEP_RECENT, SAB_POOL_LAST, H + SLOTS * H},
        {SAB_CELL_GRU, SAB_KEEP_NOVEL, SAB_POOL_LAST, H + SLOTS * H + SLOTS},
        {SAB_CELL_LSTM, SAB_KEEP_RECENT, SAB_POOL_MEAN, H + H + SLOTS * H + 2 * H + 2},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        OPTIONS config = {0};
        struct problem p;
        problem_config(&config);
        config.model.cell = cases[k].cell;
        config.model.keep = cases[k].keep;
        config.model.pool = cases[k].pool;
        config.model.layers = L;
        config.model.memory_slots = SLOTS;
        problem_make(&p, &config, SHAPE(SAB_INPUT_VALUES, 4, SAB_LOSS_MSE, O), T, B, 3);
        double got = sab_stream_state_nbytes(p.model, B, SLOTS), want = (double)B * L * cases[k].numbers * sizeof(sab_real);
        if (got != want)
            fail_msg("case %zu: expected %g bytes, got %g", k, want, got);
        problem_free(&p);
    }
}

static void refused(struct sab_stream *stream, int status, const char *part, int N)
{
    struct sab_error err;
    static sab_real before[STATES];
    sab_stream_get(stream, before, NULL, NULL, NULL, NULL);
    assert_int_equal(sab_stream_set(stream, N, h, c, memories, first, since, &err), status);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
    static sab_real after[STATES];
    sab_stream_get(stream, after, NULL, NULL, NULL, NULL);
    assert_memory_equal(before, after, sizeof before);
}

static void test_what_cannot_be_is_refused(void **unused)
{
    (void)unused;
    struct problem p;
    struct sab_error err;
    make(&p, SAB_CELL_LSTM, 3);
    struct sab_stream *stream = stream_of(&p), *other = stream_of(&p);
    forward(&p, other, NULL);
    carry_over(other, stream, SAB_CELL_LSTM);
    for (int i = 0; i < STATES; i++)
        h[i] = 0.25f; /* seen if it were taken over */
    refused(stream, SAB_INVALID, "N = 6 memories; N is in 0..5", SLOTS + 1);
    refused(stream, SAB_INVALID, "N = -1", -1);
    first[4] = SLOTS + 1;
    refused(stream, SAB_INVALID, "first memory of sequence 4 is 6, not in 0..5", SLOTS);
    first[4] = 0, since[2] = 2;
    refused(stream, SAB_INVALID, "sequence 2 is 2 steps after its latest memory, not 0..1", SLOTS);
    since[2] = 0, memories[7] = (sab_real)NAN;
    refused(stream, SAB_NUMERIC, "element 7 of memories", SLOTS);
    memories[7] = 0, c[3] = (sab_real)INFINITY;
    refused(stream, SAB_NUMERIC, "element 3 of c", SLOTS);
    assert_int_equal(sab_stream_set(stream, 0, h, NULL, NULL, first, since, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "without c, and --cell lstm has one"));
    c[3] = 0;
    assert_int_equal(sab_stream_set(stream, 2, h, c, NULL, first, since, &err), SAB_INVALID);
    sab_stream_free(stream), sab_stream_free(other);
    problem_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_set_goes_on),
        cmocka_unit_test(test_steps_go_on),
        cmocka_unit_test(test_bytes_of_a_state),
        cmocka_unit_test(test_files_go_on),
        cmocka_unit_test(test_where_sequences_end),
        cmocka_unit_test(test_what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Sequences that end before their batch does: the state they leave is that of their end. One that goes on gives to the bit
 * what the same steps give in one batch; one that cannot go on is refused, and can begin anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "problem.h"
#include "options_helper.h"

enum { CASES = 60, B = 11, PARTS = 3, I = 3, O = 2 };

static struct sab_shape shape = {sizeof shape, SAB_INPUT_VALUES, I, SAB_LOSS_MSE, O};

static void draw_config(struct sab_options *c, uint64_t *state)
{
    problem_config(c);
    c->model.cell = problem_int(state, 0, 2);
    c->model.score = problem_int(state, 0, 2);
    c->model.sparsifier = problem_int(state, 0, 2);
    c->model.write = problem_int(state, 0, 1);
    c->model.layers = problem_int(state, 1, 2);
    c->model.k_top = problem_int(state, 0, 3);
    c->model.k_att = problem_int(state, 1, 3);
    c->model.memory_slots = problem_int(state, 1, 9);
    c->model.keep = problem_int(state, SAB_KEEP_RECENT, SAB_KEEP_RESERVOIR);
    c->model.read_gain = 0.5; /* else some of these grow beyond all numbers */
    c->model.forward = problem_int(state, 0, 3) ? SAB_SPARSE : SAB_DENSE;
    c->model.pool = problem_int(state, 0, SAB_POOL_ATTENTION);
}

/* The batch's part i, of T steps, in which sequence b has lengths[b]. */
static struct sab_batch part_of(const struct problem *p, int i, int T, const int32_t *lengths, struct sab_stream *state)
{
    return (struct sab_batch){.size = sizeof(struct sab_batch), .T = T, .B = B,
                              .values = p->values + (size_t)i * T * B * I, .lengths = lengths,
                              .targets = p->targets + (size_t)i * T * B * O, .state = state};
}

/* What sequence b of the parts is in one: its steps one after the other, [steps,I]; returns how many. */
static int join(const struct problem *p, int b, int T, int32_t lengths[PARTS][B], sab_real *values)
{
    int n = 0;
    for (int i = 0; i < PARTS; i++)
        for (int t = 0; t < lengths[i][b]; t++, n++)
            memcpy(values + (size_t)n * I, p->values + ((size_t)(i * T + t) * B + b) * I, I * sizeof *values);
    return n;
}

static void check(uint64_t seed, int backward)
{
    uint64_t state = seed;
    OPTIONS config = {0};
    struct problem p;
    struct sab_stream *stream;
    struct sab_error err;
    int32_t lengths[PARTS][B];
    draw_config(&config, &state);
    int k = config.model.k_att, T = 6 * k * problem_int(&state, 1, 3);
    problem_make(&p, &config, shape, PARTS * T, B, seed);
    sab_real *y = calloc((size_t)PARTS * T * B * O, sizeof *y), *one = calloc((size_t)PARTS * T * O, sizeof *one);
    sab_real *values = calloc((size_t)PARTS * T * I, sizeof *values);
    assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
    for (int i = 0; i < PARTS; i++) {
        for (int b = 0; b < B; b++)
            lengths[i][b] = k * problem_int(&state, 1, T / k);
        struct sab_batch part = part_of(&p, i, T, lengths[i], stream);
        int status = backward && i < PARTS - 1
                         ? sab_model_gradient(p.model, &part, 1, NULL, NULL, &err)
                         : sab_model_evaluate(p.model, &part, 1, y + (size_t)i * T * B * O, NULL, NULL, &err);
        if (status)
            fail_msg("seed %d, part %d: %s", (int)seed, i, err.message);
    }
    for (int b = 0; b < B; b++) {
        int n = join(&p, b, T, lengths, values), at = n - lengths[PARTS - 1][b];
        struct sab_batch alone = {.size = sizeof alone, .T = n, .B = 1, .values = values};
        assert_int_equal(sab_model_evaluate(p.model, &alone, 1, one, NULL, NULL, &err), SAB_OK);
        for (int t = 0; t < lengths[PARTS - 1][b]; t++) {
            const sab_real *got = y + ((size_t)((PARTS - 1) * T + t) * B + b) * O, *want = one + (size_t)(at + t) * O;
            if (memcmp(got, want, O * sizeof *got) != 0)
                fail_msg("seed %d, sequence %d of lengths %d %d %d, step %d of the last: %.9g in parts, %.9g in one", (int)seed,
                         b, lengths[0][b], lengths[1][b], lengths[2][b], t + 1, (double)got[0], (double)want[0]);
        }
    }
    sab_stream_free(stream);
    free(y), free(one), free(values);
    problem_free(&p);
}

static void test_it_goes_on_from_where_it_ended(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        for (int backward = 0; backward <= 1; backward++)
            check(seed, backward);
}

/* Between two memories no sequence can be gone on from; all else is. */
static void test_an_end_between_memories(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct problem p;
    struct sab_stream *stream, *copy;
    struct sab_error err;
    int32_t lengths[B];
    uint8_t fresh[B] = {0};
    char path[] = "/tmp/sab-carried-XXXXXX";
    problem_config(&config);
    config.model.memory_slots = 4;
    config.model.k_att = 3;
    problem_make(&p, &config, shape, 12, B, 1);
    for (int b = 0; b < B; b++)
        lengths[b] = b == 5 ? 4 : 6;
    assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
    struct sab_batch first = part_of(&p, 0, 6, lengths, stream), second = part_of(&p, 1, 6, NULL, stream);
    assert_int_equal(sab_model_evaluate(p.model, &first, 1, NULL, NULL, NULL, &err), SAB_OK);
    assert_int_equal(sab_model_evaluate(p.model, &second, 1, NULL, NULL, NULL, &err), SAB_INVALID);
    assert_string_equal(err.message, "sequence 5 of the carried state ends 1 step after its last memory was written, so it can "
                                     "only begin anew: those that go on have a multiple of --k-att 3 steps");
    sab_real y[B * O], values[B * I] = {0};
    assert_int_equal(sab_stream_step(stream, NULL, values, y, &err), SAB_INVALID);
    int file = mkstemp(path); /* a copy, and one through a file, know it too */
    assert_true(file >= 0);
    close(file);
    assert_int_equal(sab_stream_save(stream, path, &err), SAB_OK);
    assert_int_equal(sab_stream_load(&copy, p.model, path, &err), SAB_OK);
    second.state = copy;
    assert_int_equal(sab_model_evaluate(p.model, &second, 1, NULL, NULL, NULL, &err), SAB_INVALID);
    sab_stream_free(copy);
    assert_int_equal(sab_stream_clone(&copy, stream, &err), SAB_OK);
    second.state = copy;
    assert_int_equal(sab_model_evaluate(p.model, &second, 1, NULL, NULL, NULL, &err), SAB_INVALID);
    sab_stream_free(copy);
    second.state = stream;
    second.fresh = fresh;
    fresh[5] = 1;
    assert_int_equal(sab_model_evaluate(p.model, &second, 1, NULL, NULL, NULL, &err), SAB_OK);
    fresh[5] = 0;
    assert_int_equal(sab_model_evaluate(p.model, &second, 1, NULL, NULL, NULL, &err), SAB_OK);
    unlink(path);
    sab_stream_free(stream);
    problem_free(&p);
}

/* Without a memory there is nothing to be between. */
static void test_no_memory_goes_on_anywhere(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct problem p;
    struct sab_stream *stream;
    struct sab_error err;
    int32_t lengths[B];
    problem_config(&config);
    config.model.credit = SAB_CREDIT_TBPTT;
    config.model.k_att = 3;
    problem_make(&p, &config, shape, 12, B, 1);
    for (int b = 0; b < B; b++)
        lengths[b] = b % 6 + 1;
    assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
    struct sab_batch first = part_of(&p, 0, 6, lengths, stream), second = part_of(&p, 1, 6, NULL, stream);
    sab_real on[6 * B * O], one[12 * O], values[12 * I];
    assert_int_equal(sab_model_evaluate(p.model, &first, 1, NULL, NULL, NULL, &err), SAB_OK);
    assert_int_equal(sab_model_evaluate(p.model, &second, 1, on, NULL, NULL, &err), SAB_OK);
    for (int b = 0; b < B; b++) {
        for (int t = 0; t < lengths[b] + 6; t++)
            memcpy(values + t * I, p.values + ((size_t)(t < lengths[b] ? t : t - lengths[b] + 6) * B + b) * I, I * sizeof *values);
        struct sab_batch alone = {.size = sizeof alone, .T = lengths[b] + 6, .B = 1, .values = values};
        assert_int_equal(sab_model_evaluate(p.model, &alone, 1, one, NULL, NULL, &err), SAB_OK);
        for (int t = 0; t < 6; t++)
            assert_memory_equal(on + (t * B + b) * O, one + (lengths[b] + t) * O, O * sizeof *on);
    }
    sab_stream_free(stream);
    problem_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_goes_on_from_where_it_ended),
        cmocka_unit_test(test_an_end_between_memories),
        cmocka_unit_test(test_no_memory_goes_on_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* State that goes on from batch to batch: as a file, through checkpoints, and when an update fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "io/safetensors.h"
#include "options_helper.h"
#include "problem.h"
#include "train/checkpoint.h"
#include "train/run.h"
#include "train/trainer.h"
#include "train_helpers.h"

enum { T = 8, B = 5, UPDATES = 6, I = 4, O = 3 };

/* Update `step` of a stream of batches; sequence 2 begins anew in every third. */
static void train(struct problem *p, struct sab_trainer *trainer, int steps)
{
    for (int i = 0; i < steps; i++) {
        uint8_t fresh[B] = {0};
        struct sab_error err;
        int step = (int)sab_trainer_step(trainer);
        fresh[2] = step % 3 == 2;
        memset(fresh, step == 0, step == 0 ? B : 0);
        p->batch.fresh = fresh;
        for (int j = 0; j < T * B; j++)
            p->ids[j] = (j * 7 + step * 5 + j / B) % I;
        if (sab_trainer_update(trainer, &p->batch, NULL, &err))
            fail_msg("%s", err.message);
    }
}

static void make(struct problem *p, struct sab_trainer **trainer, int cell)
{
    OPTIONS config = {0};
    struct sab_error err;
    problem_config(&config);
    config.model.cell = cell;
    config.model.layers = 2;
    config.model.memory_slots = 6;
    config.model.keep = (int[]){SAB_KEEP_RECENT, SAB_KEEP_USED, SAB_KEEP_RESERVOIR}[cell]; /* each of both */
    config.model.pool = cell;
    config.model.read_gain = 0.5;
    config.shared.batch = B;
    problem_make(p, &config, SHAPE(SAB_INPUT_IDS, I, SAB_LOSS_CROSS_ENTROPY, O), T, B, 3);
    p->batch.lengths = NULL;
    if (sab_trainer_create(trainer, p->model, &config, &err))
        fail_msg("%s", err.message);
}

static void test_resumed_is_uninterrupted(void **unused)
{
    (void)unused;
    char dir[SAB_DIR_CAP], path[2 * SAB_DIR_CAP];
    make_folder(dir);
    snprintf(path, sizeof path, "%s/state.safetensors", dir);
    for (int cell = 0; cell < 3; cell++) {
        for (int stop = 0; stop <= UPDATES; stop++) {
            struct problem whole, first, second;
            struct sab_trainer *a, *b, *c;
            struct sab_run_state state = {.best_step = -1, .evaluated = -1};
            OPTIONS was = {0};
            struct sab_error err;
            char x[33], y[33];
            make(&whole, &a, cell), make(&first, &b, cell), make(&second, &c, cell);
            train(&whole, a, UPDATES);
            train(&first, b, stop);
            assert_int_equal(sab_state_save(path, b, &state, NULL, &err), SAB_OK);
            if (sab_state_load(path, c, &state, NULL, &was, &err))
                fail_msg("%s", err.message);
            train(&second, c, UPDATES - stop);
            sab_model_digest(whole.model, x), sab_model_digest(second.model, y);
            assert_string_equal(x, y);
            sab_trainer_free(a), sab_trainer_free(b), sab_trainer_free(c);
            problem_free(&whole), problem_free(&first), problem_free(&second);
        }
    }
    remove_folder(dir);
}

/* A gradient above --explode leaves weights and carried state as they were: a second try is as if the first had not been. */
static void test_failed_update_carries_nothing(void **unused)
{
    (void)unused;
    struct problem tried, left;
    struct sab_trainer *a, *b;
    struct sab_error err;
    char x[33], y[33];
    uint8_t fresh[B] = {0};
    make(&tried, &a, SAB_CELL_LSTM), make(&left, &b, SAB_CELL_LSTM);
    train(&tried, a, 3), train(&left, b, 3);
    a->config.optim.explode = 1e-6;
    tried.batch.fresh = fresh;
    assert_int_equal(sab_trainer_update(a, &tried.batch, NULL, &err), SAB_NUMERIC);
    a->config.optim.explode = b->config.optim.explode;
    train(&tried, a, 3), train(&left, b, 3);
    sab_model_digest(tried.model, x), sab_model_digest(left.model, y);
    assert_string_equal(x, y);
    sab_trainer_free(a), sab_trainer_free(b);
    problem_free(&tried), problem_free(&left);
}

/* A stream stopped after any number of steps, saved and loaded, goes on to the bit. */
static void test_saved_stream_goes_on(void **unused)
{
    (void)unused;
    char dir[SAB_DIR_CAP], path[2 * SAB_DIR_CAP];
    make_folder(dir);
    snprintf(path, sizeof path, "%s/stream.safetensors", dir);
    for (int stop = 0; stop < 30; stop++) {
        struct problem p;
        struct sab_trainer *trainer;
        struct sab_stream *stream, *again;
        struct sab_error err;
        sab_real y[B * O], z[B * O];
        make(&p, &trainer, stop % 3);
        assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
        for (int t = 0; t < stop; t++)
            assert_int_equal(sab_stream_step(stream, p.ids + t % T * B, NULL, y, &err), SAB_OK);
        if (sab_stream_save(stream, path, &err) || sab_stream_load(&again, p.model, path, &err))
            fail_msg("%s", err.message);
        for (int t = 0; t < 20; t++) {
            assert_int_equal(sab_stream_step(stream, p.ids + t % T * B, NULL, y, &err), SAB_OK);
            assert_int_equal(sab_stream_step(again, p.ids + t % T * B, NULL, z, &err), SAB_OK);
            assert_memory_equal(y, z, sizeof y);
        }
        sab_stream_free(stream), sab_stream_free(again);
        sab_trainer_free(trainer);
        problem_free(&p);
    }
    remove_folder(dir);
}

static void assert_refused(const char *path, struct problem *p, const char *part)
{
    struct sab_stream *stream = NULL;
    struct sab_error err;
    assert_int_equal(sab_stream_load(&stream, p->model, path, &err), SAB_FORMAT);
    assert_null(stream);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

/* A state file with a chosen number of memories, first memory and steps, of the network with these weights. */
static void write_state(const char *path, const char *weights, int64_t steps, int first, int memories, float value)
{
    struct sab_safetensors_writer *writer;
    struct sab_error err;
    static sab_real numbers[2 * 16 * 12];
    const uint64_t one = 1, sequences = 2, state[2] = {2, 12}, memory[3] = {2, (uint64_t)memories, 12};
    const int32_t firsts[2] = {0, first};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        numbers[i] = (sab_real)value;
    assert_int_equal(sab_safetensors_writer_create(&writer, &err), SAB_OK);
    if (weights)
        sab_safetensors_writer_metadata(writer, "weights", weights, &err);
    sab_safetensors_writer_add(writer, "stream.steps", SAB_DTYPE_I64, 1, &one, &steps, &err);
    sab_safetensors_writer_add(writer, "stream.first", SAB_DTYPE_I32, 1, &sequences, firsts, &err);
    for (int l = 0; l < 2; l++) {
        char name[32];
        snprintf(name, sizeof name, "stream.h_l%d", l);
        sab_safetensors_writer_add(writer, name, SAB_DTYPE_REAL, 2, state, numbers, &err);
        snprintf(name, sizeof name, "stream.c_l%d", l);
        sab_safetensors_writer_add(writer, name, SAB_DTYPE_REAL, 2, state, numbers, &err);
        snprintf(name, sizeof name, "stream.m_l%d", l);
        sab_safetensors_writer_add(writer, name, SAB_DTYPE_REAL, 3, memory, numbers, &err);
    }
    assert_int_equal(sab_safetensors_writer_save(writer, path, &err), SAB_OK);
    sab_safetensors_writer_free(writer);
}

static void test_damaged_states_are_refused(void **unused)
{
    (void)unused;
    char dir[SAB_DIR_CAP], path[2 * SAB_DIR_CAP], own[33];
    const char *const other = "00000000000000000000000000000000";
    struct problem p;
    struct sab_trainer *trainer;
    struct sab_stream *stream;
    struct sab_error err;
    make_folder(dir);
    snprintf(path, sizeof path, "%s/stream.safetensors", dir);
    make(&p, &trainer, SAB_CELL_LSTM);
    sab_model_digest(p.model, own);
    write_state(path, own, 8, 1, 4, 0.5f);
    if (sab_stream_load(&stream, p.model, path, &err))
        fail_msg("%s", err.message);
    sab_stream_free(stream);
    write_state(path, other, 8, 1, 4, 0.5f), assert_refused(path, &p, "is the state of another network");
    write_state(path, NULL, 8, 1, 4, 0.5f), assert_refused(path, &p, "does not say which network's state it is");
    write_state(path, own, -1, 1, 4, 0.5f), assert_refused(path, &p, "after -1 steps");
    write_state(path, own, 8, 5, 4, 0.5f), assert_refused(path, &p, "first memory of sequence 1 is 5, not in 0..4");
    write_state(path, own, 8, 1, 7, 0.5f), assert_refused(path, &p, "holds 7 memories; this model's memory has 6 slots");
    write_state(path, own, 8, 1, 4, 1e30f * 1e30f), assert_refused(path, &p, "is not finite");
    assert_int_equal(sab_model_save(p.model, path, &err), SAB_OK);
    assert_refused(path, &p, "holds no state of a stream");
    sab_trainer_free(trainer);
    problem_free(&p);
    remove_folder(dir);
}

/* What cannot be carried is refused with its reason. */
static void test_refusals(void **unused)
{
    (void)unused;
    struct problem p;
    struct sab_trainer *trainer;
    struct sab_stream *stream;
    struct sab_error err;
    make(&p, &trainer, SAB_CELL_LSTM);
    assert_int_equal(sab_stream_create(&stream, p.model, B - 1, &err), SAB_OK);
    p.batch.state = stream;
    assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "4 sequences and the batch has 5"));
    sab_stream_free(stream);
    assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
    p.batch.state = stream;
    p.batch.T = 3; /* k_att 2: the next batch would begin between two writes */
    assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, NULL, &err), SAB_OK);
    assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "multiple of --k-att 2"));
    sab_stream_free(stream);
    uint8_t fresh[B] = {0};
    p.batch.state = NULL;
    p.batch.fresh = fresh;
    assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "brings no state"));
    sab_trainer_free(trainer);
    problem_free(&p);
}

/* A program of its own learns from a text with the defaults, as sab train does. */
static void test_defaults_of_a_text(void **unused)
{
    (void)unused;
    char dir[SAB_DIR_CAP], path[2 * SAB_DIR_CAP], text[400], hex[2][33];
    struct sab_error err;
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
    struct sab_stream *stream;
    struct sab_batch batch = {.size = sizeof batch};
    OPTIONS config = {0};
    make_folder(dir);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "to be or not "[i * i % 13];
    write_all(dir, "text", text, sizeof text);
    snprintf(path, sizeof path, "%s/text", dir);
    small_config(&config, dir);
    set(&config, "task", "text");
    set(&config, "data", path);
    set(&config, "split", "0.6,0.2,0.2");
    set(&config, "T", "8");
    set(&config, "steps", "3");
    set(&config, "out", dir);
    assert_int_equal(config.model.memory_slots, 0);
    if (sab_task_create(&task, &config, NULL, &err) || sab_task_settle(task, &config, &err) ||
        sab_model_create(&model, &config, sab_task_shape(task), &err) ||
        sab_trainer_create(&trainer, model, &config, &err))
        fail_msg("%s", err.message);
    assert_int_equal(config.model.memory_slots, 8 / config.model.k_att);
    for (int i = 0; i < 3; i++)
        if (sab_task_batch(task, SAB_TRAIN, i, config.shared.batch, &batch, &err) ||
            sab_trainer_update(trainer, &batch, NULL, &err))
            fail_msg("%s", err.message);
    assert_int_equal(sab_stream_create(&stream, model, config.shared.batch, &err), SAB_OK);
    assert_int_equal(sab_task_batch(task, SAB_VALID, 0, config.shared.batch, &batch, &err), SAB_OK);
    batch.state = stream;
    if (sab_model_evaluate(model, &batch, 1, NULL, NULL, NULL, &err))
        fail_msg("%s", err.message);
    sab_model_digest(model, hex[0]);
    sab_stream_free(stream), sab_trainer_free(trainer), sab_model_free(model), sab_task_free(task);
    struct sab_outcome result = {0};
    set(&config, "memory-slots", "0");
    if (sab_run_train(&config, 0, NULL, &result, &err))
        fail_msg("%s", err.message);
    assert_string_equal(result.weights_digest, hex[0]);
    remove_folder(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_of_a_text),
        cmocka_unit_test(test_resumed_is_uninterrupted),   cmocka_unit_test(test_failed_update_carries_nothing),
        cmocka_unit_test(test_saved_stream_goes_on),       cmocka_unit_test(test_damaged_states_are_refused),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

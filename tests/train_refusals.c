/* What a run refuses, and what is left when it does or when its numbers go bad. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/safetensors.h"
#include "train/run.h"
#include "train_helpers.h"

struct fixture {
    char dir[SAB_DIR_CAP];
    struct sab_options config;
    struct sab_error err;
    struct sab_outcome result;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    make_folder(f->dir);
    small_config(&f->config, f->dir);
}

static void end(struct fixture *f)
{
    sab_options_clear(&f->config);
    remove_folder(f->dir);
}

static int train(struct fixture *f, int resume)
{
    return sab_run_train(&f->config, resume, NULL, &f->result, &f->err);
}

static void train_ok(struct fixture *f, int resume)
{
    if (train(f, resume) != SAB_OK)
        fail_msg("%s", f->err.message);
}

static void assert_message(const struct fixture *f, const char *part)
{
    if (!strstr(f->err.message, part))
        fail_msg("expected \"%s\" in \"%s\"", part, f->err.message);
}

static void test_folder_in_use_is_refused(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    train_ok(&f, 0);
    size_t n_before, n_after;
    char *before = read_all(f.dir, "state.safetensors", &n_before);
    assert_int_equal(train(&f, 0), SAB_INVALID);
    assert_message(&f, "already holds a run (config.json); resume it with --resume");
    char *after = read_all(f.dir, "state.safetensors", &n_after);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    free(before);
    free(after);
    end(&f);
}

static void test_resume_refusals(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    assert_int_equal(train(&f, 1), SAB_IO);
    assert_message(&f, "is not a run: it has no config.json");
    train_ok(&f, 0);
    f.config.optim.beta1 = 0.5;
    assert_int_equal(train(&f, 1), SAB_INVALID);
    assert_message(&f, "--beta1: the run in ");
    assert_message(&f, "has 0.9, not 0.5");
    f.config.optim.beta1 = 0.9;
    f.config.shared.seed = 2;
    assert_int_equal(train(&f, 1), SAB_INVALID);
    assert_message(&f, "--seed: ");
    f.config.shared.seed = 1;

    size_t nbytes;
    char *state = read_all(f.dir, "state.safetensors", &nbytes);
    for (size_t cut = 0; cut < nbytes; cut += cut < 300 ? 1 : nbytes / 50) {
        write_all(f.dir, "state.safetensors", state, cut);
        assert_int_equal(train(&f, 1), SAB_FORMAT);
        assert_message(&f, "state.safetensors");
    }
    for (size_t at = 0; at < nbytes; at += nbytes / 97) {
        state[at] ^= 4;
        write_all(f.dir, "state.safetensors", state, nbytes);
        assert_int_equal(train(&f, 1), SAB_FORMAT);
        state[at] ^= 4;
    }
    write_all(f.dir, "state.safetensors", state, nbytes);
    train_ok(&f, 1);
    free(state);

    write_all(f.dir, "config.json", "{\"hidden\":0}", 12);
    assert_int_equal(train(&f, 1), SAB_FORMAT);
    assert_message(&f, "config.json: the configuration's key \"hidden\"");
    end(&f);
}

/* Another run's state says with what it was made: refused before anything is read in. */
static void test_foreign_state_is_refused(void **unused)
{
    (void)unused;
    struct fixture f, other;
    begin(&f);
    begin(&other);
    other.config.model.hidden = 7;
    train_ok(&f, 0);
    train_ok(&other, 0);
    size_t nbytes;
    char *state = read_all(other.dir, "state.safetensors", &nbytes);
    write_all(f.dir, "state.safetensors", state, nbytes);
    assert_int_equal(train(&f, 1), SAB_INVALID);
    assert_message(&f, "--hidden: ");
    assert_message(&f, "state.safetensors has 7, not 6; a resumed run keeps this option");
    free(state);
    state = read_all(f.dir, "model.safetensors", &nbytes);
    write_all(f.dir, "state.safetensors", state, nbytes);
    assert_int_equal(train(&f, 1), SAB_FORMAT);
    assert_message(&f, "has no tensor \"step\"");
    free(state);
    end(&f);
    end(&other);
}

/* A state that does not say with what it was made is compared with nothing, and loads. */
static void test_a_state_without_configuration_loads(void **unused)
{
    (void)unused;
    struct fixture f;
    struct sab_safetensors *file;
    struct sab_safetensors_writer *writer;
    char path[2 * SAB_DIR_CAP];
    begin(&f);
    train_ok(&f, 0);
    char digest[33];
    memcpy(digest, f.result.weights_digest, sizeof digest);
    snprintf(path, sizeof path, "%s/state.safetensors", f.dir);
    assert_int_equal(sab_safetensors_open(&file, path, &f.err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_create(&writer, &f.err), SAB_OK);
    for (int i = 0; i < sab_safetensors_count(file); i++) {
        const struct sab_safetensors_view *v = sab_safetensors_at(file, i);
        assert_int_equal(sab_safetensors_writer_add(writer, v->name, v->dtype, v->ndim, v->shape, v->data, &f.err), SAB_OK);
    }
    assert_int_equal(sab_safetensors_writer_save(writer, path, &f.err), SAB_OK);
    sab_safetensors_writer_free(writer);
    sab_safetensors_close(file);
    train_ok(&f, 1);
    assert_string_equal(f.result.weights_digest, digest);
    end(&f);
}

static void test_bad_numbers_leave_a_resumable_run(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    f.config.optim.steps = 3;
    assert_int_equal(train(&f, 0), SAB_OK);
    f.config.optim.steps = 30;
    f.config.optim.explode = 1e-6;
    for (int again = 0; again < 2; again++) { /* resumed, it meets the same numbers at the same update */
        assert_int_equal(train(&f, 1), SAB_NUMERIC);
        assert_message(&f, "is above --explode");
        assert_message(&f, "; the run is saved as it was after update 3 and can be resumed");
        assert_int_equal(f.result.steps, 3);
    }
    f.config.optim.explode = 1e6;
    assert_int_equal(train(&f, 1), SAB_OK);
    end(&f);
}

/* Nothing to resume: the corrected options must not find a run in their way. */
static void test_bad_numbers_at_the_first_update_leave_nothing(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    f.config.optim.explode = 1e-6;
    assert_int_equal(train(&f, 0), SAB_NUMERIC);
    assert_message(&f, "nothing of the run is kept");
    assert_false(has_file(f.dir, "config.json") || has_file(f.dir, "state.safetensors") || has_file(f.dir, "lock"));
    f.config.optim.explode = 1e6;
    assert_int_equal(train(&f, 0), SAB_OK);
    end(&f);
}

static void test_unwritable_folder(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    write_all(f.dir, "file", "x", 1);
    char path[2 * SAB_DIR_CAP];
    snprintf(path, sizeof path, "%s/file/run", f.dir);
    set(&f.config, "out", path);
    assert_int_equal(train(&f, 0), SAB_IO);
    assert_message(&f, "file");
    end(&f);
}

/* Wrong options are found before a folder is made. */
static void test_mistakes_leave_no_folder(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    char path[SAB_DIR_CAP];
    snprintf(path, sizeof path, "%.200s/new", f.dir);
    set(&f.config, "out", path);
    set(&f.config, "task", "cpoy");
    assert_int_equal(train(&f, 0), SAB_INVALID);
    assert_message(&f, "did you mean \"copy\"");
    set(&f.config, "task", "copy");
    f.config.model.backward = SAB_DENSE;
    assert_int_equal(train(&f, 0), SAB_INVALID);
    assert_false(has_file(f.dir, "new"));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder_in_use_is_refused),
        cmocka_unit_test(test_resume_refusals),
        cmocka_unit_test(test_foreign_state_is_refused),
        cmocka_unit_test(test_a_state_without_configuration_loads),
        cmocka_unit_test(test_bad_numbers_leave_a_resumable_run),
        cmocka_unit_test(test_bad_numbers_at_the_first_update_leave_nothing),
        cmocka_unit_test(test_unwritable_folder),
        cmocka_unit_test(test_mistakes_leave_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Weights as a file: the same bits back, and each damaged or foreign file its own error. */
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
#include "options_helper.h"
#include "train_helpers.h"

struct fixture {
    char dir[SAB_DIR_CAP], path[2 * SAB_DIR_CAP];
    struct sab_options config;
    struct sab_model *model;
    struct sab_error err;
};

static const struct sab_shape copy_shape = {sizeof copy_shape, SAB_INPUT_IDS, 10, SAB_LOSS_CROSS_ENTROPY, 9};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    make_folder(f->dir);
    snprintf(f->path, sizeof f->path, "%s/m.safetensors", f->dir);
    small_config(&f->config, "");
    f->config.shared.threads = 0;
    f->config.model.layers = 2;
    if (sab_model_create(&f->model, &f->config, &copy_shape, &f->err) != SAB_OK)
        fail_msg("%s", f->err.message);
}

static void end(struct fixture *f)
{
    sab_options_clear(&f->config);
    sab_model_free(f->model);
    remove_folder(f->dir);
}

static void expect_refused(struct fixture *f, const char *message)
{
    struct sab_model *model = NULL;
    f->err.message[0] = 0;
    assert_int_equal(sab_model_load(&model, f->path, &f->err), SAB_FORMAT);
    assert_null(model);
    if (!strstr(f->err.message, message) || !strstr(f->err.message, f->path))
        fail_msg("expected \"%s\" and the path in \"%s\"", message, f->err.message);
}

static void test_round_trip(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    sab_model_tensor(f.model, 0)->data[3] = (sab_real)1e-40; /* denormal in float */
    assert_int_equal(sab_model_save(f.model, f.path, &f.err), SAB_OK);
    struct sab_model *back;
    if (sab_model_load(&back, f.path, &f.err) != SAB_OK)
        fail_msg("%s", f.err.message);
    char one[33], other[33];
    sab_model_digest(f.model, one);
    sab_model_digest(back, other);
    assert_string_equal(one, other);
    assert_same_options(sab_model_options(back), &f.config);
    assert_memory_equal(sab_model_shape(back), &copy_shape, sizeof copy_shape);
    sab_model_free(back);
    end(&f);
}

/* What a model does not look at may be anything that an option can be set to, alone or together, and stays with it. */
static void test_unused_options(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    struct sab_model *model, *back;
    assert_int_equal(sab_options_parse(&f.config, "momentum=0.5 eval-every=0 patience=3 stop-at=nonsense task=none T=1", &f.err),
                     SAB_OK);
    assert_int_equal(sab_options_check(&f.config, &f.err), SAB_INVALID);
    if (sab_model_create(&model, &f.config, &copy_shape, &f.err) || sab_model_save(model, f.path, &f.err) ||
        sab_model_load(&back, f.path, &f.err))
        fail_msg("%s", f.err.message);
    assert_same_options(sab_model_options(back), &f.config);
    sab_model_free(model);
    sab_model_free(back);
    end(&f);
}

/* Texts are kept whole, however long. */
static void test_long_texts(void **unused)
{
    (void)unused;
    static char text[10001];
    struct fixture f;
    begin(&f);
    struct sab_model *model, *back;
    memset(text, 'x', sizeof text - 1);
    set_option(&f.config, "data", text);
    text[5000] = '\\';
    set_option(&f.config, "reset-at", text);
    if (sab_model_create(&model, &f.config, &copy_shape, &f.err) || sab_model_save(model, f.path, &f.err) ||
        sab_model_load(&back, f.path, &f.err))
        fail_msg("%s", f.err.message);
    assert_same_options(sab_model_options(back), &f.config);
    assert_int_equal(strlen(sab_model_options(back)->task.files.data), 10000);
    sab_model_free(model);
    sab_model_free(back);
    end(&f);
}

static void test_damage(void **unused)
{
    (void)unused;
    struct fixture f;
    size_t nbytes;
    begin(&f);
    assert_int_equal(sab_model_save(f.model, f.path, &f.err), SAB_OK);
    char *data = read_all(f.dir, "m.safetensors", &nbytes);
    for (size_t cut = 0; cut < nbytes; cut += cut < 200 ? 1 : 211) {
        write_all(f.dir, "m.safetensors", data, cut);
        expect_refused(&f, "");
    }
    for (size_t at = 0; at < nbytes; at += 101) {
        data[at] ^= 1;
        write_all(f.dir, "m.safetensors", data, nbytes);
        expect_refused(&f, "");
        data[at] ^= 1;
    }
    free(data);
    struct sab_model *model = NULL;
    assert_int_equal(sab_model_load(&model, "/nonexistent/m.safetensors", &f.err), SAB_IO);
    assert_non_null(strstr(f.err.message, "/nonexistent/m.safetensors"));
    end(&f);
}

/* Writes the model's tensors but one, another in its place or none, with any metadata. */
static void write_variant(struct fixture *f, const char *config, const char *shape, const char *skip,
                          const char *add, int dtype, uint64_t rows)
{
    struct sab_safetensors_writer *writer;
    const double zeros[64] = {0};
    assert_int_equal(sab_safetensors_writer_create(&writer, &f->err), SAB_OK);
    if (config)
        assert_int_equal(sab_safetensors_writer_metadata(writer, "config", config, &f->err), SAB_OK);
    if (shape)
        assert_int_equal(sab_safetensors_writer_metadata(writer, "shape", shape, &f->err), SAB_OK);
    for (int i = 0; i < sab_model_tensor_count(f->model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(f->model, i);
        const uint64_t dims[2] = {(uint64_t)tensor.shape[0], (uint64_t)tensor.shape[1]};
        if (skip && strcmp(skip, tensor.name) == 0)
            continue;
        assert_int_equal(sab_safetensors_writer_add(writer, tensor.name, SAB_DTYPE_REAL, tensor.ndim, dims,
                                                    tensor.data, &f->err),
                         SAB_OK);
    }
    if (add)
        assert_int_equal(sab_safetensors_writer_add(writer, add, dtype, 1, &rows, zeros, &f->err), SAB_OK);
    assert_int_equal(sab_safetensors_writer_save(writer, f->path, &f->err), SAB_OK);
    sab_safetensors_writer_free(writer);
}

static void test_foreign_files(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    const char *config = "{\"hidden\":6,\"layers\":2,\"k_top\":3,\"k_trunc\":4}";
    const char *shape = "{\"input\":\"ids\",\"I\":10,\"loss\":\"cross_entropy\",\"O\":9}";
    write_variant(&f, NULL, shape, NULL, NULL, 0, 0);
    expect_refused(&f, "has no \"config\" in its metadata");
    write_variant(&f, config, NULL, NULL, NULL, 0, 0);
    expect_refused(&f, "has no \"shape\" in its metadata");
    write_variant(&f, "{\"hiden\":6}", shape, NULL, NULL, 0, 0);
    expect_refused(&f, "did you mean \"hidden\"?");
    write_variant(&f, "{\"backward\":\"dense\"}", shape, NULL, NULL, 0, 0);
    expect_refused(&f, "needs --forward dense");
    write_variant(&f, config, "{}", NULL, NULL, 0, 0);
    expect_refused(&f, "the shape must be");
    write_variant(&f, config, shape, "b", NULL, 0, 0);
    expect_refused(&f, "has no tensor \"b\"");
    write_variant(&f, config, shape, "b", "b", SAB_DTYPE_REAL, 8);
    expect_refused(&f, "the tensor \"b\" has 1 dimensions from 8; the model needs 1 from 9");
    write_variant(&f, config, shape, "b", "b", SAB_DTYPE_I32, 9);
    expect_refused(&f, "the tensor \"b\" has I32 where real numbers are needed");
    write_variant(&f, config, shape, NULL, "extra", SAB_DTYPE_REAL, 9);
    expect_refused(&f, "the tensor \"extra\" has no place");
    /* A small file that asks for a huge model. */
    write_variant(&f, "{\"hidden\":16384,\"layers\":16}", shape, NULL, NULL, 0, 0);
    expect_refused(&f, "the tensor \"weight_ih_l0\" has 2 dimensions from 24; the model needs 2 from 65536");
    write_variant(&f, "{\"hidden\":6,\"layers\":2,\"attention_width\":16384}", shape, NULL, NULL, 0, 0);
    expect_refused(&f, "the tensor \"W1_l0\" has 2 dimensions from 6; the model needs 2 from 6");
    write_variant(&f, config, "{\"input\":\"ids\",\"I\":16000000,\"loss\":\"mse\",\"O\":9}", NULL, NULL, 0, 0);
    expect_refused(&f, "the tensor \"weight_ih_l0\" has 2 dimensions from 24; the model needs 2 from 24");
    sab_model_tensor(f.model, 1)->data[5] = (sab_real)NAN;
    write_variant(&f, config, shape, NULL, NULL, 0, 0);
    expect_refused(&f, "element 5 of the tensor \"weight_hh_l0\" is not finite");
    end(&f);
}

/* Weights of either precision are read; the other one than sab_real is converted. */
static void test_other_precision(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    int other = SAB_DTYPE_REAL == SAB_DTYPE_F32 ? SAB_DTYPE_F64 : SAB_DTYPE_F32;
    write_variant(&f, "{\"hidden\":6,\"layers\":2,\"k_top\":3,\"k_trunc\":4}",
                  "{\"input\":\"ids\",\"I\":10,\"loss\":\"cross_entropy\",\"O\":9}", "b", "b", other, 9);
    struct sab_model *back;
    if (sab_model_load(&back, f.path, &f.err) != SAB_OK)
        fail_msg("%s", f.err.message);
    struct sab_tensor b = *sab_model_tensor(back, sab_model_tensor_count(back) - 1);
    assert_string_equal(b.name, "b");
    for (size_t j = 0; j < b.count; j++)
        assert_true(b.data[j] == 0);
    sab_model_free(back);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_unused_options), cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_foreign_files), cmocka_unit_test(test_other_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

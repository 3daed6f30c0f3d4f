/* A network without its readout, as a layer of somebody else's network.
 *
 * ctest: timeout 600 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine_support.h"
#include "options_helper.h"

/* The network without its readout, of the same weights: V1, V2 and b applied to what it puts out are the outputs of the whole,
 * and their way back begins with what its doutputs are. */
static void a_layer_and_a_readout_are_the_whole(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem whole, layer;
    struct sab_shape state = {sizeof state, shape.input, shape.I, SAB_LOSS_NONE, 0};
    shape.O = (int)(seed % 7) + 1;
    c->model.readout = 1;
    problem_make(&whole, c, shape, T, B, seed);
    c->model.readout = 0;
    int O = shape.O, H = c->model.hidden;
    state.O = c->model.k_top > 0 ? 2 * H : H;
    problem_make(&layer, c, state, T, B, seed);
    layer.batch = whole.batch;
    layer.batch.labels = NULL, layer.batch.targets = NULL;
    struct sab_engine *of_whole = engine_of(&whole, 1), *of_layer = engine_of(&layer, 1);
    struct sab_flat flat = *sab_model_flat(layer.model);
    memcpy(flat.theta, sab_model_flat(whole.model)->theta, flat.count * sizeof *flat.theta);
    size_t rows = (size_t)T * B;
    sab_real *y = engine_room(rows * O), *x = engine_room(rows * state.O), *dy = engine_room(rows * O), *dx = engine_room(rows * state.O);
    struct back expected = back_make(&whole, 1), got = back_make(&layer, 1);
    struct sab_tape *tape = engine_record(of_whole, &whole.batch, y), *tape_layer = engine_record(of_layer, &layer.batch, x);
    const sab_real *V[2] = {NULL, NULL}, *b = NULL;
    for (int i = 0; i < sab_model_tensor_count(whole.model); i++) {
        struct sab_tensor t = *sab_model_tensor(whole.model, i);
        V[0] = strcmp(t.name, "V1") == 0 ? t.data : V[0], V[1] = strcmp(t.name, "V2") == 0 ? t.data : V[1];
        b = strcmp(t.name, "b") == 0 ? t.data : b;
    }
    for (size_t r = 0; r < rows; r++) {
        if ((int)(r / (size_t)B) >= whole.lengths[r % (size_t)B])
            continue;
        for (int k = 0; k < state.O; k++)
            dx[r * state.O + k] = 0;
        for (int o = 0; o < O; o++) {
            double sum = (double)b[o], size = fabs(sum);
            dy[r * O + o] = (sab_real)cos((double)(r * O + o));
            for (int k = 0; k < state.O; k++) {
                double v = (double)V[k / H][(size_t)(k % H) * O + o];
                sum += v * (double)x[r * state.O + k], size += fabs(v * (double)x[r * state.O + k]);
                dx[r * state.O + k] += (sab_real)v * dy[r * O + o];
            }
            if (fabs(sum - (double)y[r * O + o]) > 1e-5 * (size + 1)) /* rounding of 60 terms */
                fail_msg("seed %d: output %zu, %d is %.9g, by hand %.9g", (int)seed, r, o, (double)y[r * O + o], sum);
        }
    }
    expected.request.doutputs = dy, got.request.doutputs = dx;
    engine_play(tape, &expected), engine_play(tape_layer, &got);
    double most = 0;
    for (size_t i = 0; i < flat.count; i++)
        most = fmax(most, fabs((double)expected.grads[i]));
    for (size_t i = 0; i < flat.count; i++)
        if (fabs((double)(expected.grads[i] - got.grads[i])) > 1e-4 * most + 1e-12) /* rounding, through windows of relu */
            fail_msg("seed %d: gradient %zu is %.9g, of the layer %.9g", (int)seed, i, (double)expected.grads[i],
                     (double)got.grads[i]);
    sab_tape_free(tape), sab_tape_free(tape_layer);
    sab_engine_free(of_whole), sab_engine_free(of_layer);
    back_free(&expected), back_free(&got);
    free(y), free(x), free(dy), free(dx);
    problem_free(&whole), problem_free(&layer);
}

/* Its outputs step by step are those of whole sequences, and a file keeps it. */
static void test_a_layer_is_streamed_and_saved(void **unused)
{
    (void)unused;
    enum { T = 12, B = 3, I = 5, H = 12 };
    OPTIONS config = {0};
    struct problem p;
    struct sab_error err;
    struct sab_stream *stream;
    struct sab_model *loaded;
    char digest[2][33];
    const char *path = "layer.safetensors";
    problem_config(&config);
    config.model.readout = 0;
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, I, SAB_LOSS_NONE, 2 * H), T, B, 5);
    p.batch.lengths = NULL, p.batch.targets = NULL;
    sab_real y[T * B * 2 * H], step[B * 2 * H];
    engine_must(sab_model_evaluate(p.model, &p.batch, 1, y, NULL, NULL, &err), &err);
    engine_must(sab_stream_create(&stream, p.model, B, &err), &err);
    for (int t = 0; t < T; t++) {
        engine_must(sab_stream_step(stream, p.ids + t * B, NULL, step, &err), &err);
        same_bits("step", 5, y + t * B * 2 * H, step, B * 2 * H);
    }
    sab_stream_free(stream);
    engine_must(sab_model_save(p.model, path, &err), &err);
    engine_must(sab_model_load(&loaded, path, &err), &err);
    remove(path);
    sab_model_digest(p.model, digest[0]);
    sab_model_digest(loaded, digest[1]);
    assert_string_equal(digest[0], digest[1]);
    assert_int_equal(sab_model_shape(loaded)->loss, SAB_LOSS_NONE);
    assert_int_equal(sab_model_tensor_count(loaded), 7); /* no V1, V2, b */
    sab_model_free(loaded);
    problem_free(&p);
}

static void test_a_layer_is_refused(void **unused)
{
    (void)unused;
    enum { T = 4, B = 2, I = 5, H = 12 };
    static const struct {
        int k_top, O;
        const char *named;
    } bad[] = {{3, 13, "--hidden, 12, or 24 with"}, {0, 24, "--hidden, 12; it is 24"}, {3, 1, "it is 1"}};
    OPTIONS config = {0};
    struct sab_error err;
    struct sab_model *model = NULL;
    struct problem p;
    problem_config(&config);
    config.model.readout = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sab_shape shape = {sizeof shape, SAB_INPUT_IDS, I, SAB_LOSS_NONE, bad[i].O};
        config.model.k_top = bad[i].k_top;
        assert_int_equal(sab_model_create(&model, &config, &shape, &err), SAB_INVALID);
        if (!strstr(err.message, bad[i].named))
            fail_msg("expected \"%s\" in: %s", bad[i].named, err.message);
    }
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, I, SAB_LOSS_NONE, H), T, B, 5);
    assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, NULL, &err), SAB_INVALID); /* brings targets */
    assert_non_null(strstr(err.message, "no loss of its own"));
    p.batch.targets = NULL;
    assert_int_equal(sab_model_gradient(p.model, &p.batch, 1, NULL, NULL, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "no loss of its own"));
    problem_free(&p);
}

EQUALITY(a_layer_and_a_readout_are_the_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_layer_and_a_readout_are_the_whole),
        cmocka_unit_test(test_a_layer_is_streamed_and_saved),
        cmocka_unit_test(test_a_layer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

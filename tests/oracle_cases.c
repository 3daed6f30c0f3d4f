/* Compares loss, outputs and every gradient with the committed answers of the PyTorch oracle, which
 * tests/oracle/make_cases.py wrote.
 *
 * Each file of tests/data/oracle holds a problem and its answers in double; its numbers are exact in float, so that
 * every build solves the same problem. Error of a tensor, b the oracle's: max|a - b| / max(max|b|, tiny), where tiny =
 * TINY * scale and scale is the largest |gradient| of the problem (1 for loss and outputs): TINY is float's unit
 * roundoff over its tolerance, so no element is asked to be nearer than one roundoff of the sums it is a part of.
 * Nothing is skipped. */
#include <dirent.h>
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
#include "sab.h"
#include "train/config_json.h"

#define FOLDER SAB_SOURCE_DIR "/tests/data/oracle"
#define LEAST_CASES 48
#define MOST_CASES 100

#define TINY 3e-3
#ifdef SAB_DOUBLE
#define TOLERANCE 1e-10
#else
#define TOLERANCE 2e-5
#endif

/* One file, and the problem in it. */
struct oracle_case {
    struct sab_safetensors *file;
    struct sab_options config;
    struct sab_shape shape;
    struct sab_batch batch;
    sab_real *values, *targets, *weight; /* owned; parts of batch */
    double loss, evaluated_loss; /* which differ where a decoder is fed what it answered */
};

static const struct sab_safetensors_view *find(const struct oracle_case *one, const char *name, int dtype)
{
    const struct sab_safetensors_view *view = sab_safetensors_find(one->file, name);
    if (!view || view->dtype != dtype)
        fail_msg("tensor %s is missing or of another type", name);
    return view;
}

static size_t count_of(const struct sab_safetensors_view *view)
{
    return view->nbytes / (view->dtype == SAB_DTYPE_F64 ? 8 : 4);
}

/* The tensor's numbers as sab_real, for free(). */
static sab_real *convert(const struct sab_safetensors_view *view)
{
    size_t n = count_of(view);
    const double *from = view->data;
    sab_real *to = malloc(n * sizeof *to + 1);
    assert_non_null(to);
    for (size_t i = 0; i < n; i++)
        to[i] = (sab_real)from[i];
    return to;
}

static void open_case(struct oracle_case *one, const char *path)
{
    struct sab_error err;
    memset(one, 0, sizeof *one);
    if (sab_safetensors_open(&one->file, path, &err))
        fail_msg("%s", err.message);
    const char *config = sab_safetensors_metadata(one->file, "config");
    const char *shape = sab_safetensors_metadata(one->file, "shape");
    assert_non_null(config);
    assert_non_null(shape);
    sab_options_init(&one->config);
    if (sab_config_from_json(&one->config, config, strlen(config), &err) ||
        sab_shape_from_json(&one->shape, shape, strlen(shape), &err))
        fail_msg("%s", err.message);

    const struct sab_safetensors_view *weight = find(one, "weight", SAB_DTYPE_F64);
    assert_int_equal(weight->ndim, 2);
    one->batch.size = sizeof one->batch;
    one->batch.T = (int)weight->shape[0];
    one->batch.B = (int)weight->shape[1];
    one->batch.weight = one->weight = convert(weight);
    one->batch.lengths = find(one, "lengths", SAB_DTYPE_I32)->data;
    one->loss = one->evaluated_loss = *(const double *)find(one, "loss", SAB_DTYPE_F64)->data;
    if (sab_safetensors_find(one->file, "scored")) {
        one->batch.scored = find(one, "scored", SAB_DTYPE_U8)->data;
        one->evaluated_loss = *(const double *)find(one, "evaluated_loss", SAB_DTYPE_F64)->data;
    }
    if (one->shape.input == SAB_INPUT_IDS)
        one->batch.ids = find(one, "x", SAB_DTYPE_I32)->data;
    else
        one->batch.values = one->values = convert(find(one, "x", SAB_DTYPE_F64));
    if (one->shape.loss == SAB_LOSS_CROSS_ENTROPY)
        one->batch.labels = find(one, "y", SAB_DTYPE_I32)->data;
    else
        one->batch.targets = one->targets = convert(find(one, "y", SAB_DTYPE_F64));
}

static void close_case(struct oracle_case *one)
{
    sab_options_clear(&one->config);
    free(one->values);
    free(one->targets);
    free(one->weight);
    sab_safetensors_close(one->file);
}

/* Writes the case's weights into the model, whose table must be the file's, and returns the largest |gradient|. */
static double load_weights(struct sab_model *model, const struct oracle_case *one)
{
    double largest = 0;
    int expected = 0;
    for (int i = 0; i < sab_safetensors_count(one->file); i++)
        expected += strncmp(sab_safetensors_at(one->file, i)->name, "param.", 6) == 0;
    assert_int_equal(sab_model_tensor_count(model), expected);
    for (int i = 0; i < expected; i++) {
        struct sab_tensor tensor = *sab_model_tensor(model, i);
        char name[128];
        snprintf(name, sizeof name, "param.%s", tensor.name);
        const struct sab_safetensors_view *view = find(one, name, SAB_DTYPE_F64);
        assert_int_equal(view->ndim, tensor.ndim);
        for (int d = 0; d < tensor.ndim; d++)
            assert_int_equal(view->shape[d], tensor.shape[d]);
        for (size_t j = 0; j < tensor.count; j++)
            tensor.data[j] = (sab_real)((const double *)view->data)[j];
        snprintf(name, sizeof name, "grad.%s", tensor.name);
        view = find(one, name, SAB_DTYPE_F64);
        assert_int_equal(count_of(view), tensor.count);
        for (size_t j = 0; j < tensor.count; j++)
            largest = fmax(largest, fabs(((const double *)view->data)[j]));
    }
    return largest;
}

static int is_close(const char *name, double difference, double size, double scale)
{
    double error = difference / fmax(size, TINY * scale);
    if (difference == 0 || error <= TOLERANCE)
        return 1;
    print_error("%s: relative error %.3g, allowed %.3g (largest difference %.17g, largest value %.17g)\n", name, error,
                TOLERANCE, difference, size);
    return 0;
}

/* NaN counts as an infinite difference. */
static double distance(double a, double b)
{
    double d = fabs(a - b);
    return isnan(d) ? INFINITY : d;
}

static int compare_outputs(const struct oracle_case *one, const sab_real *outputs)
{
    const double *expected = find(one, "outputs", SAB_DTYPE_F64)->data;
    const struct sab_batch *batch = &one->batch;
    double difference = 0, size = 0;
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++)
            for (int o = 0; o < one->shape.O && t < batch->lengths[b]; o++) {
                size_t i = ((size_t)t * (size_t)batch->B + (size_t)b) * (size_t)one->shape.O + (size_t)o;
                difference = fmax(difference, distance((double)outputs[i], expected[i]));
                size = fmax(size, fabs(expected[i]));
            }
    return is_close("outputs", difference, size, 1);
}

static int compare_gradients(const struct oracle_case *one, struct sab_model *model, double largest)
{
    int good = 1;
    for (int i = 0; i < sab_model_tensor_count(model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(model, i);
        char name[128];
        snprintf(name, sizeof name, "grad.%s", tensor.name);
        const double *expected = find(one, name, SAB_DTYPE_F64)->data;
        double difference = 0, size = 0;
        for (size_t j = 0; j < tensor.count; j++) {
            difference = fmax(difference, distance((double)tensor.grad[j], expected[j]));
            size = fmax(size, fabs(expected[j]));
        }
        good &= is_close(name, difference, size, largest);
    }
    return good;
}

static int compare_loss(double expected, double loss)
{
    return is_close("loss", distance(loss, expected), fabs(expected), 1);
}

/* Solves the case with activations stored or recomputed; returns whether all agrees. */
static int solve(struct oracle_case *one, int recompute, int threads)
{
    struct sab_error err = {0};
    struct sab_model *model = NULL;
    struct sab_metrics metrics = {.size = sizeof metrics};
    one->config.model.recompute = recompute;
    if (sab_model_create(&model, &one->config, &one->shape, &err))
        fail_msg("%s", err.message);
    double largest = load_weights(model, one);
    sab_real *outputs = malloc(sizeof *outputs * (size_t)one->batch.T * (size_t)one->batch.B * (size_t)one->shape.O);
    assert_non_null(outputs);
    if (sab_model_evaluate(model, &one->batch, threads, outputs, &metrics, NULL, &err))
        fail_msg("%s", err.message);
    int good = compare_outputs(one, outputs) & compare_loss(one->evaluated_loss, metrics.loss);
    if (sab_model_gradient(model, &one->batch, threads, &metrics, NULL, &err))
        fail_msg("%s", err.message);
    good &= compare_loss(one->loss, metrics.loss) & compare_gradients(one, model, largest);
    if (!good)
        print_error("above: recompute %d, threads %d\n", recompute, threads);
    free(outputs);
    sab_model_free(model);
    return good;
}

static void test_case(void **state)
{
    struct oracle_case one;
    open_case(&one, *state);
    int good = solve(&one, one.config.model.recompute, 1);
    good &= solve(&one, !one.config.model.recompute, 2);
    close_case(&one);
    assert_true(good);
}

static int is_case(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".safetensors") == 0;
}

int main(void)
{
    static struct CMUnitTest tests[MOST_CASES];
    static char paths[MOST_CASES][512];
    struct dirent **entries;
    int n = scandir(FOLDER, &entries, is_case, alphasort);
    if (n < LEAST_CASES || n > MOST_CASES) {
        fprintf(stderr, "%s: %d cases, expected %d to %d\n", FOLDER, n, LEAST_CASES, MOST_CASES);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s", FOLDER, entries[i]->d_name);
        tests[i] = (struct CMUnitTest){.name = strrchr(paths[i], '/') + 1, .test_func = test_case,
                                       .initial_state = paths[i]};
        free(entries[i]);
    }
    free(entries);
    return _cmocka_run_group_tests("oracle_cases", tests, (size_t)n, NULL, NULL);
}

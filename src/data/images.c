/* Labelled images as sequences, classified at the last step: the tasks idx, mnist and cifar10.
 *
 * The files stay bytes; a batch converts the images it shows and no others. What a model keeps of its data: the images'
 * size, the number of classes, and mean and deviation of each channel in the training part. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/arrays.h"
#include "data/facts.h"
#include "data/image_view.h"
#include "data/shuffle.h"
#include "data/parts.h"
#include "data/task.h"
#include "source/image_files.h"

/* Images first .. first + n - 1 of a set; n = 0: the split is absent. */
struct range {
    struct sab_image_set *set;
    size_t first, n;
};

struct images {
    const struct sab_image_format *format;
    struct sab_image_set own[3];  /* by split; an own set is empty where --data has it all */
    struct range range[3];
    struct sab_image_view view;
    int classes;
    uint64_t seed;
    int in_order;                 /* the training part is read as the others are */
    struct sab_shape shape;
    struct sab_arrays arrays;
};

static void destroy(void *state)
{
    struct images *s = state;
    sab_arrays_clear(&s->arrays);
    sab_image_view_clear(&s->view);
    for (int k = 0; k < 3; k++)
        sab_image_set_close(&s->own[k]);
    sab_free(s);
}

/* ---- which images are which split ------------------------------------------------------------------------------- */

static int open_sets(struct images *s, const struct sab_task_options *config, struct sab_error *err)
{
    int status = config->files.data[0] ? s->format->open(&s->own[SAB_TRAIN], config->files.data, 0, err) : SAB_OK;
    for (int k = SAB_VALID; k <= SAB_TEST && status == SAB_OK; k++) {
        const char *given = sab_parts_own(config, k);
        if (given[0])
            status = s->format->open(&s->own[k], given, k == SAB_TEST, err);
        else if (k == SAB_TEST && sab_image_is_folder(config->files.data))
            status = s->format->open(&s->own[k], config->files.data, 1, err);
        const struct sab_image_set *train = &s->own[SAB_TRAIN], *set = &s->own[k];
        if (status != SAB_OK)
            break;
        if (given[0] && set->n == 0)
            return sab_fail(err, SAB_IO, "the folder '%s' has no %s images", given, sab_parts_names[k]);
        if (set->n > 0 && train->n > 0 && (set->rows != train->rows || set->cols != train->cols))
            return sab_fail(err, SAB_FORMAT, "'%s' has images of %zu x %zu pixels, where '%s' has %zu x %zu",
                            set->file[0].path, set->rows, set->cols, train->file[0].path, train->rows, train->cols);
    }
    return status;
}

static int cut(struct images *s, const struct sab_task_options *config, int is_trained, struct sab_error *err)
{
    uint64_t bounds[SAB_PARTS + 1];
    const int has_own[SAB_PARTS] = {[SAB_VALID] = s->own[SAB_VALID].n > 0, [SAB_TEST] = s->own[SAB_TEST].n > 0};
    int status = sab_parts_cut(config->files.split, has_own, s->own[SAB_TRAIN].n, bounds, err);
    if (status != SAB_OK)
        return status;
    for (int k = SAB_TRAIN; k <= SAB_TEST; k++)
        s->range[k] = has_own[k] ? (struct range){&s->own[k], 0, s->own[k].n}
                                 : (struct range){&s->own[SAB_TRAIN], (size_t)bounds[k], (size_t)(bounds[k + 1] - bounds[k])};
    if (s->range[SAB_TRAIN].n == 0 && !is_trained)
        return sab_fail(err, SAB_INVALID, "--split: \"%.60s\" leaves none of the %zu images of '%s' for training",
                        config->files.split, s->own[SAB_TRAIN].n, config->files.data);
    return SAB_OK;
}

static int check_labels(const struct images *s, struct sab_error *err)
{
    int status = SAB_OK;
    for (int k = SAB_TRAIN; k <= SAB_TEST && status == SAB_OK; k++)
        if (s->range[k].n > 0)
            status = sab_image_set_check_labels(s->range[k].set, s->range[k].first, s->range[k].n, s->classes, err);
    return status;
}

/* ---- facts ------------------------------------------------------------------------------------------------------- */

static int facts(const void *state, char **json, struct sab_error *err)
{
    const struct images *s = state;
    struct sab_json facts;
    sab_facts_begin(&facts, s->format->name);
    sab_json_int(&facts, "rows", (int64_t)s->view.rows);
    sab_json_int(&facts, "cols", (int64_t)s->view.cols);
    sab_json_int(&facts, "channels", (int64_t)s->view.source);
    sab_json_int(&facts, "classes", s->classes);
    sab_json_open(&facts, "mean", '[');
    for (int c = 0; c < s->view.channels; c++)
        sab_json_real(&facts, NULL, s->view.mean[c]);
    sab_json_close(&facts, ']');
    sab_json_open(&facts, "deviation", '[');
    for (int c = 0; c < s->view.channels; c++)
        sab_json_real(&facts, NULL, s->view.deviation[c]);
    sab_json_close(&facts, ']');
    return sab_facts_end(&facts, json, err);
}

static int fail_facts(const char *key, struct sab_error *err)
{
    return sab_fail(err, SAB_FORMAT, "what the model knows of its images is damaged: \"%s\"", key);
}

static int fact(const struct sab_value *known, const char *key, long most, size_t *value, struct sab_error *err)
{
    int64_t n;
    if (sab_value_int(sab_value_get(known, key), 1, most, &n))
        return fail_facts(key, err);
    *value = (size_t)n;
    return SAB_OK;
}

static int fact_reals(const struct sab_value *known, const char *key, double least, int n, double *values,
                      struct sab_error *err)
{
    const struct sab_value *array = sab_value_get(known, key), *number = sab_value_first(array);
    if (sab_value_size(array) != (size_t)n)
        return fail_facts(key, err);
    for (int i = 0; i < n; i++, number = number->next)
        if (sab_value_real(number, &values[i]) || values[i] < least || values[i] > 255)
            return fail_facts(key, err);
    return SAB_OK;
}

/* The view of a trained model; the data, if there are any, must fit it. */
static int recall_facts(struct images *s, const struct sab_task_options *config, const char *text, struct sab_error *err)
{
    size_t rows = 0, cols = 0, channels = 0, classes = 0;
    double mean[SAB_IMAGE_CHANNELS], deviation[SAB_IMAGE_CHANNELS];
    const struct sab_value *known;
    int status = sab_facts_parse(&known, text, s->format->name, err);
    if (status != SAB_OK)
        return status;
    status = fact(known, "rows", SAB_IMAGE_PIXELS, &rows, err);
    if (status == SAB_OK)
        status = fact(known, "cols", (long)(SAB_IMAGE_PIXELS / rows), &cols, err);
    if (status == SAB_OK)
        status = fact(known, "channels", SAB_IMAGE_CHANNELS, &channels, err);
    if (status == SAB_OK)
        status = fact(known, "classes", 256, &classes, err);
    if (status == SAB_OK)
        status = sab_image_view_init(&s->view, rows, cols, channels, config->images.by, config->images.grey, config->images.permute, err);
    if (status == SAB_OK)
        status = fact_reals(known, "mean", 0, s->view.channels, mean, err);
    if (status == SAB_OK)
        status = fact_reals(known, "deviation", 1e-12, s->view.channels, deviation, err);
    if (status == SAB_OK) {
        s->classes = (int)classes;
        sab_image_view_standardise(&s->view, mean, deviation);
    }
    sab_json_free(known);
    for (int k = SAB_TRAIN; k <= SAB_TEST && status == SAB_OK; k++) {
        const struct sab_image_set *set = &s->own[k];
        if (set->n > 0 && (set->rows != rows || set->cols != cols || set->channels != channels))
            return sab_fail(err, SAB_INVALID, "'%s' has images of %zu x %zu pixels; the model was trained on %zu x %zu",
                            set->file[0].path, set->rows, set->cols, rows, cols);
    }
    return status;
}

static int learn(struct images *s, const struct sab_task_options *config, struct sab_error *err)
{
    const struct sab_image_set *set = &s->own[SAB_TRAIN];
    s->classes = s->format->classes ? s->format->classes : sab_image_set_most_label(set, 0, set->n) + 1;
    if (s->classes < 2)
        return sab_fail(err, SAB_INVALID, "all %zu images of '%s' have the label 0: there is nothing to tell apart",
                        set->n, config->files.data);
    int status = sab_image_view_init(&s->view, set->rows, set->cols, set->channels, config->images.by, config->images.grey,
                                     config->images.permute, err);
    if (status == SAB_OK)
        sab_image_view_learn(&s->view, set, s->range[SAB_TRAIN].n);
    return status;
}

/* ---- a task ------------------------------------------------------------------------------------------------------ */

static int create(const struct sab_image_format *format, void **state, struct sab_shape *shape,
                  const struct sab_task_options *config,
                  const struct sab_shared_options *shared, const char *known, struct sab_error *err)
{
    int has_data = config->files.data[0] || (known && (config->files.valid_data[0] || config->files.test_data[0]));
    if (!has_data && !known)
        return sab_fail(err, SAB_INVALID, "the task %s needs --data: the folder of its files", config->task);
    struct images *s = sab_alloc(1, sizeof *s);
    if (!s)
        return sab_fail(err, SAB_NOMEM, "no memory for the task %s", config->task);
    s->format = format;
    s->seed = shared->seed;
    int status = has_data ? open_sets(s, config, err) : SAB_OK;
    if (status == SAB_OK && has_data)
        status = cut(s, config, known != NULL, err);
    if (status == SAB_OK)
        status = known ? recall_facts(s, config, known, err) : learn(s, config, err);
    if (status == SAB_OK)
        status = check_labels(s, err);
    if (status != SAB_OK) {
        destroy(s);
        return status;
    }
    s->shape = (struct sab_shape){.input = SAB_INPUT_VALUES, .I = s->view.I, .loss = SAB_LOSS_CROSS_ENTROPY, .O = s->classes};
    *shape = s->shape;
    *state = s;
    return SAB_OK;
}

static int create_idx(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                      const struct sab_shared_options *shared, const char *known, struct sab_error *err)
{
    return create(&sab_image_format_idx, state, shape, config, shared, known, err);
}

static int create_cifar10(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                          const struct sab_shared_options *shared, const char *known, struct sab_error *err)
{
    return create(&sab_image_format_cifar10, state, shape, config, shared, known, err);
}

static int steps(const void *state)
{
    const struct images *s = state;
    return s->view.T;
}

static int64_t batches(const void *state, enum sab_split split, int B)
{
    const struct images *s = state;
    size_t n = s->range[split].n, size = (size_t)B;
    return (int64_t)(n / size + (n % size != 0));
}

/* The image of sequence i of a split; n where a batch is only filled up. */
static size_t image_at(const struct images *s, enum sab_split split, uint64_t i)
{
    uint64_t n = s->range[split].n;
    if (split == SAB_TRAIN && !s->in_order)
        return (size_t)sab_shuffle(s->seed, i / n, i % n, n);
    return (size_t)(i < n ? i : n);
}

static void fill_column(struct images *s, const struct range *range, size_t image, int b, int is_own)
{
    const struct sab_arrays *arrays = &s->arrays;
    size_t I = (size_t)s->view.I, B = (size_t)arrays->B, last = (size_t)(arrays->T - 1) * B + (size_t)b;
    if (image >= range->n)
        return;
    arrays->weight[last] = 1;
    arrays->scored[last] = 1;
    arrays->labels[last] = sab_image_label(range->set, range->first + image);
    if (is_own)
        sab_image_view_fill(&s->view, sab_image_pixels(range->set, range->first + image), arrays->values + (size_t)b * I, B * I);
}

static int batch(void *state, enum sab_split split, int64_t index, int B, const struct sab_own *own, struct sab_batch *out,
                 struct sab_error *err)
{
    struct images *s = state;
    const struct range *range = &s->range[split];
    const uint8_t *is_own;
    if (range->n == 0)
        return sab_fail(err, SAB_INVALID, "there are no %s images: %s", sab_parts_names[split],
                        s->own[SAB_TRAIN].n ? "--split leaves none" : "give --data");
    int status = sab_image_set_check(range->set, err);
    if (status == SAB_OK)
        status = sab_arrays_make(&s->arrays, &s->shape, s->view.T, B, err);
    if (status == SAB_OK)
        status = sab_own_find(own, s->view.T, B, NULL, 0, &is_own, err);
    if (status != SAB_OK)
        return status;
    for (int b = 0; b < B; b++)
        fill_column(s, range, image_at(s, split, (uint64_t)index * (uint64_t)B + (uint64_t)b), b, !is_own || is_own[b]);
    *out = sab_arrays_batch(&s->arrays);
    out->lengths = NULL; /* all are whole */
    return SAB_OK;
}

static void read_in_order(void *state)
{
    ((struct images *)state)->in_order = 1;
}

#define KIND(name_, help_, create_) \
    {.name = name_, .help = help_, .create = create_, .destroy = destroy, .steps = steps, .batches = batches, \
     .batch = batch, .read_in_order = read_in_order, .facts = facts}

const struct sab_task_kind sab_task_idx =
    KIND("idx", "classify images in IDX files, such as Fashion-MNIST, step by step", create_idx);
const struct sab_task_kind sab_task_mnist =
    KIND("mnist", "the same as idx: --data DIR has MNIST's four files", create_idx);
const struct sab_task_kind sab_task_cifar10 =
    KIND("cifar10", "classify the images of CIFAR-10, step by step", create_cifar10);

/* Labelled images as sequences, classified at the last step: the tasks idx, mnist and cifar10.
 *
 * The files stay bytes; a batch converts the images it shows and no others. What a model keeps of its data: the images'
 * size, the number of classes, and mean and deviation of each channel in the training part. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/facts.h"
#include "data/image_view.h"
#include "data/shuffle.h"
#include "data/split.h"
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
    int cap;                      /* B the arrays have room for */
    sab_real *values, *weight;    /* [T,B,I], [T,B] */
    int32_t *labels;              /* [T,B] */
    uint8_t *scored;              /* [T,B] */
};

static const char *const split_names[] = {"training", "validation", "test"};

static void free_arrays(struct images *s)
{
    sab_free(s->values);
    sab_free(s->weight);
    sab_free(s->labels);
    sab_free(s->scored);
    s->values = s->weight = NULL;
    s->labels = NULL;
    s->scored = NULL;
    s->cap = 0;
}

static void destroy(void *state)
{
    struct images *s = state;
    free_arrays(s);
    sab_image_view_clear(&s->view);
    for (int k = 0; k < 3; k++)
        sab_image_set_close(&s->own[k]);
    sab_free(s);
}

/* ---- which images are which split ------------------------------------------------------------------------------- */

static int open_sets(struct images *s, const struct sab_task_options *config, struct sab_error *err)
{
    const char *given[] = {config->files.data, config->files.valid_data, config->files.test_data};
    int status = config->files.data[0] ? s->format->open(&s->own[SAB_TRAIN], config->files.data, 0, err) : SAB_OK;
    for (int k = SAB_VALID; k <= SAB_TEST && status == SAB_OK; k++) {
        if (given[k][0])
            status = s->format->open(&s->own[k], given[k], k == SAB_TEST, err);
        else if (k == SAB_TEST && sab_image_is_folder(config->files.data))
            status = s->format->open(&s->own[k], config->files.data, 1, err);
        const struct sab_image_set *train = &s->own[SAB_TRAIN], *set = &s->own[k];
        if (status != SAB_OK)
            break;
        if (given[k][0] && set->n == 0)
            return sab_fail(err, SAB_IO, "the folder '%s' has no %s images", given[k], split_names[k]);
        if (set->n > 0 && train->n > 0 && (set->rows != train->rows || set->cols != train->cols))
            return sab_fail(err, SAB_FORMAT, "'%s' has images of %zu x %zu pixels, where '%s' has %zu x %zu",
                            set->file[0].path, set->rows, set->cols, train->file[0].path, train->rows, train->cols);
    }
    return status;
}

/* --split cuts the images of --data; the share of a split with files of its own goes to the one before it. */
static int cut(struct images *s, const struct sab_task_options *config, int is_trained, struct sab_error *err)
{
    uint64_t bounds[4];
    int status = sab_split_bounds(config->files.split, s->own[SAB_TRAIN].n, bounds, err);
    if (status != SAB_OK)
        return status;
    for (int k = SAB_TEST; k >= SAB_VALID; k--)
        if (s->own[k].n > 0) {
            s->range[k] = (struct range){&s->own[k], 0, s->own[k].n};
            bounds[k] = bounds[k + 1];
        }
    for (int k = SAB_TRAIN; k <= SAB_TEST; k++)
        if (s->own[k].n == 0 || k == SAB_TRAIN)
            s->range[k] = (struct range){&s->own[SAB_TRAIN], (size_t)bounds[k], (size_t)(bounds[k + 1] - bounds[k])};
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
    *shape = (struct sab_shape){.input = SAB_INPUT_VALUES, .I = s->view.I, .loss = SAB_LOSS_CROSS_ENTROPY, .O = s->classes};
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

static int make_room(struct images *s, int B, struct sab_error *err)
{
    size_t positions, T = (size_t)s->view.T;
    if (B <= s->cap)
        return SAB_OK;
    free_arrays(s);
    if (!sab_mul_overflows(T, (size_t)B, &positions)) {
        size_t step_nbytes = (size_t)s->view.I * sizeof *s->values;
        s->values = sab_alloc(positions, step_nbytes);
        s->weight = sab_alloc(positions, sizeof *s->weight);
        s->labels = sab_alloc(positions, sizeof *s->labels);
        s->scored = sab_alloc(positions, sizeof *s->scored);
    }
    if (!s->values || !s->weight || !s->labels || !s->scored) {
        free_arrays(s);
        return sab_fail(err, SAB_NOMEM, "no memory for a batch of %d sequences of %zu steps", B, T);
    }
    s->cap = B;
    return SAB_OK;
}

/* The image of sequence i of a split; n where a batch is only filled up. */
static size_t image_at(const struct images *s, enum sab_split split, uint64_t i)
{
    uint64_t n = s->range[split].n;
    if (split == SAB_TRAIN && !s->in_order)
        return (size_t)sab_shuffle(s->seed, i / n, i % n, n);
    return (size_t)(i < n ? i : n);
}

static void fill_column(struct images *s, const struct range *range, size_t image, int B, int b)
{
    size_t I = (size_t)s->view.I, T = (size_t)s->view.T, size = (size_t)B, last = (T - 1) * size + (size_t)b;
    sab_real *values = s->values + (size_t)b * I;
    int is_there = image < range->n;
    s->weight[last] = (sab_real)is_there;
    s->scored[last] = (uint8_t)is_there;
    s->labels[last] = is_there ? sab_image_label(range->set, range->first + image) : 0;
    if (is_there)
        sab_image_view_fill(&s->view, sab_image_pixels(range->set, range->first + image), values, size * I);
    for (size_t t = 0; !is_there && t < T; t++)
        memset(values + t * size * I, 0, I * sizeof *values);
}

static int batch(void *state, enum sab_split split, int64_t index, int B, struct sab_batch *out, struct sab_error *err)
{
    struct images *s = state;
    const struct range *range = &s->range[split];
    if (range->n == 0)
        return sab_fail(err, SAB_INVALID, "there are no %s images: %s", split_names[split],
                        s->own[SAB_TRAIN].n ? "--split leaves none" : "give --data");
    int status = sab_image_set_check(range->set, err);
    if (status == SAB_OK)
        status = make_room(s, B, err);
    if (status != SAB_OK)
        return status;
    size_t before = (size_t)(s->view.T - 1) * (size_t)B; /* positions that another B may have marked */
    memset(s->weight, 0, before * sizeof *s->weight);
    memset(s->scored, 0, before);
    for (int b = 0; b < B; b++)
        fill_column(s, range, image_at(s, split, (uint64_t)index * (uint64_t)B + (uint64_t)b), B, b);
    *out = (struct sab_batch){
        .size = sizeof(struct sab_batch),
        .T = s->view.T,
        .B = B,
        .values = s->values,
        .labels = s->labels,
        .weight = s->weight,
        .scored = s->scored,
    };
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

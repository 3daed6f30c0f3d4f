/* The state dict of a PyTorch nn.LSTM, nn.GRU or nn.RNN, with what stands around it, in a safetensors file: finds out what network
 * it is of, and fills a model of sab. Names and layouts of the cells are the same on both sides (sab.h). For callers of the library:
 * sab_foreign_* of sab_run.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "io/safetensors.h"
#include "sab_run.h"
#include "train/options.h"

enum { NAME_CAP = 256 }; /* of a name that is put together */

/* What a file is found to hold. */
struct sab_foreign {
    struct sab_safetensors *file;
    const char *path;
    char prefix[NAME_CAP]; /* before the names of the cell's tensors: "lstm." */
    int cell, layers, H, I; /* enum sab_cell */
    /* chosen by match(); NULL: none */
    const struct sab_safetensors_view *readout, *readout_bias, *embedding;
};

enum origin { TAKEN, ZERO, DRAWN };

static const char first_tensor[] = "weight_ih_l0";

enum { SHOWN_CAP = 96, LIST_CAP = 200 };

/* ---- finding tensors ---- */

static const struct sab_safetensors_view *find(const struct sab_foreign *f, const char *a, const char *b)
{
    char name[2 * NAME_CAP];
    snprintf(name, sizeof name, "%s%s", a, b);
    return sab_safetensors_find(f->file, name);
}

static const struct sab_safetensors_view *find_of_layer(const struct sab_foreign *f, const char *kind, int layer,
                                                        const char *suffix)
{
    char name[64];
    snprintf(name, sizeof name, "%s_l%d%s", kind, layer, suffix);
    return find(f, f->prefix, name);
}

static int is_matrix(const struct sab_safetensors_view *view, uint64_t rows, uint64_t cols)
{
    return view->ndim == 2 && view->shape[0] == rows && view->shape[1] == cols;
}

static int ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Adds a name to a list for people. */
static void list(char names[LIST_CAP], const char *name, int n)
{
    char shown[SHOWN_CAP];
    size_t used = strlen(names);
    snprintf(names + used, LIST_CAP - used, "%s%.*s", used ? ", " : "", n, sab_text_shown(name, shown, sizeof shown));
}

/* ---- the cell ---- */

/* "a.b.weight_ih_l0" says that the cell's names begin with "a.b.". */
static int find_prefix(struct sab_foreign *f, struct sab_error *err)
{
    char names[LIST_CAP] = "";
    int n = 0;
    for (int i = 0; i < sab_safetensors_count(f->file); i++) {
        const char *name = sab_safetensors_at(f->file, i)->name;
        size_t length = strlen(name) - (ends_in(name, first_tensor) ? strlen(first_tensor) : strlen(name));
        if (!ends_in(name, first_tensor))
            continue;
        if (length >= sizeof f->prefix)
            return sab_fail(err, SAB_FORMAT, "'%s': the name %.60s... is too long", f->path, name);
        snprintf(f->prefix, sizeof f->prefix, "%.*s", (int)length, name);
        list(names, length ? f->prefix : "\"\"", SHOWN_CAP);
        n++;
    }
    if (n == 0)
        return sab_fail(err, SAB_FORMAT, "'%s' has no tensor whose name ends in %s: it holds no nn.LSTM, nn.GRU or nn.RNN",
                        f->path, first_tensor);
    if (n > 1)
        return sab_fail(err, SAB_INVALID, "'%s' holds %d recurrent networks: choose one by --prefix, of %s", f->path, n, names);
    return SAB_OK;
}

/* A tensor of the cell, of rows [rows] or [rows,cols]. */
static int check_tensor(const struct sab_foreign *f, const struct sab_safetensors_view *view, int rows, int cols,
                        struct sab_error *err)
{
    char shown[SHOWN_CAP];
    int agrees = cols ? is_matrix(view, (uint64_t)rows, (uint64_t)cols)
                      : view->ndim == 1 && view->shape[0] == (uint64_t)rows;
    if (!sab_dtype_is_real(view->dtype))
        return sab_fail(err, SAB_FORMAT, "'%s': the tensor %s has %s where real numbers are needed", f->path,
                        sab_text_shown(view->name, shown, sizeof shown), sab_dtype_name(view->dtype));
    if (!agrees && cols)
        return sab_fail(err, SAB_FORMAT, "'%s': the tensor %s is not [%d, %d], as the others say", f->path,
                        sab_text_shown(view->name, shown, sizeof shown), rows, cols);
    return agrees ? SAB_OK
                  : sab_fail(err, SAB_FORMAT, "'%s': the tensor %s is not [%d], as the others say", f->path,
                             sab_text_shown(view->name, shown, sizeof shown), rows);
}

static int check_layer(const struct sab_foreign *f, int layer, struct sab_error *err)
{
    static const char *const biases[] = {"bias_ih", "bias_hh"};
    static const int gates[] = {[SAB_CELL_LSTM] = 4, [SAB_CELL_GRU] = 3, [SAB_CELL_RNN] = 1};
    const struct sab_safetensors_view *ih = find_of_layer(f, "weight_ih", layer, ""),
                                      *hh = find_of_layer(f, "weight_hh", layer, "");
    int rows = gates[f->cell] * f->H;
    if (find_of_layer(f, "weight_ih", layer, "_reverse"))
        return sab_fail(err, SAB_FORMAT, "'%s': the network reads in both directions (weight_ih_l%d_reverse); sab has no such",
                        f->path, layer);
    if (find_of_layer(f, "weight_hr", layer, ""))
        return sab_fail(err, SAB_FORMAT, "'%s': the LSTM projects its state (weight_hr_l%d, proj_size); sab has no such",
                        f->path, layer);
    if (!hh)
        return sab_fail(err, SAB_FORMAT, "'%s' has weight_ih_l%d but no weight_hh_l%d", f->path, layer, layer);
    int status = check_tensor(f, ih, rows, layer == 0 ? f->I : f->H, err);
    if (status == SAB_OK)
        status = check_tensor(f, hh, rows, f->H, err);
    for (int i = 0; i < 2 && status == SAB_OK; i++)
        if (find_of_layer(f, biases[i], layer, ""))
            status = check_tensor(f, find_of_layer(f, biases[i], layer, ""), rows, 0, err);
    return status;
}

static int find_cell(struct sab_foreign *f, struct sab_error *err)
{
    const struct sab_safetensors_view *ih = find_of_layer(f, "weight_ih", 0, ""), *hh = find_of_layer(f, "weight_hh", 0, "");
    const uint64_t most = 1 << 24;
    if (!ih)
        return sab_fail(err, SAB_INVALID, "--prefix %.60s: '%s' has no tensor %.60s%s", f->prefix, f->path, f->prefix,
                        first_tensor);
    if (!hh || hh->ndim != 2 || ih->ndim != 2 || hh->shape[1] == 0 || hh->shape[1] > most || ih->shape[1] == 0 ||
        ih->shape[1] > most || hh->shape[0] % hh->shape[1] != 0)
        return sab_fail(err, SAB_FORMAT, "'%s': %.60sweight_ih_l0 and weight_hh_l0 are not the two matrices of a cell", f->path,
                        f->prefix);
    f->H = (int)hh->shape[1];
    f->I = (int)ih->shape[1];
    switch (hh->shape[0] / hh->shape[1]) {
    case 4:
        f->cell = SAB_CELL_LSTM;
        break;
    case 3:
        f->cell = SAB_CELL_GRU;
        break;
    case 1:
        f->cell = SAB_CELL_RNN;
        break;
    default:
        return sab_fail(err, SAB_FORMAT, "'%s': weight_hh_l0 has %" PRIu64 " rows for %d units: neither 4 (LSTM) nor 3 (GRU) nor "
                        "1 (RNN) for each", f->path, hh->shape[0], f->H);
    }
    int status = SAB_OK;
    for (f->layers = 0; status == SAB_OK && find_of_layer(f, "weight_ih", f->layers, ""); f->layers++)
        status = check_layer(f, f->layers, err);
    return status;
}

static int find_network(struct sab_foreign *f, const char *prefix, struct sab_error *err)
{
    int status = sab_safetensors_open(&f->file, f->path, err);
    if (status == SAB_OK && sab_safetensors_metadata(f->file, "config"))
        status = sab_fail(err, SAB_INVALID, "'%s' is a model of sab: sab train --from takes it as it is", f->path);
    if (status == SAB_OK && prefix[0])
        snprintf(f->prefix, sizeof f->prefix, "%s", prefix);
    else if (status == SAB_OK)
        status = find_prefix(f, err);
    return status == SAB_OK ? find_cell(f, err) : status;
}

int sab_foreign_open(struct sab_foreign **out, const char *path, const char *prefix, struct sab_error *err)
{
    struct sab_foreign *f = sab_alloc(1, sizeof *f);
    if (!f)
        return sab_fail(err, SAB_NOMEM, "no memory for what '%s' holds", path);
    f->path = path;
    int status = find_network(f, prefix, err);
    if (status == SAB_OK)
        *out = f;
    else
        sab_foreign_close(f);
    return status;
}

void sab_foreign_close(struct sab_foreign *f)
{
    if (!f)
        return;
    sab_safetensors_close(f->file);
    sab_free(f);
}

int sab_foreign_options(const struct sab_foreign *f, struct sab_options *options, struct sab_error *err)
{
    static const char *const cells[] = {[SAB_CELL_LSTM] = "lstm", [SAB_CELL_GRU] = "gru", [SAB_CELL_RNN] = "rnn"};
    char text[64];
    snprintf(text, sizeof text, "cell=%s hidden=%d layers=%d", cells[f->cell], f->H, f->layers);
    return sab_options_parse(options, text, err);
}

/* ---- readout and embedding ---- */

/* The matrix NAME.weight of this size, or where name is "" the only one. */
static int find_matrix(const struct sab_foreign *f, const char *option, const char *name, int rows, int cols,
                       const struct sab_safetensors_view **out, struct sab_error *err)
{
    char names[LIST_CAP] = "";
    int n = 0;
    *out = NULL;
    if (name[0]) {
        const struct sab_safetensors_view *view = find(f, name, ".weight");
        if (!view)
            return sab_fail(err, SAB_INVALID, "--%s %.60s: '%s' has no tensor %.60s.weight", option, name, f->path, name);
        if (!is_matrix(view, (uint64_t)rows, (uint64_t)cols))
            return sab_fail(err, SAB_INVALID, "--%s %.60s: its weight is not [%d, %d], as the cell and the task need", option,
                            name, rows, cols);
        *out = view;
        return check_tensor(f, view, rows, cols, err);
    }
    for (int i = 0; i < sab_safetensors_count(f->file); i++) {
        const struct sab_safetensors_view *view = sab_safetensors_at(f->file, i);
        if (!ends_in(view->name, ".weight") || !is_matrix(view, (uint64_t)rows, (uint64_t)cols) ||
            !sab_dtype_is_real(view->dtype))
            continue;
        list(names, view->name, (int)(strlen(view->name) - strlen(".weight")));
        *out = view;
        n++;
    }
    if (n > 1)
        return sab_fail(err, SAB_INVALID, "'%s' has %d matrices of [%d, %d]: choose one by --%s, of %s", f->path, n, rows, cols,
                        option, names);
    return SAB_OK;
}

static int find_bias(struct sab_foreign *f, int O, struct sab_error *err)
{
    char name[NAME_CAP];
    size_t n = strlen(f->readout->name) - strlen("weight");
    if (n >= sizeof name)
        return SAB_OK;
    snprintf(name, sizeof name, "%.*s", (int)n, f->readout->name);
    f->readout_bias = find(f, name, "bias");
    return f->readout_bias ? check_tensor(f, f->readout_bias, O, 0, err) : SAB_OK;
}

/* Finds the readout and the embedding that a network of this shape needs. SAB_INVALID where sizes leave a choice, or where nothing
 * fits the inputs. */
static int match(struct sab_foreign *f, const struct sab_shape *shape, const char *readout, const char *embedding,
                 struct sab_error *err)
{
    int status = SAB_OK, needs = embedding[0] || f->I != shape->I;
    f->readout = f->readout_bias = f->embedding = NULL;
    if (needs && shape->input == SAB_INPUT_IDS) {
        status = find_matrix(f, "embedding", embedding, shape->I, f->I, &f->embedding, err);
        if (status == SAB_OK && !f->embedding)
            status = sab_fail(err, SAB_INVALID, "'%s' is of a network with %d inputs and has no embedding of [%d, %d]; the task "
                              "has %d symbols", f->path, f->I, shape->I, f->I, shape->I);
    } else if (needs) {
        status = embedding[0] ? sab_fail(err, SAB_INVALID, "--embedding %.60s: the task's inputs are numbers, not symbols",
                                         embedding)
                              : sab_fail(err, SAB_INVALID, "'%s' is of a network with %d inputs, and the task has %d", f->path,
                                         f->I, shape->I);
    }
    if (status == SAB_OK && (readout[0] || !find(f, "", "V1")))
        status = find_matrix(f, "linear", readout, shape->O, f->H, &f->readout, err);
    if (status == SAB_OK && f->readout)
        status = find_bias(f, shape->O, err);
    return status;
}

/* ---- filling a model ---- */

/* How one tensor of a model is made. */
struct recipe {
    const struct sab_safetensors_view *view; /* NULL: by origin alone */
    int origin;
    int is_transposed, is_embedded;
};

static struct recipe recipe_of(const struct sab_foreign *f, const char *name)
{
    struct recipe r = {.view = find(f, f->prefix, name), .origin = TAKEN};
    if (strcmp(name, first_tensor) == 0)
        r.is_embedded = f->embedding != NULL;
    if (strcmp(name, "V1") == 0 && f->readout) {
        r.view = f->readout;
        r.is_transposed = 1;
    } else if (strcmp(name, "b") == 0 && f->readout) {
        r.view = f->readout_bias;
        r.origin = r.view ? TAKEN : ZERO;
    } else if (!r.view) {
        r.view = find(f, "", name); /* what SAB has beside the cell stands without the prefix in files that it exports */
        r.origin = r.view ? TAKEN : strncmp(name, "bias_", 5) == 0 ? ZERO : DRAWN;
    }
    return r;
}

/* The tensor of the file that the model's i-th is made from, the name in buf with what was done to it; *origin says how. */
static const char *source(const struct sab_foreign *f, const struct sab_model *model, int i, int *origin, char buf[NAME_CAP])
{
    char shown[2][SHOWN_CAP];
    struct recipe r = recipe_of(f, sab_model_tensor(model, i)->name);
    *origin = r.origin;
    if (!r.view)
        return r.origin == ZERO ? "the file has none" : "anew, from the seed";
    sab_text_shown(r.view->name, shown[0], SHOWN_CAP);
    if (r.is_embedded)
        snprintf(buf, NAME_CAP, "%s times %s", shown[0], sab_text_shown(f->embedding->name, shown[1], SHOWN_CAP));
    else
        snprintf(buf, NAME_CAP, "%s%s", shown[0], r.is_transposed ? ", transposed" : "");
    return buf;
}

static int is_used(const struct sab_foreign *f, const struct sab_model *model, const struct sab_safetensors_view *view)
{
    int used = view == f->embedding;
    for (int i = 0; i < sab_model_tensor_count(model); i++)
        used |= view == recipe_of(f, sab_model_tensor(model, i)->name).view;
    return used;
}

/* Element (row, col) of the tensor to be made, which has `rows` rows. */
static double element(const struct sab_foreign *f, const struct recipe *r, size_t row, size_t col, size_t rows, size_t cols)
{
    if (r->is_transposed)
        return sab_safetensors_number(r->view, col * rows + row);
    if (!r->is_embedded)
        return sab_safetensors_number(r->view, row * cols + col);
    double sum = 0;
    for (size_t e = 0; e < (size_t)f->I; e++)
        sum += sab_safetensors_number(r->view, row * (size_t)f->I + e) *
               sab_safetensors_number(f->embedding, col * (size_t)f->I + e);
    return sum;
}

/* 1 if the file's tensor has the sizes that the recipe needs. */
static int fits(const struct sab_foreign *f, const struct recipe *r, const struct sab_tensor *tensor)
{
    int agrees = r->view->ndim == tensor->ndim && sab_dtype_is_real(r->view->dtype);
    if (agrees && r->is_embedded)
        return is_matrix(r->view, (uint64_t)tensor->shape[0], (uint64_t)f->I);
    if (agrees && r->is_transposed)
        return is_matrix(r->view, (uint64_t)tensor->shape[1], (uint64_t)tensor->shape[0]);
    for (int d = 0; agrees && d < tensor->ndim; d++)
        agrees = r->view->shape[d] == (uint64_t)tensor->shape[d];
    return agrees;
}

static int fill(const struct sab_foreign *f, const struct recipe *r, const struct sab_tensor *tensor, struct sab_error *err)
{
    size_t cols = tensor->ndim == 2 ? (size_t)tensor->shape[1] : 1, rows = tensor->count / cols;
    char shown[SHOWN_CAP];
    if (!r->view) {
        memset(tensor->data, 0, tensor->count * sizeof *tensor->data);
        return SAB_OK;
    }
    sab_text_shown(r->view->name, shown, sizeof shown);
    if (!fits(f, r, tensor))
        return sab_fail(err, SAB_INVALID, "'%s': the tensor %s is of other sizes than %s, which has %zu rows and %zu columns here",
                        f->path, shown, tensor->name, rows, cols);
    for (size_t row = 0; row < rows; row++)
        for (size_t col = 0; col < cols; col++) {
            sab_real x = (sab_real)element(f, r, row, col, rows, cols);
            if (!isfinite(x))
                return sab_fail(err, SAB_FORMAT, "'%s': row %zu, column %zu of the tensor %s is not finite", f->path, row, col,
                                shown);
            tensor->data[row * cols + col] = x;
        }
    return SAB_OK;
}

static int fill_all(const struct sab_foreign *f, struct sab_model *model, struct sab_error *err)
{
    int status = SAB_OK;
    for (int i = 0; i < sab_model_tensor_count(model) && status == SAB_OK; i++) {
        struct sab_tensor tensor = *sab_model_tensor(model, i);
        struct recipe r = recipe_of(f, tensor.name);
        if (r.origin != DRAWN)
            status = fill(f, &r, &tensor, err);
    }
    return status;
}

int sab_foreign_model(struct sab_foreign *f, struct sab_model **out, const struct sab_options *options, const struct sab_shape *shape,
                      const char *linear, const char *embedding, struct sab_error *err)
{
    const struct sab_model_options *o = &options->model;
    struct sab_model *model;
    if (o->model != SAB_KIND_RECURRENT || o->cell != f->cell || o->hidden != f->H || o->layers != f->layers)
        return sab_fail(err, SAB_INVALID, "the options are of another network than that in '%s'", f->path);
    int status = match(f, shape, linear, embedding, err);
    if (status == SAB_OK)
        status = sab_model_create(&model, options, shape, err);
    if (status != SAB_OK)
        return status;
    status = fill_all(f, model, err);
    if (status == SAB_OK)
        *out = model;
    else
        sab_model_free(model);
    return status;
}

void sab_foreign_tell(const struct sab_foreign *f, const struct sab_model *model,
                      void (*tensor)(void *user, const char *origin, const char *name, const char *from), void *user)
{
    static const char *const origins[] = {[TAKEN] = "taken", [ZERO] = "zero", [DRAWN] = "drawn"};
    char buf[NAME_CAP];
    for (int i = 0; i < sab_model_tensor_count(model); i++) {
        int origin;
        const char *from = source(f, model, i, &origin, buf);
        tensor(user, origins[origin], sab_model_tensor(model, i)->name, from);
    }
    for (int i = 0; i < sab_safetensors_count(f->file); i++) {
        const struct sab_safetensors_view *view = sab_safetensors_at(f->file, i);
        if (!is_used(f, model, view))
            tensor(user, "left", view->name, "has no place in this network");
    }
}

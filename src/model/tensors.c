/* The ONE table of tensors: names, shapes, layouts and how each starts. */
#include "model/network.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"
#include "base/team.h"

enum { FLAT_ALIGN = 16 }; /* numbers; tensors begin on cache lines */

static size_t round_up(size_t n)
{
    return (n + FLAT_ALIGN - 1) / FLAT_ALIGN * FLAT_ALIGN;
}

void sab_tensors_add(struct sab_model *m, const char *name, int role, int layer, int rows, int G, int cols,
                     int transposed, int ndim)
{
    if (!m->tensors) { /* sab_tensors_build counts first */
        m->n_tensors++;
        return;
    }
    struct sab_tensor_spec *spec = &m->tensors[m->n_tensors++];
    assert(strlen(name) < sizeof spec->name && rows > 0 && G > 0 && cols > 0 && (ndim == 1 || ndim == 2));
    snprintf(spec->name, sizeof spec->name, "%s", name);
    spec->role = role;
    spec->layer = layer;
    spec->rows = rows;
    spec->G = G;
    spec->cols = cols;
    spec->transposed = transposed;
    spec->ndim = ndim;
    spec->shape[0] = ndim == 1 ? rows * G * cols : transposed ? G * cols : rows;
    spec->shape[1] = ndim == 1 ? 0 : transposed ? rows : G * cols;
    spec->count = (size_t)rows * G * cols;
    spec->offset = m->n_theta;
    spec->padded_offset = m->n_padded;
    m->n_theta += round_up(spec->count);
    m->n_padded += (size_t)rows * G * sab_pad(cols);
}

static void add_all(struct sab_model *m)
{
    m->n_tensors = 0;
    m->network->add_tensors(m);
    if (!m->has_readout)
        return;
    sab_tensors_add(m, "V1", SAB_ROLE_V1, 0, m->H, 1, m->O, 0, 2);
    if (m->has_V2)
        sab_tensors_add(m, "V2", SAB_ROLE_V2, 0, m->H, 1, m->O, 0, 2);
    sab_tensors_add(m, "b", SAB_ROLE_B, 0, 1, 1, m->O, 0, 1);
}

int sab_tensors_build(struct sab_model *m, struct sab_error *err)
{
    add_all(m);
    m->tensors = sab_alloc((size_t)m->n_tensors, sizeof *m->tensors);
    if (!m->tensors)
        return sab_fail(err, SAB_NOMEM, "no memory for the table of tensors");
    add_all(m);
    return SAB_OK;
}

const struct sab_tensor_spec *sab_tensors_find(const struct sab_model *m, int role, int layer)
{
    for (int i = 0; i < m->n_tensors; i++)
        if (m->tensors[i].role == role && m->tensors[i].layer == layer)
            return &m->tensors[i];
    return NULL;
}

const real *sab_tensors_padded(const struct sab_model *m, int role, int layer)
{
    const struct sab_tensor_spec *spec = sab_tensors_find(m, role, layer);
    return spec ? m->padded + spec->padded_offset : NULL;
}

real *sab_tensors_grad(const struct sab_model *m, int role, int layer, real *grads)
{
    const struct sab_tensor_spec *spec = sab_tensors_find(m, role, layer);
    return spec ? grads + spec->padded_offset : NULL;
}

enum direction { TO_PADDED, TO_THETA, ADD_TO_THETA };

/* Between the two layouts of one tensor: rows row..end-1 and, of gate g, columns c..to-1. */
static void convert_tile(const struct sab_tensor_spec *spec, real *theta, real *padded, enum direction direction, int g, int first, int end,
                         int from, int to)
{
    int colsp = sab_pad(spec->cols), N = spec->G * colsp;
    for (int row = first; row < end; row++)
        for (int c = from; c < to; c++) {
            size_t flat = spec->transposed ? ((size_t)g * spec->cols + c) * spec->rows + row
                                           : ((size_t)row * spec->G + g) * spec->cols + c;
            size_t pad = (size_t)row * N + g * colsp + c;
            if (direction == TO_PADDED)
                padded[pad] = theta[flat];
            else if (direction == TO_THETA)
                theta[flat] = padded[pad];
            else
                theta[flat] += padded[pad];
        }
}

/* Of rows first .. end-1. By tiles: of a transposed tensor one side is read or written across its rows, which lie as far apart as a cache
 * cannot hold many of. */
static void convert(const struct sab_tensor_spec *spec, real *theta, real *padded, enum direction direction, int first, int end)
{
    enum { ROWS = 16, COLUMNS = 16 };
    theta += spec->offset;
    padded += spec->padded_offset;
    for (int g = 0; g < spec->G; g++)
        for (int row = first; row < end; row += ROWS)
            for (int from = 0; from < spec->cols; from += COLUMNS)
                convert_tile(spec, theta, padded, direction, g, row, end - row < ROWS ? end : row + ROWS, from,
                             spec->cols - from < COLUMNS ? spec->cols : from + COLUMNS);
}

void sab_tensors_pad_rows(const struct sab_tensor_spec *spec, const real *theta, int first, int end, real *padded)
{
    convert(spec, (real *)theta, padded, TO_PADDED, first, end);
}

void sab_tensors_pad(const struct sab_model *m, const real *theta, real *padded)
{
    for (int i = 0; i < m->n_tensors; i++)
        sab_tensors_pad_rows(&m->tensors[i], theta, 0, m->tensors[i].rows, padded);
}

/* ---- a tensor's rows among threads ---- */

struct rows {
    const struct sab_tensor_spec *spec;
    sab_rows_work *work;
    void *user;
    int rows; /* of a piece */
};

static void do_rows(void *user, int i, int member)
{
    const struct rows *r = user;
    int first = i * r->rows, end = r->spec->rows - first < r->rows ? r->spec->rows : first + r->rows;
    (void)member;
    r->work(r->user, r->spec, first, end);
}

void sab_tensors_by_rows(const struct sab_model *m, struct sab_team *team, int members, sab_rows_work *work, void *user)
{
    enum { ROWS = 16, PIECE = 1 << 15 }; /* rows of a piece are whole tiles; numbers that make a piece worth handing out */
    for (int i = 0; i < m->n_tensors; i++) {
        struct rows r = {&m->tensors[i], work, user, ROWS};
        size_t width = (size_t)r.spec->G * sab_pad(r.spec->cols);
        while (r.rows < r.spec->rows && r.rows * width < PIECE)
            r.rows += ROWS;
        sab_team_run(team, members, (r.spec->rows - 1) / r.rows + 1, do_rows, &r);
    }
}

/* A call of sab_tensors_unpad. */
struct unpad {
    real *theta, *padded;
    enum direction direction;
};

static void unpad_rows(void *user, const struct sab_tensor_spec *spec, int first, int end)
{
    const struct unpad *u = user;
    convert(spec, u->theta, u->padded, u->direction, first, end);
}

void sab_tensors_unpad(const struct sab_model *m, const real *padded, int add, real *theta, struct sab_team *team, int members)
{
    struct unpad u = {theta, (real *)padded, add ? ADD_TO_THETA : TO_THETA};
    sab_tensors_by_rows(m, team, members, unpad_rows, &u);
}

void sab_tensors_draw(struct sab_model *m, int i, double bound)
{
    assert(0 <= i && i < m->n_tensors && bound >= 0);
    const struct sab_tensor_spec *spec = &m->tensors[i];
    for (size_t j = 0; j < spec->count; j++)
        m->theta[spec->offset + j] =
            (real)(bound * (2 * sab_random_uniform(m->seed, SAB_FOR_WEIGHTS, (uint64_t)i << 32 | j >> 16,
                                                   (uint32_t)(j & 0xffff)) - 1));
}

/* The readout as PyTorch starts a linear layer. */
void sab_tensors_init(struct sab_model *m)
{
    for (int i = 0; i < m->n_tensors; i++) {
        int role = m->tensors[i].role;
        if (role == SAB_ROLE_V1 || role == SAB_ROLE_V2 || role == SAB_ROLE_B)
            sab_tensors_draw(m, i, 1 / sqrt(m->H));
        else
            m->network->start(m, i);
    }
}

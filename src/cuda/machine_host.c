/* The machine that is the host: memory is the process's, a launch is a call. See machine.h.
 *
 * It is there to prove the kernels and the driver where there is no GPU, not to be fast. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cuda/kernels.h"
#include "cuda/machine.h"

struct host {
    struct sab_machine ops; /* first: a pointer to it is one to the whole */
    struct sab_error error; /* kept until wait has told */
    double *partials;
};

static int machine_status(struct sab_machine *m)
{
    return (int)((struct host *)m)->error.status;
}

static double *machine_partials(struct sab_machine *m)
{
    return ((struct host *)m)->partials;
}

#define LAUNCH(m, blocks, kernel, ...)      \
    do {                                    \
        (void)(blocks);                     \
        if (machine_status(m) == SAB_OK) {  \
            kernel(__VA_ARGS__);            \
            (m)->launches++;                \
        }                                   \
    } while (0)

#include "cuda/small.inc"

#include "cuda/rows.inc"

static void host_close(struct sab_machine *m)
{
    sab_free(((struct host *)m)->partials);
    sab_free(m);
}

/* New memory of a GPU holds anything: here NaN, so that who reads before writing is found out. */
static int host_take(struct sab_machine *m, void **out, size_t nbytes, struct sab_error *err)
{
    struct host *host = (struct host *)m;
    if (host->error.status != SAB_OK)
        return sab_fail(err, host->error.status, "%s", host->error.message);
    const double MiB = 1 << 20;
    double free_nbytes = 0;
    if (!sab_memory_allows((double)nbytes, &free_nbytes))
        return sab_fail(err, SAB_NOMEM, "no memory on the host: %.1f MiB are wanted, %.1f MiB are free",
                        (double)nbytes / MiB, free_nbytes / MiB);
    void *block = sab_alloc(nbytes, 1);
    if (!block)
        return sab_fail(err, SAB_NOMEM, "no memory on the host for %.1f MiB", (double)nbytes / MiB);
    memset(block, 0xff, nbytes);
    *out = block;
    return SAB_OK;
}

static void host_give(struct sab_machine *m, void *block)
{
    (void)m;
    sab_free(block);
}

static int host_copy(struct sab_machine *m, void *to, const void *from, size_t nbytes)
{
    m->copies++;
    if (machine_status(m) == SAB_OK && nbytes > 0)
        memcpy(to, from, nbytes);
    return machine_status(m);
}

static int host_zero(struct sab_machine *m, void *to, size_t nbytes)
{
    m->copies++;
    if (machine_status(m) == SAB_OK && nbytes > 0)
        memset(to, 0, nbytes);
    return machine_status(m);
}

static int host_wait(struct sab_machine *m, struct sab_error *err)
{
    struct host *host = (struct host *)m;
    struct sab_error told = host->error;
    memset(&host->error, 0, sizeof host->error);
    return told.status == SAB_OK ? SAB_OK : sab_fail(err, told.status, "%s", told.message);
}

/* To the nearest, of two the even one. */
static real round_factor(int products, real x)
{
    const int bits = products == SAB_PRODUCTS_TF32 ? 11 : 8;
    if (products == SAB_PRODUCTS_FLOAT || x == 0 || !isfinite(x))
        return x;
    int exponent;
    double share = frexp((double)x, &exponent);
    return (real)ldexp(nearbyint(ldexp(share, bits)), exponent - bits);
}

static int host_gemm(struct sab_machine *m, int ta, int tb, int M, int N, int K, const real *A, int lda, const real *B,
                     int ldb, int add, real *C, int ldc)
{
    if (machine_status(m) != SAB_OK)
        return machine_status(m);
    size_t a_row = ta ? 1 : (size_t)lda, a_step = ta ? (size_t)lda : 1;
    size_t b_row = tb ? 1 : (size_t)ldb, b_step = tb ? (size_t)ldb : 1;
    for (int i = 0; i < M; i++) {
        real *row = C + (size_t)i * ldc;
        if (!add && N > 0)
            memset(row, 0, (size_t)N * sizeof *row);
        for (int k = 0; k < K; k++) {
            real a = round_factor(m->products, A[i * a_row + k * a_step]);
            for (int j = 0; j < N; j++)
                row[j] += a * round_factor(m->products, B[k * b_row + j * b_step]);
        }
    }
    m->launches++;
    return SAB_OK;
}

static int host_clusters(struct sab_machine *m, int backward, const struct sab_gpu_pass *p, int threads,
                         size_t shared_nbytes)
{
    (void)m, (void)backward, (void)p, (void)threads, (void)shared_nbytes;
    return 1000;
}

static int host_forward(struct sab_machine *m, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes)
{
    (void)threads, (void)shared_nbytes;
    if (machine_status(m) == SAB_OK) {
        sab_gpu_forward_host(p, &((struct host *)m)->error);
        m->launches++;
    }
    return machine_status(m);
}

static int host_backward(struct sab_machine *m, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes)
{
    (void)threads, (void)shared_nbytes;
    if (machine_status(m) == SAB_OK) {
        sab_gpu_backward_host(p, &((struct host *)m)->error);
        m->launches++;
    }
    return machine_status(m);
}

static int host_use(struct sab_machine *m, void *stream, void *workspace)
{
    (void)stream, (void)workspace;
    return machine_status(m);
}

int sab_machine_open_host(struct sab_machine **out, struct sab_error *err)
{
    struct host *host = sab_alloc(1, sizeof *host);
    double *partials = sab_alloc(PARTIALS, sizeof *partials);
    if (!host || !partials) {
        sab_free(host);
        sab_free(partials);
        return sab_fail(err, SAB_NOMEM, "no memory for %zu bytes", sizeof *host + PARTIALS * sizeof *partials);
    }
    host->partials = partials;
    struct sab_machine *m = &host->ops;
    m->name = "host";
    m->multiprocessors = 4;
    m->shared_nbytes = 227 << 10; /* an H100's */
    m->free_nbytes = sab_memory_free_nbytes();
    m->close = host_close;
    m->take = host_take;
    m->give = host_give;
    m->put = host_copy;
    m->get = host_copy;
    m->copy = host_copy;
    m->zero = host_zero;
    m->wait = host_wait;
    m->gemm = host_gemm;
    m->clusters = host_clusters;
    m->forward = host_forward;
    m->backward = host_backward;
    m->use = host_use;
    small_ops(m);
    rows_ops(m);
    *out = m;
    return SAB_OK;
}

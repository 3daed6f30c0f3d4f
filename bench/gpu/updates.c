/* Times updates on a machine with a GPU: `updates CASE...`, each case a list of words key=value, such as "T=100 B=64 H=128 credit=sab".
 * The batch is that of copying (T + 20 steps, loss at the last 10), as bench/gpu/rivals.py has it. Keys:
 *
 *     T, B, H    as there          credit   sab, bptt            slots    memories a step can read; 0: all
 *     att        steps from memory to memory
 *     reps       updates timed     ops=1    also each operation alone, waiting for it; S, C, steps: how to cut
 *     check=1    also how far the gradient is from the processor's, as a share of the largest number, and where that is more than
 *                2e-5, "unrest": how far the processor's own moves when every weight is changed by a rounding (else 0)
 *     products   float, tf32, bf16: what products over many steps multiply in
 *     keep, pool, forward, score, sparsifier   the options of these names
 *     looks=1    also the share of scores that are computed; prune: memories from which on some are passed over, -1: none
 *
 * One line of JSON a case: seconds of an update (medians), the plan, launches, and the parts where asked for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "cuda/gpu.h"
#include "train/options.h"

struct settings {
    int T, B, H, slots, att, reps, ops, check, S, C, steps, prune, looks;
    char credit[16], cell[16], products[16], keep[16], pool[16], forward[16], score[16], sparsifier[16];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *what, const struct sab_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->message);
    exit(1);
}

/* ---- each operation alone: the machine's functions behind ones that wait and count ---- */

enum { FORWARD, BACKWARD, GEMM, COLUMNS, SCATTER, LOSSES, INPUT, PAD, UNPAD, PACK, PUT, GET, ZERO, COPY, NORM, UPDATE, OPS };
static const char *const names[OPS] = {"forward", "backward", "gemm", "columns", "scatter", "losses", "input", "pad",
                                       "unpad", "pack", "put", "get", "zero", "copy", "norm", "update"};
static struct sab_machine real_machine;
static double spent[OPS];
static int calls[OPS];

static void waited(struct sab_machine *m, int op, double since)
{
    struct sab_error err;
    if (real_machine.wait(m, &err))
        die("wait", &err);
    spent[op] += now() - since;
    calls[op]++;
}

#define TIMED(NAME, OP, PARAMETERS, ARGUMENTS)                 \
    static int timed_##NAME PARAMETERS                         \
    {                                                          \
        struct sab_error err;                                  \
        real_machine.wait(m, &err);                            \
        double since = now();                                  \
        int status = real_machine.NAME ARGUMENTS;              \
        waited(m, OP, since);                                  \
        return status;                                         \
    }
TIMED(forward, FORWARD, (struct sab_machine *m, const struct sab_gpu_pass *p, int threads, size_t n), (m, p, threads, n))
TIMED(backward, BACKWARD, (struct sab_machine *m, const struct sab_gpu_pass *p, int threads, size_t n), (m, p, threads, n))
TIMED(gemm, GEMM, (struct sab_machine *m, int ta, int tb, int M, int N, int K, const real *A, int lda, const real *B, int ldb, int add,
                   real *C, int ldc), (m, ta, tb, M, N, K, A, lda, B, ldb, add, C, ldc))
TIMED(columns, COLUMNS, (struct sab_machine *m, int R, int N, const real *x, int ldx, real *scratch, real *out),
      (m, R, N, x, ldx, scratch, out))
TIMED(scatter, SCATTER, (struct sab_machine *m, int s, int N, const real *x, const int32_t *order, const int32_t *from,
                         const int32_t *id, real *scratch, real *out), (m, s, N, x, order, from, id, scratch, out))
TIMED(losses, LOSSES, (struct sab_machine *m, const struct sab_gpu_losses *p), (m, p))
TIMED(input, INPUT, (struct sab_machine *m, int R, int N, const real *a, const real *b, const int32_t *ids, const real *rows, real *pre),
      (m, R, N, a, b, ids, rows, pre))
TIMED(pad, PAD, (struct sab_machine *m, const struct sab_gpu_tensor *t, int n, size_t most, const real *a, real *b), (m, t, n, most, a, b))
TIMED(unpad, UNPAD, (struct sab_machine *m, const struct sab_gpu_tensor *t, int n, size_t most, const real *a, real *b),
      (m, t, n, most, a, b))
TIMED(pack, PACK, (struct sab_machine *m, const struct sab_gpu_pack *p), (m, p))
TIMED(put, PUT, (struct sab_machine *m, void *to, const void *host, size_t n), (m, to, host, n))
TIMED(get, GET, (struct sab_machine *m, void *host, const void *from, size_t n), (m, host, from, n))
TIMED(zero, ZERO, (struct sab_machine *m, void *to, size_t n), (m, to, n))
TIMED(copy, COPY, (struct sab_machine *m, void *to, const void *from, size_t n), (m, to, from, n))
TIMED(norm, NORM, (struct sab_machine *m, size_t n, const real *x, double *out), (m, n, x, out))
TIMED(update, UPDATE, (struct sab_machine *m, const struct sab_gpu_update *p), (m, p))

static void watch_ops(struct sab_machine *m)
{
    real_machine = *m;
    m->forward = timed_forward, m->backward = timed_backward, m->gemm = timed_gemm, m->columns = timed_columns;
    m->scatter = timed_scatter, m->losses = timed_losses, m->input = timed_input, m->pad = timed_pad, m->unpad = timed_unpad;
    m->pack = timed_pack, m->put = timed_put, m->get = timed_get, m->zero = timed_zero, m->copy = timed_copy;
    m->norm = timed_norm, m->update = timed_update;
}

/* ---- a case ---- */

static void set(struct sab_options *options, const char *name, const char *value)
{
    struct sab_error err;
    if (sab_options_set(options, name, value, &err))
        die(name, &err);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void update(struct sab_gpu *gpu, const struct sab_batch *batch, const struct sab_optim_options *optim, int64_t t,
                   struct sab_metrics *metrics)
{
    struct sab_error err;
    if (sab_gpu_gradient(gpu, batch, NULL, NULL, metrics, &err))
        die("gradient", &err);
    if (sab_gpu_step(gpu, optim, 1e-3, metrics->grad_norm > 1 ? 1 / metrics->grad_norm : 1, t, &err))
        die("step", &err);
}

/* The largest difference, as a share of the largest number of want. */
static double distance(const sab_real *want, const sab_real *got, size_t n)
{
    double most = 0, apart = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)want[i]));
        apart = isfinite((double)got[i]) ? fmax(apart, fabs((double)want[i] - (double)got[i])) : INFINITY;
    }
    return apart / most;
}

/* How far the processor's gradient moves when every weight is changed by a rounding: the most of some trials. A sequence of equal inputs
 * has memories that are equal but for roundings; which of them win, and by how much, is then anybody's choice. */
static double find_unrest(struct sab_model *model, const struct sab_batch *batch)
{
    const struct sab_flat flat = *sab_model_flat(model);
    struct sab_error err;
    double most = 0;
    uint64_t state = 1;
    sab_real *theta = malloc(flat.count * sizeof *theta), *grads = malloc(flat.count * sizeof *grads);
    memcpy(theta, flat.theta, flat.count * sizeof *theta);
    memcpy(grads, flat.grad, flat.count * sizeof *grads);
    for (int trial = 0; trial < 4; trial++) {
        for (size_t i = 0; i < flat.count; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            flat.theta[i] = theta[i] * (1 + ((int)(state >> 61) - 3) * (sab_real)0x1p-23);
        }
        if (sab_model_gradient(model, batch, 0, NULL, NULL, &err))
            die("gradient", &err);
        most = fmax(most, distance(grads, flat.grad, flat.count));
    }
    memcpy(flat.theta, theta, flat.count * sizeof *theta);
    free(theta), free(grads);
    return most;
}

static void run(struct sab_machine *machine, const struct settings *s)
{
    struct sab_error err;
    struct sab_options *options;
    struct sab_shape shape = {sizeof shape, SAB_INPUT_IDS, 10, SAB_LOSS_CROSS_ENTROPY, 9};
    char text[32];
    if (sab_options_create(&options, &err))
        die("options", &err);
    snprintf(text, sizeof text, "%d", s->H);
    set(options, "hidden", text);
    set(options, "credit", s->credit);
    set(options, "cell", s->cell);
    snprintf(text, sizeof text, "%d", s->slots);
    set(options, "memory-slots", text);
    snprintf(text, sizeof text, "%d", s->att);
    set(options, "k-att", text);
    set(options, "products", s->products);
    set(options, "keep", s->keep);
    set(options, "pool", s->pool);
    set(options, "forward", s->forward);
    set(options, "score", s->score);
    set(options, "sparsifier", s->sparsifier);
    machine->products = options->run.products;
    struct sab_model *model;
    if (sab_model_create(&model, options, &shape, &err))
        die("model", &err);
    int T = s->T + 20;
    size_t n = (size_t)T * s->B;
    int32_t *ids = malloc(n * sizeof *ids), *labels = malloc(n * sizeof *labels);
    sab_real *weight = malloc(n * sizeof *weight);
    for (size_t i = 0; i < n; i++) {
        int t = (int)(i / (size_t)s->B);
        ids[i] = t < 10 ? (int32_t)((i * 2654435761u >> 7) % 8) : t == T - 11 ? 9 : 8;
        labels[i] = t >= T - 10 ? ids[i - (size_t)(T - 10) * s->B] : 8;
        weight[i] = t >= T - 10;
    }
    struct sab_batch batch = {.size = sizeof batch, .T = T, .B = s->B, .ids = ids, .labels = labels, .weight = weight};
    struct sab_gpu *gpu;
    if (sab_gpu_create(&gpu, machine, model, &err))
        die("device", &err);
    struct sab_gpu_plan wish = {.S = s->S, .C = s->C, .steps = s->steps, .prune = s->prune, .looks = s->looks};
    sab_gpu_wish(gpu, &wish);
    struct sab_metrics metrics = {.size = sizeof metrics};
    double off = NAN, unrest = 0;
    if (s->check) {
        struct sab_flat flat = *sab_model_flat(model);
        sab_real *grads = malloc(flat.count * sizeof *grads);
        if (sab_gpu_gradient(gpu, &batch, NULL, grads, &metrics, &err) || sab_model_gradient(model, &batch, 0, NULL, NULL, &err))
            die("gradient", &err);
        off = distance(flat.grad, grads, flat.count);
        unrest = off > 2e-5 ? find_unrest(model, &batch) : 0;
        free(grads);
    }
    struct sab_optim_options optim = options->optim;
    int64_t t = 0;
    const struct sab_gpu_counts before = *sab_gpu_counts(gpu);
    double first = now();
    update(gpu, &batch, &optim, ++t, &metrics);
    first = now() - first;
    for (int i = 0; i < 2 && s->reps > 0; i++)
        update(gpu, &batch, &optim, ++t, &metrics);
    double *seconds = malloc((size_t)s->reps * sizeof *seconds);
    long launches = machine->launches;
    for (int i = 0; i < s->reps; i++) {
        double since = now();
        update(gpu, &batch, &optim, ++t, &metrics);
        seconds[i] = now() - since;
    }
    launches = (machine->launches - launches) / (s->reps > 0 ? s->reps : 1);
    qsort(seconds, (size_t)s->reps, sizeof *seconds, by_size);
    const struct sab_gpu_plan *plan = sab_gpu_plan(gpu);
    const double passes = (double)t * T * s->B;
    printf("{\"T\": %d, \"B\": %d, \"H\": %d, \"credit\": \"%s\", \"slots\": %d, \"att\": %d, \"keep\": \"%s\", \"pool\": \"%s\", "
           "\"forward\": \"%s\", \"score\": \"%s\", \"seconds\": %.6g, \"least\": %.6g, "
           "\"first\": %.4g, \"loss\": %.6g, "
           "\"S\": %d, \"C\": %d, \"threads\": %d, \"stretch\": %d, \"held\": [%d, %d], \"shared\": [%d, %d], "
           "\"launches\": %ld, \"off\": %.3g, \"unrest\": %.3g, "
           "\"products\": \"%s\", \"step_bytes\": [%.0f, %.0f]",
           s->T, s->B, s->H, s->credit, s->slots, s->att, s->keep, s->pool, s->forward, s->score,
           s->reps > 0 ? seconds[s->reps / 2] : first, s->reps > 0 ? seconds[0] : first, first,
           metrics.loss, plan->S, plan->C, plan->threads, plan->steps, plan->held_forward, plan->held_backward, plan->shared_forward,
           plan->shared_backward, launches, isnan(off) ? -1 : off, unrest, s->products,
               (sab_gpu_counts(gpu)->kernel_nbytes[0] - before.kernel_nbytes[0]) / passes,
           (sab_gpu_counts(gpu)->kernel_nbytes[1] - before.kernel_nbytes[1]) / passes);
    double computed, all;
    if (s->looks && sab_gpu_looked(gpu, &computed, &all, &err) == SAB_OK)
        printf(", \"scored\": %.4f", all > 0 ? computed / all : 1);
    if (s->ops) {
        struct sab_machine plain = *machine;
        memset(spent, 0, sizeof spent), memset(calls, 0, sizeof calls);
        watch_ops(machine);
        update(gpu, &batch, &optim, ++t, &metrics);
        *machine = plain;
        printf(", \"ops_us\": {");
        for (int i = 0, some = 0; i < OPS; i++)
            if (calls[i] > 0)
                printf("%s\"%s\": [%d, %.1f]", some++ ? ", " : "", names[i], calls[i], 1e6 * spent[i]);
        printf("}");
    }
    printf("}\n");
    fflush(stdout);
    free(ids), free(labels), free(weight), free(seconds);
    sab_gpu_free(gpu);
    sab_model_free(model);
    sab_options_free(options);
}

int main(int argc, char **argv)
{
    struct sab_machine *machine;
    struct sab_error err;
    int status;
#ifdef SAB_CUDA
    const char *device = getenv("SAB_TEST_DEVICE");
    if (!device || strcmp(device, "host") != 0)
        status = sab_machine_open_cuda(&machine, 0, &err);
    else
#endif
        status = sab_machine_open_host(&machine, &err);
    if (status)
        die("device", &err);
    printf("{\"device\": \"%s\", \"multiprocessors\": %d, \"free_bytes\": %.0f}\n", machine->name, machine->multiprocessors,
           machine->free_nbytes);
    for (int i = 1; i < argc; i++) {
        struct settings s = {.T = 100, .B = 64, .H = 128, .att = 1, .reps = 20, .credit = "sab", .cell = "lstm", .products = "float",
                             .keep = "recent", .pool = "last", .forward = "sparse", .score = "mlp", .sparsifier = "relu"};
        char *words = strdup(argv[i]);
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
            char *value = strchr(word, '=');
            if (!value) {
                fprintf(stderr, "updates: \"%s\" is not key=value\n", word);
                return 2;
            }
            *value++ = 0;
            const struct {
                const char *name;
                int *number;
            } keys[] = {{"T", &s.T}, {"B", &s.B}, {"H", &s.H}, {"slots", &s.slots}, {"att", &s.att}, {"reps", &s.reps}, {"ops", &s.ops},
                        {"check", &s.check}, {"S", &s.S}, {"C", &s.C}, {"steps", &s.steps}, {"prune", &s.prune}, {"looks", &s.looks}};
            int known = 0;
            for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
                if (strcmp(word, keys[k].name) == 0)
                    *keys[k].number = atoi(value), known = 1;
            const struct {
                const char *name;
                char *text;
            } texts[] = {{"credit", s.credit}, {"cell", s.cell}, {"products", s.products}, {"keep", s.keep}, {"pool", s.pool},
                         {"forward", s.forward},
                         {"score", s.score}, {"sparsifier", s.sparsifier}};
            for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
                if (strcmp(word, texts[k].name) == 0)
                    snprintf(texts[k].text, 16, "%s", value), known = 1;
            if (!known) {
                fprintf(stderr, "updates: \"%s\" is no key\n", word);
                return 2;
            }
        }
        free(words);
        run(machine, &s);
    }
    machine->close(machine);
    return 0;
}

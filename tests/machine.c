/* Every operation of a machine (cuda/machine.h) but the two passes against what its comment says, computed one element
 * at a time, and against the library's own losses, updates and layouts. The machine is the host's; with
 * SAB_TEST_DEVICE=cuda, where the build has it, the first GPU.
 *
 * Copies, layouts, rows and updates are equal to the bit on both (on the GPU because nothing is fused: -fmad=false).
 * Products and sums of K terms may differ by the rounding of K steps of sums of absolute terms; on the GPU, losses by a
 * few units in the last place of exp and log. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cuda/machine.h"
#include "kernels/limits.h"
#include "model/model.h"
#include "optim/optim.h"
#include "problem.h"

static const double epsilon = sizeof(real) == 4 ? 0x1p-23 : 0x1p-52;
static struct sab_machine *machine;
static int on_host = 1;

static int open_cuda(struct sab_machine **out, struct sab_error *err)
{
#ifdef SAB_CUDA
    return sab_machine_open_cuda(out, 0, err);
#else
    (void)out;
    snprintf(err->message, sizeof err->message, "this build has no CUDA");
    return SAB_INVALID;
#endif
}

static void done(void)
{
    struct sab_error err = {0};
    if (machine->wait(machine, &err) != SAB_OK)
        fail_msg("the machine failed: %s", err.message);
}

static void *room(size_t nbytes)
{
    struct sab_error err = {0};
    void *block = NULL;
    if (machine->take(machine, &block, nbytes, &err) != SAB_OK)
        fail_msg("%zu bytes: %s", nbytes, err.message);
    return block;
}

static void *put(const void *host, size_t nbytes)
{
    void *block = room(nbytes);
    assert_int_equal(machine->put(machine, block, host, nbytes), SAB_OK);
    return block;
}

/* Fetches and gives back. */
static void get(void *host, void *block, size_t nbytes)
{
    assert_int_equal(machine->get(machine, host, block, nbytes), SAB_OK);
    machine->give(machine, block);
    done();
}

static real *numbers(size_t count)
{
    real *x = malloc((count + 1) * sizeof *x);
    assert_non_null(x);
    return x;
}

static real *drawn(uint64_t *state, size_t count)
{
    real *x = numbers(count);
    for (size_t i = 0; i < count; i++)
        x[i] = (real)(2 * problem_uniform(state) - 1);
    return x;
}

static void same(const char *what, const real *got, const real *want, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s: element %zu of %zu is %.17g, expected %.17g", what, i, count, (double)got[i],
                     (double)want[i]);
}

static void near(const char *what, size_t i, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: element %zu is %.17g, expected %.17g, difference %.3g > %.3g", what, i, got, want,
                 fabs(got - want), tolerance);
}

/* ---- memory and products ----------------------------------------------------------------------------------------- */

static void test_memory(void **unused)
{
    (void)unused;
    enum { MOST = 20 << 20 }; /* more than a machine has room for on the way */
    unsigned char *there = malloc(MOST), *back = malloc(MOST);
    assert_true(there && back);
    static const size_t sizes[] = {0, 1, 3, 64, 65, 4097, MOST - 1, MOST, 7};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        size_t n = sizes[k];
        for (size_t i = 0; i < n; i++)
            there[i] = (unsigned char)(i * 7 + (i >> 12) + k);
        unsigned char *a = put(there, n), *b = room(n);
        memset(there, 0, n); /* put has taken what it needs */
        assert_int_equal(machine->copy(machine, b, a, n), SAB_OK);
        assert_int_equal(machine->zero(machine, a, n / 2), SAB_OK);
        get(back, b, n);
        for (size_t i = 0; i < n; i++)
            if (back[i] != (unsigned char)(i * 7 + (i >> 12) + k))
                fail_msg("%zu bytes: byte %zu is %d", n, i, back[i]);
        get(back, a, n);
        for (size_t i = 0; i < n; i++)
            if (back[i] != (i < n / 2 ? 0 : (unsigned char)(i * 7 + (i >> 12) + k)))
                fail_msg("%zu bytes, half zeroed: byte %zu is %d", n, i, back[i]);
    }
    free(there);
    free(back);
}

/* No machine has so much; the next request is served. */
static void test_no_memory(void **unused)
{
    (void)unused;
    struct sab_error err = {0};
    void *block = NULL;
    assert_int_equal(machine->take(machine, &block, (size_t)1 << 50, &err), SAB_NOMEM);
    assert_null(block);
    assert_non_null(strstr(err.message, "MiB"));
    machine->give(machine, room(16));
    done();
}

static void test_what_a_machine_is(void **unused)
{
    (void)unused;
    assert_true(machine->name[0] && machine->multiprocessors > 0 && machine->free_nbytes > 0);
    assert_true(machine->shared_nbytes >= 48 << 10);
    long before = machine->launches;
    real *x = room(4 * sizeof *x);
    double *sum = room(sizeof *sum);
    machine->zero(machine, x, 4 * sizeof *x);
    machine->gemm(machine, 0, 0, 1, 1, 1, x, 1, x + 1, 1, 0, x + 2, 1);
    assert_int_equal(machine->launches, before + 1);
    machine->norm(machine, 4, x, sum);
    assert_true(machine->launches > before + 1);
    machine->give(machine, x);
    machine->give(machine, sum);
    done();
}

static void gemm_once(uint64_t *state, int ta, int tb, int add)
{
    int M = problem_int(state, 1, 70), N = problem_int(state, 1, 70), K = problem_int(state, 1, 70);
    int lda = (ta ? M : K) + problem_int(state, 0, 5), ldb = (tb ? K : N) + problem_int(state, 0, 5);
    int ldc = N + problem_int(state, 0, 5);
    size_t nA = (size_t)(ta ? K : M) * lda, nB = (size_t)(tb ? N : K) * ldb, nC = (size_t)M * ldc;
    real *A = drawn(state, nA), *B = drawn(state, nB), *C = drawn(state, nC), *got = numbers(nC);
    real *a = put(A, nA * sizeof *A), *b = put(B, nB * sizeof *B), *c = put(C, nC * sizeof *C);
    assert_int_equal(machine->gemm(machine, ta, tb, M, N, K, a, lda, b, ldb, add, c, ldc), SAB_OK);
    get(got, c, nC * sizeof *C);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < ldc; j++) {
            size_t at = (size_t)i * ldc + j;
            double sum = j >= N || add ? C[at] : 0;
            for (int k = 0; k < K && j < N; k++)
                sum += (double)A[ta ? k * lda + i : i * lda + k] * B[tb ? j * ldb + k : k * ldb + j];
            near("gemm", at, got[at], sum, j < N ? (K + 1) * (K + 1) * epsilon / 2 : 0);
        }
    machine->give(machine, a);
    machine->give(machine, b);
    free(A), free(B), free(C), free(got);
}

static void test_gemm(void **unused)
{
    (void)unused;
    uint64_t state = 5;
    for (int i = 0; i < 160; i++)
        gemm_once(&state, i & 1, i >> 1 & 1, i >> 2 & 1);
}

/* ---- layouts ----------------------------------------------------------------------------------------------------- */

/* from is [k, g, unit] with gaps, or its transpose. */
static void pack_once(uint64_t *state, int transposed)
{
    int ranks = problem_int(state, 1, 8), width = problem_int(state, 1, 9), gates = problem_int(state, 1, 4);
    int K = problem_int(state, 1, 130), rows = sab_gpu_pad64(K);
    int most = ranks * width - problem_int(state, 0, width - 1), stride = most + 2;
    size_t source = (size_t)K * gates * stride, count = (size_t)ranks * rows * gates * width;
    real *from = drawn(state, source), *got = numbers(count), *want = numbers(count);
    struct sab_gpu_pack p = {.ranks = ranks, .rows = rows, .K = K, .gates = gates, .width = width, .most = most};
    p.step_k = transposed ? 1 : (size_t)gates * stride;
    p.step_g = transposed ? (size_t)K * stride : (size_t)stride;
    p.step_w = transposed ? (size_t)K : 1;
    for (int r = 0; r < ranks; r++)
        for (int k = 0; k < rows; k++)
            for (int g = 0; g < gates; g++)
                for (int w = 0; w < width; w++) {
                    size_t col = (size_t)g * width + w, unit = (size_t)r * width + w;
                    size_t at = ((size_t)r * gates * width + col) * rows + k;
                    int inside = k < K && unit < (size_t)most;
                    want[at] = inside ? from[k * p.step_k + g * p.step_g + unit * p.step_w] : 0;
                }
    p.from = put(from, source * sizeof *from);
    p.to = room(count * sizeof *p.to);
    assert_int_equal(machine->pack(machine, &p), SAB_OK);
    get(got, p.to, count * sizeof *got);
    same("pack", got, want, count);
    machine->give(machine, (void *)p.from);
    free(from), free(got), free(want);
}

/* Fewer bits: as if the factors had been rounded before. On the GPU each factor may be off by half of its last place, or a whole one where
 * tensor cores cut what is beyond. */
static void test_gemm_of_fewer_bits(void **unused)
{
    (void)unused;
    enum { M = 5, N = 7, K = 40 };
    uint64_t state = 11;
    for (int products = SAB_PRODUCTS_TF32; products <= SAB_PRODUCTS_BF16; products++) {
        const int bits = products == SAB_PRODUCTS_TF32 ? 11 : 8;
        real A[M * K], B[K * N], C[M * N];
        for (int i = 0; i < M * K; i++)
            A[i] = (real)(2 * problem_uniform(&state) - 1);
        for (int i = 0; i < K * N; i++)
            B[i] = (real)(2 * problem_uniform(&state) - 1);
        real *a = put(A, sizeof A), *b = put(B, sizeof B), *c = room(sizeof C);
        machine->products = products;
        machine->gemm(machine, 0, 0, M, N, K, a, K, b, N, 0, c, N);
        machine->products = SAB_PRODUCTS_FLOAT;
        machine->get(machine, C, c, sizeof C);
        done();
        int differs = 0;
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                double want = 0, all = 0, plain = 0;
                for (int k = 0; k < K; k++) {
                    int ea, eb;
                    double x = frexp((double)A[i * K + k], &ea), y = frexp((double)B[k * N + j], &eb);
                    double product = ldexp(nearbyint(ldexp(x, bits)) * nearbyint(ldexp(y, bits)), ea + eb - 2 * bits);
                    want += product, all += fabs(product);
                    plain += (double)A[i * K + k] * (double)B[k * N + j];
                }
                near("gemm of fewer bits", (size_t)(i * N + j), C[i * N + j], want, (K * epsilon + (on_host ? 0 : 4 * ldexp(1, -bits))) * all);
                differs += fabs(plain - (double)C[i * N + j]) > K * epsilon * all;
            }
        assert_true(differs > 0);
        machine->give(machine, a), machine->give(machine, b), machine->give(machine, c);
    }
}

static void test_pack(void **unused)
{
    (void)unused;
    uint64_t state = 6;
    for (int i = 0; i < 40; i++)
        pack_once(&state, i % 2);
}

/* The tensors of a model are laid out as sab_tensors_pad does, and come back. */
static void test_pad(void **unused)
{
    (void)unused;
    enum { TENSORS = 4 };
    static const struct {
        int rows, G, cols, transposed;
    } shapes[TENSORS] = {{7, 4, 12, 1}, {1, 4, 12, 0}, {13, 1, 33, 0}, {70, 3, 17, 1}};
    struct sab_tensor_spec specs[TENSORS] = {0};
    struct sab_gpu_tensor table[TENSORS] = {0};
    struct sab_model model = {.n_tensors = TENSORS, .tensors = specs};
    size_t n_theta = 0, n_padded = 0, most = 0;
    for (int k = 0; k < TENSORS; k++) {
        int rows = shapes[k].rows, G = shapes[k].G, cols = shapes[k].cols;
        size_t count = (size_t)rows * G * cols;
        specs[k] = (struct sab_tensor_spec){.rows = rows, .G = G, .cols = cols, .transposed = shapes[k].transposed,
                                            .count = count, .offset = n_theta, .padded_offset = n_padded};
        table[k] = (struct sab_gpu_tensor){rows, G, cols, sab_pad(cols), shapes[k].transposed,
                                           n_theta, n_padded, count};
        n_theta += (count + 15) / 16 * 16;
        n_padded += (size_t)rows * G * sab_pad(cols);
        most = count > most ? count : most;
    }
    uint64_t state = 7;
    real *theta = drawn(&state, n_theta), *padded = drawn(&state, n_padded), *got = numbers(n_theta + n_padded);
    real *t = put(theta, n_theta * sizeof *t), *p = put(padded, n_padded * sizeof *p);
    struct sab_gpu_tensor *rows = put(table, sizeof table);
    assert_int_equal(machine->pad(machine, rows, TENSORS, most, t, p), SAB_OK);
    sab_tensors_pad(&model, theta, padded);
    get(got, p, n_padded * sizeof *got);
    same("pad", got, padded, n_padded);
    free(padded);
    padded = drawn(&state, n_padded);
    p = put(padded, n_padded * sizeof *p);
    assert_int_equal(machine->unpad(machine, rows, TENSORS, most, p, t), SAB_OK);
    sab_tensors_unpad(&model, padded, 0, theta);
    get(got, t, n_theta * sizeof *got);
    same("unpad", got, theta, n_theta);
    machine->give(machine, p);
    machine->give(machine, rows);
    free(theta), free(padded), free(got);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void input_once(uint64_t *state, int R, int N, int has_bias2, int has_ids)
{
    enum { I = 11 };
    real *bias = drawn(state, (size_t)N), *bias2 = drawn(state, (size_t)N), *rows = drawn(state, (size_t)I * N);
    size_t count = (size_t)R * N;
    real *got = numbers(count), *want = numbers(count);
    int32_t *ids = malloc((size_t)R * sizeof *ids);
    assert_non_null(ids);
    for (int r = 0; r < R; r++)
        ids[r] = problem_int(state, 0, I - 1);
    for (size_t i = 0; i < count; i++) {
        size_t n = i % N;
        want[i] = has_bias2 ? bias[n] + bias2[n] : bias[n];
        if (has_ids)
            want[i] += rows[ids[i / N] * N + n];
    }
    real *b = put(bias, N * sizeof *b), *b2 = put(bias2, N * sizeof *b), *w = put(rows, (size_t)I * N * sizeof *w);
    real *pre = room(count * sizeof *pre);
    int32_t *at = put(ids, R * sizeof *ids);
    int status = machine->input(machine, R, N, b, has_bias2 ? b2 : NULL, has_ids ? at : NULL, has_ids ? w : NULL, pre);
    assert_int_equal(status, SAB_OK);
    get(got, pre, count * sizeof *got);
    same("input", got, want, count);
    machine->give(machine, b), machine->give(machine, b2), machine->give(machine, w), machine->give(machine, at);
    free(bias), free(bias2), free(rows), free(got), free(want), free(ids);
}

static void test_input(void **unused)
{
    (void)unused;
    uint64_t state = 8;
    for (int i = 0; i < 4; i++) {
        input_once(&state, 1, 16, i & 1, i >> 1);
        input_once(&state, 37, 300, i & 1, i >> 1);
        input_once(&state, 5000, 16, i & 1, i >> 1);
    }
}

static void columns_once(uint64_t *state, int R, int N, int ldx)
{
    size_t count = (size_t)R * ldx, chunks = ((size_t)R + 255) / 256;
    real *x = drawn(state, count), *before = drawn(state, (size_t)N), *got = numbers((size_t)N);
    real *xs = put(x, count * sizeof *x), *out = put(before, N * sizeof *out), *scratch = room(chunks * N * sizeof *x);
    assert_int_equal(machine->columns(machine, R, N, xs, ldx, scratch, out), SAB_OK);
    get(got, out, N * sizeof *got);
    for (int n = 0; n < N; n++) {
        double sum = before[n], size = fabs((double)before[n]);
        for (int r = 0; r < R; r++) {
            sum += x[(size_t)r * ldx + n];
            size += fabs((double)x[(size_t)r * ldx + n]);
        }
        near("columns", (size_t)n, got[n], sum, (256 + (double)chunks) * epsilon * size);
    }
    machine->give(machine, xs), machine->give(machine, scratch);
    free(x), free(before), free(got);
}

static void test_columns(void **unused)
{
    (void)unused;
    uint64_t state = 9;
    static const int rows[] = {1, 2, 255, 256, 257, 1000};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        columns_once(&state, rows[k], 10, 16);
        columns_once(&state, rows[k], 300, 300);
    }
}

/* Rows in any order, ids with one segment, with many, and with none. */
static void test_scatter(void **unused)
{
    (void)unused;
    enum { R = 200, N = 33, IDS = 6, SEGMENTS = 6 };
    static const int32_t id[SEGMENTS] = {4, 0, 0, 0, 5, 2}, from[SEGMENTS + 1] = {0, 1, 65, 129, 140, 140, 200};
    uint64_t state = 10;
    real *x = drawn(&state, R * N), *before = drawn(&state, IDS * N), *got = numbers(IDS * N);
    int32_t order[R];
    for (int i = 0; i < R; i++)
        order[i] = i;
    for (int i = R - 1; i > 0; i--) {
        int other = problem_int(&state, 0, i);
        int32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    real *xs = put(x, R * N * sizeof *x), *out = put(before, IDS * N * sizeof *x);
    real *scratch = room(SEGMENTS * N * sizeof *x);
    int32_t *o = put(order, sizeof order), *f = put(from, sizeof from), *d = put(id, sizeof id);
    assert_int_equal(machine->scatter(machine, SEGMENTS, N, xs, o, f, d, scratch, out), SAB_OK);
    assert_int_equal(machine->scatter(machine, 0, N, xs, o, f, d, scratch, out), SAB_OK);
    get(got, out, IDS * N * sizeof *got);
    for (int i = 0; i < IDS * N; i++) {
        double sum = before[i];
        for (int j = 0; j < SEGMENTS; j++)
            for (int at = from[j]; at < from[j + 1] && id[j] == i / N; at++)
                sum += x[order[at] * N + i % N];
        near("scatter", (size_t)i, got[i], sum, 140 * 70 * epsilon);
    }
    machine->give(machine, xs), machine->give(machine, scratch), machine->give(machine, o);
    machine->give(machine, f), machine->give(machine, d);
    free(x), free(before), free(got);
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

struct rows {
    int R, O, Op;
    real *y, *targets, *weight;
    int32_t *labels;
    unsigned char *scored;
};

/* Few distinct outputs, so that there are ties; what does not count is not to be read. */
static struct rows rows_make(uint64_t *state, int loss, int R, int O)
{
    struct rows a = {.R = R, .O = O, .Op = sab_pad(O)};
    a.y = drawn(state, (size_t)R * a.Op);
    a.targets = drawn(state, (size_t)R * O);
    a.weight = drawn(state, (size_t)R);
    a.labels = malloc((size_t)R * sizeof *a.labels);
    a.scored = malloc((size_t)R);
    assert_true(a.labels && a.scored);
    for (size_t i = 0; i < (size_t)R * a.Op; i++)
        a.y[i] = (real)(problem_int(state, 0, 2) ? rint(4 * a.y[i]) : 30 * a.y[i]);
    for (int r = 0; r < R; r++) {
        a.weight[r] = problem_int(state, 0, 2) ? (real)fabs((double)a.weight[r]) : 0;
        a.scored[r] = problem_int(state, 0, 2) != 0;
        int counts = a.weight[r] > 0 || a.scored[r];
        a.labels[r] = counts ? problem_int(state, 0, O - 1) : -1000000;
        for (int o = 0; o < O; o++) {
            real *target = &a.targets[(size_t)r * O + o];
            *target = !counts ? (real)NAN : loss == SAB_LOSS_BCE ? (real)fabs((double)*target) : *target;
        }
    }
    return a;
}

static void rows_free(struct rows *a)
{
    free(a->y), free(a->targets), free(a->weight), free(a->labels), free(a->scored);
}

/* What the machine makes of them: y in place, six sums. */
static void rows_run(struct rows *a, int loss, int backward, double scale, double *sums)
{
    size_t count = (size_t)a->R * a->Op;
    struct sab_gpu_losses p = {.R = a->R, .O = a->O, .Op = a->Op, .loss = loss, .scale = scale, .backward = backward};
    p.y = put(a->y, count * sizeof *p.y);
    int32_t *labels = put(a->labels, a->R * sizeof *labels);
    real *targets = put(a->targets, (size_t)a->R * a->O * sizeof *targets);
    real *weight = put(a->weight, a->R * sizeof *weight);
    unsigned char *scored = put(a->scored, (size_t)a->R);
    p.labels = loss == SAB_LOSS_CROSS_ENTROPY ? labels : NULL;
    p.targets = loss == SAB_LOSS_CROSS_ENTROPY ? NULL : targets;
    p.weight = weight;
    p.scored = scored;
    p.sums = put(sums, 6 * sizeof *sums);
    assert_int_equal(machine->losses(machine, &p), SAB_OK);
    machine->give(machine, labels), machine->give(machine, targets);
    get(a->y, p.y, count * sizeof *p.y);
    get(sums, p.sums, 6 * sizeof *sums);
    machine->give(machine, weight), machine->give(machine, scored);
}

static void losses_once(uint64_t *state, int loss, int R, int O, int backward)
{
    const double scale = 0.37, before[6] = {1, 2, 3, 4, 5, 6};
    struct rows a = rows_make(state, loss, R, O);
    struct sab_model model = {.shape.loss = loss, .O = O, .Op = a.Op};
    struct sab_loss_sums want = {0};
    size_t count = (size_t)R * a.Op;
    real *dy = numbers(count);
    memcpy(dy, a.y, count * sizeof *dy);
    for (int r = 0; r < R; r++) {
        real *row = dy + (size_t)r * a.Op;
        sab_loss_row(&model, a.y + (size_t)r * a.Op, a.labels[r], a.targets + (size_t)r * O, a.weight[r], a.scored[r],
                     scale, backward ? row : NULL, &want);
    }
    double sums[6];
    memcpy(sums, before, sizeof sums);
    rows_run(&a, loss, backward, scale, sums);
    const double expected[6] = {want.loss, want.weight, want.squares, (double)want.scored, (double)want.correct,
                                (double)want.values};
    for (size_t k = 0; k < 6; k++)
        near("sums of losses", k, sums[k], before[k] + expected[k], k < 3 ? 1e-12 * (before[k] + expected[k]) : 0);
    if (on_host || !backward)
        same("gradient of a loss", a.y, dy, count);
    for (size_t i = 0; i < count; i++)
        near("gradient of a loss", i, a.y[i], dy[i], 2 * epsilon * fabs((double)dy[i]) + scale * epsilon);
    rows_free(&a);
    free(dy);
}

static void test_losses(void **unused)
{
    (void)unused;
    static const int outputs[] = {1, 2, 10, 16, 31, 32, 33, 1000};
    uint64_t state = 11;
    for (int loss = SAB_LOSS_CROSS_ENTROPY; loss <= SAB_LOSS_BCE; loss++)
        for (int backward = 0; backward < 2; backward++) {
            for (size_t k = 0; k < sizeof outputs / sizeof outputs[0]; k++)
                losses_once(&state, loss, 1 + 7 * (int)k, outputs[k], backward);
            losses_once(&state, loss, 9000, 10, backward); /* more rows than partial sums */
            losses_once(&state, loss, 3, 10000, backward);
        }
}

/* A NaN is never the largest, unless it is the first: as sab_loss_row has it. */
static void test_accuracy_of_nan(void **unused)
{
    (void)unused;
    enum { R = 3, O = 70 };
    uint64_t state = 12;
    struct rows a = rows_make(&state, SAB_LOSS_CROSS_ENTROPY, R, O);
    for (int r = 0; r < R; r++) {
        for (int o = 0; o < O; o++)
            a.y[r * a.Op + o] = (real)(o == 40 || o == 66 ? 2 : 1);
        a.weight[r] = 0;
        a.scored[r] = 1;
        a.labels[r] = r == 1 ? 0 : 40;
    }
    a.y[a.Op] = (real)NAN;          /* row 1 takes the first */
    a.y[2 * a.Op + 35] = (real)NAN; /* row 2 passes it by */
    double sums[6] = {0};
    rows_run(&a, SAB_LOSS_CROSS_ENTROPY, 0, 1, sums);
    assert_true(sums[3] == R); /* scored */
    assert_true(sums[4] == R); /* correct */
    rows_free(&a);
}

static void test_norm(void **unused)
{
    (void)unused;
    static const size_t counts[] = {0, 1, 255, 257, 1023, 1025, 5000, 1500001};
    uint64_t state = 13;
    real *x = drawn(&state, 1500001);
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        long double sum = 0;
        for (size_t i = 0; i < counts[k]; i++)
            sum += (long double)x[i] * (long double)x[i];
        double got[2] = {-1, -1};
        real *xs = put(x, counts[k] * sizeof *x);
        double *out = room(sizeof got);
        assert_int_equal(machine->norm(machine, counts[k], xs, out), SAB_OK);
        assert_int_equal(machine->norm(machine, counts[k], xs, out + 1), SAB_OK);
        get(got, out, sizeof got);
        machine->give(machine, xs);
        near("norm", k, got[0], (double)sum, 1e-14 * (double)sum);
        assert_memory_equal(&got[0], &got[1], sizeof got[0]);
    }
    free(x);
}

/* ---- update ------------------------------------------------------------------------------------------------------ */

struct weights {
    real *theta, *m, *v, *average;
};

/* Three updates by the machine, and by the library. */
static void update_once(uint64_t *state, int optimizer, double decay, int averaged, size_t count)
{
    struct sab_optim_options options = {.optimizer = optimizer, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8,
                                        .momentum = 0.8, .weight_decay = decay};
    int is_sgd = optimizer == SAB_OPTIMIZER_SGD;
    size_t nbytes = count * sizeof(real);
    real *theta = drawn(state, count), *m = numbers(count), *v = numbers(count), *average = numbers(count);
    memset(m, 0, nbytes), memset(v, 0, nbytes), memset(average, 0, nbytes);
    int32_t bad = 0;
    struct sab_gpu_update p = {.count = count, .optimizer = optimizer, .rate = 0.01, .scale = 0.3, .beta1 = 0.9,
                               .beta2 = 0.999, .eps = 1e-8, .momentum = 0.8, .weight_decay = decay};
    p.theta = put(theta, nbytes);
    p.m = put(m, nbytes);
    p.v = is_sgd ? NULL : put(v, nbytes);
    p.average = averaged ? put(average, nbytes) : NULL;
    p.bad = put(&bad, sizeof bad);
    for (p.t = 1; p.t <= 3; p.t++) {
        double mean = 1 - 1 / (double)p.t;
        real *grad = drawn(state, count), *on_machine = put(grad, nbytes);
        p.grad = on_machine;
        p.average_share = 1 - (0.6 < mean ? 0.6 : mean);
        assert_int_equal(machine->update(machine, &p), SAB_OK);
        sab_optim_update(&options, p.rate, p.scale, p.t, count, theta, m, is_sgd ? NULL : v, grad);
        sab_optim_average(0.6, p.t, count, average, theta);
        machine->give(machine, on_machine);
        free(grad);
    }
    real *got = numbers(count);
    get(got, p.theta, nbytes), same("theta", got, theta, count);
    get(got, p.m, nbytes), same("m", got, m, count);
    if (!is_sgd)
        get(got, p.v, nbytes), same("v", got, v, count);
    if (averaged)
        get(got, p.average, nbytes), same("average", got, average, count);
    get(&bad, p.bad, sizeof bad);
    assert_int_equal(bad, 0);
    free(theta), free(m), free(v), free(average), free(got);
}

static void test_update(void **unused)
{
    (void)unused;
    uint64_t state = 14;
    for (int optimizer = SAB_OPTIMIZER_ADAM; optimizer <= SAB_OPTIMIZER_SGD; optimizer++)
        for (int k = 0; k < 4; k++)
            update_once(&state, optimizer, k & 1 ? 0.1 : 0, k >> 1, k == 3 ? 2000001 : 777);
}

/* One element of many that is not finite, in theta, m or v, is told. */
static int bad_after(int optimizer, real theta, real v, real grad)
{
    enum { N = 1000, AT = 617 };
    static real zeros[4][N];
    memset(zeros, 0, sizeof zeros);
    zeros[0][AT] = theta;
    zeros[2][AT] = v;
    zeros[3][AT] = grad;
    int32_t bad = 0;
    struct sab_gpu_update p = {.count = N, .optimizer = optimizer, .rate = 0.01, .scale = 1, .beta1 = 0.9,
                               .beta2 = 0.999, .eps = 1e-8, .momentum = 0.8, .t = 1};
    real *block = put(zeros, sizeof zeros);
    p.theta = block, p.m = block + N, p.v = block + 2 * N, p.grad = block + 3 * N;
    p.bad = put(&bad, sizeof bad);
    assert_int_equal(machine->update(machine, &p), SAB_OK);
    get(&bad, p.bad, sizeof bad);
    machine->give(machine, block);
    return bad;
}

static void test_bad(void **unused)
{
    (void)unused;
    real huge = (real)(sizeof(real) == 4 ? 1e30 : 1e200); /* its square is not finite */
    real most = (real)(sizeof(real) == 4 ? 3.4e38 : 1.79e308); /* the rate times this more is not finite */
    assert_int_equal(bad_after(SAB_OPTIMIZER_SGD, -most, 0, most), 1);
    for (int optimizer = SAB_OPTIMIZER_ADAM; optimizer <= SAB_OPTIMIZER_SGD; optimizer++) {
        int is_sgd = optimizer == SAB_OPTIMIZER_SGD;
        assert_int_equal(bad_after(optimizer, 1, 1, 1), 0);
        assert_int_equal(bad_after(optimizer, 1, 1, (real)NAN), 1);
        assert_int_equal(bad_after(optimizer, 1, 1, (real)-INFINITY), 1);
        assert_int_equal(bad_after(optimizer, (real)INFINITY, 1, 0), 1);
        assert_int_equal(bad_after(optimizer, 1, 1, huge), !is_sgd);
        assert_int_equal(bad_after(optimizer, 1, (real)NAN, 0), !is_sgd);
    }
}

/* exp(2x), and what is clipped known by its value: the score's backward looks at that alone. */
static void test_exp2x(void **unused)
{
    (void)unused;
    enum { N = 1001 };
    uint64_t state = 11;
    real x[N], y[N];
    for (int i = 0; i < N; i++)
        x[i] = (real)((problem_uniform(&state) - 0.5) * 2.4 * SAB_EXPONENT_MAX / 2);
    x[0] = 0, x[1] = -0.0, x[2] = (real)INFINITY, x[3] = (real)-INFINITY, x[4] = (real)NAN;
    x[5] = (real)(SAB_EXPONENT_MAX / 2), x[6] = -x[5];
    real *block = put(x, sizeof x);
    assert_int_equal(machine->exp2x(machine, 0, block), SAB_OK);
    assert_int_equal(machine->exp2x(machine, N, block), SAB_OK);
    get(y, block, sizeof y);
    for (int i = 0; i < N; i++) {
        double want = exp(2 * (double)x[i]);
        if (i == 4)
            assert_true(isnan(y[i]));
        else if (2 * (double)x[i] > SAB_EXPONENT_MAX)
            assert_true(y[i] > SAB_EXP_MOST && isfinite(y[i]));
        else if (2 * (double)x[i] < -SAB_EXPONENT_MAX)
            assert_true(y[i] < SAB_EXP_LEAST && y[i] > 0);
        else
            near("exp2x", (size_t)i, y[i], want, (on_host ? 1 : 2) * 2 * epsilon * want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_what_a_machine_is),
        cmocka_unit_test(test_gemm), cmocka_unit_test(test_gemm_of_fewer_bits), cmocka_unit_test(test_pack), cmocka_unit_test(test_pad),
        cmocka_unit_test(test_input), cmocka_unit_test(test_columns), cmocka_unit_test(test_scatter),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_accuracy_of_nan), cmocka_unit_test(test_norm), cmocka_unit_test(test_update),
        cmocka_unit_test(test_bad), cmocka_unit_test(test_exp2x),
    };
    const char *device = getenv("SAB_TEST_DEVICE");
    on_host = !device || strcmp(device, "cuda") != 0;
    int (*open_machine)(struct sab_machine **, struct sab_error *) = on_host ? sab_machine_open_host : open_cuda;
    struct sab_error err = {0};
    if (open_machine(&machine, &err) != SAB_OK) {
        printf("no machine: %s\n", err.message);
        return 1;
    }
    printf("machine: %s\n", machine->name);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    machine->close(machine);
    return failed;
}

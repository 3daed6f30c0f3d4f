/* The machine that is a GPU: CUDA's runtime, cuBLAS for the products. See machine.h.
 *
 * All work goes to one stream, so it is done in the order asked for. The first call that fails is kept, with its name
 * and line, and told by wait. Compiled with -fmad=false the small kernels give the host's bits, but for exp and log;
 * they wait for memory, so that costs nothing. */
#ifdef SAB_DOUBLE
#error "the CUDA backend computes in float: build it without SAB_DOUBLE"
#endif

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <stdio.h>
#include <string.h>

#include "cuda/phases.h"

extern "C" {
#include "base/alloc.h"
#include "base/error.h"
#include "cuda/kernels.h"
#include "cuda/machine.h"
}

enum {
    LEAST_MAJOR = 8,            /* compute capability: asynchronous copies to shared memory, warp-wide maxima */
    WORKSPACE_NBYTES = 32 << 20, /* what cuBLAS asks for on an H100 */
    STATIC_NBYTES = 16,         /* of a block's shared memory: a kernel's own two barriers (phases_gpu.h) */
    STAGE_NBYTES = 8 << 20      /* of each half of what put copies through */
};

struct gpu {
    struct sab_machine ops; /* first: a pointer to it is one to the whole */
    struct sab_error error; /* kept until wait has told */
    int device;
    char name[256];
    int is_guest, is_captured; /* its stream is a caller's; and being captured into a graph */
    cudaStream_t stream;
    cublasHandle_t blas;
    void *workspace;
    double *partials;
    char *stage;            /* pinned, [2, STAGE_NBYTES] */
    int half;               /* which half is being filled, */
    size_t filled;          /* and how far */
    cudaEvent_t emptied[2]; /* when all copies out of it are done */
};

static struct gpu *gpu_of(struct sab_machine *m)
{
    return (struct gpu *)m;
}

static int machine_status(struct sab_machine *m)
{
    return (int)gpu_of(m)->error.status;
}

static double *machine_partials(struct sab_machine *m)
{
    return gpu_of(m)->partials;
}

static int keep(struct sab_machine *m, cudaError_t code, const char *call, int line)
{
    if (code == cudaSuccess)
        return SAB_OK;
    cudaGetLastError(); /* told here: not to be found again by who asks next */
    return sab_fail(&gpu_of(m)->error, code == cudaErrorMemoryAllocation ? SAB_NOMEM : SAB_IO,
                    "CUDA device %d: %s at machine_cuda.cu:%d: %s", gpu_of(m)->device, call, line,
                    cudaGetErrorString(code));
}

static int keep_blas(struct sab_machine *m, cublasStatus_t code, const char *call, int line)
{
    if (code == CUBLAS_STATUS_SUCCESS)
        return SAB_OK;
    cudaGetLastError();
    return sab_fail(&gpu_of(m)->error, code == CUBLAS_STATUS_ALLOC_FAILED ? SAB_NOMEM : SAB_IO,
                    "CUDA device %d: %s at machine_cuda.cu:%d: %s", gpu_of(m)->device, call, line,
                    cublasGetStatusString(code));
}

/* Calls, unless something has failed before; the status kept. Messages begin with the function's name. */
#define TRY(m, function, ...) \
    (machine_status(m) != SAB_OK ? machine_status(m) : keep(m, function(__VA_ARGS__), #function, __LINE__))
#define TRY_BLAS(m, function, ...) \
    (machine_status(m) != SAB_OK ? machine_status(m) : keep_blas(m, function(__VA_ARGS__), #function, __LINE__))

/* Every operation begins so: which device is meant is a property of the calling thread. */
static int is_ready(struct sab_machine *m)
{
    return TRY(m, cudaSetDevice, gpu_of(m)->device) == SAB_OK;
}

#define LAUNCH(m, blocks, kernel, ...)                                                  \
    do {                                                                                \
        if (is_ready(m)) {                                                              \
            kernel<<<(unsigned)(blocks), THREADS, 0, gpu_of(m)->stream>>>(__VA_ARGS__); \
            keep(m, cudaGetLastError(), #kernel, __LINE__);                             \
            (m)->launches++;                                                            \
        }                                                                               \
    } while (0)

#include "cuda/small.inc"

#include "cuda/rows.inc"

/* While a stream is captured nothing may be taken or sent: what a graph needs must be there before. */
static int refuse_captured(struct sab_machine *m)
{
    if (machine_status(m) == SAB_OK && gpu_of(m)->is_captured)
        sab_fail(&gpu_of(m)->error, SAB_INVALID, "CUDA graph: run the layer once on a batch of this shape before capturing it");
    return machine_status(m);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int gpu_take(struct sab_machine *m, void **out, size_t nbytes, struct sab_error *err)
{
    struct gpu *gpu = gpu_of(m);
    if (!is_ready(m) || refuse_captured(m) != SAB_OK)
        return sab_fail(err, gpu->error.status, "%s", gpu->error.message);
    void *block = NULL;
    cudaError_t code = cudaMalloc(&block, nbytes > 0 ? nbytes : 1);
    if (code == cudaSuccess) {
        *out = block;
        return SAB_OK;
    }
    cudaGetLastError();
    const double MiB = 1 << 20;
    size_t free_nbytes = 0, total_nbytes = 0;
    if (code != cudaErrorMemoryAllocation)
        return sab_fail(err, SAB_IO, "CUDA device %d: cudaMalloc of %.1f MiB: %s", gpu->device, (double)nbytes / MiB,
                        cudaGetErrorString(code));
    if (cudaMemGetInfo(&free_nbytes, &total_nbytes) != cudaSuccess)
        cudaGetLastError();
    return sab_fail(err, SAB_NOMEM,
                    "no memory on CUDA device %d (%s): %.1f MiB are wanted, %.1f of its %.1f MiB are free", gpu->device,
                    gpu->name, (double)nbytes / MiB, (double)free_nbytes / MiB, (double)total_nbytes / MiB);
}

/* cudaFree waits for the device, so nothing that uses the block is under way when it goes. */
static void gpu_give(struct sab_machine *m, void *block)
{
    struct gpu *gpu = gpu_of(m);
    cudaError_t code = cudaSetDevice(gpu->device);
    if (code == cudaSuccess)
        code = cudaFree(block);
    if (machine_status(m) == SAB_OK)
        keep(m, code, "cudaFree", __LINE__);
}

/* Through pinned memory, whose two halves are filled in turn: the caller's block is free at once, and the host waits
 * only for copies that are a half behind. */
static int gpu_put(struct sab_machine *m, void *to, const void *host, size_t nbytes)
{
    struct gpu *gpu = gpu_of(m);
    m->copies++;
    if (gpu->is_guest) { /* seldom, so it may wait */
        if (is_ready(m) && refuse_captured(m) == SAB_OK)
            TRY(m, cudaMemcpyAsync, to, host, nbytes, cudaMemcpyHostToDevice, gpu->stream);
        return TRY(m, cudaStreamSynchronize, gpu->stream);
    }
    for (size_t done = 0; done < nbytes && is_ready(m);) {
        if (gpu->filled == STAGE_NBYTES) {
            TRY(m, cudaEventRecord, gpu->emptied[gpu->half], gpu->stream);
            gpu->half = !gpu->half;
            gpu->filled = 0;
            if (TRY(m, cudaEventSynchronize, gpu->emptied[gpu->half]) != SAB_OK)
                break;
        }
        size_t room = STAGE_NBYTES - gpu->filled, n = nbytes - done < room ? nbytes - done : room;
        char *place = gpu->stage + (size_t)gpu->half * STAGE_NBYTES + gpu->filled;
        memcpy(place, (const char *)host + done, n);
        TRY(m, cudaMemcpyAsync, (char *)to + done, place, n, cudaMemcpyHostToDevice, gpu->stream);
        gpu->filled = (gpu->filled + n + 63) / 64 * 64; /* STAGE_NBYTES is a multiple of 64 too */
        done += n;
    }
    return machine_status(m);
}

static int gpu_get(struct sab_machine *m, void *host, const void *from, size_t nbytes)
{
    m->copies++;
    if (is_ready(m) && nbytes > 0)
        TRY(m, cudaMemcpyAsync, host, from, nbytes, cudaMemcpyDeviceToHost, gpu_of(m)->stream);
    return TRY(m, cudaStreamSynchronize, gpu_of(m)->stream);
}

static int gpu_copy(struct sab_machine *m, void *to, const void *from, size_t nbytes)
{
    m->copies++;
    if (is_ready(m) && nbytes > 0)
        TRY(m, cudaMemcpyAsync, to, from, nbytes, cudaMemcpyDeviceToDevice, gpu_of(m)->stream);
    return machine_status(m);
}

static int gpu_zero(struct sab_machine *m, void *to, size_t nbytes)
{
    m->copies++;
    if (is_ready(m) && nbytes > 0)
        TRY(m, cudaMemsetAsync, to, 0, nbytes, gpu_of(m)->stream);
    return machine_status(m);
}

static int gpu_wait(struct sab_machine *m, struct sab_error *err)
{
    struct gpu *gpu = gpu_of(m);
    if (is_ready(m) && !gpu->is_guest)
        TRY(m, cudaStreamSynchronize, gpu->stream);
    struct sab_error told = gpu->error;
    memset(&gpu->error, 0, sizeof gpu->error);
    return told.status == SAB_OK ? SAB_OK : sab_fail(err, told.status, "%s", told.message);
}

/* ---- products and passes ----------------------------------------------------------------------------------------- */

/* To cuBLAS, whose matrices are column-major, each of ours is its own transpose: C' = op(B)' op(A)'. */
static int gpu_gemm(struct sab_machine *m, int ta, int tb, int M, int N, int K, const real *A, int lda, const real *B,
                    int ldb, int add, real *C, int ldc)
{
    const float one = 1, before = add ? 1 : 0;
    if (M > 0 && N > 0 && is_ready(m)) {
        const cublasOperation_t first = tb ? CUBLAS_OP_T : CUBLAS_OP_N, second = ta ? CUBLAS_OP_T : CUBLAS_OP_N;
        if (m->products == SAB_PRODUCTS_FLOAT)
            TRY_BLAS(m, cublasSgemm, gpu_of(m)->blas, first, second, N, M, K, &one, B, ldb, A, lda, &before, C, ldc);
        else
            TRY_BLAS(m, cublasGemmEx, gpu_of(m)->blas, first, second, N, M, K, &one, B, CUDA_R_32F, ldb, A, CUDA_R_32F, lda, &before, C,
                     CUDA_R_32F, ldc, m->products == SAB_PRODUCTS_TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F_FAST_16BF,
                     CUBLAS_GEMM_DEFAULT);
        m->launches++;
    }
    return machine_status(m);
}

static int gpu_clusters(struct sab_machine *m, int backward, const struct sab_gpu_pass *p, int threads,
                        size_t shared_nbytes)
{
    int clusters = is_ready(m) ? sab_gpu_clusters(backward, p, threads, shared_nbytes) : 0;
    cudaGetLastError(); /* that so many cannot run is an answer */
    return clusters;
}

static int gpu_forward(struct sab_machine *m, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes)
{
    if (is_ready(m)) {
        keep(m, (cudaError_t)sab_gpu_launch(0, p, threads, shared_nbytes, gpu_of(m)->stream), "the forward kernel",
             __LINE__);
        m->launches++;
    }
    return machine_status(m);
}

static int gpu_backward(struct sab_machine *m, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes)
{
    if (is_ready(m)) {
        keep(m, (cudaError_t)sab_gpu_launch(1, p, threads, shared_nbytes, gpu_of(m)->stream), "the backward kernel",
             __LINE__);
        m->launches++;
    }
    return machine_status(m);
}

static int gpu_use(struct sab_machine *m, void *stream, void *workspace)
{
    struct gpu *gpu = gpu_of(m);
    cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    gpu->stream = (cudaStream_t)stream;
    if (!is_ready(m))
        return machine_status(m);
    TRY(m, cudaStreamIsCapturing, gpu->stream, &capture);
    gpu->is_captured = capture != cudaStreamCaptureStatusNone;
    if (workspace) {
        TRY_BLAS(m, cublasSetStream, gpu->blas, gpu->stream);
        TRY_BLAS(m, cublasSetWorkspace, gpu->blas, workspace, WORKSPACE_NBYTES);
    }
    return machine_status(m);
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

/* Also of one opened in part; what fails now has nobody to be told. */
static void gpu_close(struct sab_machine *m)
{
    struct gpu *gpu = gpu_of(m);
    cudaSetDevice(gpu->device);
    if (gpu->stream && !gpu->is_guest)
        cudaStreamSynchronize(gpu->stream);
    if (gpu->blas)
        cublasDestroy(gpu->blas);
    for (int i = 0; i < 2; i++)
        if (gpu->emptied[i])
            cudaEventDestroy(gpu->emptied[i]);
    cudaFree(gpu->workspace);
    cudaFree(gpu->partials);
    cudaFreeHost(gpu->stage);
    if (gpu->stream && !gpu->is_guest)
        cudaStreamDestroy(gpu->stream);
    cudaGetLastError();
    sab_free(gpu);
}

static int check_device(int device, struct sab_error *err)
{
    int count = 0, major = 0, minor = 0;
    cudaError_t code = cudaGetDeviceCount(&count);
    if (code != cudaSuccess) {
        cudaGetLastError();
        return sab_fail(err, SAB_INVALID, "--device cuda: no CUDA device can be used: %s", cudaGetErrorString(code));
    }
    if (count == 0)
        return sab_fail(err, SAB_INVALID, "--device cuda: this machine has no CUDA device");
    if ((device < 0 || device >= count) && count == 1)
        return sab_fail(err, SAB_INVALID, "--device cuda:%d: this machine has 1 CUDA device, 0", device);
    if (device < 0 || device >= count)
        return sab_fail(err, SAB_INVALID, "--device cuda:%d: this machine has %d CUDA devices, 0 to %d", device, count,
                        count - 1);
    code = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    if (code == cudaSuccess)
        code = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    if (code != cudaSuccess) {
        cudaGetLastError();
        return sab_fail(err, SAB_INVALID, "--device cuda:%d: %s", device, cudaGetErrorString(code));
    }
    if (major < LEAST_MAJOR)
        return sab_fail(err, SAB_INVALID, "--device cuda:%d: its compute capability is %d.%d, and %d.0 is the least",
                        device, major, minor, LEAST_MAJOR);
    return SAB_OK;
}

/* Products give the same bits from run to run: one stream, a workspace of its own, no atomics. The default mode
 * computes in float; TF32 would have to be asked for. The stream is set first, since that resets the workspace. */
static void open_blas(struct gpu *gpu)
{
    struct sab_machine *m = &gpu->ops;
    TRY_BLAS(m, cublasCreate, &gpu->blas);
    if (!gpu->is_guest) {
        TRY(m, cudaMalloc, &gpu->workspace, WORKSPACE_NBYTES);
        TRY_BLAS(m, cublasSetStream, gpu->blas, gpu->stream);
        TRY_BLAS(m, cublasSetWorkspace, gpu->blas, gpu->workspace, WORKSPACE_NBYTES);
    }
    TRY_BLAS(m, cublasSetMathMode, gpu->blas, CUBLAS_DEFAULT_MATH);
    TRY_BLAS(m, cublasSetAtomicsMode, gpu->blas, CUBLAS_ATOMICS_NOT_ALLOWED);
    TRY_BLAS(m, cublasSetPointerMode, gpu->blas, CUBLAS_POINTER_MODE_HOST);
}

static void open_device(struct gpu *gpu)
{
    struct sab_machine *m = &gpu->ops;
    cudaDeviceProp properties;
    memset(&properties, 0, sizeof properties);
    size_t free_nbytes = 0, total_nbytes = 0;
    TRY(m, cudaSetDevice, gpu->device);
    TRY(m, cudaGetDeviceProperties, &properties, gpu->device);
    if (!gpu->is_guest) {
        TRY(m, cudaStreamCreateWithFlags, &gpu->stream, cudaStreamNonBlocking);
        for (int i = 0; i < 2; i++)
            TRY(m, cudaEventCreateWithFlags, &gpu->emptied[i], cudaEventDisableTiming);
        TRY(m, cudaMallocHost, (void **)&gpu->stage, 2 * (size_t)STAGE_NBYTES);
        TRY(m, cudaMalloc, (void **)&gpu->partials, PARTIALS * sizeof *gpu->partials);
    }
    open_blas(gpu);
    TRY(m, cudaMemGetInfo, &free_nbytes, &total_nbytes);
    snprintf(gpu->name, sizeof gpu->name, "%s", properties.name);
    m->name = gpu->name;
    m->multiprocessors = properties.multiProcessorCount;
    m->shared_nbytes = properties.sharedMemPerBlockOptin - STATIC_NBYTES;
    m->free_nbytes = (double)free_nbytes;
}

static int open_machine(struct sab_machine **out, int device, int is_guest, struct sab_error *err)
{
    int status = check_device(device, err);
    if (status != SAB_OK)
        return status;
    struct gpu *gpu = (struct gpu *)sab_alloc(1, sizeof *gpu);
    if (!gpu)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu bytes", sizeof *gpu);
    gpu->device = device;
    gpu->is_guest = is_guest;
    open_device(gpu);
    struct sab_machine *m = &gpu->ops;
    status = machine_status(m);
    if (status != SAB_OK) {
        sab_fail(err, gpu->error.status, "%s", gpu->error.message);
        gpu_close(m);
        return status;
    }
    m->close = gpu_close;
    m->take = gpu_take;
    m->give = gpu_give;
    m->put = gpu_put;
    m->get = gpu_get;
    m->copy = gpu_copy;
    m->zero = gpu_zero;
    m->wait = gpu_wait;
    m->gemm = gpu_gemm;
    m->clusters = gpu_clusters;
    m->forward = gpu_forward;
    m->backward = gpu_backward;
    m->use = gpu_use;
    m->workspace_nbytes = WORKSPACE_NBYTES;
    small_ops(m);
    rows_ops(m);
    *out = m;
    return SAB_OK;
}

extern "C" int sab_machine_open_cuda(struct sab_machine **out, int device, struct sab_error *err)
{
    return open_machine(out, device, 0, err);
}

extern "C" int sab_machine_open_guest(struct sab_machine **out, int device, struct sab_error *err)
{
    return open_machine(out, device, 1, err);
}

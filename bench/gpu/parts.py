"""What rivals.py runs in a process of its own: the measurements of one part, told as lines of JSON.

A part is a function part_NAME(worker) that attempts measurements, those that matter most first; it returns something
true if what it checked is wrong. Must not know: other parts, what becomes of the results.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from importlib import metadata

import torch

import sab_torch  # first: it finds the folder of the next two
import common
import rnn_bptt

HERE = os.path.dirname(os.path.abspath(__file__))
BEFORE = 3  # updates before anything is timed or captured
LOSS_AT = 5  # every form tells the loss of this update; they are to agree


class Worker:
    """What every part needs: the device, the time that is left, telling results."""

    def __init__(self, options):
        self.options = options
        self.end = time.monotonic() + options.limit - 1
        self.compiled = None  # T and B that torch.compile has seen last
        self.cuda = options.device.startswith("cuda")
        self.file = open(options.results, "a", encoding="utf-8") if options.results else None

    def left(self):
        return self.end - time.monotonic()

    def tell(self, name, **values):
        """One result: a line in the file, a line on standard output."""
        shown = ", ".join(f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}"
                          for key, value in values.items())
        print(f"{name:44} {shown}", flush=True)
        if self.file:
            self.file.write(json.dumps({"name": name, **values}) + "\n")
            self.file.flush()

    def attempt(self, name, needs, function, *arguments):
        """Runs one measurement; what it raises, or that there is no time for it, becomes its result."""
        if self.left() < needs:
            return self.tell(name, skipped=f"{needs} s needed, {max(self.left(), 0):.0f} s left")
        try:
            return function(name, *arguments)
        except Exception as error:  # another measurement may still do
            self.tell(name, error=f"{type(error).__name__}: {str(error)[:600]}")

    def sync(self):
        if self.cuda:
            torch.cuda.synchronize()

    def time(self, function, seconds=1.0, groups=7):
        """{"seconds", "least", "most", "calls"}: median, over groups of calls between two synchronisations, of the
        time of one call. A group lasts about seconds / groups; a call that is longer than that is a group."""
        self.sync()
        start = time.perf_counter()
        function()
        self.sync()
        once = time.perf_counter() - start
        calls = max(1, int(seconds / groups / max(once, 1e-7)))
        each, began = [], time.perf_counter()
        while len(each) < groups and (len(each) < 1 or time.perf_counter() - began + once < 2 * seconds):
            start = time.perf_counter()
            for _ in range(calls):
                function()
            self.sync()
            each.append((time.perf_counter() - start) / calls)
        return {"seconds": statistics.median(each), "least": min(each), "most": max(each), "calls": calls * len(each)}

    def machine(self):
        """What the figures belong to."""
        about = {"torch": torch.__version__, "python": sys.version.split()[0], "cores": len(os.sched_getaffinity(0))}
        if self.cuda:
            device = torch.cuda.get_device_properties(0)
            about.update(gpu=device.name, processors=device.multi_processor_count, memory_bytes=device.total_memory,
                         capability=f"{device.major}.{device.minor}", cuda=torch.version.cuda,
                         cudnn=torch.backends.cudnn.version())
            try:
                query = "clocks.max.sm,clocks.sm,clocks.max.mem,power.limit,driver_version"
                about[query] = subprocess.run(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"],
                                              capture_output=True, text=True, timeout=5).stdout.strip()
            except (OSError, subprocess.TimeoutExpired):
                pass
        if self.file:
            self.file.write(json.dumps({"machine": about}) + "\n")
            self.file.flush()


class Update:
    """Forward, backward, and unless `plain` clip and Adam, of a model on one batch that stays."""

    def __init__(self, worker, model, x, labels, plain=False):
        self.model, self.x, self.labels, self.plain = model, x, labels, plain
        fast = {"fused": True, "capturable": True} if worker.cuda else {}
        self.optimizer = torch.optim.Adam(model.parameters(), lr=0.003, betas=(0.9, 0.99), **fast)
        self.loss = None

    def __call__(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss = self.model.gradients(self.x, self.labels)
        if not self.plain:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
            self.optimizer.step()

    def captured(self):
        """A function that replays one update, captured as a CUDA graph after BEFORE updates on another stream."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(BEFORE):
                self()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        self.optimizer.zero_grad(set_to_none=True)  # gradients are the graph's own from now on
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self()
        torch.cuda.synchronize()
        return graph.replay


def batch(options, T, B):
    """One copying batch on the device: x [T+20,B,I] one-hot, labels [T+20,B]."""
    ids, labels = common.copying(T, B, torch.Generator().manual_seed(1))
    x = torch.nn.functional.one_hot(ids, common.INPUTS).float()
    return x.to(options.device), labels.to(options.device)


def timed(worker, name, update, graph, seconds):
    """Warms up, captures if asked to, times, tells: seconds per update and the loss of update LOSS_AT."""
    if worker.cuda:
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    if graph:
        run = update.captured()
    else:
        run = update
        for _ in range(BEFORE):
            run()
    worker.sync()
    prepared = time.perf_counter() - start
    for _ in range(LOSS_AT - BEFORE):
        run()
    loss = update.loss.item()
    result = worker.time(run, seconds)
    if worker.cuda:
        result["peak_bytes"] = torch.cuda.max_memory_allocated()
    worker.tell(name, **result, loss=loss, prepared_s=prepared)


# ---- parts ----------------------------------------------------------------------------------------------------------

def one_sab(name, worker, form, T, B, graph, fuse=False):
    """Times one form of SAB; fuse: its pieces by torch.compile, anew for each T and B."""
    options = worker.options
    torch.manual_seed(1)
    config = {"hidden": options.hidden, "k_top": options.k_top, "k_att": 1, "k_trunc": options.k_trunc,
              "write": "provisional"}
    model = getattr(sab_torch, form)(config, {"I": common.INPUTS, "O": common.CLASSES}).to(options.device)
    if fuse:
        if worker.compiled != (T, B):
            torch._dynamo.reset()
            worker.compiled = (T, B)
        model.compile()
    timed(worker, name, Update(worker, model, *batch(options, T, B)), graph, 1.5 if T > 300 else 0.7)
    del model
    if worker.cuda:
        torch.cuda.empty_cache()


def sab_cases(options):
    """(T, B), those that matter most first."""
    cases = [(options.T[0], options.batch)]
    cases += [(options.T[0], options.wide)] if options.wide else []
    return cases + [(T, options.batch) for T in options.T[1:]]


def part_sab(worker, graph, forms):
    mode = " graph" if graph else " eager"
    for T, B in sab_cases(worker.options):
        for form in forms:
            worker.attempt(f"sab {form}{mode} T={T} B={B}", 5 if T > 300 else 2, one_sab, worker, form, T, B, graph)


def part_eager(worker):
    part_sab(worker, False, worker.options.forms)


def part_graph(worker):
    if not worker.cuda:
        return worker.tell("graph", skipped="no CUDA device")
    part_sab(worker, True, worker.options.forms[::-1])


def part_compile(worker):
    """The first case of each form eagerly and captured, then the other cases captured; the last form first."""
    options = worker.options
    cases = [(*sab_cases(options)[0], form, graph) for form in reversed(options.forms) for graph in (False, True)]
    cases += [(T, B, form, True) for T, B in sab_cases(options)[1:] for form in reversed(options.forms)]
    for T, B, form, graph in cases:
        if worker.cuda or not graph:
            name = f"sab {form} compiled {'graph' if graph else 'eager'} T={T} B={B}"
            worker.attempt(name, 8, one_sab, worker, form, T, B, graph, True)


class Lstm(torch.nn.Module):
    """nn.LSTM and a linear readout, as bench/rivals/rnn_bptt.py has them."""

    def __init__(self, H):
        super().__init__()
        self.net = rnn_bptt.Network({"hidden": H, "cell": "lstm"}, {"I": common.INPUTS, "O": common.CLASSES})

    def gradients(self, x, labels):
        h, _ = self.net.rnn[0](x)
        loss = torch.nn.functional.cross_entropy((h @ self.net.V1 + self.net.b).flatten(0, 1), labels.flatten())
        loss.backward()
        return loss.detach()


def one_lstm(name, worker, H, T, plain, graph, tf32):
    options = worker.options
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.manual_seed(1)
    model = Lstm(H).to(options.device)
    timed(worker, name, Update(worker, model, *batch(options, T, options.batch), plain=plain), graph, 0.25)


def part_lstm(worker):
    for T in worker.options.T:
        for H in worker.options.widths:
            for tf32 in (False, True)[:1 + worker.cuda]:
                name = f"lstm T={T} B={worker.options.batch} H={H} {'tf32' if tf32 else 'fp32'}"
                worker.attempt(name + " fwd+bwd", 2, one_lstm, worker, H, T, True, False, tf32)
                worker.attempt(name + " update", 2, one_lstm, worker, H, T, False, False, tf32)
                if worker.cuda and T == worker.options.T[0]:
                    worker.attempt(name + " update graph", 2, one_lstm, worker, H, T, False, True, tf32)


class Flash(torch.nn.Module):
    """flashrnn's LSTM with the same input product and readout: heads of width D, W_hh block-diagonal over them."""

    def __init__(self, H, D, backend, dtype):
        super().__init__()
        N, bound = H // D, H ** -0.5
        self.shape, self.backend, self.dtype = (4, N, D), backend, dtype
        self.W = common.uniform(bound, common.INPUTS, 4 * H)
        self.R = common.uniform(bound, 4, N, D, D)
        self.bias = common.uniform(bound, 4, N, D)
        self.V1 = common.uniform(bound, H, common.CLASSES)

    def gradients(self, x, labels):
        from flashrnn import flashrnn
        kind = getattr(torch, self.dtype)
        B, T = x.shape[:2]
        wx = (x.to(kind) @ self.W.to(kind)).view(B, T, *self.shape)
        states, _ = flashrnn(wx, self.R.to(kind), self.bias.to(kind), function="lstm", backend=self.backend,
                             dtype=self.dtype)
        logits = states[0].reshape(B * T, -1).float() @ self.V1
        loss = torch.nn.functional.cross_entropy(logits, labels.flatten())
        loss.backward()
        return loss.detach()


def one_flash(name, worker, H, D, T, backend, dtype):
    torch.manual_seed(1)
    model = Flash(H, D, backend, dtype).to(worker.options.device)
    x, labels = batch(worker.options, T, worker.options.batch)
    update = Update(worker, model, x.transpose(0, 1).contiguous(), labels.t().contiguous(), plain=True)
    timed(worker, name, update, False, 0.25)


def part_flashrnn(worker):
    """triton needs no nvcc and has heads of at most 64; cuda (alternating) and cuda_fused are compiled when called."""
    if worker.cuda:
        major, minor = torch.cuda.get_device_capability()
        os.environ.setdefault("TORCH_CUDA_ARCH_LIST", f"{major}.{minor}")
    try:
        worker.tell("flashrnn", version=metadata.version("flashrnn"))
    except metadata.PackageNotFoundError:
        return worker.tell("flashrnn", skipped="it is not here: pip install flashrnn==1.0.8 einops")
    cases = [("triton_fused", "bfloat16", 64), ("cuda", "float32", None), ("cuda_fused", "bfloat16", None),
             ("cuda_fused", "float32", None)]
    if not worker.cuda:
        cases = [("vanilla", "float32", None)]
    for backend, dtype, D in cases:
        for H in worker.options.widths if D else worker.options.widths[:1]:  # each other width compiles for a minute
            for T in worker.options.T:
                name = f"flashrnn {backend} {dtype} T={T} B={worker.options.batch} H={H} heads of {D or H} fwd+bwd"
                worker.attempt(name, 3, one_flash, worker, H, min(D or H, H), T, backend, dtype)


JIT = {  # name: (body of T f(T x), operations in one call)
    "ffma": ("#pragma unroll 128\n for (int i = 0; i < 4096; i++) x = fmaf(x, 0.999f, 0.5f);", 4096),
    "tanhf of small numbers": ("#pragma unroll 4\n for (int i = 0; i < 512; i++) x = tanhf(x);", 512),
    "tanhf of large numbers": ("#pragma unroll 4\n for (int i = 0; i < 512; i++) x = 2.5f * tanhf(x);", 512),  # to 2.46
    "tanh.approx":
        ('#pragma unroll 32\n for (int i = 0; i < 1024; i++) asm volatile("tanh.approx.f32 %0, %0;" : "+f"(x));', 1024),
    "tanh by __expf, __fdividef":
        ("#pragma unroll 8\n for (int i = 0; i < 512; i++) x = 1.0f - __fdividef(2.0f, 1.0f + __expf(2.0f * x));", 512),
}


def one_matmul(name, worker, tf32, kind):
    torch.backends.cuda.matmul.allow_tf32 = tf32
    n = 8192 if worker.cuda else 512
    a, b = (torch.randn(n, n, device=worker.options.device).to(kind) for _ in range(2))
    out = torch.empty_like(a)
    result = worker.time(lambda: torch.mm(a, b, out=out), 0.5)
    worker.tell(name, tflop_per_s=2e-12 * n ** 3 / result["seconds"], **result)


def one_copy(name, worker, nbytes):
    a = torch.ones(nbytes // 4, device=worker.options.device)
    b = torch.empty_like(a)
    result = worker.time(lambda: b.copy_(a), 0.3)
    worker.tell(name, gb_per_s=2e-9 * nbytes / result["seconds"], **result)


def one_launch(name, worker, what):
    """Time of a kernel that does nothing: one after the other, each waited for, or as nodes of a graph."""
    def nothing():
        torch.cuda._sleep(0)

    if what == "waited for":
        result = worker.time(lambda: (nothing(), torch.cuda.synchronize()), 0.2)
    elif what == "queued":
        result = worker.time(nothing, 0.2)
    else:
        nodes, graph = 2000, torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(nodes):
                nothing()
        result = worker.time(graph.replay, 0.2)
        for key in ("seconds", "least", "most"):
            result[key] /= nodes
    worker.tell(name, us=1e6 * result["seconds"], **result)


def one_jit(name, worker, body, count):
    function = torch.cuda.jiterator._create_jit_fn("template <typename T> T f(T x) {\n" + body + " return x; }")
    x = torch.rand(132 * 2048 * 16, device=worker.options.device) + 0.1
    function(x)
    result = worker.time(lambda: function(x), 0.3)
    worker.tell(name, per_s=count * x.numel() / result["seconds"], **result)


def one_tanh(name, worker):
    x = torch.rand(1 << (26 if worker.cuda else 20), device=worker.options.device)
    result = worker.time(x.tanh_, 0.3)
    worker.tell(name, per_s=x.numel() / result["seconds"], **result)


def part_peaks(worker):
    worker.attempt("matmul fp32, TF32 off", 2, one_matmul, worker, False, torch.float32)
    worker.attempt("matmul fp32, TF32 on", 2, one_matmul, worker, True, torch.float32)
    worker.attempt("matmul bf16", 2, one_matmul, worker, False, torch.bfloat16)
    worker.attempt("copy 1 GiB, read and written", 2, one_copy, worker, 1 << (30 if worker.cuda else 24))
    worker.attempt("copy 8 MiB (in L2), read and written", 2, one_copy, worker, 1 << 23)
    worker.attempt("tanh_ of PyTorch, bound by memory", 2, one_tanh, worker)
    if worker.cuda:
        for what in ("waited for", "queued", "in a graph"):
            worker.attempt(f"empty kernel, {what}", 2, one_launch, worker, what)
        for name, (body, count) in JIT.items():
            worker.attempt(f"registers only: {name}", 2, one_jit, worker, body, count)


def part_check(worker):
    """Both forms, both kinds of pieces, against tests/oracle in double: loss and every gradient to 1e-10."""
    sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "oracle"))
    import numpy
    import problems
    bad = 0
    shape = {"input": "ids", "I": common.INPUTS, "loss": "cross_entropy", "O": common.CLASSES}
    for T, B, H, A, K, k_trunc in ((23, 3, 6, 6, 3, 5), (17, 2, 5, 7, 5, 4), (9, 2, 4, 4, 20, 3), (12, 2, 4, 4, 1, 1)):
        config = dict(sab_torch.NEEDED, hidden=H, attention_width=A, k_top=K, k_trunc=k_trunc, read_floor=1.0)
        problem = problems.random(config, shape, T, B, 7, scale=3.0)
        truth = problem.solve()
        x = torch.nn.functional.one_hot(torch.from_numpy(problem.x).long(), shape["I"]).double()
        for form in ("Autograd", "ByHand"):
            for fusible in (False, True):
                model = getattr(sab_torch, form)(config, shape).double()
                model.load_state_dict({name: torch.from_numpy(value) for name, value in problem.parameters.items()})
                model.to(worker.options.device)
                if fusible:
                    model.fusible()
                labels = torch.from_numpy(problem.y).long().to(worker.options.device)
                for _ in range(2):  # the second time with buffers that have been used
                    model.zero_grad(set_to_none=True)
                    loss = model.gradients(x.to(worker.options.device), labels).item()
                answers = {"loss": loss, "outputs": truth["outputs"],
                           "grad": {name: p.grad.cpu().numpy() for name, p in model.named_parameters()}}
                errors = problems.relative_errors(answers, truth)
                worst = max(errors, key=errors.get)
                near = errors[worst] <= problems.TOLERANCE[numpy.dtype(numpy.float64)]
                bad += not near
                worker.tell(f"check {form}{' fusible' * fusible} T={T} K={K} k_trunc={k_trunc}", worst=worst,
                            error=errors[worst], passed=bool(near))
    return bad


def run(options, part):
    """Runs the part of this name; exit status 0 or 1."""
    worker = Worker(options)
    if worker.cuda and not torch.cuda.is_available():
        print("no CUDA device is available to PyTorch", file=sys.stderr)
        return 1
    if not worker.cuda:
        torch.set_num_threads(2)
    worker.machine()
    return 1 if globals()[f"part_{part}"](worker) else 0

"""What the rivals share: their options, the copying task, the timed loop, the check of gradients.

A rival is a torch.nn.Module whose parameters have the names and layouts of include/sab.h and whose forward takes
ids [T,B] and gives logits [T,B,O]. One update is forward, backward, clip, Adam, as `sab train` does it.
Must not know: how a rival assigns credit.
"""

import argparse
import json
import math
import os
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F

SYMBOLS, LENGTH, MARKER = 8, 10, 9
INPUTS, CLASSES = MARKER + 1, SYMBOLS + 1
TOLERANCE = {torch.float32: 5e-5, torch.float64: 1e-10}
UNITS_OF_LARGEST = 3e-3


def parse(description):
    """The options that every rival takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--T", type=int, default=100, help="length of the gap; sequences have T+20 steps")
    parser.add_argument("--steps", type=int, default=10, help="updates that are timed")
    parser.add_argument("--skip", type=int, default=2, help="updates before the timed ones")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--k-top", type=int, default=5)
    parser.add_argument("--k-att", type=int, default=1)
    parser.add_argument("--k-trunc", type=int, default=5)
    parser.add_argument("--write", choices=("state", "provisional"), default="provisional")
    parser.add_argument("--scores", choices=("tanh", "reciprocal"), default="tanh",
                        help="sab_expert: how all memories are compared; reciprocal is the trick of sab's own kernels")
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cell", choices=("lstm", "gru"), default="lstm")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    parser.add_argument("--check", metavar="FILE", help="compare with a file of `sab check-grad --export`")
    return parser.parse_args()


def copying(T, B, generator):
    """Ids and labels [T+20,B]: ten symbols, a gap of T-1 blanks, the marker, ten blanks to answer."""
    symbols = torch.randint(1, SYMBOLS + 1, (LENGTH, B), generator=generator)
    ids = torch.zeros(T + 2 * LENGTH, B, dtype=torch.long)
    labels = torch.zeros_like(ids)
    ids[:LENGTH] = symbols
    ids[T + LENGTH - 1] = MARKER
    labels[T + LENGTH:] = symbols
    return ids, labels


def uniform(bound, *shape):
    """A parameter drawn uniform in +-bound."""
    return torch.nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))


def warm_up():
    """An update of nothing, for which PyTorch loads what it loads at the first only (an optimiser's takes 200 MB)."""
    tiny = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(tiny.parameters())
    F.cross_entropy(tiny(torch.ones(3, 2)), torch.zeros(3, dtype=torch.long)).backward()
    torch.nn.utils.clip_grad_norm_(tiny.parameters(), 1.0)
    optimizer.step()


def measure(name, model, options):
    """Trains the model on fresh copying batches; returns what `run` reads: seconds per update as a median, the largest memory of
    the process, and how much of it came after PyTorch and the network were there."""
    warm_up()
    network = torch.compile(model) if options.compile else model
    with open("/proc/self/statm", encoding="ascii") as file:
        before = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    generator = torch.Generator().manual_seed(options.seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr, betas=(0.9, 0.99))
    seconds, cpu_seconds, losses = [], [], []
    for _ in range(options.skip + options.steps):
        ids, labels = copying(options.T, options.batch, generator)
        start, cpu_start = time.perf_counter(), time.process_time()
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(ids).flatten(0, 1), labels.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip)
        optimizer.step()
        losses.append(loss.item())
        del loss
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"rival": name, "T": options.T, "steps": options.steps, "loss": losses[-1],
            "seconds_per_update": statistics.median(seconds[options.skip:]), "peak_rss_bytes": peak, "training_bytes": peak - before,
            "cpu_seconds_per_update": statistics.median(cpu_seconds[options.skip:]),
            "torch": torch.__version__, "python": sys.version.split()[0], "torch_cpu": capability(),
            "first_update_seconds": seconds[0], "threads": torch.get_num_threads()}


def capability():
    """The instruction set that PyTorch's own kernels use, as it says itself."""
    for line in torch.__config__.show().splitlines():
        if "CPU capability usage" in line:
            return line.split(":")[1].strip()
    return "unknown"


def check(make, needed, path):
    """Compares loss, outputs and every gradient with the file; prints a line for each, returns whether all are near.

    make(config, shape) builds the rival, `needed` are the options that it cannot do otherwise. The error of a tensor
    is max|a - b| / max(max|b|, 3e-3 of the largest |gradient|), b the file's, as in docs/math/README.md; the rival
    computes in the file's precision.
    """
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "oracle"))
    import tensorfile
    tensors, metadata = tensorfile.load(path)
    config, shape = json.loads(metadata["config"]), json.loads(metadata["shape"])
    for key, value in dict(needed, layers=1).items():
        if config[key] != value:
            raise SystemExit(f"{path}: {key} is {config[key]}, this rival needs {value}")
    if shape["input"] != "ids" or shape["loss"] != "cross_entropy":
        raise SystemExit(f"{path}: input {shape['input']}, loss {shape['loss']}; rivals need ids and cross_entropy")
    tensors = {name: torch.from_numpy(array) for name, array in tensors.items()}
    dtype = tensors["loss"].dtype
    model = make(config, shape).to(dtype)
    model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("param.")})

    ids, labels, weight = tensors["x"].long(), tensors["y"].long(), tensors["weight"]
    steps = torch.arange(1, ids.shape[0] + 1)[:, None]
    inside = steps <= tensors["lengths"][None, :]
    weight = weight * inside
    outputs = model(ids)
    each = F.cross_entropy(outputs.flatten(0, 1), labels.clamp(0, shape["O"] - 1).flatten(), reduction="none")
    loss = (each * weight.flatten()).sum() / weight.sum()
    loss.backward()

    wanted = {name[5:]: value for name, value in tensors.items() if name.startswith("grad.")}
    largest = max(value.abs().max().item() for value in wanted.values())
    pairs = [("loss", loss.detach().reshape(1), tensors["loss"], 0.0),
             ("outputs", outputs.detach() * inside[..., None], tensors["outputs"] * inside[..., None], 0.0)]
    for name, parameter in model.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        pairs.append(("grad." + name, gradient, wanted.pop(name), UNITS_OF_LARGEST * largest))
    if wanted:
        raise SystemExit(f"{path}: this rival has no {', '.join(wanted)}")
    passed = True
    for name, ours, theirs, least in pairs:
        error = (ours - theirs).abs().max().item() / max(theirs.abs().max().item(), least, 1e-300)
        near = error <= TOLERANCE[dtype]
        passed = passed and near and math.isfinite(error)
        print(f"{name:20} error {error:.2e} {'' if near else '  over the tolerance'}")
    print(f"{'passed' if passed else 'FAILED'}: {path}, {dtype}, tolerance {TOLERANCE[dtype]:.0e}")
    return passed


def main(name, description, make, needed, more=lambda model, options: {}):
    """The whole program of a rival: measure (more adds to what is printed), or check with --check."""
    options = parse(description)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    if options.check:
        raise SystemExit(0 if check(make, needed, options.check) else 1)
    model = make(vars(options), {"I": INPUTS, "O": CLASSES})
    print(json.dumps({**measure(name, model, options), **more(model, options)}))

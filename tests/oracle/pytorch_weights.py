#!/usr/bin/env python3
"""Weights of PyTorch's networks in and out of the program: the same outputs, to 1e-6.

    pytorch_weights.py PROGRAM          imports random networks, compares outputs, exports them, loads what was exported
    pytorch_weights.py --make FOLDER    writes the small files that tests/bats/pytorch.bats imports without PyTorch

Exit status: 0 passed, 1 not, 77 PyTorch is missing.
"""

import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

import tensorfile

KINDS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
TOLERANCE = 1e-6


class Net(torch.nn.Module):
    """Vectors, or symbols through an embedding, to outputs at each step."""

    def __init__(self, kind, I, H, O, layers, symbols=0, bias=True):
        super().__init__()
        if symbols:
            self.embedding = torch.nn.Embedding(symbols, I)
        self.cells = KINDS[kind](I, H, num_layers=layers, bias=bias, batch_first=True)
        self.head = torch.nn.Linear(H, O, bias=bias)

    def forward(self, x):
        return self.head(self.cells(self.embedding(x) if hasattr(self, "embedding") else x)[0])


def arrays(module):
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def rounded(module, to):
    """The module with all its numbers rounded to half precision or bfloat16."""
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(value.to(to).float())
    return module


def sab(program, *words):
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


def check(what, error, most):
    print(f"{what:60} {error:.1e}")
    if not error <= most:
        raise RuntimeError(f"{what}: {error:.1e}, allowed {most:.0e}")


def values_case(program, folder, kind, layers, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    I, H, O, N, T = (int(n) for n in rng.integers([1, 1, 1, 8, 1], [6, 18, 5, 12, 30]))
    module = Net(kind, I, H, O, layers, bias=bool(rng.integers(2)))
    x = rng.standard_normal((N, T, I)).astype(np.float32)
    path = {name: os.path.join(folder, name) for name in ("net", "model", "data.npz", "answers.npy", "back")}
    tensorfile.save(path["net"], arrays(module), {"format": "pt"})
    np.savez(path["data.npz"], x=x, y=np.zeros((N, T, O), np.float32))
    sab(program, "import", path["net"], "npy", "--data", path["data.npz"], "--standardise", "off", "--credit", "bptt", "--split",
        "0.4,0.3,0.3", "--out", path["model"])
    sab(program, "predict", path["model"], "--data", path["data.npz"], "--format", "npy", "--output", path["answers.npy"])
    expected = module(torch.from_numpy(x)).detach().numpy()
    answers = np.load(path["answers.npy"]).reshape(expected.shape)
    check(f"{kind}, {layers} layers, I {I} H {H} O {O} T {T}, seed {seed}", float(np.abs(answers - expected).max()), TOLERANCE)

    sab(program, "export", path["model"], "--out", path["back"], "--prefix", "cells.", "--linear", "head")
    back, _ = tensorfile.load(path["back"])
    again = Net(kind, I, H, O, layers)
    again.load_state_dict({name: torch.from_numpy(value) for name, value in back.items()})
    with torch.no_grad():
        difference = float((again(torch.from_numpy(x)) - module(torch.from_numpy(x))).abs().max())
    check("    exported and loaded", difference, 0)


def symbols_case(program, folder, kind, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    symbols, E, H, classes, N, T = 7, 3, 9, 4, 12, 20
    module = Net(kind, E, H, classes, 2, symbols=symbols)
    x, y = rng.integers(0, symbols, (N, T)), rng.integers(0, classes, (N, T))
    x[0, :symbols], y[0, :classes] = np.arange(symbols), np.arange(classes)
    path = {name: os.path.join(folder, name) for name in ("net", "model", "data.npz", "answers.npy")}
    tensorfile.save(path["net"], arrays(module), {})
    np.savez(path["data.npz"], x=x, y=y)
    sab(program, "import", path["net"], "npy", "--data", path["data.npz"], "--credit", "bptt", "--split", "0.4,0.3,0.3", "--out",
        path["model"])
    sab(program, "predict", path["model"], "--data", path["data.npz"], "--format", "npy", "--probabilities", "--output",
        path["answers.npy"])
    expected = torch.softmax(module(torch.from_numpy(x)), 2).detach().numpy()
    answers = np.load(path["answers.npy"])
    answers = answers[..., -classes:].reshape(expected.shape)
    check(f"{kind} with an embedding, probabilities", float(np.abs(answers - expected).max()), TOLERANCE)


def sab_case(program, folder):
    """A model with memories keeps what only it has, and comes back to the bit."""
    run, out, model = (os.path.join(folder, name) for name in ("run", "out", "model"))
    sab(program, "train", "copy", "--T", "5", "--hidden", "8", "--batch", "8", "--steps", "3", "--warmup", "1", "--curriculum", "0",
        "--quiet", "--out", run)
    sab(program, "export", run, "--out", out)
    names = set(tensorfile.load(out)[0])
    wanted = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "W1_l0", "W2_l0", "w3_l0", "V1", "V2", "b"}
    if names != wanted:
        raise RuntimeError(f"exported {sorted(names)}, expected {sorted(wanted)}")
    cells, _ = tensorfile.load(out)
    torch.nn.LSTM(10, 8).load_state_dict({name: torch.from_numpy(value) for name, value in cells.items()
                                          if name.startswith(("weight_", "bias_"))})
    told = json.loads(sab(program, "import", out, "copy", "--T", "5", "--hidden", "8", "--json", "--out", model))
    if {tensor["origin"] for tensor in told["tensors"]} != {"taken"}:
        raise RuntimeError(f"not all was taken: {told}")
    digests = [json.loads(sab(program, "inspect", where, "--json"))["weights_digest"] for where in (run, model)]
    if digests[0] != digests[1]:
        raise RuntimeError(f"digests {digests} differ")
    print("a model with memories, out and in again: the same digest")


def make(folder):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, 6, 3)).astype(np.float32)
    os.makedirs(folder, exist_ok=True)
    np.savez(os.path.join(folder, "data.npz"), x=x, y=np.zeros((4, 6, 2), np.float32))
    for seed, (kind, layers, bias, to) in enumerate((("lstm", 2, True, None), ("gru", 1, True, torch.bfloat16),
                                                     ("rnn", 2, False, torch.float16))):
        torch.manual_seed(seed)
        module = Net(kind, 3, 5, 2, layers, bias=bias)
        module = rounded(module, to) if to else module
        expected = module(torch.from_numpy(x)).detach().numpy()
        tensors, types = {"model." + name: value for name, value in arrays(module).items()}, {}
        if to == torch.float16:
            tensors = {name: value.astype(np.float16) for name, value in tensors.items()}
        elif to:
            tensors = {name: (value.view(np.uint32) >> 16).astype(np.uint16) for name, value in tensors.items()}
            types = {name: "BF16" for name in tensors}
        else:
            tensors["unused.weight"] = np.ones((7, 3), np.float32)
        tensorfile.save(os.path.join(folder, kind + ".safetensors"), tensors, {"format": "pt"}, types)
        with open(os.path.join(folder, kind + ".txt"), "w") as file:
            file.writelines(f"{value:.9g}\n" for value in expected.ravel())


def main():
    if sys.argv[1] == "--make":
        return make(sys.argv[2])
    torch.set_num_threads(1)
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(12):
            values_case(program, folder, list(KINDS)[seed % 3], 1 + seed // 3 % 3, seed)
        for kind in KINDS:
            symbols_case(program, folder, kind, 5)
        sab_case(program, folder)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as failure:
        sys.exit(f"failed: {failure}")

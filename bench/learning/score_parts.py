#!/usr/bin/env python3
"""What a recurrent network's scores depend on: of their variance over all pairs (step, memory) of a sequence, the parts
that belong to the memory alone, to the step alone, and to the pair.

    sab train copy --steps 0 --key-scale 1 --out runs/untrained
    bench/learning/score_parts.py runs/untrained

Only the pair's part lets different steps recall different memories: the step's cancels when the largest are chosen, and
the memory's chooses the same for every step. Reads random symbols through an LSTM of one layer with the mlp score, whose
equations docs/math has; memories are written every step (`--write provisional`). Needs NumPy.
"""
import json
import struct
import sys

import numpy as np

STEPS, BLANK = 120, 0


def load(path):
    with open(path, "rb") as f:
        n = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(n))
        data = f.read()
    return {
        name: np.frombuffer(data[slice(*t["data_offsets"])], np.float32).reshape(t["shape"]).astype(float)
        for name, t in header.items()
        if name != "__metadata__"
    }


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def run(w, symbols, top):
    """States and memories hh [T,H], each step reading the `top` memories of largest score."""
    H = w["weight_hh_l0"].shape[1]
    h, c, memory, keys = np.zeros(H), np.zeros(H), [], []
    for x in symbols:
        gates = w["weight_ih_l0"][:, x] + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        hh = sigmoid(o) * np.tanh(c)
        s = np.zeros(H)
        if memory:
            a = np.tanh(np.array(keys) + hh @ w["W2_l0"]) @ w["w3_l0"]
            best = np.argsort(-a, kind="stable")[:top]
            alpha = np.exp(a[best] - a[best].max())
            s = alpha @ np.array(memory)[best] / alpha.sum()
        memory.append(hh)
        keys.append(hh @ w["W1_l0"])
        h = hh + s
    return np.array(memory), np.array(keys)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    w = load(sys.argv[1] + "/model.safetensors")
    top = json.load(open(sys.argv[1] + "/config.json"))["k_top"]
    symbols = np.full(STEPS, BLANK)
    symbols[:10] = np.random.default_rng(1).integers(1, 9, 10)
    hh, keys = run(w, symbols, top)
    queries = hh @ w["W2_l0"]
    a = np.tanh(queries[:, None, :] + keys[None, :, :]) @ w["w3_l0"]
    step, memory = a.mean(1, keepdims=True), a.mean(0, keepdims=True)
    pair = a - step - memory + a.mean()
    total = a.var()
    print(f"deviation of scores {np.sqrt(total):.4f}: memory {100 * memory.var() / total:.1f} %, "
          f"step {100 * step.var() / total:.1f} %, pair {100 * pair.var() / total:.1f} %")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""An LSTM, a GRU and SAB in JAX: one lax.scan over the steps, compiled as a whole with its gradient, clipping and Adam.

    jax_rnn.py [--network lstm|gru|sab] [--T 100] [--steps 10] [--batch 64] [--hidden 128] [--threads 2] [--check FILE]

Prints one JSON object, as the PyTorch programs do. SAB as in sab_expert.py: scores of all memories without gradient, the K recalled
entries with it; memories and keys lie in the scan's carry, into which a step writes a row. What has a fixed shape is scored whole at every
step, rows that are not written yet among it: that is the price of one program without a Python loop. --check FILE compares loss,
outputs and gradients with a file of `sab check-grad --export`. Must not know: the program, other than that file.
"""

import argparse
import json
import math
import os
import resource
import statistics
import sys
import time

import numpy as np

SYMBOLS, LENGTH, MARKER = 8, 10, 9
INPUTS, CLASSES = MARKER + 1, SYMBOLS + 1
TOLERANCE, UNITS_OF_LARGEST = {np.dtype(np.float32): 5e-5, np.dtype(np.float64): 1e-10}, 3e-3


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("T", 100), ("steps", 10), ("skip", 2), ("batch", 64), ("hidden", 128), ("k-top", 5), ("k-att", 1),
                          ("k-trunc", 5), ("threads", 2), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--network", choices=("lstm", "gru", "sab"), default="lstm")
    parser.add_argument("--write", choices=("state", "provisional"), default="provisional")
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--check", metavar="FILE")
    return parser.parse_args()


options = parse()
if hasattr(os, "sched_setaffinity"):  # XLA takes a thread for each processor that it may use
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:options.threads])
import jax  # noqa: E402  (it counts processors when it is imported)
import jax.numpy as jnp  # noqa: E402


def weights(network, I, H, A, O, draw):
    """Names and layouts of include/sab.h."""
    gates, b = 3 if network == "gru" else 4, H ** -0.5
    made = {"weight_ih_l0": draw(b, gates * H, I), "weight_hh_l0": draw(b, gates * H, H), "bias_ih_l0": draw(b, gates * H),
            "bias_hh_l0": draw(b, gates * H), "V1": draw(b, H, O), "b": draw(0, O)}
    if network == "sab":
        made.update(W1_l0=draw(b, H, A), W2_l0=draw(b, H, A), w3_l0=draw(A ** -0.5, A), V2=draw(b, H, O))
    return made


def lstm(p, px, h, c):
    i, f, g, o = jnp.split(px + p["bias_hh_l0"] + h @ p["weight_hh_l0"].T, 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def gru(p, px, h, c):
    ph = h @ p["weight_hh_l0"].T + p["bias_hh_l0"]
    (xr, xz, xn), (hr, hz, hn) = jnp.split(px, 3, axis=1), jnp.split(ph, 3, axis=1)
    z, n = jax.nn.sigmoid(xz + hz), jnp.tanh(xn + jax.nn.sigmoid(xr + hr) * hn)
    return n + z * (h - n), c


def plain(p, ids, cell):
    """Logits [T,B,O], full BPTT."""
    T, B = ids.shape
    inputs = p["weight_ih_l0"].T[ids] + p["bias_ih_l0"]
    zero = jnp.zeros((B, p["weight_hh_l0"].shape[1]), inputs.dtype)

    def step(state, px):
        state = cell(p, px, *state)
        return state, state[0]

    _, h = jax.lax.scan(step, (zero, zero), inputs)
    return h @ p["V1"] + p["b"]


def recall(p, hh, values, keys, written, K):
    """s [B,H] of the K best of `written` memories, in rows of values [N,B,H] and keys [N,B,A]."""
    query = hh @ p["W2_l0"]
    scores = jax.lax.stop_gradient(jnp.tanh(keys + query) @ p["w3_l0"])
    scores = jnp.where(jnp.arange(keys.shape[0])[:, None] < written, scores, -jnp.inf)
    rows = jax.lax.top_k(scores.T, K)[1].T  # [K,B]
    there = rows < written
    take = rows[:, :, None]
    again = jnp.tanh(jnp.take_along_axis(keys, take, 0) + query) @ p["w3_l0"]
    again = jnp.where(there, again, -1e30)
    alpha = jax.nn.softmax(again, axis=0) * there
    return (alpha[:, :, None] * jnp.take_along_axis(values, take, 0)).sum(0)


def sab(p, ids, o):
    T, B = ids.shape
    H, A = p["W1_l0"].shape
    N = max(T // o["k_att"], o["k_top"])
    inputs = p["weight_ih_l0"].T[ids] + p["bias_ih_l0"]
    zero = jnp.zeros((B, H), inputs.dtype)

    def step(carry, now):
        h, c, values, keys, written = carry
        px, t = now
        is_first = (t - 1) % o["k_trunc"] == 0
        h, c = (jnp.where(is_first, jax.lax.stop_gradient(x), x) for x in (h, c))
        hh, c = lstm(p, px, h, c)
        s = recall(p, hh, values, keys, written, o["k_top"])
        h = hh + s
        m = h if o["write"] == "state" else hh
        row = jnp.where(t % o["k_att"] == 0, written, N)  # N: dropped
        values, keys = values.at[row].set(m, mode="drop"), keys.at[row].set(m @ p["W1_l0"], mode="drop")
        return (h, c, values, keys, written + (t % o["k_att"] == 0)), (h, s)

    start = (zero, zero, jnp.zeros((N, B, H), zero.dtype), jnp.zeros((N, B, A), zero.dtype), 0)
    _, (h, s) = jax.lax.scan(step, start, (inputs, jnp.arange(1, T + 1)))
    return h @ p["V1"] + s @ p["V2"] + p["b"]


def logits(p, ids, network, o):
    return sab(p, ids, o) if network == "sab" else plain(p, ids, gru if network == "gru" else lstm)


def loss(p, ids, labels, weight, network, o):
    y = logits(p, ids, network, o)
    each = -jnp.take_along_axis(jax.nn.log_softmax(y), labels[:, :, None], 2)[:, :, 0]
    return (each * weight).sum() / weight.sum(), y


def check(path):
    """As check() of common.py."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "oracle"))
    import tensorfile
    tensors, metadata = tensorfile.load(path)
    config = json.loads(metadata["config"])
    dtype = np.dtype(tensors["loss"].dtype)
    jax.config.update("jax_enable_x64", dtype == np.float64)
    network = "sab" if config["credit"] == "sab" else config["cell"]
    p = {name[6:]: jnp.asarray(value) for name, value in tensors.items() if name.startswith("param.")}
    inside = np.arange(1, tensors["x"].shape[0] + 1)[:, None] <= tensors["lengths"][None, :]
    weight, labels = tensors["weight"] * inside, np.clip(tensors["y"], 0, p["b"].shape[0] - 1)
    (value, y), grads = jax.value_and_grad(loss, has_aux=True)(p, tensors["x"].astype(int), labels.astype(int), weight, network, config)
    wanted = {name[5:]: array for name, array in tensors.items() if name.startswith("grad.")}
    largest = max(np.abs(array).max() for array in wanted.values())
    pairs = [("loss", np.asarray(value).reshape(1), tensors["loss"].reshape(1), 0.0),
             ("outputs", np.asarray(y) * inside[..., None], tensors["outputs"] * inside[..., None], 0.0)]
    pairs += [("grad." + name, np.asarray(grads[name]), array, UNITS_OF_LARGEST * largest) for name, array in wanted.items()]
    passed = True
    for name, ours, theirs, least in pairs:
        error = np.abs(ours.reshape(theirs.shape) - theirs).max() / max(np.abs(theirs).max(), least, 1e-300)
        near = bool(error <= TOLERANCE[dtype]) and math.isfinite(error)
        passed = passed and near
        print(f"{name:20} error {error:.2e} {'' if near else '  over the tolerance'}")
    print(f"{'passed' if passed else 'FAILED'}: {path}, {dtype}, tolerance {TOLERANCE[dtype]:.0e}")
    return passed


def copying(T, B, generator):
    symbols = generator.integers(1, SYMBOLS + 1, (LENGTH, B))
    ids = np.zeros((T + 2 * LENGTH, B), np.int32)
    labels = np.zeros_like(ids)
    ids[:LENGTH], ids[T + LENGTH - 1], labels[T + LENGTH:] = symbols, MARKER, symbols
    return ids, labels


def main():
    if options.check:
        raise SystemExit(0 if check(options.check) else 1)
    o, network, generator = vars(options), options.network, np.random.default_rng(options.seed)
    p = weights(network, INPUTS, options.hidden, options.hidden, CLASSES,
                lambda bound, *shape: jnp.asarray(generator.uniform(-bound, bound, shape), jnp.float32))
    moments = [jax.tree.map(jnp.zeros_like, p) for _ in range(2)]
    ones = jnp.ones((options.T + 2 * LENGTH, options.batch), jnp.float32)

    def update(p, m, v, t, ids, labels):
        (value, _), grads = jax.value_and_grad(loss, has_aux=True)(p, ids, labels, ones, network, o)
        norm = jnp.sqrt(sum((g * g).sum() for g in grads.values()))
        grads = jax.tree.map(lambda g: g * jnp.minimum(1, options.clip / norm), grads)
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, grads)
        v = jax.tree.map(lambda a, g: 0.99 * a + 0.01 * g * g, v, grads)
        rate = options.lr * jnp.sqrt(1 - 0.99 ** t) / (1 - 0.9 ** t)
        return jax.tree.map(lambda w, a, b: w - rate * a / (jnp.sqrt(b) + 1e-8), p, m, v), m, v, value

    compiled = jax.jit(update, donate_argnums=(0, 1, 2))
    before = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, cpu_seconds = [], []
    for k in range(options.skip + options.steps):
        ids, labels = copying(options.T, options.batch, generator)
        start, cpu_start = time.perf_counter(), time.process_time()
        p, *moments, value = compiled(p, *moments, float(k + 1), ids, labels)
        value = float(value)
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"rival": "jax " + network, "T": options.T, "steps": options.steps, "loss": value,
                      "seconds_per_update": statistics.median(seconds[options.skip:]), "peak_rss_bytes": peak,
                      "cpu_seconds_per_update": statistics.median(cpu_seconds[options.skip:]),
                      "training_bytes": peak - before, "first_update_seconds": seconds[0], "jax": jax.__version__,
                      "python": sys.version.split()[0], "threads": options.threads}))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes the committed cases: problems with the oracle's loss, outputs and gradients, in double.

    make_cases.py [FOLDER]          default: tests/data/oracle beside this script's folder

tests/oracle_cases.c runs them in every build, without PyTorch. Together they take every switch both ways; each is the
first problem of its kind that stays away from selection switches and is well conditioned in float, so nothing
is skipped there. Layout: that of `sab check-grad --export` (docs/math/README.md), numbers as float64. Exit status: 0
written, 1 a case could not be made, 77 PyTorch is missing.
"""

import glob
import os
import sys

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

import problems

CONFIG = {"cell": "lstm", "hidden": 6, "layers": 1, "attention_width": 0, "score": "mlp", "sparsifier": "softmax",
          "read_floor": 0.0, "read_gain": 1.0, "write": "state", "credit": "sab", "k_top": 3, "k_att": 1, "k_trunc": 4,
          "mental_updates": True, "forward": "sparse", "backward": "sparse", "recompute": False}
DATA = {"input": "values", "I": 3, "loss": "mse", "O": 2, "T": 16, "B": 3, "ragged": False, "mask": False,
        "opposed": 0.0}
ANSWERS = {"loss": "bce", "O": 3}
SYMBOLS = {"input": "ids", "I": 7, "loss": "cross_entropy", "O": 5}
CLASSES = {"loss": "cross_entropy", "O": 3}
SEQ2SEQ = {"model": "seq2seq", "decoder_attention": True, "decoder_feed": "own", "B": 5}
UNEVEN = {"ragged": True, "mask": True}

# Name: what differs from CONFIG and DATA.
CASES = {
    "lstm": {},
    "gru": {"cell": "gru", **SYMBOLS},
    "rnn": {"cell": "rnn", **UNEVEN},
    "lstm_ids_uneven": {**SYMBOLS, **UNEVEN, "layers": 2, "read_gain": 0.5},
    "gru_three_layers": {"cell": "gru", "layers": 3, "hidden": 4, "read_gain": 0.5, "k_trunc": 3},
    "rnn_wide": {"cell": "rnn", "hidden": 33, "attention_width": 17, "T": 9, "B": 2, "read_gain": 0.1},
    "lstm_many_sequences": {"B": 19, "T": 7, "hidden": 5, "k_trunc": 2, "k_top": 2, **UNEVEN},
    "relu": {"sparsifier": "relu"},
    "relu_floor_half": {"sparsifier": "relu", "read_floor": 0.5, **SYMBOLS},
    "relu_floor_one": {"sparsifier": "relu", "read_floor": 1.0, "cell": "gru", "attention_width": 9},
    "relu_one_recalled": {"sparsifier": "relu", "k_top": 1, "read_floor": 0.5},
    "dot": {"score": "dot", "read_gain": 0.5},
    "dot_relu_gru": {"score": "dot", "sparsifier": "relu", "cell": "gru", "attention_width": 4, **UNEVEN},
    "release2019": {"score": "release2019", **SYMBOLS},
    "release2019_relu": {"score": "release2019", "sparsifier": "relu", "read_floor": 1.0, "layers": 2},
    "provisional": {"write": "provisional", **SYMBOLS},
    "provisional_k_att": {"write": "provisional", "k_att": 3, "k_trunc": 5, "T": 40, "layers": 2, "sparsifier": "relu"},
    "k_att_misses_windows": {"k_att": 5, "k_trunc": 3, "T": 31, "recompute": True},
    "no_mental_updates": {"mental_updates": False, "layers": 2},
    "no_mental_updates_relu": {"mental_updates": False, "sparsifier": "relu", "write": "provisional", "cell": "gru"},
    "dense_forward": {"forward": "dense", **SYMBOLS},
    "dense_forward_no_mental": {"forward": "dense", "mental_updates": False, "sparsifier": "relu", "score": "dot",
                                "read_gain": 0.5, "recompute": True},
    "dense_both": {"forward": "dense", "backward": "dense", "recompute": True, "k_trunc": 3},
    "attention": {"credit": "attention", **SYMBOLS, "layers": 2, "k_att": 2},
    "bptt": {"credit": "bptt", "layers": 2},
    "tbptt": {"credit": "tbptt", "cell": "gru", "layers": 2, **SYMBOLS, **UNEVEN},
    "k_top_zero": {"k_top": 0, "cell": "rnn", "k_trunc": 5},
    "windows_of_one": {"k_trunc": 1, "recompute": True, "layers": 2, "read_gain": 0.5},
    "one_window": {"k_trunc": 16, "recompute": True, "sparsifier": "relu", "read_floor": 0.5},
    "more_than_there_are": {"k_top": 40, "sparsifier": "relu", "k_trunc": 5},
    "one_step": {"T": 1, "B": 1, "hidden": 1, "k_trunc": 1},
    "one_unit": {"hidden": 1, "B": 1, "attention_width": 2, **SYMBOLS},
    "large_opposed_keys": {"read_gain": 0.5, "opposed": 16.0},
    "yes_or_no": {**ANSWERS, **UNEVEN, "layers": 2, "read_gain": 0.5},
    "seq2seq": {**SEQ2SEQ, **SYMBOLS},
    "seq2seq_gru_dot": {**SEQ2SEQ, **CLASSES, **UNEVEN, "cell": "gru", "score": "dot", "attention_width": 4},
    "seq2seq_rnn_release2019": {**SEQ2SEQ, **SYMBOLS, **UNEVEN, "cell": "rnn", "score": "release2019", "B": 11},
    "seq2seq_no_attention": {**SEQ2SEQ, **SYMBOLS, **UNEVEN, "decoder_attention": False},
    "seq2seq_labels": {**SEQ2SEQ, **SYMBOLS, **UNEVEN, "cell": "gru", "decoder_feed": "labels"},
    "release2019_code": {"score": "release2019", "sparsifier": "release2019", "zero_memory": True, "k_att": 2, **SYMBOLS},
    "release2019_one_recalled": {"sparsifier": "release2019", "k_top": 1, "read_floor": 0.5, "zero_memory": True},
    "release2019_recomputed": {"sparsifier": "release2019", "k_top": 4, "read_floor": 0.5, "zero_memory": True, "layers": 2,
                               "recompute": True, "score": "dot", "read_gain": 0.5, **UNEVEN},
    "zero_memory_dense": {"zero_memory": True, "forward": "dense", "cell": "gru", "read_gain": 0.5},
}


TRANSFORMER = {"model": "transformer", "hidden": 12, "layers": 2, "heads": 3, "positions": "sinusoidal", "context": 64}
CASES.update({f"transformer_{name}": {**TRANSFORMER, **change} for name, change in {
    "ids_uneven": {**SYMBOLS, **UNEVEN, "B": 11},
    "values": {"positions": "learned", "hidden": 8, "heads": 2, **UNEVEN},
    "yes_or_no_long": {**ANSWERS, "T": 61, "hidden": 6, "layers": 1, "B": 2},
    "one_unit": {"hidden": 1, "heads": 1, "T": 1, "B": 1, "positions": "learned", "context": 1, **SYMBOLS},
    "wide_head": {**SYMBOLS, "hidden": 18, "heads": 1, "layers": 1, "T": 7},
}.items()})
CASES["relu_bound"] = {"sparsifier": "relu", "read_bound": 2.0, "layers": 2}
CASES["relu_bound_floor"] = {"sparsifier": "relu", "read_bound": 1.5, "read_floor": 0.5, "cell": "gru", "mental_updates": False,
                             "read_gain": 0.5, **SYMBOLS}


# Seeds go by the place: what is new stands at the end.
CASES["quantiles"] = {"loss": "quantile", "O": 6, "quantiles": "0.1,0.5,0.8", **UNEVEN, "layers": 2, "read_gain": 0.5}
CASES["stretch_mean"] = {"pool": "mean", "k_att": 5, "k_trunc": 3, "T": 31, "write": "provisional", "layers": 2, "read_gain": 0.5, "k_top": 2}
CASES["stretch_attention"] = {"pool": "attention", "k_att": 3, "T": 31, "cell": "gru", "read_gain": 0.5, "recompute": True, "memory_slots": 5,
                              "keep": "surprise", "k_top": 2, **SYMBOLS}
CASES["reservoir"] = {"memory_slots": 4, "keep": "reservoir", "k_top": 2, **UNEVEN}
CASES["segments"] = {"segments": 3, "k_top": 2, "T": 25, "k_trunc": 5, "layers": 2, "read_gain": 0.5, "write": "provisional", **UNEVEN}
CASES["segments_relu_gru"] = {"segments": 4, "k_top": 2, "T": 31, "cell": "gru", "sparsifier": "relu", "read_floor": 0.5, "k_att": 2,
                              "recompute": True, "read_gain": 0.5, "pool": "mean", **SYMBOLS}


def oppose(problem, size):
    """Makes keys and queries that are large and cancel in their sum, in one column of each layer: there W2 = -W1, and
    W1 is scaled. Returns whether the largest number among them came out between size and 1.3 size."""
    for layer in range(problem.config["layers"]):
        W1, W2 = problem.parameters[f"W1_l{layer}"], problem.parameters[f"W2_l{layer}"]
        W1[:, 0] *= 64
        W2[:, 0] = -W1[:, 0]
    return size <= problem.solve()["diagnostics"].largest_key <= 1.3 * size


def make(name, index):
    """(Problem, answers) of the first seed that is safe."""
    config, data = dict(CONFIG), dict(DATA)
    for key, value in CASES[name].items():
        (data if key in data else config)[key] = value
    if config.get("model") == "transformer":  # which has no use for the options of the others
        config = {key: value for key, value in CASES[name].items() if key in config and key not in data}
    shape = {key: data[key] for key in ("input", "I", "loss", "O")}
    for seed in range(1000 * index, 1000 * index + 1000):
        problem = problems.random(config, shape, data["T"], data["B"], seed, scale=1.5,
                                            ragged=data["ragged"], mask=data["mask"])
        if data["opposed"] and not oppose(problem, data["opposed"]):
            continue
        answers = problem.solve()
        near = answers["diagnostics"]
        rounding, _ = problems.condition(problem, answers, np.dtype(np.float32))
        single = problems.relative_errors(problem.solve(torch.float32), answers)
        if min(near.margin, near.floor_margin) > 1e-4 and near.min_Z > 1e-2 and rounding < 1e-6 and \
                max(single.values()) < 4e-6:
            return problem, answers
    raise RuntimeError(f"no safe problem for case {name}")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "data", "oracle")
    os.makedirs(folder, exist_ok=True)
    for stale in glob.glob(os.path.join(folder, "*.safetensors")):
        os.remove(stale)
    total = 0
    for index, name in enumerate(CASES):
        problem, answers = make(name, index)
        path = os.path.join(folder, f"{name}.safetensors")
        problems.save(path, problem, answers, "oracle")
        near = answers["diagnostics"]
        total += os.path.getsize(path)
        print(f"{name:26} {os.path.getsize(path):6} bytes, loss {answers['loss']:.6f}, to a switch {near.margin:.1e}, "
              f"to the floor {near.floor_margin:.1e}, least Z {near.min_Z:.1e}")
    print(f"{len(CASES)} cases, {total} bytes")
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())

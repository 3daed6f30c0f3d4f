#!/usr/bin/env python3
"""Compares the program's loss, outputs and every gradient with the oracle on random configurations.

    random_configs.py PROGRAM [--model recurrent] [--count 560] [--seed 1] [--workers 2] [--only INDEX] [--keep DIR]

Each configuration is drawn from (seed, index), so `--seed S --only I` repeats one. The program is run as
`PROGRAM check-grad --export FILE ...`; the file says what the numbers are (float or double) and with that the
tolerance. Every fourth configuration is also run with the other --recompute, which must give the same bits.

A configuration that is over the tolerance has failed, but where so would be anybody: it is then counted as skipped, when
  switch     two neighbouring scores on which the selection depends, or sum r and the floor, are as near to each other as rounding
             alone can tell, 1e-6 in float and 1e-12 in double: another memory may be chosen;
  rounding   moving each weight and score by one unit roundoff
             moves the answers by more than an eighth of the tolerance, and the error is at most 32 times that; or the
             scores move by more than a thirty-second of 1, or of the distance to a switch, so rounding alone may turn
             any softmax round, or cross the switch;
  growth     its states grow with every step, as those of a gru that adds to them all it recalls, beyond 1000: derivatives
             of gates, known to a roundoff of 1, are multiplied by that. The program may call such a gradient not finite.
One that is within the tolerance has passed, however near to a switch it is: what was chosen is the same. More than a tenth skipped for rounding or growth is a failure. Exit status: 0 all passed, 1 not, 77 PyTorch is missing.
"""

import argparse
import collections
import math
import multiprocessing
import os
import shlex
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

import problems

SWITCH = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-12}
LARGEST = 1000
CATEGORIES = ("model", "cell", "layers", "score", "sparsifier", "read_floor", "read_bound", "write", "mental_updates", "density",
              "credit", "recompute", "input", "loss", "heads", "positions", "readout", "start", "length", "carried", "slots", "keep", "pool", "segments")
CELLS, SCORES, SPARSIFIERS = ("lstm", "gru", "rnn"), ("mlp", "dot", "release2019"), ("relu", "softmax", "release2019")


def draw(seed, index):
    """Options of check-grad by name, for configuration `index`. Cells, scores and sparsifiers go through all that there
    are together; every fourth configuration is long, of
    50 memories and more, and recalls few of them in most."""
    rng = np.random.default_rng([seed, index])

    def pick(*values):
        return values[rng.integers(len(values))]

    def between(low, high):
        return int(rng.integers(low, high + 1))

    is_long = index % 4 == 3
    T = between(110, 200) if is_long else between(1, pick(4, 16, 64, 64))
    loss = pick("cross_entropy", "mse", "bce")
    forward, backward = pick(("sparse", "sparse"), ("sparse", "sparse"), ("dense", "sparse"), ("dense", "dense"))
    credit = pick("sab", "sab", "sab", "sab", "sab", "sab", "sab", "tbptt", "bptt", "attention")
    k_top = between(1, pick(min(T, 5), T))
    if credit == "sab" and rng.random() < 0.03:
        k_top = 0
    options = {
        "T": T, "batch": between(1, 9), "hidden": between(1, 33), "layers": between(1, 3), "I": between(1, 12),
        "O": between(2 if loss == "cross_entropy" else 1, 9), "attention-width": pick(0, between(1, 33)),
        "input": pick("ids", "values"), "loss": loss, "ragged": pick("on", "off"), "mask": pick("on", "off"),
        "cell": CELLS[index % 3], "score": SCORES[index // 3 % 3], "sparsifier": SPARSIFIERS[index // 9 % 3],
        "zero-memory": pick("on", "off", "off"), "memory-slots": pick(0, 0, between(1, T)),
        "read-floor": pick(0, 0.5, 1), "read-gain": pick(1, 0.5, 0.1),
        "write": pick("state", "provisional"), "credit": credit, "k-top": k_top,
        "k-att": pick(1, 2, 2, 3) if is_long else pick(1, between(1, 8)), "k-trunc": pick(between(1, min(T, 8)), between(1, T), T),
        "mental-updates": pick("on", "off"), "forward": forward, "backward": backward,
        "recompute": pick("on", "off"), "param-scale": pick(0.7, 1, 1.4, 2), "seed": between(0, 10 ** 6), "read-bound": pick(0, 0, 0.3, 2)}
    if options["score"] == "dot" and options["sparsifier"] == "release2019":  # raw products as weights: states explode
        options.update({"param-scale": 0.7, "read-gain": 0.1})
    if is_long:
        options.update({"batch": between(1, 4), "layers": between(1, 2), "k-top": between(1, pick(5, 5, T)),
                        "I": pick(1, options["I"])})  # of few inputs come states that hardly move, and scores that cannot win
        if rng.random() < 0.7:
            options.update({"credit": "sab", "forward": "sparse", "backward": "sparse"})
        if options["score"] == "mlp" and options["sparsifier"] == "release2019":
            # Steps without a new memory often have exactly K memories that can win: with N > K, weights are no raw scores. Two in
            # three see one symbol all the time: of their memories many cannot win, and few are so near each other that rounding might
            # choose.
            options.update({"T": between(150, 180), "k-att": 2, "credit": "sab", "forward": "sparse", "backward": "sparse"})
            if pick(True, True, False):
                options.update({"input": "ids", "I": 1, "layers": 1, "hidden": between(12, 33), "k-top": between(2, 8), "memory-slots": 0,
                                "read-gain": pick(1, 1, 0.5), "read-bound": pick(0, 0.3), "param-scale": pick(1, 1.4, 2)})
    elif rng.random() < 0.15:
        return as_seq2seq(options, pick)
    options = as_carried(options, pick, between) if rng.random() < 0.25 else {**options, "start": pick("on", "off")}
    options.update({"dropout": pick(0, 0, 0.3, 0.6), "dropout-recurrent": pick(0, 0, 0.25, 0.5)})
    options["keep"] = pick("recent", "surprise", "used", "novel", "learned", "learned", "reservoir") if options["memory-slots"] > 0 else "recent"
    options["pool"] = pick("last", "mean", "attention")
    is_sparse = options["forward"] == "sparse" and options["credit"] != "attention"
    options["segments"] = pick(0, between(1, 8), between(1, 20)) if is_sparse and options["memory-slots"] == 0 else 0
    has_memory = options["credit"] == "attention" or (options["credit"] == "sab" and options["k-top"] > 0)
    return as_quantiles(as_layer(options, pick, pick(1, 2) if has_memory else 1), pick)


def as_quantiles(options, pick):
    """The same, of those whose loss is of values one half with that of quantiles."""
    if options["loss"] != "mse" or pick(True, False):
        return options
    levels = pick("0.5", "0.25,0.5", "0.1,0.5,0.9", "0.01,0.1,0.5,0.6,0.99")
    return {**options, "loss": "quantile", "quantiles": levels, "O": pick(1, 2, 3) * len(levels.split(","))}


def as_layer(options, pick, states):
    """The same, in one half with a loss of the caller's, of these without a readout in one half."""
    is_flat = options.get("model") == "transformer" and options["hidden"] < 3  # a norm of two numbers: all rounding
    if pick(True, False) or is_flat:
        return options
    if pick(True, False):
        return {**options, "loss": "none"}
    return {**options, "loss": "none", "readout": "off", "O": states * options["hidden"]}


def as_carried(options, pick, between):
    """The same, of batches that go on from each other: their state has bounded memory and starts from nothing, and memories
    are written at the same steps of each."""
    parts, k_att = between(2, 4), options["k-att"]
    T = max(options["T"] // parts // k_att, 1) * k_att
    slots = between(1, pick(4, max(parts * T // k_att, 1)))
    return {**options, "T": T, "parts": parts, "memory-slots": slots, "zero-memory": "off"}


def as_seq2seq(options, pick):
    """The same, of an encoder-decoder, which has no bound of its memory."""
    return {**options, "memory-slots": 0, "model": "seq2seq", "loss": "cross_entropy", "O": max(options["O"], 2), "layers": 1,
            "decoder-attention": pick("on", "off"), "decoder-feed": pick("own", "labels")}


def draw_transformer(seed, index):
    """The same for `--model transformer`."""
    rng = np.random.default_rng([seed, index])

    def pick(*values):
        return values[rng.integers(len(values))]

    def between(low, high):
        return int(rng.integers(low, high + 1))

    T, loss, heads = pick(between(1, 20), between(40, 110)), pick("cross_entropy", "mse", "bce"), between(1, 4)
    return as_quantiles(as_layer({
        "model": "transformer", "T": T, "batch": between(1, 9), "heads": heads, "hidden": heads * between(1, 12),
        "layers": between(1, 3), "positions": pick("sinusoidal", "learned"), "context": T + between(0, 5),
        "I": between(1, 12), "O": between(2 if loss == "cross_entropy" else 1, 9), "input": pick("ids", "values"),
        "loss": loss, "ragged": pick("on", "off"), "mask": pick("on", "off"), "param-scale": pick(0.7, 1, 1.4, 2),
        "seed": between(0, 10 ** 6)}, pick, 1), pick)


DRAWS = {"recurrent": draw, "transformer": draw_transformer}


def command_line(program, options, path):
    return [program, "check-grad", "--export", path] + [f"--{name}={value}" for name, value in options.items()]


def categories(options):
    """The rows of the table that a configuration belongs to."""
    known = {name.replace("-", "_"): value for name, value in options.items()}
    known.setdefault("model", "recurrent")
    known["length"] = "long" if known["T"] * known.get("parts", 1) >= 90 else "short"
    known["carried"] = "yes" if "parts" in known else "no"
    known["segments"] = "some" if known.get("segments", 0) else "none"
    known["slots"] = "some" if known.get("memory_slots", 0) else "all"
    if "forward" in known:
        known["density"] = f"{known['forward']}/{known['backward']}"
    return [f"{name} {known[name]}" for name in CATEGORIES if name in known]


def agree(options, config, shape):
    """The first option whose value did not arrive in the exported configuration, or None."""
    arrived = {**config, "input": shape["input"], "I": shape["I"], "loss": shape["loss"], "O": shape["O"]}
    for name, value in options.items():
        got = arrived.get(name.replace("-", "_"), value)
        if name in ("T", "batch", "seed", "ragged", "mask", "param-scale", "start", "parts"):
            continue
        wanted = value == "on" if isinstance(got, bool) else value  # a switch, or one of several words
        if got != wanted:
            return f"--{name} {value} arrived as {got}"
    return None


def recompute_differs(program, options, path, answers):
    """Runs with the other --recompute: a sentence when any bit of the answers differs, else None."""
    other = dict(options, recompute="off" if options["recompute"] == "on" else "on")
    done = subprocess.run(command_line(program, other, path), capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        return f"with --recompute={other['recompute']}: exit {done.returncode}: {done.stderr.strip()[-300:]}"
    _, again = problems.load(path)
    if again["loss"] != answers["loss"] or not np.array_equal(again["outputs"], answers["outputs"]):
        return "loss or outputs depend on --recompute"
    for name, gradient in answers["grad"].items():
        if not np.array_equal(gradient, again["grad"][name]):
            return f"the gradient of {name} depends on --recompute"
    return None


def judge(problem, answers):
    """(verdict, worst tensor, errors, note) of one exported problem; verdict is passed, switch, rounding, growth or failed."""
    dtype = next(iter(problem.parameters.values())).dtype
    tolerance = problems.TOLERANCE[dtype]
    truth = problem.solve()
    near = truth["diagnostics"]
    distance = min(near.margin, near.floor_margin)
    errors = problems.relative_errors(answers, truth)
    worst = max(errors, key=errors.get)
    note = f"{errors[worst]:.1e} in {worst}, to a switch {distance:.1e}, least Z {near.min_Z:.1e}, " \
           f"largest key or query {near.largest_key:.1e}"
    note += f", state {near.largest_state:.1e}"
    if errors[worst] <= tolerance:
        return "passed", worst, errors, note
    if not near.largest_state <= LARGEST:
        return "growth", worst, errors, note
    if distance < SWITCH[dtype]:
        return "switch", worst, errors, note
    rounding, moved = problems.condition(problem, truth, dtype)
    note += f", one roundoff of weights and scores moves the answers by {rounding:.1e}, the scores by {moved:.1e}"
    if (rounding > tolerance / 8 and errors[worst] <= 32 * rounding) or min(distance, 1) < 32 * moved:
        return "rounding", worst, errors, note
    return "failed", worst, errors, note


def run_one(job):
    """(index, options, verdict, worst tensor, errors, note, dtype name)."""
    program, seed, index, keep, model = job
    torch.set_num_threads(1)
    options = DRAWS[model](seed, index)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(keep or folder, f"{index}.safetensors")
        try:
            done = subprocess.run(command_line(program, options, path), capture_output=True, text=True, timeout=300)
            is_growth = done.returncode == 1 and "is not finite" in done.stderr and os.path.exists(path)
            if done.returncode != 0 and not is_growth:
                return index, options, "failed", "", {}, f"exit {done.returncode}: {done.stderr.strip()[-300:]}", ""
            problem, answers = problems.load(path)
            dtype = str(next(iter(problem.parameters.values())).dtype)
            wrong = agree(options, problem.config, problem.shape)
            if wrong is None and options["input"] == "values" and "dvalues" not in answers["grad"]:
                wrong = "there is no dvalues"
            if wrong is None and problem.weight.shape != (options["T"], options["batch"]):
                wrong = f"weight is {problem.weight.shape}"
            if wrong is None and index % 4 == 0 and "recompute" in options and not is_growth:
                wrong = recompute_differs(program, options, os.path.join(folder, "other.safetensors"), answers)
            if wrong is not None:
                return index, options, "failed", "", {}, wrong, dtype
            return (index, options) + judge(problem, answers) + (dtype,)
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as problem:
            return index, options, "failed", "", {}, f"{type(problem).__name__}: {problem}", ""


def report(results, program, seed):
    """Prints the table; returns the exit status."""
    verdicts = collections.Counter(verdict for _, _, verdict, *_ in results)
    run, passed, worst = collections.Counter(), collections.Counter(), collections.defaultdict(float)
    for _, options, verdict, _, errors, _, _ in results:
        rows = categories(options)
        rows += ["tensor " + name.split("_l")[0] if "_l" in name else "tensor " + name for name in errors]
        for row in set(rows):
            run[row] += 1
            passed[row] += verdict == "passed"
        if verdict == "passed":
            for row in categories(options):
                worst[row] = max(worst[row], max(errors.values()))
            for name, error in errors.items():
                row = "tensor " + name.split("_l")[0] if "_l" in name else "tensor " + name
                worst[row] = max(worst[row], error)
    print(f"{'category':32} {'run':>5} {'passed':>6}  worst error among the passed")
    for row in sorted(run):
        print(f"{row:32} {run[row]:5} {passed[row]:6}  {worst[row]:.1e}")
    kinds = ", ".join(sorted({dtype for *_, dtype in results if dtype}))
    for index, options, verdict, _, _, note, _ in sorted(results, key=lambda result: result[0]):
        if verdict != "passed":
            line = " ".join(shlex.quote(word) for word in command_line(program, options, "FILE"))
            print(f"\n{verdict}: {note}\n  {line}\n  repeat: --seed {seed} --only {index}")
    overall = max([max(errors.values()) for _, _, verdict, _, errors, _, _ in results if verdict == "passed"],
                  default=math.nan)
    print(f"\n{len(results)} run ({kinds}), {verdicts['passed']} passed, {verdicts['failed']} failed, skipped: "
          f"{verdicts['switch']} at a switch, {verdicts['rounding']} for rounding, "
          f"{verdicts['growth']} for growth; "
          f"worst error of the passed {overall:.1e}")
    return 1 if verdicts["failed"] or verdicts["rounding"] + verdicts["growth"] > len(results) / 10 or not verdicts["passed"] else 0


def main():
    parser = argparse.ArgumentParser(description="compare the program's gradients with the oracle")
    parser.add_argument("program")
    parser.add_argument("--model", choices=sorted(DRAWS), default="recurrent")
    parser.add_argument("--count", type=int, default=560)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, help="run configuration number ONLY alone")
    parser.add_argument("--keep", help="leave the exported files in this folder")
    arguments = parser.parse_args()
    if arguments.keep:
        os.makedirs(arguments.keep, exist_ok=True)
    indices = range(arguments.count) if arguments.only is None else [arguments.only]
    jobs = [(os.path.abspath(arguments.program), arguments.seed, index, arguments.keep, arguments.model) for index in indices]
    with multiprocessing.Pool(arguments.workers) as pool:
        results = list(pool.imap_unordered(run_one, jobs))
    return report(results, arguments.program, arguments.seed)


if __name__ == "__main__":
    sys.exit(main())

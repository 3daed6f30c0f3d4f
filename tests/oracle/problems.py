"""Problems for the oracle: configuration, data and weights, drawn or out of a file; and how near answers are to the truth.

A problem is solved by the oracle of its network, sab_oracle or seq2seq_oracle. Must not know: the program.
"""

import json
import math

import numpy as np
import torch

import sab_oracle
import seq2seq_oracle
import tensorfile


class Problem:
    """Everything that determines a loss and its gradients; arrays are numpy, `parameters` by name in table order.
    scored [T,B]: of an encoder-decoder, where its decoder answers; else None. start: arrays h0, c0 [L,B,H] by name. Where the
    loss is "none", y is the gradient of the outputs that the way back begins with. Of batches that go on from each other
    x [parts*T,B,...] and lengths [parts,B] are of all, fresh [parts,B] says which begin anew, y and weight are the last
    one's, whose loss and outputs are asked for."""

    def __init__(self, config, shape, x, y, weight, lengths, parameters, scored=None, start=None, fresh=None, masks=None):
        self.config, self.shape, self.parameters = config, shape, parameters
        self.x, self.y, self.weight, self.lengths, self.scored = x, y, weight, lengths, scored
        self.start, self.fresh, self.masks = start or {}, fresh, masks or {}

    def masks_like(self, parameters):
        like = next(iter(parameters.values()))
        return {name: torch.from_numpy(mask.astype(np.float64)).to(like.dtype) for name, mask in self.masks.items()}

    def carried(self, config, parameters, x, cut, error):
        """Outputs [T,B,O] of the last batch, sequence by sequence, each from where it last began anew."""
        T, diagnostics, columns = self.weight.shape[0], sab_oracle.Diagnostics(), []
        config = {**sab_oracle.resolve(config, T), "credit": "sab"}
        for b in range(x.shape[1]):
            anew = np.flatnonzero(self.fresh[:, b])
            parts = range(anew[-1] if len(anew) else 0, len(self.lengths))
            lengths = [int(self.lengths[i, b]) for i in parts]
            steps = torch.cat([x[i * T:i * T + n, b:b + 1] for i, n in zip(parts, lengths)])
            masks = {name: mask[:, b:b + 1] for name, mask in self.masks_like(parameters).items()}
            outputs, _ = sab_oracle.forward(config, self.shape, parameters, steps, cut, error, None, lengths, diagnostics, masks)
            rest = outputs.new_zeros(T - lengths[-1], 1, self.shape["O"])
            columns.append(torch.cat([outputs[-lengths[-1]:], rest]))
        return torch.cat(columns, dim=1), diagnostics

    def outputs(self, parameters, x, y, cut, error, start):
        """(outputs that the loss is of, outputs of an evaluation, Diagnostics)."""
        dtype = next(iter(self.parameters.values())).dtype
        config = {**self.config, "key_limit": sab_oracle.KEY_LIMIT[dtype]}
        if self.fresh is not None:
            outputs, diagnostics = self.carried(config, parameters, x, cut, error)
            return outputs, outputs, diagnostics
        if config.get("model") != "seq2seq":
            outputs, diagnostics = sab_oracle.forward(config, self.shape, parameters, x, cut, error, start, masks=self.masks_like(parameters))
            return outputs, outputs, diagnostics
        diagnostics, apart = sab_oracle.Diagnostics(), sab_oracle.Diagnostics()
        given = (config, parameters, x, y, self.weight, self.scored, self.lengths)
        outputs = seq2seq_oracle.forward(*given, "labels", diagnostics, error)
        with torch.no_grad():
            evaluated = seq2seq_oracle.forward(*given, self.config["decoder_feed"], apart, error)
        diagnostics.margin = apart.margin
        return outputs, evaluated, diagnostics

    def solve(self, dtype=torch.float64, cut=torch.Tensor.detach, error=None):
        """{"loss", "outputs", "evaluated_loss", "grad": by name, of weights, dh0, dc0 and, of real x, dvalues, "inside",
        "diagnostics"} computed in dtype, as double arrays; inside [T,B] is true up to each sequence's length. outputs are those of an evaluation."""
        def real(array):
            return torch.from_numpy(array.astype(np.float64)).to(dtype)

        parameters = {name: real(value).requires_grad_() for name, value in self.parameters.items()}
        x = torch.from_numpy(self.x.astype(np.int64)) if self.shape["input"] == "ids" else real(self.x)
        y = torch.from_numpy(self.y.astype(np.int64)) if self.shape["loss"] == "cross_entropy" else real(self.y)
        start = {name: real(value).requires_grad_() for name, value in self.start.items()}
        others = {"d" + name: value for name, value in start.items()}
        if self.shape["input"] == "values":
            others["dvalues"] = x.requires_grad_()
        outputs, evaluated, diagnostics = self.outputs(parameters, x, y, cut, error, start)
        own = self.lengths if self.fresh is None else self.lengths[-1]
        weight, lengths = real(self.weight), torch.from_numpy(own.astype(np.int64))
        levels = self.config.get("quantiles", "0.1,0.5,0.9")
        loss = sab_oracle.loss_of(self.shape, outputs, y, weight, lengths, levels)
        loss.backward()
        grad = {name: (torch.zeros_like(p) if p.grad is None else p.grad).double().numpy()
                for name, p in {**parameters, **others}.items()}
        if "dvalues" in grad:
            grad["dvalues"] = grad["dvalues"][-self.weight.shape[0]:]  # of the last batch
        return {"loss": float(loss.detach()), "outputs": evaluated.detach().double().numpy(), "grad": grad,
                "evaluated_loss": float(sab_oracle.loss_of(self.shape, evaluated.detach(), y, weight, lengths, levels)),
                "inside": np.arange(1, self.weight.shape[0] + 1)[:, None] <= own[None, :],
                "diagnostics": diagnostics}


def load(path):
    """(Problem, answers) of a file that `sab check-grad --export` or make_cases.py wrote; answers are loss, outputs and
    grad as solve returns them. ValueError when the file's tensors are not those the configuration calls for."""
    tensors, metadata = tensorfile.load(path)
    config, shape = json.loads(metadata["config"]), json.loads(metadata["shape"])
    table = sab_oracle.parameter_shapes(config, shape)
    found = {name[6:]: array.shape for name, array in tensors.items() if name.startswith("param.")}
    if found != table:
        raise ValueError(f"{path}: parameters {found}, expected {table}")
    T, B = tensors["weight"].shape
    answer = "doutputs" if shape["loss"] == "none" else "y"
    parts = tensors["fresh"].shape[0] if "fresh" in tensors else 1
    expected = {"x": (parts * T, B) if shape["input"] == "ids" else (parts * T, B, shape["I"]),
                answer: (T, B) if shape["loss"] == "cross_entropy" else (T, B, shape["O"]),
                "lengths": (parts, B) if parts > 1 else (B,), "outputs": (T, B, shape["O"]), "loss": (1,)}
    expected.update({f"grad.{name}": size for name, size in table.items()})
    state = (config["layers"], B, config["hidden"])
    start = {name: tensors[name] for name in ("h0", "c0") if name in tensors}
    others = {"d" + name: state for name in start}
    expected.update({name: state for name in start})
    if shape["input"] == "values" and "dvalues" in tensors:  # committed cases have none
        others["dvalues"] = (T, B, shape["I"])
    expected.update(others)
    expected.update({name: state for name, option in (("output_mask", "dropout"), ("state_mask", "dropout_recurrent")) if config.get(option, 0) > 0})
    for name, size in expected.items():
        if name not in tensors or tensors[name].shape != size:
            raise ValueError(f"{path}: tensor {name} is missing or not {size}")
    masks = {name: tensors[name] for name in ("output_mask", "state_mask") if name in tensors}
    problem = Problem(config, shape, tensors["x"], tensors[answer], tensors["weight"], tensors["lengths"],
                      {name: tensors[f"param.{name}"] for name in table}, tensors.get("scored"), start, tensors.get("fresh"), masks)
    answers = {"loss": float(tensors["loss"][0]), "outputs": tensors["outputs"].astype(np.float64),
               "grad": {name: tensors[f"grad.{name}" if name in table else name].astype(np.float64) for name in [*table, *others]}}
    return problem, answers


def save(path, problem, answers, version):
    """Writes a problem and its answers in the layout of `sab check-grad --export`, numbers as float64."""
    tensors = {
        "x": problem.x.astype(np.int32 if problem.shape["input"] == "ids" else np.float64),
        "y": problem.y.astype(np.int32 if problem.shape["loss"] == "cross_entropy" else np.float64),
        "weight": problem.weight.astype(np.float64), "lengths": problem.lengths.astype(np.int32),
        "outputs": answers["outputs"], "loss": np.array([answers["loss"]])}
    tensors.update({f"param.{name}": value.astype(np.float64) for name, value in problem.parameters.items()})
    tensors.update({f"grad.{name}": answers["grad"][name] for name in problem.parameters})
    if problem.scored is not None:  # bytes come last: all before are aligned
        tensors["evaluated_loss"] = np.array([answers["evaluated_loss"]])
        tensors["scored"] = problem.scored.astype(np.uint8)
    tensorfile.save(path, tensors, {"config": json.dumps(problem.config), "shape": json.dumps(problem.shape),
                                    "version": version})


def random(config, shape, T, B, seed, scale=1.0, ragged=False, mask=False):
    """A problem drawn from the seed. All numbers are exact in float, so that a float build sees the same problem."""
    rng = np.random.default_rng(seed)

    def single(array):
        return np.asarray(array).astype(np.float32).astype(np.float64)

    bound = scale / math.sqrt(config["hidden"])
    parameters = {name: single(rng.uniform(-bound, bound, size)) for name, size in
                  sab_oracle.parameter_shapes(config, shape).items()}
    x = (rng.integers(0, shape["I"], (T, B)) if shape["input"] == "ids"
         else single(rng.uniform(-1, 1, (T, B, shape["I"]))))
    y = (rng.integers(0, shape["O"], (T, B)) if shape["loss"] == "cross_entropy"
         else single(rng.uniform(0 if shape["loss"] == "bce" else -1, 1, (T, B, shape["O"]))))
    lengths = rng.integers(1, T + 1, B) if ragged else np.full(B, T)
    weight = np.ones((T, B))
    if mask:
        weight = single(rng.integers(0, 2, (T, B)) * np.where(rng.random((T, B)) < 0.5, 1.0, rng.random((T, B))))
        weight[0, 0] = 1.0
    scored = None
    if config.get("model") == "seq2seq":  # the first three quarters are source in most
        scored = np.arange(T)[:, None] >= np.minimum(rng.integers(0, T + 1, B), 3 * T // 4)[None, :]
    return Problem(config, shape, x, y, weight, lengths, parameters, scored)


# ---- comparison ---------------------------------------------------------------------------------------------------

UNIT = {np.dtype(np.float32): 2.0 ** -24, np.dtype(np.float64): 2.0 ** -53}  # unit roundoff of a build's numbers
TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-10}
TINY = 3e-3


def relative_errors(answers, truth):
    """Compares answers with the truth that solve returned: {"loss", "outputs",
    "grad.NAME": error}, error = max|a-b| / max(max|b|, tiny) over the tensor, b the truth.

    tiny = TINY * scale. For gradients scale is the largest |gradient| of all tensors: a tensor whose gradients are much
    smaller than those it shares the sums ds, dh with is a difference of larger numbers (with K = 1 and relu, of equal
    ones) and knows itself to their rounding only. TINY is float's unit roundoff over its tolerance, so no element is
    asked to be nearer than one roundoff of the largest gradient; in double it asks for 3e-13 of that.
    For loss and outputs scale is 1, the size of the terms they are sums of. Outputs are compared up to each sequence's
    length. A value that is not finite is an infinite error; where the truth is zero everywhere only zeros pass."""
    def error(a, b, scale):
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            return math.inf
        size = max(np.abs(b).max(), TINY * scale)
        difference = np.abs(a - b).max()
        return float(difference / size) if size > 0 else (0.0 if difference == 0 else math.inf)

    inside = truth["inside"]
    largest = max(np.abs(b).max() for b in truth["grad"].values())
    errors = {"loss": error(np.array([answers["loss"]]), np.array([truth["loss"]]), 1.0),
              "outputs": error(answers["outputs"][inside], truth["outputs"][inside], 1.0)}
    for name, b in truth["grad"].items():
        if name in answers["grad"]:  # committed cases have those of weights alone
            errors[f"grad.{name}"] = error(answers["grad"][name], b, largest)
    return errors


def condition(problem, truth, dtype):
    """(worst relative error, largest change of a score) when each weight, and all that forward adds an error to, by as much as
    its terms are large, moves by one unit roundoff of dtype, up or down at random: what rounding does to this problem whoever
    computes it. Measured with a smaller move, which crosses no selection switch, and scaled."""
    move = 2.0 ** -40
    rng = np.random.default_rng(0)

    def error(size):
        return size * move * torch.from_numpy(rng.choice([-1.0, 1.0], tuple(size.shape)))

    moved = Problem(problem.config, problem.shape, problem.x, problem.y, problem.weight, problem.lengths,
                    {name: value.astype(np.float64) * (1 + move * rng.choice([-1.0, 1.0], value.shape))
                     for name, value in problem.parameters.items()}, problem.scored, problem.start, problem.fresh).solve(error=error)
    scale = UNIT[dtype] / move
    change = max([float((a - b).abs().max()) for (_, _, a, _), (_, _, b, _)
                  in zip(moved["diagnostics"].reads, truth["diagnostics"].reads)], default=0.0)
    return max(relative_errors(moved, truth).values()) * scale, change * scale

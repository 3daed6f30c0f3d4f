"""Training of an estimator's model: batches, a look at the validation part now and then, the best weights.

Must not know: what the sequences are, and what the answers mean.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping, Optional, Sequence

import numpy as np

from .._batch import Array
from ..errors import InvalidError
from ..model import Metrics, Model
from ..trainer import Event, Trainer
from .parameters import NotFittedError, Parameters
from .sequences import Scale, Sequences, as_sequences, describe, padded

Batch = Mapping[str, Any]


def train(model: Model, parameters: Parameters, draw: Callable[[int], Batch],
          valid: Sequence[Batch]) -> dict[str, Array]:
    """Trains, leaves the weights that were best by the loss on the batches `valid` (the last, where there are none) in
    the model, and gives what was measured back: arrays "step" and "loss"."""
    trainer = Trainer(model)
    best: dict[str, Array] = {}
    history: dict[str, list[float]] = {"step": [], "loss": []}
    waited = 0

    def measure() -> Metrics:
        total, weight = 0.0, 0.0
        for batch in valid:
            found = trainer.engine.forward(tape=False, **batch)[1]
            total, weight = total + found.loss * found.weight, weight + found.weight
        return Metrics(total / weight, float("nan"), float("nan"), weight, 0)

    def watch(event: Event) -> bool:
        nonlocal waited
        history["step"].append(event.step)
        history["loss"].append(event.metrics.loss)
        waited = 0 if event.best else waited + 1
        if event.best:
            best.update({name: tensor.copy() for name, tensor in model.tensors.items()})
        return 0 < parameters.patience <= waited

    trainer.train(draw, int(parameters.steps), validate=measure if valid else None,
                  eval_every=int(parameters.eval_every),
                  on_evaluation=watch)
    for name, tensor in best.items():
        model.tensors[name][...] = tensor
    return {"step": np.array(history["step"], np.int64), "loss": np.array(history["loss"])}


def passes(count: int, batch: int, rng: np.random.Generator) -> Iterator[Array]:
    """Numbers of sequences for each update: all of them, `batch` at a time, in a new order in each pass."""
    while True:
        order = rng.permutation(count)
        for begin in range(0, count, batch):
            yield order[begin:begin + batch]


class Fitted:
    """What estimators of whole sequences share: one answer for each, given at its last step."""

    model_: Model
    """the network"""
    history_: dict[str, Array]
    """arrays "step" and "loss", on the validation part"""
    n_features_in_: int
    """I, the columns of a sequence"""

    @property
    def _recorded(self) -> Model:
        """The model, for sab_rnn.record too."""
        if not hasattr(self, "model_"):
            raise NotFittedError(f"this {type(self).__name__} has not been fitted yet: call fit first")
        return self.model_

    def _fit_sequences(self, parameters: Parameters, found: Sequences, answers: Array, weight: Array, valid: Array,
                       loss: str, rng: np.random.Generator) -> None:
        """answers [n,O] values or [n] classes, weight [n] shares in the loss, valid [n] True in the validation part."""
        key = "labels" if answers.ndim == 1 else "targets"
        values, learned = found.values, np.flatnonzero(~valid)
        self._scale = Scale([values[i] for i in learned], parameters.standardise)
        self._columns, self.n_features_in_ = found.columns, values[0].shape[1]
        outputs = int(answers.max()) + 1 if answers.ndim == 1 else answers.shape[1]
        model = Model(self.n_features_in_, outputs, loss=loss, **parameters.network_options(int(rng.integers(2**31))))

        def batch(which: Array) -> Batch:
            x, lengths = padded([self._scale.apply(values[i]) for i in which])
            asked = np.zeros((*x.shape[:2], *answers.shape[1:]), answers.dtype)
            shares, columns = np.zeros(x.shape[:2], np.float32), np.arange(len(which))
            asked[lengths - 1, columns], shares[lengths - 1, columns] = answers[which], weight[which]
            return {"x": x, key: asked, "weight": shares, "lengths": lengths}

        order = passes(len(learned), int(parameters.batch), rng)
        self.history_ = train(model, parameters, lambda _: batch(learned[next(order)]),
                              [batch(part) for part in in_parts(np.flatnonzero(valid), int(parameters.batch))])
        self.model_ = model

    def _answers(self, X: Any, parameters: Parameters) -> Array:
        """[n,O] outputs at the last step of each sequence."""
        model, found = self._recorded, as_sequences(X)
        named = self._columns and found.columns
        if found.values[0].shape[1] != self.n_features_in_ or (named and found.columns != self._columns):
            had = f"the columns {', '.join(self._columns)}" if self._columns else f"{self.n_features_in_} columns"
            raise InvalidError(f"X has {describe(found.values[0], found.columns)}; the training data had {had}")
        answers = np.empty((len(found.values), model.outputs), np.float64)
        for part in in_parts(np.argsort([len(values) for values in found.values], kind="stable"), 64):
            x, lengths = padded([self._scale.apply(found.values[i]) for i in part])
            outputs, _ = model.evaluate(x, lengths=lengths, threads=parameters.threads)
            answers[part] = outputs[lengths - 1, np.arange(len(part))]
        return answers


def in_parts(which: Array, size: int) -> list[Array]:
    """The same, `size` at a time; none for none."""
    return [which[begin:begin + size] for begin in range(0, len(which), size)]

"""What a network remembered: the reads of its steps, with weight and gradient flow, as arrays, as a table and as a map.

Steps count from 0, as arrays do: step t is outputs[t]. (The program `sab recall` counts from 1.)
Must not know: how reads are made.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Iterator, NamedTuple, Optional, Sequence

import numpy as np

from ._batch import Array, Batch
from ._library import Callback, Library
from .errors import InvalidError

if TYPE_CHECKING:
    from .model import Model

READ = "void(void *, int, int, int, int, const int32_t *, const sab_real *, const sab_real *)"


class Map(NamedTuple):
    """Means over sequences. values [len(steps), len(recalled)]: what each step recalled of each past one, NaN where
    there is nothing that could have been recalled or no sequence is as long."""

    values: Array
    steps: Array
    recalled: Array


class _Call:
    """The reads of one forward, or of one gradient, as the library told them."""

    def __init__(self, lengths: Array, layers: int, real: np.dtype[Any]) -> None:
        self.lengths, self.layers, self.real = lengths, layers, real
        self.heads: list[tuple[int, int, int, int]] = []  # layer, step from 1, sequence, entries
        self.when, self.weights = bytearray(), bytearray()
        self.flow_heads: list[tuple[int, int, int, int]] = []
        self.flows = bytearray()
        self.went_back = False

    def columns(self) -> dict[str, Array]:
        """One row for each memory that a step recalled."""
        heads = np.array(self.heads, np.int32).reshape(-1, 4)
        layer, step, sequence = (np.repeat(heads[:, i], heads[:, 3]) for i in range(3))
        found = {"layer": layer, "sequence": sequence, "step": step - 1,
                 "recalled": np.frombuffer(bytes(self.when), np.int32) - 1,
                 "weight": np.frombuffer(bytes(self.weights), self.real)}
        found["flow"] = self._flow(layer, step, sequence)
        return found

    def _flow(self, *place: Array) -> Array:
        """The flow of each row: 0 where no gradient arrived, NaN where none was sent."""
        count = len(place[0])
        if not self.went_back:
            return np.full(count, np.nan, self.real)
        flow = np.zeros(count, self.real)
        heads = np.array(self.flow_heads, np.int32).reshape(-1, 4)
        there = self._key(*(np.repeat(heads[:, i], heads[:, 3]) for i in range(3)))
        here = self._key(*place)
        to, of = np.argsort(here, kind="stable"), np.argsort(there, kind="stable")
        flow[to[np.isin(here[to], there)]] = np.frombuffer(bytes(self.flows), self.real)[of]
        return flow

    def _key(self, layer: Array, step: Array, sequence: Array) -> Array:
        steps = int(self.lengths.max(initial=0)) + 1
        return (layer.astype(np.int64) * steps + step) * len(self.lengths) + sequence


class Reads:
    """What was recalled while it was recorded: arrays with one row for each memory that a step recalled.

    call: which forward, from 0. layer, sequence: which, from 0. step: the one that recalled, from 0. recalled: the step
    that it recalled; negative: before this forward began, in the state that it was given, or the memory of zeros.
    weight: its share in the read. flow: the norm of the gradient that the recalled state received through this read, 0
    where none arrived, NaN unless there was a way back.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._changed()

    def _changed(self) -> None:
        self.__dict__.pop("_columns", None)

    @cached_property
    def _columns(self) -> dict[str, Array]:
        parts = [call.columns() for call in self._calls]
        if not parts:
            parts = [_Call(np.zeros(0, np.int32), 1, np.dtype(np.float32)).columns()]
        numbers = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part["step"]) for part in parts])
        return {"call": numbers, **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]}}

    call = property(lambda self: self._columns["call"])
    layer = property(lambda self: self._columns["layer"])
    sequence = property(lambda self: self._columns["sequence"])
    step = property(lambda self: self._columns["step"])
    recalled = property(lambda self: self._columns["recalled"])
    weight = property(lambda self: self._columns["weight"])
    flow = property(lambda self: self._columns["flow"])

    def __len__(self) -> int:
        return len(self._columns["step"])

    def lengths(self, call: int = 0) -> Array:
        """[B] steps of the sequences of a forward."""
        return self._calls[call].lengths

    def frame(self) -> Any:
        """The arrays as a pandas.DataFrame."""
        import pandas
        return pandas.DataFrame(dict(self._columns))

    def map(self, by: str = "weight", *, layer: int = -1, sequence: Optional[int] = None,
            call: Optional[int] = None) -> Map:
        """Which steps looked where: the mean of "weight" or "flow" over the sequences that are as long as the step, of
        all calls or of one, of all sequences or of one; layer -1 is the last."""
        chosen = range(len(self._calls)) if call is None else [call]
        if by not in ("weight", "flow"):
            raise InvalidError(f"by {by!r}: weight or flow")
        if not len(self):
            raise InvalidError("nothing was recalled: was there a forward within `with record(...)`, and is k_top "
                               "above 0?")
        if by == "flow" and not any(self._calls[i].went_back for i in chosen):
            raise InvalidError("no gradient flowed: there was no way back within `with record(...)`")
        lengths = [self._calls[i].lengths if sequence is None else self._calls[i].lengths[[sequence]] for i in chosen]
        ends = np.concatenate(lengths)
        layers = self._calls[chosen[0]].layers
        if not -layers <= layer < layers:
            raise InvalidError(f"layer {layer}: the network has {layers}, 0 to {layers - 1}")
        take = np.isin(self.call, chosen) & (self.layer == layer % layers)
        if sequence is not None:
            take &= self.sequence == sequence
        T = int(ends.max(initial=0))
        there = (ends[:, None] > np.arange(T)).sum(0)
        first = min(0, int(self.recalled[take].min(initial=0)))
        values = np.zeros((T, T - first))
        np.add.at(values, (self.step[take], self.recalled[take] - first), getattr(self, by)[take])
        values /= there[:, None]
        recalled = np.arange(first, T)
        values[recalled[None, :] >= np.arange(T)[:, None]] = np.nan
        return Map(values, np.arange(T), recalled)

    def plot(self, path: Optional[str | os.PathLike[str]] = None, *, by: str = "weight", layer: int = -1,
             sequence: Optional[int] = None, call: Optional[int] = None, steps: Optional[Sequence[int]] = None,
             ax: Any = None) -> Any:
        """Draws the map with matplotlib: a row for each step (of `steps`, or all), a column for each step recalled; the
        axes are given back. path: written there, as vectors if it ends in .pdf or .svg. by, layer, sequence, call: as
        in map."""
        from ._plot import draw
        return draw(self.map(by, layer=layer, sequence=sequence, call=call), by, steps, ax, path)

    @contextmanager
    def _weights(self, build: Library, batch: Batch) -> Iterator[tuple[int, Any]]:
        """Takes down the reads of a forward: (its number, what the library calls)."""
        with self._listen(build, batch, False) as told:
            yield told

    @contextmanager
    def _both(self, build: Library, batch: Batch) -> Iterator[tuple[int, Any]]:
        """The same of a gradient made at once: reads with their flow, but for those that no gradient reaches."""
        with self._listen(build, batch, True) as told:
            yield told

    @contextmanager
    def _listen(self, build: Library, batch: Batch, back: bool) -> Iterator[tuple[int, Any]]:
        call = _Call(batch.lengths(), batch.layers, build.real)
        call.went_back = back
        size, buffer = build.real.itemsize, build.ffi.buffer

        def read(_: Any, layer: int, t: int, b: int, n: int, when: Any, alpha: Any, flow: Any) -> None:
            call.heads.append((layer, t, b, n))
            call.when += buffer(when, 4 * n)
            call.weights += buffer(alpha, size * n)
            if back:
                call.flow_heads.append((layer, t, b, n))
                call.flows += buffer(flow, size * n)

        with Callback(build, READ, read) as callback:
            yield len(self._calls), build.sized("struct sab_recall", read=callback.handle)
        self._calls.append(call)
        self._changed()

    @contextmanager
    def _flows(self, build: Library, number: int) -> Iterator[tuple[int, Any]]:
        """Takes down the flows of the way back of a forward that was recorded."""
        call = self._calls[number]
        call.flow_heads, call.flows, call.went_back = [], bytearray(), True
        size, buffer = build.real.itemsize, build.ffi.buffer

        def read(_: Any, layer: int, t: int, b: int, n: int, _when: Any, _alpha: Any, flow: Any) -> None:
            call.flow_heads.append((layer, t, b, n))
            call.flows += buffer(flow, size * n)

        with Callback(build, READ, read) as callback:
            yield number, build.sized("struct sab_recall", read=callback.handle)
        self._changed()


def _model_of(target: Any) -> Model:
    """The model through which a model, an engine, a trainer or a layer for PyTorch computes."""
    from .model import Model
    model = target
    for name in ("_recorded", "model"):
        model = getattr(model, name, model)
    if not isinstance(model, Model):
        raise InvalidError(f"record: a {type(target).__name__}; a Model, an Engine, a Trainer, an estimator or a "
                           "sab_rnn.torch.SAB is wanted")
    return model


@contextmanager
def record(target: Any) -> Iterator[Reads]:
    """Records what is recalled: `with sab_rnn.record(layer) as reads: ...`, and then `reads.weight`, `reads.frame()`,
    `reads.plot()`.

    target: a Model, an Engine, a Trainer, or a sab_rnn.torch.SAB. Forwards within add reads, and their ways back the
    gradient flow, then and later. They take one thread, and some memory for each read: T x B x k_top x layers numbers.
    """
    model, reads = _model_of(target), Reads()
    if model._reads is not None:
        raise InvalidError("record: this model is being recorded already")
    model._reads = reads
    try:
        yield reads
    finally:
        model._reads = None

"""What there is to learn: batches of the library's tasks as NumPy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidError
from .options import Options, documented

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._keywords import OptionValues
    from .model import Model

SPLITS = ("train", "valid", "test")


class Task:
    """The task that the options name: `Task(task="copy", T=20)`, `Task(task="csv", data="load.csv", targets="load")`.

    ids says whether inputs are symbols, inputs and outputs how many there are, steps how many a sequence has at most.
    FileError and FormatError name the file and the place in it.
    """

    @documented("task", "data")
    def __init__(self, precision: str = "float", **options: Unpack[OptionValues]) -> None:
        """precision: of the numbers, "float" or "double"."""
        self._open(Options(precision, **options), None)

    @classmethod
    def of(cls, model: Model, /, **options: Unpack[OptionValues]) -> Task:
        """The task that a model was trained on, as its data were understood then: `Task.of(model, T=400)`, or over
        other files: `Task.of(model, data="", test_data="new.csv")`."""
        task, chosen = cls.__new__(cls), Options._clone(model._build, model._build.lib.sab_model_options(model._handle))
        chosen.update(**options)
        task._open(chosen, model._build.lib.sab_model_facts(model._handle))
        return task

    def _open(self, options: Options, facts: Optional[Any]) -> None:
        self._options = options
        self._build = build = self._options._build
        out = build.ffi.new("struct sab_task **")
        build.call(build.lib.sab_task_create, out, self._options._handle, build.ffi.NULL if facts is None else facts)
        self._handle = build.own(out[0], build.lib.sab_task_free)
        self._shape = build.lib.sab_task_shape(self._handle)
        self.ids: bool = self._shape.input == build.lib.SAB_INPUT_IDS
        self.inputs: int = self._shape.I
        self.outputs: int = self._shape.O
        self.steps: int = build.lib.sab_task_steps(self._handle)

    def batches(self, B: int, split: str = "train") -> int:
        """Batches of B sequences in one pass over the split, which is "train", "valid" or "test"; 0 where it has no
        end."""
        return int(self._build.lib.sab_task_batches(self._handle, split_number(split), B))

    def _batch(self, index: int, B: int, split: str) -> Any:
        """The library's struct, over arrays that hold until the next call."""
        batch = self._build.sized("struct sab_batch")
        self._build.call(self._build.lib.sab_task_batch, self._handle, split_number(split), index, B, batch)
        return batch

    def batch(self, index: int, B: int, split: str = "train") -> dict[str, NDArray[Any]]:
        """Batch number index of B sequences, a pure function of options, files, split, index and B; copies of what the
        batch has of ids [T,B], values [T,B,I], labels [T,B], targets [T,B,O], weight [T,B], scored [T,B], lengths [B],
        fresh [B]."""
        build, batch = self._build, self._batch(index, B, split)
        T, real = batch.T, build.real
        shapes: dict[str, tuple[tuple[int, ...], Any]] = {
            "ids": ((T, B), np.int32), "values": ((T, B, self.inputs), real), "labels": ((T, B), np.int32),
            "targets": ((T, B, self.outputs), real), "weight": ((T, B), real), "scored": ((T, B), np.uint8),
            "lengths": ((B,), np.int32), "fresh": ((B,), np.uint8)}
        found = {}
        for name, (shape, dtype) in shapes.items():
            pointer = getattr(batch, name)
            if pointer != build.ffi.NULL:
                nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
                found[name] = np.frombuffer(bytes(build.ffi.buffer(pointer, nbytes)), dtype).reshape(shape).copy()
        return found


def split_number(split: str) -> int:
    """The library's number of a part of the data; InvalidError where it has no such name."""
    if split not in SPLITS:
        raise InvalidError(f"split {split!r}: one of {', '.join(SPLITS)}")
    return SPLITS.index(split)

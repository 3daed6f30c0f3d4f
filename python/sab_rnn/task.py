"""What there is to learn: batches of the library's tasks as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidError
from .options import Options

SPLITS = ("train", "valid", "test")


class Task:
    """The task that the options name: `Task(task="copy", T=20)`, `Task(task="csv", data="load.csv", targets="load")`.

    ids says whether inputs are symbols, inputs and outputs how many there are, loss which fits.
    """

    def __init__(self, precision: str = "float", **options: Any) -> None:
        self._options = Options(precision, **options)
        self._build = build = self._options._build
        out = build.ffi.new("struct sab_task **")
        build.call(build.lib.sab_task_create, out, self._options._handle, build.ffi.NULL)
        self._handle = build.own(out[0], build.lib.sab_task_free)
        self._shape = build.lib.sab_task_shape(self._handle)
        self.ids: bool = self._shape.input == build.lib.SAB_INPUT_IDS
        self.inputs: int = self._shape.I
        self.outputs: int = self._shape.O
        self.steps: int = build.lib.sab_task_steps(self._handle)

    def batch(self, index: int, B: int, split: str = "train") -> dict[str, NDArray[Any]]:
        """Batch number index of B sequences, a pure function of options, files, split, index and B; copies of what the batch has
        of ids [T,B], values [T,B,I], labels [T,B], targets [T,B,O], weight [T,B], scored [T,B], lengths [B], fresh [B]."""
        if split not in SPLITS:
            raise InvalidError(f"split {split!r}: one of {', '.join(SPLITS)}")
        build, batch = self._build, self._build.sized("struct sab_batch")
        build.call(build.lib.sab_task_batch, self._handle, SPLITS.index(split), index, B, batch)
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

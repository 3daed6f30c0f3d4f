"""A model, and the engine that runs it forward and back, with NumPy arrays in and out.

Dimensions: T steps, B sequences, I inputs, H hidden, O outputs; [T,B,I] is time, then sequence, then input.
Must not know: PyTorch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import options as _options
from ._library import Library, library, threads_here
from .errors import InvalidError
from .stream import Stream
from .task import Task

Array = NDArray[Any]
LOSSES = ("cross_entropy", "mse", "bce", "none", "quantile")


class Metrics(NamedTuple):
    """What a batch gave: see struct sab_metrics in sab.h. NaN where a figure does not apply."""

    loss: float
    accuracy: float
    mse: float
    weight: float
    scored: int


class Model:
    """Weights and the options they were made with: `Model(2, 10, loss="mse", hidden=32, k_top=5)`.

    inputs: width of the input vectors, or with `ids` the number of symbols. outputs: how many; with readout="off" H, or 2 H
    where what was recalled stands beside the hidden state. loss: "cross_entropy", "mse", "bce", "none" or
    "quantile". precision:
    "float" or "double". Other keywords are options (`option_table`), which decide the shape and how credit travels.
    """

    def __init__(self, inputs: int, outputs: int, *, loss: str = "cross_entropy", ids: bool = False,
                 precision: str = "float", **options: Any) -> None:
        if loss not in LOSSES:
            raise InvalidError(f"loss {loss!r}: one of {', '.join(LOSSES)}")
        build = library(precision)
        chosen = _options.Options(precision, **options)
        kind = build.lib.SAB_INPUT_IDS if ids else build.lib.SAB_INPUT_VALUES
        shape = build.sized("struct sab_shape", input=kind, I=inputs, loss=LOSSES.index(loss), O=outputs)
        out = build.ffi.new("struct sab_model **")
        build.call(build.lib.sab_model_create, out, chosen._handle, shape)
        self._adopt(build, out[0])

    @classmethod
    def for_task(cls, precision: str = "float", **options: Any) -> Model:
        """A model with the inputs, outputs and loss of the task that the options name, and what must be known of its data."""
        task = Task(precision, **options)
        build, out = task._build, task._build.ffi.new("struct sab_model **")
        build.call(build.lib.sab_task_settle, task._handle, task._options._handle)
        build.call(build.lib.sab_model_create, out, task._options._handle, task._shape)
        model = cls.__new__(cls)
        model._adopt(build, out[0])
        build.call(build.lib.sab_model_set_facts, model._handle, build.lib.sab_task_facts(task._handle))
        return model

    def _adopt(self, build: Library, handle: Any) -> None:
        self._build, self.precision = build, build.precision
        self._handle = build.own(handle, build.lib.sab_model_free)
        shape = build.lib.sab_model_shape(self._handle)
        self.ids: bool = shape.input == build.lib.SAB_INPUT_IDS
        self.inputs: int = shape.I
        self.outputs: int = shape.O
        self.loss: str = LOSSES[shape.loss]
        self.layers, self.hidden = int(self.option("layers")), int(self.option("hidden"))
        flat = build.lib.sab_model_flat(self._handle)
        self._theta = flat.theta
        theta = self._view(flat.theta, flat.count)
        self.parameter_count: int = flat.count
        self.slices: dict[str, tuple[slice, tuple[int, ...]]] = {}
        self.tensors: dict[str, Array] = {}
        for i in range(build.lib.sab_model_tensor_count(self._handle)):
            tensor = build.lib.sab_model_tensor(self._handle, i)
            name = build.ffi.string(tensor.name).decode()
            start = tensor.data - flat.theta
            where, shape_of = slice(start, start + tensor.count), tuple(tensor.shape[0:tensor.ndim])
            self.slices[name] = where, shape_of
            self.tensors[name] = theta[where].reshape(shape_of)

    def _view(self, pointer: Any, count: int) -> Array:
        """The library's own numbers as an array that keeps the model alive."""
        keep = _Memory(self._handle, int(self._build.ffi.cast("uintptr_t", pointer)), count, self._build.real)
        return np.asarray(keep)

    @classmethod
    def load(cls, path: str | os.PathLike[str], precision: str = "float") -> Model:
        """The model in a file of `sab train`, or in its run's folder. FileError, FormatError."""
        where = Path(path)
        if where.is_dir():
            where /= "model.safetensors"
        build = library(precision)
        out = build.ffi.new("struct sab_model **")
        build.call(build.lib.sab_model_load, out, os.fsencode(where))
        model = cls.__new__(cls)
        model._adopt(build, out[0])
        return model

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes model.safetensors, atomically; `sab eval` reads it where the options name a task."""
        self._build.call(self._build.lib.sab_model_save, self._handle, os.fsencode(path))

    def option(self, name: str) -> str:
        """An option of the model as text: `model.option("k_top")`."""
        return _options._get(self._build, self._build.lib.sab_model_options(self._handle), name)

    def digest(self) -> str:
        """32 hexadecimal digits over all weights, as `sab train` prints them."""
        text = self._build.ffi.new("char[33]")
        self._build.lib.sab_model_digest(self._handle, text)
        return str(self._build.ffi.string(text).decode())

    def evaluate(self, x: ArrayLike, *, labels: Optional[ArrayLike] = None, targets: Optional[ArrayLike] = None,
                 weight: Optional[ArrayLike] = None, scored: Optional[ArrayLike] = None,
                 lengths: Optional[ArrayLike] = None, threads: int = 0) -> tuple[Array, Metrics]:
        """(outputs [T,B,O], metrics) of x: values [T,B,I] or ids [T,B]. labels [T,B] or targets [T,B,O] make the loss,
        weight [T,B] its shares; accuracy counts where scored [T,B] is not 0; lengths [B]."""
        outputs, metrics, _ = Engine(self, threads).forward(x, labels=labels, targets=targets, weight=weight,
                                                            scored=scored, lengths=lengths, tape=False)
        return outputs, metrics


class _Memory:
    """Numbers at an address, for NumPy, and what keeps them alive."""

    def __init__(self, owner: Any, address: int, count: int, real: np.dtype[Any]) -> None:
        self.owner = owner
        self.__array_interface__ = {"version": 3, "shape": (count,), "typestr": real.str, "data": (address, False)}


class Tape:
    """What a forward left for its way back. The arrays given to the forward must stay as they are while it lives."""

    def __init__(self, engine: Engine, handle: Any, arrays: list[Array], shape: tuple[int, int]) -> None:
        self._engine, self._shape = engine, shape
        self._handle = engine._build.own(handle, engine._build.lib.sab_tape_free, engine._handle, arrays)

    def backward(self, doutputs: Optional[ArrayLike] = None, *, inputs: bool = False, state: bool = False) -> Gradients:
        """From the gradient of the outputs [T,B,O] (None: the model's own loss) those of the weights and, where asked for,
        of the input values and of h0, c0. They are SAB's: cut between windows but for what was recalled."""
        engine, model, build = self._engine, self._engine.model, self._engine._build
        T, B = self._shape
        d = None if doutputs is None else _checked("doutputs", doutputs, build.real, (T, B, model.outputs))
        flat = np.zeros(model.parameter_count, build.real)
        states = (model.layers, B, model.hidden)
        dx = np.empty((T, B, model.inputs), build.real) if inputs else None
        dh0 = np.empty(states, build.real) if state else None
        dc0 = np.empty(states, build.real) if state and model.option("cell") == "lstm" else None
        request = build.sized("struct sab_request")
        for name, array in (("doutputs", d), ("grads", flat), ("dvalues", dx), ("dh0", dh0), ("dc0", dc0)):
            setattr(request, name, build.pointer("sab_real *", array))
        build.call(build.lib.sab_tape_backward, self._handle, request)
        return Gradients({name: flat[where].reshape(shape) for name, (where, shape) in model.slices.items()}, dx, dh0, dc0)


class Gradients(NamedTuple):
    """Gradients of the weights by name, of the input values [T,B,I], and of the initial state [layers,B,H]."""

    weights: dict[str, Array]
    inputs: Optional[Array]
    h0: Optional[Array]
    c0: Optional[Array]


class Engine:
    """What computes with a model: activations and threads. Several may share one model; each is for one thread at a time.

    threads: how many at most, 0 for one per processor; in a process that was forked, always 1.
    """

    def __init__(self, model: Model, threads: int = 0) -> None:
        self.model, self._build = model, model._build
        out = self._build.ffi.new("struct sab_engine **")
        self._build.call(self._build.lib.sab_engine_create, out, model._handle, threads_here(threads))
        self._handle = self._build.own(out[0], self._build.lib.sab_engine_free, model._handle)

    def forward(self, x: ArrayLike, *, labels: Optional[ArrayLike] = None, targets: Optional[ArrayLike] = None,
                weight: Optional[ArrayLike] = None, scored: Optional[ArrayLike] = None,
                lengths: Optional[ArrayLike] = None, h0: Optional[ArrayLike] = None,
                c0: Optional[ArrayLike] = None, hn: Optional[Array] = None, cn: Optional[Array] = None,
                stream: Optional[Stream] = None, tape: bool = True) -> tuple[Array, Metrics, Optional[Tape]]:
        """(outputs [T,B,O], metrics, tape). x and the rest as in Model.evaluate; sequences begin with h0 and c0
        [layers,B,H], 0 unless given, or with the stream's state, which goes on. hn and cn [layers,B,H], where given, are overwritten
        with h and c where each sequence ended. Arrays of the library's number type, contiguous, are used where they stand."""
        model, build, real = self.model, self._build, self._build.real
        int32 = np.dtype(np.int32)
        inputs: Array = _checked("x", x, int32 if model.ids else real,
                                 (None, None) if model.ids else (None, None, model.inputs))
        T, B = inputs.shape[:2]
        states = (model.layers, B, model.hidden)
        fields = {
            "ids" if model.ids else "values": inputs,
            "labels": _checked("labels", labels, int32, (T, B)),
            "targets": _checked("targets", targets, real, (T, B, model.outputs)),
            "weight": _checked("weight", weight, real, (T, B)),
            "scored": None if scored is None else _checked("scored", np.asarray(scored) != 0, np.dtype(np.uint8), (T, B)),
            "lengths": _checked("lengths", lengths, int32, (B,)),
            "h0": _checked("h0", h0, real, states),
            "c0": _checked("c0", c0, real, states),
            "hn": _checked("hn", hn, real, states),
            "cn": _checked("cn", cn, real, states),
        }
        kinds = {int32: "int32_t *", np.dtype(np.uint8): "uint8_t *", real: "sab_real *"}
        batch = build.sized("struct sab_batch", T=T, B=B)
        if stream is not None:
            batch.state = stream._handle
        for name, array in fields.items():
            if array is not None:
                setattr(batch, name, build.pointer(kinds[array.dtype], array))
        outputs, metrics = np.empty((T, B, model.outputs), real), build.sized("struct sab_metrics")
        out = build.ffi.new("struct sab_tape **") if tape else build.ffi.NULL
        build.call(build.lib.sab_engine_forward, self._handle, batch, build.pointer("sab_real *", outputs), metrics,
                   build.ffi.NULL, out)
        kept = [array for array in fields.values() if array is not None]
        return (outputs, Metrics(metrics.loss, metrics.accuracy, metrics.mse, metrics.weight, metrics.scored),
                Tape(self, out[0], kept, (T, B)) if tape else None)


def _checked(name: str, value: Any, dtype: np.dtype[Any], shape: tuple[Optional[int], ...]) -> Any:
    """value as a contiguous array of dtype, or None for None; InvalidError where its shape is not this one (None: any)."""
    if value is None:
        return None
    array = np.asarray(value)
    if array.ndim != len(shape) or any(want is not None and have != want for have, want in zip(array.shape, shape)):
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise InvalidError(f"{name}: shape {list(array.shape)}, [{wanted}] is wanted")
    if dtype.kind == "i" and array.dtype.kind not in "iu":
        raise InvalidError(f"{name}: numbers of type {array.dtype}, whole numbers are wanted")
    if dtype.kind == "i" and array.size and (array.min() < -2**31 or array.max() >= 2**31):
        raise InvalidError(f"{name}: {array.min()} to {array.max()} is not within 32 bits")
    return np.ascontiguousarray(array, dtype)


def load(path: str | os.PathLike[str], precision: str = "float") -> Model:
    """The model of a run: `load("runs/first")`."""
    return Model.load(path, precision)

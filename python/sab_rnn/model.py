"""A model, and the engine that runs it forward and back, with NumPy arrays in and out.

Dimensions: T steps, B sequences, I inputs, H hidden, O outputs; [T,B,I] is time, then sequence, then input.
Must not know: PyTorch.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import numpy as np
from numpy.typing import ArrayLike

from . import options as _options
from ._batch import Array, Batch, BatchArrays, checked
from ._library import Library, library, threads_here
from .errors import InvalidError
from .evaluation import Evaluation, evaluation_of, history
from .stream import Stream as Stream
from .task import Task, split_number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._keywords import ModelValues, OptionValues
    from .recall import Reads


class Metrics(NamedTuple):
    """What a batch or a part of the data gave: see struct sab_metrics in sab.h. NaN where a figure does not apply.

    loss: in nats, or a mean square. accuracy: 0..1, of the scored positions. weight: the sum of weights. scored: how
    many positions. grad_norm: of the whole gradient before clipping, 0 where there was none.
    """

    loss: float
    accuracy: float
    mse: float
    weight: float
    scored: int
    grad_norm: float = 0.0


def metrics_of(metrics: Any) -> Metrics:
    """The library's struct as a value."""
    return Metrics(*(getattr(metrics, name) for name in Metrics._fields))


def losses(build: Library) -> dict[str, int]:
    """The losses by name, as the header numbers them."""
    names: dict[int, str] = build.ffi.typeof("enum sab_loss").elements
    return {name[len("SAB_LOSS_"):].lower(): number for number, name in names.items()}


class Model:
    """Weights and the options they were made with: `Model(2, 10, loss="mse", hidden=32, k_top=5)`.

    inputs, outputs, hidden, layers, ids, loss: what it was made for. tensors: the weights by name, as arrays over the
    model's own memory. slices: name to (slice, shape) in a flat array of parameter_count numbers, as gradients have it.
    metrics: what was measured at each evaluation while it was trained, as arrays by name ("step", "loss", "accuracy",
    ...), where it was loaded from a run's folder.
    """

    @_options.documented("model", "credit")
    def __init__(self, inputs: int, outputs: int, /, *, loss: str = "cross_entropy", ids: bool = False,
                 precision: str = "float", **options: Unpack[ModelValues]) -> None:
        """inputs: width of the input vectors, or with `ids` the number of symbols. outputs: how many; with
        readout=False H, or 2 H where what was recalled stands beside the hidden state. loss: "cross_entropy", "mse",
        "bce" or "none". precision: "float" or "double". seed and other options of `sab train` are kept with the
        model."""
        self._create(_options.Options(precision, **options), ids, inputs, loss, outputs)

    def _create(self, options: _options.Options, ids: bool, inputs: int, loss: str, outputs: int) -> None:
        build = options._build
        known = losses(build)
        if loss not in known:
            raise InvalidError(f"loss {loss!r}: one of {', '.join(known)}")
        kind = build.lib.SAB_INPUT_IDS if ids else build.lib.SAB_INPUT_VALUES
        shape = build.sized("struct sab_shape", input=kind, I=inputs, loss=known[loss], O=outputs)
        out = build.ffi.new("struct sab_model **")
        build.call(build.lib.sab_model_create, out, options._handle, shape)
        self._adopt(build, out[0])

    @classmethod
    def for_task(cls, precision: str = "float", **options: Unpack[OptionValues]) -> Model:
        """A model with the inputs, outputs and loss of the task that the options name, and what must be known of its
        data."""
        task = Task(precision, **options)
        build, out = task._build, task._build.ffi.new("struct sab_model **")
        build.call(build.lib.sab_task_settle, task._handle, task._options._handle)
        build.call(build.lib.sab_model_create, out, task._options._handle, task._shape)
        model = cls.__new__(cls)
        model._adopt(build, out[0])
        build.call(build.lib.sab_model_set_facts, model._handle, build.lib.sab_task_facts(task._handle))
        return model

    def __reduce__(self) -> tuple[Any, ...]:
        """Models are copied and pickled by value, with options, facts and metrics."""
        weights = {name: tensor.copy() for name, tensor in self.tensors.items()}
        return _again, (self.precision, self.options, self.ids, self.inputs, self.loss, self.outputs, self.facts,
                        weights, self.metrics)

    def _adopt(self, build: Library, handle: Any) -> None:
        self._build, self.precision = build, build.precision
        self._handle = build.own(handle, build.lib.sab_model_free)
        shape = build.lib.sab_model_shape(self._handle)
        self.ids: bool = shape.input == build.lib.SAB_INPUT_IDS
        self.inputs: int = shape.I
        self.outputs: int = shape.O
        self.loss: str = {number: name for name, number in losses(build).items()}[shape.loss]
        self.layers, self.hidden = int(self.option("layers")), int(self.option("hidden"))
        self.metrics: dict[str, Array] = {}
        self._reads: Optional[Reads] = None
        flat = build.lib.sab_model_flat(self._handle)
        theta = self._view(flat.theta, flat.count)
        self.parameter_count: int = flat.count
        self.slices: dict[str, tuple[slice, tuple[int, ...]]] = {}
        self._tensors: dict[str, Array] = {}
        for i in range(build.lib.sab_model_tensor_count(self._handle)):
            tensor = build.lib.sab_model_tensor(self._handle, i)
            name = build.ffi.string(tensor.name).decode()
            start = tensor.data - flat.theta
            where, shape_of = slice(start, start + tensor.count), tuple(tensor.shape[0:tensor.ndim])
            self.slices[name] = where, shape_of
            self._tensors[name] = theta[where].reshape(shape_of)

    def _view(self, pointer: Any, count: int) -> Array:
        """The library's own numbers as an array that keeps the model alive."""
        keep = _Memory(self._handle, int(self._build.ffi.cast("uintptr_t", pointer)), count, self._build.real)
        return np.asarray(keep)

    @property
    def tensors(self) -> dict[str, Array]:
        """The weights by name, PyTorch's names and layouts for the cells. They are the model's own memory and may be
        written; the next call that computes sees the change."""
        self._build.lib.sab_model_flat(self._handle)  # brings them from a device, where they are newer there
        return self._tensors

    @classmethod
    def load(cls, path: str | os.PathLike[str], precision: str = "float") -> Model:
        """The model in a file of `sab train`, or in its run's folder, then with metrics. FileError, FormatError."""
        build = library(precision)
        out = build.ffi.new("struct sab_model **")
        build.call(build.lib.sab_run_model, out, os.fsencode(path))
        model = cls.__new__(cls)
        model._adopt(build, out[0])
        if os.path.isfile(os.path.join(path, "metrics.jsonl")):
            model.metrics = history(build, path)
        return model

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes model.safetensors, atomically; `sab eval` reads it where the options name a task."""
        self._build.call(self._build.lib.sab_model_save, self._handle, os.fsencode(path))

    def option(self, name: str) -> str:
        """An option of the model as text: `model.option("k_top")`."""
        return _options._get(self._build, self._build.lib.sab_model_options(self._handle), name)

    @property
    def options(self) -> dict[str, Any]:
        """All options it was made with, as numbers, bools and texts: `model.options["k_top"]`."""
        return _options._values(self._build, self._build.lib.sab_model_options(self._handle))

    @property
    def facts(self) -> Optional[dict[str, Any]]:
        """What the model knows of the data that it was trained on (symbols, classes, means), or None."""
        facts = self._build.lib.sab_model_facts(self._handle)
        known: dict[str, Any] = {} if facts == self._build.ffi.NULL else json.loads(self._build.ffi.string(facts))
        return known or None

    def digest(self) -> str:
        """32 hexadecimal digits over all weights, as `sab train` prints them."""
        text = self._build.ffi.new("char[33]")
        self._build.lib.sab_model_digest(self._handle, text)
        return str(self._build.ffi.string(text).decode())

    def evaluate(self, x: Optional[ArrayLike] = None, *, threads: int = 0,
                 **batch: Unpack[BatchArrays]) -> tuple[Array, Metrics]:
        """(outputs [T,B,O], metrics) of x: values [T,B,I] or ids [T,B]. Answers, weights and lengths as in
        Engine.forward. Outputs are 0 past a sequence's end."""
        outputs, metrics, _ = Engine(self, threads).forward(x, tape=False, **batch)
        return outputs, metrics

    def __repr__(self) -> str:
        shown = ("cell", "hidden", "layers", "credit", "k_top", "k_trunc")
        given = ", ".join(f"{name}={self.option(name)}" for name in shown)
        inputs = f"{self.inputs} {'symbols' if self.ids else 'inputs'}"
        return f"<sab_rnn.Model {inputs} to {self.outputs}, loss={self.loss}, {given}>"


def _again(precision: str, options: dict[str, Any], ids: bool, inputs: int, loss: str, outputs: int,
           facts: Optional[dict[str, Any]], weights: dict[str, Array], metrics: dict[str, Array]) -> Model:
    """A model from all that makes it."""
    model = Model.__new__(Model)
    model._create(_options.Options(precision, **options), ids, inputs, loss, outputs)
    for name, tensor in weights.items():
        model.tensors[name][...] = tensor
    if facts is not None:
        model._build.call(model._build.lib.sab_model_set_facts, model._handle, json.dumps(facts).encode())
    model.metrics = metrics
    return model


class _Memory:
    """Numbers at an address, for NumPy, and what keeps them alive."""

    def __init__(self, owner: Any, address: int, count: int, real: np.dtype[Any]) -> None:
        self.owner = owner
        self.__array_interface__ = {"version": 3, "shape": (count,), "typestr": real.str, "data": (address, False)}


class Tape:
    """What a forward left for its way back. The arrays given to the forward must stay as they are while it lives."""

    def __init__(self, engine: Engine, handle: Any, batch: Batch, reads: Optional[Reads], call: int) -> None:
        self._engine, self._shape = engine, (batch.T, batch.B)
        self._reads, self._call = reads, call
        self._handle = engine._build.own(handle, engine._build.lib.sab_tape_free, engine._handle, batch.arrays)

    def backward(self, doutputs: Optional[ArrayLike] = None, *, inputs: bool = False, state: bool = False) -> Gradients:
        """From the gradient of the outputs [T,B,O] (None: the model's own loss) those of the weights and, where asked
        for, of the input values and of h0, c0. They are SAB's: cut between windows but for what was recalled.

        InvalidError where the weights are not those of the forward; NumericError, naming the tensor, where one is not
        finite.
        """
        engine, model, build = self._engine, self._engine.model, self._engine._build
        T, B = self._shape
        d = None if doutputs is None else checked("doutputs", doutputs, build.real, (T, B, model.outputs))
        flat = np.zeros(model.parameter_count, build.real)
        states = (model.layers, B, model.hidden)
        dx = np.empty((T, B, model.inputs), build.real) if inputs else None
        dh0 = np.empty(states, build.real) if state else None
        dc0 = np.empty(states, build.real) if state and model.option("cell") == "lstm" else None
        request = build.sized("struct sab_request")
        for name, array in (("doutputs", d), ("grads", flat), ("dvalues", dx), ("dh0", dh0), ("dc0", dc0)):
            setattr(request, name, build.pointer("sab_real *", array))
        if self._reads is None:
            build.call(build.lib.sab_tape_backward, self._handle, request)
        else:
            with self._reads._flows(build, self._call) as (_, recall):
                request.recall = recall
                build.call(build.lib.sab_tape_backward, self._handle, request)
        weights = {name: flat[where].reshape(shape) for name, (where, shape) in model.slices.items()}
        return Gradients(weights, dx, dh0, dc0)


class Gradients(NamedTuple):
    """Gradients of the weights by name, of the input values [T,B,I], and of the initial state [layers,B,H]."""

    weights: dict[str, Array]
    inputs: Optional[Array]
    h0: Optional[Array]
    c0: Optional[Array]


class Engine:
    """What computes with a model: activations and threads. Several may share one model; each is for one thread at a
    time.

    threads: how many at most, 0 for one per processor; in a process that was forked, always 1.
    """

    def __init__(self, model: Model, threads: int = 0) -> None:
        self.model, self._build = model, model._build
        out = self._build.ffi.new("struct sab_engine **")
        self._build.call(self._build.lib.sab_engine_create, out, model._handle, threads_here(threads))
        self._handle = self._build.own(out[0], self._build.lib.sab_engine_free, model._handle)

    def forward(self, x: Optional[ArrayLike] = None, *, tape: bool = True,
                **batch: Unpack[BatchArrays]) -> tuple[Array, Metrics, Optional[Tape]]:
        """(outputs [T,B,O], metrics, tape) of x, values [T,B,I] or ids [T,B].

        labels [T,B] or targets [T,B,O] make the loss, weight [T,B] its shares; accuracy counts where scored [T,B] is
        not 0; lengths [B]. Sequences begin with h0 and c0 [layers,B,H], 0 unless given, or with the state of `stream`,
        which goes on; hn and cn [layers,B,H] are overwritten with h and c where each ends. Arrays of the library's
        number type, contiguous, are used where they stand. Without tape there is no way back.
        """
        model, build = self.model, self._build
        arrays = Batch(model, x, batch)
        outputs = np.empty((arrays.T, arrays.B, model.outputs), build.real)
        metrics = build.sized("struct sab_metrics")
        out = build.ffi.new("struct sab_tape **") if tape else build.ffi.NULL
        reads, call = model._reads, 0
        arguments = (self._handle, arrays.handle, build.pointer("sab_real *", outputs), metrics)
        if reads is None:
            build.call(build.lib.sab_engine_forward, *arguments, build.ffi.NULL, out)
        else:
            with reads._weights(build, arrays) as (call, recall):
                build.call(build.lib.sab_engine_forward, *arguments, recall, out)
        return outputs, metrics_of(metrics), Tape(self, out[0], arrays, reads, call) if tape else None

    def evaluate(self, task: Task, split: str = "test", *, batch: Optional[int] = None,
                 eval_size: Optional[int] = None) -> Metrics:
        """Measures the model on the first eval_size sequences of a part of the task's data ("train", "valid" or
        "test"), batch at a time: the same ones at each call. With eval_size=0, and of text and long series, all of it.
        Unless given, both are those of the task's options."""
        build, chosen = self._build, _measured(task, batch, eval_size)
        metrics = build.sized("struct sab_metrics")
        build.call(build.lib.sab_evaluate, self._handle, task._handle, split_number(split), chosen._handle, metrics)
        return metrics_of(metrics)

    def measure(self, task: Task, split: str = "test", *, batch: Optional[int] = None,
                eval_size: Optional[int] = None) -> Evaluation:
        """The same with all that can be said: every metric, the figures of each class or value, the confusion of
        classes."""
        build, chosen = self._build, _measured(task, batch, eval_size)
        out = build.ffi.new("struct sab_evaluation **")
        build.call(build.lib.sab_evaluation_create, out, self._handle, task._handle, split_number(split),
                   chosen._handle)
        return evaluation_of(build, out[0], self.model.outputs)


def _measured(task: Task, batch: Optional[int], eval_size: Optional[int]) -> _options.Options:
    """The task's options, but for what is given."""
    options = _options.Options._clone(task._build, task._options._handle)
    given: dict[str, Any] = {"batch": batch, "eval_size": eval_size}
    options.update(**{name: value for name, value in given.items() if value is not None})
    return options


def load(path: str | os.PathLike[str], precision: str = "float") -> Model:
    """The model of a run, with its options and metrics: `load("runs/first")`, or of a file. FileError, FormatError."""
    return Model.load(path, precision)

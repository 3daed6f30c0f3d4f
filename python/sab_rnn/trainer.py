"""An optimiser for a model, its updates, and the loop around them; and `train`, which leaves a run's folder.

Must not know: where batches come from.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import ArrayLike

from ._batch import Batch, BatchArrays
from ._library import Callback, threads_here
from .comm import shared
from .errors import Interrupted
from .evaluation import metric_values
from .model import Engine, Metrics, Model, load, metrics_of
from .options import Options, documented
from .task import Task

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._keywords import OptionValues


class Event(NamedTuple):
    """After an update, or (evaluated) an evaluation.

    step: updates done, of `steps`. metrics: of the update's batch, or of the evaluation. best: the best evaluation so
    far. lr: the learning rate. seconds: spent so far, before a run was resumed too. figures: of an evaluation of a run,
    all that it measured, by name.
    """

    step: int
    steps: int
    evaluated: bool
    best: bool
    metrics: Metrics
    lr: float
    seconds: float
    figures: Mapping[str, float] = MappingProxyType({})


Watch = Callable[[Event], Optional[bool]]
"""Called with an Event; what is true ends the training, and so does an exception, which is raised again."""
Source = Union[Task, Callable[[int], Mapping[str, Any]]]
"""A Task, or a function from the number of the update, from 0, to the arrays of its batch by name: {"x": ..., "labels":
...}."""


class Trainer:
    """The optimiser of a model: `Trainer(model, lr=1e-3, steps=2000)`. Options that are not given are the model's;
    those of the group training, `threads` and `device` are used. `steps` is what the schedule of the learning rate
    reckons with."""

    @documented("training")
    def __init__(self, model: Model, /, *, comm: Any = None, **options: Unpack[OptionValues]) -> None:
        """model: whose weights are trained; the trainer holds it. comm: processes that train together, such as
        mpi4py's MPI.COMM_WORLD (or a comm.Exchanges). All make the same calls with the same whole batches; each takes
        its part through, and all have the same weights, those of one process. Rank 0 writes what save is told."""
        build = self._build = model._build
        self.model = model
        self._options = Options._clone(build, build.lib.sab_model_options(model._handle))
        self._options.update(**options)
        self._options.update(threads=threads_here(int(self._options["threads"])))
        out = build.ffi.new("struct sab_trainer **")
        build.call(build.lib.sab_trainer_create, out, model._handle, self._options._handle)
        table = build.ffi.NULL if comm is None else shared(build, comm)
        self._handle = build.own(out[0], build.lib.sab_trainer_free, model._handle, table)
        build.call(build.lib.sab_engine_set_comm, build.lib.sab_trainer_engine(self._handle), table)

    @property
    def options(self) -> dict[str, Any]:
        """The options it works with."""
        return self._options.as_dict()

    def update(self, x: Optional[ArrayLike] = None, **batch: Unpack[BatchArrays]) -> Metrics:
        """One update on a batch, as Engine.forward takes it: gradient, clip, optimiser, schedule, average.

        On NumericError (a number that is none, an explosion) weights and optimiser are as before.
        """
        arrays = Batch(self.model, x, batch)
        if self.model._reads is not None:
            found = self._gradient(arrays, None)
            return found._replace(grad_norm=self.apply())
        return self._update(arrays.handle)

    def _update(self, batch: Any) -> Metrics:
        metrics = self._build.sized("struct sab_metrics")
        self._build.call(self._build.lib.sab_trainer_update, self._handle, batch, metrics)
        return metrics_of(metrics)

    def gradient(self, x: Optional[ArrayLike] = None, *, add: bool = False, total_weight: float = 0.0,
                 **batch: Unpack[BatchArrays]) -> Metrics:
        """The first half of an update: the gradient of the batch's loss, which `apply` then uses. An update on several
        batches: all but the first with add, each with the total_weight of all (the sum of their weights)."""
        request = self._build.sized("struct sab_request")
        request.add, request.total_weight = int(add), total_weight
        return self._gradient(Batch(self.model, x, batch), request)

    def _gradient(self, arrays: Batch, request: Any) -> Metrics:
        build, reads = self._build, self.model._reads
        metrics = build.sized("struct sab_metrics")
        if reads is None:
            build.call(build.lib.sab_trainer_gradient, self._handle, arrays.handle, request, metrics)
            return metrics_of(metrics)
        if request is None:
            request = build.sized("struct sab_request")
        with reads._both(build, arrays) as (_, recall):
            request.recall = recall
            build.call(build.lib.sab_trainer_gradient, self._handle, arrays.handle, request, metrics)
        return metrics_of(metrics)

    def apply(self) -> float:
        """The second half: clip, optimiser, schedule, average. The norm of the gradient before it was clipped."""
        norm = self._build.ffi.new("double *")
        self._build.call(self._build.lib.sab_trainer_apply, self._handle, norm)
        return float(norm[0])

    @property
    def step(self) -> int:
        """Updates done so far."""
        return int(self._build.lib.sab_trainer_step(self._handle))

    @property
    def rate(self) -> float:
        """The learning rate of the next update. Set to a number it is that from now on; set to 0, the schedule's
        again."""
        return float(self._build.lib.sab_trainer_rate(self._handle))

    @rate.setter
    def rate(self, rate: float) -> None:
        self._build.call(self._build.lib.sab_trainer_set_rate, self._handle, rate)

    @property
    def engine(self) -> Engine:
        """The engine that it works with: evaluating with it between updates needs no memory of its own."""
        engine = Engine.__new__(Engine)
        engine.model, engine._build = self.model, self._build
        engine._handle = self._build.own(self._build.lib.sab_trainer_engine(self._handle), lambda _: None, self._handle)
        return engine

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes weights, optimiser, updates done and the state between batches, atomically."""
        self._build.call(self._build.lib.sab_trainer_save, self._handle, os.fsencode(path))

    def load(self, path: str | os.PathLike[str]) -> None:
        """Takes them back, and goes on to the bit. InvalidError where options that decide the result are other ones,
        FileError, FormatError: nothing has changed then."""
        self._build.call(self._build.lib.sab_trainer_load, self._handle, os.fsencode(path))

    def evaluate(self, task: Task, split: str = "valid", *, batch: Optional[int] = None,
                 eval_size: Optional[int] = None) -> Metrics:
        """Measures the model as it stands on a part of the task's data, with the trainer's batch and eval_size unless
        given; see Engine.evaluate."""
        size = int(self._options["eval_size"]) if eval_size is None else eval_size
        together = int(self._options["batch"]) if batch is None else batch
        return self.engine.evaluate(task, split, batch=together, eval_size=size)

    def train(self, source: Source, steps: Optional[int] = None, *, validate: Optional[Callable[[], Metrics]] = None,
              eval_every: Optional[int] = None, on_update: Optional[Watch] = None,
              on_evaluation: Optional[Watch] = None, save: Optional[str | os.PathLike[str]] = None) -> Metrics:
        """Updates until `steps` are done in all, the option unless given; the last evaluation (or update) is given
        back.

        source: a Task, or a function from the number of the update to its arrays. validate: what an evaluation is,
        every eval_every updates and at the end; unless given, with a Task its part "valid". on_update, on_evaluation:
        called with an Event; true ends the training. save: written by Trainer.save at the end, also when Ctrl-C
        (KeyboardInterrupt), a callback's exception or an error ends it, always between two updates.
        """
        options = self._options
        steps = int(options["steps"]) if steps is None else steps
        every = int(options["eval_every"]) if eval_every is None else eval_every
        if validate is None and isinstance(source, Task):
            task = source

            def validate() -> Metrics:
                return self.evaluate(task)
        B, begun, lowest = int(options["batch"]), time.monotonic(), math.inf
        last = Metrics(math.nan, math.nan, math.nan, 0.0, 0)
        try:
            while self.step < steps:
                index, lr = self.step, self.rate
                if isinstance(source, Task):
                    found = self._update(source._batch(index, B, "train"))
                else:
                    found = self.update(**source(index))
                last = found if validate is None else last
                if _ends(on_update, Event(index + 1, steps, False, False, found, lr, time.monotonic() - begun)):
                    break
                if validate is not None and (index + 1 == steps or every and (index + 1) % every == 0):
                    last = validate()
                    best, lowest = last.loss < lowest, min(lowest, last.loss)
                    if _ends(on_evaluation, Event(index + 1, steps, True, best, last, lr, time.monotonic() - begun)):
                        break
        finally:
            if save is not None:
                self.save(save)
        return last


def _ends(watch: Optional[Watch], event: Event) -> bool:
    return watch is not None and bool(watch(event))


@documented()
def train(*, resume: bool = False, on_update: Optional[Watch] = None, on_evaluation: Optional[Watch] = None,
          precision: str = "float", comm: Any = None, **options: Unpack[OptionValues]) -> Model:
    """Trains a task and leaves the run in the folder `out`, as `sab train` does: `train(task="copy", T=100,
    out="runs/first")`.

    The model with the best weights is given back, with what was measured in its `metrics`; the program reads the folder
    too. resume: goes on with the run that is in `out`, with its options but those given. on_update, on_evaluation:
    called with an Event after each; true ends the run. Then, and with Ctrl-C (KeyboardInterrupt) or an exception of a
    callback, which are raised again, the update is finished and the run saved: it can be resumed to the bit.
    comm: processes that train it together, as for Trainer; rank 0 writes the folder, which all must see.
    """
    chosen = Options(precision, **options)
    build, folder = chosen._build, _folder(chosen)
    if resume:
        out = build.ffi.new("struct sab_options **")
        build.call(build.lib.sab_run_options, out, os.fsencode(folder))
        chosen = Options._adopt(build, out[0])
        chosen.update(**{**options, "out": folder})
    chosen.update(threads=threads_here(int(chosen["threads"])))

    def tell(_: Any, event: Any) -> int:
        on = on_evaluation if event.evaluated else on_update
        figures = metric_values(build, event.values) if event.evaluated else {}
        return int(_ends(on, Event(event.step, event.steps, bool(event.evaluated), bool(event.is_best),
                                   metrics_of(event.metrics), event.lr, event.seconds, figures)))

    interrupted: Optional[Interrupted] = None
    with Callback(build, "int(void *, const struct sab_event *)", tell, failed=1) as callback:
        table = build.ffi.NULL if comm is None else shared(build, comm)
        watch = build.sized("struct sab_watch", event=callback.handle, comm=table)
        try:
            build.call(build.lib.sab_train_watched, chosen._handle, int(resume), watch, build.ffi.NULL)
        except Interrupted as raised:
            interrupted = raised
    if interrupted is not None and not (folder / "model.safetensors").exists():
        raise interrupted
    return load(folder, precision)


def _folder(options: Options) -> Path:
    """Where the run of these options is kept."""
    build, cap = options._build, 4096
    text = build.ffi.new("char[]", cap)
    build.call(build.lib.sab_run_folder, options._handle, text, cap)
    return Path(os.fsdecode(build.ffi.string(text)))

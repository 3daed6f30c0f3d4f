"""One forward of the engine as a function that autograd knows, and its way back.

The weights are PyTorch's; they are copied into the engine's model before each way, so that whatever is done to parameters
(moved, shared, copied, replaced in a functional call) is right. Must not know: modules, packed sequences, batch_first.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from typing import Any, Optional, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from ..model import Engine, Model, Stream, Tape


class Core:
    """A model and its engine in one precision and one process, used by one thread at a time."""

    def __init__(self, model: Model, threads: int) -> None:
        self.model, self.engine, self.threads = model, Engine(model, threads), threads
        self.names = list(model.tensors)
        self.process = os.getpid()
        self.lock = threading.RLock()
        self._tapes: weakref.WeakValueDictionary[int, Tape] = weakref.WeakValueDictionary()
        self._serial = itertools.count()

    def take(self, weights: Sequence[Tensor]) -> None:
        for name, weight in zip(self.names, weights):
            self.model.tensors[name][...] = weight.detach().numpy()

    def keep(self, tape: Tape) -> Tensor:
        """A tensor that stands for the tape, which lives as long as the tensor's storage: autograd drops what it saved as soon
        as the way back is done."""
        serial = next(self._serial)
        self._tapes[serial] = tape
        return torch.from_numpy(np.asarray(_Ticket(serial, tape)))

    def tape(self, ticket: Tensor) -> Tape:
        tape = self._tapes.get(int(ticket))
        if self.process != os.getpid():
            raise RuntimeError("sab: the forward of this backward ran in another process, before a fork")
        if tape is None:
            raise RuntimeError("sab: what the forward kept for the way back is gone; hooks that move saved tensors elsewhere, "
                               "such as torch.autograd.graph.save_on_cpu, cannot be used around a SAB")
        return tape


class _Ticket:
    """One whole number, for NumPy, and the tape that it stands for."""

    def __init__(self, serial: int, tape: Tape) -> None:
        self.tape, self._number = tape, np.array([serial], np.int64)
        self.__array_interface__ = self._number.__array_interface__


def _numpy(tensor: Optional[Tensor]) -> Any:
    return None if tensor is None else tensor.detach().contiguous().numpy()


def _tensor(array: Any) -> Optional[Tensor]:
    return None if array is None else torch.from_numpy(array)


class Run(Function):
    """outputs [T,B,O] of x, h0, c0 and the weights in the order of the model's table; has a way back where `track` says so."""

    @staticmethod
    def forward(ctx: Any, core: Core, track: bool, lengths: Any, stream: Optional[Stream], x: Tensor, h0: Optional[Tensor],
                c0: Optional[Tensor], *weights: Tensor) -> Tensor:
        with core.lock:
            core.take(weights)
            outputs, _, tape = core.engine.forward(_numpy(x), lengths=lengths, h0=_numpy(h0), c0=_numpy(c0), stream=stream,
                                                   tape=track)
        if tape is not None:
            ctx.core = core
            ctx.save_for_backward(core.keep(tape), x, h0, c0, *weights)
        return torch.from_numpy(outputs)

    @staticmethod
    def backward(ctx: Any, doutputs: Tensor) -> Any:  # type: ignore[override]
        ticket, x, h0, c0, *weights = ctx.saved_tensors
        core, needed = ctx.core, ctx.needs_input_grad[4:]
        tape = core.tape(ticket)
        with core.lock:
            core.take(weights)
            found = tape.backward(_numpy(doutputs), inputs=needed[0], state=needed[1] or needed[2])
        wanted = [_tensor(found.inputs), _tensor(found.h0), _tensor(found.c0), *(_tensor(found.weights[n]) for n in core.names)]
        gradients = [gradient if need else None for gradient, need in zip(wanted, needed)]
        if torch.is_grad_enabled():
            there = [gradient for gradient in gradients if gradient is not None]
            sources = [source for source in (doutputs, x, h0, c0, *weights) if source is not None]
            marked = iter(_Once.apply(len(there), *there, *sources))
            gradients = [None if gradient is None else next(marked) for gradient in gradients]
        return (None, None, None, None, *gradients)


class _Once(Function):
    """Gradients that depend on the sources, in a way that cannot be gone."""

    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensor.clone() for tensor in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise RuntimeError("sab: a SAB has first derivatives only; a gradient of its gradient (create_graph=True) is asked for")

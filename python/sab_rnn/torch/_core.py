"""Models and engines behind layers, found by the weights that are given; and the tapes of their forwards.

A layer's parameters lie in its model's own memory, so that an optimiser writes where the engine reads. Weights from elsewhere (of a
functional call, of a parametrization, shared between processes) are copied into a model that is kept for such.
Must not know: modules, packed sequences, batch_first.
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections import OrderedDict, deque
from functools import lru_cache
from typing import Any, NamedTuple, Optional, Sequence

import numpy as np
import torch
from torch import Tensor

from ..errors import InvalidError
from ..model import Engine, Model, Tape

PRECISIONS = {torch.float32: "float", torch.float64: "double"}
MOST_SPARE = 4


class Settings(NamedTuple):
    """What decides how a layer computes, but for the weights; as text it names the layer to the operators.

    slots: memories that are carried on, 0 where none are. options: those of the library, as text by name.
    """

    inputs: int
    outputs: int
    ids: bool
    hidden: int
    layers: int
    has_c: bool
    slots: int
    k_att: int
    options: dict[str, Any]

    def text(self) -> str:
        return json.dumps(self)

    @staticmethod
    @lru_cache(maxsize=256)
    def of(text: str) -> Settings:
        return Settings(*json.loads(text))

    def model(self, precision: str) -> Model:
        return Model(self.inputs, self.outputs, loss="none", ids=self.ids, precision=precision, readout=False, **self.options)


def check_dtype(dtype: torch.dtype) -> str:
    """The library's precision for numbers of this type; InvalidError where there is none."""
    if dtype not in PRECISIONS:
        raise InvalidError(f"sab: parameters of type {dtype}; a SAB computes in torch.float32 or torch.float64")
    return PRECISIONS[dtype]


class Core:
    """A model and its engine, used by one thread at a time: whoever computes holds `lock`."""

    def __init__(self, config: str, model: Model) -> None:
        self.config, self.model = config, model
        self.names = list(self.model.tensors)
        self.addresses = [array.ctypes.data for array in self.model.tensors.values()]
        self.lock = threading.RLock()
        self._engine: Optional[tuple[int, Engine]] = None
        self._done: deque[Tape] = deque()
        _all.add(self)

    def parameters(self) -> dict[str, Tensor]:
        """The model's own memory, by name."""
        return {name: torch.from_numpy(array) for name, array in self.model.tensors.items()}

    def engine(self, threads: int) -> Engine:
        self.drain()
        if self._engine is None or self._engine[0] != threads:
            self._engine = threads, Engine(self.model, threads)
        return self._engine[1]

    def holds(self, weights: Sequence[Tensor]) -> bool:
        return all(weight.data_ptr() == address for weight, address in zip(weights, self.addresses))

    def take(self, weights: Sequence[Tensor]) -> None:
        if not self.holds(weights):
            for name, weight in zip(self.names, weights):
                self.model.tensors[name][...] = weight.detach().numpy()

    def drop(self, tape: Tape) -> None:
        """Frees a tape, at once or, while another thread computes with the engine, before the next use: a tape is the engine's."""
        self._done.append(tape)
        del tape
        if self.lock.acquire(blocking=False):
            try:
                self.drain()
            finally:
                self.lock.release()

    def drain(self) -> None:
        while self._done:
            try:
                self._done.popleft()
            except IndexError:  # another thread was first
                return

    def _begin_anew(self) -> None:
        """In a process that was forked: the threads of the engine are gone, and another may have held the lock."""
        _left_behind.append((self._engine, self._done))
        self.lock, self._engine, self._done = threading.RLock(), None, deque()


_all: weakref.WeakSet[Core] = weakref.WeakSet()
_own: weakref.WeakValueDictionary[int, Core] = weakref.WeakValueDictionary()  # by the address of its first weight
_spare: OrderedDict[tuple[str, torch.dtype], Core] = OrderedDict()
_spare_lock = threading.Lock()
_kept: weakref.WeakValueDictionary[int, _Kept] = weakref.WeakValueDictionary()  # by the address of its ticket
_left_behind: list[Any] = []  # of the process before a fork: neither used nor freed


def _after_fork() -> None:
    global _spare_lock
    _spare_lock = threading.Lock()
    for core in list(_all):
        core._begin_anew()
    for kept in list(_kept.values()):
        _left_behind.append(kept.tape)
        kept.tape = None
    _kept.clear()


os.register_at_fork(after_in_child=_after_fork)


def own(config: str, model: Model) -> Core:
    """The Core of a model, found by weights that lie in its memory for as long as somebody holds it."""
    core = Core(config, model)
    _own[core.addresses[0]] = core
    return core


def find_own(config: str, weights: Sequence[Tensor]) -> Optional[Core]:
    """The Core whose memory the weights are."""
    core = _own.get(weights[0].data_ptr())
    return core if core is not None and core.config == config and core.holds(weights) else None


def find(config: str, weights: Sequence[Tensor]) -> Core:
    """The same, or one to copy them into."""
    core = find_own(config, weights)
    if core is not None:
        return core
    key = config, weights[0].dtype
    with _spare_lock:
        core = _spare.get(key)
        if core is None:
            core = _spare[key] = Core(config, Settings.of(config).model(check_dtype(weights[0].dtype)))
        _spare.move_to_end(key)
        while len(_spare) > MOST_SPARE:
            _spare.popitem(last=False)
    return core


# ---- tapes ----

class _Kept:
    """A tape, and the byte that stands for it among tensors: the tape lives as long as the byte's storage."""

    def __init__(self, core: Core, tape: Tape) -> None:
        self.core, self.tape = core, tape
        self._byte: Any = np.zeros(1, np.uint8)
        self.__array_interface__ = self._byte.__array_interface__

    tape: Optional[Tape]

    def __del__(self) -> None:
        tape, self.tape = self.tape, None
        if tape is not None:
            self.core.drop(tape)


def ticket(core: Core, tape: Tape) -> Tensor:
    """[1] a tensor by which `tape_of` finds the tape. Autograd drops what it saved as soon as the way back is done, and the tape
    with it."""
    kept = _Kept(core, tape)
    made = torch.from_numpy(np.asarray(kept))
    _kept[made.data_ptr()] = kept
    return made


def no_ticket() -> Tensor:
    return torch.zeros(1, dtype=torch.uint8)


def tape_of(ticket: Tensor) -> tuple[Optional[Core], Optional[Tape]]:
    """The tape that the ticket stands for; none where the ticket was copied, moved away and back, or made before a fork."""
    kept = _kept.get(ticket.data_ptr())
    return (None, None) if kept is None else (kept.core, kept.tape)

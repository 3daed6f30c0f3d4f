"""The running state of several sequences: h, c and memories of every layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np
from numpy.typing import NDArray

from ._batch import checked
from .errors import InvalidError

if TYPE_CHECKING:
    from .model import Model


class Stream:
    """The state of B sequences of a model, from which a forward starts and which it leaves where they end."""

    def __init__(self, model: Model, B: int) -> None:
        build = model._build
        out = build.ffi.new("struct sab_stream **")
        build.call(build.lib.sab_stream_create, out, model._handle, B)
        self._adopt(model, B, out[0])

    def _adopt(self, model: Model, B: int, handle: object) -> None:
        self.model, self.B = model, B
        self._handle = model._build.own(handle, model._build.lib.sab_stream_free, model._handle)

    def clone(self) -> Stream:
        """An independent copy."""
        build = self.model._build
        out = build.ffi.new("struct sab_stream **")
        build.call(build.lib.sab_stream_clone, out, self._handle)
        copy = Stream.__new__(Stream)
        copy._adopt(self.model, self.B, out[0])
        return copy

    def get(self) -> tuple[NDArray[Any], Optional[NDArray[Any]], NDArray[Any], NDArray[np.int32], NDArray[np.int32]]:
        """(h, c, memories, first, since): h and c [layers,B,H], c None where the cell has none; memories [layers,B,N,H], the oldest
        first; first [B], the first that is the sequence's own, 0..N; since [B], steps since its latest was written."""
        model, build = self.model, self.model._build
        null, lib = build.ffi.NULL, build.lib
        N = lib.sab_stream_get(self._handle, null, null, null, null, null)
        h = np.empty((model.layers, self.B, model.hidden), build.real)
        c = np.empty_like(h) if model.option("cell") == "lstm" else None
        memories = np.empty((model.layers, self.B, N, model.hidden), build.real)
        first, since = np.empty(self.B, np.int32), np.empty(self.B, np.int32)
        lib.sab_stream_get(self._handle, *(build.pointer("sab_real *", array) for array in (h, c, memories)),
                           build.pointer("int32_t *", first), build.pointer("int32_t *", since))
        return h, c, memories, first, since

    def set(self, h: NDArray[Any], c: Optional[NDArray[Any]] = None, memories: Optional[NDArray[Any]] = None,
            first: Optional[NDArray[Any]] = None, since: Optional[NDArray[Any]] = None) -> None:
        """The state that `get` gave: what it goes on from. Without memories there are none. InvalidError, NumericError."""
        model, build = self.model, self.model._build
        if h is None:
            raise InvalidError("h: None, and every state has one")
        int32, states = np.dtype(np.int32), (model.layers, self.B, model.hidden)
        numbers = [checked("h", h, build.real, states), checked("c", c, build.real, states),
                   checked("memories", memories, build.real, (model.layers, self.B, None, model.hidden))]
        whole = [np.zeros(self.B, np.int32) if array is None else checked(name, array, int32, (self.B,))
                 for name, array in (("first", first), ("since", since))]
        N = 0 if memories is None else numbers[2].shape[2]
        build.call(build.lib.sab_stream_set, self._handle, N, *(build.pointer("sab_real *", array) for array in numbers),
                   *(build.pointer("int32_t *", array) for array in whole))

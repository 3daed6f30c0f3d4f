"""The running state of several sequences: h, c and memories of every layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Model


class Stream:
    """The state of B sequences of a model, from which a forward starts and which it leaves where they end."""

    def __init__(self, model: Model, B: int) -> None:
        build = model._build
        out = build.ffi.new("struct sab_stream **")
        build.call(build.lib.sab_stream_create, out, model._handle, B)
        self._adopt(model, out[0])

    def _adopt(self, model: Model, handle: object) -> None:
        self.model = model
        self._handle = model._build.own(handle, model._build.lib.sab_stream_free, model._handle)

    def clone(self) -> Stream:
        """An independent copy."""
        build = self.model._build
        out = build.ffi.new("struct sab_stream **")
        build.call(build.lib.sab_stream_clone, out, self._handle)
        copy = Stream.__new__(Stream)
        copy._adopt(self.model, out[0])
        return copy

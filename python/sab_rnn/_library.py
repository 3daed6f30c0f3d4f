"""The two builds of the library, float and double, loaded when first asked for, and its errors as exceptions.

Must not know: PyTorch, and what any call is for.
"""

from __future__ import annotations

import importlib
import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np

from . import errors

PRECISIONS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}

# After a fork an engine that was at work has threads no more, and a child of many should not take all processors: it computes on one.
_forked = False


def _after_fork() -> None:
    global _forked
    _forked = True


os.register_at_fork(after_in_child=_after_fork)


def threads_here(threads: int) -> int:
    """The number of threads to ask the library for; 0 is one per processor."""
    return 1 if _forked else threads


class Library:
    """One build: `lib` holds its functions, `ffi` its types, `real` the NumPy type of its numbers."""

    def __init__(self, precision: str) -> None:
        module = importlib.import_module(f"sab_rnn._{precision}")
        self.precision = precision
        self.ffi: Any = module.ffi
        self.lib: Any = self.ffi.dlopen(str(Path(__file__).parent / "lib" / f"libsab_{precision}.so"))
        self.real: np.dtype[Any] = np.dtype(np.float32 if precision == "float" else np.float64)
        self._local = threading.local()
        self._errors = {
            self.lib.SAB_INVALID: errors.InvalidError,
            self.lib.SAB_IO: errors.FileError,
            self.lib.SAB_FORMAT: errors.FormatError,
            self.lib.SAB_NOMEM: errors.OutOfMemoryError,
            self.lib.SAB_NUMERIC: errors.NumericError,
            self.lib.SAB_INTERRUPTED: errors.Interrupted,
        }

    def call(self, function: Any, *arguments: Any) -> None:
        """Calls a function whose last parameter is a struct sab_error; a status other than SAB_OK is raised. cffi lets
        other threads of Python run meanwhile."""
        for text in arguments:
            if isinstance(text, bytes) and b"\0" in text:
                raise errors.InvalidError(f"{text!r} holds a character NUL, at which it would end")
        err = self.ffi.new("struct sab_error *")
        status = function(*arguments, err)
        if status != self.lib.SAB_OK:
            message = self.ffi.string(err.message).decode("utf-8", "replace")
            raise self._errors.get(status, errors.SabError)(message)

    def sized(self, name: str, **members: Any) -> Any:
        """A struct of this name that begins with its size, the other members as given or 0."""
        return self.ffi.new(f"{name} *", {"size": self.ffi.sizeof(name), **members})

    def own(self, handle: Any, free: Any, *borrowed: Any) -> Any:
        """handle, freed when nobody holds it; what it borrows lives longer, whatever the order in which Python lets
        go."""
        def release(pointer: Any, _borrowed: Any = borrowed) -> None:
            free(pointer)
        return self.ffi.gc(handle, release)

    def pointer(self, kind: str, array: Any) -> Any:
        """The data of a C-contiguous array as `kind`, such as "sab_real *"; NULL for None. The caller keeps the array
        alive."""
        return self.ffi.NULL if array is None else self.ffi.cast(kind, array.ctypes.data)


class Callback:
    """A Python function that the library calls, in `handle`. What it raises, Ctrl-C too, ends it with the result
    `failed`, and is raised where the library's call is over: `with callback: build.call(...)`."""

    def __init__(self, build: Library, kind: str, function: Callable[..., Any], failed: Any = None) -> None:
        self._raised: Optional[BaseException] = None
        self.handle: Any = build.ffi.callback(kind, function, error=failed, onerror=self._keep)

    def _keep(self, _kind: Any, raised: BaseException, _trace: Any) -> None:
        self._raised = self._raised or raised

    def __enter__(self) -> Callback:
        return self

    def __exit__(self, *_: Any) -> None:
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised from None


@lru_cache(maxsize=None)
def library(precision: str = "float") -> Library:
    """The build for "float" or "double"."""
    if precision not in PRECISIONS.values():
        raise errors.InvalidError(f"precision {precision!r}: one of {', '.join(PRECISIONS.values())}")
    return Library(precision)


def library_for(dtype: Any) -> Library:
    """The build whose numbers are of this NumPy type; InvalidError for others."""
    try:
        return library(PRECISIONS[np.dtype(dtype)])
    except KeyError:
        raise errors.InvalidError(f"numbers of type {np.dtype(dtype)}: the library computes in float32 or "
                                  "float64") from None

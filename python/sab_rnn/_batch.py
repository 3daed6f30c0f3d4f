"""NumPy arrays as a batch of the library, checked: what a forward, an update and an evaluation take.

Must not know: what is done with the batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidError

if TYPE_CHECKING:
    from .model import Model
    from .stream import Stream

Array = NDArray[Any]


class BatchArrays(TypedDict, total=False):
    """What a batch may have beside its inputs x; each may be left out. Arrays of the library's number type (the model's
    precision; int32; uint8), contiguous, are used where they stand, others are copied."""

    ids: Optional[ArrayLike]
    """[T,B] the inputs as symbols 0..I-1, in the place of x"""
    values: Optional[ArrayLike]
    """[T,B,I] the inputs as values, in the place of x"""
    labels: Optional[ArrayLike]
    """[T,B] classes 0..O-1 to be answered"""
    targets: Optional[ArrayLike]
    """[T,B,O] values, or yes-or-no answers 0..1, to be answered"""
    weight: Optional[ArrayLike]
    """[T,B] >= 0: each step's share in the loss; 1 unless given"""
    scored: Optional[ArrayLike]
    """[T,B] not 0 where accuracy and mse count; unless given, where the weight is not 0"""
    lengths: Optional[ArrayLike]
    """[B] 1..T steps; what stands past the end of a sequence is not read; T unless given"""
    fresh: Optional[ArrayLike]
    """[B] 0: the sequence goes on where that of the batch before ended; 1: it begins anew"""
    h0: Optional[ArrayLike]
    """[layers,B,H] the hidden state that sequences begin with; 0 unless given"""
    c0: Optional[ArrayLike]
    """[layers,B,H] the cell state that sequences begin with; 0 unless given"""
    hn: Optional[Array]
    """[layers,B,H] of the library's number type, contiguous: overwritten with the hidden state where each sequence
    ends"""
    cn: Optional[Array]
    """[layers,B,H] the same of the cell state"""
    output_mask: Optional[ArrayLike]
    """[layers,B,H] dropout's factors of each layer's states before the next layer or the readout; 1 unless given"""
    state_mask: Optional[ArrayLike]
    """[layers,B,H] the same before the layer's own next step"""
    stream: Optional[Stream]
    """the state of B sequences that this batch goes on from, and leaves where it ends"""


class Batch:
    """The library's struct, in `handle`, and the arrays that it borrows: held as long as the call, or the tape, needs
    them."""

    def __init__(self, model: Model, x: Optional[ArrayLike], given: BatchArrays) -> None:
        build, real = model._build, model._build.real
        unknown = set(given) - set(BatchArrays.__annotations__)
        if unknown:
            raise TypeError(f"a batch has no {', '.join(sorted(unknown))}; it may have "
                            f"{', '.join(BatchArrays.__annotations__)}")
        inputs = _inputs(model, x, given)
        T, B = self.T, self.B = int(inputs.shape[0]), int(inputs.shape[1])
        self.layers = model.layers
        states = (model.layers, B, model.hidden)
        int32, uint8 = np.dtype(np.int32), np.dtype(np.uint8)
        wanted: dict[str, tuple[Any, np.dtype[Any], tuple[Optional[int], ...]]] = {
            "labels": (given.get("labels"), int32, (T, B)),
            "targets": (given.get("targets"), real, (T, B, model.outputs)),
            "weight": (given.get("weight"), real, (T, B)),
            "scored": (_flags("scored", given.get("scored")), uint8, (T, B)),
            "lengths": (given.get("lengths"), int32, (B,)),
            "fresh": (_flags("fresh", given.get("fresh")), uint8, (B,)),
            "h0": (given.get("h0"), real, states),
            "c0": (given.get("c0"), real, states),
            "hn": (given.get("hn"), real, states),
            "cn": (given.get("cn"), real, states),
            "output_mask": (given.get("output_mask"), real, states),
            "state_mask": (given.get("state_mask"), real, states),
        }
        self.arrays: dict[str, Array] = {"ids" if model.ids else "values": inputs}
        for name, (value, dtype, shape) in wanted.items():
            array = checked(name, value, dtype, shape)
            if array is not None:
                self.arrays[name] = array
            if name in ("hn", "cn") and array is not None and (array is not value or not array.flags.writeable):
                raise InvalidError(f"{name}: it is written to, and must be a contiguous, writable array of {real}")
        if "hn" in self.arrays and "cn" in self.arrays and np.shares_memory(self.arrays["hn"], self.arrays["cn"]):
            raise InvalidError("hn and cn are both written to, and must not be the same memory")
        kinds = {int32: "int32_t *", uint8: "uint8_t *", real: "sab_real *"}
        self.handle: Any = build.sized("struct sab_batch", T=T, B=B)
        for name, array in self.arrays.items():
            setattr(self.handle, name, build.pointer(kinds[array.dtype], array))
        self.stream = given.get("stream")
        if self.stream is not None:
            if getattr(self.stream, "model", None) is not model:
                raise InvalidError(f"stream: {self.stream!r} is no state of this model")
            self.handle.state = self.stream._handle

    def lengths(self) -> Array:
        """[B] steps of each sequence."""
        return self.arrays["lengths"].copy() if "lengths" in self.arrays else np.full(self.B, self.T, np.int32)


def _inputs(model: Model, x: Optional[ArrayLike], given: BatchArrays) -> Array:
    there = {name: value for name, value in (("x", x), ("ids", given.get("ids")), ("values", given.get("values")))
             if value is not None}
    if len(there) != 1:
        raise InvalidError("a batch needs its inputs once, as x, ids or values; "
                           f"{' and '.join(there) or 'none'} is given")
    name, value = there.popitem()
    if name != "x" and (name == "ids") != model.ids:
        raise InvalidError(f"{name} are given to a model of {'ids' if model.ids else 'values'}")
    array: Array
    if model.ids:
        array = checked(name, value, np.dtype(np.int32), (None, None))
    else:
        array = checked(name, value, model._build.real, (None, None, model.inputs))
    return array


def _numbers(name: str, value: Any) -> Array:
    """value as an array of real numbers; InvalidError where it is none: texts, dates, complex numbers, lists of unlike
    lengths. Objects that are numbers are taken, as of a pandas column."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = array.astype(np.float64)
    except (TypeError, ValueError) as problem:
        raise InvalidError(f"{name}: {problem}") from None
    if array.dtype.kind not in "fiub":
        raise InvalidError(f"{name}: type {array.dtype}, real numbers are wanted")
    return array


def _flags(name: str, value: Any) -> Any:
    """Where value is not 0, or None for None."""
    return None if value is None else _numbers(name, value) != 0


def checked(name: str, value: Any, dtype: np.dtype[Any], shape: tuple[Optional[int], ...]) -> Any:
    """value as a contiguous array of dtype, or None for None; InvalidError where its shape is not this one (None:
    any)."""
    if value is None:
        return None
    array = _numbers(name, value)
    if array.ndim != len(shape) or any(want is not None and have != want for have, want in zip(array.shape, shape)):
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise InvalidError(f"{name}: shape {list(array.shape)}, [{wanted}] is wanted")
    if dtype.kind == "i" and array.dtype.kind not in "iu":
        raise InvalidError(f"{name}: numbers of type {array.dtype}, whole numbers are wanted")
    if dtype.kind == "i" and array.size and (array.min() < -2**31 or array.max() >= 2**31):
        raise InvalidError(f"{name}: {array.min()} to {array.max()} is not within 32 bits")
    return np.ascontiguousarray(array, dtype)

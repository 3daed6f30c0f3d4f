"""Sequences as users have them, made lists of arrays [T_i, I]; batches of them; and means and deviations.

Must not know: networks, and what is learned.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, Optional, Sequence

import numpy as np

from .._batch import Array
from ..errors import InvalidError


class Sequences(NamedTuple):
    """values: an array [T_i, I] of float64 for each sequence. columns: the names of the I columns, where there are
    some."""

    values: list[Array]
    columns: Optional[list[str]]


def as_sequences(X: Any, name: str = "X") -> Sequences:
    """Sequences from an array [n,T,I] or [n,T]; a list of arrays [T_i,I] or [T_i], of pandas' Series, or of DataFrames
    with a row for each time; or a DataFrame whose index has two levels, sequence and time. InvalidError says what is
    wrong, and where."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(X, pandas.DataFrame):
        if X.index.nlevels == 2:
            X = [part.droplevel(0) for _, part in X.groupby(level=0, sort=False)]
        else:
            X = X.to_numpy()
    if isinstance(X, np.ndarray) and X.dtype != object:
        if X.ndim == 2:
            X = X[:, :, None]
        if X.ndim != 3:
            raise InvalidError(f"{name}: shape {list(X.shape)}; [sequences, steps, columns] or [sequences, steps] is "
                               "wanted")
    elif not isinstance(X, (list, tuple, np.ndarray)):
        raise InvalidError(f"{name}: a {type(X).__name__}; an array, a list of arrays or frames, or a DataFrame is "
                           "wanted")
    if len(X) == 0:
        raise InvalidError(f"{name}: no sequence")
    read = [as_sequence(part, f"{name}, sequence {i}") for i, part in enumerate(X)]
    columns = read[0][1]
    for i, (values, names) in enumerate(read):
        if values.shape[1] != read[0][0].shape[1] or names != columns:
            raise InvalidError(f"{name}, sequence {i}: {describe(values, names)}; sequence 0 has {describe(*read[0])}")
    return Sequences([values for values, _ in read], columns)


def describe(values: Array, columns: Optional[list[str]]) -> str:
    return f"the columns {', '.join(columns)}" if columns else f"{values.shape[1]} columns"


def as_sequence(part: Any, name: str) -> tuple[Array, Optional[list[str]]]:
    """(values [T,I], names of columns) of one sequence."""
    pandas = sys.modules.get("pandas")
    columns = None
    if pandas is not None and isinstance(part, (pandas.Series, pandas.DataFrame)):
        if not part.index.is_monotonic_increasing:
            raise InvalidError(f"{name}: its rows are not in the order of time: sort_index() puts them so")
        if isinstance(part, pandas.DataFrame):
            columns = [str(column) for column in part.columns]
    try:
        values = np.asarray(part, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidError(f"{name}: not all are numbers ({error})") from None
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or 0 in values.shape:
        raise InvalidError(f"{name}: shape {list(values.shape)}; [steps, columns] or [steps], neither 0, is wanted")
    if not np.isfinite(values).all():
        step, column = np.argwhere(~np.isfinite(values))[0]
        at = repr(columns[column]) if columns else str(column)
        raise InvalidError(f"{name}, step {step}, column {at}: {values[step, column]}; finite numbers are wanted")
    return values, columns


def padded(values: Sequence[Array]) -> tuple[Array, Array]:
    """(x [T,B,I], lengths [B]) of B sequences [T_i,I], 0 past their ends."""
    lengths = np.array([len(part) for part in values], np.int32)
    x = np.zeros((lengths.max(), len(values), values[0].shape[1]), np.float32)
    for b, part in enumerate(values):
        x[:len(part), b] = part
    return x, lengths


class Scale:
    """Means and deviations of columns, learned once."""

    def __init__(self, values: Sequence[Array], use: bool = True) -> None:
        rows = np.concatenate([np.asarray(part, np.float64) for part in values])
        self.mean = rows.mean(0) if use else np.zeros(rows.shape[1])
        deviation = rows.std(0) if use else np.ones(rows.shape[1])
        self.deviation = np.where(deviation > 1e-12 * (1 + np.abs(self.mean)), deviation, 1.0)  # of what is constant, 1

    def apply(self, values: Array) -> Array:
        """(values - mean) / deviation, of [..., I]."""
        scaled: Array = ((values - self.mean) / self.deviation).astype(np.float32)
        return scaled

    def undo(self, values: Array) -> Array:
        """The way back."""
        original: Array = values * self.deviation + self.mean
        return original

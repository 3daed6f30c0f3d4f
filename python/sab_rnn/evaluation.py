"""What an evaluation measures, in all and of each output; and what a run measured as it went.

Must not know: how anything is measured.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Optional

import numpy as np

from ._batch import Array
from ._library import Callback, Library


class Evaluation(NamedTuple):
    """What a model reaches on a part of the data.

    metrics: by name, those that apply: loss, accuracy, mse, balanced_accuracy, f1, rmse, ..., and what there is to
    beat. scored: how many positions. outputs: for each class or value its figures by name: count, recall, precision, f1
    of a class; rmse, mae, last_value_rmse, ... of a value, in the units of the data. confusion: [C,C] positions of each
    class (row) that were said to be each (column), None where that was not kept.
    """

    metrics: dict[str, float]
    scored: int
    outputs: list[dict[str, float]]
    confusion: Optional[Array]


def metric_values(build: Library, values: Any) -> dict[str, float]:
    """The metrics that apply by name, of numbers by place in the library's table."""
    found, i = {}, 0
    while (row := build.lib.sab_metric_at(i)) != build.ffi.NULL:
        if not np.isnan(values[i]):
            found[build.ffi.string(row.name).decode()] = float(values[i])
        i += 1
    return found


def evaluation_of(build: Library, handle: Any, outputs: int) -> Evaluation:
    """The library's evaluation, which is freed, as a value."""
    lib, ffi = build.lib, build.ffi
    evaluation = build.own(handle, lib.sab_evaluation_free)
    values, i = [], 0
    while lib.sab_metric_at(i) != ffi.NULL:
        values.append(lib.sab_evaluation_value(evaluation, i))
        i += 1
    room = ffi.new("struct sab_figure[16]")
    figures = [_figures(ffi, room, lib.sab_evaluation_output(evaluation, o, room)) for o in range(outputs)]
    confusion = None
    if lib.sab_evaluation_confusion(evaluation, 0, 0) >= 0:
        confusion = np.array([[lib.sab_evaluation_confusion(evaluation, label, answer) for answer in range(outputs)]
                              for label in range(outputs)], np.int64)
    return Evaluation(metric_values(build, values), int(lib.sab_evaluation_scored(evaluation)), figures, confusion)


def _figures(ffi: Any, figures: Any, n: int) -> dict[str, float]:
    return {ffi.string(figure.name).decode(): int(figure.value) if figure.is_count else float(figure.value)
            for figure in (figures[k] for k in range(n))}


def history(build: Library, folder: str | os.PathLike[str]) -> dict[str, Array]:
    """What the run in a folder measured at each evaluation: arrays by name, NaN where one has no such figure."""
    rows: list[dict[str, float]] = []

    def row(_: Any, figures: Any, n: int) -> int:
        rows.append(_figures(build.ffi, figures, n))
        return 0

    with Callback(build, "int(void *, const struct sab_figure *, int)", row, failed=1) as callback:
        build.call(build.lib.sab_run_history, os.fsencode(folder), 0, callback.handle, build.ffi.NULL)
    names = {name: None for found in rows for name in found}
    columns: dict[str, Array] = {name: np.array([found.get(name, np.nan) for found in rows]) for name in names}
    return columns

"""The next values of series."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np

from .._batch import Array
from ..errors import InvalidError
from ..model import Model
from .fitting import Batch, in_parts, train
from .parameters import NotFittedError, Parameters, generator
from .sequences import Scale, as_sequence, describe


class Series(NamedTuple):
    """values [T,C+E]: what is forecast, C columns, then what only helps. index: of pandas, or None. dims: of y as it
    was given."""

    values: Array
    C: int
    index: Any
    columns: Optional[list[str]]
    dims: int
    name: Any


@dataclass(eq=False)
class SABForecaster(Parameters):
    """The next `horizon` values of a series: `SABForecaster(horizon=24).fit(y).predict()`.

    y: [T] or [T,C], C series that go together; a pandas Series or DataFrame with a row for each time, whose index
    forecasts then go on with. X: [T,E] further columns, known as long as y is: they help and are not forecast. At each
    step the network answers with all values of the next `horizon` steps.

    After fit: model_ (a sab_rnn.Model), history_ (the loss on the validation part, the last of the series).
    """

    horizon: int = 1
    """steps ahead, all of which are forecast"""
    window: int = 100
    """steps of a training sequence, drawn anywhere in the series; forecasts are made from as many"""
    relative: bool = True
    """the network answers with the change since the last value, not with the value: what has a trend can be gone on
    with"""

    def fit(self, y: Any, X: Any = None) -> SABForecaster:
        """Learns from a series. InvalidError where it is too short for horizon."""
        self.check()
        if self.horizon < 1 or self.window < 1:
            raise InvalidError(f"horizon {self.horizon}, window {self.window}: each at least 1")
        rng, series = generator(self.random_state), _series(y, X)
        T, h = len(series.values), self.horizon
        if T <= h:
            raise InvalidError(f"y: {T} steps; more than the horizon, {h}, are wanted")
        held = int(self.validation * T)
        if held < h or T - held <= h:
            held = 0
        self._last, self._wide, self._given = series, series.C, X is not None
        shown = self._shown(series.values)
        self._scale = Scale([shown[:T - held]], self.standardise)
        scaled, outputs = self._scale.apply(shown), h * self._wide
        answers, known = self._ahead(scaled)
        self._answer_scale = Scale([answers[:T - held - h]], self.standardise)
        answers = self._answer_scale.apply(answers)
        length = min(self.window, T - held)
        model = Model(scaled.shape[1], outputs, loss="mse", **self.network_options(int(rng.integers(2**31))))

        def batch(begins: Array, first: int, end: int) -> Batch:
            """Windows from each of begins; those answers count whose values lie before end, from step `first` on."""
            at = begins + np.arange(length)[:, None]
            share = known[at] & (at + h < end) & (at >= first)
            return {"x": scaled[at], "targets": answers[at], "weight": share.astype(np.float32)}

        valid, first = [], T - held - 1
        while held and first < T - h:  # each step is judged once, from half a window of history or more
            begin = min(max(first - length // 2, 0), T - length)
            valid.append(batch(np.array([begin]), first, T))
            first = begin + length
        most = T - held - length
        self.history_ = train(model, self, lambda _: batch(rng.integers(0, most + 1, int(self.batch)), 0, T - held),
                              valid)
        self.model_ = model
        return self

    def _shown(self, values: Array) -> Array:
        """What the network sees: the values, and their changes since the step before, which say more where there is a
        trend."""
        changes = np.diff(values[:, :self._wide], axis=0, prepend=values[:1, :self._wide])
        return np.concatenate([values, changes], 1)

    def _ahead(self, scaled: Array) -> tuple[Array, Array]:
        """[T,h*C] what is to be answered at each step, step after step, and [T] whether all of it is known."""
        T, h, C = len(scaled), self.horizon, self._wide
        at = np.arange(T)[:, None] + np.arange(1, h + 1)
        known = at[:, -1] < T
        ahead = scaled[np.minimum(at, T - 1)][:, :, :C]
        if self.relative:
            ahead = ahead - scaled[:, None, :C]
        return ahead.reshape(T, h * C), known

    def _forecasts(self, values: Array) -> Array:
        """[T,h,C] the forecasts at each step of one series, in the units of the data, each from at most `window` steps
        before."""
        scaled, T, h, C = self._scale.apply(self._shown(values)), len(values), self.horizon, self._wide
        length = min(self.window, T)
        step = max(length // 2, 1)
        begins = np.unique(np.append(np.arange(0, T - length + 1, step), T - length))
        found = np.empty((T, h * C), np.float64)
        for part in in_parts(begins[::-1], 64):
            outputs, _ = self._recorded.evaluate(scaled[part + np.arange(length)[:, None]], threads=self.threads)
            for b, begin in enumerate(part):  # newest first: in the window before, its latter half has more history
                keep = slice(0, length) if begin == 0 else slice(length - step, length)
                found[begin:begin + length][keep] = outputs[keep, b]
        ahead = self._answer_scale.undo(found).reshape(T, h, C)
        if self.relative:
            ahead = ahead + scaled[:, None, :C]
        forecasts: Array = ahead * self._scale.deviation[:C] + self._scale.mean[:C]
        return forecasts

    def predict(self, y: Any = None, X: Any = None) -> Any:
        """The next horizon values after the training series, or after y with its X: [horizon] or [horizon,C], or as
        pandas has y, with the times that come next."""
        series = self._fitting(y, X)
        ahead = self._forecasts(series.values[-self.window:])[-1]
        if series.index is None:
            return ahead[:, 0] if series.dims == 1 else ahead
        pandas = sys.modules["pandas"]
        times = _times_after(series.index, self.horizon)
        if series.dims == 1:
            return pandas.Series(ahead[:, 0], index=times, name=series.name)
        return pandas.DataFrame(ahead, index=times, columns=series.columns)

    def _fitting(self, y: Any, X: Any) -> Series:
        """y and X as those of the training were, which None is."""
        self._recorded
        if y is None:
            return self._last
        series = _series(y, X)
        had = self._last.values.shape[1]
        if (X is not None) != self._given or series.C != self._wide or series.values.shape[1] != had:
            raise InvalidError(f"y has {series.C} columns, X {series.values.shape[1] - series.C}; in the training data "
                               f"y had {self._wide}, X {had - self._wide}")
        if series.columns != self._last.columns and series.columns and self._last.columns:
            raise InvalidError(f"y has {describe(series.values, series.columns)}; the training data had "
                               f"{describe(series.values, self._last.columns)}")
        return series

    def score(self, y: Any, X: Any = None) -> float:
        """1 - (sum of squared errors) / (that of repeating the last value), of the forecasts made at each step of y: 0
        is as good as repeating, 1 perfect."""
        values = self._fitting(y, X).values
        T, h, C = len(values), self.horizon, self._wide
        if T <= h:
            raise InvalidError(f"y: {T} steps; more than the horizon, {h}, are wanted")
        at = np.arange(T - h)[:, None] + np.arange(1, h + 1)
        truth, last = values[at][:, :, :C], values[:T - h, None, :C]
        off, naive = ((self._forecasts(values)[:T - h] - truth)**2).sum(), ((last - truth)**2).sum()
        return float(1 - off / naive) if naive > 0 else float(off == 0)

    @property
    def _recorded(self) -> Model:
        """The model, for sab_rnn.record too."""
        model: Optional[Model] = getattr(self, "model_", None)
        if model is None:
            raise NotFittedError(f"this {type(self).__name__} has not been fitted yet: call fit first")
        return model


def _series(y: Any, X: Any) -> Series:
    """y and X beside each other."""
    values, columns = as_sequence(y, "y")
    C = values.shape[1]
    pandas = sys.modules.get("pandas")
    framed = pandas is not None and isinstance(y, (pandas.Series, pandas.DataFrame))
    if X is not None:
        beside, _ = as_sequence(X, "X")
        if len(beside) != len(values):
            raise InvalidError(f"X has {len(beside)} steps, y {len(values)}")
        if framed and hasattr(X, "index") and not X.index.equals(y.index):
            raise InvalidError("X and y have other times")
        values = np.concatenate([values, beside], 1)
    return Series(values, C, y.index if framed else None, columns, np.ndim(y), getattr(y, "name", None))


def _times_after(index: Any, count: int) -> Any:
    """The next times of a pandas index: by its frequency, or by the step that all of them have."""
    pandas = sys.modules["pandas"]
    if isinstance(index, pandas.PeriodIndex):
        return pandas.period_range(index[-1] + 1, periods=count, freq=index.freq)
    if isinstance(index, pandas.DatetimeIndex):
        freq = index.freq or (pandas.infer_freq(index) if len(index) > 2 else None)
        if freq is not None:
            return pandas.date_range(index[-1], periods=count + 1, freq=freq, name=index.name)[1:]
    steps = index[1:] - index[:-1]
    if len(steps) == 0 or not (steps == steps[0]).all():
        raise InvalidError("y: its times have no common step, so there is none to go on with: resample or asfreq gives "
                           "them one")
    return pandas.Index([index[-1] + steps[0] * (k + 1) for k in range(count)], name=index.name)

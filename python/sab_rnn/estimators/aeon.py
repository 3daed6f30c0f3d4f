"""The estimators as aeon's: sequences are [n,I,T] there, sequence, column, then step.

    from sab_rnn.estimators.aeon import SABClassifier

Needs aeon. Must not know: how anything is learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Union

import numpy as np
from aeon.classification import BaseClassifier
from aeon.forecasting.base import BaseForecaster
from aeon.regression import BaseRegressor

from .. import estimators as own
from .parameters import Parameters

SMALL = {"hidden": 4, "steps": 3, "batch": 4, "eval_every": 2, "k_top": 2, "random_state": 0, "threads": 1}


def _in_rows(X: Any) -> list[Any]:
    """Sequences [T_i,I] of aeon's [I,T_i]."""
    return [np.asarray(part).T for part in X]


@dataclass(eq=False, repr=False)
class SABClassifier(Parameters, BaseClassifier):  # type: ignore[misc]
    """sab_rnn.SABClassifier for aeon. After fit: estimator_."""

    class_weight: Union[None, str, Mapping[Any, float]] = None
    """see sab_rnn.SABClassifier"""

    _tags = {"X_inner_type": ["np-list", "numpy3D"], "capability:multivariate": True, "capability:unequal_length": True,
             "algorithm_type": "deeplearning"}

    def __post_init__(self) -> None:
        BaseClassifier.__init__(self)

    def _fit(self, X: Any, y: Any) -> SABClassifier:
        self.estimator_ = own.SABClassifier(**self.get_params(deep=False)).fit(_in_rows(X), y)
        return self

    def _predict(self, X: Any) -> Any:
        return self.estimator_.predict(_in_rows(X))

    def _predict_proba(self, X: Any) -> Any:
        return self.estimator_.predict_proba(_in_rows(X))

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, Any]:
        return dict(SMALL)


@dataclass(eq=False, repr=False)
class SABRegressor(Parameters, BaseRegressor):  # type: ignore[misc]
    """sab_rnn.SABRegressor for aeon. After fit: estimator_."""

    _tags = {"X_inner_type": ["np-list", "numpy3D"], "capability:multivariate": True, "capability:unequal_length": True,
             "algorithm_type": "deeplearning"}

    def __post_init__(self) -> None:
        BaseRegressor.__init__(self)

    def _fit(self, X: Any, y: Any) -> SABRegressor:
        self.estimator_ = own.SABRegressor(**self.get_params(deep=False)).fit(_in_rows(X), y)
        return self

    def _predict(self, X: Any) -> Any:
        return self.estimator_.predict(_in_rows(X))

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, Any]:
        return dict(SMALL)


@dataclass(eq=False, repr=False)
class SABForecaster(Parameters, BaseForecaster):  # type: ignore[misc]
    """sab_rnn.SABForecaster for aeon, whose predict gives the value `horizon` steps ahead alone. After fit:
    estimator_."""

    horizon: int = 1
    """steps ahead"""
    window: int = 100
    """see sab_rnn.SABForecaster"""
    relative: bool = True
    """see sab_rnn.SABForecaster"""

    _tags = {"capability:exogenous": False}

    def __post_init__(self) -> None:
        BaseForecaster.__init__(self, horizon=self.horizon, axis=0)

    def _fit(self, y: Any, exog: Any = None) -> SABForecaster:
        self.estimator_ = own.SABForecaster(**self.get_params(deep=False)).fit(y)
        return self

    def _predict(self, y: Any, exog: Any = None) -> float:
        return float(self.estimator_.predict(y)[-1, 0])

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, Any]:
        return dict(SMALL)

"""Estimators with fit and predict, for sequences as arrays, lists and pandas' frames. They need numpy alone, and fit
into scikit-learn's tools; `sab_rnn.estimators.aeon` has them as aeon's."""

from .classifier import SABClassifier
from .forecaster import SABForecaster
from .parameters import NotFittedError
from .regressor import SABRegressor

__all__ = ["NotFittedError", "SABClassifier", "SABForecaster", "SABRegressor"]

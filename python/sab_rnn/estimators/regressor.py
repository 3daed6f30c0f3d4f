"""One value, or several, for each sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._batch import Array
from ..errors import InvalidError
from .fitting import Fitted
from .parameters import Parameters, generator
from .sequences import Scale, as_sequences


@dataclass(eq=False)
class SABRegressor(Parameters, Fitted):
    """Values of sequences: `SABRegressor(hidden=64).fit(X, y).predict(X_new)`.

    X: as of SABClassifier. y: [n] or [n,O] finite numbers. After fit: model_, history_, n_features_in_.
    """

    _estimator_type = "regressor"

    def fit(self, X: Any, y: Any) -> SABRegressor:
        """Learns from sequences X and their values y [n] or [n,O], by the mean squared error."""
        self.check()
        rng, found, values = generator(self.random_state), as_sequences(X), np.asarray(y, np.float64)
        self._single = values.ndim == 1
        if values.ndim not in (1, 2) or len(values) != len(found.values) or values.size == 0:
            n = len(found.values)
            raise InvalidError(f"y: shape {list(values.shape)}; [{n}], or [{n}, values] is wanted")
        if not np.isfinite(values).all():
            raise InvalidError(f"y, sequence {np.argwhere(~np.isfinite(values))[0][0]}: finite numbers are wanted")
        values = values.reshape(len(values), -1)
        valid = np.zeros(len(values), bool)
        valid[rng.permutation(len(values))[:int(self.validation * len(values))]] = True
        self._answer_scale = Scale([values[~valid]], self.standardise)
        alike = np.ones(len(values), np.float32)
        self._fit_sequences(self, found, self._answer_scale.apply(values), alike, valid, "mse", rng)
        return self

    def predict(self, X: Any) -> Array:
        """[n], or [n,O] where y was: the values of each sequence."""
        answers = self._answers(X, self)
        values = self._answer_scale.undo(answers)
        return values[:, 0] if self._single else values

    def score(self, X: Any, y: Any) -> float:
        """R squared: 1 - (sum of squared errors) / (that of the mean of y)."""
        asked = np.asarray(y, np.float64)
        off, about = ((self.predict(X) - asked)**2).sum(), ((asked - asked.mean(0))**2).sum()
        return float(1 - off / about) if about > 0 else float(off == 0)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags
        return Tags(estimator_type="regressor", target_tags=TargetTags(required=True), regressor_tags=RegressorTags(),
                    input_tags=InputTags(two_d_array=False, three_d_array=True))

"""One class for each sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Union

import numpy as np

from .._batch import Array
from ..errors import InvalidError
from .fitting import Fitted
from .parameters import Parameters, generator
from .sequences import as_sequences


@dataclass(eq=False)
class SABClassifier(Parameters, Fitted):
    """Classes of sequences: `SABClassifier(hidden=64).fit(X, y).predict(X_new)`.

    X: [n,T,I], sequence, then step, then column, or [n,T]; a list of arrays [T_i,I] or [T_i], or of pandas' frames with
    a row for each time; or a DataFrame with an index of two levels, sequence and time. y: [n] names or numbers of
    classes.

    After fit: classes_ [C], model_ (a sab_rnn.Model), history_ (the loss on the validation part), n_features_in_.
    """

    class_weight: Union[None, str, Mapping[Any, float]] = None
    """shares of the classes in the loss: None, all sequences alike; "balanced", all classes alike; or a number for each
    class"""

    _estimator_type = "classifier"

    def fit(self, X: Any, y: Any) -> SABClassifier:
        """Learns from sequences X and their classes y [n]. The validation part has its share of each class."""
        self.check()
        rng, found, names = generator(self.random_state), as_sequences(X), np.asarray(y)
        if names.shape != (len(found.values),):
            raise InvalidError(f"y: shape {list(names.shape)}; one class for each of {len(found.values)} sequences is "
                               "wanted")
        self.classes_, numbers = np.unique(names, return_inverse=True)
        valid = np.zeros(len(numbers), bool)
        for c in range(len(self.classes_)):
            members = rng.permutation(np.flatnonzero(numbers == c))
            valid[members[:int(self.validation * len(members))]] = True
        shares = self._shares(numbers)[numbers].astype(np.float32)
        self._fit_sequences(self, found, numbers.astype(np.int32), shares, valid, "cross_entropy", rng)
        return self

    def _shares(self, numbers: Array) -> Array:
        """[C] the share of each class."""
        counts = np.bincount(numbers)
        if self.class_weight is None:
            return np.ones(len(counts))
        if isinstance(self.class_weight, str):
            if self.class_weight != "balanced":
                raise InvalidError(f"class_weight {self.class_weight!r}: None, \"balanced\" or a number for each class")
            balanced: Array = len(numbers) / (len(counts) * counts)
            return balanced
        return np.array([float(self.class_weight.get(name, 1.0)) for name in self.classes_.tolist()])

    def predict_proba(self, X: Any) -> Array:
        """[n,C] the probability of each class, in the order of classes_."""
        logits = self._answers(X, self)
        shares = np.exp(logits - logits.max(1, keepdims=True))
        probabilities: Array = shares / shares.sum(1, keepdims=True)
        return probabilities

    def predict(self, X: Any) -> Array:
        """[n] the likeliest class of each sequence."""
        likeliest = self._answers(X, self).argmax(1)
        classes: Array = self.classes_[likeliest]
        return classes

    def score(self, X: Any, y: Any) -> float:
        """Accuracy, 0..1."""
        return float((self.predict(X) == np.asarray(y)).mean())

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags
        return Tags(estimator_type="classifier", target_tags=TargetTags(required=True),
                    classifier_tags=ClassifierTags(), input_tags=InputTags(two_d_array=False, three_d_array=True))

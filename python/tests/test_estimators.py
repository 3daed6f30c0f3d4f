"""Estimators: that they learn, what they are given, what they refuse, and that others' tools take them."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import numpy as np
import pytest

import sab_rnn
from sab_rnn import SABClassifier, SABForecaster, SABRegressor
from sab_rnn.estimators import NotFittedError

QUICK: dict[str, Any] = dict(hidden=16, batch=16, steps=40, eval_every=10, random_state=1, threads=1)


def first_step_decides(n: int, seed: int, unlike: bool = False) -> tuple[list[np.ndarray], np.ndarray]:
    """Noise whose first value's sign is the class: what is asked at the end was there at the beginning."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(5, 15, n) if unlike else np.full(n, 12)
    X = [rng.normal(scale=0.3, size=(length, 2)) for length in lengths]
    y = rng.integers(0, 2, n)
    for sequence, label in zip(X, y):
        sequence[0, 0] = 2 * label - 1
    return X, np.array(["no", "yes"])[y]


def test_a_classifier_learns_from_lists_of_unlike_length() -> None:
    X, y = first_step_decides(200, 1, unlike=True)
    fitted = SABClassifier(**{**QUICK, "steps": 150, "lr": 0.01}).fit(X, y)
    X_new, y_new = first_step_decides(100, 2, unlike=True)
    assert fitted.classes_.tolist() == ["no", "yes"] and fitted.score(X_new, y_new) > 0.95
    shares = fitted.predict_proba(X_new)
    assert shares.shape == (100, 2) and shares.sum(1) == pytest.approx(1)
    assert (fitted.classes_[shares.argmax(1)] == fitted.predict(X_new)).all()
    assert fitted.history_["loss"].min() < fitted.history_["loss"][0]


def test_a_sequence_alone_is_answered_as_in_company() -> None:
    X, y = first_step_decides(40, 3, unlike=True)
    fitted = SABClassifier(**QUICK).fit(X, y)
    together = fitted.predict_proba(X)
    for i in (0, 7, 39):
        assert np.array_equal(fitted.predict_proba([X[i]])[0], together[i])


def test_a_regressor_learns_in_the_units_of_the_data() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(200, 8))
    y = 1000 + 50 * X[:, 0]
    fitted = SABRegressor(**{**QUICK, "steps": 300, "lr": 0.01, "k_trunc": 8}).fit(X[:150], y[:150])
    assert fitted.score(X[150:], y[150:]) > 0.9 and fitted.predict(X[:3]).shape == (3,)
    both = SABRegressor(**QUICK).fit(X, np.stack([y, -y], 1))
    assert both.predict(X[:3]).shape == (3, 2) and abs(both.predict(X).mean(0) - [1000, -1000]).max() < 50


def test_a_forecaster_goes_on() -> None:
    t = np.arange(400)
    y = 10 + 0.02 * t + np.sin(t / 5)
    fitted = SABForecaster(**{**QUICK, "steps": 200, "lr": 0.01}, horizon=5, window=50).fit(y[:350])
    assert fitted.score(y[300:]) > 0.9
    ahead = fitted.predict()
    assert ahead.shape == (5,) and abs(ahead - y[350:355]).max() < 0.3
    later = fitted.predict(y[:380])
    assert abs(later - y[380:385]).max() < 0.3
    wide = SABForecaster(**QUICK, horizon=2, window=20).fit(np.stack([y, -y], 1), X=np.cos(t / 5)[:, None])
    assert wide.predict().shape == (2, 2)
    with pytest.raises(sab_rnn.InvalidError, match="X 0; in the training data y had 2, X 1"):
        wide.predict(np.stack([y, -y], 1))


def test_what_is_not_learned_from_decides_nothing_but_when_to_stop() -> None:
    """Means and deviations come from the training part alone."""
    X, y = np.zeros((40, 6, 1)), np.arange(40.0)
    X[:, 0, 0] = np.arange(40)
    fitted = SABRegressor(**QUICK, validation=0.5).fit(X, y)
    means = {fitted._scale.mean[0] * 6, fitted._answer_scale.mean[0]}
    assert max(means) - min(means) < 1e-9 and max(means) != 19.5
    series = np.concatenate([np.zeros(100) + np.arange(100) % 2, np.full(25, 1e6)])
    assert SABForecaster(**QUICK, validation=0.2).fit(series)._scale.mean[0] == 0.5


def test_the_best_weights_are_those_that_stay() -> None:
    from sab_rnn.estimators import fitting, parameters
    rng = np.random.default_rng(13)
    model = sab_rnn.Model(1, 1, loss="mse", hidden=8, lr=0.2, warmup=0, clip=0, steps=30, threads=1)
    batches = [{"x": rng.normal(size=(4, 8, 1)), "targets": rng.normal(size=(4, 8, 1))} for _ in range(2)]
    told = parameters.Parameters(steps=30, eval_every=1, patience=0)
    history = fitting.train(model, told, lambda _: batches[0], batches[1:])
    left = model.evaluate(**batches[1])[1].loss
    assert left == history["loss"].min() < history["loss"][-1]


@pytest.mark.parametrize("horizon, T", [(1, 100), (3, 100), (4, 40)])
def test_a_forecaster_never_learns_from_what_it_is_judged_by(horizon: int, T: int,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are their times here: those that count in training lie before the validation part, those that count there
    in it, and each once."""
    seen: dict[str, Any] = {}

    def train(_model: Any, _parameters: Any, draw: Any, valid: Any) -> dict[str, Any]:
        seen.update(draws=[draw(i) for i in range(50)], valid=valid)
        return {}

    monkeypatch.setattr("sab_rnn.estimators.forecaster.train", train)
    SABForecaster(random_state=1, horizon=horizon, window=20, relative=False, standardise=False, validation=0.2,
                  batch=4, hidden=2).fit(np.arange(float(T)))
    begins = T - T // 5

    def answered(batch: Any) -> np.ndarray:
        return batch["targets"][batch["weight"] > 0]

    learned = np.concatenate([answered(batch) for batch in seen["draws"]])
    assert learned.max() == begins - 1 and learned.min() <= 5
    judged = np.concatenate([answered(batch) for batch in seen["valid"]])
    assert sorted(judged[:, 0].tolist()) == list(range(begins, T - horizon + 1))


def test_training_ends_when_the_validation_part_says_so() -> None:
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(60, 5)), rng.integers(0, 2, 60)
    fitted = SABClassifier(**{**QUICK, "steps": 4000, "eval_every": 5, "patience": 3, "lr": 0.05},
                           validation=0.5).fit(X, y)
    steps, losses = fitted.history_["step"], fitted.history_["loss"]
    assert steps[-1] < 4000 and losses.argmin() == len(losses) - 4
    whole = SABClassifier(**QUICK, validation=0).fit(X, y)
    assert len(whole.history_["step"]) == 0


def test_a_random_state_decides_all() -> None:
    X, y = first_step_decides(40, 6)
    one, two, other = (SABClassifier(**{**QUICK, "random_state": state}).fit(X, y).predict_proba(X)
                       for state in (3, 3, np.random.default_rng(4)))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
    threads = SABClassifier(**{**QUICK, "random_state": 3, "threads": 2}).fit(X, y).predict_proba(X)
    assert np.array_equal(one, threads)


def test_parameters_are_kept_set_and_cloned() -> None:
    estimator = SABForecaster(hidden=7, horizon=3)
    assert estimator.get_params()["hidden"] == 7 and estimator.clone().get_params() == estimator.get_params()
    assert estimator.set_params(hidden=8) is estimator and estimator.hidden == 8
    with pytest.raises(sab_rnn.InvalidError, match="no parameter 'hiden'"):
        estimator.set_params(hiden=8)
    assert "horizon=3" in repr(estimator)


def test_fitted_estimators_are_copied_and_pickled() -> None:
    X, y = first_step_decides(30, 7)
    fitted = SABClassifier(**QUICK).fit(X, y)
    for again in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_classes_may_count_alike() -> None:
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(100, 5)), np.arange(100) < 8
    plain = SABClassifier(**{**QUICK, "steps": 60}).fit(X, y).predict_proba(X)[:, 1].mean()
    for weight in ("balanced", {False: 0.1, True: 1.15}):
        even = SABClassifier(**{**QUICK, "steps": 60}, class_weight=weight).fit(X, y).predict_proba(X)[:, 1].mean()
        assert plain < 0.25 < 0.3 < even


@pytest.mark.parametrize("call, words", [
    (lambda: SABClassifier().predict(np.zeros((2, 3))), "not been fitted"),
    (lambda: SABForecaster().predict(), "not been fitted"),
    (lambda: SABClassifier().fit(np.zeros((2, 3, 4, 5)), [0, 1]), r"X: shape \[2, 3, 4, 5\]"),
    (lambda: SABClassifier().fit([[1, 2], [1, np.nan]], [0, 1]), "X, sequence 1, step 1, column 0: nan"),
    (lambda: SABClassifier().fit([["a", "b"]], [0]), "X, sequence 0: not all are numbers"),
    (lambda: SABClassifier().fit([np.zeros((3, 1)), np.zeros((3, 2))], [0, 1]),
     "X, sequence 1: 2 columns; sequence 0 has 1"),
    (lambda: SABClassifier().fit([], []), "no sequence"),
    (lambda: SABClassifier().fit(np.zeros((2, 3)), [0]), r"y: shape \[1\]"),
    (lambda: SABClassifier(validation=1).fit(np.zeros((2, 3)), [0, 1]), "validation 1"),
    (lambda: SABClassifier(hidden=0).fit(np.zeros((2, 3)), [0, 1]), "16384"),
    (lambda: SABClassifier(options={"k_tob": 1}).fit(np.zeros((2, 3)), [0, 1]), "k-top"),
    (lambda: SABClassifier(class_weight="x").fit(np.zeros((2, 3)), [0, 1]), "balanced"),
    (lambda: SABRegressor().fit(np.zeros((2, 3)), [0, np.inf]), "y, sequence 1"),
    (lambda: SABForecaster(horizon=3).fit(np.zeros(3)), "more than the horizon, 3"),
    (lambda: SABForecaster().fit(np.zeros(9), X=np.zeros(8)), "X has 8 steps, y 9")])
def test_mistakes(call: Any, words: str) -> None:
    with pytest.raises(sab_rnn.InvalidError, match=words):
        call()


def test_columns_that_are_not_those_of_the_training() -> None:
    X, y = first_step_decides(20, 9)
    with pytest.raises(sab_rnn.InvalidError, match="3 columns; the training data had 2 columns"):
        SABClassifier(**QUICK).fit(X, y).predict(np.zeros((2, 5, 3)))
    assert issubclass(NotFittedError, AttributeError)


def test_what_an_estimator_remembered() -> None:
    X, y = first_step_decides(20, 10)
    fitted = SABClassifier(**QUICK).fit(X, y)
    with sab_rnn.record(fitted) as reads:
        fitted.predict(X)
    assert len(reads) and (reads.recalled < reads.step).all()


def test_frames_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    X, y = first_step_decides(20, 11, unlike=True)
    times = pandas.date_range("2024-01-01", periods=20, freq="h")
    frames = [pandas.DataFrame(part, columns=["a", "b"], index=times[:len(part)]) for part in X]
    expected = SABClassifier(**QUICK).fit(X, y).predict_proba(X)
    fitted = SABClassifier(**QUICK).fit(frames, pandas.Series(y))
    long = pandas.concat(dict(enumerate(frames)))
    for form in (frames, long):
        assert np.array_equal(fitted.predict_proba(form), expected)
    with pytest.raises(sab_rnn.InvalidError, match="columns b, a; the training data had the columns a, b"):
        fitted.predict([frame[["b", "a"]] for frame in frames])
    with pytest.raises(sab_rnn.InvalidError, match="order of time"):
        fitted.predict([frames[0][::-1]])


@pytest.mark.parametrize("times, after", [("2024-01-01 05:00", "2024-01-01 05:10"), (None, 30), ("period", "2026-07")])
def test_forecasts_go_on_with_the_times_of_pandas(times: Any, after: Any) -> None:
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range(end=times, periods=30, freq="10min") if times not in (None, "period") else \
        pandas.RangeIndex(30) if times is None else pandas.period_range("2024-01", periods=30, freq="M")
    y = pandas.Series(np.sin(np.arange(30)), index=index, name="load")
    ahead = SABForecaster(**QUICK, horizon=2).fit(y).predict()
    assert ahead.name == "load" and str(ahead.index[0]).startswith(str(after)) and len(ahead) == 2
    wide = SABForecaster(**QUICK).fit(pandas.DataFrame({"a": y, "b": -y})).predict()
    assert list(wide.columns) == ["a", "b"] and wide.index[0] == ahead.index[0]
    if times is None:
        with pytest.raises(sab_rnn.InvalidError, match="no common step"):
            SABForecaster(**QUICK).fit(y.drop(index=7)).predict()


def test_scikit_learns_tools_take_them() -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    from sklearn.base import clone
    X, y = first_step_decides(60, 12)
    search = selection.GridSearchCV(SABClassifier(**{**QUICK, "steps": 10}), {"hidden": [4, 8]}, cv=2)
    found = search.fit(np.array(X), y)
    assert clone(found.best_estimator_).hidden == found.best_params_["hidden"] in (4, 8)
    scores = selection.cross_val_score(SABRegressor(**{**QUICK, "steps": 10}), np.array(X), np.arange(60.0), cv=2)
    assert np.isfinite(scores).all()


def test_they_need_numpy_alone() -> None:
    import subprocess
    code = """if True:
        import sys
        for name in ("sklearn", "pandas", "aeon", "sktime", "torch", "matplotlib"):
            sys.modules[name] = None
        import numpy, sab_rnn
        X = numpy.random.default_rng(1).normal(size=(20, 5))
        print(sab_rnn.SABClassifier(hidden=4, steps=3).fit(X, X[:, 0] > 0).predict(X).dtype,
              sab_rnn.SABForecaster(hidden=4, steps=3).fit(X[0]).predict().shape)
        """
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout == "bool (1,)\n", ran.stderr

"""aeon's own checks of estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("aeon")
from aeon.testing.estimator_checking import check_estimator  # noqa: E402

from sab_rnn.estimators import aeon as adapted  # noqa: E402


@pytest.mark.parametrize("estimator", [adapted.SABClassifier, adapted.SABRegressor, adapted.SABForecaster])
def test_aeons_checks(estimator: Any) -> None:
    results = check_estimator(estimator, raise_exceptions=True)
    assert len(results) > 15
    assert all(result == "PASSED" or "No stored results" in str(result) for result in results.values()), results


def test_forecasts_of_several_steps_by_aeons_means() -> None:
    y = np.sin(np.arange(60) / 3)
    direct = adapted.SABForecaster(hidden=4, steps=3, horizon=3, random_state=1, threads=1)
    assert isinstance(direct.forecast(y), float)

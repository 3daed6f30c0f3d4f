"""What docs/python.md shows runs as it stands there, one piece after the other, with fewer updates."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not in a source distribution")


def pieces() -> dict[str, str]:
    """The indented lines of each section, by its title."""
    found: dict[str, str] = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        found[title] = "\n".join(line[4:] for line in body.split("\n") if line.startswith("    "))
    return found


def run(title: str, names: dict[str, Any], *fewer: tuple[str, str]) -> None:
    code = pieces()[title]
    for shown, run_here in fewer:
        assert shown in code, f"{shown!r} is not in the section {title!r}"
        code = code.replace(shown, run_here)
    exec(compile(code, f"{PAGE.name}: {title}", "exec"), names)


def test_runs_batches_and_what_they_remember(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"np": np}
    run("A run, in NumPy", names, ('stop_at="accuracy=0.99"', "steps=4, eval_every=2, eval_size=8"), ("T=200", "T=200, eval_size=8"))
    assert names["model"].options["T"] == 100 and names["outputs"].shape[1] == 16
    run("Batches of your own", names, ("steps=1000", "steps=3"))
    with_tools = all(importlib.util.find_spec(name) for name in ("pandas", "matplotlib"))
    run("What did it remember?", names, *([] if with_tools else [("reads.frame()", ""), ("reads.plot(", "len(")]))
    assert len(names["reads"].step) > 0


def test_fit_and_predict() -> None:
    pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 12, 2))
    y = np.where(X[:, :, 0].mean(1) > 0, "up", "down")
    names: dict[str, Any] = {"X": X, "y": y, "values": X[:, :, 1].sum(1), "X_new": X[:3], "X_test": X[:9], "y_test": y[:9],
                             "load": np.sin(np.arange(400) / 4)}
    quick = "steps=20, "
    run("fit and predict", names | {"sab_rnn": pytest.importorskip("sab_rnn")},
        ("SABClassifier(", f"SABClassifier({quick}"), ("SABRegressor(", f"SABRegressor({quick}"), ("SABForecaster(", f"SABForecaster({quick}"))


def test_a_layer_in_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", minversion="2.4", reason="there is no PyTorch 2.4 or later")
    import sab_rnn
    monkeypatch.chdir(tmp_path)
    sab_rnn.train(task="copy", T=100, steps=2, eval_size=8, out="runs/first")
    parts = [(torch.randn(5, 4, 3), np.array([i == 0, False, True, False])) for i in range(3)]
    names: dict[str, Any] = {"sab_rnn": sab_rnn, "stream": parts}
    run("A layer in your own network", names)
    assert Path("net.safetensors").exists() and names["out"].shape == (5, 4, 64)


def test_every_section_with_code_is_run() -> None:
    shown = {title for title, code in pieces().items() if re.search(r"[=(.]", code)} - {"Tests"}
    assert shown == {"A layer in your own network", "A run, in NumPy", "Batches of your own", "What did it remember?", "fit and predict"}

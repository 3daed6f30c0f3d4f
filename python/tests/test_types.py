"""The package's types, judged by mypy --strict on what is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import sab_rnn

SETTINGS = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mypy")
    return tmp_path_factory.mktemp("mypy")


def test_mypy_finds_nothing(cache: Path) -> None:
    folder = Path(sab_rnn.__file__).parent
    assert (folder / "py.typed").exists()
    without = [] if importlib.util.find_spec("torch") else ["--exclude", "sab_rnn/torch/"]
    ran = subprocess.run([sys.executable, "-m", "mypy", f"--config-file={SETTINGS}", f"--cache-dir={cache}", "--strict",
                          *without,
                          folder.name], cwd=folder.parent, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("line, fault", [
    ("sab_rnn.train(task='copy', k_top=5, out='x', from_='y')", ""), ("sab_rnn.train(k_tob=5)", "k_tob"),
    ("sab_rnn.Model(2, 3, cell='lstn')", "lstn"), ("sab_rnn.Trainer(sab_rnn.load('x'), lr='fast')", "lr"),
    ("sab_rnn.load('x').evaluate([[1.0]], lables=[[1]])", "lables"), ("sab_rnn.SABClassifier(hiden=3)", "hiden")])
def test_mistakes_are_found_before_anything_runs(line: str, fault: str, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "user.py").write_text(f"import sab_rnn\n{line}\n")
    ran = subprocess.run([sys.executable, "-m", "mypy", f"--config-file={SETTINGS}", f"--cache-dir={cache}",
                          "--follow-imports=silent",
                          str(tmp_path / "user.py")], cwd=Path(sab_rnn.__file__).parents[1], capture_output=True,
                         text=True)
    assert (ran.returncode != 0) == bool(fault) and fault in ran.stdout, ran.stdout + ran.stderr


@pytest.mark.parametrize("options, fault", [
    ("score='dot', input_scale=2.0, attention_width=16", ""), ("k_tob=5", "k_tob"), ("score=3", "score"), ("input_scale='wide'", "input_scale"),
    ("keep='longest'", "longest"), ("lr=0.1", "lr")])
def test_mistakes_with_a_layer_too(options: str, fault: str, tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "user.py").write_text(f"from sab_rnn.torch import SAB\nSAB(3, 4, {options})\n")
    ran = subprocess.run([sys.executable, "-m", "mypy", f"--config-file={SETTINGS}", f"--cache-dir={cache}",
                          "--follow-imports=silent", str(tmp_path / "user.py")], cwd=Path(sab_rnn.__file__).parents[1],
                         capture_output=True, text=True)
    assert (ran.returncode != 0) == bool(fault) and fault in ran.stdout, ran.stdout + ran.stderr

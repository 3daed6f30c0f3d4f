"""The notebooks run: by nbclient where it is installed, else their cells as one script."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"
NEEDS = {"first_model": ["matplotlib"], "inside_your_network": ["torch", "matplotlib"],
         "what_did_it_remember": ["matplotlib", "pandas"]}


def there(*names: str) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in names)


@pytest.mark.skipif(not NOTEBOOKS.exists(), reason="the notebooks are not in a source distribution")
def test_every_notebook_is_tried_and_clean() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(NEEDS)
    for path in NOTEBOOKS.glob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            assert not cell.get("outputs") and cell.get("execution_count") is None, f"{path.name}: clear its outputs"


@pytest.mark.parametrize("name", NEEDS)
@pytest.mark.skipif(not NOTEBOOKS.exists(), reason="the notebooks are not in a source distribution")
def test_a_notebook(name: str, tmp_path: Path) -> None:
    for need in NEEDS[name]:
        pytest.importorskip(need, minversion="2.4" if need == "torch" else None)
    environment = {**os.environ, "MPLBACKEND": "Agg", "TMPDIR": str(tmp_path)}
    path = NOTEBOOKS / f"{name}.ipynb"
    if there("nbclient", "ipykernel"):
        code = ("import nbformat, nbclient, sys; "
                "nbclient.NotebookClient(nbformat.read(sys.argv[1], 4), timeout=300, kernel_name='python3').execute()")
    else:
        cells = json.loads(path.read_text())["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    ran = subprocess.run([sys.executable, "-c", code, str(path)], env=environment, cwd=tmp_path, capture_output=True,
                         text=True,
                         timeout=400)
    assert ran.returncode == 0, ran.stderr[-3000:]

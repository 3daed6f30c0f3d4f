"""The map of what was recalled, drawn with matplotlib as one would print it: cells are rectangles, not pixels.

Must not know: where the map comes from.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional, Sequence

import numpy as np

from ._batch import Array
from .errors import InvalidError

if TYPE_CHECKING:
    from .recall import Map

CELLS = 400  # rows and columns at most; more would be finer than print shows
POINTS = 8  # of the letters, at the width of a column
LABEL = {"weight": "weight", "flow": "gradient flow"}


def _bands(steps: Array) -> tuple[Array, Array]:
    """Where bands of equally many steps begin, of CELLS at most, and the edges between them on the axis."""
    each = -(-len(steps) // CELLS)
    begins = np.arange(0, len(steps), each)
    return begins, np.append(steps[begins], steps[-1] + 1) - 0.5


def draw(whole: Map, by: str, steps: Optional[Sequence[int]], ax: Any, path: Optional[str | os.PathLike[str]]) -> Any:
    """See Reads.plot. Where there are more steps than can be shown, rows are means and columns sums of neighbours."""
    try:
        from matplotlib.collections import PolyCollection
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("plot needs matplotlib: pip install matplotlib, or sab-rnn[plot]") from None
    rows = whole.steps if steps is None else np.unique(np.asarray(steps, dtype=np.int64))
    if not len(rows) or rows[0] < 0 or rows[-1] > whole.steps[-1]:
        raise InvalidError(f"steps: within 0 to {whole.steps[-1]}, at least one")
    if rows[-1] - rows[0] + 1 != len(rows):
        raise InvalidError("steps: those of a row must follow on each other")
    values = np.nan_to_num(whole.values[rows])
    columns = whole.recalled[whole.recalled < rows[-1]]
    top, y = _bands(rows)
    left, x = _bands(columns if len(columns) else whole.recalled[:1])
    values = np.add.reduceat(np.add.reduceat(values[:, :max(len(columns), 1)], left, axis=1), top, axis=0)
    values /= np.diff(np.append(top, len(rows)))[:, None]

    if ax is None:
        wide = 4.8 if path is None else 3.4  # inches; 3.4 is a column of a paper
        tall = float(np.clip(wide * len(rows) / max(len(columns), 1), 0.4 * wide, wide))
        figure = Figure(figsize=(wide, tall), layout="constrained")
        if path is None:
            import matplotlib.pyplot
            figure = matplotlib.pyplot.figure(figsize=(wide, tall), layout="constrained")
        ax = figure.add_subplot()
    r, c = np.nonzero(values > 0)
    corners = np.stack([np.stack([x[c], y[r]], 1), np.stack([x[c + 1], y[r]], 1), np.stack([x[c + 1], y[r + 1]], 1),
                        np.stack([x[c], y[r + 1]], 1)], 1)
    shades = PolyCollection(list(corners), array=values[r, c], cmap="Blues", edgecolors="face", linewidths=0.1)
    shades.set_clim(0, float(values.max()) or 1.0)
    ax.add_collection(shades)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[-1], y[0])
    ax.set_xlabel("recalled step", fontsize=POINTS)
    ax.set_ylabel("step", fontsize=POINTS)
    ax.set_facecolor("white")
    ax.tick_params(labelsize=POINTS - 1)
    if rows[0] <= columns[-1] if len(columns) else False:  # nothing above this line could be recalled
        ends = np.array([max(rows[0], columns[0]), rows[-1] + 1])
        ax.plot(ends - 0.5, ends - 0.5, color="0.7", linewidth=0.5)
    bar = ax.figure.colorbar(shades, ax=ax, fraction=0.05, pad=0.02)
    bar.set_label(f"mean {LABEL[by]}", fontsize=POINTS)
    bar.ax.tick_params(labelsize=POINTS - 1)
    bar.ax.yaxis.get_offset_text().set_fontsize(POINTS - 1)
    bar.solids.set(rasterized=False, edgecolor="face")
    bar.outline.set_linewidth(0.4)
    for spine in ax.spines.values():
        spine.set_linewidth(0.4)
    if path is not None:
        ax.figure.savefig(path, dpi=300)
    return ax

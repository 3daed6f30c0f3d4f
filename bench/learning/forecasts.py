#!/usr/bin/env python3
"""Errors of two forecasts that need no training, to hold `sab train csv` against: the last value, and a linear
least-squares fit on the last LAGS rows of all columns.

    bench/learning/forecasts.py FILE HORIZON LAGS TARGETS SPLIT      FILE 24 24 all 0.6,0.2,0.2

TARGETS: `all`, or places (from 0) among the columns of numbers. Errors are mean squares in units of the training part's
deviation, as sab's are, over the same rows of the same parts. Needs NumPy.
"""
import gzip
import sys

import numpy as np


def read(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt") as f:
        rows = [line.strip().split(",") for line in f if line.strip()]

    def number(text):
        try:
            return float(text)
        except ValueError:
            return None

    columns = [c for c in range(len(rows[0])) if number(rows[1][c]) is not None]
    if any(number(rows[0][c]) is None for c in columns):
        rows = rows[1:]
    return np.array([[float(row[c]) for c in columns] for row in rows])


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    path, horizon, lags = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    split = [float(part) for part in sys.argv[5].split(",")]
    values = read(path)
    n = len(values)
    cuts = [int(n * split[0]), int(n * (split[0] + split[1])), n]
    z = (values - values[:cuts[0]].mean(0)) / values[:cuts[0]].std(0)
    targets = list(range(z.shape[1])) if sys.argv[4] == "all" else [int(c) for c in sys.argv[4].split(",")]

    def part(begin, end):
        """Inputs, targets and last values of the forecasts for rows begin..end-1."""
        t = np.arange(max(begin - horizon, lags - 1), end - horizon)
        x = np.stack([z[t - k] for k in range(lags)], 1).reshape(len(t), -1)
        return np.c_[x, np.ones(len(t))], z[t + horizon][:, targets], z[t][:, targets]

    x, y, _ = part(0, cuts[0])
    weights = np.linalg.solve(x.T @ x + 1e-5 * len(x) * np.eye(x.shape[1]), x.T @ y)
    for name, begin, end in (("valid", cuts[0], cuts[1]), ("test", cuts[1], cuts[2])):
        x, y, last = part(begin, end)
        print(f"{name:5}  last value {np.mean((y - last) ** 2):.4f}  linear {np.mean((y - x @ weights) ** 2):.4f}  "
              f"mean of training {np.mean(y ** 2):.4f}")


main()

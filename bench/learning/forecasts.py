#!/usr/bin/env python3
"""Errors of two forecasts that need no training, to hold `sab train csv` against: the last value, and a linear
least-squares fit on the last LAGS rows of all columns.

    bench/learning/forecasts.py FILE HORIZON LAGS TARGETS SPLIT [--dates] [--residuals OUT.csv]

    bench/learning/forecasts.py ETTh1.csv 24 24 all 0.6,0.2,0.2

TARGETS: `all`, or places (from 0) among the columns of numbers. Errors are mean squares in units of the training part's
deviation, as sab's are, over the same rows of the same parts. --dates: the first column has dates in ISO 8601, and the fit sees hour and
weekday as sine and cosine, as `--calendar hour,weekday` does. --residuals writes a table for `sab train csv --goal step --loss mse`:
the values and, as r_NAME, what the fit leaves of each target, in the same units; and says the --split of the same parts. Needs NumPy.
"""
import argparse
import datetime
import gzip

import numpy as np


def read(path):
    """Names and cells of the columns of numbers [rows, columns], and the first column's texts."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt") as f:
        rows = [line.strip().split(",") for line in f if line.strip()]

    def number(text):
        try:
            return float(text)
        except ValueError:
            return None

    columns = [c for c in range(len(rows[0])) if number(rows[1][c]) is not None]
    names = [f"c{c}" for c in columns]
    if any(number(rows[0][c]) is None for c in columns):
        names = [rows[0][c] for c in columns]
        rows = rows[1:]
    return names, np.array([[float(row[c]) for c in columns] for row in rows]), [row[0] for row in rows]


def calendar(texts):
    """Sine and cosine of hour and weekday [rows, 4]."""
    times = [datetime.datetime.fromisoformat(text) for text in texts]
    turns = np.array([[time.hour / 24, time.weekday() / 7] for time in times]) * 2 * np.pi
    return np.c_[np.sin(turns), np.cos(turns)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("file", "horizon", "lags", "targets", "split"):
        parser.add_argument(name, type=int if name in ("horizon", "lags") else str)
    parser.add_argument("--dates", action="store_true")
    parser.add_argument("--residuals")
    args = parser.parse_args()
    horizon, lags = args.horizon, args.lags
    split = [float(part) for part in args.split.split(",")]
    names, values, first = read(args.file)
    n = len(values)
    cuts = [int(n * split[0]), int(n * (split[0] + split[1])), n]
    z = (values - values[:cuts[0]].mean(0)) / values[:cuts[0]].std(0)
    targets = list(range(z.shape[1])) if args.targets == "all" else [int(c) for c in args.targets.split(",")]
    extra = calendar(first) if args.dates else np.zeros((n, 0))

    def rows_of(begin, end):
        """Rows whose forecasts are for rows begin..end-1."""
        return np.arange(max(begin - horizon, lags - 1), end - horizon)

    def inputs(t):
        return np.c_[np.stack([z[t - k] for k in range(lags)], 1).reshape(len(t), -1), extra[t], np.ones(len(t))]

    t = rows_of(0, cuts[0])
    x, y = inputs(t), z[t + horizon][:, targets]
    weights = np.linalg.solve(x.T @ x + 1e-5 * len(x) * np.eye(x.shape[1]), x.T @ y)
    for name, begin, end in (("valid", cuts[0], cuts[1]), ("test", cuts[1], cuts[2])):
        t = rows_of(begin, end)
        y, last = z[t + horizon][:, targets], z[t][:, targets]
        print(f"{name:5}  last value {np.mean((y - last) ** 2):.4f}  linear {np.mean((y - inputs(t) @ weights) ** 2):.4f}  "
              f"mean of training {np.mean(y ** 2):.4f}")
    if args.residuals:
        t = rows_of(0, n)
        left = z[t + horizon][:, targets] - inputs(t) @ weights
        with open(args.residuals, "w") as out:
            date = ["date"] if args.dates else []
            print(*date, *names, *(f"r_{names[k]}" for k in targets), sep=",", file=out)
            for row, i in enumerate(t):
                print(*([first[i]] if date else []), *(f"{v:.6g}" for v in (*z[i], *left[row])), sep=",", file=out)
        parts = [len(rows_of(0, cuts[0])), cuts[1] - cuts[0], n - cuts[1]]
        print("--split", ",".join(f"{int(1e6 * part / len(t)) / 1e6:.6f}" for part in parts))


main()

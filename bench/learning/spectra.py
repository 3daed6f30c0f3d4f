#!/usr/bin/env python3
"""Accuracy of the nearest neighbour on spectra, to hold networks that hear digits sample by sample against: needs NumPy alone.

    python3 bench/learning/spectra.py FOLDER

reads train.npz and test.npz of examples/spoken_digits.py --every 2. Of each recording: magnitudes of windows of 32 ms every 16 ms, their
logarithms, brought to 24 frames by interpolation over time, each frame of 64 bands less the recording's mean. The test recording's answer
is that of the training recording nearest to it."""
import sys

import numpy as np

RATE, WINDOW, HOP, FRAMES, BANDS = 4000, 128, 64, 24, 64


def spectrum(samples):
    """[FRAMES * BANDS] of one recording."""
    samples = np.pad(samples.astype(np.float64), (0, max(0, WINDOW - len(samples))))
    frames = np.stack([samples[t:t + WINDOW] for t in range(0, len(samples) - WINDOW + 1, HOP)]) * np.hanning(WINDOW)
    logs = np.log1p(np.abs(np.fft.rfft(frames, axis=1))[:, 1:BANDS + 1])
    at = np.linspace(0, len(logs) - 1, FRAMES)
    even = np.stack([np.interp(at, np.arange(len(logs)), logs[:, k]) for k in range(BANDS)], 1)
    return (even - even.mean()).ravel()


def read(path):
    data = np.load(path)
    x = np.stack([spectrum(x[:n, 0]) for x, n in zip(data["x"], data["lengths"])])
    return x / np.linalg.norm(x, axis=1, keepdims=True), data["y"]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    (x, y), (u, v) = read(sys.argv[1] + "/train.npz"), read(sys.argv[1] + "/test.npz")
    print(f"nearest neighbour on spectra: {100 * np.mean(y[np.argmax(u @ x.T, axis=1)] == v):.1f} % of {len(v)}")


main()

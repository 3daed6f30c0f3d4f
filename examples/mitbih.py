#!/usr/bin/env python3
"""Beats of an MIT-BIH ECG record as files for `sab train npy`: needs NumPy alone.

    python3 examples/mitbih.py FOLDER/100 OUT

reads FOLDER/100.hea, 100.dat (format 212) and 100.atr, and writes OUT/train.npz, valid.npz and test.npz: the first 60 %
of the record's beats, the next 20 %, the last 20 %.

    x [beats, 90, leads]  the signal around the beat in mV: 1 s before it to 0.2 s behind, averaged to 75 values a second,
                          so that the beat before is in sight
    y [beats]             0 normal, 1 premature (codes A, a, J, S, e, j); other beats are left out
"""
import os
import sys

import numpy as np

PREMATURE = {8, 4, 7, 9, 34, 11}  # A a J S e j
NORMAL = 1
FEATURES = {59, 60, 61, 62, 63}   # SKIP NUM SUB CHN AUX: not beats, but what stands between them
BEFORE, BEHIND, EVERY = 360, 90, 5


def read_signal(path):
    """[samples, leads] in mV; two 12-bit numbers in three bytes."""
    with open(path + ".hea") as f:
        lines = [line.split() for line in f if line.strip() and not line.startswith("#")]
    leads = int(lines[0][1])
    specs = lines[1:1 + leads]
    if leads != 2 or any(spec[1] != "212" for spec in specs):
        sys.exit(f"{path}.hea: two leads in format 212 are needed")
    raw = np.fromfile(path + ".dat", dtype=np.uint8).astype(np.int16)
    raw = raw[:len(raw) // 3 * 3].reshape(-1, 3)
    first = raw[:, 0] | (raw[:, 1] & 15) << 8
    second = raw[:, 2] | (raw[:, 1] >> 4) << 8
    x = np.stack([first, second], 1)
    x[x > 2047] -= 4096
    gain = np.array([float(spec[2].split("(")[0].split("/")[0]) for spec in specs])
    zero = np.array([float(spec[4]) for spec in specs])
    return ((x - zero) / gain).astype(np.float32)


def read_beats(path):
    """Sample and code of each annotation: words of 6 bits of code and 10 of time since the last one."""
    words = np.fromfile(path + ".atr", dtype="<u2").astype(np.int64)
    beats, at, time = [], 0, 0
    while at < len(words):
        code, interval = words[at] >> 10, words[at] & 1023
        at += 1
        if code == 0 and interval == 0:
            break
        if code == 59:  # a long interval follows, its high word first
            time += (words[at] << 16) + words[at + 1]
            at += 2
        elif code == 63:  # a text of so many bytes follows
            at += (interval + 1) // 2
        elif code not in FEATURES:
            time += interval
            beats.append((time, code))
    return beats


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    path, out = sys.argv[1:]
    signal, x, y = read_signal(path), [], []
    for time, code in read_beats(path):
        if (code == NORMAL or code in PREMATURE) and time >= BEFORE and time + BEHIND <= len(signal):
            window = signal[time - BEFORE:time + BEHIND]
            x.append(window.reshape(-1, EVERY, 2).mean(1))
            y.append(int(code in PREMATURE))
    x, y = np.array(x, np.float32), np.array(y)
    cuts = [0, len(y) * 6 // 10, len(y) * 8 // 10, len(y)]
    os.makedirs(out, exist_ok=True)
    for name, begin, end in zip(("train", "valid", "test"), cuts, cuts[1:]):
        np.savez(f"{out}/{name}.npz", x=x[begin:end], y=y[begin:end])
        print(f"{out}/{name}.npz: {end - begin} beats, {y[begin:end].sum()} of them premature")


main()

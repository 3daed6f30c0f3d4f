#!/usr/bin/env python3
"""Free spoken digits as files for `sab train npy`: needs NumPy alone.

    python3 examples/spoken_digits.py FOLDER/fsdd.npz OUT [--every 2 | --group 16] [--leave SPEAKER]

reads one archive of all recordings (`samples` one after the other, and of each recording `lengths`, `digit`, `speaker`, `take`)
and writes OUT/train.npz, valid.npz and test.npz: takes 10 and on, takes 5 to 9, and takes 0 to 4, which are the set's own test
part. With --leave the test part is all of that speaker (0 to 5), and takes 0 to 9 of the others are the validation part.

    x [recordings, steps, I] int16   --every 2: every second sample, one a step; --group 16: 16 samples a step
    lengths [recordings]             steps of each; what lies beyond is 0
    y [recordings]                   the digit
"""
import argparse
import os

import numpy as np


def part(recordings, digits, every, group):
    """Arrays x, lengths, y of some recordings."""
    cut = [r[:len(r) // group * group][::every].reshape(-1, group) for r in recordings]
    lengths = np.array([len(c) for c in cut], np.int32)
    x = np.zeros((len(cut), lengths.max(), group), np.int16)
    for i, c in enumerate(cut):
        x[i, :len(c)] = c
    return {"x": x, "lengths": lengths, "y": np.asarray(digits, np.int64)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("archive")
    parser.add_argument("out")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--group", type=int, default=1)
    parser.add_argument("--leave", type=int, default=-1)
    args = parser.parse_args()
    data = np.load(args.archive)
    ends = np.cumsum(data["lengths"])
    recordings = np.split(data["samples"], ends[:-1])
    take, speaker = data["take"], data["speaker"]
    if args.leave >= 0:
        speakers = np.unique(speaker)
        is_test = speaker == speakers[args.leave]
        is_valid = ~is_test & (take < 10)
    else:
        is_test, is_valid = take < 5, (take >= 5) & (take < 10)
    os.makedirs(args.out, exist_ok=True)
    for name, chosen in (("train", ~is_test & ~is_valid), ("valid", is_valid), ("test", is_test)):
        rows = np.flatnonzero(chosen)
        arrays = part([recordings[i] for i in rows], data["digit"][rows], args.every, args.group)
        np.savez(f"{args.out}/{name}.npz", **arrays)
        print(f"{args.out}/{name}.npz: {len(rows)} recordings of up to {arrays['x'].shape[1]} steps")


main()

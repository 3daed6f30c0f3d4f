#!/usr/bin/env python3
"""Times `sab_rnn.torch.SAB` on CUDA tensors within a PyTorch network: bench/gpu/layer.py [--out FILE] [--budget SECONDS]

A whole update of copying (nn.Embedding, SAB, nn.Linear, cross entropy, clip, Adam), eager and as one CUDA graph, medians; the same with
nn.LSTM in SAB's place. bench/gpu/rivals.py has the same update of SAB written in PyTorch.
"""

import argparse
import json
import time

import torch
from torch import nn

from sab_rnn.torch import SAB


def median(function, reps):
    times = []
    for _ in range(reps):
        torch.cuda.synchronize()
        since = time.perf_counter()
        function()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - since)
    return sorted(times)[reps // 2]


class Update:
    """A network and its update on one batch of T + 20 steps of B sequences."""

    def __init__(self, kind, T, B, H):
        self.embed, self.head = nn.Embedding(10, 32, device="cuda"), nn.Linear(H, 9, device="cuda")
        self.layer = SAB(32, H, k_top=5, k_trunc=5, seed=1).to("cuda") if kind == "sab" else nn.LSTM(32, H, device="cuda")
        self.parameters = [p for part in (self.embed, self.layer, self.head) for p in part.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, capturable=True)
        self.ids = torch.randint(10, (T + 20, B), device="cuda")
        self.labels = torch.randint(9, (10, B), device="cuda")

    def __call__(self):
        out = self.head(self.layer(self.embed(self.ids))[0][-10:])
        loss = nn.functional.cross_entropy(out.flatten(0, 1), self.labels.flatten())
        self.optimiser.zero_grad(set_to_none=False)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()

    def captured(self):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self()
        return graph


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out")
    parser.add_argument("--budget", type=float, default=60)
    options = parser.parse_args()
    end = time.monotonic() + options.budget
    results = {"torch": torch.__version__, "card": torch.cuda.get_device_name(), "cases": []}
    for kind, T, B, H in (("sab", 100, 64, 128), ("lstm", 100, 64, 128), ("sab", 1000, 64, 128), ("sab", 100, 1024, 128)):
        if time.monotonic() > end:
            break
        update = Update(kind, T, B, H)
        for _ in range(3):
            update()
        case = {"layer": kind, "T": T, "B": B, "H": H, "eager": median(update, 15), "captured": median(update.captured().replay, 15)}
        results["cases"].append(case)
        print(json.dumps(case), flush=True)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()

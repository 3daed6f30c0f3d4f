#!/usr/bin/env python3
"""Copying, with SAB as a layer of an ordinary PyTorch network: say ten symbols again after a gap of 100 steps.

copying.py [sab|lstm] [SEED]: prints a JSON object every 50 updates; what it printed here is in docs/results/pytorch.
"""
import hashlib
import json
import sys

import torch
from torch import nn

import sab_rnn
from sab_rnn.torch import SAB


class Copier(nn.Module):
    def __init__(self, embedding: nn.Embedding, layer: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.embedding, self.layer, self.head = embedding, layer, head

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(self.embedding(ids))[0])


def batch(task: sab_rnn.Task, index: int, B: int, split: str) -> list[torch.Tensor]:
    """[T+20,B] each: symbols, what is to be said, and where it counts."""
    found = task.batch(index, B, split)
    return [torch.from_numpy(found[name]).long() for name in ("ids", "labels", "scored")]


def update(net: Copier, optimizer: torch.optim.Optimizer, task: sab_rnn.Task, index: int) -> float:
    ids, labels, _ = batch(task, index, 64, "train")
    loss = nn.functional.cross_entropy(net(ids).flatten(0, 1), labels.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.1)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def accuracy(net: Copier, task: sab_rnn.Task) -> float:
    ids, labels, scored = batch(task, 0, 512, "test")
    return (net(ids).argmax(2) == labels)[scored == 1].double().mean().item()


def main(name: str = "sab", seed: str = "1") -> None:
    torch.manual_seed(int(seed))
    task = sab_rnn.Task(task="copy", T=100, seed=int(seed))
    if name == "sab":
        net = Copier(nn.Embedding(10, 32), SAB(32, 128, k_top=5, k_trunc=5, recalled=True), nn.Linear(256, 9))
    else:
        net = Copier(nn.Embedding(10, 32), nn.LSTM(32, 128), nn.Linear(128, 9))
    optimizer = torch.optim.Adam(net.parameters(), 3e-3, betas=(0.9, 0.99))
    for step in range(1, 1001):
        loss = update(net, optimizer, task, step - 1)
        if step % 50 == 0:
            right = accuracy(net, task)
            print(json.dumps({"step": step, "loss": loss, "accuracy": right}), flush=True)
            if right >= 0.995:
                break
    digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in net.parameters())).hexdigest()
    print(json.dumps({"command": f"copying.py {name} {seed}", "steps": step, "accuracy": right, "weights_digest": digest,
                      "version": sab_rnn.__version__, "torch": torch.__version__}))


if __name__ == "__main__":
    main(*sys.argv[1:])

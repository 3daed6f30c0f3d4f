#!/usr/bin/env python3
"""SAB as a layer in PyTorch: sab_rnn.torch.SAB, a readout and torch.optim.Adam. No rival, but ours, the way PyTorch's users meet it.

    sab_module.py [--T 100] [--steps 10] [--k-top 5] [--k-att 1] [--k-trunc 5] [--threads 2] [--check FILE]

Symbols enter the layer, [h ; s] leaves it; readout, loss, clipping and update are PyTorch's. Needs sab_rnn (docs/python.md). Then the
layer alone, forward and backward: layer_seconds, layer_cpu_seconds.
"""

import statistics
import time

import torch

import common
from sab_rnn.torch import SAB


class Network(SAB):
    """The layer with its readout, under the names of include/sab.h."""

    def __init__(self, config, shape):
        H, O = config["hidden"], shape["O"]
        super().__init__(shape["I"], H, ids=True, recalled=True, k_top=config["k_top"], k_att=config["k_att"], k_trunc=config["k_trunc"],
                         write=config["write"], attention_width=config.get("attention_width", 0))
        bound = H ** -0.5
        self.V1, self.V2 = common.uniform(bound, H, O), common.uniform(bound, H, O)
        self.b = torch.nn.Parameter(torch.zeros(O))

    def forward(self, ids):
        out, _ = super().forward(ids)
        return out @ torch.cat([self.V1, self.V2]) + self.b


def layer_alone(model, options):
    """Forward and backward through the layer, from a gradient of its outputs to those of its weights: medians."""
    generator = torch.Generator().manual_seed(options.seed)
    seconds, cpu_seconds = [], []
    for _ in range(options.skip + options.steps):
        ids, _ = common.copying(options.T, options.batch, generator)
        dout = torch.randn(ids.shape + (2 * options.hidden,), generator=generator) / ids.numel()
        model.zero_grad(set_to_none=True)
        start, cpu_start = time.perf_counter(), time.process_time()
        SAB.forward(model, ids)[0].backward(dout)
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    return {"layer_seconds": statistics.median(seconds[options.skip:]),
            "layer_cpu_seconds": statistics.median(cpu_seconds[options.skip:])}


if __name__ == "__main__":
    common.main("sab_module", __doc__.splitlines()[0], Network,
                {"credit": "sab", "cell": "lstm", "score": "mlp", "sparsifier": "softmax", "read_gain": 1.0, "mental_updates": True,
                 "forward": "sparse", "backward": "sparse"}, layer_alone)

#!/usr/bin/env python3
"""nn.LSTM or nn.GRU with full back-propagation through time and a linear readout: no memory, no attention.

    rnn_bptt.py [--cell lstm|gru] [--T 100] [--steps 10] [--threads 2] [--compile] [--check FILE]

Prints one JSON object. --check FILE compares the gradients with those of
`sab check-grad --credit bptt --export FILE` (--cell gru there too). Must not know: SAB.
"""

import torch

import common


class Network(torch.nn.Module):
    """y_t = h_t V1 + b over nn.LSTM or nn.GRU; parameters named as in include/sab.h."""

    def __init__(self, config, shape):
        super().__init__()
        H = config["hidden"]
        self.inputs = shape["I"]
        rnn = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[config["cell"]](self.inputs, H)
        self.rnn = [rnn]  # in a list: its parameters are registered here, under their own names
        for name, parameter in rnn.named_parameters():
            self.register_parameter(name, parameter)
        self.V1 = common.uniform(H ** -0.5, H, shape["O"])
        self.b = torch.nn.Parameter(torch.zeros(shape["O"]))

    def _apply(self, function):
        self.rnn[0]._apply(function)
        return super()._apply(function)

    def forward(self, ids):
        x = torch.nn.functional.one_hot(ids, self.inputs).to(self.b.dtype)
        h, _ = self.rnn[0](x)
        return h @ self.V1 + self.b


if __name__ == "__main__":
    common.main("rnn_bptt", __doc__.splitlines()[0], Network, {"credit": "bptt"})

#!/usr/bin/env python3
"""nn.LSTM with full back-propagation through time and a linear readout: no memory, no attention.

    lstm_bptt.py [--T 100] [--steps 10] [--threads 2] [--check FILE]

Prints one JSON object. --check FILE compares the gradients with those of
`sab check-grad --credit bptt --export FILE`. Must not know: SAB.
"""

import torch

import common


class LSTM(torch.nn.Module):
    """y_t = h_t V1 + b over nn.LSTM; parameters named as in include/sab.h."""

    def __init__(self, config, shape):
        super().__init__()
        H = config["hidden"]
        self.inputs = shape["I"]
        lstm = torch.nn.LSTM(self.inputs, H)
        self.lstm = [lstm]  # in a list: its parameters are registered here, under their own names
        for name, parameter in lstm.named_parameters():
            self.register_parameter(name, parameter)
        self.V1 = common.uniform(H ** -0.5, H, shape["O"])
        self.b = torch.nn.Parameter(torch.zeros(shape["O"]))

    def _apply(self, function):
        self.lstm[0]._apply(function)
        return super()._apply(function)

    def forward(self, ids):
        x = torch.nn.functional.one_hot(ids, self.inputs).to(self.b.dtype)
        h, _ = self.lstm[0](x)
        return h @ self.V1 + self.b


if __name__ == "__main__":
    common.main("lstm_bptt", __doc__.splitlines()[0], LSTM, {"credit": "bptt"})

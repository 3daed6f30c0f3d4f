#!/usr/bin/env python3
"""Checks the Transformer's oracle against torch.nn.TransformerEncoder, whose names of tensors it shares.

Exit status: 0 passed, 1 failed, 77 PyTorch is missing.
"""

import sys
import unittest

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

import problems
import transformer_oracle

CONFIG = {"model": "transformer", "hidden": 12, "layers": 3, "heads": 3, "positions": "sinusoidal", "context": 32}
SHAPE = {"input": "ids", "I": 7, "loss": "cross_entropy", "O": 4}


class AgainstPyTorch(unittest.TestCase):
    def test_blocks_are_torch_nn(self):
        one = problems.random(CONFIG, SHAPE, 11, 5, 1, scale=2.0)
        answers = one.solve()
        layer = torch.nn.TransformerEncoderLayer(12, 3, 48, 0.0, norm_first=True,
                                                 activation=lambda x: torch.nn.functional.gelu(x, approximate="tanh"))
        network = torch.nn.TransformerEncoder(layer, 3, norm=torch.nn.LayerNorm(12)).double()
        parameters = {name: torch.from_numpy(value) for name, value in one.parameters.items()}
        own = ("embedding", "V1", "b")
        network.load_state_dict({name: value for name, value in parameters.items() if name not in own})
        x = torch.from_numpy(one.x)
        h = parameters["embedding"][x] + transformer_oracle.sinusoids(11, 12, parameters["V1"]).unsqueeze(1)
        future = torch.full((11, 11), -torch.inf, dtype=torch.double).triu(1)
        outputs = network(h, mask=future) @ parameters["V1"] + parameters["b"]
        loss = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), torch.from_numpy(one.y).flatten())
        loss.backward()
        self.assertAlmostEqual(float(loss), answers["loss"], delta=1e-13)
        for name, parameter in network.named_parameters():
            np.testing.assert_allclose(answers["grad"][name], parameter.grad.numpy(), rtol=1e-9, atol=1e-14, err_msg=name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()

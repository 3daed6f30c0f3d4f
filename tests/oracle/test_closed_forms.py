#!/usr/bin/env python3
"""Checks the formulas of docs/math, written out here in its letters, against autograd of the oracle's forward pass.

Exit status: 0 passed, 1 failed, 77 PyTorch is missing.
"""

import math
import sys
import unittest

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

import sab_oracle

B, H, A, N = 3, 5, 4, 7


def normal(*size, seed):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(size)).requires_grad_()


def sigmoid(x):
    return 1 / (1 + torch.exp(-x))


# ---- cells.md -----------------------------------------------------------------------------------------------------

def rnn_backward(gx, gh, h, c, dhh, dc):
    hh = torch.tanh(gx + gh)
    dp = dhh * (1 - hh * hh)
    return dp, dp, torch.zeros_like(h), dc


def lstm_backward(gx, gh, h, c, dhh, dc):
    pi, pf, pg, po = (gx + gh).chunk(4, dim=1)
    i, f, g, o = sigmoid(pi), sigmoid(pf), torch.tanh(pg), sigmoid(po)
    C = torch.tanh(f * c + i * g)
    dc = dc + dhh * o * (1 - C * C)
    dp = torch.cat([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dhh * C * o * (1 - o)], dim=1)
    return dp, dp, torch.zeros_like(h), dc * f


def gru_backward(gx, gh, h, c, dhh, dc):
    xr, xz, xn = gx.chunk(3, dim=1)
    hr, hz, hn = gh.chunk(3, dim=1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = torch.tanh(xn + r * hn)
    dpn = dhh * (1 - z) * (1 - n * n)
    dpz = dhh * (h - n) * z * (1 - z)
    dpr = dpn * hn * r * (1 - r)
    return torch.cat([dpr, dpz, dpn], 1), torch.cat([dpr, dpz, dpn * r], 1), dhh * z, dc


# ---- attention.md -------------------------------------------------------------------------------------------------

def mlp_backward(hh, m, parameters, da):
    W1, W2, w3 = parameters["W1_l0"], parameters["W2_l0"], parameters["w3_l0"]
    e = torch.tanh(m @ W1 + (hh @ W2).unsqueeze(1))
    du = da.unsqueeze(2) * w3 * (1 - e * e)
    dv = du.sum(1)
    return {"hh": dv @ W2.t(), "m": du @ W1.t(), "W1_l0": torch.einsum("bnh,bna->ha", m, du), "W2_l0": hh.t() @ dv,
            "w3_l0": torch.einsum("bn,bna->a", da, e)}


def dot_backward(hh, m, parameters, da):
    W1, W2 = parameters["W1_l0"], parameters["W2_l0"]
    u, v = m @ W1, hh @ W2
    du = da.unsqueeze(2) * v.unsqueeze(1) / math.sqrt(A)
    dv = (da.unsqueeze(2) * u).sum(1) / math.sqrt(A)
    return {"hh": dv @ W2.t(), "m": du @ W1.t(), "W1_l0": torch.einsum("bnh,bna->ha", m, du), "W2_l0": hh.t() @ dv}


def release2019_backward(hh, m, parameters, da):
    w1, w2 = parameters["w_l0"].chunk(2)
    E, e = torch.tanh(hh), torch.tanh(m)
    D = da.sum(1, keepdim=True)
    return {"hh": D * w1 * (1 - E * E), "m": da.unsqueeze(2) * w2 * (1 - e * e),
            "w_l0": torch.cat([(D * E).sum(0), torch.einsum("bn,bnh->h", da, e)])}


def read_backward(config, a, m, ds):
    """(da, dm through the value) of one sequence: a [N], m [N,H], ds [H]."""
    K, z, bound, count = config["k_top"], config["read_floor"], config.get("read_bound", 0.0), len(a)
    order = sorted(range(count), key=lambda i: (-float(a[i]), i))
    g, da, alpha = m @ ds, torch.zeros(count).double(), torch.zeros(count).double()
    dense = config["forward"] == "dense"
    if dense or count <= K or config["sparsifier"] == "softmax":
        support = order if dense else order[:K]
        weights = torch.exp(a[support] - a[support].max())
        alpha[support] = weights / weights.sum()
        reached = order[:K] if config["backward"] == "sparse" else order
        mean = (alpha * g).sum()
        for j in reached:
            da[j] = alpha[j] * (g[j] - mean)
    else:
        threshold, reached = order[K], order[:K]
        r = torch.clamp(a - a[threshold], min=0)
        total = r.sum()
        Z, mean = (total, (r / total * g).sum()) if total >= z else (torch.tensor(z), 0.0)
        for j in reached:
            alpha[j] = r[j] / Z
            if r[j] > 0:
                da[j] = (g[j] - mean) / max(Z, bound)
        da[threshold] = -da.sum()
    dm = torch.zeros_like(m)
    dm[reached] = alpha[reached].unsqueeze(1) * ds
    return da, dm


class Cells(unittest.TestCase):
    def test_backward_of_one_step(self):
        for cell, backward in (("rnn", rnn_backward), ("lstm", lstm_backward), ("gru", gru_backward)):
            with self.subTest(cell=cell):
                rows = sab_oracle.GATES[cell] * H
                gx, gh, h, c = (normal(B, n, seed=k) for k, n in enumerate((rows, rows, H, H)))
                dhh, dc = normal(B, H, seed=8).detach(), normal(B, H, seed=9).detach()
                hh, c_new = sab_oracle.cell_step(cell, gx, gh, h, c)
                ((hh * dhh).sum() + (c_new * dc).sum()).backward()
                with torch.no_grad():
                    expected = backward(gx, gh, h, c, dhh, dc)
                for name, tensor, value in zip(("dpx", "dph", "dh", "dc"), (gx, gh, h, c), expected):
                    actual = torch.zeros_like(value) if tensor.grad is None else tensor.grad
                    np.testing.assert_allclose(actual.numpy(), value.numpy(), rtol=1e-12, atol=1e-14, err_msg=name)


class Reads(unittest.TestCase):
    def test_scores(self):
        sizes = {"mlp": {"W1_l0": (H, A), "W2_l0": (H, A), "w3_l0": (A,)}, "dot": {"W1_l0": (H, A), "W2_l0": (H, A)},
                 "release2019": {"w_l0": (2 * H,)}}
        backward = {"mlp": mlp_backward, "dot": dot_backward, "release2019": release2019_backward}
        for score, table in sizes.items():
            with self.subTest(score=score):
                hh, m, da = normal(B, H, seed=1), normal(B, N, H, seed=2), normal(B, N, seed=3).detach()
                parameters = {name: normal(*size, seed=4 + k) for k, (name, size) in enumerate(table.items())}
                (sab_oracle.scores({"score": score}, parameters, 0, hh, m) * da).sum().backward()
                with torch.no_grad():
                    expected = backward[score](hh, m, parameters, da)
                for name, tensor in {"hh": hh, "m": m, **parameters}.items():
                    np.testing.assert_allclose(tensor.grad.numpy(), expected[name].numpy(), rtol=1e-11, atol=1e-13,
                                               err_msg=name)

    def test_sparsifiers(self):
        kinds = [{"sparsifier": "softmax", "read_floor": 0.0}] + [{"sparsifier": "relu", "read_floor": floor}
                                                                  for floor in (0.0, 0.5, 1e3)]
        kinds += [{"sparsifier": "relu", "read_floor": floor, "read_bound": bound} for floor in (0.0, 0.5)
                  for bound in (0.25, 4.0)]
        densities = [("sparse", "sparse"), ("dense", "sparse"), ("dense", "dense")]
        for K in (1, 3, N - 1, N, N + 2):
            for kind in kinds:
                for front, back in densities:
                    config = {**kind, "k_top": K, "forward": front, "backward": back}
                    with self.subTest(**config):
                        self.check_read(config)

    def check_read(self, config):
        a, m, ds = normal(B, N, seed=1), normal(B, N, H, seed=2), normal(B, H, seed=3).detach()
        _, s = sab_oracle.attend(config, a, m, torch.Tensor.detach, sab_oracle.Diagnostics())
        (s * ds).sum().backward()
        for b in range(B):
            da, dm = read_backward(config, a[b].detach(), m[b].detach(), ds[b])
            np.testing.assert_allclose(a.grad[b].numpy(), da.numpy(), rtol=1e-11, atol=1e-13)
            np.testing.assert_allclose(m.grad[b].numpy(), dm.numpy(), rtol=1e-11, atol=1e-13)


class Losses(unittest.TestCase):
    def test_gradient_of_the_outputs(self):
        T, O = 4, 3
        y, weight = normal(T, B, O, seed=1), normal(T, B, seed=2).detach().abs()
        lengths = torch.tensor([4, 1, 3])
        inside = torch.arange(1, T + 1)[:, None] <= lengths
        share = torch.where(inside, weight, torch.zeros_like(weight))
        share = (share / share.sum()).unsqueeze(2)
        labels = torch.from_numpy(np.random.default_rng(3).integers(0, O, (T, B)))
        targets = normal(T, B, O, seed=4).detach()
        sab_oracle.loss_of({"loss": "cross_entropy"}, y, labels, weight, lengths).backward()
        expected = share * (torch.softmax(y.detach(), 2) - torch.nn.functional.one_hot(labels, O))
        np.testing.assert_allclose(y.grad.numpy(), expected.numpy(), rtol=1e-12, atol=1e-15)
        y.grad = None
        sab_oracle.loss_of({"loss": "mse"}, y, targets, weight, lengths).backward()
        expected = share * 2 * (y.detach() - targets) / O
        np.testing.assert_allclose(y.grad.numpy(), expected.numpy(), rtol=1e-12, atol=1e-15)
        y.grad = None
        answers = torch.sigmoid(targets)
        sab_oracle.loss_of({"loss": "bce"}, y, answers, weight, lengths).backward()
        expected = share * (torch.sigmoid(y.detach()) - answers) / O
        np.testing.assert_allclose(y.grad.numpy(), expected.numpy(), rtol=1e-12, atol=1e-15)
        y.grad = None
        sab_oracle.loss_of({"loss": "quantile", "O": O}, y, targets, weight, lengths, "0.2,0.5,0.6").backward()
        expected = share * ((y.detach() > targets).double() - y.new_tensor([0.2, 0.5, 0.6])) / O
        np.testing.assert_allclose(y.grad.numpy(), expected.numpy(), rtol=1e-12, atol=1e-15)


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()

#!/usr/bin/env python3
"""Checks the oracle itself: against torch.nn, against finite differences (of the cut function too), by hand.

Exit status: 0 passed, 1 failed, 77 PyTorch is missing.
"""

import math
import os
import sys
import tempfile
import unittest

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

import random_configs
import problems
import sab_oracle
import tensorfile

BASE = {"cell": "lstm", "hidden": 4, "layers": 2, "attention_width": 3, "score": "mlp", "sparsifier": "softmax",
        "read_floor": 0.0, "read_gain": 0.5, "write": "state", "credit": "sab", "k_top": 2, "k_att": 1, "k_trunc": 3,
        "mental_updates": True, "forward": "sparse", "backward": "sparse"}
IDS = {"input": "ids", "I": 5, "loss": "cross_entropy", "O": 3}
VALUES = {"input": "values", "I": 2, "loss": "mse", "O": 3}
CUTS = [  # everything that is differentiated differently from the whole graph, and the whole graph
    {"k_trunc": 12}, {"k_trunc": 1}, {"k_trunc": 5}, {"mental_updates": False}, {"k_att": 2, "k_trunc": 2},
    {"forward": "dense"}, {"forward": "dense", "mental_updates": False}, {"forward": "dense", "backward": "dense"},
    {"credit": "attention"}, {"credit": "bptt"}, {"credit": "tbptt"}, {"k_top": 0}]


def problem(change, shape=VALUES, T=12, B=2, seed=0, **options):
    return problems.random({**BASE, **change}, shape, T, B, seed, scale=2.0, **options)


class Frozen:
    """A cut for forward: the first run makes constants and remembers them, the second gives the same constants back,
    whatever the parameters have become. What forward then computes is the function whose gradient is asked for."""

    def __init__(self):
        self.constants, self.replaying, self.at = [], False, 0

    def __call__(self, tensor):
        if not self.replaying:
            self.constants.append(tensor.detach().clone())
            return self.constants[-1]
        self.at += 1
        return self.constants[self.at - 1]

    def replay(self):
        self.replaying, self.at = True, 0


def slope(one, cut, name, direction, step=1e-5):
    """Central difference of the loss along `direction` of one tensor, the cut places frozen."""
    losses = []
    for sign in (1, -1):
        parameters = dict(one.parameters)
        parameters[name] = parameters[name] + sign * step * direction
        cut.replay()
        moved = problems.Problem(one.config, one.shape, one.x, one.y, one.weight, one.lengths, parameters)
        losses.append(moved.solve(cut=cut)["loss"])
    return (losses[0] - losses[1]) / (2 * step)


class FiniteDifferences(unittest.TestCase):
    def check(self, one):
        cut = Frozen()
        answers = one.solve(cut=cut)
        self.assertGreater(min(answers["diagnostics"].margin, answers["diagnostics"].floor_margin), 1e-4)
        rng = np.random.default_rng(1)
        for name, value in one.parameters.items():
            direction = rng.standard_normal(value.shape)
            expected = slope(one, cut, name, direction)
            actual = float((answers["grad"][name] * direction).sum())
            self.assertAlmostEqual(actual, expected, delta=1e-7 * max(1, abs(expected)), msg=f"{name} {one.config}")

    def safe(self, change, shape):
        """The first problem that keeps away from switches."""
        for seed in range(100):
            one = problem(change, shape, seed=seed, mask=True, ragged=True)
            near = one.solve()["diagnostics"]
            if min(near.margin, near.floor_margin) > 1e-3 and near.min_Z > 1e-2:
                return one
        raise AssertionError(f"no problem away from switches: {change}")

    def test_every_cut(self):
        for cell in ("lstm", "gru", "rnn"):
            for cut in CUTS:
                with self.subTest(cell=cell, cut=cut):
                    self.check(self.safe({"cell": cell, **cut}, VALUES))

    def test_every_read(self):
        for score in ("mlp", "dot", "release2019"):
            for sparsifier, floor in (("softmax", 0.0), ("relu", 0.0), ("relu", 0.5), ("relu", 1.0)):
                for write, bound in (("state", 0.0), ("provisional", 0.0), ("state", 1.5)):
                    with self.subTest(score=score, sparsifier=sparsifier, floor=floor, write=write, bound=bound):
                        self.check(self.safe({"score": score, "sparsifier": sparsifier, "read_floor": floor,
                                              "read_bound": bound, "write": write, "k_att": 2}, IDS))


    def test_every_pool(self):
        for pool in ("mean", "attention"):
            for write, k_att, k_trunc in (("state", 3, 2), ("provisional", 4, 12)):
                with self.subTest(pool=pool, write=write, k_att=k_att, k_trunc=k_trunc):
                    self.check(self.safe({"pool": pool, "write": write, "k_att": k_att, "k_trunc": k_trunc, "k_top": 1}, VALUES))


    def test_every_segment(self):
        for score in ("mlp", "dot", "release2019"):
            for sparsifier, segments, k_trunc in (("softmax", 2, 3), ("relu", 3, 12)):
                with self.subTest(score=score, sparsifier=sparsifier, segments=segments, k_trunc=k_trunc):
                    self.check(self.safe({"score": score, "sparsifier": sparsifier, "read_floor": 0.5, "segments": segments, "k_trunc": k_trunc,
                                          "k_top": 1 + (score == "mlp"), "write": "provisional"}, VALUES))


class AgainstPyTorch(unittest.TestCase):
    def test_cells_are_torch_nn(self):
        kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
        for cell, kind in kinds.items():
            with self.subTest(cell=cell):
                one = problem({"cell": cell, "credit": "bptt", "layers": 3}, VALUES)
                network = kind(2, 4, num_layers=3).double()
                parameters = {name: torch.from_numpy(value) for name, value in one.parameters.items()}
                network.load_state_dict({name: value for name, value in parameters.items() if "_l" in name})
                V1, b = parameters["V1"].clone().requires_grad_(), parameters["b"].clone().requires_grad_()
                x = torch.from_numpy(one.x).requires_grad_()
                start = [torch.zeros(3, 2, 4, dtype=torch.float64).requires_grad_() for _ in range(1 + (cell == "lstm"))]
                one.start = {name: value.detach().numpy() for name, value in zip(("h0", "c0"), start)}
                outputs = network(x, tuple(start) if cell == "lstm" else start[0])[0] @ V1 + b
                loss = torch.nn.functional.mse_loss(outputs, torch.from_numpy(one.y))
                loss.backward()
                answers = one.solve()
                self.assertAlmostEqual(float(loss.detach()), answers["loss"], delta=1e-14)
                expected = {name: value.grad for name, value in network.named_parameters()}
                expected.update(V1=V1.grad, b=b.grad, dvalues=x.grad)
                expected.update({name: value.grad for name, value in zip(("dh0", "dc0"), start)})
                self.assertEqual(set(expected), set(answers["grad"]))
                for name, gradient in expected.items():
                    np.testing.assert_allclose(answers["grad"][name], gradient.numpy(), rtol=1e-11, atol=1e-14)

    def test_encoder_decoder_is_two_of_torch_nn(self):
        """The decoder's input is the symbol and the label before, side by side."""
        kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
        for cell, kind in kinds.items():
            with self.subTest(cell=cell):
                one = problem({"cell": cell, "model": "seq2seq", "layers": 1, "decoder_attention": False,
                               "decoder_feed": "labels"}, IDS, B=1)
                answers, source = one.solve(), int(one.scored[:, 0].argmax())
                self.assertTrue(1 < source < 10 and one.scored[-1, 0])
                parameters = {name: torch.from_numpy(value) for name, value in one.parameters.items()}
                x = torch.nn.functional.one_hot(torch.from_numpy(one.x.astype(np.int64)), 5).double()
                before = torch.nn.functional.one_hot(torch.from_numpy(one.y.astype(np.int64)), 3).double()[source - 1:-1]
                before[0] = 0
                encoder, decoder = kind(5, 4).double(), kind(8, 4).double()
                encoder.load_state_dict({name[8:]: v for name, v in parameters.items() if name[:8] == "encoder."})
                state = {name[8:]: v for name, v in parameters.items() if name[:8] == "decoder."}
                state["weight_ih_l0"] = torch.cat([state["weight_ih_l0"], state.pop("weight_answer")], dim=1)
                decoder.load_state_dict(state)
                first, last = encoder(x[:source])
                second, _ = decoder(torch.cat([x[source:], before], dim=2), last)
                outputs = torch.cat([first, second]) @ parameters["V1"] + parameters["b"]
                np.testing.assert_allclose(answers["outputs"], outputs.detach().numpy(), rtol=1e-12, atol=1e-14)
                loss = torch.nn.functional.cross_entropy(outputs[:, 0], torch.from_numpy(one.y.astype(np.int64))[:, 0])
                self.assertAlmostEqual(float(loss.detach()), answers["loss"], delta=1e-14)

    def test_ids_are_one_hot_columns(self):
        one = problem({}, IDS)
        values = problem({}, {**IDS, "input": "values"})
        values.x, values.y, values.parameters = np.eye(5)[one.x], one.y, one.parameters
        errors = problems.relative_errors(one.solve(), values.solve())
        self.assertLess(max(errors.values()), 1e-13)

    def test_cross_entropy_is_torch_nn(self):
        one = problem({}, IDS)
        answers = one.solve()
        expected = torch.nn.functional.cross_entropy(torch.from_numpy(answers["outputs"]).reshape(-1, 3),
                                                     torch.from_numpy(one.y).reshape(-1))
        self.assertAlmostEqual(answers["loss"], float(expected), delta=1e-14)


class ByHand(unittest.TestCase):
    def test_two_steps_of_one_unit(self):
        """A memory carries the error to step 1 across a window's start; without mental updates it does not."""
        w, u, v1, v2, G, x1, x2, target = 0.7, -0.4, 0.9, 0.3, 0.5, 0.8, -0.6, 0.25
        h1 = math.tanh(w * x1)
        hh2 = math.tanh(w * x2 + u * h1)
        y1, y2 = v1 * h1, v1 * (hh2 + G * h1) + v2 * h1
        dy1, dy2 = y1 - target, y2 - target  # loss = ((y1-target)^2 + (y2-target)^2) / 2
        dpre1, dpre2 = 1 - h1 * h1, 1 - hh2 * hh2
        direct = dy1 * v1 * dpre1 * x1 + dy2 * v1 * dpre2 * x2
        through_read = dy2 * (v1 * G + v2) * dpre1 * x1
        one = problem({"cell": "rnn", "hidden": 1, "layers": 1, "k_trunc": 1, "k_top": 1, "read_gain": G},
                      {"input": "values", "I": 1, "loss": "mse", "O": 1}, T=2, B=1)
        for name in one.parameters:
            one.parameters[name] = np.zeros_like(one.parameters[name])
        for name, value in (("weight_ih_l0", w), ("weight_hh_l0", u), ("V1", v1), ("V2", v2)):
            one.parameters[name][:] = value
        one.x[:, 0, 0], one.y[:] = (x1, x2), target
        answers = one.solve()
        self.assertAlmostEqual(answers["grad"]["weight_ih_l0"].item(), direct + through_read, delta=1e-15)
        self.assertAlmostEqual(answers["grad"]["weight_hh_l0"].item(), dy2 * v1 * dpre2 * h1, delta=1e-15)
        one.config["mental_updates"] = False
        self.assertAlmostEqual(one.solve()["grad"]["weight_ih_l0"].item(), direct, delta=1e-15)

    def test_of_equal_scores_the_earlier_memory_wins(self):
        memory = torch.arange(8.0).double().reshape(1, 4, 2)
        a = torch.tensor([[1.0, 2.0, 1.0, 2.0]]).double()
        for K, kept in ((1, [1]), (2, [1, 3]), (3, [0, 1, 3])):
            config = {**BASE, "k_top": K}
            alpha, _ = sab_oracle.attend(config, a, memory, torch.Tensor.detach, sab_oracle.Diagnostics())
            self.assertEqual(alpha[0].nonzero().flatten().tolist(), kept)


    def test_draws_are_splitmix64(self):
        self.assertEqual(sab_oracle.mix(0, 0), 0xE220A8397B1DCDAF)
        self.assertEqual(sab_oracle.mix(0x9E3779B97F4A7C15, 0), 0x6E789E6AA1B965F4)


class Equalities(unittest.TestCase):
    def same(self, one, other, tolerance=0.0):
        errors = problems.relative_errors(one.solve(), other.solve())
        self.assertLessEqual(max(errors.values()), tolerance, errors)

    def test_presets_are_shorthand(self):
        self.same(problem({"credit": "bptt"}), problem({"k_top": 0, "k_trunc": 12}))
        self.same(problem({"credit": "tbptt"}), problem({"k_top": 0}))
        self.same(problem({"credit": "attention"}), problem({"k_trunc": 99, "forward": "dense", "backward": "dense"}))

    def test_stretches_of_one_step_are_steps(self):
        self.same(problem({"k_att": 1, "pool": "mean"}), problem({"k_att": 1}), 1e-13)
        # Its query is one more draw, after which inputs are others: they are those of the one without.
        drawn, last = problem({"k_att": 1, "pool": "attention"}), problem({"k_att": 1})
        attention = problems.Problem(drawn.config, last.shape, last.x, last.y, last.weight, last.lengths,
                                       {**drawn.parameters, **last.parameters})
        self.same(attention, last, 1e-13)

    def test_recalling_all_is_dense(self):
        for sparsifier in ("relu", "softmax"):
            self.same(problem({"k_top": 12, "sparsifier": sparsifier}),
                      problem({"forward": "dense", "backward": "dense"}), 1e-12)
            self.same(problem({"k_top": 12, "forward": "dense"}), problem({"k_top": 12}), 1e-12)

    def test_cuts_change_gradients_but_no_value(self):
        whole = problem({"k_trunc": 12}).solve()
        for cut in ({"k_trunc": 1}, {"k_trunc": 12, "mental_updates": False}):
            answers = problem(cut).solve()
            self.assertEqual(answers["loss"], whole["loss"])
            self.assertGreater(np.abs(answers["grad"]["weight_hh_l0"] - whole["grad"]["weight_hh_l0"]).max(), 1e-6)

    def test_what_has_no_weight_does_not_matter(self):
        one, other = problem({}, IDS, mask=True, ragged=True), problem({}, IDS, mask=True, ragged=True)
        self.assertLess(one.lengths.min(), 12)
        past = np.arange(1, 13)[:, None] > one.lengths[None, :]
        other.y[(other.weight == 0) | past] = -7
        other.x[past] = 0
        other.weight[past] = 3.0
        self.same(one, other)

    def test_a_sequence_alone_is_the_same(self):
        both = problem({})
        alone = problems.Problem(both.config, both.shape, both.x[:, :1], both.y[:, :1], both.weight[:, :1],
                                   both.lengths[:1], both.parameters)
        np.testing.assert_allclose(alone.solve()["outputs"], both.solve()["outputs"][:, :1], rtol=1e-13)


class Comparison(unittest.TestCase):
    def test_an_exported_file_comes_back_and_passes(self):
        one = problem({}, IDS, mask=True, ragged=True)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "one.safetensors")
            problems.save(path, one, one.solve(), "0")
            back, answers = problems.load(path)
            self.assertEqual(random_configs.judge(back, answers)[0], "passed")
            with open(path, "rb") as file:
                raw = file.read()
            with open(path, "wb") as file:
                file.write(raw[:-8])
            with self.assertRaises(ValueError):
                tensorfile.load(path)

    def test_a_wrong_element_fails(self):
        one = problem({})
        for name in one.parameters:
            answers = one.solve()
            answers["grad"][name].flat[0] += 1e-6 * max(np.abs(g).max() for g in answers["grad"].values())
            verdict, worst, *_ = random_configs.judge(one, answers)
            self.assertEqual((verdict, worst), ("failed", f"grad.{name}"))
        for spoil in (math.nan, math.inf):
            answers = one.solve()
            answers["outputs"][3, 1, 2] = spoil
            self.assertEqual(random_configs.judge(one, answers)[:2], ("failed", "outputs"))

    def test_a_near_tie_excuses_what_differs(self):
        """Scores that are the same to 1e-12 may be told apart otherwise, others not; who has the same answers has passed."""
        for size, verdict in ((1e-14, "switch"), (1e-4, "failed")):
            one = problem({"score": "dot"})
            for layer in (0, 1):
                one.parameters[f"W1_l{layer}"] = one.parameters[f"W1_l{layer}"] * size
            answers = one.solve()
            self.assertEqual(random_configs.judge(one, answers)[0], "passed")
            answers["outputs"][3, 1, 2] += 1e-6
            self.assertEqual(random_configs.judge(one, answers)[0], verdict)


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main()

"""Dropout of the layer for PyTorch: the equations under the same masks, training and evaluation, torch's seed. docs/math/dropout.md."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch", minversion="2.4", reason="there is no PyTorch 2.4 or later")

import sab_rnn  # noqa: E402
from sab_rnn.torch import SAB, ReferenceSAB, _gpu  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

torch.set_num_threads(1)
DOUBLE = torch.float64


def draw(generator: torch.Generator, *choices: Any) -> Any:
    return choices[int(torch.randint(len(choices), (), generator=generator))]


def drawn(p: float, *shape: int) -> Any:
    return nn.functional.dropout(torch.ones(*shape, dtype=DOUBLE), p)


def run(layer: Any, x: Any, seed: int, **given: Any) -> Any:
    """(out, gradients) of one call with masks of that seed."""
    torch.manual_seed(seed)
    out, _ = layer(x, **given)
    out.square().sum().backward()
    gradients = [parameter.grad.clone() for parameter in layer.parameters()]
    layer.zero_grad()
    return out.detach(), gradients


def close(one: Any, two: Any) -> None:
    torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("host_form", [False, True])
@pytest.mark.parametrize("seed", range(int(os.environ.get("SAB_CONFIGURATIONS", "40"))))
def test_outputs_and_gradients_are_those_of_the_equations_with_masks(seed: int, host_form: bool, monkeypatch: Any) -> None:
    """By the processor's engine, and in the form that a GPU's tensors take."""
    monkeypatch.setattr(_gpu, "host_form", host_form)
    g = torch.Generator().manual_seed(seed)
    T, B, I, H, layers = draw(g, 4, 7, 12), draw(g, 1, 3, 10), 3, draw(g, 3, 8, 17), draw(g, 1, 2, 3)
    given = dict(k_top=draw(g, 0, 2, 3), k_trunc=draw(g, 1, 3, 50), k_att=draw(g, 1, 2), memory_slots=draw(g, None, 3), dtype=DOUBLE, seed=seed,
                 write=draw(g, "provisional", "state"), dropout=draw(g, 0.4, 0.7) if layers > 1 else 0, dropout_recurrent=draw(g, 0, 0.3, 0.6))
    cell = draw(g, "lstm", "gru", "rnn")
    x = torch.randn(T, B, I, generator=g, dtype=DOUBLE)
    lengths = torch.randint(1, T + 1, (B,), generator=g) if draw(g, True, False) else None
    layers_of = [kind(I, H, layers, cell, **given) for kind in (SAB, ReferenceSAB)]
    (one, d_one), (two, d_two) = (run(layer, x, seed, lengths=lengths) for layer in layers_of)
    close(one, two)
    close(d_one, d_two)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_it_stands_where_nn_lstm_has_it(p: float) -> None:
    """Two layers are two nn.LSTM with a mask between them, the same at all steps; what leaves the last one is whole."""
    layer = SAB(3, 6, 2, k_top=0, k_trunc=100, dropout=p, dtype=DOUBLE)
    first, second = nn.LSTM(3, 6).double(), nn.LSTM(6, 6).double()
    first.load_state_dict({name: value for name, value in layer.state_dict().items() if name.endswith("l0")})
    second.load_state_dict({name.replace("l1", "l0"): value for name, value in layer.state_dict().items() if name.endswith("l1")})
    x = torch.randn(9, 4, 3, dtype=DOUBLE)
    out, _ = run(layer, x, 5)
    torch.manual_seed(5)
    mask = drawn(p, 2, 4, 6)
    assert 0 < int((mask[0] == 0).sum()) < 24
    close(out, second(first(x)[0] * mask[0])[0].detach())


def test_evaluation_draws_nothing_and_training_draws_by_torchs_seed() -> None:
    given = dict(k_top=3, k_trunc=4, dtype=DOUBLE, seed=1)
    layer, plain = SAB(3, 8, 2, dropout=0.5, dropout_recurrent=0.4, **given), SAB(3, 8, 2, **given)
    x = torch.randn(8, 5, 3, dtype=DOUBLE)
    layer.eval()
    before = torch.get_rng_state()
    assert torch.equal(layer(x)[0], plain(x)[0])
    assert torch.equal(torch.get_rng_state(), before)
    layer.train()
    one, two, other = run(layer, x, 1)[0], run(layer, x, 1)[0], run(layer, x, 2)[0]
    assert torch.equal(one, two) and not torch.equal(one, other) and not torch.equal(one, plain(x)[0])


def test_checkpointed_forwards_have_the_same_masks() -> None:
    layer = SAB(3, 8, 2, k_top=3, k_trunc=4, dropout=0.5, dropout_recurrent=0.4, dtype=DOUBLE, seed=1)
    x = torch.randn(8, 5, 3, dtype=DOUBLE)
    _, expected = run(layer, x, 3)
    torch.manual_seed(3)
    checkpoint(lambda x: layer(x)[0], x, use_reentrant=False).square().sum().backward()
    for parameter, gradient in zip(layer.parameters(), expected):
        assert torch.equal(parameter.grad, gradient)


def test_a_way_back_without_its_tape_has_the_same_masks() -> None:
    layer = SAB(3, 8, 2, k_top=3, k_trunc=4, dropout=0.5, dropout_recurrent=0.4, dtype=DOUBLE, seed=1)
    x = torch.randn(8, 5, 3, dtype=DOUBLE)
    _, expected = run(layer, x, 3)
    torch.manual_seed(3)
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor.clone(), lambda tensor: tensor):
        out, _ = layer(x)
    out.square().sum().backward()
    for parameter, gradient in zip(layer.parameters(), expected):
        assert torch.equal(parameter.grad, gradient)


def test_mistakes_have_a_sentence() -> None:
    with pytest.raises(sab_rnn.InvalidError, match="dropout=1; .*below 1"):
        SAB(3, 8, 2, dropout=1)
    with pytest.raises(sab_rnn.InvalidError, match="dropout_recurrent=-0.1"):
        SAB(3, 8, dropout_recurrent=-0.1)
    with pytest.warns(UserWarning, match="num_layers=1 has none"):
        layer = SAB(3, 8, dropout=0.3, k_top=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer.eval()(torch.zeros(4, 2, 3))
        SAB(3, 8, 2, dropout=0.3)
        masked = SAB(3, 8, dropout_recurrent=0.3, k_top=2, memory_slots=4)
    assert "dropout_recurrent=0.3" in repr(masked)

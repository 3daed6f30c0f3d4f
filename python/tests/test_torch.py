"""The layer for PyTorch against the same equations in plain PyTorch, in double, and against differences; and what autograd does
with it."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

torch = pytest.importorskip("torch", minversion="2.4", reason="there is no PyTorch 2.4 or later")

import sab_rnn  # noqa: E402
from sab_rnn.torch import SAB, ReferenceSAB, _core  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

torch.set_num_threads(1)  # on busy processors the threads of these small networks mostly wait for each other
DOUBLE = torch.float64
WHOLE = dict(k_top=8, k_trunc=8)  # of 8 steps nothing is cut and every memory is read
NAMES = ("h", "h_n", "c_n", "memories", "first", "since")


def draw(generator: torch.Generator, *choices: Any) -> Any:
    return choices[int(torch.randint(len(choices), (), generator=generator))]


def assert_near(one: Any, two: Any, what: Any) -> None:
    """To 1e-10 of the largest number, or of 1."""
    assert one.shape == two.shape, (what, one.shape, two.shape)
    if one.numel():
        difference = (one - two).abs().max().item()
        assert difference <= 1e-10 * max(1.0, two.abs().max().item()), (what, difference)


@pytest.mark.parametrize("seed", range(int(os.environ.get("SAB_CONFIGURATIONS", "300"))))
def test_outputs_and_gradients_are_those_of_the_equations(seed: int) -> None:
    """Random configurations: outputs, states, gradients of weights, inputs and initial states; then the same from those states on."""
    g = torch.Generator().manual_seed(seed)
    k_att = draw(g, 1, 1, 2)
    T, B, I, H, layers = k_att * draw(g, 1, 4, 7), draw(g, 1, 3, 10), draw(g, 1, 3), draw(g, 3, 8, 17), draw(g, 1, 2, 3)
    cell, score, ids, k_top = draw(g, "lstm", "gru", "rnn"), draw(g, "mlp", "dot", "release2019"), draw(g, False, False, True), draw(g, 0, 1, 3)
    forward = draw(g, "sparse", "sparse", "dense")
    slots = draw(g, None, 3, 5)
    options = dict(sparsifier=draw(g, "softmax", "relu"), write=draw(g, "provisional", "state"), read_gain=draw(g, 1, 0.3),
                   read_floor=draw(g, 0.5, 1), mental_updates=draw(g, True, True, False), attention_width=draw(g, 0, 5),
                   key_scale=draw(g, 1, 3), forward=forward, backward=draw(g, "sparse", forward),
                   credit=draw(g, "sab", "sab", "sab", "sab", "attention", "bptt", "tbptt"),
                   zero_memory=slots is None and draw(g, False, False, True))
    remembers = options["credit"] == "attention" or (options["credit"] == "sab" and k_top > 0)
    given = dict(k_top=k_top, k_trunc=draw(g, 1, 3, 5, 50), k_att=k_att, memory_slots=slots, score=score, ids=ids, seed=seed,
                 recalled=remembers and draw(g, False, True), dtype=DOUBLE, **options)
    layer, reference = SAB(I, H, layers, cell, **given), ReferenceSAB(I, H, layers, cell, **given)
    for (name, one), (other, two) in zip(layer.named_parameters(), reference.named_parameters()):
        assert name == other and torch.equal(one, two)  # drawn from the same seed

    def inputs() -> Any:
        return torch.randint(I, (T, B), generator=g) if ids else torch.randn(T, B, I, generator=g, dtype=DOUBLE).requires_grad_()

    x, y = inputs(), inputs()
    h0, c0 = (torch.randn(layers, B, H, generator=g, dtype=DOUBLE).requires_grad_() for _ in range(2))
    state: Any = draw(g, None, (h0, c0) if cell == "lstm" else h0)
    lengths = k_att * torch.randint(1, T // k_att + 1, (B,), generator=g) if draw(g, False, True) else None
    states = [] if state is None else [h0, c0][:2 if cell == "lstm" else 1]
    if slots is None and remembers:
        calls = [lambda net: net(x, state, lengths=lengths)]
    else:
        calls = [lambda net: net(x, state, lengths=lengths), lambda net: net(y, net(x, state, lengths=lengths)[1].reset([0]))]
    for number, call in enumerate(calls):
        (out, after), (expected, wanted) = call(layer), call(reference)
        assert_near(out, expected, ("out", number, layer))
        for name in NAMES:
            if getattr(after, name) is not None:
                assert_near(getattr(after, name), getattr(wanted, name), (name, number, layer))
        weight = torch.randn(out.shape, generator=g, dtype=DOUBLE)
        sources = ([] if ids else [y if number else x]) + ([] if number else states)
        found, right = (torch.autograd.grad((o * weight).sum(), [*net.parameters(), *sources], allow_unused=True,
                                            materialize_grads=True) for o, net in ((out, layer), (expected, reference)))
        names = [name for name, _ in layer.named_parameters()] + (["x", "h0", "c0"] if not ids else ["h0", "c0"])
        for name, one, two in zip(names, found, right):
            assert_near(one, two, (name, number, layer))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_gradcheck_where_nothing_is_cut(cell: str) -> None:
    torch.manual_seed(5)
    layer = SAB(2, 4, 2, cell, recalled=True, dtype=DOUBLE, key_scale=1, **WHOLE)
    x, h0, c0 = (torch.randn(*shape, dtype=DOUBLE).requires_grad_() for shape in ((8, 3, 2), (2, 3, 4), (2, 3, 4)))
    names = [name for name, _ in layer.named_parameters()]

    def run(x: Any, h0: Any, c0: Any, *weights: Any) -> Any:
        state = (h0, c0) if cell == "lstm" else h0
        return torch.func.functional_call(layer, dict(zip(names, weights)), (x, state))[0]

    assert torch.autograd.gradcheck(run, (x, h0, c0, *layer.parameters()))


def gradients(layer: Any) -> list[Any]:
    found = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    return found


def assert_same(one: list[Any], two: list[Any]) -> None:
    for a, b in zip(one, two):
        assert torch.equal(a, b), (a - b).abs().max()


def test_parameters_lie_in_the_engines_memory() -> None:
    """An optimiser writes where the engine reads; what is done to a module leaves it so, or right by copies."""
    layer, x = SAB(3, 6, k_top=2), torch.randn(9, 4, 3)

    def shares() -> bool:
        return bool(layer._core is not None and layer._core.holds([getattr(layer, name) for name in layer._names]))

    assert shares()
    before = layer(x)[0]
    with torch.no_grad():
        layer.weight_hh_l0.mul_(2)
    assert layer._core.model.tensors["weight_hh_l0"][0, 0] == layer.weight_hh_l0[0, 0].item()
    assert not torch.equal(layer(x)[0], before)
    for change in (lambda: layer.double(), lambda: layer.float(), lambda: layer.to("meta").to_empty(device="cpu")):
        change()
        assert shares()
    layer = SAB(3, 6, k_top=2)
    expected = layer(x)[0]
    layer.share_memory()
    assert layer.weight_hh_l0.is_shared() and torch.equal(layer(x)[0], expected)
    layer = SAB(3, 6, k_top=2)
    layer.load_state_dict({name: p + 1 for name, p in layer.state_dict().items()}, assign=True)
    other = SAB(3, 6, k_top=2)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x)[0], other(x)[0])
    nn.utils.parametrizations.spectral_norm(layer, "weight_hh_l0")
    layer(x)[0].sum().backward()
    assert layer.parametrizations.weight_hh_l0.original.grad.isfinite().all()


def test_several_forwards_and_changed_weights_before_a_backward() -> None:
    layer = SAB(3, 6, k_top=2, dtype=DOUBLE)
    x, y = torch.randn(2, 9, 4, 3).double()
    both = layer(x)[0].sum() + layer(y)[0].sum()
    both.backward()
    together = gradients(layer)
    for part in (x, y):
        layer(part)[0].sum().backward()  # gradients add up
    for one, p in zip(together, layer.parameters()):
        torch.testing.assert_close(one, p.grad)
    loss = layer(x)[0].sum()
    with torch.no_grad():
        layer.weight_hh_l0.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_second_derivative_is_refused() -> None:
    layer = SAB(3, 6, k_top=2)
    x = torch.randn(9, 4, 3, requires_grad=True)
    (dx,) = torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="first derivatives only"):
        dx.square().sum().backward()


def test_backward_twice_needs_retain_graph_and_frees_the_tape() -> None:
    layer, before = SAB(3, 6, k_top=2), len(_core._kept)
    loss = layer(torch.randn(9, 4, 3))[0].sum()
    assert len(_core._kept) == before + 1
    loss.backward(retain_graph=True)
    first = layer.weight_hh_l0.grad.clone()
    loss.backward()
    assert torch.equal(layer.weight_hh_l0.grad, 2 * first)
    assert len(_core._kept) == before
    with pytest.raises(RuntimeError):
        loss.backward()


def test_a_forward_without_a_backward_keeps_nothing() -> None:
    layer, x, before = SAB(3, 6, k_top=2), torch.randn(9, 4, 3), len(_core._kept)
    out = layer(x)[0]
    del out
    with torch.no_grad():
        layer(x)
    layer.requires_grad_(False)
    layer(x)
    with pytest.raises(sab_rnn.NumericError):
        layer.requires_grad_(True)(x / 0)
    assert len(_core._kept) == before


def test_tensors_saved_elsewhere() -> None:
    """Where the tape is lost on the way, the way back makes another: the same gradients."""
    layer, x = SAB(3, 6, k_top=2, memory_slots=5), torch.randn(9, 4, 3, requires_grad=True)
    state = layer(x)[1]
    layer(x, state)[0].sum().backward()
    expected = [*gradients(layer), x.grad.clone()]
    x.grad = None
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        loss = layer(x, state)[0].sum()
    loss.backward()
    assert_same(expected, [*gradients(layer), x.grad])


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoint_gives_the_same_gradients(reentrant: bool) -> None:
    layer, x, before = SAB(3, 6, k_top=2), torch.randn(9, 4, 3, requires_grad=True), len(_core._kept)
    layer(x)[0].sum().backward()
    expected = gradients(layer)
    for _ in range(2):
        checkpoint(lambda x: layer(x)[0], x, use_reentrant=reentrant).sum().backward()
        assert_same(expected, gradients(layer))
    assert len(_core._kept) == before


def test_backward_in_another_thread_and_many_at_once() -> None:
    """Threads share one layer: each gets its own gradients, whoever frees the tapes."""
    layer = SAB(3, 16, k_top=2)
    xs = [torch.randn(9, 4, 3, requires_grad=True) for _ in range(4)]
    expected = [torch.autograd.grad(layer(x)[0].sum(), x)[0] for x in xs]
    losses = [layer(x)[0].sum() for x in xs]
    wrong: list[Any] = []

    def work(i: int) -> None:
        for loss in [losses[i]] + [layer(xs[i])[0].sum() for _ in range(20)]:
            (found,) = torch.autograd.grad(loss, xs[i])
            if not torch.equal(found, expected[i]):
                wrong.append((i, (found - expected[i]).abs().max().item()))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong and not any(thread.is_alive() for thread in threads)


def test_other_threads_of_python_run_meanwhile() -> None:
    """The interpreter is free while the engine computes: another thread counts on during one long call."""
    layer, x, counted, done = SAB(3, 128, k_top=5, threads=1), torch.randn(400, 64, 3), [0], threading.Event()

    def count() -> None:
        while not done.is_set():
            counted[0] += 1
            done.wait(0.001)

    thread = threading.Thread(target=count)
    with torch.no_grad():
        layer(x[:2])
        thread.start()
        before = counted[0]
        layer(x)
        during = counted[0] - before
    done.set()
    thread.join()
    assert during >= 3, during


def test_autocast_computes_in_float32() -> None:
    layer, x = SAB(3, 6, k_top=2), torch.randn(9, 4, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, state = layer(x.bfloat16())
        assert out.dtype == state.h_n.dtype == torch.float32
        nn.Linear(6, 1)(out).float().sum().backward()
    assert layer.weight_hh_l0.grad.dtype == torch.float32 and layer.weight_hh_l0.grad.isfinite().all()


@pytest.mark.parametrize("call, words", [
    (lambda layer: layer(torch.zeros(5, 2, 4)), r"4 inputs .* \[5, 2, 4\]"),
    (lambda layer: layer(torch.zeros(5)), r"shape \[5\]"),
    (lambda layer: layer(torch.zeros(5, 2, 3, dtype=torch.int64)), "ids=True"),
    (lambda layer: layer(torch.zeros(5, 2, 3, device="meta")), "device meta; a SAB runs on the CPU"),
    (lambda layer: layer.to("meta")(torch.zeros(5, 2, 3)), "device meta"),
    (lambda layer: layer(torch.zeros(5, 2, 3), torch.zeros(1, 2, 6)), r"\(h0, c0\)"),
    (lambda layer: layer(torch.zeros(5, 2, 3), (torch.zeros(1, 2, 6), torch.zeros(1, 1, 6))), r"c0: shape \[1, 1, 6\]"),
    (lambda layer: layer(torch.zeros(5, 2, 3), lengths=[5, 6]), "6"),
    (lambda layer: layer(torch.zeros(5, 2, 3), lengths=[5, 0]), "0"),
    (lambda layer: layer(torch.zeros(5, 2, 3), lengths=[5]), r"lengths of shape \[1\] for 2 sequences"),
    (lambda layer: layer(torch.zeros(5, 0, 3)), "0 sequences"),
    (lambda layer: layer(torch.zeros(0, 2, 3)), "0 steps"),
    (lambda layer: layer.half()(torch.zeros(5, 2, 3)), "float16"),
    (lambda layer: layer(torch.zeros(5, 2, 3), layer(torch.zeros(5, 2, 3))[1]), "memory_slots"),
    (lambda layer: layer._replicate_for_data_parallel(), "DistributedDataParallel"),
    (lambda layer: SAB(3, 6, ids=True)(torch.zeros(5, 2)), "whole numbers 0..2"),
    (lambda layer: SAB(3, 6, ids=True)(torch.full((5, 2), 3)), "3"),
    (lambda layer: SAB(3, 6, k_tob=5), "k-top"),
    (lambda layer: SAB(3, 0), "hidden"),
    (lambda layer: SAB(0, 6), "0"),
    (lambda layer: SAB(3, 6, cell="lstn"), "lstn"),
    (lambda layer: SAB(3, 6, k_top=-1), "-1"),
    (lambda layer: SAB(3, 6, dtype=torch.float16), "float16"),
    (lambda layer: SAB(3, 6, device="cuda"), "device cuda"),
    (lambda layer: SAB(3, 6, credit="tbptt", recalled=True), "nothing to recall"),
    (lambda layer: ReferenceSAB(3, 6, memory_slots=4, keep="used"), "keep used"),
    (lambda layer: ReferenceSAB(3, 6, k_att=2, pool="mean"), "pool mean"),
    (lambda layer: ReferenceSAB(3, 6, segments=4), "segments 4"),
    (lambda layer: SAB(3, 6, k_top=0, recalled=True), "nothing to recall")])
def test_mistakes_have_a_sentence(call: Any, words: str) -> None:
    with pytest.raises(sab_rnn.InvalidError, match=words):
        call(SAB(3, 6))

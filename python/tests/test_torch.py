"""The layer for PyTorch against the same equations in plain PyTorch, in double, and what users of nn.LSTM expect of it."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence  # noqa: E402

import sab_rnn  # noqa: E402
from sab_rnn.torch import SAB  # noqa: E402
from sab_rnn.torch import _equations as equations  # noqa: E402

torch.set_num_threads(1)  # on busy processors the threads of these small networks mostly wait for each other
DOUBLE = torch.float64
WHOLE = dict(k_top=8, k_trunc=8)  # of 8 steps nothing is cut and every memory is read


def reference(layer: SAB, x: Any, h0: Any = None, c0: Any = None, lengths: Any = None) -> Any:
    """The layer's outputs by the equations, which autograd differentiates by itself."""
    model = layer._engine(DOUBLE).model

    def option(name: str) -> str:
        return model.option(name)

    settings = equations.Settings(
        layer.cell, layer.hidden_size, layer.num_layers, int(option("attention_width")), option("score"),
        option("sparsifier"), float(option("read_floor")), float(option("read_gain")), option("write"), int(option("k_top")),
        int(option("k_att")), int(option("k_trunc")), int(option("memory_slots")), option("mental_updates") == "on",
        option("forward"), option("backward"))
    zeros = [torch.zeros(x.shape[1], layer.hidden_size, dtype=DOUBLE) for _ in range(layer.num_layers)]
    h, s, _, _ = equations.run(settings, dict(layer.named_parameters()), x, zeros if h0 is None else list(h0),
                               zeros if c0 is None else list(c0), [equations.Memories() for _ in range(layer.num_layers)],
                               lengths)
    return torch.cat([h, s], 2) if layer.recalled else h


def draw(generator: torch.Generator, *choices: Any) -> Any:
    return choices[int(torch.randint(len(choices), (), generator=generator))]


@pytest.mark.parametrize("seed", range(int(os.environ.get("SAB_CONFIGURATIONS", "60"))))
def test_outputs_and_gradients_are_those_of_the_equations(seed: int) -> None:
    """Weights, inputs and initial states, of random configurations, to 1e-10 of the largest number of each."""
    g = torch.Generator().manual_seed(seed)
    T, B, I, H, layers = draw(g, 1, 7, 12, 19), draw(g, 1, 3, 10), draw(g, 1, 3), draw(g, 3, 8, 17), draw(g, 1, 2, 3)
    cell, score, ids = draw(g, "lstm", "gru", "rnn"), draw(g, "mlp", "dot", "release2019"), draw(g, False, False, True)
    options = dict(sparsifier=draw(g, "softmax", "relu"), write=draw(g, "provisional", "state"), read_gain=draw(g, 1, 0.3),
                   mental_updates=draw(g, True, True, False), attention_width=draw(g, 0, 5), key_scale=draw(g, 1, 3))
    layer = SAB(I, H, layers, cell, k_top=draw(g, 0, 1, 3), k_trunc=draw(g, 1, 3, 5, 50), k_att=draw(g, 1, 1, 2),
                memory_slots=draw(g, None, 4), score=score, ids=ids, seed=seed, dtype=DOUBLE, **options)
    x = torch.randint(I, (T, B), generator=g) if ids else torch.randn(T, B, I, generator=g, dtype=DOUBLE)
    h0, c0 = (torch.randn(layers, B, H, generator=g, dtype=DOUBLE).requires_grad_() for _ in range(2))
    lengths = torch.randint(1, T + 1, (B,), generator=g) if draw(g, False, True) else None
    sources = [*layer.parameters(), h0] + ([c0] if cell == "lstm" else []) + ([] if ids else [x.requires_grad_()])

    out, _ = layer(x, (h0, c0) if cell == "lstm" else h0, lengths=lengths)
    expected = reference(layer, x, h0, c0, lengths)
    weight = torch.randn(out.shape, generator=g, dtype=DOUBLE)
    found = torch.autograd.grad((out * weight).sum(), sources)
    wanted = torch.autograd.grad((expected * weight).sum(), sources, allow_unused=True, materialize_grads=True)
    for name, one, two in [("out", out, expected), *zip([n for n, _ in layer.named_parameters()] + ["state", "state or x", "x"],
                                                        found, wanted)]:
        difference = (one - two).abs().max().item()
        assert difference <= 1e-10 * max(1.0, two.abs().max().item()), (name, difference, layer)


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


@pytest.mark.parametrize("cell, twin", [("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)])
def test_without_memory_it_is_pytorchs_network(cell: str, twin: Any) -> None:
    """Shapes, batch_first, packed sequences, no batch, initial states; and state_dict both ways."""
    torch.manual_seed(1)
    theirs = twin(3, 5, 2, batch_first=True).double()
    ours = SAB(3, 5, 2, cell, k_top=0, k_trunc=100, batch_first=True, dtype=DOUBLE)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    x, h0, c0 = torch.randn(4, 9, 3).double(), *torch.randn(2, 2, 4, 5).double()
    for state in (None, (h0, c0) if cell == "lstm" else h0):
        torch.testing.assert_close(ours(x, state)[0], theirs(x, state)[0])
    one = None if cell != "lstm" else (h0[:, 0], c0[:, 0])
    torch.testing.assert_close(ours(x[0], one)[0], theirs(x[0], one)[0])
    packed = pack_sequence([torch.randn(n, 3).double() for n in (4, 9, 9, 1)], enforce_sorted=False)
    out, state = ours(packed)
    expected, after = theirs(packed)
    for one, two in zip(pad_packed_sequence(out), pad_packed_sequence(expected)):
        torch.testing.assert_close(one, two)
    torch.testing.assert_close(state.h, (after[0] if cell == "lstm" else after)[-1])


def test_lengths_are_those_of_sequences_alone() -> None:
    layer = SAB(3, 6, k_top=2, dtype=DOUBLE, recalled=True)
    x, ends = torch.randn(9, 3, 3).double(), [9, 1, 5]
    out, state = layer(x, lengths=ends)
    for b, n in enumerate(ends):
        alone, after = layer(x[:n, b])
        assert torch.equal(out[:n, b], alone) and not out[n:, b].any() and torch.equal(state.h[b], after.h)


def test_states_go_on() -> None:
    """In two parts the outputs are those of the whole, while memories last."""
    layer = SAB(3, 6, 2, k_top=2, k_att=2, memory_slots=50)
    x = torch.randn(12, 4, 3)
    whole, _ = layer(x)
    first, state = layer(x[:6])
    second, _ = layer(x[6:], state)
    assert torch.equal(torch.cat([first, second]), whole)
    assert torch.equal(layer(x[6:], state.detach())[0], second)  # a state is a value
    with pytest.raises(sab_rnn.InvalidError, match="memory_slots"):
        layer = SAB(3, 6)
        layer(x, layer(x)[1])


def test_several_forwards_and_changed_weights_before_a_backward() -> None:
    layer = SAB(3, 6, k_top=2, dtype=DOUBLE)
    x, y = torch.randn(2, 9, 4, 3).double()
    both = layer(x)[0].sum() + layer(y)[0].sum()
    both.backward()
    together = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    for part in (x, y):
        layer(part)[0].sum().backward()
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
    layer = SAB(3, 6, k_top=2)
    loss = layer(torch.randn(9, 4, 3))[0].sum()
    loss.backward(retain_graph=True)
    first = layer.weight_hh_l0.grad.clone()
    loss.backward()
    assert torch.equal(layer.weight_hh_l0.grad, 2 * first)
    assert len(layer._core._tapes) == 0
    with pytest.raises(RuntimeError):
        loss.backward()


def test_checkpoint_gives_the_same_gradients() -> None:
    layer, x = SAB(3, 6, k_top=2), torch.randn(9, 4, 3)
    layer(x)[0].sum().backward()
    expected = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    torch.utils.checkpoint.checkpoint(lambda x: layer(x)[0], x, use_reentrant=False).sum().backward()
    for one, p in zip(expected, layer.parameters()):
        assert torch.equal(one, p.grad)


def test_copies_pickles_precisions_and_seeds() -> None:
    torch.manual_seed(3)
    layer, x = SAB(3, 6, k_top=2), torch.randn(9, 4, 3)
    torch.manual_seed(3)
    twin = SAB(3, 6, k_top=2)
    out = layer(x)[0]
    for other in (twin, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(x)[0], out)
    torch.testing.assert_close(copy.deepcopy(layer).double()(x.double())[0].float(), out)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x.bfloat16())[0].dtype == torch.float32
    other = SAB(3, 6, k_top=2)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x)[0], out) and not torch.equal(SAB(3, 6, k_top=2)(x)[0], out)


def test_a_compiled_network_goes_around_the_layer() -> None:
    net, x = nn.Sequential(nn.Linear(3, 3), Last(SAB(3, 6)), nn.Linear(6, 1)), torch.randn(9, 4, 3)
    net(x).sum().backward()
    expected = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    torch.compile(net, backend="eager")(x).sum().backward()
    for one, p in zip(expected, net.parameters()):
        torch.testing.assert_close(one, p.grad)


@pytest.mark.parametrize("call, words", [
    (lambda layer: layer(torch.zeros(5, 2, 4)), r"\[5, 2, 4\]"),
    (lambda layer: layer(torch.zeros(5, 2, 3, dtype=torch.int64)), "ids=True"),
    (lambda layer: layer(torch.zeros(5, 2, 3, device="meta")), "device meta"),
    (lambda layer: layer(torch.zeros(5, 2, 3), torch.zeros(1, 2, 6)), r"\(h0, c0\)"),
    (lambda layer: layer(torch.zeros(5, 2, 3), (torch.zeros(1, 2, 6), torch.zeros(1, 1, 6))), "c0: shape"),
    (lambda layer: layer(torch.zeros(5, 2, 3), lengths=[5, 6]), "6"),
    (lambda layer: layer.half()(torch.zeros(5, 2, 3)), "float16"),
    (lambda layer: SAB(3, 6, k_tob=5), "k-top"),
    (lambda layer: SAB(3, 6, k_top=0, recalled=True), "nothing to recall")])
def test_mistakes_have_a_sentence(call: Any, words: str) -> None:
    with pytest.raises(sab_rnn.InvalidError, match=words):
        call(SAB(3, 6))


def test_a_forked_process_trains() -> None:
    layer, x = SAB(3, 32, threads=2), torch.randn(9, 64, 3)
    layer(x)[0].sum().backward()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that waits for threads that are gone fails
        layer.zero_grad()
        layer(x)[0].sum().backward()
        os._exit(0 if layer._core.threads and layer.weight_hh_l0.grad.isfinite().all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Last(nn.Module):
    def __init__(self, layer: SAB) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(x)[1].h


class Copier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = SAB(10, 64, ids=True, recalled=True, k_top=5, k_trunc=5, threads=1)
        self.head = nn.Linear(128, 9)

    def forward(self, ids: Any) -> Any:
        return self.head(self.layer(ids)[0])


def test_it_learns_copying_and_sab_eval_reads_it(tmp_path: Path) -> None:
    """T = 20, by torch.optim.Adam: the library's batches, so that `sab eval` asks for the same."""
    torch.manual_seed(1)
    net, task = Copier(), sab_rnn.Task(task="copy", T=20, seed=1)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    accuracy, step = 0.0, 0
    while step < 1500 and accuracy < 0.99:
        batch = task.batch(step, 32)
        ids, labels, scored = (torch.from_numpy(batch[name]).long() for name in ("ids", "labels", "scored"))
        logits = net(ids)[scored == 1]
        loss = nn.functional.cross_entropy(logits, labels[scored == 1])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        accuracy = (logits.argmax(1) == labels[scored == 1]).double().mean().item()
        step += 1
    assert accuracy >= 0.99, (accuracy, step, loss.item())
    net.layer.save(tmp_path / "net.safetensors", net.head, task="copy", T=20)
    model = sab_rnn.load(tmp_path / "net.safetensors")
    outputs, _ = model.evaluate(ids.numpy())
    torch.testing.assert_close(torch.from_numpy(outputs)[scored == 1], net(ids)[scored == 1], rtol=1e-4, atol=1e-4)
    ran = subprocess.run([sys.executable, "-m", "sab_rnn", "eval", str(tmp_path / "net.safetensors"), "--json"],
                         capture_output=True, text=True)
    assert ran.returncode == 0 and "accuracy" in ran.stdout, ran.stdout + ran.stderr

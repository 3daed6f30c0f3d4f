"""What users of nn.LSTM, nn.GRU and nn.RNN expect: shapes, forms of input, state dicts, copies, files. Without a memory, with one window,
the layer is those networks."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", minversion="2.4", reason="there is no PyTorch 2.4 or later")

import sab_rnn  # noqa: E402
from sab_rnn.torch import SAB, ReferenceSAB, State, readout  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.utils.rnn import (PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence,  # noqa: E402
                                unpad_sequence)

torch.set_num_threads(1)
TWINS = [("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)]


def pair(cell: str, twin: Any, layers: int = 2, batch_first: bool = False) -> tuple[SAB, Any]:
    torch.manual_seed(1)
    theirs = twin(3, 5, layers, batch_first=batch_first).double()
    ours = SAB(3, 5, layers, cell, k_top=0, k_trunc=100, batch_first=batch_first, dtype=torch.float64)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def close(one: Any, two: Any) -> None:
    torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def states(cell: str, *shape: int) -> Any:
    h0, c0 = torch.randn(2, *shape).double()
    return (h0, c0) if cell == "lstm" else h0


def compare_states(cell: str, state: State, theirs: Any) -> None:
    h_n, c_n = theirs if cell == "lstm" else (theirs, None)
    close(state.h_n, h_n)
    close(state.h, h_n[-1])
    if c_n is None:
        assert state.c_n is None and len(list(state)) == 1
    else:
        ours_h, ours_c = state
        close(ours_h, h_n)
        close(ours_c, c_n)


@pytest.mark.parametrize("cell, twin", TWINS)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_outputs_states_and_gradients_are_pytorchs(cell: str, twin: Any, batch_first: bool, layers: int) -> None:
    ours, theirs = pair(cell, twin, layers, batch_first)
    for state in (None, states(cell, layers, 4, 5)):
        x = torch.randn(*((4, 9, 3) if batch_first else (9, 4, 3))).double()
        found = []
        for net in (ours, theirs):
            x_own = x.clone().requires_grad_()
            out, after = net(x_own, state)
            net.zero_grad()
            h = after.h if isinstance(after, State) else (after[0] if cell == "lstm" else after)[-1]
            (out.sin().sum() + h.square().sum()).backward()
            found.append([out, x_own.grad, *(p.grad for p in net.parameters())])
            if net is theirs:
                compare_states(cell, ours(x, state)[1], after)
        for one, two in zip(*found):
            close(one, two)


@pytest.mark.parametrize("cell, twin", TWINS)
def test_one_sequence_without_a_batch(cell: str, twin: Any) -> None:
    for batch_first in (False, True):
        ours, theirs = pair(cell, twin, 2, batch_first)
        x = torch.randn(9, 3).double()
        for state in (None, states(cell, 2, 5)):
            (out, after), (expected, wanted) = ours(x, state), theirs(x, state)
            close(out, expected)
            compare_states(cell, after, wanted)
        close(ours(x, after)[0], theirs(x, wanted)[0])


@pytest.mark.parametrize("cell, twin", TWINS)
@pytest.mark.parametrize("enforce_sorted", [False, True])
def test_packed_sequences(cell: str, twin: Any, enforce_sorted: bool) -> None:
    ours, theirs = pair(cell, twin)
    lengths = [9, 9, 4, 1] if enforce_sorted else [4, 9, 9, 1]
    packed = pack_sequence([torch.randn(n, 3).double() for n in lengths], enforce_sorted=enforce_sorted)
    for state in (None, states(cell, 2, 4, 5)):
        (out, after), (expected, wanted) = ours(packed, state), theirs(packed, state)
        assert isinstance(out, PackedSequence)
        close(out.data, expected.data)
        for one, two in zip(pad_packed_sequence(out), pad_packed_sequence(expected)):
            close(one, two)
        compare_states(cell, after, wanted)
    padded = pack_padded_sequence(torch.randn(4, 9, 3).double(), torch.tensor(lengths), batch_first=True, enforce_sorted=enforce_sorted)
    close(ours(padded)[0].data, theirs(padded)[0].data)


def test_lengths_are_those_of_sequences_alone() -> None:
    layer = SAB(3, 6, k_top=2, dtype=torch.float64, recalled=True)
    x, ends = torch.randn(9, 3, 3).double(), [9, 1, 5]
    out, state = layer(x, lengths=ends)
    for b, sequence in enumerate(unpad_sequence(x, torch.tensor(ends))):
        alone, after = layer(sequence)
        assert torch.equal(out[:ends[b], b], alone) and not out[ends[b]:, b].any() and torch.equal(state.h[b], after.h)
        assert torch.equal(state.c_n[:, b], after.c_n)
    with pytest.raises(sab_rnn.InvalidError, match="PackedSequence"):
        layer(pack_sequence([x[:, 0]]), lengths=[9])


def test_views_of_all_kinds_enter() -> None:
    layer, x = SAB(3, 6, k_top=2, batch_first=True), torch.randn(4, 9, 6)
    expected = layer(x[:, :, ::2].contiguous())[0]
    assert torch.equal(layer(x[:, :, ::2])[0], expected) and torch.equal(layer(x[:, :, ::2].double())[0], expected)
    assert torch.equal(layer(x[:1, :, ::2].expand(4, 9, 3))[0][3], expected[0])
    assert expected.shape == (4, 9, 6) and layer(x[:1, :1, :3])[0].shape == (1, 1, 6)


@pytest.mark.parametrize("cell, twin", TWINS)
def test_state_dicts_go_both_ways(cell: str, twin: Any) -> None:
    ours, theirs = pair(cell, twin)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    remembering = SAB(3, 5, 2, cell, k_top=2, dtype=torch.float64)
    left = remembering.load_state_dict(theirs.state_dict(), strict=False)
    assert not left.unexpected_keys and set(left.missing_keys) == {f"{name}_l{l}" for name in ("W1", "W2", "w3") for l in (0, 1)}
    with pytest.raises(RuntimeError, match="W1_l0"):
        remembering.load_state_dict(theirs.state_dict())
    with pytest.raises(RuntimeError, match="bidirectional"):
        ours.load_state_dict(twin(3, 5, 2, bidirectional=True).state_dict())
    with pytest.raises(RuntimeError, match="size mismatch for weight_ih_l0"):
        ours.load_state_dict(twin(4, 5, 2).state_dict())
    if twin is nn.LSTM:
        with pytest.raises(RuntimeError, match="proj_size"):
            ours.load_state_dict(nn.LSTM(3, 5, 2, proj_size=2).state_dict())


def test_within_a_network_names_have_a_prefix() -> None:
    net = nn.Sequential(SAB(3, 5, k_top=0))
    net.load_state_dict(nn.Sequential(nn.LSTM(3, 5)).state_dict())
    assert "0.weight_hh_l0" in net.state_dict()


def test_copies_pickles_files_and_seeds(tmp_path: Path) -> None:
    torch.manual_seed(3)
    layer, x = SAB(3, 6, k_top=2), torch.randn(9, 4, 3)
    torch.manual_seed(3)
    twin = SAB(3, 6, k_top=2)
    out = layer(x)[0]
    torch.save(layer, tmp_path / "layer.pt")
    torch.save(layer.state_dict(), tmp_path / "weights.pt")
    loaded = SAB(3, 6, k_top=2)
    loaded.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    others = (twin, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), torch.load(tmp_path / "layer.pt", weights_only=False), loaded)
    for other in others:
        assert torch.equal(other(x)[0], out)
        other(x)[0].sum().backward()
        with torch.no_grad():
            other.weight_hh_l0.add_(1)
        assert not torch.equal(other(x)[0], out) and torch.equal(layer(x)[0], out)  # weights of its own
    shallow = copy.copy(layer)
    assert shallow.weight_hh_l0 is layer.weight_hh_l0 and torch.equal(shallow(x)[0], out)
    torch.testing.assert_close(copy.deepcopy(layer).double()(x.double())[0].float(), out)
    assert not torch.equal(SAB(3, 6, k_top=2)(x)[0], out)
    assert "k_top=2" in repr(layer) and layer.flatten_parameters() is None


def test_a_hundred_layers_come_and_go() -> None:
    """Each finds its own weights, though memory is used again."""
    x = torch.randn(5, 2, 3)
    for seed in range(100):
        layer, reference = SAB(3, 6, k_top=2, seed=seed), ReferenceSAB(3, 6, k_top=2, seed=seed)
        torch.testing.assert_close(layer(x)[0], reference(x)[0])


# ---- states ----

def test_states_go_on() -> None:
    """In two parts the outputs are those of the whole, while memories last."""
    layer = SAB(3, 6, 2, k_top=2, k_att=2, memory_slots=50)
    x = torch.randn(12, 4, 3)
    whole, _ = layer(x)
    first, state = layer(x[:6])
    second, _ = layer(x[6:], state)
    assert torch.equal(torch.cat([first, second]), whole)
    assert torch.equal(layer(x[6:], state.detach())[0], second)  # a state is a value
    forms = [state.clone(), copy.deepcopy(state), pickle.loads(pickle.dumps(state)), State.from_numpy(state.numpy())]
    file = io.BytesIO()
    np.savez(file, **state.numpy())
    file.seek(0)
    forms.append(State.from_numpy(np.load(file)))
    for form in forms:
        assert torch.equal(layer(x[6:], form)[0], second)
        form.memories.zero_()
    assert torch.equal(layer(x[6:], state)[0], second)  # and copies are independent
    close = copy.deepcopy(layer).double()(x[6:].double(), state.to(torch.float64))[0]
    torch.testing.assert_close(close.float(), second)


def test_sequences_of_a_state_begin_anew() -> None:
    layer, x = SAB(3, 6, 2, k_top=2, memory_slots=5), torch.randn(12, 4, 3)
    state = layer(x[:6])[1]
    kept, anew = layer(x[6:], state)[0], layer(x[6:])[0]
    for which in ([1, 3], torch.tensor([False, True, False, True]), np.array([1, 3])):
        out = layer(x[6:], state.reset(which))[0]
        assert torch.equal(out[:, [0, 2]], kept[:, [0, 2]]) and torch.equal(out[:, [1, 3]], anew[:, [1, 3]])
    for which, words in (([4], "sequence 4 of a state of 4"), ([-1], "sequence -1"), (torch.ones(3, dtype=torch.bool), r"\[3\]")):
        with pytest.raises(sab_rnn.InvalidError, match=words):
            state.reset(which)


def test_a_state_has_a_gradient_where_it_says_so_and_is_a_constant_to_what_follows() -> None:
    layer, x = SAB(3, 6, 2, k_top=2, memory_slots=5), torch.randn(6, 4, 3, requires_grad=True)
    out, state = layer(x)
    (by_out,) = torch.autograd.grad(out[-1].square().sum(), x, retain_graph=True)
    assert torch.equal(torch.autograd.grad(state.h_n[-1].square().sum(), x, retain_graph=True)[0], by_out)
    assert not state.c_n.requires_grad and not state.memories.requires_grad
    (nothing,) = torch.autograd.grad(layer(x.detach(), state)[0].sum() + 0 * x.sum(), x)
    assert not nothing.any()


def test_states_that_do_not_fit() -> None:
    layer, x = SAB(3, 6, k_top=2, k_att=2, memory_slots=5), torch.randn(6, 4, 3)
    state = layer(x)[1]
    for call, words in ((lambda: layer(x[:, :2], state), r"h_n: shape \[1, 4, 6\], \[1, 2, 6\] is wanted"),
                        (lambda: SAB(3, 7, memory_slots=5)(x, state), "h_n: shape"),
                        (lambda: layer(x, layer(x[:5])[1]), "multiple of --k-att 2"),
                        (lambda: layer(x, SAB(3, 6, cell="gru", k_att=2, memory_slots=5)(x)[1]), "without c"),
                        (lambda: SAB(3, 6, k_top=2, k_att=2, memory_slots=2)(x, state), "N is in 0..2"),
                        (lambda: State.from_numpy({"h": np.zeros(3)}), "h_n, c_n")):
        with pytest.raises(sab_rnn.InvalidError, match=words):
            call()


# ---- runs of the program ----

def test_a_run_becomes_a_layer_and_its_readout(tmp_path: Path) -> None:
    options = dict(task="copy", T=12, hidden=8, layers=2, k_top=2, k_att=2, k_trunc=3, cell="gru", score="dot")
    model, task = sab_rnn.Model.for_task(**options), sab_rnn.Task(task="copy", T=12)
    model.save(tmp_path / "model.safetensors")
    ids = task.batch(0, 5, "test")["ids"]
    expected = model.evaluate(ids)[0]
    for path in (tmp_path, tmp_path / "model.safetensors"):
        layer, head = SAB.from_run(path), readout(path)
        assert (layer.ids, layer.cell, layer.num_layers, layer.recalled) == (True, "gru", 2, True)
        torch.testing.assert_close(head(layer(torch.from_numpy(ids))[0]), torch.from_numpy(expected), rtol=1e-5, atol=1e-6)
        slow, fast = (kind.from_run(path, dtype=torch.float64) for kind in (ReferenceSAB, SAB))
        torch.testing.assert_close(slow(torch.from_numpy(ids))[0], fast(torch.from_numpy(ids))[0], rtol=1e-9, atol=1e-9)
    layer.save(tmp_path / "again.safetensors", head, task="copy", T=12)
    assert np.array_equal(sab_rnn.load(tmp_path / "again.safetensors").evaluate(ids)[0], expected)
    with pytest.raises(RuntimeError, match="V1"):  # a whole model's tensors are more than a layer's
        layer.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in model.tensors.items()})
    layer.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in model.tensors.items()}, strict=False)


def test_runs_that_are_no_layer(tmp_path: Path) -> None:
    sab_rnn.Model.for_task(task="copy", T=12, model="transformer", hidden=8).save(tmp_path / "model.safetensors")
    with pytest.raises(sab_rnn.InvalidError, match="network of --model transformer"):
        SAB.from_run(tmp_path)
    with pytest.raises(sab_rnn.FileError, match="absent"):
        SAB.from_run(tmp_path / "absent")

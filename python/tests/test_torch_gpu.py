"""The way of a GPU's tensors through the layer (sab_rnn/torch/_gpu.py), which the library's form of the GPU's code for the processor
goes without one: against the same equations in plain PyTorch, in double; with a GPU, on it, in float32."""

from __future__ import annotations

import os
from typing import Any, Iterator

import pytest

torch = pytest.importorskip("torch", minversion="2.4", reason="there is no PyTorch 2.4 or later")

import sab_rnn  # noqa: E402
from sab_rnn.torch import SAB, ReferenceSAB, State, _gpu  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

torch.set_num_threads(1)
ON_GPU = os.environ.get("SAB_TEST_DEVICE", "").startswith("cuda")
DEVICE, DTYPE, CLOSE = ("cuda", torch.float32, 2e-4) if ON_GPU else ("cpu", torch.float64, 1e-10)


@pytest.fixture(autouse=True)
def gpu_form() -> Iterator[None]:
    _gpu.host_form = not ON_GPU
    yield
    _gpu.host_form = False


def draw(generator: torch.Generator, *choices: Any) -> Any:
    return choices[int(torch.randint(len(choices), (), generator=generator))]


def assert_near(one: Any, two: Any, what: Any) -> None:
    if two is None:  # a weight that nothing of this batch uses
        two = torch.zeros_like(one)
    assert one.shape == two.shape, (what, one.shape, two.shape)
    if one.numel():
        difference = (one.double().cpu() - two.double().cpu()).abs().max().item()
        assert difference <= CLOSE * max(1.0, two.abs().max().item()), (what, difference)


@pytest.mark.parametrize("seed", range(60))
def test_outputs_and_gradients_are_those_of_the_equations(seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    k_att = draw(g, 1, 1, 2)
    T, B, I, H, layers = k_att * draw(g, 1, 4, 7), draw(g, 1, 3, 10), draw(g, 1, 3), draw(g, 3, 8, 17), draw(g, 1, 2, 3)
    cell, ids, k_top, slots = draw(g, "lstm", "gru", "rnn"), draw(g, False, False, True), draw(g, 0, 1, 3), draw(g, None, 3, 5)
    given = dict(k_top=k_top, k_trunc=draw(g, 1, 3, 50), k_att=k_att, memory_slots=slots, score=draw(g, "mlp", "dot"), ids=ids, seed=seed,
                 recalled=k_top > 0 and draw(g, False, True), sparsifier=draw(g, "softmax", "relu"), write=draw(g, "provisional", "state"),
                 read_gain=0.3, mental_updates=draw(g, True, False), attention_width=draw(g, 0, 5), dtype=DTYPE)
    layer = SAB(I, H, layers, cell, **given).to(DEVICE)
    reference = ReferenceSAB(I, H, layers, cell, **{**given, "dtype": torch.float64})
    reference.load_state_dict({name: weight.double().cpu() for name, weight in layer.state_dict().items()})
    state: Any = None
    if draw(g, True, False):
        parts = [torch.randn(layers, B, H, generator=g, dtype=torch.float64) for _ in range(2 if cell == "lstm" else 1)]
        state = [part.clone().requires_grad_() for part in parts], [part.clone().to(DEVICE, DTYPE).requires_grad_() for part in parts]
    lengths = [T, *(int(k_att * torch.randint(1, T // k_att + 1, (), generator=g)) for _ in range(B - 1))] if draw(g, True, False) else None
    after: Any = None
    for go in range(2 if slots and k_top else 1):
        x = torch.randint(I, (T, B), generator=g) if ids else torch.randn(T, B, I, generator=g, dtype=torch.float64)
        there = x.to(DEVICE) if ids else x.clone().to(DEVICE, DTYPE).requires_grad_()
        here = x if ids else x.clone().requires_grad_()
        begin = (None, None) if go == 0 and state is None else after if go else (state[0], state[1])
        want, want_state = reference(here, begin[0], lengths=lengths)
        got, got_state = layer(there, begin[1], lengths=lengths)
        after = want_state, got_state
        assert got.device.type == DEVICE and got.dtype == DTYPE
        assert_near(got, want, (seed, "out"))
        for name in ("h_n", "c_n", "memories", "first", "since"):
            one, two = getattr(got_state, name), getattr(want_state, name)
            assert (one is None) == (two is None), (seed, name)
            if one is not None:
                assert_near(one, two, (seed, name))
        weight = torch.randn(want.shape, generator=g, dtype=torch.float64)
        (want * weight).sum().backward()
        (got * weight.to(DEVICE, DTYPE)).sum().backward()
        if not ids:
            assert_near(there.grad, here.grad, (seed, "dx"))
    for (name, one), two in zip(layer.named_parameters(), reference.parameters()):
        assert_near(one.grad, two.grad, (seed, name))
    for one, two in zip(*((state[1], state[0]) if state else ((), ()))):
        assert_near(one.grad, two.grad, (seed, "state"))


def network(**options: Any) -> Any:
    return SAB(3, 8, k_top=2, k_trunc=4, seed=1, **options).to(DEVICE)


def test_one_kept_forward_is_gone_back_from_in_any_order_and_twice() -> None:
    layer, x = network(), torch.randn(9, 4, 3, device=DEVICE)
    first, second = layer(x)[0].sum(), layer(2 * x)[0].sum()
    one = torch.autograd.grad(second, list(layer.parameters()), retain_graph=True)
    torch.autograd.grad(first, list(layer.parameters()))
    again = torch.autograd.grad(second, list(layer.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(one, again))


def test_saved_tensors_may_travel() -> None:
    layer, x = network(), torch.randn(9, 4, 3, device=DEVICE)
    want = torch.autograd.grad(layer(x)[0].sum(), list(layer.parameters()))
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.cpu().clone(), lambda t: t.to(DEVICE)):
        got = torch.autograd.grad(layer(x)[0].sum(), list(layer.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(want, got))


def test_checkpoint_gives_the_same_gradients() -> None:
    layer, x = network(), torch.randn(9, 4, 3, device=DEVICE, requires_grad=True)
    want = torch.autograd.grad(layer(x)[0].sum(), [x, *layer.parameters()])
    got = torch.autograd.grad(checkpoint(lambda y: layer(y)[0], x, use_reentrant=False).sum(), [x, *layer.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(want, got))


def test_autocast_computes_in_float32() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Flatten(0, 0)).to(DEVICE)
    layer, x = network(), torch.randn(9, 4, 3, device=DEVICE)
    with torch.autocast(DEVICE, torch.bfloat16):
        half = net(x)
        out, _ = layer(half)
    assert half.dtype == torch.bfloat16 and out.dtype == torch.float32
    out.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in layer.parameters())


def test_packed_sequences_and_batch_first() -> None:
    layer, x = network(batch_first=True), torch.randn(4, 9, 3, device=DEVICE)
    packed = nn.utils.rnn.pack_padded_sequence(x, [9, 7, 3, 2], batch_first=True)
    out, state = layer(packed)
    dense, other = layer(x, lengths=[9, 7, 3, 2])
    assert torch.equal(nn.utils.rnn.pad_packed_sequence(out, batch_first=True)[0], dense) and torch.equal(state.h_n, other.h_n)


def test_a_state_of_the_other_side_goes_on() -> None:
    """What the CPU's engine left is gone on from on the GPU, and the other way."""
    x = torch.randn(2, 8, 4, 3, dtype=DTYPE)
    on_cpu, there = SAB(3, 8, k_top=2, memory_slots=5, seed=1, dtype=DTYPE), SAB(3, 8, k_top=2, memory_slots=5, seed=1, dtype=DTYPE).to(DEVICE)
    _gpu.host_form = False
    _, state = on_cpu(x[0])
    want = on_cpu(x[1], state)[0]
    _gpu.host_form = not ON_GPU
    got, after = there(x[1].to(DEVICE), state.to(DEVICE))
    assert_near(got, want, "out")
    assert isinstance(after, State) and after.memories is not None and after.memories.device.type == DEVICE


@pytest.mark.parametrize("options", [{"keep": keep} for keep in ("surprise", "used", "novel", "learned", "reservoir")] +
                         [{"zero_memory": True}, {"zero_memory": True, "keep": "learned"}, {"pool": "attention"}, {"forward": "dense"}],
                         ids=str)
def test_what_the_equations_have_not_is_as_on_the_cpu(options: dict[str, Any]) -> None:
    layers = [SAB(3, 8, 2, k_top=2, k_trunc=4, k_att=2, memory_slots=4, seed=1, dtype=DTYPE, **options) for _ in range(2)]
    x, sides = torch.randn(20, 5, 3, dtype=DTYPE), []
    for layer, there in zip(layers, (False, True)):
        _gpu.host_form = there and not ON_GPU
        layer.to(DEVICE if there else "cpu")
        out, state = layer(x.to(DEVICE if there else "cpu"), lengths=[20, 18, 12, 6, 2])
        sides.append((out, state, torch.autograd.grad(out.square().sum(), list(layer.parameters()))))
        if "keep" in options and "zero_memory" not in options:
            with pytest.raises(sab_rnn.InvalidError, match="what each memory is worth"):
                layer(x.to(DEVICE if there else "cpu"), state)
    (want, want_state, want_gradients), (got, got_state, got_gradients) = sides
    assert_near(got, want, "out")
    for name in ("h_n", "c_n", "memories", "first", "since"):
        one, two = getattr(got_state, name), getattr(want_state, name)
        assert (one is None) == (two is None), name
        if one is not None:
            assert_near(one, two, name)
    for (name, _), one, two in zip(layers[0].named_parameters(), got_gradients, want_gradients):
        assert_near(one, two, name)


def test_training_learns() -> None:
    torch.manual_seed(0)
    layer, head = network(), nn.Linear(8, 1).to(DEVICE)
    optimiser = torch.optim.Adam([*layer.parameters(), *head.parameters()], lr=0.02)
    losses = []
    for _ in range(40):
        x = torch.randn(10, 16, 3, device=DEVICE)
        loss = nn.functional.mse_loss(head(layer(x)[0]), x.sum(2, keepdim=True).cumsum(0) / 4)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3, losses


def test_mistakes_have_a_sentence() -> None:
    with pytest.raises(sab_rnn.InvalidError, match="--segments 3"):
        SAB(3, 8, k_top=2, segments=3).to(DEVICE)(torch.zeros(5, 2, 3, device=DEVICE))
    if not ON_GPU:
        layer = SAB(4, 8, k_top=2, ids=True)
        with pytest.raises(RuntimeError, match="ids are 0..3"):
            layer(torch.full((5, 2), 4))
        with pytest.raises(RuntimeError, match="lengths are 1..5"):
            layer(torch.zeros(5, 2, dtype=torch.int64), lengths=[0, 3])
    else:
        with pytest.raises(sab_rnn.InvalidError, match="computes in torch.float32"):
            SAB(3, 8).to("cuda", torch.float64)(torch.zeros(5, 2, 3, device="cuda"))
        with pytest.raises(sab_rnn.InvalidError, match="the parameters on"):
            SAB(3, 8).to("cuda")(torch.zeros(5, 2, 3))


@pytest.mark.skipif(not ON_GPU, reason="a CUDA graph needs a GPU")
def test_a_cuda_graph_of_a_whole_step() -> None:
    layer, head = SAB(3, 32, k_top=5, seed=1).to("cuda"), nn.Linear(32, 1).to("cuda")
    x = torch.randn(20, 16, 3, device="cuda")
    parameters = [*layer.parameters(), *head.parameters()]

    def step() -> Any:
        return torch.autograd.grad(head(layer(x)[0]).square().mean(), parameters)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    for _ in range(2):
        x.copy_(torch.randn_like(x))
        graph.replay()
        assert all(torch.equal(a, b) for a, b in zip(captured, step()))


@pytest.mark.skipif(not ON_GPU, reason="a CUDA graph needs a GPU")
def test_a_shape_that_is_new_is_not_captured() -> None:
    layer, x = SAB(3, 32, k_top=5).to("cuda"), torch.randn(21, 16, 3, device="cuda")
    layer(x[:5])
    torch.cuda.synchronize()
    with pytest.raises(sab_rnn.SabError, match="run the layer once on a batch of this shape before capturing"):
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            layer(x)


@pytest.mark.skipif(not ON_GPU, reason="it is for a GPU's")
def test_compiled_with_other_modules() -> None:
    layer, x = network(), torch.randn(9, 4, 3, device=DEVICE)
    net = torch.compile(lambda y: torch.tanh(layer(y)[0]).sum())
    want = torch.autograd.grad(torch.tanh(layer(x)[0]).sum(), list(layer.parameters()))
    for one, two in zip(torch.autograd.grad(net(x), list(layer.parameters())), want):
        assert_near(one, two, "compiled")

"""The layer within PyTorch's machinery: compiled, checked as an operator, on several processes, forked, killed, for long."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", minversion="2.4", reason="there is no PyTorch 2.4 or later")

import sab_rnn  # noqa: E402
from sab_rnn.torch import SAB, _core, _ops  # noqa: E402
from torch import nn  # noqa: E402

torch.set_num_threads(1)


def gradients(net: Any) -> list[Any]:
    found = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    return found


# ---- operators and compilation ----

def operator_arguments(layer: SAB, x: Any, state: Any = None, lengths: Any = None, masks: Any = (None, None)) -> tuple[Any, ...]:
    weights = [getattr(layer, name) for name in layer._names]
    return layer._config, 1, True, x, lengths, *layer._initial(state, x.shape[1], False, weights[0]), *masks, weights


@pytest.mark.parametrize("given", [dict(k_top=2, memory_slots=4), dict(k_top=2, cell="gru", num_layers=2), dict(k_top=0, cell="rnn")])
def test_opcheck(given: Any) -> None:
    layer, x = SAB(3, 6, **given), torch.randn(9, 4, 3, requires_grad=True)
    h0 = torch.randn(layer.num_layers, 4, 6, requires_grad=True)
    torch.library.opcheck(_ops.forward, operator_arguments(layer, x))
    torch.library.opcheck(_ops.forward, operator_arguments(layer, x, (h0, h0) if layer.cell == "lstm" else h0, torch.tensor([9, 2, 3, 4])))
    if layer._settings.slots:
        torch.library.opcheck(_ops.forward, operator_arguments(layer, x, layer(x)[1]))
    masks = torch.ones(layer.num_layers, 4, 6), torch.zeros(layer.num_layers, 4, 6)
    torch.library.opcheck(_ops.forward, operator_arguments(layer, x, masks=masks))
    ids = SAB(3, 6, ids=True, dtype=torch.float64)
    torch.library.opcheck(_ops.forward, operator_arguments(ids, torch.randint(3, (5, 2))))
    arguments = operator_arguments(layer, x.detach())
    out, *_, ticket = _ops.forward(*arguments)
    torch.library.opcheck(_ops._backward_op, (layer._config, 1, True, False, ticket, torch.ones_like(out).detach(), *arguments[3:-1],
                                              [weight.detach() for weight in arguments[-1]]))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.layer, self.head = nn.Linear(3, 3), SAB(3, 6, 2, k_top=2, memory_slots=6), nn.Linear(6, 1)

    def forward(self, x: Any) -> Any:
        out, state = self.layer(self.encoder(x))
        out, state = self.layer(out[..., :3], state.reset([0]) if x.shape[1] > 4 else state)
        return self.head(out).sum() + state.h.sum() + state.c_n.sum()


@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
def test_a_compiled_network_is_one_graph(backend: str) -> None:
    """fullgraph: forwards and backwards agree; a change of the number of sequences and of the weights is seen."""
    if backend == "inductor" and subprocess.run(["sh", "-c", "command -v g++"], stdout=subprocess.DEVNULL).returncode:
        pytest.skip("inductor needs g++")
    torch._dynamo.reset()
    gc.collect()
    net, before = Network(), len(_core._kept)
    compiled = torch.compile(net, backend=backend, fullgraph=True)
    for B in (4, 2, 3):
        x = torch.randn(6, B, 3, requires_grad=True)
        net(x).backward()
        expected = [*gradients(net), x.grad.clone()]
        x.grad = None
        loss = compiled(x)
        torch.testing.assert_close(loss, net(x))
        loss.backward()
        for one, two in zip(expected, [*gradients(net), x.grad]):
            torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)
        with torch.no_grad():
            net.layer.weight_hh_l0.mul_(1.1)
            torch.testing.assert_close(compiled(x), net(x))
    del loss
    gc.collect()
    assert len(_core._kept) == before


def test_a_network_is_exported() -> None:
    class Outputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = SAB(3, 6, k_top=2)

        def forward(self, x: Any) -> Any:
            return self.layer(x)[0]

    net, x = Outputs(), torch.randn(9, 4, 3)
    assert torch.equal(torch.export.export(net, (x,)).module()(x), net(x))


def test_what_a_layer_recalls_is_recorded() -> None:
    """As it is, compiled, and with weights from elsewhere."""
    layer, x = SAB(3, 6, k_top=2), torch.randn(9, 4, 3)
    seen = []
    for call in (lambda: layer(x)[0], lambda: torch.compile(layer, backend="eager", fullgraph=True)(x)[0]):
        with sab_rnn.record(layer) as reads:
            call().sum().backward()
        seen.append(reads)
    for reads in seen:
        assert len(reads) == 4 * (1 + 2 * 7) and (reads.weight >= 0).all() and (reads.flow > 0).any()
        assert (reads.recalled < reads.step).all() and reads.lengths().tolist() == [9] * 4
    assert (seen[0].weight == seen[1].weight).all()
    layer.share_memory()
    with sab_rnn.record(layer) as reads:
        layer(x)
    assert (reads.weight == seen[0].weight).all()


# ---- processes ----

FORKED = """
import os, signal, sys, torch
from sab_rnn.torch import SAB
torch.set_num_threads(1)
layer, x = SAB(3, 32, threads=2), torch.randn(9, 64, 3)

def gradients():
    found = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    return found

layer(x)[0].sum().backward()
expected, begun = gradients(), layer(x)[0].sum()
child = os.fork()
if child == 0:
    signal.alarm(60)  # a child that waits for threads that are gone fails
begun.backward()  # of the parent's forward, in both
first = gradients()
layer(x)[0].sum().backward()
for one, two, three in zip(expected, first, gradients()):
    assert torch.equal(one, two) and torch.equal(one, three)
if child == 0:
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_trains() -> None:
    """In an interpreter of its own: PyTorch forbids it where autograd has run on threads."""
    ran = subprocess.run([sys.executable, "-c", FORKED], stderr=subprocess.PIPE, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr


class Encoded(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """What a layer makes of sequences, as a data set's workers compute it."""

    def __init__(self, layer: SAB, x: Any) -> None:
        self.layer, self.x = layer, x

    def __len__(self) -> int:
        return self.x.shape[1]

    def __getitem__(self, b: int) -> Any:
        with torch.no_grad():
            return self.layer(self.x[:, b])[0]


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_of_a_data_loader(context: str) -> None:
    layer, x = SAB(3, 8, k_top=2, threads=2), torch.randn(9, 6, 3)
    expected = layer(x)[0].detach()
    loader = torch.utils.data.DataLoader(Encoded(layer, x), batch_size=3, num_workers=2, multiprocessing_context=context)
    assert torch.equal(torch.cat([part.transpose(0, 1) for part in loader], 1), expected)


DISTRIBUTED = """
import sys, torch, torch.distributed as dist
from torch import nn
from sab_rnn.torch import SAB
torch.set_num_threads(1)
rank, file, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method="file://" + file, rank=rank, world_size=2)
torch.manual_seed(rank)  # the weights of rank 0 are sent to the other
net = nn.parallel.DistributedDataParallel(SAB(3, 6, 2, k_top=2, dtype=torch.float64))
x = torch.randn(9, 8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
for _ in range(2):
    net.zero_grad()
    net(x[:, 4 * rank:4 * rank + 4])[0].square().mean().backward()
if rank == 1:
    torch.save((net.module.state_dict(), [p.grad for p in net.parameters()]), out)
dist.destroy_process_group()
"""


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    """DistributedDataParallel over gloo."""
    if not torch.distributed.is_available():
        pytest.skip("this PyTorch has no torch.distributed")
    (tmp_path / "work.py").write_text(DISTRIBUTED)
    processes = [subprocess.Popen([sys.executable, str(tmp_path / "work.py"), str(rank), str(tmp_path / "meet"), str(tmp_path / "out")])
                 for rank in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    weights, found = torch.load(tmp_path / "out")
    layer = SAB(3, 6, 2, k_top=2, dtype=torch.float64)
    layer.load_state_dict(weights)
    x = torch.randn(9, 8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    layer(x)[0].square().mean().backward()
    for one, two in zip(found, gradients(layer)):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-14)


KILLED = """
import threading, torch
from sab_rnn.torch import SAB
layer, x = SAB(3, 64, threads=2), torch.randn(60, 64, 3, requires_grad=True)
class Hook(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x.clone()
    @staticmethod
    def backward(ctx, d):
        print("within", flush=True)
        threading.Event().wait(%s)
        return d
def work():
    while True:
        layer(Hook.apply(x))[0].sum().backward()
other = threading.Thread(target=work, daemon=True)
other.start()
work()
"""


@pytest.mark.parametrize("number, wait", [(signal.SIGINT, "60"), (signal.SIGTERM, "60"), (signal.SIGINT, "0"), (signal.SIGKILL, "0")])
def test_killed_within_a_callback_nothing_hangs(number: int, wait: str) -> None:
    """Two threads that train one layer, stopped while hooks of the way back wait, or in the middle of the engine's work."""
    process = subprocess.Popen([sys.executable, "-c", KILLED % wait], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.3)
    process.send_signal(number)
    try:
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.stdout.close()


# ---- for long ----

def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_stays_flat() -> None:
    """Forwards and backwards of all kinds, again and again: SAB_ROUNDS of them (500), half as warm-up; and nothing kept."""
    layer = SAB(3, 32, 2, k_top=2, memory_slots=8, threads=1)
    gc.collect()
    rounds, before = int(os.environ.get("SAB_ROUNDS", "500")), len(_core._kept)
    marks = []
    state = None
    for i in range(rounds):
        x = torch.randn(20, 16, 3, requires_grad=True)
        out, state = layer(x, state, lengths=None if i % 3 else [20] * 8 + [7] * 8)
        loss = out.square().sum()
        loss.backward(retain_graph=i % 5 == 0)
        if i % 5 == 0:
            loss.backward()
        if i % 7 == 0:
            layer(x)  # no way back
        if i % 11 == 0:
            with pytest.raises(sab_rnn.SabError):
                layer(x * float("nan"))
        layer.zero_grad()
        if i >= rounds // 2 and i % (rounds // 10) == 0:
            marks.append(resident())
    del out, loss
    print("resident:", marks)
    assert len(_core._kept) == before
    assert marks[-1] - marks[0] < 4 << 20, marks  # half of them; a tape alone has 200 KB


def test_import_is_without_torch() -> None:
    """It does not import torch; how quick is measured in docs/python.md, not here, where the machine may be busy."""
    code = "import sys, sab_rnn; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

"""Learning with the layer in a network of one's own: what `sab train` does, to rounding, and what `sab eval` reads."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", minversion="2.4", reason="there is no PyTorch 2.4 or later")

import sab_rnn  # noqa: E402
from sab_rnn.torch import SAB  # noqa: E402
from torch import nn  # noqa: E402

torch.set_num_threads(1)


def example() -> Any:
    """examples/copying.py as a module."""
    spec = importlib.util.spec_from_file_location("copying", Path(__file__).parents[2] / "examples" / "copying.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sab(*arguments: Any) -> str:
    ran = subprocess.run([sys.executable, "-m", "sab_rnn", *map(str, arguments)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_twenty_updates_are_those_of_sab_train(tmp_path: Path) -> None:
    """The network of the example, T = 100, H = 128, the same first weights and batches, torch.optim.Adam: every weight to 1e-5."""
    copying = example()
    options = dict(task="copy", T=100, hidden=128, seed=3)
    first, task = sab_rnn.Model.for_task(**options), sab_rnn.Task(task="copy", T=100, seed=3)
    embedding = nn.Embedding.from_pretrained(torch.eye(10))  # a symbol is a row of the layer's weights, as in sab train
    net = copying.Copier(embedding, SAB(10, 128, k_top=5, k_trunc=5, recalled=True), nn.Linear(256, 9))

    def pairs(model: Any) -> Any:
        """The network's tensors beside those of a model."""
        for name, tensor in net.layer.named_parameters():
            yield name, tensor, torch.from_numpy(model.tensors[name])
        for name, part in (("V1", net.head.weight[:, :128].T), ("V2", net.head.weight[:, 128:].T), ("b", net.head.bias)):
            yield name, part, torch.from_numpy(model.tensors[name])

    with torch.no_grad():
        for _, tensor, wanted in pairs(first):
            tensor.copy_(wanted)
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, 3e-3, betas=(0.9, 0.99))
    for index in range(20):
        copying.update(net, optimizer, task, index)
    sab("train", "copy", "--T", 100, "--hidden", 128, "--seed", 3, "--steps", 20, "--warmup", 0, "--schedule", "constant",
        "--eval-every", 0, "--eval-size", 8, "--save-every", 0, "--threads", 1, "--quiet", "--out", tmp_path / "run")
    last = sab_rnn.load(tmp_path / "run")
    moved = max((wanted - torch.from_numpy(first.tensors[name])).abs().max().item() for name, _, wanted in pairs(last))
    assert moved > 0.02, moved
    for name, tensor, wanted in pairs(last):
        difference = (tensor - wanted).abs().max().item()
        print(name, difference)
        assert difference <= 1e-5, (name, difference)
    ours = sab_rnn.Trainer(first, steps=20, warmup=0, schedule="constant")  # and to the bit with our own optimiser and readout
    for index in range(20):
        ours.update(**task.batch(index, 64))
    assert first.digest() == last.digest()


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
    assert "accuracy" in sab("eval", tmp_path / "net.safetensors", "--json")

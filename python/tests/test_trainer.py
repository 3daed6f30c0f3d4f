"""Training: updates, runs, what ends them, and what is left. That the C library trains rightly is judged by its own
tests."""

from __future__ import annotations

import inspect
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sab_rnn

SMALL: dict[str, Any] = dict(task="copy", T=3, hidden=8, batch=8, k_trunc=5, eval_size=32, seed=4, threads=1)


def test_an_update_is_a_gradient_and_what_is_made_of_it() -> None:
    task = sab_rnn.Task(**SMALL)
    whole, halves, own = (sab_rnn.Model.for_task(**SMALL) for _ in range(3))
    trainers = [sab_rnn.Trainer(model, warmup=0) for model in (whole, halves, own)]
    for i in range(3):
        batch = task.batch(i, 8)
        found = trainers[0].update(**batch)
        assert trainers[1].gradient(**batch).loss == found.loss
        assert trainers[1].apply() == found.grad_norm
        trainers[2]._update(task._batch(i, 8, "train"))
    assert trainers[0].step == 3 and whole.digest() == halves.digest() == own.digest()


def test_batches_that_are_added_up_are_one() -> None:
    task = sab_rnn.Task("double", **SMALL)
    once, parts = (sab_rnn.Model.for_task("double", **SMALL) for _ in range(2))
    batch, weight = task.batch(0, 16), 16 * 23.0
    a, b = sab_rnn.Trainer(once, warmup=0), sab_rnn.Trainer(parts, warmup=0)
    a.update(**batch)
    for begin in (0, 8):
        part = {name: array[:, begin:begin + 8] for name, array in batch.items()}
        b.gradient(**part, add=begin > 0, total_weight=weight)
    b.apply()
    for name, tensor in once.tensors.items():
        assert np.abs(tensor - parts.tensors[name]).max() < 1e-12, name


def test_the_rate_can_be_set_and_given_back_to_the_schedule() -> None:
    trainer = sab_rnn.Trainer(sab_rnn.Model.for_task(**SMALL), lr=0.5, warmup=0, schedule="constant")
    assert trainer.rate == 0.5
    trainer.rate = 0.25
    assert trainer.rate == 0.25
    trainer.rate = 0
    assert trainer.rate == 0.5
    with pytest.raises(sab_rnn.InvalidError, match="-1"):
        trainer.rate = -1


def test_a_trainer_that_was_saved_goes_on_to_the_bit(tmp_path: Path) -> None:
    task, straight = sab_rnn.Task(**SMALL), sab_rnn.Model.for_task(**SMALL)
    sab_rnn.Trainer(straight, steps=6).train(task)
    first = sab_rnn.Trainer(sab_rnn.Model.for_task(**SMALL), steps=6)
    first.train(task, on_update=lambda event: event.step == 4, save=tmp_path / "state")
    assert first.step == 4
    model = sab_rnn.Model.for_task(**SMALL)
    second = sab_rnn.Trainer(model, steps=6)
    second.load(tmp_path / "state")
    second.train(task)
    assert model.digest() == straight.digest()
    with pytest.raises(sab_rnn.InvalidError, match="beta1"):
        sab_rnn.Trainer(model, beta1=0.5).load(tmp_path / "state")


def test_training_tells_what_it_does_and_measures() -> None:
    task, told = sab_rnn.Task(**SMALL), []
    trainer = sab_rnn.Trainer(sab_rnn.Model.for_task(**SMALL), steps=5)
    last = trainer.train(task, eval_every=2, on_update=told.append, on_evaluation=told.append)
    assert [(event.step, event.evaluated) for event in told] == [
        (1, False), (2, False), (2, True), (3, False), (4, False), (4, True), (5, False), (5, True)]
    assert told[-1].metrics == last and told[0].steps == 5
    for again in (trainer.evaluate(task, split="valid"), trainer.engine.evaluate(task, "valid", eval_size=32)):
        assert np.array_equal(again, last, equal_nan=True)


def test_arrays_of_ones_own() -> None:
    model, rng = sab_rnn.Model(2, 1, loss="mse", hidden=8, k_top=2, threads=1), np.random.default_rng(1)

    def batch(_: int) -> dict[str, np.ndarray]:
        x = rng.normal(size=(5, 16, 2))
        return {"x": x, "targets": np.cumsum(x[..., :1], 0)}

    losses: list[float] = []
    sab_rnn.Trainer(model, lr=0.01, warmup=0).train(batch, 60,
                                                    on_update=lambda event: losses.append(event.metrics.loss))
    assert len(losses) == 60 and np.mean(losses[-5:]) < np.mean(losses[:5]) / 2


def test_a_run_equals_the_programs(tmp_path: Path) -> None:
    told: list[sab_rnn.Event] = []
    model = sab_rnn.train(**SMALL, steps=6, eval_every=3, out=tmp_path / "run", on_update=told.append,
                          on_evaluation=told.append)
    assert [event.step for event in told if event.evaluated] == [3, 6] and len(told) == 8
    assert model.metrics["step"].tolist() == [3, 6] and model.options["hidden"] == 8
    assert model.metrics["loss"][1] == told[-1].metrics.loss and told[-1].best
    words = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items() if name != "task"]
    subprocess.run([sys.executable, "-m", "sab_rnn", "train", "copy", *words, "--steps=6", "--eval-every=3", "--quiet",
                    f"--out={tmp_path / 'program'}"], check=True)
    assert sab_rnn.load(tmp_path / "program").digest() == model.digest()
    task, engine = sab_rnn.Task.of(model, T=4), sab_rnn.Engine(model)
    short, all_of_it = engine.evaluate(task, "test", eval_size=8), engine.measure(task, "test", eval_size=8)
    assert short.scored == all_of_it.scored == 80 and all_of_it.metrics["accuracy"] == short.accuracy
    assert all_of_it.confusion is not None and all_of_it.confusion.trace() == round(short.accuracy * 80)
    assert [output["count"] for output in all_of_it.outputs] == all_of_it.confusion.sum(1).tolist()
    assert told[-1].figures["accuracy"] == model.metrics["accuracy"][-1]


def test_a_run_that_a_callback_ended_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    steps = dict(steps=8, eval_every=2)
    straight = sab_rnn.train(**SMALL, **steps, out=tmp_path / "straight")
    sab_rnn.train(**SMALL, **steps, out=tmp_path / "run", on_update=lambda event: event.step == 5)
    again = sab_rnn.train(out=tmp_path / "run", resume=True)
    assert again.digest() == straight.digest()
    assert np.array_equal(again.metrics["loss"], straight.metrics["loss"])


def test_what_a_callback_raises_ends_the_run_and_comes_out(tmp_path: Path) -> None:
    def fail(event: sab_rnn.Event) -> None:
        if event.step == 3:
            raise ZeroDivisionError("in the callback")

    with pytest.raises(ZeroDivisionError, match="in the callback"):
        sab_rnn.train(**SMALL, steps=8, out=tmp_path / "run", on_update=fail)
    steps: list[int] = []
    sab_rnn.train(out=tmp_path / "run", resume=True, on_update=lambda event: steps.append(event.step))
    assert steps == [4, 5, 6, 7, 8]
    trainer = sab_rnn.Trainer(sab_rnn.Model.for_task(**SMALL), steps=8)
    with pytest.raises(ZeroDivisionError):
        trainer.train(sab_rnn.Task(**SMALL), on_update=fail, save=tmp_path / "state")
    assert trainer.step == 3 and (tmp_path / "state").exists()


@pytest.mark.parametrize("call", ["sab_rnn.train(out=folder, eval_every=1, save_every=0, **options)",
                                  "sab_rnn.Trainer(sab_rnn.Model.for_task(**options)).train(sab_rnn.Task(**options), "
                                  "eval_every=0, save=folder + '.state')"])
def test_ctrl_c_finishes_the_update_saves_and_is_a_keyboard_interrupt(tmp_path: Path, call: str) -> None:
    program = textwrap.dedent(f"""
        import os, signal, sys, threading, sab_rnn
        folder, options = sys.argv[1], {dict(SMALL, steps=10**9)!r}
        threading.Timer(0.7, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            {call}
        except KeyboardInterrupt:
            print("interrupted")
        """)
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path / "run")], capture_output=True, text=True,
                         timeout=120)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "interrupted\n", "")
    if "Trainer" in call:
        trainer = sab_rnn.Trainer(sab_rnn.Model.for_task(**SMALL), steps=10**9)
        trainer.load(tmp_path / "run.state")
        assert trainer.step > 0
    else:
        reached = sab_rnn.load(tmp_path / "run").metrics["step"][-1]
        ended: list[int] = []
        sab_rnn.train(out=tmp_path / "run", resume=True, on_update=lambda event: bool(ended.append(event.step) or True))
        assert ended[0] >= reached


def test_killed_in_the_middle_of_a_callback_the_run_goes_on(tmp_path: Path) -> None:
    """While other threads wait for the callback, too."""
    program = textwrap.dedent(f"""
        import os, signal, sys, threading, sab_rnn
        def watch(event):
            if event.step == 5:
                os.kill(os.getpid(), signal.SIGKILL)
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        sab_rnn.train(out=sys.argv[1], save_every=2, eval_every=4, steps=8, on_update=watch, **{SMALL!r})
        """)
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path / "run")], timeout=120)
    assert ran.returncode == -signal.SIGKILL
    again = sab_rnn.train(out=tmp_path / "run", resume=True)
    assert again.digest() == sab_rnn.train(out=tmp_path / "straight", save_every=2, eval_every=4, steps=8,
                                           **SMALL).digest()


def test_other_threads_run_while_the_library_computes(tmp_path: Path) -> None:
    import threading
    counted, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1

    model, x = sab_rnn.Model(8, 4, loss="mse", hidden=128, k_top=5), np.zeros((400, 64, 8))
    thread = threading.Thread(target=count)
    thread.start()
    try:
        engine, before = sab_rnn.Engine(model, 1), counted[0]
        engine.forward(x, tape=False)
        after = counted[0]
    finally:
        stop.set()
        thread.join()
    assert after - before > 1000


@pytest.mark.parametrize("wrong, error, words", [
    (dict(SMALL, out="x", steps=-1), sab_rnn.InvalidError, "-1"),
    (dict(SMALL, out="x", stpes=1), sab_rnn.InvalidError, "steps"),
    (dict(SMALL, out="x", k_top=[1, 2]), sab_rnn.InvalidError, "1,2"),
    (dict(SMALL, out="x", k_top=None), sab_rnn.InvalidError, "NoneType"),
    (dict(out="x", resume=True), sab_rnn.FileError, "x")])
def test_mistakes(wrong: dict[str, object], error: type[Exception], words: str, tmp_path: Path,
                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        sab_rnn.train(**wrong)
    assert not list(tmp_path.iterdir())


def test_signatures_come_from_the_table() -> None:
    defaults = sab_rnn.Options().as_dict()
    for function, group in [(sab_rnn.train, None), (sab_rnn.Trainer, "training"), (sab_rnn.Model, "model"),
                            (sab_rnn.Task, "task")]:
        parameters = inspect.signature(function).parameters
        documentation = (function.__init__ if isinstance(function, type) else function).__doc__ or ""
        for option in sab_rnn.option_table():
            if option.group == group or group is None:
                name = next(name for name in (option.name, option.name + "_") if name in parameters)
                assert sab_rnn.options._text(name, parameters[name].default).decode() == \
                    sab_rnn.options._text(name, defaults[option.name]).decode(), name
                assert f"{name}: {option.help}" in documentation, name
    assert "(0 to 4096; 5)" in sab_rnn.train.__doc__

"""The NumPy level: options, models, evaluation, gradients, errors. Numbers of the C library are judged by its own
tests; here it is that they arrive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sab_rnn

LAYER = dict(readout=False, loss="none", hidden=6, k_top=3, k_trunc=4, k_att=2, layers=2, seed=3, input_scale=1)


def test_the_version_is_the_headers() -> None:
    header = (Path(__file__).parents[2] / "include" / "sab.h").read_text()
    assert f'#define SAB_VERSION "{sab_rnn.__version__}"' in header


def test_options_come_from_the_librarys_table() -> None:
    table = {option.name: option for option in sab_rnn.option_table()}
    assert table["k_top"].kind == "int" and table["k_top"].maximum == 4096
    assert table["cell"].choices == ("lstm", "gru", "rnn")
    options = sab_rnn.Options(k_top=7, mental_updates=False, read_gain=0.1)
    assert (options["k_top"], options["mental-updates"], float(options["read_gain"])) == ("7", "off", 0.1)
    for option in table.values():
        assert sab_rnn.Options()[option.name] == option.default


@pytest.mark.parametrize("wrong, words", [({"k_top": 5000}, "4096"), ({"k_tob": 5}, "k-top"), ({"cell": "lstn"},
                                                                                               "lstm")])
def test_a_wrong_option_is_an_exception_with_the_librarys_sentence(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(sab_rnn.InvalidError, match=words) as caught:
        sab_rnn.Model(2, 3, **wrong)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, sab_rnn.SabError)


def test_files_that_are_not_models(tmp_path: Path) -> None:
    with pytest.raises(sab_rnn.FileError, match="absent"):
        sab_rnn.load(tmp_path / "absent")
    (tmp_path / "damaged").write_bytes(b"no model at all, but long enough")
    with pytest.raises(sab_rnn.FormatError, match="damaged"):
        sab_rnn.load(tmp_path / "damaged")


@pytest.mark.parametrize("precision", ["float", "double"])
def test_a_model_goes_through_a_file(tmp_path: Path, precision: str) -> None:
    model = sab_rnn.Model(2, 3, loss="mse", hidden=8, precision=precision)
    assert model.tensors["weight_ih_l0"].shape == (32, 2)
    model.tensors["b"][:] = [1, 2, 3]
    model.save(tmp_path / "m.safetensors")
    again = sab_rnn.load(tmp_path / "m.safetensors", precision)
    assert again.digest() == model.digest() and again.tensors["b"].tolist() == [1, 2, 3]
    x, y = np.random.default_rng(1).normal(size=(2, 5, 4, 3))
    outputs, metrics = model.evaluate(x[:, :, :2], targets=y)
    assert outputs.shape == (5, 4, 3) and outputs.dtype == model.tensors["b"].dtype
    assert metrics.loss == pytest.approx(((outputs - y) ** 2).mean(), rel=1e-5)
    assert np.array_equal(again.evaluate(x[:, :, :2])[0], outputs)


def test_a_model_is_copied_and_pickled_by_value() -> None:
    import copy
    import pickle
    model = sab_rnn.Model.for_task(task="copy", T=7, hidden=8, k_top=2)
    model.tensors["b"][:] = 3
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again.digest() == model.digest() and again.options == model.options and again.facts == model.facts
        again.tensors["b"][:] = 4
        assert model.tensors["b"][0] == 3


def test_tensors_outlive_their_model() -> None:
    tensor = sab_rnn.Model(2, 3, hidden=64).tensors["weight_hh_l0"]
    before = tensor.copy()
    others = [sab_rnn.Model(2, 3, hidden=64, seed=seed) for seed in range(2, 9)]
    assert np.array_equal(tensor, before) and len(others) == 7


def test_labels_and_ids() -> None:
    model = sab_rnn.Model(7, 4, ids=True, hidden=8)
    ids, labels = np.random.default_rng(2).integers(0, 4, (2, 6, 5))
    outputs, metrics = model.evaluate(ids, labels=labels, lengths=[6, 1, 3, 2, 6])
    counted = np.arange(6)[:, None] < np.array([6, 1, 3, 2, 6])
    assert metrics.scored == counted.sum() and not outputs[~counted].any()
    assert metrics.accuracy == pytest.approx((outputs.argmax(2) == labels)[counted].mean())


def test_a_tasks_batches_go_into_its_model() -> None:
    options = dict(task="copy", T=7, hidden=8)
    task, model = sab_rnn.Task(**options), sab_rnn.Model.for_task(**options)
    assert (model.ids, model.inputs, model.outputs) == (task.ids, task.inputs, task.outputs) == (True, 10, 9)
    batch = task.batch(0, 16, "test")
    outputs, metrics = model.evaluate(batch["ids"], labels=batch["labels"], scored=batch["scored"])
    right = (outputs.argmax(2) == batch["labels"])[batch["scored"] == 1]
    assert metrics.scored == right.size == 160 and metrics.accuracy == pytest.approx(right.mean())


def test_shapes_and_numbers_that_do_not_fit() -> None:
    model = sab_rnn.Model(2, 3, loss="mse", hidden=8)
    for call, words in [(lambda: model.evaluate(np.zeros((5, 4))), r"x: shape \[5, 4\]"),
                        (lambda: model.evaluate(np.zeros((5, 4, 3))), r"x: shape \[5, 4, 3\]"),
                        (lambda: model.evaluate(np.zeros((5, 4, 2)), targets=np.zeros((5, 3, 3))), "targets: shape"),
                        (lambda: model.evaluate(np.zeros((5, 4, 2)), lengths=[1, 2, 3, 6]), "6"),
                        (lambda: model.evaluate(np.zeros((5, 4, 2)), lengths=[1.5] * 4), "whole numbers"),
                        (lambda: sab_rnn.Model(2, 3, loss="l1"), "cross_entropy")]:
        with pytest.raises(sab_rnn.InvalidError, match=words):
            call()


STATE = (1, 2, 4)


@pytest.mark.parametrize("wrong, words", [
    ({"memories": np.zeros(3)}, r"memories: shape \[3\], \[1, 2, any, 4\]"),
    ({"memories": np.zeros((3, 4))}, r"memories: shape \[3, 4\]"),
    ({"memories": 1.0}, r"memories: shape \[\]"),
    ({"memories": np.zeros((1, 2, 3, 5))}, "memories: shape"),
    ({"memories": np.zeros((1, 2, 3, 4), complex)}, "memories: type complex128"),
    ({"memories": np.full((1, 2, 3, 4), np.nan)}, "nan"),
    ({"memories": "none"}, "memories: type <U4"),
    ({"h": np.zeros((2, 4))}, r"h: shape \[2, 4\], \[1, 2, 4\]"),
    ({"h": None}, "h: None"),
    ({"h": np.full(STATE, np.inf)}, "inf"),
    ({"c": [[1, 2], [3]]}, "c: "),
    ({"c": None}, "without c"),
    ({"first": [0.5, 1.5]}, "first: numbers of type float64"),
    ({"first": [2**32, 0]}, "first: .* 32 bits"),
    ({"first": [-1, 0]}, "first memory"),
    ({"since": [0, 0, 0]}, "since: shape"),
    ({"since": [-1, 0]}, "-1 steps"),
])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(wrong: dict[str, object], words: str) -> None:
    stream = sab_rnn.Stream(sab_rnn.Model(2, 3, loss="mse", hidden=4, k_top=2), 2)
    state = dict(h=np.ones(STATE), c=np.ones(STATE), memories=np.ones((1, 2, 3, 4)), first=[0, 1], since=[0, 0])
    stream.set(**state)
    before = stream.get()
    with pytest.raises((sab_rnn.InvalidError, sab_rnn.NumericError), match=words):
        stream.set(**{**state, **wrong})
    for a, b in zip(before, stream.get()):
        assert np.array_equal(a, b)


def test_states_in_other_layouts_are_taken() -> None:
    stream = sab_rnn.Stream(sab_rnn.Model(2, 3, loss="mse", hidden=4, k_top=2), 2)
    memories = np.arange(24.0).reshape(4, 3, 2, 1).T  # not contiguous, of doubles
    stream.set(np.ones(STATE).tolist(), np.ones(STATE, int), memories, np.array([0, 1], np.uint8), None)
    h, c, kept, first, since = stream.get()
    assert c is not None and h.all() and c.all() and np.array_equal(kept, memories)
    assert first.tolist() == [0, 1] and since.tolist() == [0, 0]
    stream.set(np.ones(STATE), np.ones(STATE), np.zeros((1, 2, 0, 4)))
    assert stream.get()[2].shape == (1, 2, 0, 4)


@pytest.mark.parametrize("wrong, words", [
    ({"x": np.zeros((3, 2, 2), complex)}, "x: type complex128"),
    ({"x": [[[1, 2]], [[1]]]}, "x: "),
    ({"x": [[["a", "b"]]]}, "x: type <U1"),
    ({"x": np.zeros((3, 2, 2), "M8[s]")}, "x: type datetime64"),
    ({"x": np.full((3, 2, 2), 1e300)}, "input value 0 at step 1"),
    ({"x": np.zeros((0, 2, 2)), "targets": np.zeros((0, 2, 3))}, "T = 0 steps"),
    ({"fresh": ["a", "b"]}, "fresh: type <U1"),
    ({"scored": np.zeros((3, 2), complex)}, "scored: type complex128"),
    ({"hn": np.frombuffer(bytes(32), np.float32).reshape(STATE)}, "hn: it is written to, .* writable"),
    ({"hn": np.zeros((4, 2, 1), np.float32).T}, "hn: it is written to"),
    ({"stream": "none"}, "stream: 'none' is no state of this model"),
])
def test_arrays_that_are_none_of_a_batchs(wrong: dict[str, object], words: str) -> None:
    model = sab_rnn.Model(2, 3, loss="mse", hidden=4, k_top=2)
    good = dict(x=np.zeros((3, 2, 2)), targets=np.zeros((3, 2, 3)))
    with pytest.raises((sab_rnn.InvalidError, sab_rnn.NumericError), match=words):
        model.evaluate(**{**good, **wrong})
    both = np.zeros(STATE, np.float32)
    with pytest.raises(sab_rnn.InvalidError, match="same memory"):
        model.evaluate(**good, hn=both, cn=both)
    with pytest.raises(sab_rnn.InvalidError, match="no state of this model"):
        model.evaluate(**good, stream=sab_rnn.Stream(sab_rnn.Model(2, 3, loss="mse", hidden=4, k_top=2), 2))


def test_whether_a_sequence_is_fresh_is_a_question_of_zero_or_not() -> None:
    """256, as a byte, would be 0: go on."""
    model = sab_rnn.Model(2, 3, loss="mse", hidden=4, k_top=2, memory_slots=4)
    x, seen = np.ones((3, 2, 2)), []
    for fresh in ([1, 1], [256, 0.5], [True, True]):
        stream = sab_rnn.Stream(model, 2)
        model.evaluate(x, targets=np.zeros((3, 2, 3)), stream=stream)
        seen.append(model.evaluate(x, targets=np.zeros((3, 2, 3)), stream=stream, fresh=fresh)[0])
    assert np.array_equal(seen[0], seen[1]) and np.array_equal(seen[0], seen[2])


def test_texts_that_would_end_early(tmp_path: Path) -> None:
    model = sab_rnn.Model(2, 3, loss="mse", hidden=4)
    with pytest.raises(sab_rnn.InvalidError, match="NUL"):
        model.save(f"{tmp_path}/a\0b")
    with pytest.raises(sab_rnn.InvalidError, match="NUL"):
        sab_rnn.Model(2, 3, loss="mse", cell="gru\0x")
    with pytest.raises(sab_rnn.InvalidError, match="precision 'half'"):
        sab_rnn.Model(2, 3, precision="half")
    assert not list(tmp_path.iterdir())


def test_the_way_back_agrees_with_differences() -> None:
    """In double, one window (nothing cut), all memories read (nothing switches)."""
    whole = {**LAYER, "k_trunc": 8, "k_top": 8, "precision": "double"}
    model = sab_rnn.Model(2, 12, **whole)
    engine, rng = sab_rnn.Engine(model, 1), np.random.default_rng(3)
    x, d = rng.normal(size=(8, 3, 2)), rng.normal(size=(8, 3, 12))
    h0, c0 = rng.normal(size=(2, 2, 3, 6))
    arrays = {"inputs": x, "h0": h0, "c0": c0, **model.tensors}

    def loss() -> float:
        return float((engine.forward(x, h0=h0, c0=c0, tape=False)[0] * d).sum())

    tape = engine.forward(x, h0=h0, c0=c0)[2]
    assert tape is not None
    gradients = tape.backward(d, inputs=True, state=True)
    found = {"inputs": gradients.inputs, "h0": gradients.h0, "c0": gradients.c0, **gradients.weights}
    for name, array in arrays.items():
        along = rng.normal(size=array.shape)
        ends = []
        for step in (1e-6, -2e-6):
            array += step * along
            ends.append(loss())
        array += 1e-6 * along
        slope = (found[name] * along).sum()
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-8), name


def test_where_sequences_end() -> None:
    model = sab_rnn.Model(2, 12, **LAYER)
    hn, cn = np.empty((2, 2, 3, 6), np.float32)
    outputs, _, _ = sab_rnn.Engine(model).forward(np.ones((5, 3, 2)), lengths=[5, 2, 4], hn=hn, cn=cn)
    assert np.array_equal(hn[1], outputs[[4, 1, 3], [0, 1, 2], :6]) and np.isfinite(cn).all()
    with pytest.raises(sab_rnn.InvalidError, match="written to"):
        model.evaluate(np.ones((5, 3, 2)), hn=np.zeros((2, 3, 6)))


def test_a_tape_holds_what_it_needs_and_refuses_other_weights() -> None:
    model = sab_rnn.Model(2, 12, **LAYER)
    tape = sab_rnn.Engine(model).forward(np.ones((5, 3, 2)))[2]
    assert tape is not None
    first = tape.backward(np.ones((5, 3, 12)))
    again = tape.backward(np.ones((5, 3, 12)))
    assert all(np.array_equal(first.weights[name], again.weights[name]) for name in first.weights)
    model.tensors["weight_hh_l0"][0, 0] += 1
    with pytest.raises(sab_rnn.InvalidError, match="weights"):
        tape.backward(np.ones((5, 3, 12)))


def test_after_a_fork_a_child_computes_on_one_thread() -> None:
    model = sab_rnn.Model(2, 3, loss="mse", hidden=32)
    x = np.ones((20, 64, 2))
    expected = model.evaluate(x, threads=2)[0]
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that waits for threads that are gone fails
        os._exit(0 if np.array_equal(model.evaluate(x)[0], expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_program_comes_along() -> None:
    ran = subprocess.run([sys.executable, "-m", "sab_rnn", "--version"], capture_output=True, text=True)
    assert ran.returncode == 0 and sab_rnn.__version__ in ran.stdout, ran.stderr

"""What is recorded of reads: against the program's own file, over ways back, unlike lengths, streams; and the map."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sab_rnn

SMALL = dict(task="copy", T=4, hidden=8, k_top=3, k_trunc=6, seed=5, threads=1)


def trained(folder: Path) -> sab_rnn.Model:
    return sab_rnn.train(**SMALL, batch=8, steps=20, eval_size=8, out=folder)


def test_reads_are_those_of_the_program(tmp_path: Path) -> None:
    model = trained(tmp_path / "run")
    subprocess.run([sys.executable, "-m", "sab_rnn", "recall", str(tmp_path / "run"), "--sequences=4", "--value=flow",
                    "--rows=all",
                    f"--csv={tmp_path / 'reads.csv'}", "--quiet"], check=True)
    table = np.genfromtxt(tmp_path / "reads.csv", delimiter=",", names=True)
    batch = sab_rnn.Task.of(model).batch(0, 4, "test")
    with sab_rnn.record(model) as reads:
        tape = sab_rnn.Engine(model, 1).forward(**batch)[2]
    assert len(reads) and np.isnan(reads.flow).all() and tape is not None
    tape.backward()
    found = {(s + 1, t + 1, r + 1): (w, f) for s, t, r, w, f in zip(reads.sequence, reads.step, reads.recalled,
                                                                    reads.weight, reads.flow)}
    told = {(int(row["sequence"]), int(row["t"]), int(row["when"])): (row["alpha"], row["flow"]) for row in table}
    missing = [key for key in told if key not in found]
    assert not missing and len(told) > 100
    for key, value in told.items():
        assert found[key] == pytest.approx(value, rel=1e-4, abs=1e-7), key


def test_weights_of_a_read_are_shares_and_sum_to_one() -> None:
    model = sab_rnn.Model(2, 3, loss="mse", hidden=6, layers=2, k_top=3, k_att=2, k_trunc=4)
    with sab_rnn.record(model) as reads:
        model.evaluate(np.random.default_rng(1).normal(size=(9, 5, 2)), lengths=[9, 1, 4, 6, 9])
        model.evaluate(np.zeros((3, 2, 2)))
    assert set(reads.layer) == {0, 1} and set(reads.call) == {0, 1} and reads.lengths().tolist() == [9, 1, 4, 6, 9]
    assert (reads.recalled % 2 == 1).all() and (reads.recalled < reads.step).all()
    first = reads.call == 0
    assert (reads.step[first] < reads.lengths()[reads.sequence[first]]).all()
    keys = np.stack([reads.call, reads.layer, reads.sequence, reads.step])
    _, which = np.unique(keys, axis=1, return_inverse=True)
    assert np.bincount(which.ravel(), reads.weight) == pytest.approx(1, abs=1e-6)


def test_only_what_is_within_is_recorded_and_once_at_a_time() -> None:
    model, x = sab_rnn.Model(2, 3, loss="mse", hidden=6), np.ones((4, 2, 2))
    engine = sab_rnn.Engine(model)
    before = engine.forward(x)[0]
    with sab_rnn.record(engine) as reads:
        assert np.array_equal(engine.forward(x)[0], before)
        with pytest.raises(sab_rnn.InvalidError, match="already"), sab_rnn.record(model):
            pass
    count = len(reads)
    engine.forward(x)
    assert len(reads) == count > 0
    with pytest.raises(sab_rnn.InvalidError, match="int"), sab_rnn.record(3):
        pass


def test_updates_while_recording_are_the_same_updates() -> None:
    task = sab_rnn.Task(**SMALL)
    models = [sab_rnn.Model.for_task(**SMALL) for _ in range(2)]
    plain, watched = (sab_rnn.Trainer(model, warmup=0) for model in models)
    plain.update(**task.batch(0, 8))
    with sab_rnn.record(watched) as reads:
        watched.update(**task.batch(0, 8))
    assert models[0].digest() == models[1].digest() and (reads.flow > 0).any()


def test_flows_of_several_layers_and_windows_find_their_reads() -> None:
    """A gradient made at once tells reads and flows together; a forward and its way back one after the other."""
    model = sab_rnn.Model(2, 3, loss="mse", hidden=6, layers=2, k_top=2, k_trunc=3, threads=1)
    rng = np.random.default_rng(6)
    batch = {"x": rng.normal(size=(10, 3, 2)), "targets": rng.normal(size=(10, 3, 3)), "lengths": [10, 4, 7]}
    with sab_rnn.record(model) as apart:
        tape = sab_rnn.Engine(model, 1).forward(**batch)[2]
        assert tape is not None
        tape.backward()
    with sab_rnn.record(model) as together:
        sab_rnn.Trainer(model).gradient(**batch)

    def by_place(reads: sab_rnn.Reads) -> dict[tuple[int, ...], float]:
        places = np.stack([reads.layer, reads.sequence, reads.step, reads.recalled], 1).tolist()
        return {tuple(place): float(flow) for place, flow in zip(places, reads.flow) if flow > 0}

    assert by_place(apart) == by_place(together) and len(by_place(together)) > 20


def test_a_state_that_goes_on_is_before_the_beginning() -> None:
    model = sab_rnn.Model(2, 3, loss="mse", hidden=6, k_top=2, memory_slots=4, k_trunc=2)
    stream, engine, x = sab_rnn.Stream(model, 2), sab_rnn.Engine(model), np.random.default_rng(2).normal(size=(6, 2, 2))
    with sab_rnn.record(model) as reads:
        engine.forward(x, stream=stream, tape=False)
        engine.forward(x, stream=stream, tape=False)
    assert reads.recalled[reads.call == 0].min() == 0
    assert -4 <= reads.recalled[reads.call == 1].min() < 0
    assert reads.map(call=1).recalled[0] < 0


def by_hand() -> tuple[sab_rnn.Reads, sab_rnn.Model]:
    model = sab_rnn.Model(1, 1, loss="mse", hidden=4, k_top=1, k_att=1)
    with sab_rnn.record(model) as reads:
        model.evaluate(np.random.default_rng(3).normal(size=(5, 3, 1)), lengths=[5, 2, 3])
    return reads, model


def test_a_map_is_the_mean_over_the_sequences_that_are_there() -> None:
    reads, _ = by_hand()
    values, steps, recalled = reads.map()
    assert values.shape == (5, 5) and steps.tolist() == recalled.tolist() == [0, 1, 2, 3, 4]
    assert np.isnan(values[np.triu_indices(5)]).all()
    for step in range(1, 5):  # one memory with all the weight, in each sequence that reaches so far
        assert values[step, :step].sum() == pytest.approx(1)
    assert reads.map(sequence=1).values.shape == (2, 2)
    for wrong, words in [(dict(by="flow"), "no way back"), (dict(by="x"), "weight or flow"), (dict(layer=1), "0 to 0")]:
        with pytest.raises(sab_rnn.InvalidError, match=words):
            reads.map(**wrong)


def test_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    reads, _ = by_hand()
    frame = reads.frame()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == len(reads)
    assert list(frame) == ["call", "layer", "sequence", "step", "recalled", "weight", "flow"]


def test_nothing_recalled_says_so() -> None:
    model = sab_rnn.Model(1, 1, loss="mse", hidden=4, k_top=0)
    with sab_rnn.record(model) as reads:
        model.evaluate(np.zeros((4, 2, 1)))
    assert len(reads) == 0 and reads.weight.shape == (0,)
    with pytest.raises(sab_rnn.InvalidError, match="nothing was recalled"):
        reads.map()


@pytest.mark.parametrize("ending, words", [("pdf", b"%PDF"), ("svg", b"<path"), ("png", b"PNG")])
def test_a_picture(tmp_path: Path, ending: str, words: bytes) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    reads, _ = by_hand()
    ax = reads.plot(tmp_path / f"map.{ending}", steps=range(2, 5))
    drawn = (tmp_path / f"map.{ending}").read_bytes()
    assert words in drawn and (ending != "svg" or b"<image" not in drawn)
    cells = len(ax.collections[0].get_paths())
    assert cells == np.count_nonzero(np.nan_to_num(reads.map().values[2:]))
    with pytest.raises(sab_rnn.InvalidError, match="0 to 4"):
        reads.plot(steps=[5])

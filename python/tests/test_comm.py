"""Several processes train with the weights of one: over pipes here, and with mpi4py where that and mpirun are."""

import json
import os
import shutil
import subprocess
import sys

import pytest

TRAINING = """
import json, sys
import sab_rnn

def run(comm, out):
    options = dict(hidden=16, threads=1, seed=3)
    data = dict(task="copy", T=9, batch=43, eval_size=40, **options)
    task = sab_rnn.Task(**data)
    model = sab_rnn.Model.for_task(**data)
    trainer = sab_rnn.Trainer(model, comm=comm, batch=43, eval_size=40, steps=4)
    last = trainer.train(task)
    whole = sab_rnn.train(steps=4, eval_every=2, out=out, comm=comm, **data)
    return [model.digest(), last.loss, last.accuracy, whole.digest()]
"""
PIPES = TRAINING + """
import multiprocessing, threading

class Pipes:
    def __init__(self, rank, size, ends):
        self.rank, self.size, self._ends = rank, size, ends

    def exchange(self, sends, receives):
        def send(to):
            for rank, data in sends:
                if rank == to:
                    self._ends[rank].send_bytes(data)
        senders = [threading.Thread(target=send, args=(to,)) for to in range(self.size) if to != self.rank]
        for sender in senders:
            sender.start()
        for rank, data in receives:
            data[:] = self._ends[rank].recv_bytes()
        for sender in senders:
            sender.join()

def work(rank, size, ends, out, answers):
    answers.put(run(Pipes(rank, size, ends), out))

if __name__ == "__main__":
    size, out = int(sys.argv[1]), sys.argv[2]
    context = multiprocessing.get_context("fork")
    ends = [[None] * size for _ in range(size)]
    for i in range(size):
        for j in range(i):
            ends[i][j], ends[j][i] = context.Pipe()
    answers = context.Queue()
    ranks = [context.Process(target=work, args=(rank, size, ends[rank], out, answers)) for rank in range(size)]
    for rank in ranks:
        rank.start()
    for _ in ranks:
        print(json.dumps(answers.get(timeout=60)))
    for rank in ranks:
        rank.join()
"""
ALONE = TRAINING + """
print(json.dumps(run(None, sys.argv[2])))
"""
MPI = TRAINING + """
from mpi4py import MPI
answer = run(MPI.COMM_WORLD, sys.argv[2])
for line in MPI.COMM_WORLD.gather(json.dumps(answer), root=0) or []:
    print(line)
"""


def answers(tmp_path, script, size, launch=()):
    file = tmp_path / "script.py"
    file.write_text(script)
    out = tmp_path / f"run{size}{len(launch)}"
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    done = subprocess.run([*launch, sys.executable, str(file), str(size), str(out)], capture_output=True, text=True,
                          timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("size", [2, 3])
def test_processes_over_pipes_have_the_weights_of_one(tmp_path, size):
    (alone,) = answers(tmp_path, ALONE, 1)
    assert answers(tmp_path, PIPES, size) == [alone] * size


def test_ranks_of_mpi_have_the_weights_of_one(tmp_path):
    pytest.importorskip("mpi4py")
    if not shutil.which("mpirun"):
        pytest.skip("there is no mpirun")
    (alone,) = answers(tmp_path, ALONE, 1)
    assert answers(tmp_path, MPI, 2, ("mpirun", "--oversubscribe", "-n", "2")) == [alone] * 2

"""What parts of the trust suite share: the program's commands, each in a folder of its own, and the judgement of one run.

A case is one command line with what it needs and leaves. Reference.judge says what is wrong with a run that met a fault:
it died of a signal, hung, failed without a sentence, changed what it must not, or did well but not the same."""
import gzip
import hashlib
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import zipfile

SAB = os.environ["SAB"]
SHORT = "TRUST_SHORT" in os.environ
os.environ["LC_ALL"] = "C"  # a locale that could not be had would be a difference
# What no two runs share: times, memory, process ids.
VARIES = re.compile(rb'"memory_budget_bytes": ?[0-9.e+]+, |("(?:seconds|seconds_per_update|peak_rss_bytes|evaluation_seconds)": ?)[-0-9.e+]+|(?:[\d.]+ (?:s|ms|min|h|days?)\b\s*)+|[\d.]+ [KMG]iB')
LOADER = (b"error while loading shared libraries", b"cannot allocate TLS", b"libgomp: ")


class Case:
    """words: the command line; outputs: files that it replaces; folder: a run that must still resume; most: where a command does the
    same again and again, as many places of failure as are tried, spread evenly."""

    def __init__(self, name, words, outputs=(), folder=None, stdin=b"", ok=0, most=None):
        self.name, self.words, self.outputs, self.folder, self.stdin, self.ok = name, words, outputs, folder, stdin, ok
        self.most = most


TINY = "--T 4 --hidden 4 --batch 4 --eval-size 8 --threads 1".split()


def sab(words, **how):
    return subprocess.run([SAB, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)


def must(words, **how):
    done = sab(words, **how)
    if done.returncode != 0:
        sys.exit(f"set-up failed: sab {' '.join(words)}: {done.stderr.decode()}")
    return done


def npy(descr, shape, data):
    """The bytes of a .npy file."""
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (53 - len(head) % 64 + 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + data


def make_arrays(path, n=40, steps=6):
    numbers = [((i * 37) % 101) / 101 for i in range(n * steps)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy("<f4", (n, steps), struct.pack(f"<{n * steps}f", *numbers)))
        archive.writestr("y.npy", npy("<i4", (n,), struct.pack(f"<{n}i", *(i % 2 for i in range(n)))))


def make_images(folder, n=30):
    os.makedirs(folder)
    for part in ("train", "t10k"):
        with gzip.open(f"{folder}/{part}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">4I", 0x803, n, 4, 4) + bytes((i * 13) % 256 for i in range(16 * n)))
        with gzip.open(f"{folder}/{part}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">2I", 0x801, n) + bytes(i % 10 for i in range(n)))


def prepare():
    """Makes the folder `base` in the current one, with all that cases need."""
    os.makedirs("base")
    here = {"cwd": "base"}
    pathlib.Path("base/text.txt").write_text("the quick brown fox jumps over the lazy dog. " * 60)
    pathlib.Path("base/table.csv").write_text("a,b\n" + "".join(f"{i},{(i * 7) % 11}\n" for i in range(200)))
    must(["train", "copy", *TINY, "--steps", "4", "--save-every", "2", "--eval-every", "2", "--out", "run", "--quiet"], **here)
    must("train text --data text.txt --T 8 --hidden 4 --batch 4 --steps 2 --threads 1 --out text --quiet".split(), **here)
    must("train csv --data table.csv --T 8 --hidden 4 --batch 4 --steps 2 --threads 1 --out csv --quiet".split(), **here)
    must("export run --out foreign.safetensors".split(), **here)
    make_arrays("base/arrays.npz")
    make_images("base/images")
    for name in ("recall.csv", "recall.png", "report.html", "history.csv", "predicted.csv", "problem.safetensors", "state.safetensors", "model.safetensors"):
        pathlib.Path("base", name).write_bytes(b"old content of " + name.encode())


def cases():
    """All; TRUST_CASES=train-csv,eval names some of them."""
    wanted = os.environ.get("TRUST_CASES")
    return [case for case in all_cases() if not wanted or case.name in wanted.split(",")]


def all_cases():
    train = ["train", "copy", *TINY, "--steps", "4", "--save-every", "2", "--eval-every", "2", "--json", "--quiet"]
    return [
        Case("train", [*train, "--out", "new"], folder="new"),
        Case("resume", ["train", "--resume", "run", "--steps", "6", "--json", "--quiet", "--threads", "1"], folder="run"),
        Case("train-text", "train text --data text.txt --T 8 --hidden 4 --batch 4 --steps 2 --threads 1 --json --quiet "
             "--out new".split(), folder="new"),
        Case("train-csv", "train csv --data table.csv --T 8 --hidden 4 --batch 4 --steps 2 --threads 1 --json --quiet "
             "--out new".split(), folder="new"),
        Case("resume-csv", "train --resume csv --steps 4 --json --quiet --threads 1".split(), folder="csv"),
        Case("train-npz", "train npy --data arrays.npz --hidden 4 --batch 4 --steps 2 --threads 1 --json --quiet --out new".split(),
             folder="new"),
        Case("train-images", "train mnist --data images --split 0.7,0.3,0 --hidden 4 --batch 4 --steps 2 --threads 1 --json --quiet "
             "--out new".split(), folder="new"),
        Case("transformer", "train copy --model transformer --heads 1 --T 4 --hidden 4 --batch 4 --eval-size 8 --threads 1 "
             "--steps 2 --json --quiet --out new".split(), folder="new"),
        Case("seq2seq", "train transduce --model seq2seq --T 4 --hidden 4 --batch 4 --eval-size 8 --threads 1 --steps 2 --json "
             "--quiet --out new".split(), folder="new"),
        Case("tables", ["reproduce"], most=100),
        Case("sets", ["data"]),
        Case("dry-run", ["train", "copy", *TINY, "--dry-run", "--json"]),
        Case("eval", "eval run --json --quiet".split()),
        Case("eval-csv", "eval csv --json --quiet".split()),
        Case("recall", "recall run --csv recall.csv --png recall.png --quiet".split(), ("recall.csv", "recall.png")),
        Case("recall-map", "recall run".split()),
        Case("report", "report run --out report.html --quiet".split(), ("report.html",)),
        Case("inspect", "inspect run --json".split()),
        Case("inspect-state", "inspect run/state.safetensors".split()),
        Case("generate", "generate text --length 20 --seed 1 --quiet --save-state state.safetensors".split(),
             ("state.safetensors",)),
        Case("predict", "predict csv --data table.csv --output predicted.csv --quiet".split(), ("predicted.csv",)),
        Case("predict-stream", "predict csv --stream --quiet".split(), stdin=b"a,b\n1,2\n3,4\n5,6\n"),
        Case("import", "import foreign.safetensors copy --T 4 --out model.safetensors --json".split(), ("model.safetensors",)),
        Case("export", "export run --out model.safetensors --json".split(), ("model.safetensors",)),
        Case("export-history", "export run --csv history.csv --tensorboard logs".split(), ("history.csv",)),
        Case("check-grad", "check-grad --hidden 2 --T 4 --batch 2 --threads 1 --json".split()),
        Case("check-grad-export", "check-grad --hidden 2 --T 4 --threads 1 --quiet --export problem.safetensors".split(),
             ("problem.safetensors",)),
        Case("help", ["train", "--help"]),
        Case("presets", ["train", "--presets"]),
    ]


def fresh(name="work"):
    """A copy of base to run one command in."""
    shutil.rmtree(name, ignore_errors=True)
    shutil.copytree("base", name, symlinks=True)
    return name


def content(path):
    """A name for what is in the file; of a whole PNG the same for all, since another font is drawn where one cannot be read."""
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError:
        return None
    is_png = data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xae\x42\x60\x82")
    return "a PNG" if is_png else hashlib.sha256(data).hexdigest()


def digest_of(stdout):
    found = re.search(rb'"weights_digest": ?"(\w+)"', stdout)
    return found[1] if found else None


class Reference:
    """What a case does where nothing fails."""

    def __init__(self, case):
        self.case = case
        work = fresh()
        done = sab(case.words, cwd=work, input=case.stdin)
        if done.returncode != case.ok:
            sys.exit(f"{case.name}: exit code {done.returncode}: {done.stderr.decode()}")
        self.stdout = VARIES.sub(rb"\1", done.stdout)
        self.digest = digest_of(done.stdout)
        self.old = {path: content(f"base/{path}") for path in case.outputs}
        self.new = {path: content(f"{work}/{path}") for path in case.outputs}

    def judge(self, done, work, needs=None):
        """What is wrong, or None. done: as of subprocess.run; None: it hung. needs: what the sentence of a failure must hold."""
        if done is None:
            return "hung"
        if done.returncode < 0 or done.returncode >= 126 and not any(t in done.stderr for t in LOADER):
            return f"exit code {done.returncode}: {done.stderr[-200:]!r}"
        if any(t in done.stderr for t in LOADER):
            return None  # the program had not begun
        if done.returncode == self.case.ok:
            if VARIES.sub(rb"\1", done.stdout) != self.stdout:
                return f"other output: {done.stdout[-300:]!r}"
            wrong = [path for path, new in self.new.items() if content(f"{work}/{path}") != new]
            return f"other content of {wrong}" if wrong else None
        if done.returncode not in (1, 75):
            return f"exit code {done.returncode}: {done.stderr[-200:]!r}"
        if not re.search(rb"^sab[ :]", done.stderr, re.M):
            return f"no sentence: {done.stderr[-200:]!r}"
        if needs and not any(word in done.stderr for word in needs):
            return f"the sentence is another: {done.stderr[-200:]!r}"
        for path in self.case.outputs:
            if content(f"{work}/{path}") not in (self.old[path], self.new[path]):
                return f"{path} is neither old nor new"
        return self.resumes(work)

    def resumes(self, work):
        """The folder that a failed training leaves is nothing, or a run that resumes to the same weights."""
        folder = self.case.folder
        if not folder:
            return None
        words = list(self.case.words)
        if os.path.exists(f"{work}/{folder}/config.json"):
            words = ["train", "--resume", folder, "--json", "--quiet", "--threads", "1"]
            if "--steps" in self.case.words:
                words += ["--steps", self.case.words[self.case.words.index("--steps") + 1]]
        done = sab(words, cwd=work)
        if done.returncode != 0:
            return f"left what does not resume: {done.stderr[-200:]!r}"
        return None if digest_of(done.stdout) == self.digest else "left what resumes to other weights"


class Tally:
    """Counts, prints each finding, and ends the part."""

    def __init__(self):
        self.count = self.found = 0
        self.parts = {}

    def add(self, kind, what, wrong):
        self.count += 1
        self.parts[kind] = self.parts.get(kind, 0) + 1
        if wrong:
            self.found += 1
            if self.found <= 40:
                print(f"FOUND {what}: {wrong}", flush=True)

    def end(self, what):
        print(", ".join(f"{kind}: {n}" for kind, n in self.parts.items()))
        print(f"trust: count={self.count} found={self.found} what={what}")


def limited(command, timeout=60, **how):
    """subprocess.run with an end: None where it hung."""
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **how)
    except subprocess.TimeoutExpired:
        return None


def sample(numbers, most, case=None):
    """All of them, or the case's most; in the short form `most`; spread evenly."""
    numbers = list(numbers)
    most = most if SHORT else case and case.most or len(numbers)
    if len(numbers) <= most:
        return numbers
    return [numbers[i * len(numbers) // most] for i in range(most)]

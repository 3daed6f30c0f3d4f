#!/usr/bin/env python3
"""Makes the modules through which cffi calls the library, from the public headers alone, and one with their version.

    make_declarations.py include FOLDER      writes FOLDER/_float.py, FOLDER/_double.py and FOLDER/_version.py

cffi's ABI mode needs no compiler and one wheel serves every Python; what it needs are the headers without comments,
preprocessor lines and SAB_API, which is what is cut here. Whole-number macros are kept as constants.
"""

import re
import sys
from pathlib import Path

import cffi

MACRO = re.compile(r"^#define (SAB_\w+) (\([^)]*\)|\d+) *$", re.MULTILINE)


def declarations(header: str, real: str) -> str:
    """The header's declarations as cffi reads them; `real` is the type behind sab_real."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    constants = {name: eval(value, {"__builtins__": {}}) for name, value in MACRO.findall(text)}
    text = re.sub(r"#ifdef __cplusplus.*?#endif", "", text, flags=re.DOTALL)
    text = re.sub(r"#ifdef SAB_DOUBLE.*?#endif", f"typedef {real} sab_real;", text, flags=re.DOTALL)
    text = re.sub(r"^#.*(\\\n.*)*$", "", text, flags=re.MULTILINE)
    text = text.replace("SAB_API ", "")
    for name, value in constants.items():
        text = re.sub(rf"\b{name}\b", str(value), text)
    left = [line for line in text.splitlines() if line.strip()]
    return "\n".join(left + [f"#define {name} {value}" for name, value in constants.items()]) + "\n"


def main() -> None:
    headers, folder = [Path(sys.argv[1]) / name for name in ("sab.h", "sab_run.h", "sab_comm.h", "sab_cuda.h")], Path(sys.argv[2])
    header = "\n".join(file.read_text(encoding="utf-8") for file in headers)
    folder.mkdir(parents=True, exist_ok=True)
    version = re.search(r'^#define SAB_VERSION (".*")$', header, re.MULTILINE)
    if version is None:
        sys.exit(f"{headers[0]} has no SAB_VERSION")
    (folder / "_version.py").write_text(f"__version__ = {version[1]}\n", encoding="utf-8")
    for real in ("float", "double"):
        ffi = cffi.FFI()
        ffi.cdef(declarations(header, real))
        ffi.set_source(f"sab_rnn._{real}", None)
        ffi.emit_python_code(str(folder / f"_{real}.py"))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes the module that says which options there are as keyword arguments, from the library's own option table.

    make_keywords.py FOLDER/_float.py libsab_float.so OUT.py

What it makes serves type checkers and editors (a TypedDict with a literal for each choice), signatures and docstrings.
"""

from __future__ import annotations

import importlib.util
import keyword
import sys
from pathlib import Path
from typing import Any

HEAD = '''"""The options as keyword arguments: python/make_keywords.py made them from the library's table."""

from __future__ import annotations

import os
from typing import Any, Literal, TypedDict, Union


class ModelValues(TypedDict, total=False):
    """Every option but the loss that a task is to have, since a model's own is told beside; each may be left out. Words
    of Python's own end in _ here: from_."""
'''

# What the layers for PyTorch say by arguments of their own.
LAYERS_OWN = ("hidden", "layers", "cell", "k_top", "k_trunc", "k_att", "memory_slots", "score")
LAYERS = '''

class LayerValues(TypedDict, total=False):
    """What else decides about a layer for PyTorch; each may be left out."""
'''
OTHERS = '''

class OptionValues(ModelValues, total=False):
    """Every option."""
'''
TABLE = '''

# name: (default, group, what it does, legal values)
TABLE: dict[str, tuple[Any, str, str, str]] = {
'''


def values_of(row: Any, lib: Any, ffi: Any) -> tuple[str, Any, str]:
    """The type of an option's values, its default and its range, in words."""
    default = ffi.string(row.fallback).decode()
    if row.kind == lib.SAB_OPTION_CHOICE:
        choices: list[str] = []
        while row.choices[len(choices)] != ffi.NULL:
            choices.append(ffi.string(row.choices[len(choices)]).decode())
        return f"Literal[{', '.join(map(repr, choices))}]", default, ", ".join(choices)
    if row.kind == lib.SAB_OPTION_SWITCH:
        return "bool", default == "on", "True or False"
    if row.kind == lib.SAB_OPTION_TEXT:
        return 'Union[str, "os.PathLike[str]"]', default, "a text"
    if row.kind == lib.SAB_OPTION_REAL:
        return "float", float(default), f"{row.min:g} to {row.max:g}"
    return "int", int(default), f"{int(row.min)} to {int(row.max)}"


def main() -> None:
    declarations, shared, out = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("declarations", declarations)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ffi = module.ffi
    lib = ffi.dlopen(str(Path(shared).resolve()))
    text, apart, layers, defaults = HEAD, OTHERS, LAYERS, []
    for i in range(lib.sab_option_count()):
        row = lib.sab_option_at(i)
        name, group, says = (ffi.string(field).decode() for field in (row.name, row.group, row.help))
        name = name.replace("-", "_")
        name += "_" if keyword.iskeyword(name) else ""
        kind, default, legal = values_of(row, lib, ffi)
        field = f"\n    {name}: {kind}\n    {says + f' ({legal}; {default!r})'!r}\n"
        text, apart = (text, apart + field) if name == "loss" else (text + field, apart)
        layers += field if group in ("model", "credit") and name not in LAYERS_OWN else ""
        defaults.append(f"    {name!r}: ({default!r}, {group!r}, {says!r}, {legal!r}),\n")
    text += apart + layers + TABLE
    Path(out).write_text(text + "".join(defaults) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

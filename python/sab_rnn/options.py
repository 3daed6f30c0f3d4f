"""Options of the library by name: what there is comes from the library's own table, so nothing is listed here."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple

from ._library import Library, library


class Option(NamedTuple):
    """What is to be known of an option; `name` as a keyword, k_top for --k-top."""

    name: str
    kind: str  # "int", "real", "choice", "switch" or "text"
    minimum: float
    maximum: float
    choices: tuple[str, ...]
    default: str
    group: str
    help: str


def option_table() -> list[Option]:
    """Every option, in the order of the program's help."""
    return list(_rows(library()))


def _rows(build: Library) -> Iterator[Option]:
    lib, ffi = build.lib, build.ffi
    kinds = {lib.SAB_OPTION_INT: "int", lib.SAB_OPTION_INT64: "int", lib.SAB_OPTION_UINT64: "int",
             lib.SAB_OPTION_REAL: "real", lib.SAB_OPTION_CHOICE: "choice", lib.SAB_OPTION_SWITCH: "switch",
             lib.SAB_OPTION_TEXT: "text"}
    for i in range(lib.sab_option_count()):
        row = lib.sab_option_at(i)
        choices: list[str] = []
        while row.choices != ffi.NULL and row.choices[len(choices)] != ffi.NULL:
            choices.append(ffi.string(row.choices[len(choices)]).decode())
        name, default, group, text = (ffi.string(field).decode() for field in
                                      (row.name, row.fallback, row.group, row.help))
        yield Option(name.replace("-", "_"), kinds[row.kind], row.min, row.max, tuple(choices), default, group, text)


class Options:
    """A set of options, each at its default unless given: `Options(task="copy", T=20, k_top=5)`.

    Values may be numbers, bools (switches) and texts. InvalidError names the value and the legal range, or the nearest known
    name.
    """

    def __init__(self, precision: str = "float", **values: Any) -> None:
        self._build = library(precision)
        out = self._build.ffi.new("struct sab_options **")
        self._build.call(self._build.lib.sab_options_create, out)
        self._handle = self._build.own(out[0], self._build.lib.sab_options_free)
        self.update(**values)

    def update(self, **values: Any) -> None:
        """Sets several; those before the first that is refused are then set."""
        for name, value in values.items():
            text = ("on" if value else "off") if isinstance(value, bool) else str(value)
            self._build.call(self._build.lib.sab_options_set, self._handle, name.encode(), text.encode())

    def __getitem__(self, name: str) -> str:
        """The value as text, as `sab` writes it."""
        return _get(self._build, self._handle, name)

    def check(self) -> None:
        """InvalidError where the options do not go together."""
        self._build.call(self._build.lib.sab_options_check, self._handle)


def _get(build: Library, handle: Any, name: str) -> str:
    cap = 1 << 16
    text = build.ffi.new("char[]", cap)
    build.call(build.lib.sab_options_get, handle, name.encode(), text, cap)
    return str(build.ffi.string(text).decode())

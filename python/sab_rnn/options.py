"""Options of the library by name: what there is comes from the library's own table, so nothing is listed here."""

from __future__ import annotations

import inspect
import os
from typing import Any, Callable, Iterator, NamedTuple, TypeVar

from ._keywords import TABLE
from ._library import Library, library
from .errors import InvalidError

F = TypeVar("F", bound=Callable[..., Any])


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

    Values may be numbers, bools (switches) and texts. InvalidError names the value and the legal range, or the nearest
    known name.
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
            self._build.call(self._build.lib.sab_options_set, self._handle, name.rstrip("_").encode(), _text(name,
                                                                                                             value))

    @classmethod
    def _adopt(cls, build: Library, handle: Any) -> Options:
        """Options that the library gave away."""
        options = cls.__new__(cls)
        options._build, options._handle = build, build.own(handle, build.lib.sab_options_free)
        return options

    @classmethod
    def _clone(cls, build: Library, handle: Any) -> Options:
        """A copy of the library's own."""
        out = build.ffi.new("struct sab_options **")
        build.call(build.lib.sab_options_clone, out, handle)
        return cls._adopt(build, out[0])

    def as_dict(self) -> dict[str, Any]:
        """All options by name, as numbers, bools and texts."""
        return _values(self._build, self._handle)

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


def _text(name: str, value: Any) -> bytes:
    """A value as the library reads it."""
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):  # NumPy's, which is no bool
        return b"on" if value else b"off"
    if isinstance(value, os.PathLike):
        return os.fsencode(value)
    if isinstance(value, (list, tuple)):
        value = ",".join(map(str, value))
    if not isinstance(value, (str, int, float)) and not hasattr(value, "__index__") and not hasattr(value, "__float__"):
        raise InvalidError(f"{name}: a {type(value).__name__}; a number, a bool or a text is wanted")
    return str(value).encode("utf-8", "surrogateescape")


def _values(build: Library, handle: Any) -> dict[str, Any]:
    types: dict[str, Callable[[str], Any]] = {"int": int, "real": float, "switch": lambda text: text == "on"}
    return {row.name: types.get(row.kind, str)(_get(build, handle, row.name)) for row in _rows(build)}


def documented(*groups: str) -> Callable[[F], F]:
    """Gives a function that takes options as **keywords their names and defaults as signature, and their ranges as
    documentation: those of these groups of the table, or all of them."""
    def decorate(function: F) -> F:
        rows = [(name, *row) for name, row in TABLE.items() if not groups or row[1] in groups]
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        names = {p.name for p in own}
        keywords = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
                    for name, default, *_ in rows if name not in names]
        function.__signature__ = signature.replace(parameters=[*own, *keywords])  # type: ignore[attr-defined]
        lines = [f"{name}: {says} ({legal}; {default!r})" for name, default, _, says,
                 legal in rows if name not in names]
        head = inspect.cleandoc(function.__doc__ or "") + "\n\nOptions (legal values; default):\n"
        function.__doc__ = "\n    ".join([head, *lines])
        return function
    return decorate

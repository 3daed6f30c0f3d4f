"""What the library refuses, as exceptions: one class for each status, with the library's sentence as message."""

from __future__ import annotations


class SabError(Exception):
    """Any failure that the library reports."""


class InvalidError(SabError, ValueError):
    """An argument, an option or a combination of them is not legal."""


class FileError(SabError, OSError):
    """The system refused to open, read, write or rename a file."""


class FormatError(SabError, ValueError):
    """A file is damaged or not of the kind expected."""


class OutOfMemoryError(SabError, MemoryError):
    """Memory could not be had."""


class NumericError(SabError, ArithmeticError):
    """A number is not finite or exploded; the message names the step, layer and tensor."""


class Interrupted(SabError):
    """A run was stopped on request; what was saved can be resumed."""
